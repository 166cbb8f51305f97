//! How a node logs in at another one's listener, before it sends requests by a connection: SaslHandshake 1,
//! then SaslAuthenticate 1 for each token.

use std::io::{self, ErrorKind, IoSlice};
use std::time::Duration;

use barnabas_environment::Random;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::frame::{SIZE_PREFIX, parse_frame_size};
use barnabas_protocol::messages::{
    Request, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, StrBytes,
};
use barnabas_security::sasl::{ClientCredentials, SaslClient, SaslClientError, nonce};
use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::Transport;

const HANDSHAKE_VERSION: i16 = 1;
const AUTHENTICATE_VERSION: i16 = 1;
/// The largest answer that is taken before the other node is trusted.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The other node gets so many challenges: no mechanism has more.
const CHALLENGES_MAX: usize = 8;

/// The token that follows, as long as one does.
type SaslStep = Result<Option<Vec<u8>>, SaslClientError>;

/// Who a node is to others.
#[derive(Clone, Debug)]
pub struct ClientSasl {
    /// Its name and its password.
    pub credentials: ClientCredentials,
    /// Draws nonces.
    pub random: Random,
}

impl ClientSasl {
    /// Logs in at `host`; answers how long the session is, if it ends.
    ///
    /// # Errors
    /// `PermissionDenied` where the other node refuses, or is not trusted; the transport's.
    pub async fn log_in(&self, transport: &mut Transport, host: &str) -> io::Result<Option<Duration>> {
        let mechanism = self.credentials.mechanism.name();
        let handshake = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
        let answer = exchange(transport, HANDSHAKE_VERSION, &handshake).await?;
        if answer.error_code != 0 {
            let enabled: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
            return Err(denied(format!(
                "the SASL mechanism {mechanism} is not enabled there, but {}",
                enabled.join(", ")
            )));
        }
        let nonce = nonce(&|bytes| self.random.fill(bytes));
        let mut client = self.credentials.begin(nonce, host);
        let mut answer = SaslAuthenticateResponse::default();
        for _ in 0..CHALLENGES_MAX {
            let stepped = sasl_step(client, answer.auth_bytes).await?;
            client = stepped.0;
            let Some(token) = stepped.1.map_err(|error| denied(error.to_string()))? else {
                let lifetime_ms = u64::try_from(answer.session_lifetime_ms).unwrap_or(0);
                return Ok((lifetime_ms > 0).then(|| Duration::from_millis(lifetime_ms)));
            };
            let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(token));
            answer = exchange(transport, AUTHENTICATE_VERSION, &request).await?;
            if answer.error_code != 0 {
                let why = answer.error_message.as_deref();
                return Err(denied(why.unwrap_or("authentication failed").to_owned()));
            }
        }
        Err(denied("the other node's challenges have no end".to_owned()))
    }
}

/// Has an exchange take what the other node says; by a thread of its own where that may take its time.
///
/// # Errors
/// There is no such thread.
pub async fn sasl_step(mut client: SaslClient, challenge: Bytes) -> io::Result<(SaslClient, SaslStep)> {
    let may_wait = client.may_wait();
    let step = move || {
        let token = client.step(&challenge);
        (client, token)
    };
    match may_wait {
        true => Ok(tokio::task::spawn_blocking(step).await?),
        false => Ok(step()),
    }
}

fn denied(why: String) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, why)
}

/// Sends one request and waits for its answer. No client id: headers are of version 1 in both APIs.
async fn exchange<R: Request>(
    transport: &mut Transport,
    version: i16,
    request: &R,
) -> io::Result<R::Response> {
    let malformed = || io::Error::from(ErrorKind::InvalidData);
    debug_assert!(ApiKey::from_key(R::KEY).is_some_and(|key| !key.is_flexible(version)));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    frame.put_i16(R::KEY);
    frame.put_i16(version);
    frame.put_i32(0);
    frame.put_i16(-1);
    request.encode(&mut frame, version).map_err(io::Error::other)?;
    let size = i32::try_from(frame.len() - SIZE_PREFIX).map_err(|_| malformed())?;
    frame[..SIZE_PREFIX].copy_from_slice(&size.to_be_bytes());
    while !frame.is_empty() {
        match transport.send_vectored(&[IoSlice::new(&frame)], false) {
            Ok(sent) => frame.advance(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => transport.writable().await?,
            Err(error) => return Err(error),
        }
    }
    let mut input = BytesMut::with_capacity(1024);
    loop {
        if let Some(size) = parse_frame_size(&input, ANSWER_BYTES_MAX).map_err(|_| malformed())?
            && input.len() >= SIZE_PREFIX + size
        {
            // The correlation id is the header.
            if size < 4 || input.len() > SIZE_PREFIX + size {
                return Err(malformed());
            }
            input.advance(SIZE_PREFIX + 4);
            return codec::decode_response::<R>(version, input.freeze()).map_err(|_| malformed());
        }
        input.reserve(1024);
        match transport.receive_behind(&mut input) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => transport.readable().await?,
            Err(error) => return Err(error),
        }
    }
}
