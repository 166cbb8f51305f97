//! Stores in the two forms of Java, JKS and PKCS#12: which of them a file has, it says itself.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::certificate::Certificate;
use super::store::KeyEntry;
use super::{TlsError, encryption, jks, pkcs12};

/// Longer chains are none.
const CHAIN_MAX: usize = 32;

/// The keys of a store with their chains.
pub(super) fn java_keys(
    place: &str,
    bytes: &[u8],
    password: &str,
    key_password: Option<&str>,
) -> Result<Vec<KeyEntry>, TlsError> {
    let key_password = key_password.unwrap_or(password);
    let keys = if bytes.starts_with(&jks::MAGIC) {
        keys_of_jks(place, bytes, password, key_password)?
    } else {
        keys_of_pkcs12(place, bytes, password, key_password)?
    };
    if keys.is_empty() {
        return Err(TlsError::of(place, "there is no private key in it"));
    }
    Ok(keys)
}

fn keys_of_jks(
    place: &str,
    bytes: &[u8],
    password: &str,
    key_password: &str,
) -> Result<Vec<KeyEntry>, TlsError> {
    let entries = jks::entries(bytes, Some(password)).map_err(|why| TlsError::of(place, why))?;
    let mut keys = Vec::new();
    for entry in entries {
        let jks::Entry::Key {
            alias,
            covered,
            chain,
        } = entry
        else {
            continue;
        };
        let place = format!("{place}, entry {alias}");
        let key = jks::uncover(covered, key_password)
            .ok_or_else(|| TlsError::of(&place, "the key's password is wrong"))?;
        keys.push(KeyEntry {
            key: private_key(key),
            chain: chain.into_iter().map(certificate).collect(),
            place,
        });
    }
    Ok(keys)
}

fn keys_of_pkcs12(
    place: &str,
    bytes: &[u8],
    password: &str,
    key_password: &str,
) -> Result<Vec<KeyEntry>, TlsError> {
    let content = pkcs12::open(bytes, Some(password)).map_err(|error| not_opened(place, &error))?;
    let mut keys = Vec::new();
    for key in content.keys {
        let place = format!("{place}, entry {}", key.alias);
        let bytes = if key.is_encrypted {
            encryption::private_key(&key.bytes, key_password)
                .map_err(|error| TlsError::of(&place, format!("the private key: {error}")))?
        } else {
            key.bytes
        };
        let is_its = |certificate: &&pkcs12::Certificate| key.id.is_some() && certificate.id == key.id;
        let own = content.certificates.iter().find(is_its);
        let own = own.ok_or_else(|| TlsError::of(&place, "there is no certificate for the key"))?;
        keys.push(KeyEntry {
            place,
            key: private_key(bytes),
            chain: chain(&own.bytes, &content.certificates),
        });
    }
    Ok(keys)
}

/// The certificate and those that vouch for it, each for the one before.
fn chain(own: &[u8], all: &[pkcs12::Certificate]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![own];
    while chain.len() < CHAIN_MAX
        && let Some(last) = chain.last().and_then(|last| Certificate::parse(last).ok())
        && last.issuer != last.subject
    {
        let mut candidates = all.iter().map(|candidate| candidate.bytes.as_slice());
        let issuer = candidates.find(|candidate| {
            Certificate::parse(candidate).is_ok_and(|candidate| candidate.subject == last.issuer)
        });
        match issuer {
            Some(issuer) if !chain.contains(&issuer) => chain.push(issuer),
            _ => break,
        }
    }
    chain.into_iter().map(certificate).collect()
}

/// The certificates that a store says are to be trusted: those entries, and as with Java the first of each
/// key's chain. Of a PKCS#12 store that has neither, as OpenSSL makes it, all.
pub(super) fn java_certificates(
    place: &str,
    bytes: &[u8],
    password: Option<&str>,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    if bytes.starts_with(&jks::MAGIC) {
        let entries = jks::entries(bytes, password).map_err(|why| TlsError::of(place, why))?;
        let trusted = entries.into_iter().filter_map(|entry| match entry {
            jks::Entry::Trusted(bytes) => Some(certificate(bytes)),
            jks::Entry::Key { chain, .. } => chain.first().map(|first| certificate(first)),
        });
        return Ok(trusted.collect());
    }
    let content = pkcs12::open(bytes, password).map_err(|error| not_opened(place, &error))?;
    let is_a_keys = |certificate: &pkcs12::Certificate| {
        let mut keys = content.keys.iter();
        certificate.id.is_some() && keys.any(|key| key.id == certificate.id)
    };
    let marks = content
        .certificates
        .iter()
        .any(|certificate| certificate.is_trusted);
    let takes_all = !marks && content.keys.is_empty();
    let trusted = content
        .certificates
        .iter()
        .filter(|certificate| takes_all || certificate.is_trusted || is_a_keys(certificate));
    Ok(trusted.map(|trusted| certificate(&trusted.bytes)).collect())
}

fn not_opened(place: &str, error: &encryption::DecryptError) -> TlsError {
    let why = match error {
        encryption::DecryptError::Password => {
            "the store's password is wrong or missing, or the store was tampered with".to_owned()
        }
        encryption::DecryptError::Damaged => {
            "it is neither a PKCS12 nor a JKS store, or is damaged".to_owned()
        }
        other @ encryption::DecryptError::Algorithm(_) => other.to_string(),
    };
    TlsError::of(place, why)
}

fn private_key(bytes: Vec<u8>) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(bytes).into()
}

fn certificate(bytes: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(bytes.to_vec())
}
