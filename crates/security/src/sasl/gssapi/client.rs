//! A client's side of GSSAPI.

use super::kerberos::{KerberosContext, KerberosError};
use super::{NO_LAYER, OFFER};

/// Why a client doesn't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GssapiClientError {
    /// Kerberos refuses.
    #[error("GSSAPI: {0}")]
    Kerberos(#[from] KerberosError),
    /// The server wants to encrypt or sign what follows, and nothing else.
    #[error("the server doesn't offer GSSAPI without protection of its own")]
    NoOffer,
}

/// One exchange.
#[derive(Debug)]
pub struct GssapiClient {
    context: Box<dyn KerberosContext>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Context,
    Offer,
    Over,
}

impl GssapiClient {
    /// One with the service that the context is for.
    pub fn new(context: Box<dyn KerberosContext>) -> Self {
        GssapiClient {
            context,
            stage: Stage::Context,
        }
    }

    /// The token that follows what the server said, nothing at first; `None` when the exchange is over and
    /// the server is trusted.
    ///
    /// # Errors
    /// The server is not trusted, or this client is not.
    pub fn step(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, GssapiClientError> {
        match self.stage {
            Stage::Context => {
                let step = self.context.step(challenge)?;
                if step.peer.is_some() {
                    self.stage = Stage::Offer;
                }
                Ok(Some(step.token))
            }
            Stage::Offer => {
                let offer = self.context.take_out(challenge)?;
                if offer.len() < OFFER.len() || offer[0] & NO_LAYER == 0 {
                    return Err(GssapiClientError::NoOffer);
                }
                self.stage = Stage::Over;
                Ok(Some(self.context.wrap(&[NO_LAYER, 0, 0, 0])?))
            }
            Stage::Over => Ok(None),
        }
    }
}
