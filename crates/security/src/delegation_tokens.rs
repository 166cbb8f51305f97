//! Delegation tokens (KIP-48): what a token is proven with follows from its id and a key that all nodes
//! of a cluster know, so nobody has to keep it.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::sasl::base64;
use crate::sasl::scram::{ITERATIONS_MIN, ScramCredential, ScramHash};

/// What sets a salt apart from the proof, which is made with the same key.
const SALT: &str = "salt:";
/// Bytes of a salt.
const SALT_BYTES: usize = 20;

/// `delegation.token.secret.key`. What it is printed as tells nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

impl TokenSecret {
    /// The key; none where `text` is empty, for a key that anybody can guess is none.
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| TokenSecret(text.to_owned()))
    }

    /// The HMAC by which clients name and prove a token: HMAC-SHA-512 over its id.
    pub fn hmac(&self, token_id: &str) -> Vec<u8> {
        ScramHash::Sha512.mac(self.0.as_bytes(), token_id.as_bytes())
    }

    /// Whether `hmac` is that of a token. Takes as long for any other of the same length.
    pub fn is_of(&self, token_id: &str, hmac: &[u8]) -> bool {
        self.hmac(token_id).ct_eq(hmac).into()
    }

    /// What a client is asked for that logs in by SCRAM with a token: the password is the HMAC in base64. The
    /// salt, too, is the same on all nodes, and as unknown as the key.
    pub fn credential(&self, hash: ScramHash, token_id: &str) -> ScramCredential {
        let mut salt = hash.mac(self.0.as_bytes(), format!("{SALT}{token_id}").as_bytes());
        salt.truncate(SALT_BYTES);
        let password = base64::encode(&self.hmac(token_id));
        ScramCredential::of_password(hash, password.as_bytes(), salt, ITERATIONS_MIN)
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_follows_from_key_and_id() {
        let secret = TokenSecret::new("key").unwrap();
        let hmac = secret.hmac("The quick brown fox jumps over the lazy dog");
        // The well-known example of HMAC-SHA-512.
        assert_eq!(hmac.len(), 64);
        assert_eq!(hmac[..8], [0xb4, 0x2a, 0xf0, 0x90, 0x57, 0xba, 0xc1, 0xe2]);
        assert!(secret.is_of("a", &secret.hmac("a")));
        assert!(!secret.is_of("a", &secret.hmac("b")));
        assert!(!secret.is_of("a", &secret.hmac("a")[..63]) && !secret.is_of("a", b""));
        assert!(TokenSecret::new("").is_none());
        assert_eq!(format!("{secret:?}"), "TokenSecret");
    }

    #[test]
    fn credentials_are_the_same_on_all_nodes_and_differ_from_token_to_token() {
        let secret = TokenSecret::new("key").unwrap();
        let of = |id| secret.credential(ScramHash::Sha256, id);
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a").salt, of("b").salt);
        assert_eq!((of("a").salt.len(), of("a").iterations), (20, 4096));
        assert!(!secret.hmac("a").starts_with(&of("a").salt));
    }
}
