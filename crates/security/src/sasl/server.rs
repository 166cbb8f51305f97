//! One exchange of tokens, from the server's side, in whichever mechanism the client chose.

use std::sync::Arc;

use super::gssapi::{GssapiServer, GssapiService, Taken as GssapiTaken};
use super::oauthbearer::{OAuthBearerServer, Taken, Validator};
use super::plain::PlainUsers;
use super::scram::{ClientFirst, ScramCredential, ScramHash, ScramServer};
use crate::KafkaPrincipal;

/// Why a client is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// For a reason that the client is told.
    Says(String),
    /// For one that it is not told, as it could say something of a secret.
    Credentials,
    /// The connection is closed without an answer; why is for the log.
    Broken(&'static str),
}

impl Refusal {
    /// A reason that the client is told.
    pub fn says(reason: impl Into<String>) -> Self {
        Refusal::Says(reason.into())
    }
}

/// What is known of a delegation token (KIP-48).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCredential {
    /// Who logs in with it.
    pub owner: KafkaPrincipal,
    /// What proves it.
    pub credential: ScramCredential,
    /// When it expires, in milliseconds since the epoch.
    pub expires_at_ms: i64,
}

/// Where SCRAM credentials are looked up.
pub trait CredentialSource {
    /// That of a user.
    fn user(&self, hash: ScramHash, name: &str) -> Option<ScramCredential>;

    /// That of a delegation token that has not expired.
    fn token(&self, hash: ScramHash, id: &str) -> Option<TokenCredential>;
}

/// What an exchange takes from outside.
pub struct Surroundings<'a> {
    /// The time, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Draws a nonce: random and printable, without a comma.
    pub nonce: &'a dyn Fn() -> String,
    /// Where credentials are looked up.
    pub credentials: &'a dyn CredentialSource,
}

/// Who a client has proven to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The principal.
    pub principal: KafkaPrincipal,
    /// Whether it came with a delegation token, which may not ask for others.
    pub is_token: bool,
    /// When what it proved itself with expires, in milliseconds since the epoch.
    pub expires_at_ms: Option<i64>,
}

impl Identity {
    fn user(name: impl Into<String>) -> Self {
        Identity {
            principal: KafkaPrincipal::user(name),
            is_token: false,
            expires_at_ms: None,
        }
    }
}

/// What a client's token leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A token for the client; it has to answer.
    Challenge(Vec<u8>),
    /// The client is who it says; it gets a last token, which may be empty, or none where the exchange ends
    /// with the client's.
    Done(Option<Vec<u8>>, Identity),
}

/// An exchange.
#[derive(Debug)]
pub struct SaslServer(State);

#[derive(Debug)]
enum State {
    Plain(Arc<PlainUsers>),
    ScramFirst(ScramHash),
    ScramFinal(ScramServer, Identity),
    OAuthBearer(OAuthBearerServer),
    Gssapi(GssapiServer),
    Over,
}

impl SaslServer {
    /// One of PLAIN.
    pub(super) fn plain(users: Arc<PlainUsers>) -> Self {
        SaslServer(State::Plain(users))
    }

    /// One of SCRAM.
    pub(super) fn scram(hash: ScramHash) -> Self {
        SaslServer(State::ScramFirst(hash))
    }

    /// One of OAUTHBEARER.
    pub(super) fn oauthbearer(validator: Validator) -> Self {
        SaslServer(State::OAuthBearer(OAuthBearerServer::new(validator)))
    }

    /// One of GSSAPI.
    pub(super) fn gssapi(service: &GssapiService) -> Self {
        SaslServer(State::Gssapi(service.begin()))
    }

    /// Takes the client's next token. After a refusal the exchange is over.
    ///
    /// # Errors
    /// The client is not let in.
    pub fn step(&mut self, token: &[u8], surroundings: &Surroundings<'_>) -> Result<Step, Refusal> {
        match std::mem::replace(&mut self.0, State::Over) {
            State::Plain(users) => {
                let user = users.authenticate(token)?;
                Ok(Step::Done(Some(Vec::new()), Identity::user(user)))
            }
            State::ScramFirst(hash) => {
                let first = ClientFirst::parse(token)?;
                let (identity, credential) = find(hash, &first, surroundings).ok_or(Refusal::Credentials)?;
                let (server, answer) = ScramServer::begin(hash, &first, credential, &(surroundings.nonce)())?;
                self.0 = State::ScramFinal(server, identity);
                Ok(Step::Challenge(answer))
            }
            State::ScramFinal(server, identity) => Ok(Step::Done(Some(server.finish(token)?), identity)),
            State::OAuthBearer(mut server) => match server.step(token, surroundings.now_ms)? {
                Taken::Token(token) => {
                    let identity = Identity {
                        expires_at_ms: Some(token.expires_at_ms),
                        ..Identity::user(token.principal)
                    };
                    Ok(Step::Done(Some(Vec::new()), identity))
                }
                Taken::Error(answer) => {
                    self.0 = State::OAuthBearer(server);
                    Ok(Step::Challenge(answer))
                }
            },
            State::Gssapi(mut server) => match server.step(token)? {
                GssapiTaken::Name(name) => Ok(Step::Done(None, Identity::user(name))),
                GssapiTaken::Challenge(answer) => {
                    self.0 = State::Gssapi(server);
                    Ok(Step::Challenge(answer))
                }
            },
            State::Over => Err(Refusal::Broken("a token after the end of the exchange")),
        }
    }
}

fn find(
    hash: ScramHash,
    first: &ClientFirst,
    surroundings: &Surroundings<'_>,
) -> Option<(Identity, ScramCredential)> {
    if first.is_token {
        let token = surroundings.credentials.token(hash, &first.name)?;
        let identity = Identity {
            principal: token.owner,
            is_token: true,
            expires_at_ms: Some(token.expires_at_ms),
        };
        return Some((identity, token.credential));
    }
    let credential = surroundings.credentials.user(hash, &first.name)?;
    Some((Identity::user(&first.name), credential))
}
