//! Share groups (KIP-932): their members, and where they stand.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_share_group_offsets_request::{
    AlterShareGroupOffsetsRequestPartition, AlterShareGroupOffsetsRequestTopic,
};
use barnabas_protocol::messages::delete_share_group_offsets_request::DeleteShareGroupOffsetsRequestTopic;
use barnabas_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use barnabas_protocol::messages::{
    AlterShareGroupOffsetsRequest, DeleteShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequest,
    ShareGroupDescribeRequest,
};

use super::leaders::{TopicPartition, by_topic};
use super::{Broker, Cluster, KafkaError, group_id, topic_name};

/// A share group and its members.
#[derive(Clone, Debug)]
pub struct ShareGroup {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// The broker that coordinates it.
    pub coordinator: Option<Broker>,
    /// Its epoch, and that of its target assignment.
    pub epochs: (i32, i32),
    /// Its members.
    pub members: Vec<ShareMember>,
}

/// A member of a share group.
#[derive(Clone, Debug)]
pub struct ShareMember {
    /// Its member id.
    pub id: String,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// Its epoch.
    pub epoch: i32,
    /// What it reads.
    pub assigned: Vec<TopicPartition>,
}

/// Where a share group stands in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareOffset {
    /// Below it all is done.
    pub start_offset: i64,
    /// The epoch of the leader that wrote so.
    pub leader_epoch: i32,
    /// How many records lie ahead; none where it can't be told.
    pub lag: Option<i64>,
}

impl Cluster {
    /// Describes a share group.
    ///
    /// # Errors
    /// There is none, or it can't be described.
    pub fn describe_share_group(&self, id: &str) -> Result<ShareGroup, KafkaError> {
        let name = "describeShareGroups";
        self.at_coordinator(id, name, |coordinator| {
            let request = ShareGroupDescribeRequest::default().with_group_ids(vec![group_id(id)]);
            let response = self.ask(coordinator, name, &request)?;
            let Some(group) = response.groups.first() else {
                return Err(KafkaError::of_code(ErrorCode::GroupIdNotFound.code(), None));
            };
            KafkaError::check(group.error_code, group.error_message.as_deref())?;
            let members = group.members.iter().map(|member| {
                let topics = member.assignment.topic_partitions.iter();
                let assigned = topics.flat_map(|topic| {
                    let indexes = topic.partitions.iter();
                    indexes.map(|index| (topic.topic_name.to_string(), *index))
                });
                ShareMember {
                    id: member.member_id.to_string(),
                    client_id: member.client_id.to_string(),
                    host: member.client_host.to_string(),
                    epoch: member.member_epoch,
                    assigned: assigned.collect(),
                }
            });
            Ok(ShareGroup {
                id: group.group_id.to_string(),
                state: group.group_state.to_string(),
                coordinator: self.known(coordinator),
                epochs: (group.group_epoch, group.assignment_epoch),
                members: members.collect(),
            })
        })
    }

    /// Where a share group stands in all partitions that it has state of.
    ///
    /// # Errors
    /// It can't be found out.
    pub fn share_group_offsets(&self, id: &str) -> Result<BTreeMap<TopicPartition, ShareOffset>, KafkaError> {
        let name = "listShareGroupOffsets";
        self.at_coordinator(id, name, |coordinator| {
            let group = DescribeShareGroupOffsetsRequestGroup::default()
                .with_group_id(group_id(id))
                .with_topics(None);
            let request = DescribeShareGroupOffsetsRequest::default().with_groups(vec![group]);
            let response = self.ask(coordinator, name, &request)?;
            let mut found = BTreeMap::new();
            for group in response.groups {
                KafkaError::check(group.error_code, group.error_message.as_deref())?;
                for topic in group.topics {
                    for at in topic.partitions {
                        if at.error_code != 0 || at.start_offset < 0 {
                            continue;
                        }
                        let offset = ShareOffset {
                            start_offset: at.start_offset,
                            leader_epoch: at.leader_epoch,
                            lag: (at.lag >= 0).then_some(at.lag),
                        };
                        found.insert((topic.topic_name.to_string(), at.partition_index), offset);
                    }
                }
            }
            Ok(found)
        })
    }

    /// Has a share group without members begin at these offsets.
    ///
    /// # Errors
    /// It is not so; of several partitions' errors the first.
    pub fn alter_share_group_offsets(
        &self,
        id: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), KafkaError> {
        let topics = by_topic(offsets.clone()).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(index, offset)| {
                AlterShareGroupOffsetsRequestPartition::default()
                    .with_partition_index(index)
                    .with_start_offset(offset)
            });
            AlterShareGroupOffsetsRequestTopic::default()
                .with_topic_name(topic_name(&topic))
                .with_partitions(partitions.collect())
        });
        let request = AlterShareGroupOffsetsRequest::default()
            .with_group_id(group_id(id))
            .with_topics(topics.collect());
        let name = "alterShareGroupOffsets";
        self.at_coordinator(id, name, |coordinator| {
            let response = self.ask(coordinator, name, &request)?;
            KafkaError::check(response.error_code, response.error_message.as_deref())?;
            let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            partitions.try_for_each(|partition| {
                KafkaError::check(partition.error_code, partition.error_message.as_deref())
            })
        })
    }

    /// Has a share group without members forget topics; what became of each.
    ///
    /// # Errors
    /// It forgets none.
    pub fn delete_share_group_offsets(
        &self,
        id: &str,
        topics: &[String],
    ) -> Result<BTreeMap<String, Option<KafkaError>>, KafkaError> {
        let wanted = topics
            .iter()
            .map(|topic| DeleteShareGroupOffsetsRequestTopic::default().with_topic_name(topic_name(topic)));
        let request = DeleteShareGroupOffsetsRequest::default()
            .with_group_id(group_id(id))
            .with_topics(wanted.collect());
        let name = "deleteShareGroupOffsets";
        self.at_coordinator(id, name, |coordinator| {
            let response = self.ask(coordinator, name, &request)?;
            KafkaError::check(response.error_code, response.error_message.as_deref())?;
            let outcome = |topic: &barnabas_protocol::messages::delete_share_group_offsets_response::DeleteShareGroupOffsetsResponseTopic| {
                let error = KafkaError::check(topic.error_code, topic.error_message.as_deref()).err();
                (topic.topic_name.to_string(), error)
            };
            Ok(response.responses.iter().map(outcome).collect())
        })
    }
}
