//! [`ConsumerRecord`]s as Apache Kafka's bytes and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_protocol::internal_records::consumer_group_current_member_assignment_value::TopicPartitions;
use barnabas_protocol::internal_records::consumer_group_member_metadata_value::{
    ClassicMemberMetadata, ClassicProtocol,
};
use barnabas_protocol::internal_records::consumer_group_target_assignment_member_value::TopicPartition;
use barnabas_protocol::internal_records::*;
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::messages::{Encodable, StrBytes};
use bytes::Bytes;

use super::member::{Assigned, ClassicDetails, CurrentAssignment, MemberDetails, MemberState};
use super::record::{ConsumerRecord, GroupEpoch, ResolvedRegex, TargetEpoch};
use crate::assignor::Partitions;
use crate::classic::member::MemberProtocol;
use crate::codec::{EncodedRecord, text};
use crate::error::CoordinatorError;
use crate::record::GroupRecord;

/// Key and value of a record of a group that the coordinator assigns.
pub(crate) fn encoded<T: Encodable>(key: Bytes, value: Option<T>) -> Result<EncodedRecord, CoordinatorError> {
    let value = value
        .map(|value| encode_value(&value, CONSUMER_GROUP_VALUE_VERSION))
        .transpose()?;
    Ok(EncodedRecord { key, value })
}

/// The record's bytes. Errors: a string too long for Kafka's format.
pub(crate) fn encode(group: &str, record: &ConsumerRecord) -> Result<EncodedRecord, CoordinatorError> {
    let group = text(group);
    match record {
        ConsumerRecord::Epoch(value) => {
            let key = ConsumerGroupMetadataKey::default().with_group_id(group);
            let value = value.map(|value| {
                ConsumerGroupMetadataValue::default()
                    .with_epoch(value.epoch)
                    .with_metadata_hash(value.metadata_hash)
            });
            encoded(key.to_record_key()?, value)
        }
        ConsumerRecord::LegacyTopics(value) => {
            let key = ConsumerGroupPartitionMetadataKey::default().with_group_id(group);
            let value = value.map(|()| ConsumerGroupPartitionMetadataValue::default());
            encoded(key.to_record_key()?, value)
        }
        ConsumerRecord::Member { id, value } => {
            let key = ConsumerGroupMemberMetadataKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            encoded(key.to_record_key()?, value.as_deref().map(encode_details))
        }
        ConsumerRecord::TargetEpoch(value) => {
            let key = ConsumerGroupTargetAssignmentMetadataKey::default().with_group_id(group);
            let value = value.map(|value| {
                ConsumerGroupTargetAssignmentMetadataValue::default()
                    .with_assignment_epoch(value.epoch)
                    .with_assignment_timestamp(value.timestamp_ms)
            });
            encoded(key.to_record_key()?, value)
        }
        ConsumerRecord::Target { id, value } => {
            let key = ConsumerGroupTargetAssignmentMemberKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            encoded(key.to_record_key()?, value.as_deref().map(encode_target))
        }
        ConsumerRecord::Current { id, value } => {
            let key = ConsumerGroupCurrentMemberAssignmentKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            encoded(key.to_record_key()?, value.as_deref().map(encode_current))
        }
        ConsumerRecord::Regex { regex, value } => {
            let key = ConsumerGroupRegularExpressionKey::default()
                .with_group_id(group)
                .with_regular_expression(text(regex));
            let value = value.as_ref().map(|value| {
                ConsumerGroupRegularExpressionValue::default()
                    .with_topics(value.topics.iter().map(|topic| text(topic)).collect())
                    .with_version(value.version)
                    .with_timestamp(value.timestamp_ms)
            });
            encoded(key.to_record_key()?, value)
        }
    }
}

fn encode_details(details: &MemberDetails) -> ConsumerGroupMemberMetadataValue {
    let protocol = |protocol: &MemberProtocol| {
        ClassicProtocol::default()
            .with_name(text(&protocol.name))
            .with_metadata(protocol.metadata.clone())
    };
    let classic = details.classic.as_ref().map(|classic| {
        ClassicMemberMetadata::default()
            .with_session_timeout_ms(classic.session_timeout_ms)
            .with_supported_protocols(classic.protocols.iter().map(protocol).collect())
    });
    ConsumerGroupMemberMetadataValue::default()
        .with_instance_id(details.instance_id.as_deref().map(text))
        .with_rack_id(details.rack_id.as_deref().map(text))
        .with_client_id(text(&details.client_id))
        .with_client_host(text(&details.client_host))
        .with_subscribed_topic_names(details.topics.iter().map(|topic| text(topic)).collect())
        .with_subscribed_topic_regex(Some(text(&details.regex)))
        .with_rebalance_timeout_ms(details.rebalance_timeout_ms)
        .with_server_assignor(details.assignor.as_deref().map(text))
        .with_classic_member_metadata(classic)
}

fn encode_target(target: &Partitions) -> ConsumerGroupTargetAssignmentMemberValue {
    let topic = |(id, partitions): (&uuid::Uuid, &std::collections::BTreeSet<i32>)| {
        TopicPartition::default()
            .with_topic_id(*id)
            .with_partitions(partitions.iter().copied().collect())
    };
    ConsumerGroupTargetAssignmentMemberValue::default()
        .with_topic_partitions(target.iter().map(topic).collect())
}

fn encode_current(current: &CurrentAssignment) -> ConsumerGroupCurrentMemberAssignmentValue {
    let topics = |assigned: &Assigned| {
        let topic = |(id, partitions): (&uuid::Uuid, &BTreeMap<i32, i32>)| {
            TopicPartitions::default()
                .with_topic_id(*id)
                .with_partitions(partitions.keys().copied().collect())
                .with_assignment_epochs(Some(partitions.values().copied().collect()))
        };
        assigned.iter().map(topic).collect()
    };
    ConsumerGroupCurrentMemberAssignmentValue::default()
        .with_member_epoch(current.epoch)
        .with_previous_member_epoch(current.previous_epoch)
        .with_state(current.state.code())
        .with_assigned_partitions(topics(&current.assigned))
        .with_partitions_pending_revocation(topics(&current.revoking))
}

/// The consumer group's record with this key. Errors: the key is not one's, and those of the value.
pub(crate) fn decode(key: GroupRecordKey, value: Option<&[u8]>) -> Result<GroupRecord, CoordinatorError> {
    let shared = |text: &StrBytes| -> Arc<str> { text.as_str().into() };
    let (group, record) = match key {
        GroupRecordKey::ConsumerGroupMetadata(key) => {
            let value = value
                .map(decode_value::<ConsumerGroupMetadataValue>)
                .transpose()?;
            let value = value.map(|value| GroupEpoch {
                epoch: value.epoch,
                metadata_hash: value.metadata_hash,
            });
            (key.group_id, ConsumerRecord::Epoch(value))
        }
        GroupRecordKey::ConsumerGroupPartitionMetadata(key) => {
            (key.group_id, ConsumerRecord::LegacyTopics(value.map(|_| ())))
        }
        GroupRecordKey::ConsumerGroupMemberMetadata(key) => {
            let value = value
                .map(decode_value::<ConsumerGroupMemberMetadataValue>)
                .transpose()?;
            let record = ConsumerRecord::Member {
                id: shared(&key.member_id),
                value: value.map(|value| Arc::new(decode_details(&value))),
            };
            (key.group_id, record)
        }
        GroupRecordKey::ConsumerGroupTargetAssignmentMetadata(key) => {
            let value = value
                .map(decode_value::<ConsumerGroupTargetAssignmentMetadataValue>)
                .transpose()?;
            let value = value.map(|value| TargetEpoch {
                epoch: value.assignment_epoch,
                timestamp_ms: value.assignment_timestamp,
            });
            (key.group_id, ConsumerRecord::TargetEpoch(value))
        }
        GroupRecordKey::ConsumerGroupTargetAssignmentMember(key) => {
            let value = value
                .map(decode_value::<ConsumerGroupTargetAssignmentMemberValue>)
                .transpose()?;
            let record = ConsumerRecord::Target {
                id: shared(&key.member_id),
                value: value.map(|value| Arc::new(decode_target(&value))),
            };
            (key.group_id, record)
        }
        GroupRecordKey::ConsumerGroupCurrentMemberAssignment(key) => {
            let value = value
                .map(decode_value::<ConsumerGroupCurrentMemberAssignmentValue>)
                .transpose()?;
            let record = ConsumerRecord::Current {
                id: shared(&key.member_id),
                value: value.map(|value| Arc::new(decode_current(&value))),
            };
            (key.group_id, record)
        }
        GroupRecordKey::ConsumerGroupRegularExpression(key) => {
            let value = value
                .map(decode_value::<ConsumerGroupRegularExpressionValue>)
                .transpose()?;
            let record = ConsumerRecord::Regex {
                regex: shared(&key.regular_expression),
                value: value.map(|value| ResolvedRegex {
                    topics: value.topics.iter().map(shared).collect(),
                    version: value.version,
                    timestamp_ms: value.timestamp,
                }),
            };
            (key.group_id, record)
        }
        GroupRecordKey::Unknown(record_type) => return Err(CoordinatorError::UnknownType(record_type)),
        _ => return Err(Malformed::Undecodable.into()),
    };
    Ok(GroupRecord::Consumer {
        group: group.as_str().into(),
        record,
    })
}

fn decode_details(value: &ConsumerGroupMemberMetadataValue) -> MemberDetails {
    let shared = |text: &StrBytes| -> Arc<str> { text.as_str().into() };
    let boxed = |text: &StrBytes| -> Box<str> { text.as_str().into() };
    let protocol = |protocol: &ClassicProtocol| MemberProtocol {
        name: boxed(&protocol.name),
        // Copied, so that a member does not keep its whole record in memory.
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    };
    MemberDetails {
        instance_id: value.instance_id.as_ref().map(shared),
        rack_id: value.rack_id.as_ref().map(boxed),
        client_id: shared(&value.client_id),
        client_host: shared(&value.client_host),
        topics: value.subscribed_topic_names.iter().map(shared).collect(),
        regex: value
            .subscribed_topic_regex
            .as_ref()
            .map_or_else(|| "".into(), shared),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        assignor: value.server_assignor.as_ref().map(boxed),
        classic: value
            .classic_member_metadata
            .as_ref()
            .map(|classic| ClassicDetails {
                session_timeout_ms: classic.session_timeout_ms,
                protocols: classic.supported_protocols.iter().map(protocol).collect(),
            }),
    }
}

fn decode_target(value: &ConsumerGroupTargetAssignmentMemberValue) -> Partitions {
    let topics = value.topic_partitions.iter();
    topics
        .map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect()))
        .collect()
}

fn decode_current(value: &ConsumerGroupCurrentMemberAssignmentValue) -> CurrentAssignment {
    // Records from before there were assignment epochs: the member's epoch stands for them.
    let partitions = |topic: &TopicPartitions| -> BTreeMap<i32, i32> {
        let epochs = topic.assignment_epochs.as_deref().unwrap_or_default();
        let epoch = |place: usize| epochs.get(place).copied().unwrap_or(value.member_epoch);
        let numbered = topic.partitions.iter().enumerate();
        numbered
            .map(|(place, partition)| (*partition, epoch(place)))
            .collect()
    };
    let topics = |topics: &[TopicPartitions]| -> Assigned {
        topics
            .iter()
            .map(|topic| (topic.topic_id, partitions(topic)))
            .collect()
    };
    CurrentAssignment {
        epoch: value.member_epoch,
        previous_epoch: value.previous_member_epoch,
        state: MemberState::from_code(value.state),
        assigned: topics(&value.assigned_partitions),
        revoking: topics(&value.partitions_pending_revocation),
    }
}
