//! SCRAM credentials as the metadata has them (KIP-554).

use std::sync::Arc;

use barnabas_metadata::MetadataImage;
use barnabas_metadata::records::ScramMechanism;
use barnabas_security::sasl::scram::{ScramCredential, ScramHash};
use barnabas_security::sasl::{CredentialSource, TokenCredential};

/// Those of the latest image: who is removed from it can't log in any more.
pub struct ImageCredentials {
    image: Box<dyn Fn() -> Arc<MetadataImage> + Send + Sync>,
}

impl ImageCredentials {
    /// Those of the image that `image` answers.
    pub fn new(image: impl Fn() -> Arc<MetadataImage> + Send + Sync + 'static) -> Self {
        ImageCredentials {
            image: Box::new(image),
        }
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

    fn token(&self, _: ScramHash, _: &str) -> Option<TokenCredential> {
        None
    }
}
