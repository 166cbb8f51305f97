//! What stands between a connection to a SASL listener and its [`Service`]: until the client has
//! authenticated nothing but ApiVersions, SaslHandshake and SaslAuthenticate gets anywhere, and when its
//! session has ended only a handshake that renews it (KIP-368).
//!
//! What is allowed when is the [`Login`]'s to say; here are the bytes, the clock and the delay of refusals
//! (KIP-306). A connection to a listener without SASL has none of this.

mod illegal_state;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::header::RequestHeader;
use barnabas_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse, StrBytes,
};
use barnabas_security::sasl::{Awaited, HandshakeAnswer, Login, Progress, Session, Surroundings};
use bytes::{BufMut, Bytes};

use crate::response::{Outcome, PendingReply, Reply, frame_buffer};
use crate::rpc::{RequestContext, decode, encode};
use crate::{ConnectionContext, SaslAuthentication, Service};

/// A client may authenticate anew at most so often (Kafka's `MIN_REAUTH_INTERVAL_ONE_SECOND`).
const RENEWAL_INTERVAL_MS: i64 = 1000;
/// Where the error code is in an answer to ApiVersions: behind size and correlation id.
const VERSIONS_ERROR_AT: usize = 8;

/// How a connection goes on.
pub enum Started {
    /// As with any request.
    Going(Outcome),
    /// This is the last answer; the connection is closed so long after it.
    Last(Outcome, Duration),
}

/// A connection's authentication.
pub struct Authentication {
    shared: Arc<SaslAuthentication>,
    phase: Phase,
    /// When the client began to authenticate anew last, by the monotonic clock.
    renewed_at_ms: Option<i64>,
}

enum Phase {
    LoggingIn(Login),
    Authenticated {
        session: Session,
        /// By the monotonic clock.
        expires_at_ms: Option<i64>,
    },
}

impl Authentication {
    /// Of a connection that has just been made.
    pub fn new(shared: Arc<SaslAuthentication>) -> Self {
        let login = Login::new(shared.sasl.clone());
        Authentication {
            shared,
            phase: Phase::LoggingIn(login),
            renewed_at_ms: None,
        }
    }

    /// The largest frame that may come, where `authenticated` is that of clients that are known.
    pub fn frame_bytes_max(&self, authenticated: usize) -> usize {
        match self.phase {
            Phase::LoggingIn(_) => self.shared.receive_bytes_max,
            Phase::Authenticated { .. } => authenticated,
        }
    }

    /// Starts the request, or takes the token, in `frame`.
    pub fn start(
        &mut self,
        service: &dyn Service,
        connection: &Rc<ConnectionContext>,
        frame: &mut [u8],
    ) -> Started {
        match &self.phase {
            Phase::Authenticated { .. } => {
                if self.renews(frame) {
                    return self.log_in(service, connection, frame);
                }
                if self.has_expired() {
                    return refuse(connection, "its session has expired");
                }
                Started::Going(service.start(connection, frame))
            }
            Phase::LoggingIn(_) => self.log_in(service, connection, frame),
        }
    }

    /// Whether `frame` is a handshake that begins a renewal of the session; the login has begun then. One
    /// that may not is answered as any request of an authenticated client.
    fn renews(&mut self, frame: &[u8]) -> bool {
        let Phase::Authenticated {
            session,
            expires_at_ms,
        } = &self.phase
        else {
            return false;
        };
        let key = frame.first_chunk().map(|key| i16::from_be_bytes(*key));
        if key != Some(ApiKey::SaslHandshake.key()) || expires_at_ms.is_none() {
            return false;
        }
        let now_ms = self.shared.clock.monotonic_ms();
        if self
            .renewed_at_ms
            .is_some_and(|at| now_ms - at < RENEWAL_INTERVAL_MS)
        {
            return false;
        }
        let login = Login::renewing(self.shared.sasl.clone(), session.clone());
        self.renewed_at_ms = Some(now_ms);
        self.phase = Phase::LoggingIn(login);
        true
    }

    fn has_expired(&self) -> bool {
        match &self.phase {
            Phase::Authenticated {
                expires_at_ms: Some(at),
                ..
            } => self.shared.clock.monotonic_ms() > *at,
            _ => false,
        }
    }

    fn log_in(
        &mut self,
        service: &dyn Service,
        connection: &Rc<ConnectionContext>,
        frame: &mut [u8],
    ) -> Started {
        let Phase::LoggingIn(login) = &mut self.phase else {
            return refuse(connection, "it is authenticated already");
        };
        let awaited = login.awaits();
        if awaited == Awaited::RawToken {
            return self.take_raw(connection, frame);
        }
        let Ok(header) = RequestHeader::decode(frame) else {
            return refuse(connection, "no request of the Kafka protocol");
        };
        let context = RequestContext {
            connection: connection.clone(),
            principal: connection.principal(),
            api_key: header.api_key,
            api_version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: connection.client_id(header.client_id),
        };
        let body_start = header.size;
        match (awaited, context.api_key) {
            (Awaited::VersionsOrHandshake, ApiKey::ApiVersions) => {
                let outcome = service.start(connection, frame);
                if tells_versions(&outcome) {
                    login.versions_told();
                }
                Started::Going(outcome)
            }
            (Awaited::VersionsOrHandshake | Awaited::Handshake, ApiKey::SaslHandshake) => {
                self.shake_hands(&context, &frame[body_start..])
            }
            (Awaited::Authenticate, ApiKey::SaslAuthenticate) => {
                self.take_token(&context, &frame[body_start..])
            }
            (Awaited::Authenticate, _) => {
                let why = format!("{} during SASL authentication", context.api_key.name());
                log(connection, &why);
                let delay = self.shared.failure_delay;
                match illegal_state::answer(&context, &frame[body_start..]) {
                    Reply::Close => closed(delay),
                    answer => Started::Last(delayed(delay, answer), Duration::ZERO),
                }
            }
            (_, key) => refuse(connection, &format!("{} before authentication", key.name())),
        }
    }

    fn shake_hands(&mut self, context: &RequestContext, body: &[u8]) -> Started {
        let request = match context.api_key.supports(context.api_version) {
            true => decode::<SaslHandshakeRequest>(context, body),
            false => None,
        };
        let (Some(request), Phase::LoggingIn(login)) = (request, &mut self.phase) else {
            return refuse(&context.connection, "a SaslHandshake that can't be read");
        };
        let answer = login.handshake(context.api_version, &request.mechanism);
        let names = self.shared.sasl.mechanisms().iter();
        let response = SaslHandshakeResponse::default()
            .with_mechanisms(names.map(|name| StrBytes::from_static_str(name)).collect());
        match answer {
            HandshakeAnswer::Accepted => Started::Going(Outcome::Ready(encode(context, &response))),
            HandshakeAnswer::Unsupported => {
                log(
                    &context.connection,
                    "it asks for a SASL mechanism that is not enabled",
                );
                let response = response.with_error_code(ErrorCode::UnsupportedSaslMechanism.code());
                Started::Last(
                    Outcome::Ready(encode(context, &response)),
                    self.shared.failure_delay,
                )
            }
        }
    }

    fn take_token(&mut self, context: &RequestContext, body: &[u8]) -> Started {
        let request = match context.api_key.supports(context.api_version) {
            true => decode::<SaslAuthenticateRequest>(context, body),
            false => None,
        };
        let Some(request) = request else {
            return refuse(&context.connection, "a SaslAuthenticate that can't be read");
        };
        let delay = self.shared.failure_delay;
        let (token, lifetime_ms) = match self.advance(&context.connection, &request.auth_bytes) {
            Progress::Challenge(token) => (token, 0),
            Progress::Done(token, session) => (token.unwrap_or_default(), session.lifetime_ms.unwrap_or(0)),
            Progress::Refused(message) => {
                let response = SaslAuthenticateResponse::default()
                    .with_error_code(ErrorCode::SaslAuthenticationFailed.code())
                    .with_error_message(Some(StrBytes::from_string(message)));
                return Started::Last(delayed(delay, encode(context, &response)), Duration::ZERO);
            }
            Progress::Closed(_) => return closed(delay),
        };
        let mut response = SaslAuthenticateResponse::default().with_auth_bytes(Bytes::from(token));
        if context.api_version > 0 {
            response = response.with_session_lifetime_ms(lifetime_ms);
        }
        Started::Going(Outcome::Ready(encode(context, &response)))
    }

    /// A token that is a frame by itself, as the answer is.
    fn take_raw(&mut self, connection: &Rc<ConnectionContext>, token: &[u8]) -> Started {
        match self.advance(connection, token) {
            Progress::Done(None, _) => Started::Going(Outcome::Ready(Reply::Nothing)),
            Progress::Challenge(token) | Progress::Done(Some(token), _) => {
                let mut buffer = frame_buffer(token.len());
                buffer.put_slice(&token);
                Started::Going(Outcome::Ready(Reply::frame(buffer)))
            }
            Progress::Refused(_) | Progress::Closed(_) => closed(self.shared.failure_delay),
        }
    }

    /// Gives a token to the login, and takes over what comes of it.
    fn advance(&mut self, connection: &ConnectionContext, token: &[u8]) -> Progress {
        let Phase::LoggingIn(login) = &mut self.phase else {
            return Progress::Closed("it is authenticated already");
        };
        let shared = &self.shared;
        let nonce = || shared.nonce();
        let surroundings = Surroundings {
            now_ms: shared.clock.wall_ms(),
            nonce: &nonce,
            credentials: &*shared.credentials,
        };
        let progress = login.token(token, &surroundings);
        match &progress {
            Progress::Challenge(_) => {}
            Progress::Done(_, session) => {
                let principal = session.identity.principal.clone();
                match session.identity.is_token {
                    true => connection.authenticated_by_token(principal),
                    false => connection.authenticated(principal),
                }
                let now_ms = shared.clock.monotonic_ms();
                self.phase = Phase::Authenticated {
                    expires_at_ms: session
                        .lifetime_ms
                        .map(|lifetime| now_ms.saturating_add(lifetime)),
                    session: session.clone(),
                };
            }
            Progress::Refused(why) => log(connection, why),
            Progress::Closed(why) => log(connection, why),
        }
        progress
    }
}

/// Whether an answer to ApiVersions is one without an error; after one with an error the client may try
/// again.
fn tells_versions(outcome: &Outcome) -> bool {
    let Outcome::Ready(Reply::Frame { head, .. }) = outcome else {
        return false;
    };
    head.get(VERSIONS_ERROR_AT..VERSIONS_ERROR_AT + 2) == Some(&[0, 0])
}

fn log(connection: &ConnectionContext, why: &str) {
    let (client, listener) = (connection.client_host, &connection.listener.name);
    tracing::info!(%client, %listener, "authentication failed: {why}");
}

/// Closes the connection at once.
fn refuse(connection: &ConnectionContext, why: &str) -> Started {
    log(connection, why);
    Started::Going(Outcome::Ready(Reply::Close))
}

/// Closes the connection as late as an answer would have come.
fn closed(delay: Duration) -> Started {
    Started::Last(delayed(delay, Reply::Close), Duration::ZERO)
}

/// Keeps who guesses passwords from doing it fast.
fn delayed(delay: Duration, reply: Reply) -> Outcome {
    if delay.is_zero() {
        return Outcome::Ready(reply);
    }
    Outcome::Exclusive(Box::pin(async move {
        tokio::time::sleep(delay).await;
        reply
    }))
}

/// The close that follows a last answer.
pub fn close_after(delay: Duration) -> PendingReply {
    Box::pin(async move {
        tokio::time::sleep(delay).await;
        Reply::Close
    })
}

#[cfg(test)]
mod tests;
