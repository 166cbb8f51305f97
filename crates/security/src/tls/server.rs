//! A listener's end of TLS: its keys, whom it trusts, and who a client is by its certificate.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::certificate::Certificate;
use super::mapping_rules::MappingRules;
use super::settings::{ClientAuth, TlsSettings};
use super::store::{KeyEntry, Stores};
use super::verifier::ClientVerifier;
use crate::KafkaPrincipal;

/// See the module. What it holds may change at run time: connections keep what they began with.
#[derive(Debug)]
pub struct ServerTls {
    state: ArcSwap<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    mapping_rules: MappingRules,
}

impl ServerTls {
    /// TLS by these settings and stores.
    ///
    /// # Errors
    /// There is no key, a key does not belong to its certificate, or clients are to be judged without a
    /// truststore.
    pub fn new(settings: &TlsSettings, stores: Stores) -> Result<ServerTls, TlsError> {
        Ok(ServerTls {
            state: ArcSwap::from_pointee(state(settings, stores)?),
        })
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

fn state(settings: &TlsSettings, stores: Stores) -> Result<State, TlsError> {
    if stores.keys.is_empty() {
        return Err(TlsError::new(
            "there is no key: set ssl.keystore.location, or ssl.keystore.key and ssl.keystore.certificate.chain",
        ));
    }
    let provider = Arc::new(provider(settings));
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
        mapping_rules: settings.mapping_rules.clone(),
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
