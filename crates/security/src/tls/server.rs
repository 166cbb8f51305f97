//! A listener's end of TLS: its keys, whom it trusts, and who a client is by its certificate.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use barnabas_config::{Layers, SecurityProtocol};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::certificate::Certificate;
use super::identity::{self, Identity};
use super::mapping_rules::MappingRules;
use super::settings::{ClientAuth, ReadFile, TlsSettings};
use super::source::{Material, Source};
use super::store::KeyEntry;
use super::verifier::ClientVerifier;
use crate::KafkaPrincipal;

/// See the module. What it holds may change at run time: connections keep what they began with.
#[derive(Debug)]
pub struct ServerTls {
    source: Source,
    state: ArcSwap<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    mapping_rules: MappingRules,
    identities: Vec<Identity>,
    digest: Vec<u8>,
    warnings: Vec<String>,
}

impl ServerTls {
    /// TLS of the listener of this name and protocol.
    ///
    /// # Errors
    /// A setting or a store can't be used, there is no key, a key does not belong to its certificate, or
    /// clients are to be judged without a truststore.
    pub fn read(
        listener: &str,
        protocol: SecurityProtocol,
        layers: &Layers,
        read: ReadFile<'_>,
    ) -> Result<ServerTls, TlsError> {
        let source = Source {
            listener: listener.to_owned(),
            protocol,
        };
        let state = state(source.read(layers, read)?)?;
        Ok(ServerTls {
            source,
            state: ArcSwap::from_pointee(state),
        })
    }

    /// What the user should know: names of protocols and cipher suites that are passed over.
    pub fn warnings(&self) -> Vec<String> {
        self.state.load().warnings.clone()
    }

    /// Whether it could be read again with `layers`.
    ///
    /// # Errors
    /// It could not, or the keys would be somebody else's (KIP-978).
    pub fn check(&self, layers: &Layers, read: ReadFile<'_>) -> Result<(), TlsError> {
        self.next(layers, read).map(drop)
    }

    /// Reads it again; answers whether anything has changed.
    ///
    /// # Errors
    /// As [`ServerTls::check`]; all stays as it was.
    pub fn reload(&self, layers: &Layers, read: ReadFile<'_>) -> Result<bool, TlsError> {
        match self.next(layers, read)? {
            Some(state) => {
                self.state.store(Arc::new(state));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// What it would be; `None` where nothing has changed.
    fn next(&self, layers: &Layers, read: ReadFile<'_>) -> Result<Option<State>, TlsError> {
        let material = self.source.read(layers, read)?;
        let before = self.state.load();
        if material.digest == before.digest {
            return Ok(None);
        }
        let (dn, san) = (
            material.settings.allows_dn_changes,
            material.settings.allows_san_changes,
        );
        let next = state(material)?;
        identity::check(&before.identities, &next.identities, dn, san)?;
        Ok(Some(next))
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
    pub fn config(&self) -> Arc<ServerConfig> {
        self.state.load().config.clone()
    }

    /// Who a client is that has shown these certificates, its own first.
    ///
    /// # Errors
    /// Its subject can't be read, or no mapping rule is for it: it must not be let in.
    pub fn principal(&self, certificates: Option<&[CertificateDer<'_>]>) -> Result<KafkaPrincipal, TlsError> {
        let Some(certificate) = certificates.and_then(<[_]>::first) else {
            return Ok(KafkaPrincipal::anonymous());
        };
        let subject = Certificate::parse(certificate).and_then(|certificate| certificate.subject_name());
        let subject = subject.map_err(|_| TlsError::new("the subject of the certificate can't be read"))?;
        let name = self.state.load().mapping_rules.name_of(&subject);
        name.map(KafkaPrincipal::user)
            .ok_or_else(|| TlsError::new(format!("no rule of ssl.principal.mapping.rules is for {subject}")))
    }
}

fn state(material: Material) -> Result<State, TlsError> {
    let Material {
        settings,
        stores,
        digest,
    } = material;
    if stores.keys.is_empty() {
        return Err(TlsError::new(
            "there is no key: set ssl.keystore.location, or ssl.keystore.key and ssl.keystore.certificate.chain",
        ));
    }
    let identities = stores.keys.iter().filter_map(Identity::of).collect();
    let provider = Arc::new(provider(&settings));
    let algorithms = provider.signature_verification_algorithms;
    let keys: Result<Vec<_>, _> = stores
        .keys
        .into_iter()
        .map(|key| certified(key, &provider))
        .collect();
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&settings.protocols)
        .map_err(|_| TlsError::new("ssl.cipher.suites has none for any of ssl.enabled.protocols"))?;
    let builder = match (settings.client_auth, stores.trusted) {
        (ClientAuth::None, _) => builder.with_no_client_auth(),
        (_, None) => {
            return Err(TlsError::new(
                "ssl.client.auth asks clients for certificates, and there is no truststore to judge them by: set \
                 ssl.truststore.location or ssl.truststore.certificates",
            ));
        }
        (auth, Some(trusted)) => {
            let is_mandatory = auth == ClientAuth::Required;
            builder.with_client_cert_verifier(Arc::new(ClientVerifier::new(
                trusted,
                algorithms,
                is_mandatory,
            )))
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Keys(keys?)));
    // Clients of Kafka connect seldom and stay: what would be kept for them costs more than it saves, and a
    // certificate that was withdrawn must not live on in a session.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(State {
        config: Arc::new(config),
        mapping_rules: settings.mapping_rules,
        identities,
        digest,
        warnings: settings.warnings,
    })
}

/// The algorithms, cut to the suites that are set.
pub(super) fn provider(settings: &TlsSettings) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: settings.suites.clone(),
        ..ring::default_provider()
    }
}

/// A key with its chain, when it is the first certificate's.
pub(super) fn certified(entry: KeyEntry, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let KeyEntry { place, key, chain } = entry;
    let key = provider.key_provider.load_private_key(key).map_err(|_| {
        let why = "the private key can't be used; it is RSA of 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519";
        TlsError::of(&place, why)
    })?;
    let certificate = chain
        .first()
        .and_then(|certificate| Certificate::parse(certificate).ok());
    let belongs = match (key.public_key(), certificate) {
        (Some(key), Some(certificate)) => key.as_ref() == certificate.public_key_info,
        _ => true,
    };
    if !belongs {
        return Err(TlsError::of(
            &place,
            "the private key is not that of the first certificate of the chain",
        ));
    }
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

/// The keys of a listener: a client gets the first that it can judge.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(fits).cloned()
    }
}
