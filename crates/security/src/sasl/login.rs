//! What a connection to a SASL listener has to go through before it may do anything else, and again when its
//! session ends (KIP-368).
//!
//! ```text
//! ─→ ApiVersions, once ─→ SaslHandshake ─→ tokens ─→ authenticated ─→ SaslHandshake ─→ tokens ─→ …
//! ```
//! Who reads and writes the requests asks [`Login::awaits`] first. Nothing may follow a refusal.

use std::sync::Arc;

use super::listener::ListenerSasl;
use super::mechanism::SaslMechanism;
use super::server::{Identity, Refusal, SaslServer, Step, Surroundings};

/// What a login takes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// ApiVersions or SaslHandshake.
    VersionsOrHandshake,
    /// SaslHandshake.
    Handshake,
    /// SaslAuthenticate.
    Authenticate,
    /// A token that is a frame by itself: the handshake was of version 0.
    RawToken,
    /// Nothing: the client is authenticated, or refused.
    Nothing,
}

/// What is answered to SaslHandshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeAnswer {
    /// Tokens may follow.
    Accepted,
    /// UNSUPPORTED_SASL_MECHANISM, and the connection is closed.
    Unsupported,
}

/// What a token leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A token for the client; it has to answer.
    Challenge(Vec<u8>),
    /// The client is authenticated; it gets a last token, which may be empty, or none where the mechanism has
    /// none.
    Done(Option<Vec<u8>>, Session),
    /// SASL_AUTHENTICATION_FAILED with this message, or nothing where tokens are raw; the connection is
    /// closed.
    Refused(String),
    /// The connection is closed without an answer; why is for the log.
    Closed(&'static str),
}

/// Who a client is, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub identity: Identity,
    /// By which mechanism.
    pub mechanism: SaslMechanism,
    /// How long until it has to authenticate anew, in milliseconds; `None` if it never has to.
    pub lifetime_ms: Option<i64>,
}

/// See the module.
#[derive(Debug)]
pub struct Login {
    sasl: Arc<ListenerSasl>,
    state: State,
    /// Who the client was before it authenticates anew.
    before: Option<Session>,
}

#[derive(Debug)]
enum State {
    VersionsOrHandshake,
    Handshake,
    Tokens {
        server: Box<SaslServer>,
        mechanism: SaslMechanism,
        are_raw: bool,
    },
    /// It authenticates anew by another mechanism than before; the token is what ends it.
    OtherMechanism {
        are_raw: bool,
    },
    Over,
}

impl Login {
    /// A connection's first.
    pub fn new(sasl: Arc<ListenerSasl>) -> Self {
        Login {
            sasl,
            state: State::VersionsOrHandshake,
            before: None,
        }
    }

    /// One that renews a session. It begins with a handshake.
    pub fn renewing(sasl: Arc<ListenerSasl>, before: Session) -> Self {
        Login {
            sasl,
            state: State::Handshake,
            before: Some(before),
        }
    }

    /// What it takes next.
    pub fn awaits(&self) -> Awaited {
        match &self.state {
            State::VersionsOrHandshake => Awaited::VersionsOrHandshake,
            State::Handshake => Awaited::Handshake,
            State::Tokens { are_raw: true, .. } | State::OtherMechanism { are_raw: true } => {
                Awaited::RawToken
            }
            State::Tokens { .. } | State::OtherMechanism { .. } => Awaited::Authenticate,
            State::Over => Awaited::Nothing,
        }
    }

    /// The client has been told the versions, which it may ask for once.
    pub fn versions_told(&mut self) {
        self.state = State::Handshake;
    }

    /// The client chooses a mechanism.
    pub fn handshake(&mut self, version: i16, mechanism: &str) -> HandshakeAnswer {
        let Some((mechanism, server)) = self.sasl.begin(mechanism) else {
            self.state = State::Over;
            return HandshakeAnswer::Unsupported;
        };
        let are_raw = version == 0;
        let is_other = self
            .before
            .as_ref()
            .is_some_and(|before| before.mechanism != mechanism);
        self.state = if is_other {
            State::OtherMechanism { are_raw }
        } else {
            State::Tokens {
                server: Box::new(server),
                mechanism,
                are_raw,
            }
        };
        HandshakeAnswer::Accepted
    }

    /// The client sends a token.
    pub fn token(&mut self, token: &[u8], surroundings: &Surroundings<'_>) -> Progress {
        let State::Tokens {
            server, mechanism, ..
        } = &mut self.state
        else {
            self.state = State::Over;
            return Progress::Closed("it authenticates anew by another mechanism than before");
        };
        let mechanism = *mechanism;
        let progress = match server.step(token, surroundings) {
            Ok(Step::Challenge(answer)) => return Progress::Challenge(answer),
            Ok(Step::Done(answer, identity)) => match self.check_unchanged(&identity) {
                Ok(()) => {
                    let lifetime_ms = self.lifetime_ms(mechanism, &identity, surroundings.now_ms);
                    let session = Session {
                        identity,
                        mechanism,
                        lifetime_ms,
                    };
                    Progress::Done(answer, session)
                }
                Err(message) => Progress::Refused(message),
            },
            Err(Refusal::Says(message)) => Progress::Refused(message),
            Err(Refusal::Credentials) => {
                let when = if self.before.is_some() {
                    "re-authentication"
                } else {
                    "authentication"
                };
                Progress::Refused(format!(
                    "Authentication failed during {when} due to invalid credentials with SASL mechanism {mechanism}"
                ))
            }
            Err(Refusal::Broken(why)) => Progress::Closed(why),
        };
        self.state = State::Over;
        progress
    }

    fn check_unchanged(&self, now: &Identity) -> Result<(), String> {
        let Some(before) = &self.before else { return Ok(()) };
        let (before, now) = (&before.identity.principal, &now.principal);
        if before == now {
            return Ok(());
        }
        Err(format!(
            "Cannot change principals during re-authentication from {}.{}: {}.{}",
            before.principal_type, before.name, now.principal_type, now.name
        ))
    }

    /// Until the credential expires, or until the mechanism's sessions end, whichever is first.
    fn lifetime_ms(&self, mechanism: SaslMechanism, identity: &Identity, now_ms: i64) -> Option<i64> {
        let of_credential = identity.expires_at_ms.map(|at| at.saturating_sub(now_ms).max(0));
        let of_sessions = self.sasl.max_reauth_ms(mechanism);
        of_credential.into_iter().chain(of_sessions).min()
    }
}

#[cfg(test)]
mod tests;
