//! The records of `__share_group_state`, and their bytes: ShareSnapshot and ShareUpdate.

use std::fmt;
use std::sync::Arc;

use barnabas_protocol::internal_records::{
    ShareSnapshotKey, ShareSnapshotValue, ShareStateRecordKey, ShareUpdateKey, ShareUpdateValue,
    decode_value, encode_value, share_snapshot_value, share_update_value,
};
use barnabas_protocol::kafka_uuid;
use uuid::Uuid;

use super::batches::StateBatch;
use crate::codec::{EncodedRecord, text};
use crate::error::CoordinatorError;

/// The version of both values.
const VALUE_VERSION: i16 = 0;

/// A partition of a topic as one share group reads it. Its text is the key by which FindCoordinator is asked
/// for its coordinator, `group:topic id:partition`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharePartition {
    /// The group.
    pub group: Arc<str>,
    /// The topic.
    pub topic_id: Uuid,
    /// The partition of the topic.
    pub partition: i32,
}

impl fmt::Display for SharePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic_id = kafka_uuid::encode(self.topic_id);
        write!(f, "{}:{topic_id}:{}", self.group, self.partition)
    }
}

/// A record of `__share_group_state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareStateRecord {
    /// The whole state of a share partition; `None` forgets it.
    Snapshot(SharePartition, Option<Box<ShareSnapshot>>),
    /// What has changed in the state of a share partition.
    Update(SharePartition, ShareUpdate),
}

/// The state of a share partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareSnapshot {
    /// Goes up with each snapshot.
    pub snapshot_epoch: i32,
    /// Goes up when the state begins anew.
    pub state_epoch: i32,
    /// The leader epoch in which the share partition was last read.
    pub leader_epoch: i32,
    /// Where the share partition begins; -1 if that isn't known yet.
    pub start_offset: i64,
    /// How many offsets from there on need no delivery any more (KIP-1226); -1 if that isn't known.
    pub delivery_complete_count: i32,
    /// When the state was first written.
    pub created_ms: i64,
    /// When it was written like this.
    pub written_ms: i64,
    /// What is known of the records from the start offset on.
    pub batches: Vec<StateBatch>,
}

/// A change of the state of a share partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareUpdate {
    /// That of the snapshot that it changes.
    pub snapshot_epoch: i32,
    /// See [`ShareSnapshot::leader_epoch`].
    pub leader_epoch: i32,
    /// Where the share partition begins now; -1 if that has not changed.
    pub start_offset: i64,
    /// See [`ShareSnapshot::delivery_complete_count`].
    pub delivery_complete_count: i32,
    /// What is new of the records.
    pub batches: Vec<StateBatch>,
}

/// Both values have a struct of their own for the same batch.
macro_rules! batch_codec {
    ($module:ident, $to:ident, $from:ident) => {
        fn $to(batch: &StateBatch) -> $module::StateBatch {
            $module::StateBatch::default()
                .with_first_offset(batch.first_offset)
                .with_last_offset(batch.last_offset)
                .with_delivery_state(batch.delivery_state)
                .with_delivery_count(batch.delivery_count)
        }

        fn $from(batch: &$module::StateBatch) -> StateBatch {
            StateBatch {
                first_offset: batch.first_offset,
                last_offset: batch.last_offset,
                delivery_state: batch.delivery_state,
                delivery_count: batch.delivery_count,
            }
        }
    };
}

batch_codec!(share_snapshot_value, to_snapshot_batch, from_snapshot_batch);
batch_codec!(share_update_value, to_update_batch, from_update_batch);

impl ShareStateRecord {
    /// Whose state it is.
    pub fn share_partition(&self) -> &SharePartition {
        match self {
            ShareStateRecord::Snapshot(of, _) | ShareStateRecord::Update(of, _) => of,
        }
    }

    /// The record's bytes. Errors: a string too long for Kafka's format.
    pub fn encode(&self) -> Result<EncodedRecord, CoordinatorError> {
        let of = self.share_partition();
        let (key, value) = match self {
            ShareStateRecord::Snapshot(_, snapshot) => {
                let key = ShareSnapshotKey::default()
                    .with_group_id(text(&of.group))
                    .with_topic_id(of.topic_id)
                    .with_partition(of.partition);
                let value = snapshot
                    .as_ref()
                    .map(|snapshot| encode_snapshot(snapshot))
                    .transpose()?;
                (key.to_record_key()?, value)
            }
            ShareStateRecord::Update(_, update) => {
                let key = ShareUpdateKey::default()
                    .with_group_id(text(&of.group))
                    .with_topic_id(of.topic_id)
                    .with_partition(of.partition);
                let value = ShareUpdateValue::default()
                    .with_snapshot_epoch(update.snapshot_epoch)
                    .with_leader_epoch(update.leader_epoch)
                    .with_start_offset(update.start_offset)
                    .with_delivery_complete_count(update.delivery_complete_count)
                    .with_state_batches(update.batches.iter().map(to_update_batch).collect());
                (key.to_record_key()?, Some(encode_value(&value, VALUE_VERSION)?))
            }
        };
        Ok(EncodedRecord { key, value })
    }

    /// The record that these bytes hold; `None` for an update without a value, which says nothing.
    ///
    /// # Errors
    /// A type of record that this coordinator does not keep, or bytes that are not what their type and
    /// version say.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<ShareStateRecord>, CoordinatorError> {
        match ShareStateRecordKey::decode(key)? {
            ShareStateRecordKey::Snapshot(key) => {
                let of = share_partition(&key.group_id, key.topic_id, key.partition);
                let snapshot = value.map(decode_snapshot).transpose()?;
                Ok(Some(ShareStateRecord::Snapshot(of, snapshot)))
            }
            ShareStateRecordKey::Update(key) => {
                let of = share_partition(&key.group_id, key.topic_id, key.partition);
                let update = value.map(decode_update).transpose()?;
                Ok(update.map(|update| ShareStateRecord::Update(of, update)))
            }
            ShareStateRecordKey::Unknown(record_type) => Err(CoordinatorError::UnknownType(record_type)),
        }
    }
}

fn share_partition(group: &str, topic_id: Uuid, partition: i32) -> SharePartition {
    SharePartition {
        group: group.into(),
        topic_id,
        partition,
    }
}

fn encode_snapshot(snapshot: &ShareSnapshot) -> Result<bytes::Bytes, CoordinatorError> {
    let value = ShareSnapshotValue::default()
        .with_snapshot_epoch(snapshot.snapshot_epoch)
        .with_state_epoch(snapshot.state_epoch)
        .with_leader_epoch(snapshot.leader_epoch)
        .with_start_offset(snapshot.start_offset)
        .with_delivery_complete_count(snapshot.delivery_complete_count)
        .with_create_timestamp(snapshot.created_ms)
        .with_write_timestamp(snapshot.written_ms)
        .with_state_batches(snapshot.batches.iter().map(to_snapshot_batch).collect());
    Ok(encode_value(&value, VALUE_VERSION)?)
}

fn decode_snapshot(value: &[u8]) -> Result<Box<ShareSnapshot>, CoordinatorError> {
    let value: ShareSnapshotValue = decode_value(value)?;
    Ok(Box::new(ShareSnapshot {
        snapshot_epoch: value.snapshot_epoch,
        state_epoch: value.state_epoch,
        leader_epoch: value.leader_epoch,
        start_offset: value.start_offset,
        delivery_complete_count: value.delivery_complete_count,
        created_ms: value.create_timestamp,
        written_ms: value.write_timestamp,
        batches: value.state_batches.iter().map(from_snapshot_batch).collect(),
    }))
}

fn decode_update(value: &[u8]) -> Result<ShareUpdate, CoordinatorError> {
    let value: ShareUpdateValue = decode_value(value)?;
    Ok(ShareUpdate {
        snapshot_epoch: value.snapshot_epoch,
        leader_epoch: value.leader_epoch,
        start_offset: value.start_offset,
        delivery_complete_count: value.delivery_complete_count,
        batches: value.state_batches.iter().map(from_update_batch).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn records() -> [ShareStateRecord; 3] {
        let of = share_partition("g", Uuid::from_u128(1), 2);
        let batches = vec![StateBatch {
            first_offset: 10,
            last_offset: 20,
            delivery_state: 2,
            delivery_count: 1,
        }];
        let snapshot = ShareSnapshot {
            snapshot_epoch: 1,
            state_epoch: 3,
            leader_epoch: 4,
            start_offset: 9,
            delivery_complete_count: 5,
            created_ms: 1000,
            written_ms: 2000,
            batches: batches.clone(),
        };
        let update = ShareUpdate {
            snapshot_epoch: 1,
            leader_epoch: 4,
            start_offset: -1,
            delivery_complete_count: -1,
            batches,
        };
        [
            ShareStateRecord::Snapshot(of.clone(), Some(Box::new(snapshot))),
            ShareStateRecord::Snapshot(of.clone(), None),
            ShareStateRecord::Update(of, update),
        ]
    }

    #[test]
    fn bytes_are_kafkas() {
        let [snapshot, tombstone, update] = records().map(|record| record.encode().unwrap());
        let place = concat!("000167", "00000000000000000000000000000001", "00000002");
        assert_eq!(hex(&snapshot.key), format!("0000{place}"));
        assert_eq!(hex(&update.key), format!("0001{place}"));
        assert_eq!(tombstone.key, snapshot.key);
        assert_eq!(tombstone.value, None);
        let batch = concat!("02", "000000000000000a", "0000000000000014", "02", "0001", "00");
        assert_eq!(
            hex(&snapshot.value.unwrap()),
            [
                "0000",
                "00000001",
                "00000003",
                "00000004",
                "0000000000000009",
                "00000000000003e8",
                "00000000000007d0",
                batch,
                "01",
                "00",
                "04",
                "00000005",
            ]
            .concat()
        );
        assert_eq!(
            hex(&update.value.unwrap()),
            ["0000", "00000001", "00000004", "ffffffffffffffff", batch, "00"].concat()
        );
    }

    #[test]
    fn every_record_comes_back_and_no_cut_is_taken_for_one() {
        for record in records() {
            let encoded = record.encode().unwrap();
            let value = encoded.value.as_deref();
            assert_eq!(
                ShareStateRecord::decode(&encoded.key, value).unwrap(),
                Some(record)
            );
            for length in 0..encoded.key.len() {
                assert!(ShareStateRecord::decode(&encoded.key[..length], value).is_err());
            }
            for length in 0..value.map_or(0, <[u8]>::len) {
                let cut = value.map(|value| &value[..length]);
                assert!(ShareStateRecord::decode(&encoded.key, cut).is_err());
            }
        }
        assert!(matches!(
            ShareStateRecord::decode(b"\x00\x02\x00\x01g", None),
            Err(CoordinatorError::UnknownType(2))
        ));
    }
}
