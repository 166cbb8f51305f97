//! What clients log in with by SCRAM, as the metadata has it: credentials of users (KIP-554) and delegation
//! tokens (KIP-48).

use std::collections::HashMap;
use std::sync::Arc;

use barnabas_environment::Clock;
use barnabas_metadata::MetadataImage;
use barnabas_metadata::records::ScramMechanism;
use barnabas_security::KafkaPrincipal;
use barnabas_security::delegation_tokens::TokenSecret;
use barnabas_security::sasl::scram::{ScramCredential, ScramHash};
use barnabas_security::sasl::{CredentialSource, TokenCredential};
use parking_lot::Mutex;

/// Credentials of tokens are kept until there are so many.
const KEPT_MAX: usize = 4096;

/// Those of the latest image: who is removed from it can't log in any more.
pub struct ImageCredentials {
    image: Box<dyn Fn() -> Arc<MetadataImage> + Send + Sync>,
    tokens: Option<TokenSecret>,
    clock: Clock,
    /// A credential costs thousands of hashes, which one login after the other would have to wait for.
    kept: Mutex<HashMap<(ScramHash, String), ScramCredential>>,
}

impl ImageCredentials {
    /// Those of the image that `image` answers; tokens with `tokens` as their key, by the time of `clock`.
    pub fn new(
        image: impl Fn() -> Arc<MetadataImage> + Send + Sync + 'static,
        tokens: Option<TokenSecret>,
        clock: Clock,
    ) -> Self {
        ImageCredentials {
            image: Box::new(image),
            tokens,
            clock,
            kept: Mutex::default(),
        }
    }

    fn credential(&self, secret: &TokenSecret, hash: ScramHash, id: &str) -> ScramCredential {
        let key = (hash, id.to_owned());
        if let Some(kept) = self.kept.lock().get(&key) {
            return kept.clone();
        }
        let credential = secret.credential(hash, id);
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, credential.clone());
        credential
    }
}

impl CredentialSource for ImageCredentials {
    fn user(&self, hash: ScramHash, name: &str) -> Option<ScramCredential> {
        let mechanism = match hash {
            ScramHash::Sha256 => ScramMechanism::Sha256,
            ScramHash::Sha512 => ScramMechanism::Sha512,
        };
        let image = (self.image)();
        let record = image.scram.get(name)?.get(&mechanism)?;
        Some(ScramCredential {
            salt: record.salt.clone(),
            stored_key: record.stored_key.clone(),
            server_key: record.server_key.clone(),
            iterations: record.iterations,
        })
    }

    fn token(&self, hash: ScramHash, id: &str) -> Option<TokenCredential> {
        let secret = self.tokens.as_ref()?;
        let image = (self.image)();
        let record = image.delegation_tokens.get(id)?;
        let expires_at_ms = record.expiration_timestamp.min(record.max_timestamp);
        if expires_at_ms < self.clock.wall_ms() {
            return None;
        }
        Some(TokenCredential {
            owner: KafkaPrincipal::parse(&record.owner).ok()?,
            credential: self.credential(secret, hash, id),
            expires_at_ms,
        })
    }
}
