//! PKCS#12 (RFC 7292), as OpenSSL and Java's keytool write it.
//!
//! ```text
//! PFX ─→ authenticated by a MAC over the password ─→ safes, plain or encrypted ─→ bags: keys, certificates
//! ```

use ring::digest;

use super::der::{self, BadDer, Der, OCTET_STRING, OID, SEQUENCE, SET};
use super::encryption::{self, DecryptError};

const DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 1];
const ENCRYPTED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 6];
/// The last byte says what is in the bag.
const BAG: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 12, 10, 1];
const FRIENDLY_NAME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 20];
const LOCAL_KEY_ID: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 21];
/// With which Java marks certificates that are to be trusted.
const TRUSTED_KEY_USAGE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xF9, 0x66, 0xAD, 0xCA, 0x7B, 1, 1];
const SHA1: &[u8] = &[0x2B, 0x0E, 3, 2, 0x1A];
/// The last byte says which of the family.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];
/// Safes within safes are not what anybody writes.
const BAGS_MAX: usize = 10_000;

/// What the store holds.
#[derive(Debug, Default)]
pub struct Content {
    pub keys: Vec<Key>,
    pub certificates: Vec<Certificate>,
}

#[derive(Debug)]
pub struct Key {
    pub alias: String,
    pub id: Option<Vec<u8>>,
    /// A `PrivateKeyInfo`, or an `EncryptedPrivateKeyInfo`.
    pub bytes: Vec<u8>,
    pub is_encrypted: bool,
}

#[derive(Debug)]
pub struct Certificate {
    pub id: Option<Vec<u8>>,
    pub is_trusted: bool,
    pub bytes: Vec<u8>,
}

/// Opens a store; without a password nothing says that it is authentic, and what is encrypted stays closed.
pub fn open(bytes: &[u8], password: Option<&str>) -> Result<Content, DecryptError> {
    let mut store = Der::new(bytes).inner(SEQUENCE)?;
    store.unsigned()?;
    let mut info = store.inner(SEQUENCE)?;
    let oid = info.expect(OID)?;
    if oid != DATA {
        let name = der::oid_text(oid).unwrap_or_default();
        return Err(DecryptError::Algorithm(format!("a signature ({name})")));
    }
    let safes = info.inner(der::context(0))?.expect(OCTET_STRING)?;
    if let (Some(password), false) = (password, store.is_empty()) {
        check(store.inner(SEQUENCE)?, safes, password)?;
    }
    let mut content = Content::default();
    let mut safes = Der::new(safes).inner(SEQUENCE)?;
    while !safes.is_empty() {
        let mut safe = safes.inner(SEQUENCE)?;
        let oid = safe.expect(OID)?;
        let mut inner = safe.inner(der::context(0))?;
        if oid == DATA {
            bags(inner.expect(OCTET_STRING)?, &mut content)?;
        } else if oid == ENCRYPTED_DATA {
            let mut data = inner.inner(SEQUENCE)?;
            data.unsigned()?;
            let mut data = data.inner(SEQUENCE)?;
            data.expect(OID)?;
            let mut algorithm = data.inner(SEQUENCE)?;
            let encrypted = data.expect(0x80)?;
            let password = password.ok_or(DecryptError::Password)?;
            bags(
                &encryption::decrypt(&mut algorithm, encrypted, password)?,
                &mut content,
            )?;
        }
    }
    Ok(content)
}

fn check(mut mac: Der<'_>, safes: &[u8], password: &str) -> Result<(), DecryptError> {
    let mut info = mac.inner(SEQUENCE)?;
    let oid = info.inner(SEQUENCE)?.expect(OID)?;
    let expected = info.expect(OCTET_STRING)?;
    let salt = mac.expect(OCTET_STRING)?;
    let iterations = if mac.is_empty() { 1 } else { mac.unsigned()? };
    if iterations > encryption::ITERATIONS_MAX {
        return Err(DecryptError::Damaged);
    }
    let hash = match oid.strip_prefix(SHA2) {
        _ if oid == SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Some([1]) => &digest::SHA256,
        Some([2]) => &digest::SHA384,
        Some([3]) => &digest::SHA512,
        _ => {
            let name = der::oid_text(oid).unwrap_or_default();
            return Err(DecryptError::Algorithm(format!("a MAC ({name})")));
        }
    };
    if encryption::is_authentic(hash, (salt, iterations), password, safes, expected) {
        Ok(())
    } else {
        Err(DecryptError::Password)
    }
}

fn bags(bytes: &[u8], content: &mut Content) -> Result<(), BadDer> {
    let mut bags = Der::new(bytes).inner(SEQUENCE)?;
    while !bags.is_empty() {
        if content.keys.len() + content.certificates.len() >= BAGS_MAX {
            return Err(BadDer);
        }
        let mut bag = bags.inner(SEQUENCE)?;
        let kind = bag.expect(OID)?.strip_prefix(BAG);
        let value = bag.expect(der::context(0))?;
        let Attributes {
            alias,
            id,
            is_trusted,
        } = attributes(bag)?;
        match kind {
            Some([kind @ (1 | 2)]) => content.keys.push(Key {
                alias,
                id,
                bytes: value.to_vec(),
                is_encrypted: *kind == 2,
            }),
            Some([3]) => {
                let mut certificate = Der::new(value).inner(SEQUENCE)?;
                certificate.expect(OID)?;
                let bytes = certificate.inner(der::context(0))?.expect(OCTET_STRING)?;
                content.certificates.push(Certificate {
                    id,
                    is_trusted,
                    bytes: bytes.to_vec(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

#[derive(Default)]
struct Attributes {
    alias: String,
    id: Option<Vec<u8>>,
    is_trusted: bool,
}

fn attributes(mut bag: Der<'_>) -> Result<Attributes, BadDer> {
    let mut found = Attributes::default();
    let Some(attributes) = bag.optional(SET)? else {
        return Ok(found);
    };
    let mut attributes = Der::new(attributes);
    while !attributes.is_empty() {
        let mut attribute = attributes.inner(SEQUENCE)?;
        let oid = attribute.expect(OID)?;
        let mut values = attribute.inner(SET)?;
        if oid == FRIENDLY_NAME {
            let units = values.element()?.content.chunks_exact(2);
            let units: Vec<u16> = units.map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
            found.alias = String::from_utf16_lossy(&units);
        } else if oid == LOCAL_KEY_ID {
            found.id = Some(values.expect(OCTET_STRING)?.to_vec());
        } else if oid == TRUSTED_KEY_USAGE {
            found.is_trusted = true;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_store_is_told() {
        for bytes in [&[][..], &[0x30, 0], &[0x30, 3, 2, 1, 3], b"not a store"] {
            assert_eq!(open(bytes, Some("x")).unwrap_err(), DecryptError::Damaged);
        }
    }
}
