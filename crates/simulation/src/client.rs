//! A client that sends and receives frames, as any program with a Kafka client does.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use barnabas_network::{Network, Transport};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{Decodable, Request};
use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::timeout;

use crate::World;

/// A client gives up a request after this time: Kafka's `request.timeout.ms`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// See the module. It connects when it has something to ask, and again after a failure.
pub struct Client {
    network: Network,
    to: SocketAddr,
    transport: Option<Transport>,
    next_correlation_id: i32,
    patience: Duration,
}

impl Client {
    /// A client at `from` of the node that listens at `to`.
    pub fn new(world: &World, from: IpAddr, to: SocketAddr) -> Client {
        Client {
            network: Network::Simulated(world.network.host(from)),
            to,
            transport: None,
            next_correlation_id: 1,
            patience: REQUEST_TIMEOUT,
        }
    }

    /// Gives requests up after this time.
    pub fn patience(self, patience: Duration) -> Client {
        Client { patience, ..self }
    }

    /// Asks for something, and waits for the answer.
    ///
    /// # Errors
    /// The connection is lost or can't be made, or there is no answer in time. Whether the request has had
    /// its effect is not known then.
    ///
    /// # Panics
    /// What comes is not the answer.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        let answered = timeout(self.patience, self.exchange(version, request)).await;
        let answered = answered.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        if answered.is_err()
            && let Some(Transport::Simulated(stream)) = self.transport.take()
        {
            // A request that was given up must not come later than those that follow it.
            stream.reset();
        }
        answered
    }

    async fn exchange<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        if self.transport.is_none() {
            self.transport = Some(self.network.connect(self.to).await?);
        }
        let transport = self.transport.as_mut().expect("invariant: it is connected");
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        send(transport, &frame(version, correlation_id, request)).await?;
        let size = receive(transport, 4).await?;
        let size = i32::from_be_bytes(size[..].try_into().expect("four bytes"));
        let mut answer = receive(transport, usize::try_from(size).expect("a size")).await?;
        let answered = i32::from_be_bytes(answer.split_to(4)[..].try_into().expect("four bytes"));
        assert_eq!(answered, correlation_id, "answers come in the order of requests");
        let api = ApiKey::from_key(R::KEY).expect("the request has a key");
        if api.response_header_version(version) >= 1 {
            assert_eq!(answer.split_to(1)[0], 0, "no tagged fields in the header");
        }
        let response = R::Response::decode(&mut answer, version).expect("the answer is well-formed");
        assert!(answer.is_empty(), "{} bytes behind the answer", answer.len());
        Ok(response)
    }
}

fn frame<R: Request>(version: i16, correlation_id: i32, request: &R) -> BytesMut {
    let api = ApiKey::from_key(R::KEY).expect("the request has a key");
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    frame.put_i16(R::KEY);
    frame.put_i16(version);
    frame.put_i32(correlation_id);
    frame.put_i16(4);
    frame.put_slice(b"test");
    if api.request_header_version(version) >= 2 {
        frame.put_u8(0);
    }
    request
        .encode(&mut frame, version)
        .expect("the request fits its version");
    let size = i32::try_from(frame.len() - 4).expect("a frame is small");
    frame[..4].copy_from_slice(&size.to_be_bytes());
    frame
}

async fn send(transport: &mut Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        transport.writable().await?;
        match transport.send_vectored(&[IoSlice::new(bytes)], false) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn receive(transport: &mut Transport, len: usize) -> io::Result<Bytes> {
    let mut received = vec![0; len];
    let mut filled = 0;
    while filled < len {
        transport.readable().await?;
        match transport.receive(&mut received[filled..]) {
            Ok((0, _)) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok((read, _)) => filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(received.into())
}
