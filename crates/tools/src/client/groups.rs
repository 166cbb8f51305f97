//! Groups, as Kafka's Admin tells of them.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};
use barnabas_protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup as ConsumerGroup,
};
use barnabas_protocol::messages::describe_groups_response::DescribedGroup as ClassicGroup;
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use barnabas_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
    OffsetCommitRequest, OffsetDeleteRequest,
};

use super::leaders::{TopicPartition, by_topic};
use super::membership::assigned_of;
use super::{Broker, Cluster, KafkaError, To, group_id, topic_name, wire};

/// The newest OffsetCommit that names topics by their names.
const COMMIT_BY_NAME: i16 = 9;

/// A group that there is.
#[derive(Clone, Debug)]
pub struct GroupListing {
    /// Its id.
    pub id: String,
    /// What its members call their protocol; `consumer` for those of consumers, empty without members.
    pub protocol_type: String,
    /// `Classic`, `Consumer`, `Share` or `Streams`, where the cluster tells.
    pub group_type: String,
    /// `Stable` and the like, where the cluster tells.
    pub state: String,
}

/// A group and its members.
#[derive(Clone, Debug)]
pub struct GroupDescription {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// The assignor.
    pub assignor: String,
    /// The broker that coordinates it.
    pub coordinator: Option<Broker>,
    /// The group's epoch, and that of its target assignment, where its protocol has them.
    pub epochs: Option<(i32, i32)>,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug)]
pub struct GroupMember {
    /// Its member id.
    pub id: String,
    /// Its `group.instance.id`.
    pub instance: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// What it reads.
    pub assigned: Vec<TopicPartition>,
    /// What it is to read.
    pub target: Vec<TopicPartition>,
    /// Its epoch, where the group's protocol has one.
    pub epoch: Option<i32>,
    /// Whether it speaks the group's newer protocol, where the cluster tells.
    pub is_upgraded: Option<bool>,
}

impl Cluster {
    /// All groups of these types and states; of all where none is named.
    ///
    /// # Errors
    /// A broker doesn't answer.
    pub fn list_groups(&self, types: &[String], states: &[String]) -> Result<Vec<GroupListing>, KafkaError> {
        let mut found: BTreeMap<String, GroupListing> = BTreeMap::new();
        for broker in &self.brokers("findAllBrokers")?.list {
            let response = self.retry("listGroups", || {
                let request = |version| {
                    let wired = |words: &[String]| words.iter().map(|word| wire(word)).collect::<Vec<_>>();
                    ListGroupsRequest::default()
                        .with_states_filter(if version >= 4 { wired(states) } else { Vec::new() })
                        .with_types_filter(if version >= 5 { wired(types) } else { Vec::new() })
                };
                let (_, response) = self.ask_with(To::Broker(broker.id), "listGroups", request)?;
                KafkaError::check(response.error_code, None)?;
                Ok(response)
            })?;
            found.extend(response.groups.iter().map(|group| {
                let listing = GroupListing {
                    id: group.group_id.to_string(),
                    protocol_type: group.protocol_type.to_string(),
                    group_type: group.group_type.to_string(),
                    state: group.group_state.to_string(),
                };
                (listing.id.clone(), listing)
            }));
        }
        let mut groups: Vec<GroupListing> = found.into_values().collect();
        hash_map_order(&mut groups, |group| java_hash(&group.id));
        Ok(groups)
    }

    /// Describes a group of consumers of either protocol.
    ///
    /// # Errors
    /// There is none, or it can't be described.
    pub fn describe_group(&self, id: &str) -> Result<GroupDescription, KafkaError> {
        let name = "describeConsumerGroups";
        self.at_coordinator(id, name, |coordinator| {
            let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(id)]);
            let described = self.ask(coordinator, name, &request).and_then(|response| {
                let Some(group) = response.groups.first() else {
                    return Err(KafkaError::of_code(ErrorCode::GroupIdNotFound.code(), None));
                };
                KafkaError::check(group.error_code, group.error_message.as_deref())?;
                Ok(self.of_consumers(group, coordinator))
            });
            match described {
                Err(error)
                    if error.is(ErrorCode::UnsupportedVersion) || error.is(ErrorCode::GroupIdNotFound) =>
                {
                    self.describe_classic(id, coordinator)
                }
                described => described,
            }
        })
    }

    fn describe_classic(&self, id: &str, coordinator: To) -> Result<GroupDescription, KafkaError> {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(id)]);
        let response = self.ask(coordinator, "describeConsumerGroups", &request)?;
        let Some(group) = response.groups.first() else {
            return Err(KafkaError::of_code(ErrorCode::GroupIdNotFound.code(), None));
        };
        KafkaError::check(group.error_code, group.error_message.as_deref())?;
        self.of_classic(group, coordinator)
    }

    fn of_classic(&self, group: &ClassicGroup, coordinator: To) -> Result<GroupDescription, KafkaError> {
        let member =
            |member: &barnabas_protocol::messages::describe_groups_response::DescribedGroupMember| {
                Ok(GroupMember {
                    id: member.member_id.to_string(),
                    instance: member.group_instance_id.as_ref().map(ToString::to_string),
                    client_id: member.client_id.to_string(),
                    host: member.client_host.to_string(),
                    assigned: assigned_of(member.member_assignment.clone())?,
                    target: Vec::new(),
                    epoch: None,
                    is_upgraded: None,
                })
            };
        Ok(GroupDescription {
            id: group.group_id.to_string(),
            state: group.group_state.to_string(),
            assignor: group.protocol_data.to_string(),
            coordinator: self.known(coordinator),
            epochs: None,
            members: group
                .members
                .iter()
                .map(member)
                .collect::<Result<_, KafkaError>>()?,
        })
    }

    fn of_consumers(&self, group: &ConsumerGroup, coordinator: To) -> GroupDescription {
        let partitions = |assignment: &Assignment| {
            let of_topic =
                |topic: &barnabas_protocol::messages::consumer_group_describe_response::TopicPartitions| {
                    let partitions = topic.partitions.iter();
                    partitions
                        .map(|index| (topic.topic_name.to_string(), *index))
                        .collect::<Vec<_>>()
                };
            assignment.topic_partitions.iter().flat_map(of_topic).collect()
        };
        let members = group.members.iter().map(|member| GroupMember {
            id: member.member_id.to_string(),
            instance: member.instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            host: member.client_host.to_string(),
            assigned: partitions(&member.assignment),
            target: partitions(&member.target_assignment),
            epoch: Some(member.member_epoch),
            is_upgraded: (member.member_type >= 0).then_some(member.member_type == 1),
        });
        GroupDescription {
            id: group.group_id.to_string(),
            state: group.group_state.to_string(),
            assignor: group.assignor_name.to_string(),
            coordinator: self.known(coordinator),
            epochs: Some((group.group_epoch, group.assignment_epoch)),
            members: members.collect(),
        }
    }

    /// The broker that is meant.
    pub(super) fn known(&self, broker: To) -> Option<Broker> {
        self.brokers("describeCluster").ok()?.get(broker.id()?).cloned()
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// It is not empty, or there is none.
    pub fn delete_group(&self, id: &str) -> Result<(), KafkaError> {
        self.at_coordinator(id, "deleteConsumerGroups", |coordinator| {
            let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(id)]);
            let response = self.ask(coordinator, "deleteConsumerGroups", &request)?;
            response
                .results
                .iter()
                .try_for_each(|result| KafkaError::check(result.error_code, None))
        })
    }

    /// Sets a group's offsets from outside; it must have no members.
    ///
    /// # Errors
    /// They are not set.
    pub fn alter_group_offsets(&self, id: &str, offsets: &[(TopicPartition, i64)]) -> Result<(), KafkaError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let topics = by_topic(offsets.iter().cloned())
            .into_iter()
            .map(|(topic, partitions)| {
                let partitions = partitions.into_iter().map(|(index, offset)| {
                    OffsetCommitRequestPartition::default()
                        .with_partition_index(index)
                        .with_committed_offset(offset)
                        .with_committed_leader_epoch(-1)
                        .with_committed_metadata(Some(wire("")))
                });
                OffsetCommitRequestTopic::default()
                    .with_name(topic_name(&topic))
                    .with_partitions(partitions.collect())
            });
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(id))
            .with_generation_id_or_member_epoch(-1)
            .with_retention_time_ms(-1)
            .with_topics(topics.collect());
        self.at_coordinator(id, "alterConsumerGroupOffsets", |coordinator| {
            let response =
                self.ask_up_to(coordinator, "alterConsumerGroupOffsets", COMMIT_BY_NAME, &request)?;
            let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.try_for_each(|partition| KafkaError::check(partition.error_code, None))
        })
    }

    /// Deletes a group's offsets of these partitions, and answers for each.
    ///
    /// # Errors
    /// Nothing of them can be deleted.
    pub fn delete_group_offsets(
        &self,
        id: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Result<(), KafkaError>>, KafkaError> {
        let named = by_topic(partitions.iter().map(|partition| (partition.clone(), ())));
        let topics = named.into_iter().map(|(topic, partitions)| {
            let partitions = partitions
                .into_iter()
                .map(|(index, ())| OffsetDeleteRequestPartition::default().with_partition_index(index));
            OffsetDeleteRequestTopic::default()
                .with_name(topic_name(&topic))
                .with_partitions(partitions.collect())
        });
        let request = OffsetDeleteRequest::default()
            .with_group_id(group_id(id))
            .with_topics(topics.collect());
        self.at_coordinator(id, "deleteConsumerGroupOffsets", |coordinator| {
            let response = self.ask(coordinator, "deleteConsumerGroupOffsets", &request)?;
            KafkaError::check(response.error_code, None)?;
            let mut answers = BTreeMap::new();
            for topic in &response.topics {
                for partition in &topic.partitions {
                    let at = (topic.name.to_string(), partition.partition_index);
                    answers.insert(at, KafkaError::check(partition.error_code, None));
                }
            }
            Ok(answers)
        })
    }
}
