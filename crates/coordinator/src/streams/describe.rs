//! StreamsGroupDescribe, versions 0 and 1.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_describe_response::{
    Assignment, DescribedGroup, Endpoint, KeyValue, Member, Subtopology, TaskIds, TaskOffset, TopicInfo,
    Topology,
};
use barnabas_protocol::messages::{GroupId, StrBytes, TopicName};

use super::assignor::STICKY;
use super::configure::ConfiguredTopology;
use super::group::{StreamsGroup, TaskOffsets};
use super::member::StreamsMember;
use super::tasks::{TaskSet, Tasks};
use super::topology;
use crate::codec::text;
use crate::group::GroupShard;

/// From this version on the answer names the assignor (KIP-1357).
const ASSIGNOR_SINCE: i16 = 1;

impl GroupShard {
    /// Describes a streams group.
    pub fn describe_streams(
        &self,
        group_id: &str,
        api_version: i16,
        with_description: bool,
    ) -> DescribedGroup {
        let described = DescribedGroup::default().with_group_id(GroupId(text(group_id)));
        let group = match self.known_streams_group(group_id) {
            Ok(group) => group,
            Err(refusal) => {
                return described
                    .with_error_code(ErrorCode::GroupIdNotFound.code())
                    .with_error_message(refusal.message.map(StrBytes::from_string));
            }
        };
        let configured = group
            .soft
            .configured
            .as_ref()
            .filter(|configured| configured.is_ready());
        let topology = match (configured, &group.topology) {
            (Some(configured), _) => Some(as_configured(configured)),
            (None, Some(topology)) => Some(as_sent(topology)),
            (None, None) => None,
        };
        let assignor = (api_version >= ASSIGNOR_SINCE).then(|| StrBytes::from_static_str(STICKY));
        let described = described
            .with_group_state(StrBytes::from_static_str(group.state().name()))
            .with_group_epoch(group.epoch.epoch)
            .with_assignment_epoch(group.target_epoch.epoch)
            .with_topology(topology)
            .with_members(
                group
                    .members
                    .values()
                    .map(|member| describe_member(group, member))
                    .collect(),
            )
            .with_assignor_name(assignor);
        group.describe_topology(described, with_description)
    }
}

fn names(names: &[Arc<str>]) -> Vec<TopicName> {
    let mut names: Vec<TopicName> = names.iter().map(|name| TopicName(text(name))).collect();
    names.sort();
    names
}

fn topic_infos(topics: &[topology::TopicInfo]) -> Vec<TopicInfo> {
    let info = |topic: &topology::TopicInfo| {
        let config = |(name, value): &(Box<str>, Box<str>)| {
            KeyValue::default().with_key(text(name)).with_value(text(value))
        };
        TopicInfo::default()
            .with_name(TopicName(text(&topic.name)))
            .with_partitions(topic.partitions)
            .with_replication_factor(topic.replication_factor)
            .with_topic_configs(topic.configs.iter().map(config).collect())
    };
    topics.iter().map(info).collect()
}

fn as_configured(configured: &ConfiguredTopology) -> Topology {
    let subtopologies = configured.subtopologies.as_ref().map(|subtopologies| {
        let one = |(id, subtopology): (&Arc<str>, &super::configure::ConfiguredSubtopology)| {
            Subtopology::default()
                .with_subtopology_id(text(id))
                .with_source_topics(names(&subtopology.source_topics))
                .with_repartition_sink_topics(names(&subtopology.repartition_sinks))
                .with_state_changelog_topics(topic_infos(&subtopology.changelogs))
                .with_repartition_source_topics(topic_infos(&subtopology.repartition_sources))
        };
        subtopologies.iter().map(one).collect()
    });
    Topology::default()
        .with_epoch(configured.epoch)
        .with_subtopologies(subtopologies)
}

fn as_sent(topology: &topology::Topology) -> Topology {
    let one = |(id, subtopology): (&Arc<str>, &topology::Subtopology)| {
        Subtopology::default()
            .with_subtopology_id(text(id))
            .with_source_topics(names(&subtopology.source_topics))
            .with_repartition_sink_topics(names(&subtopology.repartition_sinks))
            .with_state_changelog_topics(topic_infos(&subtopology.changelogs))
            .with_repartition_source_topics(topic_infos(&subtopology.repartition_sources))
    };
    let subtopologies = topology.subtopologies.iter().map(one).collect();
    Topology::default()
        .with_epoch(topology.epoch)
        .with_subtopologies(Some(subtopologies))
}

fn describe_member(group: &StreamsGroup, member: &StreamsMember) -> Member {
    let (details, current) = (&member.details, &member.current);
    let offsets = group
        .soft
        .task_offsets
        .get(&member.id)
        .cloned()
        .unwrap_or_default();
    let endpoint = details.user_endpoint.as_ref();
    let tag =
        |(key, value): (&String, &String)| KeyValue::default().with_key(text(key)).with_value(text(value));
    let assigned = &current.assigned;
    let active = assigned
        .active
        .iter()
        .map(|(id, partitions)| ids(id, partitions.keys().copied()));
    Member::default()
        .with_member_id(text(&member.id))
        .with_member_epoch(member.epoch())
        .with_instance_id(details.instance_id.as_deref().map(text))
        .with_rack_id(details.rack_id.as_deref().map(text))
        .with_client_id(text(&details.client_id))
        .with_client_host(text(&details.client_host))
        .with_topology_epoch(details.topology_epoch)
        .with_process_id(text(&details.process_id))
        .with_user_endpoint(endpoint.map(|endpoint| {
            Endpoint::default()
                .with_host(text(&endpoint.host))
                .with_port(endpoint.port)
        }))
        .with_client_tags(details.client_tags.iter().map(tag).collect())
        .with_task_offsets(task_offsets(&offsets.offsets))
        .with_task_end_offsets(task_offsets(&offsets.end_offsets))
        .with_assignment(
            Assignment::default()
                .with_active_tasks(active.collect())
                .with_standby_tasks(task_ids(&assigned.standby))
                .with_warmup_tasks(task_ids(&assigned.warmup)),
        )
        .with_target_assignment(target(&group.target(member)))
}

fn target(tasks: &Tasks) -> Assignment {
    Assignment::default()
        .with_active_tasks(task_ids(&tasks.active))
        .with_standby_tasks(task_ids(&tasks.standby))
        .with_warmup_tasks(task_ids(&tasks.warmup))
}

fn task_ids(tasks: &TaskSet) -> Vec<TaskIds> {
    let each = |(id, partitions): (&Arc<str>, &BTreeSet<i32>)| ids(id, partitions.iter().copied());
    tasks.iter().map(each).collect()
}

fn ids(id: &Arc<str>, partitions: impl Iterator<Item = i32>) -> TaskIds {
    TaskIds::default()
        .with_subtopology_id(text(id))
        .with_partitions(partitions.collect())
}

fn task_offsets(offsets: &TaskOffsets) -> Vec<TaskOffset> {
    let offsets: &BTreeMap<_, _> = offsets;
    let one = |((id, partition), offset): (&(Arc<str>, i32), &i64)| {
        TaskOffset::default()
            .with_subtopology_id(text(id))
            .with_partition(*partition)
            .with_offset(*offset)
    };
    offsets.iter().map(one).collect()
}
