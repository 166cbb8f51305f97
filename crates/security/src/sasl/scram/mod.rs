//! SCRAM (RFC 5802, RFC 7677): both sides know a password, neither sends it, and the server can't even know
//! it.

mod client;
pub mod message;
mod server;

pub use client::{ScramClient, ScramClientError};
pub use server::{ClientFirst, ScramServer};

use std::fmt;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

/// The least iterations of a credential that can be used (Kafka's `ScramMechanism`).
pub const ITERATIONS_MIN: i32 = 4096;

/// The hash function of a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramHash {
    /// Of SCRAM-SHA-256.
    Sha256,
    /// Of SCRAM-SHA-512.
    Sha512,
}

/// What a server keeps of a user's password. What it is printed as tells none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredential {
    /// The salt.
    pub salt: Vec<u8>,
    /// Proves that the client knows the password.
    pub stored_key: Vec<u8>,
    /// Proves that the server knows the credential.
    pub server_key: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: i32,
}

impl ScramCredential {
    /// The credential for a password.
    pub fn of_password(hash: ScramHash, password: &[u8], salt: Vec<u8>, iterations: i32) -> Self {
        let salted = hash.salted_password(password, &salt, iterations);
        let (stored_key, server_key) = hash.keys(&salted);
        ScramCredential {
            salt,
            stored_key,
            server_key,
            iterations,
        }
    }
}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramCredential({} iterations)", self.iterations)
    }
}

impl ScramHash {
    /// `SaltedPassword`: `Hi` of RFC 5802, which is PBKDF2 with one block.
    pub fn salted_password(self, password: &[u8], salt: &[u8], iterations: i32) -> Vec<u8> {
        match self {
            ScramHash::Sha256 => salted::<Hmac<Sha256>>(password, salt, iterations),
            ScramHash::Sha512 => salted::<Hmac<Sha512>>(password, salt, iterations),
        }
    }

    /// `StoredKey` and `ServerKey` of a salted password.
    pub fn keys(self, salted_password: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let client_key = self.mac(salted_password, b"Client Key");
        (self.digest(&client_key), self.mac(salted_password, b"Server Key"))
    }

    /// `HMAC`.
    pub fn mac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        match self {
            ScramHash::Sha256 => mac::<Hmac<Sha256>>(key, text),
            ScramHash::Sha512 => mac::<Hmac<Sha512>>(key, text),
        }
    }

    /// `H`.
    pub fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            ScramHash::Sha256 => Sha256::digest(text).to_vec(),
            ScramHash::Sha512 => Sha512::digest(text).to_vec(),
        }
    }
}

fn salted<M: Mac + KeyInit + Clone>(password: &[u8], salt: &[u8], iterations: i32) -> Vec<u8> {
    let keyed = <M as Mac>::new_from_slice(password).expect("HMAC takes a key of any length");
    let mut first = keyed.clone();
    first.update(salt);
    first.update(&[0, 0, 0, 1]);
    let mut last = first.finalize().into_bytes();
    let mut all = last.to_vec();
    for _ in 1..iterations {
        let mut next = keyed.clone();
        next.update(&last);
        last = next.finalize().into_bytes();
        all.iter_mut().zip(&last).for_each(|(all, byte)| *all ^= byte);
    }
    all
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = <M as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// One byte string over the other, which have the same length.
fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

#[cfg(test)]
mod tests;
