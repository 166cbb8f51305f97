//! Key and trust stores: what a file or a setting holds, as keys with their chains and as certificates.

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};

use super::certificate::Certificate;
use super::java_store::{java_certificates, java_keys};
use super::settings::{ReadFile, StoreKind, StoreSource, TlsSettings};
use super::{TlsError, encryption, pem};

/// Larger files are no stores.
const STORE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A private key and the certificates that go with it, the key's own first.
#[derive(Debug)]
pub(super) struct KeyEntry {
    /// Where it is, for messages: a setting, a file and an entry.
    pub place: String,
    pub key: PrivateKeyDer<'static>,
    pub chain: Vec<CertificateDer<'static>>,
}

/// What the stores of a listener hold.
#[derive(Debug)]
pub(super) struct Stores {
    pub(super) keys: Vec<KeyEntry>,
    /// `None` where no truststore is set.
    pub(super) trusted: Option<Vec<CertificateDer<'static>>>,
}

impl Stores {
    /// Reads the stores that the settings name.
    ///
    /// # Errors
    /// One can't be read: which, and why.
    pub fn read(settings: &TlsSettings, read: ReadFile<'_>) -> Result<Stores, TlsError> {
        let keys = match &settings.keystore {
            StoreSource::None => Vec::new(),
            StoreSource::Inline {
                setting,
                key,
                certificates,
            } => {
                let text = format!("{}\n{certificates}", key.as_deref().unwrap_or_default());
                vec![pem_key(setting, &text, settings.key_password.as_deref())?]
            }
            StoreSource::File {
                setting,
                path,
                kind,
                password,
            } => {
                let place = format!("{setting}={}", path.display());
                let bytes = read_store(&place, path, read)?;
                let key_password = settings.key_password.as_deref();
                match kind {
                    StoreKind::Pem => vec![pem_key(&place, &pem_text(&place, &bytes)?, key_password)?],
                    StoreKind::Java => {
                        let password = password.as_deref().unwrap_or_default();
                        java_keys(&place, &bytes, password, key_password)?
                    }
                }
            }
        };
        for key in &keys {
            for (index, certificate) in key.chain.iter().enumerate() {
                Certificate::parse(certificate).map_err(|_| {
                    let number = index + 1;
                    TlsError::of(
                        &key.place,
                        format!("certificate {number} of the chain can't be read"),
                    )
                })?;
            }
        }
        Ok(Stores {
            keys,
            trusted: trusted(&settings.truststore, read)?,
        })
    }
}

fn trusted(
    source: &StoreSource,
    read: ReadFile<'_>,
) -> Result<Option<Vec<CertificateDer<'static>>>, TlsError> {
    let (place, certificates) = match source {
        StoreSource::None => return Ok(None),
        StoreSource::Inline {
            setting,
            certificates,
            ..
        } => (setting.clone(), pem_certificates(setting, certificates)?),
        StoreSource::File {
            setting,
            path,
            kind,
            password,
        } => {
            let place = format!("{setting}={}", path.display());
            let bytes = read_store(&place, path, read)?;
            let certificates = match kind {
                StoreKind::Pem => pem_certificates(&place, &pem_text(&place, &bytes)?)?,
                StoreKind::Java => java_certificates(&place, &bytes, password.as_deref())?,
            };
            (place, certificates)
        }
    };
    if certificates.is_empty() {
        return Err(TlsError::of(&place, "there is no certificate in it"));
    }
    for (index, certificate) in certificates.iter().enumerate() {
        Certificate::parse(certificate)
            .map_err(|_| TlsError::of(&place, format!("certificate {} can't be read", index + 1)))?;
    }
    Ok(Some(certificates))
}

fn read_store(place: &str, path: &std::path::Path, read: ReadFile<'_>) -> Result<Vec<u8>, TlsError> {
    let bytes = read(path).map_err(|error| TlsError::of(place, error))?;
    if bytes.len() > STORE_BYTES_MAX {
        return Err(TlsError::of(place, "it is larger than any store"));
    }
    Ok(bytes)
}

fn pem_text(place: &str, bytes: &[u8]) -> Result<String, TlsError> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.contains("-----BEGIN "));
    text.map(str::to_owned)
        .ok_or_else(|| TlsError::of(place, "it is not PEM; is the store of another type?"))
}

fn pem_key(place: &str, text: &str, password: Option<&str>) -> Result<KeyEntry, TlsError> {
    let wrong = |why: &str| TlsError::of(place, why);
    let blocks = pem::blocks(text).map_err(|why| TlsError::of(place, why))?;
    let mut keys = Vec::new();
    let mut chain = Vec::new();
    for block in blocks {
        match block.label.as_str() {
            "CERTIFICATE" => chain.push(CertificateDer::from(block.bytes)),
            "PRIVATE KEY" => keys.push(PrivateKeyDer::from(PrivatePkcs8KeyDer::from(block.bytes))),
            "RSA PRIVATE KEY" => keys.push(PrivateKeyDer::from(PrivatePkcs1KeyDer::from(block.bytes))),
            "EC PRIVATE KEY" => keys.push(PrivateKeyDer::from(PrivateSec1KeyDer::from(block.bytes))),
            "ENCRYPTED PRIVATE KEY" => {
                let password = password
                    .ok_or_else(|| wrong("the private key is encrypted, and ssl.key.password is not set"))?;
                keys.push(decrypted(place, &block.bytes, password)?);
            }
            _ => {}
        }
    }
    if keys.len() > 1 {
        return Err(wrong("there is more than one private key in it"));
    }
    let key = keys.pop().ok_or_else(|| wrong("there is no private key in it"))?;
    if chain.is_empty() {
        return Err(wrong("there is a private key in it and no certificate"));
    }
    Ok(KeyEntry {
        place: place.to_owned(),
        key,
        chain,
    })
}

fn pem_certificates(place: &str, text: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let blocks = pem::blocks(text).map_err(|why| TlsError::of(place, why))?;
    let certificates = blocks.into_iter().filter(|block| {
        matches!(
            block.label.as_str(),
            "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE"
        )
    });
    Ok(certificates
        .map(|block| CertificateDer::from(block.bytes))
        .collect())
}

fn decrypted(place: &str, bytes: &[u8], password: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = encryption::private_key(bytes, password)
        .map_err(|error| TlsError::of(place, format!("the private key: {error}")))?;
    Ok(PrivatePkcs8KeyDer::from(key).into())
}
