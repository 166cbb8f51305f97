//! The records of groups with the newer protocols, and of the state of share partitions: key and value with
//! the names that their fields have in Apache Kafka's messages.

use std::fmt::Debug;

use barnabas_protocol::internal_records::*;
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::messages::{Decodable, Message};
use serde_json::{Value, json};

/// What a record of `__consumer_offsets` says that belongs to no classic group.
pub fn of_group(key: &GroupRecordKey, value: Option<&[u8]>) -> Result<Value, Malformed> {
    macro_rules! by_type {
        ($($kind:ident => $value:ident,)*) => {
            match key {
                $(GroupRecordKey::$kind(key) => told::<$value>(key, value),)*
                other => Ok(json!(format!("{other:?}"))),
            }
        };
    }
    by_type! {
        ConsumerGroupMetadata => ConsumerGroupMetadataValue,
        ConsumerGroupMemberMetadata => ConsumerGroupMemberMetadataValue,
        ConsumerGroupTargetAssignmentMetadata => ConsumerGroupTargetAssignmentMetadataValue,
        ConsumerGroupTargetAssignmentMember => ConsumerGroupTargetAssignmentMemberValue,
        ConsumerGroupCurrentMemberAssignment => ConsumerGroupCurrentMemberAssignmentValue,
        ConsumerGroupRegularExpression => ConsumerGroupRegularExpressionValue,
        ShareGroupMemberMetadata => ShareGroupMemberMetadataValue,
        ShareGroupMetadata => ShareGroupMetadataValue,
        ShareGroupTargetAssignmentMetadata => ShareGroupTargetAssignmentMetadataValue,
        ShareGroupTargetAssignmentMember => ShareGroupTargetAssignmentMemberValue,
        ShareGroupCurrentMemberAssignment => ShareGroupCurrentMemberAssignmentValue,
        ShareGroupStatePartitionMetadata => ShareGroupStatePartitionMetadataValue,
        StreamsGroupMetadata => StreamsGroupMetadataValue,
        StreamsGroupMemberMetadata => StreamsGroupMemberMetadataValue,
        StreamsGroupTargetAssignmentMetadata => StreamsGroupTargetAssignmentMetadataValue,
        StreamsGroupTargetAssignmentMember => StreamsGroupTargetAssignmentMemberValue,
        StreamsGroupCurrentMemberAssignment => StreamsGroupCurrentMemberAssignmentValue,
        StreamsGroupTopology => StreamsGroupTopologyValue,
    }
}

/// What a record of `__share_group_state` says.
pub fn of_share_state(key: &[u8], value: Option<&[u8]>) -> Result<Value, Malformed> {
    match ShareStateRecordKey::decode(key)? {
        ShareStateRecordKey::Snapshot(key) => told::<ShareSnapshotValue>(&key, value),
        ShareStateRecordKey::Update(key) => told::<ShareUpdateValue>(&key, value),
        ShareStateRecordKey::Unknown(record_type) => {
            Ok(json!(format!("a record of the unknown type {record_type}")))
        }
    }
}

fn told<V: Decodable + Message + Debug>(key: &impl Debug, value: Option<&[u8]>) -> Result<Value, Malformed> {
    let value = value.map(decode_value::<V>).transpose()?;
    Ok(json!({
        "key": format!("{key:?}"),
        "value": value.map(|value| format!("{value:?}")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_share_partitions_are_told() {
        let key = ShareSnapshotKey {
            group_id: "workers".into(),
            partition: 3,
            ..ShareSnapshotKey::default()
        };
        let value = ShareSnapshotValue {
            start_offset: 17,
            ..ShareSnapshotValue::default()
        };
        let (key, value) = (key.to_record_key().unwrap(), encode_value(&value, 0).unwrap());
        let told = of_share_state(&key, Some(&value)).unwrap().to_string();
        for part in ["workers", "partition: 3", "start_offset: 17"] {
            assert!(told.contains(part), "{told}");
        }
        let gone = of_share_state(&key, None).unwrap();
        assert_eq!(gone["value"], Value::Null);
    }
}
