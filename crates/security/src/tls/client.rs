//! The end of TLS of a node that asks another: whom it trusts, and the key that it may show.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use barnabas_config::{Layers, SecurityProtocol};
use rustls::ClientConfig;
use rustls::SignatureScheme;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::server::{certified, provider};
use super::settings::ReadFile;
use super::source::{Material, Source};
use super::verifier::ServerVerifier;

/// See the module. What it holds may change at run time: connections keep what they began with.
#[derive(Debug)]
pub struct ClientTls {
    source: Source,
    state: ArcSwap<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ClientConfig>,
    digest: Vec<u8>,
}

impl ClientTls {
    /// TLS towards the listener of this name and protocol, by the same settings as the listener's own.
    ///
    /// # Errors
    /// A setting or a store can't be used, there is no truststore, or a key does not belong to its
    /// certificate.
    pub fn read(
        listener: &str,
        protocol: SecurityProtocol,
        layers: &Layers,
        read: ReadFile<'_>,
    ) -> Result<ClientTls, TlsError> {
        let source = Source {
            listener: listener.to_owned(),
            protocol,
        };
        let state = state(source.read(layers, read)?)?;
        Ok(ClientTls {
            source,
            state: ArcSwap::from_pointee(state),
        })
    }

    /// Reads it again; answers whether anything has changed.
    ///
    /// # Errors
    /// It can't be read; all stays as it was.
    pub fn reload(&self, layers: &Layers, read: ReadFile<'_>) -> Result<bool, TlsError> {
        let material = self.source.read(layers, read)?;
        if material.digest == self.state.load().digest {
            return Ok(false);
        }
        self.state.store(Arc::new(state(material)?));
        Ok(true)
    }

    /// The name of the listener.
    pub fn listener(&self) -> &str {
        &self.source.listener
    }

    /// The files that it is made of, by the settings as they are.
    pub fn files(&self, layers: &Layers) -> Vec<PathBuf> {
        self.source.files(layers)
    }

    /// What a new connection begins with.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.state.load().config.clone()
    }
}

fn state(material: Material) -> Result<State, TlsError> {
    let Material {
        settings,
        stores,
        digest,
    } = material;
    let trusted = stores.trusted.ok_or_else(|| {
        TlsError::new(
            "other nodes are asked by TLS, and there is no truststore to judge them by: set ssl.truststore.location or \
             ssl.truststore.certificates",
        )
    })?;
    let provider = Arc::new(provider(&settings));
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
    Ok(State {
        config: Arc::new(config),
        digest,
    })
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
