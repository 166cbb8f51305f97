//! What the connections of a listener need for having clients authenticate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::{Clock, Random};
use barnabas_security::sasl::{CredentialSource, ListenerSasl, nonce};

/// SASL at a listener, for all of its connections.
pub struct SaslAuthentication {
    /// Its mechanisms.
    pub sasl: Arc<ListenerSasl>,
    /// The largest frame before a client has authenticated: `sasl.server.max.receive.size`.
    pub receive_bytes_max: usize,
    /// How long a refusal waits: `connection.failed.authentication.delay.ms`.
    pub failure_delay: Duration,
    /// Where SCRAM credentials are looked up.
    pub credentials: Arc<dyn CredentialSource + Send + Sync>,
    /// Tells when sessions and credentials end.
    pub clock: Clock,
    /// Draws nonces.
    pub random: Random,
}

impl fmt::Debug for SaslAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SaslAuthentication({:?})", self.sasl.mechanisms())
    }
}

impl SaslAuthentication {
    /// A nonce for an exchange.
    pub fn nonce(&self) -> String {
        nonce(&|bytes| self.random.fill(bytes))
    }
}
