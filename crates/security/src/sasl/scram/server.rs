//! The server's side of an exchange.

use subtle::ConstantTimeEq;

use super::message::{ClientFinalMessage, ClientFirstMessage, ServerFirstMessage};
use super::{ITERATIONS_MIN, ScramCredential, ScramHash, xor};
use crate::sasl::base64;
use crate::sasl::server::Refusal;

/// Who wants to log in: what the credential is looked up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst {
    /// A user's name, or the id of a delegation token.
    pub name: String,
    /// Whether it is a token's id (KIP-48).
    pub is_token: bool,
    message: ClientFirstMessage,
}

impl ClientFirst {
    /// Reads a client's first message.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(message: &[u8]) -> Result<Self, Refusal> {
        let message = ClientFirstMessage::parse(message).ok_or(Refusal::Credentials)?;
        let mut extensions = message.extensions.iter();
        let is_token =
            extensions.any(|(name, value)| name == "tokenauth" && value.eq_ignore_ascii_case("true"));
        Ok(ClientFirst {
            name: message.user.clone(),
            is_token,
            message,
        })
    }
}

/// An exchange that waits for the client's proof.
#[derive(Debug)]
pub struct ScramServer {
    hash: ScramHash,
    credential: ScramCredential,
    /// Both first messages, as they are signed.
    signed: String,
    nonce: String,
}

impl ScramServer {
    /// Answers `first` by what is known of whom it names; `nonce` is random and printable, without a comma.
    ///
    /// # Errors
    /// The client wants to be somebody else, or the credential is too weak.
    pub fn begin(
        hash: ScramHash,
        first: &ClientFirst,
        credential: ScramCredential,
        nonce: &str,
    ) -> Result<(ScramServer, Vec<u8>), Refusal> {
        let message = &first.message;
        if !message.authorization_id.is_empty() && message.authorization_id != message.user {
            return Err(Refusal::says(
                "Authentication failed: Client requested an authorization id that is different from username",
            ));
        }
        if credential.iterations < ITERATIONS_MIN {
            return Err(Refusal::Credentials);
        }
        let answer = ServerFirstMessage {
            nonce: format!("{}{nonce}", message.nonce),
            salt: credential.salt.clone(),
            iterations: credential.iterations,
        };
        let text = answer.write();
        let server = ScramServer {
            hash,
            credential,
            signed: format!("{},{text}", message.bare),
            nonce: answer.nonce,
        };
        Ok((server, text.into_bytes()))
    }

    /// Checks the client's proof; answers the server's own.
    ///
    /// # Errors
    /// It is none, or one of another password.
    pub fn finish(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let message = ClientFinalMessage::parse(message).ok_or(Refusal::Credentials)?;
        if message.nonce != self.nonce {
            return Err(Refusal::Credentials);
        }
        let signed = format!("{},{}", self.signed, message.without_proof);
        let signature = self.hash.mac(&self.credential.stored_key, signed.as_bytes());
        if message.proof.len() != signature.len() {
            return Err(Refusal::Broken("a SCRAM proof of the wrong length"));
        }
        let client_key = xor(&message.proof, &signature);
        let stored_key = self.hash.digest(&client_key);
        if !bool::from(stored_key.ct_eq(&self.credential.stored_key)) {
            return Err(Refusal::Credentials);
        }
        let signature = self.hash.mac(&self.credential.server_key, signed.as_bytes());
        Ok(format!("v={}", base64::encode(&signature)).into_bytes())
    }
}
