//! Outgoing connections: how a node asks another one.
//!
//! ```text
//! call ─→ queue ─→ one task: connects, writes frames, reads answers in their order ─→ the caller
//! ```
//! The task connects when it is first asked, keeps the connection as long as it is any good, and connects
//! anew when it is asked again; who has to be seen at the other end is told when one has ended. Requests are
//! pipelined; whoever waits longer than they said takes the connection down, for an answer that is late would
//! be taken for the next one's.
//!
//! Used by brokers among each other, towards controllers, by controllers among each other, and by tests.

mod connection;
mod connector;
pub mod https;
mod login;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::messages::Request;
use bytes::{BufMut, Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};

use self::connection::{Call, ClientConnection};
pub use self::connector::Connector;
pub use self::login::{ClientSasl, sasl_step};

/// Requests that may wait for being written; further callers wait for a place.
const QUEUE_MAX: usize = 128;

/// Why a request was not answered. Whether it has had its effect is known only where it was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no connection and none can be made: nothing was sent.
    #[error("{0} can't be reached: {1}")]
    Unreachable(String, io::ErrorKind),
    /// The connection was lost before the answer came.
    #[error("the connection to {0} was lost")]
    Disconnected(String),
    /// No answer came in time.
    #[error("{0} has not answered in time")]
    TimedOut(String),
    /// What came is not the answer.
    #[error("the answer of {0} can't be read")]
    Malformed(String),
    /// The request can't be written in this version.
    #[error("the request can't be written: {0}")]
    Unencodable(String),
}

/// The way to one node. Clones share the connection; may be used from any thread.
#[derive(Clone)]
pub struct NodeClient {
    address: Arc<str>,
    client_id: Arc<str>,
    calls: mpsc::Sender<Call>,
}

/// A request as bytes, for APIs that are not Kafka's too.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The key.
    pub api_key: i16,
    /// The version.
    pub api_version: i16,
    /// Whether header and answer's header have tagged fields.
    pub has_tagged_fields: (bool, bool),
    /// What follows the header.
    pub body: Bytes,
}

impl NodeClient {
    /// The way to `address` (`host:port`), for who calls itself `client_id`. The connection lives on
    /// `runtime`, and ends with the last clone.
    pub fn new(connector: impl Into<Connector>, address: &str, client_id: &str, runtime: &Handle) -> Self {
        NodeClient::watched(connector, address, client_id, runtime, Arc::default())
    }

    /// The same for one that has to stay connected: `lost` is told when a connection has ended, also while
    /// nobody waited for an answer, so that somebody asks again.
    pub fn watched(
        connector: impl Into<Connector>,
        address: &str,
        client_id: &str,
        runtime: &Handle,
        lost: Arc<Notify>,
    ) -> Self {
        let (calls, inbox) = mpsc::channel(QUEUE_MAX);
        let address: Arc<str> = Arc::from(address);
        runtime.spawn(ClientConnection::new(connector.into(), address.clone(), lost).run(inbox));
        NodeClient {
            address,
            client_id: Arc::from(client_id),
            calls,
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks in one of Kafka's APIs and waits for the answer, `patience` at most.
    ///
    /// # Errors
    /// There is no answer, or none that can be read.
    pub async fn call<R: Request>(
        &self,
        version: i16,
        request: &R,
        patience: Duration,
    ) -> Result<R::Response, CallError> {
        let api = ApiKey::from_key(R::KEY)
            .ok_or_else(|| CallError::Unencodable(format!("there is no key {}", R::KEY)))?;
        let mut body = BytesMut::new();
        request
            .encode(&mut body, version)
            .map_err(|error| CallError::Unencodable(error.to_string()))?;
        let raw = RawRequest {
            api_key: R::KEY,
            api_version: version,
            has_tagged_fields: (
                api.request_header_version(version) >= 2,
                api.response_header_version(version) >= 1,
            ),
            body: body.freeze(),
        };
        let answer = self.exchange(raw, patience).await?;
        codec::decode_response::<R>(version, answer)
            .map_err(|_| CallError::Malformed(self.address.to_string()))
    }

    /// Sends a request and waits for the answer without its header, `patience` at most.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn exchange(&self, request: RawRequest, patience: Duration) -> Result<Bytes, CallError> {
        let (reply_to, reply) = oneshot::channel();
        let (head, tagged_answer) = self.head(&request)?;
        let call = Call {
            head,
            body: request.body,
            tagged_answer,
            deadline: tokio::time::Instant::now() + patience,
            reply_to,
        };
        let lost = || CallError::Disconnected(self.address.to_string());
        let answered = async {
            self.calls.send(call).await.map_err(|_| lost())?;
            reply.await.map_err(|_| lost())?
        };
        // The connection keeps the deadline too; this one also holds while there is no place in the queue.
        match tokio::time::timeout(patience, answered).await {
            Ok(answered) => answered,
            Err(_) => Err(CallError::TimedOut(self.address.to_string())),
        }
    }

    /// Size prefix and header; the correlation id is filled in when it is sent.
    fn head(&self, request: &RawRequest) -> Result<(BytesMut, bool), CallError> {
        let (tagged, tagged_answer) = request.has_tagged_fields;
        let id_len = i16::try_from(self.client_id.len())
            .map_err(|_| CallError::Unencodable("the client id is too long".into()))?;
        let header_len = 2 + 2 + 4 + 2 + self.client_id.len() + usize::from(tagged);
        let size = i32::try_from(header_len + request.body.len())
            .map_err(|_| CallError::Unencodable("the request is too large".into()))?;
        let mut head = BytesMut::with_capacity(4 + header_len);
        head.put_i32(size);
        head.put_i16(request.api_key);
        head.put_i16(request.api_version);
        head.put_i32(0);
        head.put_i16(id_len);
        head.put_slice(self.client_id.as_bytes());
        if tagged {
            head.put_u8(0);
        }
        Ok((head, tagged_answer))
    }
}

impl fmt::Debug for NodeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeClient({})", self.address)
    }
}
