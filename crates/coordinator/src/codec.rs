//! The bytes of [`GroupRecord`]s, as Apache Kafka writes and reads them (OffsetCommitKey.json and its neighbours).
//!
//! ```text
//! key    0|1 OffsetCommit   type i16 | group | topic | partition i32      (0 is the oldest form of the same)
//!        2   GroupMetadata  type i16 | group
//! value  version i16 | fields of the message of that version
//! ```
//!
//! Written as Kafka 4.3 writes them: offsets in version 4, or 1 where they expire; groups in version 3. Read: every version.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::error::CoordinatorError;
use crate::record::{CommittedOffset, GroupMetadata, GroupRecord, MemberMetadata};
use crate::wire::{
    get_bytes, get_compact_bytes, get_compact_string, get_nullable_compact_string, get_nullable_string,
    get_string, get_varint, put_bytes, put_compact_string, put_nullable_string, put_string, put_varint,
    skip_tagged_fields,
};

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
        let mut key = BytesMut::new();
        let value = match self {
            GroupRecord::OffsetCommit {
                group,
                topic,
                partition,
                value,
            } => {
                key.put_i16(1);
                put_string(&mut key, group)?;
                put_string(&mut key, topic)?;
                key.put_i32(*partition);
                value.as_ref().map(encode_offset).transpose()?
            }
            GroupRecord::GroupMetadata { group, value } => {
                key.put_i16(2);
                put_string(&mut key, group)?;
                value.as_ref().map(encode_group).transpose()?
            }
        };
        Ok(EncodedRecord {
            key: key.freeze(),
            value,
        })
    }

    /// The record that these bytes hold; `None` for a type of record that this coordinator does not keep.
    /// Errors: bytes that are not what their type and version say.
    pub fn decode(mut key: &[u8], value: Option<&[u8]>) -> Result<Option<GroupRecord>, CoordinatorError> {
        let key = &mut key;
        match key.try_get_i16()? {
            0 | 1 => Ok(Some(GroupRecord::OffsetCommit {
                group: get_string(key)?.into(),
                topic: get_string(key)?.into(),
                partition: key.try_get_i32()?,
                value: value.map(decode_offset).transpose()?,
            })),
            2 => Ok(Some(GroupRecord::GroupMetadata {
                group: get_string(key)?.into(),
                value: value.map(decode_group).transpose()?,
            })),
            _ => Ok(None),
        }
    }
}

fn encode_offset(offset: &CommittedOffset) -> Result<Bytes, CoordinatorError> {
    let mut out = BytesMut::new();
    if let Some(expire_timestamp_ms) = offset.expire_timestamp_ms {
        out.put_i16(1);
        out.put_i64(offset.offset);
        put_string(&mut out, &offset.metadata)?;
        out.put_i64(offset.commit_timestamp_ms);
        out.put_i64(expire_timestamp_ms);
        return Ok(out.freeze());
    }
    out.put_i16(4);
    out.put_i64(offset.offset);
    out.put_i32(offset.leader_epoch);
    put_compact_string(&mut out, &offset.metadata);
    out.put_i64(offset.commit_timestamp_ms);
    if offset.topic_id.is_nil() {
        put_varint(&mut out, 0);
    } else {
        // One tagged field: tag 0, sixteen bytes.
        put_varint(&mut out, 1);
        put_varint(&mut out, 0);
        put_varint(&mut out, 16);
        out.put_slice(offset.topic_id.as_bytes());
    }
    Ok(out.freeze())
}

fn decode_offset(mut value: &[u8]) -> Result<CommittedOffset, CoordinatorError> {
    let value = &mut value;
    let version = value.try_get_i16()?;
    if !(0..=4).contains(&version) {
        return Err(CoordinatorError::UnknownVersion {
            record: "OffsetCommitValue",
            version,
        });
    }
    let mut offset = CommittedOffset {
        offset: value.try_get_i64()?,
        leader_epoch: if version >= 3 { value.try_get_i32()? } else { -1 },
        metadata: if version >= 4 {
            get_compact_string(value)?
        } else {
            get_string(value)?
        }
        .into(),
        commit_timestamp_ms: value.try_get_i64()?,
        expire_timestamp_ms: None,
        topic_id: Uuid::nil(),
    };
    if version == 1 {
        offset.expire_timestamp_ms = Some(value.try_get_i64()?).filter(|at| *at != -1);
    }
    if version >= 4 {
        skip_tagged_fields(value, |tag, field| {
            if tag == 0 && field.len() == 16 {
                offset.topic_id = Uuid::from_slice(field).unwrap_or_default();
            }
        })?;
    }
    Ok(offset)
}

fn encode_group(group: &GroupMetadata) -> Result<Bytes, CoordinatorError> {
    let mut out = BytesMut::new();
    out.put_i16(3);
    put_string(&mut out, &group.protocol_type)?;
    out.put_i32(group.generation_id);
    put_nullable_string(&mut out, group.protocol_name.as_deref())?;
    put_nullable_string(&mut out, group.leader.as_deref())?;
    out.put_i64(group.state_timestamp_ms.unwrap_or(-1));
    out.put_i32(i32::try_from(group.members.len()).map_err(|_| CoordinatorError::TooLong)?);
    for member in &group.members {
        put_string(&mut out, &member.id)?;
        put_nullable_string(&mut out, member.instance_id.as_deref())?;
        put_string(&mut out, &member.client_id)?;
        put_string(&mut out, &member.client_host)?;
        out.put_i32(member.rebalance_timeout_ms);
        out.put_i32(member.session_timeout_ms);
        put_bytes(&mut out, &member.subscription)?;
        put_bytes(&mut out, &member.assignment)?;
    }
    Ok(out.freeze())
}

fn decode_group(mut value: &[u8]) -> Result<GroupMetadata, CoordinatorError> {
    let value = &mut value;
    let version = value.try_get_i16()?;
    if !(0..=4).contains(&version) {
        return Err(CoordinatorError::UnknownVersion {
            record: "GroupMetadataValue",
            version,
        });
    }
    let flexible = version >= 4;
    let string = if flexible { get_compact_string } else { get_string };
    let nullable = if flexible {
        get_nullable_compact_string
    } else {
        get_nullable_string
    };
    let opaque = if flexible { get_compact_bytes } else { get_bytes };

    let protocol_type = string(value)?.into();
    let generation_id = value.try_get_i32()?;
    let protocol_name = nullable(value)?.map(Into::into);
    let leader = nullable(value)?.map(Arc::from);
    let state_timestamp_ms = if version >= 2 {
        Some(value.try_get_i64()?).filter(|at| *at != -1)
    } else {
        None
    };
    let count = if flexible {
        i64::from(get_varint(value)?) - 1
    } else {
        i64::from(value.try_get_i32()?)
    };
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(MemberMetadata {
            id: string(value)?.into(),
            instance_id: if version >= 3 {
                nullable(value)?.map(Arc::from)
            } else {
                None
            },
            client_id: string(value)?.into(),
            client_host: string(value)?.into(),
            rebalance_timeout_ms: if version >= 1 { value.try_get_i32()? } else { -1 },
            session_timeout_ms: value.try_get_i32()?,
            subscription: opaque(value)?,
            assignment: opaque(value)?,
        });
        if flexible {
            skip_tagged_fields(value, |_, _| {})?;
        }
    }
    if flexible {
        skip_tagged_fields(value, |_, _| {})?;
    }
    Ok(GroupMetadata {
        protocol_type,
        generation_id,
        protocol_name,
        leader,
        state_timestamp_ms,
        members,
    })
}

#[cfg(test)]
mod tests {
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
            assert_eq!(GroupRecord::decode(&encoded.key, value).unwrap(), Some(record));
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
        let Some(GroupRecord::OffsetCommit {
            value: Some(value), ..
        }) = decoded
        else {
            panic!("{decoded:?}")
        };
        assert_eq!(
            (value.offset, value.leader_epoch, value.commit_timestamp_ms),
            (5, -1, 9)
        );
        // A consumer group's metadata (type 3) is left alone.
        assert_eq!(GroupRecord::decode(b"\x00\x03\x00\x01g", None).unwrap(), None);
        assert!(
            GroupRecord::decode(b"\x00\x02\x00\x01g", Some(b"\x00\x09")).is_err(),
            "a version from the future"
        );
    }
}
