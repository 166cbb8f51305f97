//! The end of TLS of a node that asks another: whom it trusts, and the key that it may show.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::SignatureScheme;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::server::{certified, provider};
use super::settings::TlsSettings;
use super::store::Stores;
use super::verifier::ServerVerifier;

/// See the module. What it holds may change at run time: connections keep what they began with.
#[derive(Debug)]
pub struct ClientTls {
    config: ArcSwap<ClientConfig>,
}

impl ClientTls {
    /// TLS by the settings and stores of the listener that is asked.
    ///
    /// # Errors
    /// There is no truststore, or a key does not belong to its certificate.
    pub fn new(settings: &TlsSettings, stores: Stores) -> Result<ClientTls, TlsError> {
        Ok(ClientTls {
            config: ArcSwap::from_pointee(config(settings, stores)?),
        })
    }

    /// What a new connection begins with.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config.load_full()
    }
}

fn config(settings: &TlsSettings, stores: Stores) -> Result<ClientConfig, TlsError> {
    let trusted = stores.trusted.ok_or_else(|| {
        TlsError::new(
            "other nodes are asked by TLS, and there is no truststore to judge them by: set ssl.truststore.location or \
             ssl.truststore.certificates",
        )
    })?;
    let provider = Arc::new(provider(settings));
    let verifier = ServerVerifier::new(
        trusted,
        provider.signature_verification_algorithms,
        settings.checks_host,
    );
    let keys: Result<Vec<_>, _> = stores
        .keys
        .into_iter()
        .map(|key| certified(key, &provider))
        .collect();
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&settings.protocols)
        .map_err(|_| TlsError::new("ssl.cipher.suites has none for any of ssl.enabled.protocols"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(Keys(keys?)));
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// What the node may show: the first key that the other side can judge.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl ResolvesClientCert for Keys {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        self.0.iter().find(fits).cloned()
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
