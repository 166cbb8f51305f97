//! A client's side of an exchange: how a node logs in to another one.

use std::fmt;

use super::jaas::JaasEntry;
use super::mechanism::SaslMechanism;
use super::plain;
use super::scram::{ScramClient, ScramClientError};

/// Who a node is to others. What it is printed as tells no password.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// By which mechanism it logs in.
    pub mechanism: SaslMechanism,
    user: String,
    password: String,
    /// They are a delegation token's id and proof.
    is_token: bool,
}

impl ClientCredentials {
    /// A user of this password.
    pub fn new(mechanism: SaslMechanism, user: impl Into<String>, password: impl Into<String>) -> Self {
        ClientCredentials {
            mechanism,
            user: user.into(),
            password: password.into(),
            is_token: false,
        }
    }

    /// The same, as the id and the proof of a delegation token.
    #[must_use]
    pub fn of_token(self) -> Self {
        ClientCredentials {
            is_token: true,
            ..self
        }
    }

    /// Those of the mechanism's login module, if it says `username` and `password`.
    pub(super) fn of(mechanism: SaslMechanism, entries: &[JaasEntry]) -> Option<Self> {
        let module = match mechanism {
            SaslMechanism::Plain => JaasEntry::PLAIN,
            SaslMechanism::Scram(_) => JaasEntry::SCRAM,
            SaslMechanism::OAuthBearer => return None,
        };
        let mut entries = entries.iter().filter(|entry| entry.login_module == module);
        entries.find_map(|entry| {
            let (user, password) = (entry.option("username")?, entry.option("password")?);
            Some(ClientCredentials::new(mechanism, user, password))
        })
    }

    /// Begins an exchange; `nonce` is random and printable, without a comma.
    pub fn begin(&self, nonce: String) -> SaslClient {
        SaslClient(match self.mechanism {
            SaslMechanism::Plain => State::Plain(plain::message(&self.user, &self.password)),
            SaslMechanism::Scram(hash) => State::ScramFirst(ScramClient::new(
                hash,
                &self.user,
                &self.password,
                self.is_token,
                nonce,
            )),
            // Nodes have no tokens.
            SaslMechanism::OAuthBearer => State::Over,
        })
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCredentials({} by {})", self.user, self.mechanism)
    }
}

/// Why an exchange can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslClientError {
    /// The server is not trusted or understood.
    #[error(transparent)]
    Scram(#[from] ScramClientError),
    /// The server says something when all has been said.
    #[error("the server goes on after the end of the exchange")]
    Over,
}

/// An exchange.
pub struct SaslClient(State);

enum State {
    Plain(Vec<u8>),
    PlainSent,
    ScramFirst(ScramClient),
    ScramProof(ScramClient),
    ScramVerify(ScramClient),
    Over,
}

impl SaslClient {
    /// The token that follows what the server said, nothing at first; `None` when the exchange is over and
    /// the server is trusted.
    ///
    /// # Errors
    /// The server is not trusted or understood.
    pub fn step(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, SaslClientError> {
        match std::mem::replace(&mut self.0, State::Over) {
            State::Plain(token) => {
                self.0 = State::PlainSent;
                Ok(Some(token))
            }
            State::PlainSent => Ok(None),
            State::ScramFirst(client) => {
                let token = client.first();
                self.0 = State::ScramProof(client);
                Ok(Some(token))
            }
            State::ScramProof(mut client) => {
                let token = client.prove(challenge)?;
                self.0 = State::ScramVerify(client);
                Ok(Some(token))
            }
            State::ScramVerify(client) => {
                client.verify(challenge)?;
                Ok(None)
            }
            State::Over => Err(SaslClientError::Over),
        }
    }
}

impl fmt::Debug for SaslClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaslClient")
    }
}
