//! The public keys of an issuer of tokens (JWKS, RFC 7517), and what they verify (JWS, RFC 7515, RFC
//! 7518): RSA and ECDSA. What has no key (`none`) or a shared one (`HS256`) is not known here.

use std::sync::OnceLock;

use arc_swap::ArcSwap;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};

use crate::sasl::base64;

/// More keys than this no issuer has.
const KEYS_MAX: usize = 100;
/// Names of keys are not longer.
const KEY_ID_MAX: usize = 1024;

/// The keys of an issuer.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, where it says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
}

impl KeySet {
    /// Reads a set. Keys that this version doesn't know, and those that are not for signatures, are left out.
    ///
    /// # Errors
    /// It is none, or has too many.
    pub fn parse(json: &[u8]) -> Result<KeySet, String> {
        let set: Map<String, Value> =
            serde_json::from_slice(json).map_err(|error| format!("no set of keys: {error}"))?;
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or("no set of keys: there is no list `keys` in it")?;
        if keys.len() > KEYS_MAX {
            return Err(format!("{} keys are too many", keys.len()));
        }
        Ok(KeySet(keys.iter().filter_map(Key::read).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key has signed the message. One that is named is the only one to ask; where none is, all
    /// that fit are. `None` where the one that is named is not there.
    pub fn verify(
        &self,
        (algorithm, id): (&str, Option<&str>),
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let named = |key: &&Key| id.is_none() || key.id.as_deref() == id;
        let mut named = self.0.iter().filter(named).peekable();
        named.peek()?;
        Some(named.any(|key| key.has_signed(algorithm, message, signature)))
    }
}

impl Key {
    fn read(value: &Value) -> Option<Key> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let bytes = |name: &str| base64::decode_url(text(name)?.trim_end_matches('='));
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa {
                modulus: without_zeros(bytes("n")?),
                exponent: without_zeros(bytes("e")?),
            },
            ("EC", Some("P-256")) => Material::P256(point(bytes("x")?, bytes("y")?, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(bytes("x")?, bytes("y")?, 48)?),
            _ => return None,
        };
        Some(Key {
            id: text("kid").map(str::to_owned),
            algorithm: text("alg").map(str::to_owned),
            material,
        })
    }

    /// Whether the key is of the algorithm, and has signed the message by it.
    fn has_signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        if self.algorithm.as_ref().is_some_and(|own| own != algorithm) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Rsa { modulus, exponent }, algorithm) => {
                let components = RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                rsa(algorithm).is_some_and(|rsa| components.verify(rsa, message, signature).is_ok())
            }
            (Material::P256(point), "ES256") => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            (Material::P384(point), "ES384") => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            _ => false,
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    match algorithm {
        "RS256" => Some(&RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Some(&RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Some(&RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Some(&RSA_PSS_2048_8192_SHA256),
        "PS384" => Some(&RSA_PSS_2048_8192_SHA384),
        "PS512" => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// A point as ring reads it: uncompressed.
fn point(x: Vec<u8>, y: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    let fits = x.len() == length && y.len() == length;
    fits.then(|| [&[4], &*x, &*y].concat())
}

fn without_zeros(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// Keys that are renewed by whoever fetches them, while logins go on.
#[derive(Default)]
pub struct SharedKeys {
    keys: ArcSwap<KeySet>,
    wanted: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl SharedKeys {
    /// Calls `wanted` whenever a token names a key that is not there. It may be called often.
    pub fn fetched_by(&self, wanted: impl Fn() + Send + Sync + 'static) {
        drop(self.wanted.set(Box::new(wanted)));
    }

    /// Takes over a set.
    pub fn store(&self, keys: KeySet) {
        self.keys.store(keys.into());
    }

    /// Whether a key has signed the message.
    pub(super) fn verify(
        &self,
        (algorithm, id): (&str, Option<&str>),
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if id.is_some_and(|id| id.len() > KEY_ID_MAX) {
            return false;
        }
        let verified = self.keys.load().verify((algorithm, id), message, signature);
        if verified.is_none()
            && let Some(wanted) = self.wanted.get()
        {
            wanted();
        }
        verified == Some(true)
    }
}

impl std::fmt::Debug for SharedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SharedKeys({})", self.keys.load().len())
    }
}
