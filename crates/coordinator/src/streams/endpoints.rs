//! What interactive queries need: which partitions of the source topics are behind which endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::messages::TopicName;
use barnabas_protocol::messages::streams_group_heartbeat_response::{
    Endpoint, EndpointToPartitions, TopicPartition,
};

use super::member::StreamsMember;
use super::tasks::{TaskSet, each, each_active};
use super::topology::Topology;
use crate::cluster::ClusterView;
use crate::codec::text;

/// One entry for each member that has an endpoint.
pub(super) fn by_endpoint<'a>(
    members: impl Iterator<Item = &'a StreamsMember>,
    topology: &Topology,
    cluster: &dyn ClusterView,
) -> Vec<EndpointToPartitions> {
    let entry = |member: &StreamsMember| {
        let endpoint = member.details.user_endpoint.as_ref()?;
        let assigned = &member.current.assigned;
        let mut active = TaskSet::new();
        for (subtopology, partition, _) in each_active(&assigned.active) {
            active.entry(subtopology.clone()).or_default().insert(partition);
        }
        let mut copies = assigned.standby.clone();
        for (subtopology, partition) in each(&assigned.warmup) {
            copies.entry(subtopology.clone()).or_default().insert(partition);
        }
        Some(
            EndpointToPartitions::default()
                .with_user_endpoint(
                    Endpoint::default()
                        .with_host(text(&endpoint.host))
                        .with_port(endpoint.port),
                )
                .with_active_partitions(partitions(&active, topology, cluster))
                .with_standby_partitions(partitions(&copies, topology, cluster)),
        )
    };
    members.filter_map(entry).collect()
}

/// The partitions that tasks read. A topic with fewer partitions than its subtopology has tasks feeds only
/// some.
fn partitions(tasks: &TaskSet, topology: &Topology, cluster: &dyn ClusterView) -> Vec<TopicPartition> {
    let mut read: BTreeMap<&Arc<str>, BTreeSet<i32>> = BTreeMap::new();
    for (subtopology, partitions) in tasks {
        let Some(subtopology) = topology.subtopologies.get(subtopology) else {
            continue;
        };
        let internal = subtopology.repartition_sources.iter().map(|topic| &topic.name);
        for topic in subtopology.source_topics.iter().chain(internal) {
            let count = cluster.topic(topic).map_or(0, |topic| topic.partition_count);
            let of_topic = partitions.iter().copied().filter(|partition| *partition < count);
            read.entry(topic).or_default().extend(of_topic);
        }
    }
    let topics = read.into_iter().filter(|(_, partitions)| !partitions.is_empty());
    topics
        .map(|(topic, partitions)| {
            TopicPartition::default()
                .with_topic(TopicName(text(topic)))
                .with_partitions(partitions.into_iter().collect())
        })
        .collect()
}
