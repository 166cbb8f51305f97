//! Decrypts what a password protects in key stores: PBES2 (AES or 3DES by PBKDF2, what OpenSSL and keytool
//! write today) and PBES1 of PKCS#12 (3DES and RC2 by SHA-1, what they wrote before).

use std::num::NonZeroU32;

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, InnerIvInit, KeyIvInit};
use ring::{digest, hmac, pbkdf2};

use super::der::{self, BadDer, Der, INTEGER, OCTET_STRING, OID, SEQUENCE};

/// More rounds than this are no protection but an attack on whoever reads the file.
pub const ITERATIONS_MAX: u32 = 10_000_000;

const PBES2: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 13];
const PBKDF2: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 12];
/// The last byte of these says which: 3 and 4 are 3DES, 5 and 6 RC2.
const PBES1_OF_PKCS12: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 12, 1];
/// The last byte says with which hash.
const HMAC: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2];
/// The last byte says how long the key is.
const AES: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1];
const DES_EDE3_CBC: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 3, 7];

/// Why something can't be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// Not the right password, most likely: the bytes may be damaged too.
    #[error("the password is wrong")]
    Password,
    /// It is encrypted in another way.
    #[error("it is encrypted by {0}, which can't be read")]
    Algorithm(String),
    /// It is not encoded as it should be.
    #[error("it is damaged")]
    Damaged,
}

impl From<BadDer> for DecryptError {
    fn from(_: BadDer) -> Self {
        DecryptError::Damaged
    }
}

/// Decrypts an `EncryptedPrivateKeyInfo`; answers the `PrivateKeyInfo`.
pub fn private_key(bytes: &[u8], password: &str) -> Result<Vec<u8>, DecryptError> {
    let mut info = Der::new(bytes).inner(SEQUENCE)?;
    let mut algorithm = info.inner(SEQUENCE)?;
    let key = decrypt(&mut algorithm, info.expect(OCTET_STRING)?, password)?;
    // A wrong password may leave good padding.
    let is_key = Der::new(&key)
        .inner(SEQUENCE)
        .is_ok_and(|mut inner| inner.unsigned().is_ok());
    if is_key {
        Ok(key)
    } else {
        Err(DecryptError::Password)
    }
}

/// Decrypts by the content of an `AlgorithmIdentifier`.
pub fn decrypt(algorithm: &mut Der<'_>, encrypted: &[u8], password: &str) -> Result<Vec<u8>, DecryptError> {
    let oid = algorithm.expect(OID)?;
    if oid == PBES2 {
        return pbes2(algorithm.inner(SEQUENCE)?, encrypted, password);
    }
    match oid.strip_prefix(PBES1_OF_PKCS12) {
        Some([kind @ 3..=6]) => pbes1(*kind, algorithm.inner(SEQUENCE)?, encrypted, password),
        _ => Err(unknown(oid)),
    }
}

fn unknown(oid: &[u8]) -> DecryptError {
    DecryptError::Algorithm(der::oid_text(oid).unwrap_or_else(|| "an unknown algorithm".to_owned()))
}

fn rounds(count: u32) -> Result<NonZeroU32, DecryptError> {
    NonZeroU32::new(count)
        .filter(|count| count.get() <= ITERATIONS_MAX)
        .ok_or(DecryptError::Damaged)
}

fn pbes2(mut parameters: Der<'_>, encrypted: &[u8], password: &str) -> Result<Vec<u8>, DecryptError> {
    let mut derivation = parameters.inner(SEQUENCE)?;
    let oid = derivation.expect(OID)?;
    if oid != PBKDF2 {
        return Err(unknown(oid));
    }
    let mut derivation = derivation.inner(SEQUENCE)?;
    let salt = derivation.expect(OCTET_STRING)?;
    let iterations = rounds(derivation.unsigned()?)?;
    derivation.optional(INTEGER)?;
    let hash = match derivation.optional(SEQUENCE)? {
        None => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(function) => {
            let oid = Der::new(function).expect(OID)?;
            match oid.strip_prefix(HMAC) {
                Some([7]) => pbkdf2::PBKDF2_HMAC_SHA1,
                Some([9]) => pbkdf2::PBKDF2_HMAC_SHA256,
                Some([10]) => pbkdf2::PBKDF2_HMAC_SHA384,
                Some([11]) => pbkdf2::PBKDF2_HMAC_SHA512,
                _ => return Err(unknown(oid)),
            }
        }
    };
    let mut cipher = parameters.inner(SEQUENCE)?;
    let oid = cipher.expect(OID)?;
    let vector = cipher.expect(OCTET_STRING)?;
    let cipher = match oid.strip_prefix(AES) {
        Some([2]) => Cipher::Aes128,
        Some([22]) => Cipher::Aes192,
        Some([42]) => Cipher::Aes256,
        _ if oid == DES_EDE3_CBC => Cipher::TripleDes,
        _ => return Err(unknown(oid)),
    };
    let mut key = [0; 32];
    let key = &mut key[..cipher.key_bytes()];
    pbkdf2::derive(hash, iterations, salt, password.as_bytes(), key);
    cipher.decrypt(key, vector, encrypted)
}

fn pbes1(
    kind: u8,
    mut parameters: Der<'_>,
    encrypted: &[u8],
    password: &str,
) -> Result<Vec<u8>, DecryptError> {
    let salt = parameters.expect(OCTET_STRING)?;
    let iterations = rounds(parameters.unsigned()?)?;
    let (cipher, key_bytes) = match kind {
        3 => (Cipher::TripleDes, 24),
        4 => (Cipher::TripleDes, 16),
        5 => (Cipher::Rc2, 16),
        _ => (Cipher::Rc2, 5),
    };
    let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
    let derived = |purpose, bytes| derive(sha1, purpose, password, salt, iterations.get(), bytes);
    let mut key = derived(Purpose::Key, key_bytes);
    if kind == 4 {
        key.extend_from_within(..8);
    }
    cipher.decrypt(&key, &derived(Purpose::Vector, 8), encrypted)
}

#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    Rc2,
}

impl Cipher {
    fn key_bytes(self) -> usize {
        match self {
            Cipher::Aes128 | Cipher::Rc2 => 16,
            Cipher::Aes192 | Cipher::TripleDes => 24,
            Cipher::Aes256 => 32,
        }
    }

    fn decrypt(self, key: &[u8], vector: &[u8], encrypted: &[u8]) -> Result<Vec<u8>, DecryptError> {
        match self {
            Cipher::Aes128 => with::<cbc::Decryptor<aes::Aes128>>(key, vector, encrypted),
            Cipher::Aes192 => with::<cbc::Decryptor<aes::Aes192>>(key, vector, encrypted),
            Cipher::Aes256 => with::<cbc::Decryptor<aes::Aes256>>(key, vector, encrypted),
            Cipher::TripleDes => with::<cbc::Decryptor<des::TdesEde3>>(key, vector, encrypted),
            Cipher::Rc2 => {
                let cipher = rc2::Rc2::new_with_eff_key_len(key, key.len() * 8);
                let cipher = cbc::Decryptor::inner_iv_slice_init(cipher, vector);
                padded(cipher.map_err(|_| DecryptError::Damaged)?, encrypted)
            }
        }
    }
}

fn with<C: KeyIvInit + BlockDecryptMut>(
    key: &[u8],
    vector: &[u8],
    encrypted: &[u8],
) -> Result<Vec<u8>, DecryptError> {
    let cipher = C::new_from_slices(key, vector).map_err(|_| DecryptError::Damaged)?;
    padded(cipher, encrypted)
}

fn padded<C: BlockDecryptMut>(cipher: C, encrypted: &[u8]) -> Result<Vec<u8>, DecryptError> {
    cipher
        .decrypt_padded_vec_mut::<Pkcs7>(encrypted)
        .map_err(|_| DecryptError::Password)
}

/// What a key of PKCS#12 is derived for.
#[derive(Clone, Copy)]
pub enum Purpose {
    Key = 1,
    Vector = 2,
    Mac = 3,
}

/// PKCS#12's own derivation of keys (RFC 7292, appendix B.2).
pub fn derive(
    hash: &'static digest::Algorithm,
    purpose: Purpose,
    password: &str,
    salt: &[u8],
    iterations: u32,
    bytes: usize,
) -> Vec<u8> {
    let block = hash.block_len();
    let filled = |pattern: &[u8]| -> Vec<u8> {
        let len = pattern.len().div_ceil(block) * block;
        pattern.iter().copied().cycle().take(len).collect()
    };
    let mut password: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    password.extend([0, 0]);
    let mut input = [filled(salt), filled(&password)].concat();
    let mut derived = Vec::new();
    while derived.len() < bytes {
        let mut first = vec![purpose as u8; block];
        first.extend_from_slice(&input);
        let mut round = digest::digest(hash, &first);
        for _ in 1..iterations {
            round = digest::digest(hash, round.as_ref());
        }
        derived.extend_from_slice(round.as_ref());
        let added: Vec<u8> = round.as_ref().iter().copied().cycle().take(block).collect();
        for part in input.chunks_exact_mut(block) {
            let mut carry = 1_u16;
            for (byte, added) in part.iter_mut().zip(&added).rev() {
                carry += u16::from(*byte) + u16::from(*added);
                *byte = (carry & 0xFF) as u8;
                carry >>= 8;
            }
        }
    }
    derived.truncate(bytes);
    derived
}

/// Whether a store's bytes are those that were written with this password.
pub fn is_authentic(
    hash: &'static digest::Algorithm,
    (salt, iterations): (&[u8], u32),
    password: &str,
    bytes: &[u8],
    expected: &[u8],
) -> bool {
    let algorithm = if hash == &digest::SHA256 {
        hmac::HMAC_SHA256
    } else if hash == &digest::SHA384 {
        hmac::HMAC_SHA384
    } else if hash == &digest::SHA512 {
        hmac::HMAC_SHA512
    } else {
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY
    };
    let key = derive(hash, Purpose::Mac, password, salt, iterations, hash.output_len());
    hmac::verify(&hmac::Key::new(algorithm, &key), bytes, expected).is_ok()
}

/// Only for reading stores that were written with SHA-1.
pub fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkcs12_derives_keys_as_the_standard_says() {
        // The vectors that are commonly used for it, of the password "smeg".
        let salt = [0x0A, 0x58, 0xCF, 0x64, 0x53, 0x0D, 0x82, 0x3F];
        let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        let key = derive(sha1, Purpose::Key, "smeg", &salt, 1, 24);
        assert_eq!(key[..8], [0x8A, 0xAA, 0xE6, 0x29, 0x7B, 0x6C, 0xB0, 0x46]);
        let vector = derive(sha1, Purpose::Vector, "smeg", &salt, 1, 8);
        assert_eq!(vector, [0x79, 0x99, 0x3D, 0xFE, 0x04, 0x8D, 0x3B, 0x76]);
    }

    #[test]
    fn what_is_damaged_is_told() {
        assert_eq!(private_key(&[0x30, 0], "x"), Err(DecryptError::Damaged));
        let unknown = [0x30, 0x0A, 0x30, 5, 6, 3, 0x55, 4, 3, 4, 1, 0];
        assert_eq!(
            private_key(&unknown, "x"),
            Err(DecryptError::Algorithm("2.5.4.3".to_owned()))
        );
    }
}
