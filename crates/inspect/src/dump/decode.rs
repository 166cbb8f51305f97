//! The records of internal topics, for people to read.

use barnabas_protocol::internal_records::{
    GroupMetadataValue, GroupRecordKey, OffsetCommitValue, TransactionLogKey, TransactionLogValue,
    decode_value,
};
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::metadata_records::{ClusterRecord, ControlRecord};
use barnabas_protocol::records::EndTxnMarker;
use barnabas_protocol::records::Record;
use serde_json::{Value, json};

use super::group_values;

/// Whose records a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// Anybody's.
    None,
    /// `__consumer_offsets`.
    Groups,
    /// `__share_group_state`.
    ShareState,
    /// `__transaction_state`.
    Transactions,
    /// `__cluster_metadata`.
    Metadata,
}

impl Decoder {
    /// By the name of the folder.
    pub fn of_folder(name: &str) -> Decoder {
        match name.rsplit_once('-').map(|(topic, _)| topic) {
            Some("__consumer_offsets") => Decoder::Groups,
            Some("__share_group_state") => Decoder::ShareState,
            Some("__transaction_state") => Decoder::Transactions,
            Some("__cluster_metadata") => Decoder::Metadata,
            _ => Decoder::None,
        }
    }

    /// What a record says; `None` where that isn't known.
    pub fn decode(self, record: &Record<'_>) -> Option<Value> {
        let decoded = match self {
            Decoder::None => return None,
            Decoder::Groups => group_record(record.key?, record.value),
            Decoder::ShareState => group_values::of_share_state(record.key?, record.value),
            Decoder::Transactions => transaction_record(record.key?, record.value),
            Decoder::Metadata => {
                ClusterRecord::decode(record.value?).map(|record| json!(format!("{record:?}")))
            }
        };
        Some(decoded.unwrap_or_else(|error| json!(format!("can't be decoded: {error}"))))
    }

    /// What a control record says.
    pub fn control(self, record: &Record<'_>, payload: &[u8]) -> Value {
        match (self, record.key.and_then(ControlRecord::of_key)) {
            (Decoder::Metadata, Some(kind)) => json!(format!("{kind:?}")),
            _ => match EndTxnMarker::parse(payload) {
                Some(marker) => json!({
                    "marker": if marker.committed { "commit" } else { "abort" },
                    "coordinatorEpoch": marker.coordinator_epoch,
                }),
                None => Value::Null,
            },
        }
    }
}

fn group_record(key: &[u8], value: Option<&[u8]>) -> Result<Value, Malformed> {
    Ok(match GroupRecordKey::decode(key)? {
        GroupRecordKey::OffsetCommit(key) => {
            let value = value.map(decode_value::<OffsetCommitValue>).transpose()?;
            json!({
                "group": key.group.as_str(),
                "topic": key.topic.as_str(),
                "partition": key.partition,
                "commit": value.map(|value| json!({
                    "offset": value.offset,
                    "leaderEpoch": value.leader_epoch,
                    "metadata": value.metadata.as_str(),
                    "commitTimestamp": value.commit_timestamp,
                })),
            })
        }
        GroupRecordKey::GroupMetadata(key) => {
            let value = value.map(decode_value::<GroupMetadataValue>).transpose()?;
            json!({
                "group": key.group.as_str(),
                "metadata": value.map(|value| json!({
                    "protocolType": value.protocol_type.as_str(),
                    "generation": value.generation,
                    "protocol": value.protocol.as_ref().map(|name| name.as_str()),
                    "leader": value.leader.as_ref().map(|id| id.as_str()),
                    "members": value.members.iter().map(|member| member.member_id.as_str()).collect::<Vec<_>>(),
                })),
            })
        }
        GroupRecordKey::Unknown(record_type) => json!(format!("a record of the unknown type {record_type}")),
        other => group_values::of_group(&other, value)?,
    })
}

fn transaction_record(key: &[u8], value: Option<&[u8]>) -> Result<Value, Malformed> {
    let key = match TransactionLogKey::from_record_key(key)? {
        Ok(key) => key,
        Err(record_type) => return Ok(json!(format!("a record of the unknown type {record_type}"))),
    };
    let value = value.map(decode_value::<TransactionLogValue>).transpose()?;
    Ok(json!({
        "transactionalId": key.transactional_id.as_str(),
        "transaction": value.map(|value| json!({
            "producerId": value.producer_id,
            "producerEpoch": value.producer_epoch,
            "timeoutMs": value.transaction_timeout_ms,
            "status": status(value.transaction_status),
            "startTimestamp": value.transaction_start_timestamp_ms,
            "lastUpdateTimestamp": value.transaction_last_update_timestamp_ms,
            "partitions": value.transaction_partitions.iter().flatten().map(|topic| json!({
                "topic": topic.topic.as_str(),
                "partitions": topic.partition_ids,
            })).collect::<Vec<_>>(),
        })),
    }))
}

/// Kafka's `TransactionState`.
fn status(code: i8) -> String {
    let names = [
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "Dead",
        "PrepareEpochFence",
    ];
    let name = usize::try_from(code).ok().and_then(|code| names.get(code));
    name.map_or_else(|| format!("unknown ({code})"), |name| (*name).to_owned())
}
