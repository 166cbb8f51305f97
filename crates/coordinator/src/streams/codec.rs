//! [`StreamsRecord`]s as Apache Kafka's bytes and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::internal_records::streams_group_current_member_assignment_value::TaskIds as HeldIds;
use barnabas_protocol::internal_records::streams_group_member_metadata_value::{Endpoint, KeyValue};
use barnabas_protocol::internal_records::streams_group_metadata_value::LastAssignmentConfig;
use barnabas_protocol::internal_records::streams_group_target_assignment_member_value::TaskIds;
use barnabas_protocol::internal_records::*;
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::messages::{Decodable, Message, StrBytes};

use super::member::{StreamsAssignment, StreamsDetails, UserEndpoint, state_code, state_of_code};
use super::record::{StreamsEpoch, StreamsRecord};
use super::tasks::{ActiveTasks, HeldTasks, TaskSet, Tasks};
use super::topology_codec;
use crate::codec::{EncodedRecord, text};
use crate::consumer::codec::encoded;
use crate::consumer::record::TargetEpoch;
use crate::error::CoordinatorError;
use crate::record::GroupRecord;

/// The record's bytes. Errors: a string too long for Kafka's format.
pub(crate) fn encode(group: &str, record: &StreamsRecord) -> Result<EncodedRecord, CoordinatorError> {
    let group = text(group);
    match record {
        StreamsRecord::Epoch(value) => {
            let key = StreamsGroupMetadataKey::default().with_group_id(group);
            encoded(key.to_record_key()?, value.as_deref().map(encode_epoch))
        }
        StreamsRecord::Topology(value) => {
            let key = StreamsGroupTopologyKey::default().with_group_id(group);
            encoded(key.to_record_key()?, value.as_deref().map(topology_codec::encode))
        }
        StreamsRecord::Member { id, value } => {
            let key = StreamsGroupMemberMetadataKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            encoded(key.to_record_key()?, value.as_deref().map(encode_details))
        }
        StreamsRecord::TargetEpoch(value) => {
            let key = StreamsGroupTargetAssignmentMetadataKey::default().with_group_id(group);
            let value = value.map(|value| {
                StreamsGroupTargetAssignmentMetadataValue::default()
                    .with_assignment_epoch(value.epoch)
                    .with_assignment_timestamp(value.timestamp_ms)
            });
            encoded(key.to_record_key()?, value)
        }
        StreamsRecord::Target { id, value } => {
            let key = StreamsGroupTargetAssignmentMemberKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            let value = value.as_deref().map(|target| {
                StreamsGroupTargetAssignmentMemberValue::default()
                    .with_active_tasks(task_ids(&target.active))
                    .with_standby_tasks(task_ids(&target.standby))
                    .with_warmup_tasks(task_ids(&target.warmup))
            });
            encoded(key.to_record_key()?, value)
        }
        StreamsRecord::Current { id, value } => {
            let key = StreamsGroupCurrentMemberAssignmentKey::default()
                .with_group_id(group)
                .with_member_id(text(id));
            encoded(key.to_record_key()?, value.as_deref().map(encode_current))
        }
    }
}

fn encode_epoch(value: &StreamsEpoch) -> StreamsGroupMetadataValue {
    let config = |(key, value): (&String, &String)| {
        LastAssignmentConfig::default()
            .with_key(text(key))
            .with_value(text(value))
    };
    StreamsGroupMetadataValue::default()
        .with_epoch(value.epoch)
        .with_metadata_hash(value.metadata_hash)
        .with_validated_topology_epoch(value.validated_topology_epoch)
        .with_last_assignment_configs(Some(value.assignment_configs.iter().map(config).collect()))
        .with_stored_description_topology_epoch(value.stored_description_epoch)
        .with_failed_description_topology_epoch(value.failed_description_epoch)
}

fn encode_details(details: &StreamsDetails) -> StreamsGroupMemberMetadataValue {
    let endpoint = |endpoint: &UserEndpoint| {
        Endpoint::default()
            .with_host(text(&endpoint.host))
            .with_port(endpoint.port)
    };
    let tag =
        |(key, value): (&String, &String)| KeyValue::default().with_key(text(key)).with_value(text(value));
    StreamsGroupMemberMetadataValue::default()
        .with_instance_id(details.instance_id.as_deref().map(text))
        .with_rack_id(details.rack_id.as_deref().map(text))
        .with_client_id(text(&details.client_id))
        .with_client_host(text(&details.client_host))
        .with_rebalance_timeout_ms(details.rebalance_timeout_ms)
        .with_topology_epoch(details.topology_epoch)
        .with_process_id(text(&details.process_id))
        .with_user_endpoint(details.user_endpoint.as_ref().map(endpoint))
        .with_client_tags(details.client_tags.iter().map(tag).collect())
}

fn task_ids(tasks: &TaskSet) -> Vec<TaskIds> {
    let ids = |(id, partitions): (&Arc<str>, &BTreeSet<i32>)| {
        TaskIds::default()
            .with_subtopology_id(text(id))
            .with_partitions(partitions.iter().copied().collect())
    };
    tasks.iter().map(ids).collect()
}

fn encode_current(current: &StreamsAssignment) -> StreamsGroupCurrentMemberAssignmentValue {
    let copies = |tasks: &TaskSet| {
        let ids = |(id, partitions): (&Arc<str>, &BTreeSet<i32>)| {
            HeldIds::default()
                .with_subtopology_id(text(id))
                .with_partitions(partitions.iter().copied().collect())
        };
        tasks.iter().map(ids).collect()
    };
    let active = |tasks: &ActiveTasks| {
        let ids = |(id, partitions): (&Arc<str>, &BTreeMap<i32, i32>)| {
            HeldIds::default()
                .with_subtopology_id(text(id))
                .with_partitions(partitions.keys().copied().collect())
                .with_assignment_epochs(Some(partitions.values().copied().collect()))
        };
        tasks.iter().map(ids).collect()
    };
    let (assigned, revoking) = (&current.assigned, &current.revoking);
    StreamsGroupCurrentMemberAssignmentValue::default()
        .with_member_epoch(current.epoch)
        .with_previous_member_epoch(current.previous_epoch)
        .with_state(state_code(current.state))
        .with_active_tasks(active(&assigned.active))
        .with_standby_tasks(copies(&assigned.standby))
        .with_warmup_tasks(copies(&assigned.warmup))
        .with_active_tasks_pending_revocation(active(&revoking.active))
        .with_standby_tasks_pending_revocation(copies(&revoking.standby))
        .with_warmup_tasks_pending_revocation(copies(&revoking.warmup))
}

/// The streams group's record with this key; gives the key back if it is not one's. Errors: those of the
/// value.
pub(crate) fn decode(
    key: GroupRecordKey,
    value: Option<&[u8]>,
) -> Result<Result<GroupRecord, GroupRecordKey>, CoordinatorError> {
    let shared = |text: &StrBytes| -> Arc<str> { text.as_str().into() };
    let (group, record) = match key {
        GroupRecordKey::StreamsGroupMetadata(key) => {
            let value = decoded(value, |value: StreamsGroupMetadataValue| {
                Arc::new(decode_epoch(&value))
            })?;
            (key.group_id, StreamsRecord::Epoch(value))
        }
        GroupRecordKey::StreamsGroupTopology(key) => {
            let value = decoded(value, |value: StreamsGroupTopologyValue| {
                Arc::new(topology_codec::decode(&value))
            })?;
            (key.group_id, StreamsRecord::Topology(value))
        }
        GroupRecordKey::StreamsGroupMemberMetadata(key) => {
            let value = decoded(value, |value: StreamsGroupMemberMetadataValue| {
                Arc::new(decode_details(&value))
            })?;
            let id = shared(&key.member_id);
            (key.group_id, StreamsRecord::Member { id, value })
        }
        GroupRecordKey::StreamsGroupTargetAssignmentMetadata(key) => {
            let value = decoded(value, |value: StreamsGroupTargetAssignmentMetadataValue| {
                TargetEpoch {
                    epoch: value.assignment_epoch,
                    timestamp_ms: value.assignment_timestamp,
                }
            })?;
            (key.group_id, StreamsRecord::TargetEpoch(value))
        }
        GroupRecordKey::StreamsGroupTargetAssignmentMember(key) => {
            let value = decoded(value, |value: StreamsGroupTargetAssignmentMemberValue| {
                Arc::new(Tasks {
                    active: decode_ids(&value.active_tasks),
                    standby: decode_ids(&value.standby_tasks),
                    warmup: decode_ids(&value.warmup_tasks),
                })
            })?;
            let id = shared(&key.member_id);
            (key.group_id, StreamsRecord::Target { id, value })
        }
        GroupRecordKey::StreamsGroupCurrentMemberAssignment(key) => {
            let value = decoded(value, |value: StreamsGroupCurrentMemberAssignmentValue| {
                Arc::new(decode_current(&value))
            })?;
            let id = shared(&key.member_id);
            (key.group_id, StreamsRecord::Current { id, value })
        }
        other => return Ok(Err(other)),
    };
    Ok(Ok(GroupRecord::Streams {
        group: group.as_str().into(),
        record,
    }))
}

fn decoded<T: Decodable + Message, R>(
    value: Option<&[u8]>,
    read: impl FnOnce(T) -> R,
) -> Result<Option<R>, Malformed> {
    Ok(value.map(decode_value::<T>).transpose()?.map(read))
}

fn decode_epoch(value: &StreamsGroupMetadataValue) -> StreamsEpoch {
    let configs = value.last_assignment_configs.iter().flatten();
    StreamsEpoch {
        epoch: value.epoch,
        metadata_hash: value.metadata_hash,
        validated_topology_epoch: value.validated_topology_epoch,
        assignment_configs: configs
            .map(|config| (config.key.to_string(), config.value.to_string()))
            .collect(),
        stored_description_epoch: value.stored_description_topology_epoch,
        failed_description_epoch: value.failed_description_topology_epoch,
    }
}

fn decode_details(value: &StreamsGroupMemberMetadataValue) -> StreamsDetails {
    let boxed = |text: &StrBytes| -> Box<str> { text.as_str().into() };
    StreamsDetails {
        instance_id: value.instance_id.as_ref().map(|id| id.as_str().into()),
        rack_id: value.rack_id.as_ref().map(boxed),
        client_id: value.client_id.as_str().into(),
        client_host: value.client_host.as_str().into(),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        topology_epoch: value.topology_epoch,
        process_id: value.process_id.as_str().into(),
        user_endpoint: value.user_endpoint.as_ref().map(|endpoint| UserEndpoint {
            host: boxed(&endpoint.host),
            port: endpoint.port,
        }),
        client_tags: value
            .client_tags
            .iter()
            .map(|tag| (tag.key.to_string(), tag.value.to_string()))
            .collect(),
    }
}

fn decode_ids(tasks: &[TaskIds]) -> TaskSet {
    let ids = |ids: &TaskIds| {
        (
            ids.subtopology_id.as_str().into(),
            ids.partitions.iter().copied().collect(),
        )
    };
    tasks.iter().map(ids).collect()
}

fn decode_current(value: &StreamsGroupCurrentMemberAssignmentValue) -> StreamsAssignment {
    let copies = |tasks: &[HeldIds]| -> TaskSet {
        let ids = |ids: &HeldIds| {
            (
                ids.subtopology_id.as_str().into(),
                ids.partitions.iter().copied().collect(),
            )
        };
        tasks.iter().map(ids).collect()
    };
    // Records from before there were assignment epochs: the member's epoch stands for them.
    let active = |tasks: &[HeldIds]| -> ActiveTasks {
        let ids = |ids: &HeldIds| {
            let epochs = ids.assignment_epochs.as_deref().unwrap_or_default();
            let epoch = |place: usize| epochs.get(place).copied().unwrap_or(value.member_epoch);
            let numbered = ids.partitions.iter().enumerate();
            let partitions = numbered
                .map(|(place, partition)| (*partition, epoch(place)))
                .collect();
            (ids.subtopology_id.as_str().into(), partitions)
        };
        tasks.iter().map(ids).collect()
    };
    StreamsAssignment {
        epoch: value.member_epoch,
        previous_epoch: value.previous_member_epoch,
        state: state_of_code(value.state),
        assigned: HeldTasks {
            active: active(&value.active_tasks),
            standby: copies(&value.standby_tasks),
            warmup: copies(&value.warmup_tasks),
        },
        revoking: HeldTasks {
            active: active(&value.active_tasks_pending_revocation),
            standby: copies(&value.standby_tasks_pending_revocation),
            warmup: copies(&value.warmup_tasks_pending_revocation),
        },
    }
}
