//! The client's side of an exchange: how nodes log in to each other.

use std::fmt;

use subtle::ConstantTimeEq;

use super::message::{ServerFirstMessage, escape, parse_server_final};
use super::{ITERATIONS_MIN, ScramHash, xor};
use crate::sasl::base64;

/// More iterations are not computed for a server that asks for them: Kafka's credentials have 16384 at most.
const ITERATIONS_MAX: i32 = 1_000_000;
/// `n,,` in base64: no channel is bound.
const NO_BINDING: &str = "biws";

/// Why a server is not trusted or understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramClientError {
    /// Its message can't be read.
    #[error("the server's SCRAM message can't be read")]
    Malformed,
    /// It has not taken over the client's nonce.
    #[error("the server's nonce doesn't begin with the client's")]
    Nonce,
    /// It asks for too few iterations, or for too many.
    #[error("the server asks for {0} iterations")]
    Iterations(i32),
    /// It does not know the credential.
    #[error("the server has not proven that it knows the credential")]
    Signature,
}

/// One exchange.
pub struct ScramClient {
    hash: ScramHash,
    password: String,
    bare: String,
    nonce: String,
    /// What the server has to prove itself with, once it has said its salt.
    expected: Vec<u8>,
}

impl ScramClient {
    /// An exchange for a user, or for a delegation token by its id and its base64 HMAC; `nonce` is random and
    /// printable, without a comma.
    pub fn new(hash: ScramHash, user: &str, password: &str, is_token: bool, nonce: String) -> Self {
        let extension = if is_token { ",tokenauth=true" } else { "" };
        ScramClient {
            hash,
            password: password.to_owned(),
            bare: format!("n={},r={nonce}{extension}", escape(user)),
            nonce,
            expected: Vec::new(),
        }
    }

    /// The first message.
    pub fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.bare).into_bytes()
    }

    /// The proof, by the server's first message.
    ///
    /// # Errors
    /// The message is none that may be answered.
    pub fn prove(&mut self, message: &[u8]) -> Result<Vec<u8>, ScramClientError> {
        let server = ServerFirstMessage::parse(message).ok_or(ScramClientError::Malformed)?;
        if !server.nonce.starts_with(&self.nonce) || server.nonce.len() == self.nonce.len() {
            return Err(ScramClientError::Nonce);
        }
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&server.iterations) {
            return Err(ScramClientError::Iterations(server.iterations));
        }
        let hash = self.hash;
        let salted = hash.salted_password(self.password.as_bytes(), &server.salt, server.iterations);
        let client_key = hash.mac(&salted, b"Client Key");
        let without_proof = format!("c={NO_BINDING},r={}", server.nonce);
        let first = String::from_utf8_lossy(message);
        let signed = format!("{},{first},{without_proof}", self.bare);
        let signature = hash.mac(&hash.digest(&client_key), signed.as_bytes());
        let proof = base64::encode(&xor(&client_key, &signature));
        self.expected = hash.mac(&hash.mac(&salted, b"Server Key"), signed.as_bytes());
        Ok(format!("{without_proof},p={proof}").into_bytes())
    }

    /// Checks the server's proof.
    ///
    /// # Errors
    /// It is none.
    pub fn verify(&self, message: &[u8]) -> Result<(), ScramClientError> {
        let signature = parse_server_final(message).ok_or(ScramClientError::Malformed)?;
        if !self.expected.is_empty() && bool::from(signature.ct_eq(&self.expected)) {
            Ok(())
        } else {
            Err(ScramClientError::Signature)
        }
    }
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramClient({:?})", self.hash)
    }
}
