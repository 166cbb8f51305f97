//! The records of `__transaction_state`, and their bytes: TransactionLogKey and TransactionLogValue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::internal_records::{
    TRANSACTION_LOG_VALUE_VERSION, TRANSACTION_LOG_VALUE_VERSION_WITHOUT_FLEXIBLE, TransactionLogKey,
    TransactionLogValue, TransactionPartitions, decode_value, encode_value,
};
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::messages::StrBytes;

use super::state::TransactionState;
use crate::codec::EncodedRecord;
use crate::error::CoordinatorError;

/// A partition by the name of its topic.
pub type TopicPartition = (Arc<str>, i32);

/// What stands for no producer id.
pub const NO_PRODUCER_ID: i64 = -1;
/// What stands for no producer epoch.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// What stands for no time.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// A record of `__transaction_state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// The transactional id.
    pub transactional_id: Arc<str>,
    /// What is known of it; `None` forgets it.
    pub value: Option<TransactionMetadata>,
}

/// A transactional id's producer and its latest transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionMetadata {
    /// Its producer.
    pub producer_id: i64,
    /// The producer id before the last change of this record; -1 for none.
    pub previous_producer_id: i64,
    /// The producer id that follows when the markers are written, because the epochs are used up; -1 for
    /// none.
    pub next_producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The epoch before the last bump that the producer itself asked for. Not in the log, in Kafka neither: a
    /// retry that spans a change of coordinator is fenced.
    pub last_producer_epoch: i16,
    /// How long a transaction may take.
    pub timeout_ms: i32,
    /// Where the latest transaction stands.
    pub state: TransactionState,
    /// The partitions in it, of which those are left that lack a marker.
    pub partitions: BTreeSet<TopicPartition>,
    /// When it began; -1 before the first one.
    pub start_timestamp_ms: i64,
    /// When this last changed.
    pub last_update_timestamp_ms: i64,
    /// transaction.version as the client spoke it: 2 bumps the epoch with every transaction (KIP-890).
    pub client_transaction_version: i16,
}

impl TransactionRecord {
    /// The record's bytes, for a cluster with this `transaction.version`. Errors: a string too long for
    /// Kafka's format.
    pub fn encode(&self, transaction_version: i16) -> Result<EncodedRecord, CoordinatorError> {
        let id = StrBytes::from_string(self.transactional_id.to_string());
        let key = TransactionLogKey::default().with_transactional_id(id);
        let value = self
            .value
            .as_ref()
            .map(|metadata| {
                let value = metadata.to_value();
                if transaction_version > 0 || metadata.client_transaction_version > 0 {
                    return encode_value(&value, TRANSACTION_LOG_VALUE_VERSION);
                }
                // The old format has no room for what only a newer one needs.
                let value = value
                    .with_previous_producer_id(NO_PRODUCER_ID)
                    .with_next_producer_id(NO_PRODUCER_ID);
                encode_value(&value, TRANSACTION_LOG_VALUE_VERSION_WITHOUT_FLEXIBLE)
            })
            .transpose()?;
        Ok(EncodedRecord {
            key: key.to_record_key()?,
            value,
        })
    }

    /// The record that these bytes hold.
    /// Errors: a type of record that this coordinator does not keep, or bytes that are not what their type
    /// and version say.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<TransactionRecord, CoordinatorError> {
        let key = TransactionLogKey::from_record_key(key)?.map_err(CoordinatorError::UnknownType)?;
        let value = value
            .map(|value| TransactionMetadata::from_value(decode_value(value)?))
            .transpose()?;
        Ok(TransactionRecord {
            transactional_id: key.transactional_id.as_str().into(),
            value,
        })
    }
}

impl TransactionMetadata {
    fn to_value(&self) -> TransactionLogValue {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in &self.partitions {
            topics.entry(topic).or_default().push(*partition);
        }
        let partitions = topics.into_iter().map(|(topic, partitions)| {
            TransactionPartitions::default()
                .with_topic(StrBytes::from_string(topic.to_owned()))
                .with_partition_ids(partitions)
        });
        let partitions = (self.state != TransactionState::Empty).then(|| partitions.collect());
        TransactionLogValue::default()
            .with_producer_id(self.producer_id)
            .with_previous_producer_id(self.previous_producer_id)
            .with_next_producer_id(self.next_producer_id)
            .with_producer_epoch(self.producer_epoch)
            .with_transaction_timeout_ms(self.timeout_ms)
            .with_transaction_status(self.state.id())
            .with_transaction_partitions(partitions)
            .with_transaction_last_update_timestamp_ms(self.last_update_timestamp_ms)
            .with_transaction_start_timestamp_ms(self.start_timestamp_ms)
            .with_client_transaction_version(self.client_transaction_version)
    }

    fn from_value(value: TransactionLogValue) -> Result<TransactionMetadata, CoordinatorError> {
        let state = TransactionState::from_id(value.transaction_status).ok_or(Malformed::Undecodable)?;
        let mut partitions = BTreeSet::new();
        for topic in value.transaction_partitions.into_iter().flatten() {
            let name: Arc<str> = topic.topic.as_str().into();
            partitions.extend(topic.partition_ids.iter().map(|id| (name.clone(), *id)));
        }
        Ok(TransactionMetadata {
            producer_id: value.producer_id,
            previous_producer_id: value.previous_producer_id,
            next_producer_id: value.next_producer_id,
            producer_epoch: value.producer_epoch,
            last_producer_epoch: NO_PRODUCER_EPOCH,
            timeout_ms: value.transaction_timeout_ms,
            state,
            partitions,
            start_timestamp_ms: value.transaction_start_timestamp_ms,
            last_update_timestamp_ms: value.transaction_last_update_timestamp_ms,
            client_transaction_version: value.client_transaction_version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn record() -> TransactionRecord {
        let metadata = TransactionMetadata {
            producer_id: 5,
            previous_producer_id: 5,
            next_producer_id: -1,
            producer_epoch: 2,
            last_producer_epoch: -1,
            timeout_ms: 60_000,
            state: TransactionState::Ongoing,
            partitions: [("a".into(), 0), ("a".into(), 2), ("b".into(), 1)].into(),
            start_timestamp_ms: 1000,
            last_update_timestamp_ms: 2000,
            client_transaction_version: 2,
        };
        TransactionRecord {
            transactional_id: "t".into(),
            value: Some(metadata),
        }
    }

    #[test]
    fn bytes_are_kafkas() {
        let encoded = record().encode(2).unwrap();
        assert_eq!(hex(&encoded.key), "0000000174");
        let value = concat!(
            "0001",
            "0000000000000005",
            "0002",
            "0000ea60",
            "01",
            "03",
            "0261",
            "03",
            "0000000000000002",
            "00",
            "0262",
            "02",
            "00000001",
            "00",
            "00000000000007d0",
            "00000000000003e8",
            "02",
            "0008",
            "0000000000000005",
            "0202",
            "0002"
        );
        assert_eq!(hex(encoded.value.as_ref().unwrap()), value);
        let mut empty = record();
        let metadata = empty.value.as_mut().unwrap();
        metadata.state = TransactionState::Empty;
        metadata.partitions.clear();
        metadata.client_transaction_version = 0;
        let value = concat!(
            "0000",
            "0000000000000005",
            "0002",
            "0000ea60",
            "00",
            "ffffffff",
            "00000000000007d0",
            "00000000000003e8"
        );
        assert_eq!(
            hex(empty.encode(0).unwrap().value.as_ref().unwrap()),
            value,
            "no partitions are null; transaction.version 0 has the old format"
        );
    }

    #[test]
    fn every_record_comes_back_and_no_cut_is_taken_for_one() {
        let tombstone = TransactionRecord {
            transactional_id: "t".into(),
            value: None,
        };
        for record in [record(), tombstone] {
            let encoded = record.encode(2).unwrap();
            let value = encoded.value.as_deref();
            assert_eq!(TransactionRecord::decode(&encoded.key, value).unwrap(), record);
            for length in 0..encoded.key.len() {
                assert!(TransactionRecord::decode(&encoded.key[..length], value).is_err());
            }
            for length in 0..value.map_or(0, <[u8]>::len) {
                let cut = value.map(|value| &value[..length]);
                assert!(TransactionRecord::decode(&encoded.key, cut).is_err());
            }
        }
        assert!(matches!(
            TransactionRecord::decode(b"\x00\x01\x00\x01t", None),
            Err(CoordinatorError::UnknownType(1))
        ));
    }
}
