//! [`GroupRecord`]s as Apache Kafka's bytes and back; the formats are `barnabas_protocol::internal_records`.

use std::sync::Arc;

use barnabas_protocol::internal_records::{
    GROUP_METADATA_VALUE_VERSION, GroupMetadataKey, GroupMetadataValue, GroupRecordKey,
    MemberMetadata as MemberValue, OFFSET_COMMIT_VALUE_VERSION, OFFSET_COMMIT_VALUE_VERSION_WITH_EXPIRY,
    OffsetCommitKey, OffsetCommitValue, decode_value, encode_value,
};
use barnabas_protocol::messages::StrBytes;
use bytes::Bytes;

use crate::consumer;
use crate::error::CoordinatorError;
use crate::record::{CommittedOffset, GroupMetadata, GroupRecord, MemberMetadata};
use crate::share_group;
use crate::streams;

/// What stands for a time that is not known.
const NO_TIMESTAMP: i64 = -1;

/// Key and value of a record as they lie in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedRecord {
    /// The key.
    pub key: Bytes,
    /// The value; `None` for a tombstone.
    pub value: Option<Bytes>,
}

impl GroupRecord {
    /// The record's bytes. Errors: a string too long for Kafka's format.
    pub fn encode(&self) -> Result<EncodedRecord, CoordinatorError> {
        match self {
            GroupRecord::OffsetCommit {
                group,
                topic,
                partition,
                value,
            } => {
                let key = OffsetCommitKey::default()
                    .with_group(text(group))
                    .with_topic(text(topic))
                    .with_partition(*partition);
                let value = value.as_ref().map(encode_offset).transpose()?;
                Ok(EncodedRecord {
                    key: key.to_record_key()?,
                    value,
                })
            }
            GroupRecord::GroupMetadata { group, value } => {
                let key = GroupMetadataKey::default().with_group(text(group));
                let value = value.as_ref().map(encode_group).transpose()?;
                Ok(EncodedRecord {
                    key: key.to_record_key()?,
                    value,
                })
            }
            GroupRecord::Consumer { group, record } => consumer::codec::encode(group, record),
            GroupRecord::Streams { group, record } => streams::codec::encode(group, record),
            GroupRecord::Share { group, record } => share_group::record::encode(group, record),
        }
    }

    /// The record that these bytes hold.
    /// Errors: a type of record that this coordinator does not keep, or bytes that are not what their type
    /// and version say.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<GroupRecord, CoordinatorError> {
        match GroupRecordKey::decode(key)? {
            GroupRecordKey::OffsetCommit(key) => Ok(GroupRecord::OffsetCommit {
                group: key.group.as_str().into(),
                topic: key.topic.as_str().into(),
                partition: key.partition,
                value: value.map(decode_offset).transpose()?,
            }),
            GroupRecordKey::GroupMetadata(key) => Ok(GroupRecord::GroupMetadata {
                group: key.group.as_str().into(),
                value: value.map(decode_group).transpose()?,
            }),
            key @ (GroupRecordKey::ShareGroupMetadata(_)
            | GroupRecordKey::ShareGroupMemberMetadata(_)
            | GroupRecordKey::ShareGroupTargetAssignmentMetadata(_)
            | GroupRecordKey::ShareGroupTargetAssignmentMember(_)
            | GroupRecordKey::ShareGroupCurrentMemberAssignment(_)
            | GroupRecordKey::ShareGroupStatePartitionMetadata(_)) => share_group::record::decode(key, value),
            key => match streams::codec::decode(key, value)? {
                Ok(record) => Ok(record),
                Err(key) => consumer::codec::decode(key, value),
            },
        }
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn encode_offset(offset: &CommittedOffset) -> Result<Bytes, CoordinatorError> {
    let value = OffsetCommitValue::default()
        .with_offset(offset.offset)
        .with_metadata(text(&offset.metadata))
        .with_commit_timestamp(offset.commit_timestamp_ms);
    let encoded = match offset.expire_timestamp_ms {
        Some(at_ms) => encode_value(
            &value.with_expire_timestamp(at_ms),
            OFFSET_COMMIT_VALUE_VERSION_WITH_EXPIRY,
        ),
        None => {
            let value = value
                .with_leader_epoch(offset.leader_epoch)
                .with_topic_id(offset.topic_id);
            encode_value(&value, OFFSET_COMMIT_VALUE_VERSION)
        }
    };
    Ok(encoded?)
}

fn decode_offset(value: &[u8]) -> Result<CommittedOffset, CoordinatorError> {
    let value: OffsetCommitValue = decode_value(value)?;
    Ok(CommittedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.as_str().into(),
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: Some(value.expire_timestamp).filter(|at_ms| *at_ms != NO_TIMESTAMP),
        topic_id: value.topic_id,
    })
}

fn encode_group(group: &GroupMetadata) -> Result<Bytes, CoordinatorError> {
    let member = |member: &MemberMetadata| {
        MemberValue::default()
            .with_member_id(text(&member.id))
            .with_group_instance_id(member.instance_id.as_deref().map(text))
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_rebalance_timeout(member.rebalance_timeout_ms)
            .with_session_timeout(member.session_timeout_ms)
            .with_subscription(member.subscription.clone())
            .with_assignment(member.assignment.clone())
    };
    let value = GroupMetadataValue::default()
        .with_protocol_type(text(&group.protocol_type))
        .with_generation(group.generation_id)
        .with_protocol(group.protocol_name.as_deref().map(text))
        .with_leader(group.leader.as_deref().map(text))
        .with_current_state_timestamp(group.state_timestamp_ms.unwrap_or(NO_TIMESTAMP))
        .with_members(group.members.iter().map(member).collect());
    Ok(encode_value(&value, GROUP_METADATA_VALUE_VERSION)?)
}

fn decode_group(value: &[u8]) -> Result<GroupMetadata, CoordinatorError> {
    let value: GroupMetadataValue = decode_value(value)?;
    let member = |member: &MemberValue| MemberMetadata {
        id: member.member_id.as_str().into(),
        instance_id: member.group_instance_id.as_ref().map(|id| id.as_str().into()),
        client_id: member.client_id.as_str().into(),
        client_host: member.client_host.as_str().into(),
        rebalance_timeout_ms: member.rebalance_timeout,
        session_timeout_ms: member.session_timeout,
        // Copied, so that a member does not keep its whole record in memory.
        subscription: Bytes::copy_from_slice(&member.subscription),
        assignment: Bytes::copy_from_slice(&member.assignment),
    };
    Ok(GroupMetadata {
        protocol_type: value.protocol_type.as_str().into(),
        generation_id: value.generation,
        protocol_name: value.protocol.as_ref().map(|name| name.as_str().into()),
        leader: value.leader.as_ref().map(|id| Arc::from(id.as_str())),
        state_timestamp_ms: Some(value.current_state_timestamp).filter(|at_ms| *at_ms != NO_TIMESTAMP),
        members: value.members.iter().map(member).collect(),
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn offset(expire_timestamp_ms: Option<i64>, topic_id: Uuid) -> GroupRecord {
        GroupRecord::OffsetCommit {
            group: "g".into(),
            topic: "t".into(),
            partition: 3,
            value: Some(CommittedOffset {
                offset: 42,
                leader_epoch: if expire_timestamp_ms.is_some() { -1 } else { 7 },
                metadata: "m".into(),
                commit_timestamp_ms: 1000,
                expire_timestamp_ms,
                topic_id,
            }),
        }
    }

    fn group() -> GroupRecord {
        let member = MemberMetadata {
            id: "m-1".into(),
            instance_id: Some("i".into()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 60_000,
            session_timeout_ms: 10_000,
            subscription: Bytes::from_static(b"sub"),
            assignment: Bytes::new(),
        };
        let value = GroupMetadata {
            protocol_type: "consumer".into(),
            generation_id: 5,
            protocol_name: Some("range".into()),
            leader: Some("m-1".into()),
            state_timestamp_ms: Some(1000),
            members: vec![member],
        };
        GroupRecord::GroupMetadata {
            group: "g".into(),
            value: Some(value),
        }
    }

    #[test]
    fn bytes_are_kafkas() {
        let encoded = offset(None, Uuid::nil()).encode().unwrap();
        assert_eq!(hex(&encoded.key), concat!("0001", "000167", "000174", "00000003"));
        assert_eq!(
            hex(encoded.value.as_ref().unwrap()),
            concat!(
                "0004",
                "000000000000002a",
                "00000007",
                "026d",
                "00000000000003e8",
                "00"
            )
        );
        let expiring = offset(Some(2000), Uuid::nil()).encode().unwrap();
        assert_eq!(
            hex(expiring.value.as_ref().unwrap()),
            concat!(
                "0001",
                "000000000000002a",
                "00016d",
                "00000000000003e8",
                "00000000000007d0"
            )
        );
        let encoded = group().encode().unwrap();
        assert_eq!(hex(&encoded.key), "0002000167");
        assert_eq!(
            hex(encoded.value.as_ref().unwrap()),
            concat!(
                "0003",
                "0008636f6e73756d6572",
                "00000005",
                "000572616e6765",
                "00036d2d31",
                "00000000000003e8",
                "00000001",
                "00036d2d31",
                "000169",
                "000163",
                "000a2f3132372e302e302e31",
                "0000ea60",
                "00002710",
                "00000003737562",
                "00000000"
            )
        );
    }

    #[test]
    fn every_record_comes_back_and_no_cut_is_taken_for_one() {
        let tombstone = GroupRecord::GroupMetadata {
            group: "g".into(),
            value: None,
        };
        for record in [
            offset(None, Uuid::from_u128(9)),
            offset(Some(5), Uuid::nil()),
            group(),
            tombstone,
        ] {
            let encoded = record.encode().unwrap();
            let value = encoded.value.as_deref();
            assert_eq!(GroupRecord::decode(&encoded.key, value).unwrap(), record);
            for length in 0..encoded.key.len() {
                assert!(GroupRecord::decode(&encoded.key[..length], value).is_err());
            }
            for length in 0..value.map_or(0, <[u8]>::len) {
                assert!(GroupRecord::decode(&encoded.key, value.map(|value| &value[..length])).is_err());
            }
        }
    }

    #[test]
    fn old_and_foreign_records() {
        // Version 0 of the key; version 0 of the value, as Kafka 0.9 wrote it.
        let value = b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09";
        let decoded =
            GroupRecord::decode(b"\x00\x00\x00\x01g\x00\x01t\x00\x00\x00\x00", Some(value)).unwrap();
        let GroupRecord::OffsetCommit {
            value: Some(value), ..
        } = decoded
        else {
            panic!("{decoded:?}")
        };
        assert_eq!(
            (value.offset, value.leader_epoch, value.commit_timestamp_ms),
            (5, -1, 9)
        );
        // What is not known is left alone.
        assert!(matches!(
            GroupRecord::decode(b"\x00\x63\x00\x01g", None),
            Err(CoordinatorError::UnknownType(99))
        ));
        assert!(
            GroupRecord::decode(b"\x00\x02\x00\x01g", Some(b"\x00\x09")).is_err(),
            "a version from the future"
        );
    }
}
