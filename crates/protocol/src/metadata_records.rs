//! The records of Apache Kafka's metadata log (`__cluster_metadata`), read when its log directory is taken
//! over.
//!
//! ```text
//! value: frame version, unsigned varint = 1 │ record type, unsigned varint │ version, unsigned varint │ the struct in that version
//! ```
//!
//! Control batches of the same log carry raft's own records; [`ControlRecord`] tells them apart by their key.

use crate::malformed::Malformed;
use crate::messages::{Decodable, Encodable, Message};
use crate::reader::Reader;
use crate::wire;

pub use crate::generated::access_control_entry_record::AccessControlEntryRecord;
pub use crate::generated::client_quota_record::{ClientQuotaRecord, EntityData};
pub use crate::generated::config_record::ConfigRecord;
pub use crate::generated::delegation_token_record::DelegationTokenRecord;
pub use crate::generated::feature_level_record::FeatureLevelRecord;
pub use crate::generated::partition_change_record::PartitionChangeRecord;
pub use crate::generated::partition_record::PartitionRecord;
pub use crate::generated::producer_ids_record::ProducerIdsRecord;
pub use crate::generated::remove_access_control_entry_record::RemoveAccessControlEntryRecord;
pub use crate::generated::remove_delegation_token_record::RemoveDelegationTokenRecord;
pub use crate::generated::remove_topic_record::RemoveTopicRecord;
pub use crate::generated::remove_user_scram_credential_record::RemoveUserScramCredentialRecord;
pub use crate::generated::topic_record::TopicRecord;
pub use crate::generated::user_scram_credential_record::UserScramCredentialRecord;

const FRAME_VERSION: u32 = 1;
/// `ClearElrRecord`, the newest type of Apache Kafka 4.4.
const LAST_KNOWN_TYPE: u32 = 28;

/// A record of Apache Kafka's metadata log: those that say what topics, configs and the like there are.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterRecord {
    /// A topic.
    Topic(TopicRecord),
    /// A new partition.
    Partition(PartitionRecord),
    /// A change of a partition.
    PartitionChange(PartitionChangeRecord),
    /// A topic is gone.
    RemoveTopic(RemoveTopicRecord),
    /// A config was set or deleted.
    Config(ConfigRecord),
    /// A feature was finalized.
    FeatureLevel(FeatureLevelRecord),
    /// A block of producer ids was given out.
    ProducerIds(ProducerIdsRecord),
    /// A quota was set or removed.
    ClientQuota(ClientQuotaRecord),
    /// An ACL.
    AccessControlEntry(AccessControlEntryRecord),
    /// An ACL is gone.
    RemoveAccessControlEntry(RemoveAccessControlEntryRecord),
    /// A SCRAM credential.
    UserScramCredential(UserScramCredentialRecord),
    /// A SCRAM credential is gone.
    RemoveUserScramCredential(RemoveUserScramCredentialRecord),
    /// A delegation token.
    DelegationToken(DelegationTokenRecord),
    /// A delegation token is gone.
    RemoveDelegationToken(RemoveDelegationTokenRecord),
    /// What follows counts only when an [`ClusterRecord::EndTransaction`] comes (KIP-866).
    BeginTransaction,
    /// What came since the beginning of the transaction counts.
    EndTransaction,
    /// What came since the beginning of the transaction never was.
    AbortTransaction,
    /// A record about brokers and controllers, which register anew at every start.
    Membership(u32),
    /// A type that a newer release has added.
    Unknown(u32),
}

impl ClusterRecord {
    /// Decodes a record's value.
    ///
    /// # Errors
    /// `UnsupportedRecordVersion` for a frame or a struct of a newer release; `Undecodable`, `Truncated` and
    /// the like.
    pub fn decode(value: &[u8]) -> Result<ClusterRecord, Malformed> {
        let mut reader = Reader::new(value);
        let frame_version = reader.unsigned_varint()?;
        if frame_version != FRAME_VERSION {
            return Err(Malformed::UnsupportedRecordVersion(frame_version as i16));
        }
        let kind = reader.unsigned_varint()?;
        let version = reader.unsigned_varint()?;
        let body = reader.take(reader.remaining())?;
        Ok(match kind {
            2 => ClusterRecord::Topic(decode(body, version)?),
            3 => ClusterRecord::Partition(decode(body, version)?),
            4 => ClusterRecord::Config(decode(body, version)?),
            5 => ClusterRecord::PartitionChange(decode(body, version)?),
            9 => ClusterRecord::RemoveTopic(decode(body, version)?),
            10 => ClusterRecord::DelegationToken(decode(body, version)?),
            11 => ClusterRecord::UserScramCredential(decode(body, version)?),
            12 => ClusterRecord::FeatureLevel(decode(body, version)?),
            14 => ClusterRecord::ClientQuota(decode(body, version)?),
            15 => ClusterRecord::ProducerIds(decode(body, version)?),
            18 => ClusterRecord::AccessControlEntry(decode(body, version)?),
            19 => ClusterRecord::RemoveAccessControlEntry(decode(body, version)?),
            22 => ClusterRecord::RemoveUserScramCredential(decode(body, version)?),
            23 => ClusterRecord::BeginTransaction,
            24 => ClusterRecord::EndTransaction,
            25 => ClusterRecord::AbortTransaction,
            26 => ClusterRecord::RemoveDelegationToken(decode(body, version)?),
            other if other <= LAST_KNOWN_TYPE => ClusterRecord::Membership(other),
            other => ClusterRecord::Unknown(other),
        })
    }
}

impl FeatureLevelRecord {
    /// The record's value, as [`ClusterRecord::decode`] reads it.
    ///
    /// # Errors
    /// The name is too long.
    pub fn to_value(&self) -> Result<Vec<u8>, Malformed> {
        encode(self, 12)
    }
}

impl UserScramCredentialRecord {
    /// The record's value, as [`ClusterRecord::decode`] reads it.
    ///
    /// # Errors
    /// The name is too long.
    pub fn to_value(&self) -> Result<Vec<u8>, Malformed> {
        encode(self, 11)
    }
}

fn encode<T: Encodable>(record: &T, kind: u32) -> Result<Vec<u8>, Malformed> {
    let mut value = Vec::new();
    for part in [FRAME_VERSION, kind, 0] {
        wire::put_unsigned_varint(&mut value, part);
    }
    record.encode(&mut value, 0).map_err(|_| Malformed::Undecodable)?;
    Ok(value)
}

fn decode<T: Decodable + Message>(mut body: &[u8], version: u32) -> Result<T, Malformed> {
    let version = i16::try_from(version).unwrap_or(i16::MAX);
    if version < T::VERSIONS.min || version > T::VERSIONS.max {
        return Err(Malformed::UnsupportedRecordVersion(version));
    }
    T::decode(&mut body, version).map_err(|_| Malformed::Undecodable)
}

/// What a control record of the metadata log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRecord {
    /// A snapshot begins.
    SnapshotHeader,
    /// A snapshot is complete.
    SnapshotFooter,
    /// How the quorum is run: 1 where it can change its voters (KIP-853).
    KRaftVersion,
    /// The voters of such a quorum.
    KRaftVoters,
    /// A new leader and the like: raft's own affairs.
    Other(i16),
}

impl ControlRecord {
    /// By the record's key: version and type, 16 bits each.
    pub fn of_key(key: &[u8]) -> Option<ControlRecord> {
        let kind = i16::from_be_bytes(*key.get(2..)?.first_chunk()?);
        Some(match kind {
            3 => ControlRecord::SnapshotHeader,
            4 => ControlRecord::SnapshotFooter,
            5 => ControlRecord::KRaftVersion,
            6 => ControlRecord::KRaftVoters,
            other => ControlRecord::Other(other),
        })
    }

    /// The record's key.
    pub fn to_key(self) -> [u8; 4] {
        let kind: i16 = match self {
            ControlRecord::SnapshotHeader => 3,
            ControlRecord::SnapshotFooter => 4,
            ControlRecord::KRaftVersion => 5,
            ControlRecord::KRaftVoters => 6,
            ControlRecord::Other(other) => other,
        };
        let [high, low] = kind.to_be_bytes();
        [0, 0, high, low]
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// `TopicRecord(name="foo", topicId=...)` as `kafka-dump-log --cluster-metadata-decoder` reads it.
    #[test]
    fn a_record_is_decoded_behind_its_frame() {
        let mut value = vec![1, 2, 0, 4];
        value.extend(b"foo");
        value.extend([7; 16]);
        value.push(0);
        let record = ClusterRecord::decode(&value).unwrap();
        let ClusterRecord::Topic(topic) = record else {
            panic!("{record:?}")
        };
        assert_eq!(
            (topic.name.0.as_str(), topic.topic_id),
            ("foo", Uuid::from_bytes([7; 16]))
        );
        for length in 0..value.len() {
            assert!(
                ClusterRecord::decode(&value[..length]).is_err(),
                "cut at {length}"
            );
        }
    }

    #[test]
    fn newer_formats_are_told_apart() {
        assert_eq!(
            ClusterRecord::decode(&[2, 2, 0]),
            Err(Malformed::UnsupportedRecordVersion(2))
        );
        assert_eq!(
            ClusterRecord::decode(&[1, 2, 1]),
            Err(Malformed::UnsupportedRecordVersion(1))
        );
        assert_eq!(ClusterRecord::decode(&[1, 99, 0]), Ok(ClusterRecord::Unknown(99)));
        assert_eq!(
            ClusterRecord::decode(&[1, 0, 4]),
            Ok(ClusterRecord::Membership(0))
        );
    }

    #[test]
    fn snapshots_begin_and_end_with_control_records() {
        assert_eq!(
            ControlRecord::of_key(&[0, 0, 0, 4]),
            Some(ControlRecord::SnapshotFooter)
        );
        assert_eq!(
            ControlRecord::of_key(&[0, 0, 0, 2]),
            Some(ControlRecord::Other(2))
        );
        assert_eq!(ControlRecord::of_key(&[0, 0, 0]), None);
        for kind in 0..9 {
            let key = [0, 0, 0, kind];
            assert_eq!(ControlRecord::of_key(&key).map(ControlRecord::to_key), Some(key));
        }
    }

    #[test]
    fn what_a_formatted_folder_holds_is_read_as_it_was_written() {
        let feature = FeatureLevelRecord::default()
            .with_name("group.version".into())
            .with_feature_level(1);
        let value = feature.to_value().unwrap();
        assert_eq!(value, b"\x01\x0c\x00\x0egroup.version\x00\x01\x00");
        assert_eq!(
            ClusterRecord::decode(&value),
            Ok(ClusterRecord::FeatureLevel(feature))
        );
        let user = UserScramCredentialRecord {
            name: "alice".into(),
            mechanism: 2,
            iterations: 4096,
            ..UserScramCredentialRecord::default()
        };
        let value = user.to_value().unwrap();
        assert_eq!(
            ClusterRecord::decode(&value),
            Ok(ClusterRecord::UserScramCredential(user))
        );
    }
}
