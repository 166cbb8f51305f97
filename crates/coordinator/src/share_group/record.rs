//! The records of a share group, and their bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_protocol::internal_records::share_group_current_member_assignment_value::TopicPartitions;
use barnabas_protocol::internal_records::share_group_state_partition_metadata_value::{
    TopicInfo, TopicPartitionsInfo,
};
use barnabas_protocol::internal_records::share_group_target_assignment_member_value::TopicPartition;
use barnabas_protocol::internal_records::*;
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::messages::{Encodable, StrBytes};
use bytes::Bytes;
use uuid::Uuid;

use super::{ShareAssignment, ShareMemberDetails, StatePartitions, StateTopic};
use crate::assignor::Partitions;
use crate::codec::{EncodedRecord, text};
use crate::consumer::record::{GroupEpoch, TargetEpoch};
use crate::error::CoordinatorError;
use crate::record::GroupRecord;

/// The state of a member of a share group: it is always stable.
const STABLE: i8 = 0;

/// A record of a share group; one without a value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareGroupRecord {
    /// ShareGroupMetadata: the group's epoch. The tombstone deletes the group.
    Epoch(Option<GroupEpoch>),
    /// ShareGroupMemberMetadata.
    Member {
        /// The member.
        id: Arc<str>,
        /// What it says of itself.
        value: Option<Arc<ShareMemberDetails>>,
    },
    /// ShareGroupTargetAssignmentMetadata.
    TargetEpoch(Option<TargetEpoch>),
    /// ShareGroupTargetAssignmentMember.
    Target {
        /// The member.
        id: Arc<str>,
        /// What it is to have.
        value: Option<Arc<Partitions>>,
    },
    /// ShareGroupCurrentMemberAssignment.
    Current {
        /// The member.
        id: Arc<str>,
        /// What it has.
        value: Option<Arc<ShareAssignment>>,
    },
    /// ShareGroupStatePartitionMetadata.
    StatePartitions(Option<Arc<StatePartitions>>),
}

fn encoded<T: Encodable>(key: Bytes, value: Option<T>) -> Result<EncodedRecord, CoordinatorError> {
    let value = value
        .map(|value| encode_value(&value, SHARE_GROUP_VALUE_VERSION))
        .transpose()?;
    Ok(EncodedRecord { key, value })
}

/// The record's bytes. Errors: a string too long for Kafka's format.
pub(crate) fn encode(group: &str, record: &ShareGroupRecord) -> Result<EncodedRecord, CoordinatorError> {
    let group = text(group);
    match record {
        ShareGroupRecord::Epoch(value) => {
            let key = ShareGroupMetadataKey::default().with_group_id(group);
            let value = value.map(|value| {
                ShareGroupMetadataValue::default()
                    .with_epoch(value.epoch)
                    .with_metadata_hash(value.metadata_hash)
            });
            encoded(key.to_record_key()?, value)
        }
        ShareGroupRecord::Member { id, value } => {
            let key = ShareGroupMemberMetadataKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            let value = value.as_deref().map(|details| {
                ShareGroupMemberMetadataValue::default()
                    .with_rack_id(details.rack_id.as_deref().map(text))
                    .with_client_id(text(&details.client_id))
                    .with_client_host(text(&details.client_host))
                    .with_subscribed_topic_names(details.topics.iter().map(|topic| text(topic)).collect())
            });
            encoded(key.to_record_key()?, value)
        }
        ShareGroupRecord::TargetEpoch(value) => {
            let key = ShareGroupTargetAssignmentMetadataKey::default().with_group_id(group);
            let value = value.map(|value| {
                ShareGroupTargetAssignmentMetadataValue::default()
                    .with_assignment_epoch(value.epoch)
                    .with_assignment_timestamp(value.timestamp_ms)
            });
            encoded(key.to_record_key()?, value)
        }
        ShareGroupRecord::Target { id, value } => {
            let key = ShareGroupTargetAssignmentMemberKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            let value = value.as_deref().map(|target| {
                let topics = target.iter().map(|(topic, partitions)| {
                    TopicPartition::default()
                        .with_topic_id(*topic)
                        .with_partitions(partitions.iter().copied().collect())
                });
                ShareGroupTargetAssignmentMemberValue::default().with_topic_partitions(topics.collect())
            });
            encoded(key.to_record_key()?, value)
        }
        ShareGroupRecord::Current { id, value } => {
            let key = ShareGroupCurrentMemberAssignmentKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            let value = value.as_deref().map(|current| {
                let topics = current.assigned.iter().map(|(topic, partitions)| {
                    TopicPartitions::default()
                        .with_topic_id(*topic)
                        .with_partitions(partitions.iter().copied().collect())
                });
                ShareGroupCurrentMemberAssignmentValue::default()
                    .with_member_epoch(current.epoch)
                    .with_previous_member_epoch(current.previous_epoch)
                    .with_state(STABLE)
                    .with_assigned_partitions(topics.collect())
            });
            encoded(key.to_record_key()?, value)
        }
        ShareGroupRecord::StatePartitions(value) => {
            let key = ShareGroupStatePartitionMetadataKey::default().with_group_id(group);
            let value = value.as_deref().map(|states| {
                let deleting = states.deleting.iter().map(|(topic_id, name)| {
                    TopicInfo::default()
                        .with_topic_id(*topic_id)
                        .with_topic_name(text(name))
                });
                ShareGroupStatePartitionMetadataValue::default()
                    .with_initializing_topics(infos(&states.initializing))
                    .with_initialized_topics(infos(&states.initialized))
                    .with_deleting_topics(deleting.collect())
            });
            encoded(key.to_record_key()?, value)
        }
    }
}

fn infos(topics: &BTreeMap<Uuid, StateTopic>) -> Vec<TopicPartitionsInfo> {
    let info = |(topic_id, topic): (&Uuid, &StateTopic)| {
        TopicPartitionsInfo::default()
            .with_topic_id(*topic_id)
            .with_topic_name(text(&topic.name))
            .with_partitions(topic.partitions.iter().copied().collect())
    };
    topics.iter().map(info).collect()
}

/// The record that these bytes hold.
/// Errors: a type of record that this coordinator does not keep, or bytes that are not what their type and
/// version say.
pub(crate) fn decode(key: GroupRecordKey, value: Option<&[u8]>) -> Result<GroupRecord, CoordinatorError> {
    let (group, record) = match key {
        GroupRecordKey::ShareGroupMetadata(key) => {
            let value = value.map(decode_value::<ShareGroupMetadataValue>).transpose()?;
            let value = value.map(|value| GroupEpoch {
                epoch: value.epoch,
                metadata_hash: value.metadata_hash,
            });
            (key.group_id, ShareGroupRecord::Epoch(value))
        }
        GroupRecordKey::ShareGroupMemberMetadata(key) => {
            let value = value
                .map(decode_value::<ShareGroupMemberMetadataValue>)
                .transpose()?
                .map(|value| {
                    Arc::new(ShareMemberDetails {
                        rack_id: value.rack_id.as_ref().map(shared),
                        client_id: shared(&value.client_id),
                        client_host: shared(&value.client_host),
                        topics: value.subscribed_topic_names.iter().map(shared).collect(),
                    })
                });
            let id = shared(&key.member_id);
            (key.group_id, ShareGroupRecord::Member { id, value })
        }
        GroupRecordKey::ShareGroupTargetAssignmentMetadata(key) => {
            let value = value
                .map(decode_value::<ShareGroupTargetAssignmentMetadataValue>)
                .transpose()?
                .map(|value| TargetEpoch {
                    epoch: value.assignment_epoch,
                    timestamp_ms: value.assignment_timestamp,
                });
            (key.group_id, ShareGroupRecord::TargetEpoch(value))
        }
        GroupRecordKey::ShareGroupTargetAssignmentMember(key) => {
            let value = value
                .map(decode_value::<ShareGroupTargetAssignmentMemberValue>)
                .transpose()?
                .map(|value| {
                    let topics = value.topic_partitions.into_iter();
                    Arc::new(
                        topics
                            .map(|topic| (topic.topic_id, topic.partitions.into_iter().collect()))
                            .collect(),
                    )
                });
            let id = shared(&key.member_id);
            (key.group_id, ShareGroupRecord::Target { id, value })
        }
        GroupRecordKey::ShareGroupCurrentMemberAssignment(key) => {
            let value = value
                .map(decode_value::<ShareGroupCurrentMemberAssignmentValue>)
                .transpose()?
                .map(|value| {
                    let topics = value.assigned_partitions.into_iter();
                    Arc::new(ShareAssignment {
                        epoch: value.member_epoch,
                        previous_epoch: value.previous_member_epoch,
                        assigned: topics
                            .map(|topic| (topic.topic_id, topic.partitions.into_iter().collect()))
                            .collect(),
                    })
                });
            let id = shared(&key.member_id);
            (key.group_id, ShareGroupRecord::Current { id, value })
        }
        GroupRecordKey::ShareGroupStatePartitionMetadata(key) => {
            let value = value
                .map(decode_value::<ShareGroupStatePartitionMetadataValue>)
                .transpose()?
                .map(|value| {
                    let deleting = value.deleting_topics.iter();
                    Arc::new(StatePartitions {
                        initializing: topics(value.initializing_topics),
                        initialized: topics(value.initialized_topics),
                        deleting: deleting
                            .map(|topic| (topic.topic_id, shared(&topic.topic_name)))
                            .collect(),
                    })
                });
            (key.group_id, ShareGroupRecord::StatePartitions(value))
        }
        // The caller has taken the others.
        _ => return Err(Malformed::Undecodable.into()),
    };
    Ok(GroupRecord::Share {
        group: shared(&group),
        record,
    })
}

fn shared(text: &StrBytes) -> Arc<str> {
    text.as_str().into()
}

fn topics(infos: Vec<TopicPartitionsInfo>) -> BTreeMap<Uuid, StateTopic> {
    let topic = |info: TopicPartitionsInfo| {
        let topic = StateTopic {
            name: shared(&info.topic_name),
            partitions: info.partitions.into_iter().collect(),
        };
        (info.topic_id, topic)
    };
    infos.into_iter().map(topic).collect()
}
