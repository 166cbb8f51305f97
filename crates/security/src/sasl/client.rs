//! A client's side of an exchange: how a node logs in to another one.

use std::fmt;
use std::sync::Arc;

use super::gssapi::{self, GssapiClient, GssapiClientError, Kerberos, KerberosInitiator, KerberosLogin};
use super::jaas::JaasEntry;
use super::mechanism::SaslMechanism;
use super::plain;
use super::scram::{ScramClient, ScramClientError};

/// Who a node is to others. What it is printed as tells no password.
#[derive(Clone)]
pub struct ClientCredentials {
    /// By which mechanism it logs in.
    pub mechanism: SaslMechanism,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    Password {
        user: String,
        password: String,
        /// They are a delegation token's id and proof.
        is_token: bool,
    },
    Kerberos {
        who: Arc<dyn KerberosInitiator>,
        /// The name of the service that others are.
        service: String,
    },
}

impl ClientCredentials {
    /// A user of this password.
    pub fn new(mechanism: SaslMechanism, user: impl Into<String>, password: impl Into<String>) -> Self {
        ClientCredentials {
            mechanism,
            secret: Secret::Password {
                user: user.into(),
                password: password.into(),
                is_token: false,
            },
        }
    }

    /// Whoever an entry of Kerberos' login module says; `service_name` is the value of the setting.
    ///
    /// # Errors
    /// There is no such entry, it says too little, or there is no Kerberos.
    pub fn by_kerberos(
        kerberos: &dyn Kerberos,
        entries: &[JaasEntry],
        service_name: Option<String>,
    ) -> Result<Self, String> {
        let entry = gssapi::entry(entries)?;
        let service = gssapi::service_name(entry, service_name)?;
        let who = kerberos.initiator(&KerberosLogin::of_client(entry)?);
        Ok(ClientCredentials {
            mechanism: SaslMechanism::Gssapi,
            secret: Secret::Kerberos {
                who: who.map_err(|error| error.to_string())?,
                service,
            },
        })
    }

    /// The same, as the id and the proof of a delegation token.
    #[must_use]
    pub fn of_token(mut self) -> Self {
        if let Secret::Password { is_token, .. } = &mut self.secret {
            *is_token = true;
        }
        self
    }

    /// Those of the mechanism's login module, if it says `username` and `password`.
    pub(super) fn of(mechanism: SaslMechanism, entries: &[JaasEntry]) -> Option<Self> {
        let module = match mechanism {
            SaslMechanism::Plain => JaasEntry::PLAIN,
            SaslMechanism::Scram(_) => JaasEntry::SCRAM,
            SaslMechanism::OAuthBearer | SaslMechanism::Gssapi => return None,
        };
        let mut entries = entries.iter().filter(|entry| entry.login_module == module);
        entries.find_map(|entry| {
            let (user, password) = (entry.option("username")?, entry.option("password")?);
            Some(ClientCredentials::new(mechanism, user, password))
        })
    }

    /// Begins an exchange with a node on `host`; `nonce` is random and printable, without a comma.
    pub fn begin(&self, nonce: String, host: &str) -> SaslClient {
        SaslClient(match (self.mechanism, &self.secret) {
            (SaslMechanism::Plain, Secret::Password { user, password, .. }) => {
                State::Plain(plain::message(user, password))
            }
            (
                SaslMechanism::Scram(hash),
                Secret::Password {
                    user,
                    password,
                    is_token,
                },
            ) => State::ScramFirst(ScramClient::new(hash, user, password, *is_token, nonce)),
            (_, Secret::Kerberos { who, service }) => {
                State::Gssapi(GssapiClient::new(who.begin(service, host)))
            }
            // Nodes have no tokens.
            (SaslMechanism::OAuthBearer | SaslMechanism::Gssapi, Secret::Password { .. }) => State::Over,
        })
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.secret {
            Secret::Password { user, .. } => write!(f, "ClientCredentials({user} by {})", self.mechanism),
            Secret::Kerberos { who, .. } => write!(f, "ClientCredentials({who:?})"),
        }
    }
}

/// Why an exchange can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslClientError {
    /// The server is not trusted or understood.
    #[error(transparent)]
    Scram(#[from] ScramClientError),
    /// The server is not trusted, or this client is not.
    #[error(transparent)]
    Gssapi(#[from] GssapiClientError),
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
    Gssapi(GssapiClient),
    Over,
}

impl SaslClient {
    /// Whether a step may ask others, and take its time.
    pub fn may_wait(&self) -> bool {
        matches!(self.0, State::Gssapi(_))
    }

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
            State::Gssapi(mut client) => {
                let token = client.step(challenge)?;
                if token.is_some() {
                    self.0 = State::Gssapi(client);
                }
                Ok(token)
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
