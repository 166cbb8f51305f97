//! AlterUserScramCredentials (key 51, KIP-554): sets and removes what users' passwords are checked with.
//! Kafka's `ScramControlManager`.
//!
//! The request carries a password that is salted and hashed already. Only keys that follow from it are kept,
//! as RFC 5802 has them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::AlterUserScramCredentialsRequest;
use barnabas_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use serde::{Deserialize, Serialize};

use super::{ApiError, Decide, DecideContext, Decision, wire};
use crate::image::MetadataImage;
use crate::records::{MetadataRecord, ScramCredentialRecord, ScramMechanism};

/// The least number of iterations.
pub const ITERATIONS_MIN: i32 = 4096;
/// The greatest number of iterations.
pub const ITERATIONS_MAX: i32 = 16384;

/// Alters credentials, one of each user; each succeeds or fails on its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlterUserScramCredentials(#[serde(with = "wire::request")] pub AlterUserScramCredentialsRequest);

impl Decide for AlterUserScramCredentials {
    /// An outcome for each user.
    type Reply = BTreeMap<String, Result<(), ApiError>>;

    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let deletions = self
            .0
            .deletions
            .iter()
            .map(|deletion| (deletion.name.to_string(), delete(deletion, image)));
        let upsertions = self
            .0
            .upsertions
            .iter()
            .map(|upsertion| (upsertion.name.to_string(), upsert(upsertion)));
        let mut decided: BTreeMap<String, Result<MetadataRecord, ApiError>> = BTreeMap::new();
        for (name, outcome) in deletions.chain(upsertions) {
            match decided.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(outcome);
                }
                // As in Apache Kafka, a user's first error stays.
                Entry::Occupied(mut entry) if entry.get().is_ok() => {
                    *entry.get_mut() = Err(altered_twice());
                }
                Entry::Occupied(_) => {}
            }
        }
        let mut records = Vec::new();
        let mut reply = Self::Reply::new();
        for (name, outcome) in decided {
            reply.insert(name, outcome.map(|record| records.push(record)));
        }
        Decision { records, reply }
    }
}

fn altered_twice() -> ApiError {
    ApiError::new(
        ErrorCode::DuplicateResource,
        "A user credential cannot be altered twice in the same request",
    )
}

fn delete(deletion: &ScramCredentialDeletion, image: &MetadataImage) -> Result<MetadataRecord, ApiError> {
    let mechanism = check(&deletion.name, deletion.mechanism)?;
    let of_user = image.scram.get(deletion.name.as_str());
    if !of_user.is_some_and(|of_user| of_user.contains_key(&mechanism)) {
        return Err(ApiError::new(
            ErrorCode::ResourceNotFound,
            "Attempt to delete a user credential that does not exist",
        ));
    }
    Ok(MetadataRecord::RemoveUserScramCredential {
        name: deletion.name.to_string(),
        mechanism,
    })
}

fn upsert(upsertion: &ScramCredentialUpsertion) -> Result<MetadataRecord, ApiError> {
    let mechanism = check(&upsertion.name, upsertion.mechanism)?;
    if upsertion.iterations < ITERATIONS_MIN {
        return Err(unacceptable("Too few iterations"));
    }
    if upsertion.iterations > ITERATIONS_MAX {
        return Err(unacceptable("Too many iterations"));
    }
    if upsertion.salted_password.is_empty() {
        // Apache Kafka's HMAC takes no empty key, and nobody expects its error.
        return Err(ApiError::bare(ErrorCode::UnknownServerError));
    }
    let (stored_key, server_key) = keys(mechanism, &upsertion.salted_password);
    Ok(MetadataRecord::UserScramCredential(ScramCredentialRecord {
        name: upsertion.name.to_string(),
        mechanism,
        salt: upsertion.salt.to_vec(),
        stored_key,
        server_key,
        iterations: upsertion.iterations,
    }))
}

fn check(name: &str, mechanism: i8) -> Result<ScramMechanism, ApiError> {
    if name.is_empty() {
        return Err(unacceptable("Username must not be empty"));
    }
    ScramMechanism::from_code(mechanism)
        .ok_or_else(|| ApiError::new(ErrorCode::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"))
}

fn unacceptable(message: &str) -> ApiError {
    ApiError::new(ErrorCode::UnacceptableCredential, message)
}

/// A password salted and hashed: `Hi` of RFC 5802, which is PBKDF2 with one block.
pub fn salted_password(mechanism: ScramMechanism, password: &[u8], salt: &[u8], iterations: i32) -> Vec<u8> {
    let sign = |text: &[u8]| match mechanism {
        ScramMechanism::Sha256 => mac::<Hmac<Sha256>>(password, text),
        ScramMechanism::Sha512 => mac::<Hmac<Sha512>>(password, text),
    };
    let mut last = sign(&[salt, &[0, 0, 0, 1]].concat());
    let mut all = last.clone();
    for _ in 1..iterations {
        last = sign(&last);
        all.iter_mut().zip(&last).for_each(|(all, byte)| *all ^= byte);
    }
    all
}

/// `StoredKey` and `ServerKey` of RFC 5802.
pub fn keys(mechanism: ScramMechanism, salted_password: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match mechanism {
        ScramMechanism::Sha256 => {
            let sign = |text: &[u8]| mac::<Hmac<Sha256>>(salted_password, text);
            (Sha256::digest(sign(b"Client Key")).to_vec(), sign(b"Server Key"))
        }
        ScramMechanism::Sha512 => {
            let sign = |text: &[u8]| mac::<Hmac<Sha512>>(salted_password, text);
            (Sha512::digest(sign(b"Client Key")).to_vec(), sign(b"Server Key"))
        }
    }
}

fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = <M as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The exchange of RFC 7677: user `user`, password `pencil`, 4096 iterations.
    #[test]
    fn the_keys_are_those_of_the_rfc() {
        let salted = [
            0xc4, 0xa4, 0x95, 0x10, 0x32, 0x3a, 0xb4, 0xf9, 0x52, 0xca, 0xc1, 0xfa, 0x99, 0x44, 0x19, 0x39,
            0xe7, 0x8e, 0xa7, 0x4d, 0x6b, 0xe8, 0x1d, 0xdf, 0x70, 0x96, 0xe8, 0x75, 0x13, 0xdc, 0x61, 0x5d,
        ];
        // "W22ZaJ0SNY7soEsUEjb6gQ==" of the RFC.
        let salt = 0x5b6d_9968_9d12_358e_eca0_4b14_1236_fa81_u128.to_be_bytes();
        let hashed = salted_password(ScramMechanism::Sha256, b"pencil", &salt, 4096);
        assert_eq!(hashed, salted);
        let (stored, server) = keys(ScramMechanism::Sha256, &salted);
        assert_eq!(
            hex(&stored),
            "586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6"
        );
        assert_eq!(
            hex(&server),
            "c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5"
        );
        let (stored, server) = keys(ScramMechanism::Sha512, &salted);
        assert_eq!((stored.len(), server.len()), (64, 64));
    }
}
