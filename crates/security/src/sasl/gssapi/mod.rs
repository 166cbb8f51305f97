//! GSSAPI (RFC 4752): Kerberos says who the client is, then both agree on no further protection.
//!
//! ```text
//! client ─→ AP-REQ …… context stands ─→ what the server offers, signed ─→ what the client chooses, signed
//! ```
//! Kerberos itself is behind [`Kerberos`]; here is the exchange, as Java's GSS-API server has it.

mod client;
mod kerberos;
mod local_names;
mod login;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::client::{GssapiClient, GssapiClientError};
pub use self::kerberos::{
    ContextStep, Kerberos, KerberosAcceptor, KerberosContext, KerberosError, KerberosInitiator, NoKerberos,
};
pub use self::local_names::LocalNames;
pub use self::login::{KerberosLogin, KerberosSecret, SERVICE_NAME, entry, service_name};
use super::server::Refusal;

/// The setting with the rules for names.
pub const RULES: &str = "sasl.kerberos.principal.to.local.rules";
/// No protection of what follows: TLS is below where it is wanted.
const NO_LAYER: u8 = 1;
/// What Java's server says it receives at most, in the three bytes behind it, though nothing follows.
const OFFER: [u8; 4] = [NO_LAYER, 1, 0, 0];

/// What a listener with GSSAPI has: its keys, and the rules for names.
#[derive(Clone, Debug)]
pub struct GssapiService {
    keys: Arc<dyn KerberosAcceptor>,
    names: Arc<LocalNames>,
}

impl GssapiService {
    /// One of these.
    pub fn new(keys: Arc<dyn KerberosAcceptor>, names: LocalNames) -> Self {
        GssapiService {
            keys,
            names: Arc::new(names),
        }
    }

    /// Begins an exchange.
    pub fn begin(&self) -> GssapiServer {
        GssapiServer {
            context: self.keys.begin(),
            names: self.names.clone(),
            stage: Stage::Context,
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub struct GssapiServer {
    context: Box<dyn KerberosContext>,
    names: Arc<LocalNames>,
    stage: Stage,
}

/// What is known of the client, as Kerberos knows it, and what is awaited.
#[derive(Debug)]
enum Stage {
    Context,
    Empty(String),
    Choice(String),
    Over,
}

/// What a client's token leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It gets this, and has to answer.
    Challenge(Vec<u8>),
    /// It is let in, by this name.
    Name(String),
}

impl GssapiServer {
    /// Takes the client's next token. After a refusal the exchange is over.
    ///
    /// # Errors
    /// The client is not let in.
    pub fn step(&mut self, token: &[u8]) -> Result<Taken, Refusal> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Context => {
                let step = self.context.step(token).map_err(refusal)?;
                match step.peer {
                    // Who asks for no proof of the service's gets the offer at once.
                    Some(peer) if step.token.is_empty() => return self.offer(peer),
                    Some(peer) => self.stage = Stage::Empty(peer),
                    None => self.stage = Stage::Context,
                }
                Ok(Taken::Challenge(step.token))
            }
            Stage::Empty(peer) if token.is_empty() => self.offer(peer),
            Stage::Empty(_) => Err(Refusal::Credentials),
            Stage::Choice(peer) => {
                // What follows the four bytes, whom the client wants to be, Kafka doesn't heed.
                let choice = self.context.take_out(token).map_err(refusal)?;
                if choice.len() < OFFER.len() {
                    return Err(Refusal::Broken("a choice of protection that is too short"));
                }
                if choice[0] & NO_LAYER == 0 {
                    return Err(Refusal::Credentials);
                }
                let name = self.names.of(&peer);
                name.map(Taken::Name).ok_or_else(|| {
                    tracing::info!("no rule of sasl.kerberos.principal.to.local.rules has a name for {peer}");
                    Refusal::Broken("its Kerberos principal has no name here")
                })
            }
            Stage::Over => Err(Refusal::Broken("a token after the end of the exchange")),
        }
    }

    fn offer(&mut self, peer: String) -> Result<Taken, Refusal> {
        let offer = self.context.wrap(&OFFER).map_err(refusal)?;
        self.stage = Stage::Choice(peer);
        Ok(Taken::Challenge(offer))
    }
}

/// What is wrong is for the log: it could say something of a secret.
fn refusal(error: KerberosError) -> Refusal {
    tracing::info!("GSSAPI: {error}");
    Refusal::Credentials
}
