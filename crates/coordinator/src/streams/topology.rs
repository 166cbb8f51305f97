//! The topology of a Kafka Streams application, as its members send it and the log keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::messages::streams_group_heartbeat_request as wire;

/// A topology. In which order its subtopologies were sent does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The application's own count of its topologies.
    pub epoch: i32,
    /// The subtopologies, by their ids.
    pub subtopologies: BTreeMap<Arc<str>, Subtopology>,
}

/// A part of a topology that runs for itself, fed by topics alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtopology {
    /// Topics of the user that it reads.
    pub source_topics: Vec<Arc<str>>,
    /// Regular expressions of such topics; no member can have them yet, but a record may.
    pub source_topic_regexes: Vec<Arc<str>>,
    /// The changelogs of its state.
    pub changelogs: Vec<TopicInfo>,
    /// Repartition topics that it writes.
    pub repartition_sinks: Vec<Arc<str>>,
    /// Repartition topics that it reads.
    pub repartition_sources: Vec<TopicInfo>,
    /// Topics that must have equally many partitions.
    pub copartition_groups: Vec<CopartitionGroup>,
}

/// An internal topic that the broker has to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: Arc<str>,
    /// The number of its partitions; 0 leaves it to the coordinator.
    pub partitions: i32,
    /// Its replication factor; 0 leaves it to the cluster.
    pub replication_factor: i16,
    /// Its settings, as they were sent.
    pub configs: Vec<(Box<str>, Box<str>)>,
}

/// Indexes into the topics of a subtopology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopartitionGroup {
    /// Into `source_topics`.
    pub source_topics: Vec<i16>,
    /// Into `source_topic_regexes`.
    pub source_topic_regexes: Vec<i16>,
    /// Into `repartition_sources`.
    pub repartition_sources: Vec<i16>,
}

impl Topology {
    /// The topology of a request. Of subtopologies with the same id the last counts.
    pub(crate) fn of_request(topology: &wire::Topology) -> Topology {
        let subtopologies = topology.subtopologies.iter().map(|subtopology| {
            let names = |names: &[barnabas_protocol::messages::TopicName]| {
                names.iter().map(|name| name.as_str().into()).collect()
            };
            let group = |group: &wire::CopartitionGroup| CopartitionGroup {
                source_topics: group.source_topics.clone(),
                source_topic_regexes: group.source_topic_regex.clone(),
                repartition_sources: group.repartition_source_topics.clone(),
            };
            let value = Subtopology {
                source_topics: names(&subtopology.source_topics),
                source_topic_regexes: subtopology
                    .source_topic_regex
                    .iter()
                    .map(|regex| regex.as_str().into())
                    .collect(),
                changelogs: topic_infos(&subtopology.state_changelog_topics),
                repartition_sinks: names(&subtopology.repartition_sink_topics),
                repartition_sources: topic_infos(&subtopology.repartition_source_topics),
                copartition_groups: subtopology.copartition_groups.iter().map(group).collect(),
            };
            (subtopology.subtopology_id.as_str().into(), value)
        });
        Topology {
            epoch: topology.epoch,
            subtopologies: subtopologies.collect(),
        }
    }

    /// Every topic that the topology needs, once.
    pub(crate) fn required_topics(&self) -> BTreeSet<&Arc<str>> {
        self.subtopologies
            .values()
            .flat_map(|subtopology| {
                let internal = subtopology
                    .repartition_sources
                    .iter()
                    .chain(&subtopology.changelogs);
                subtopology
                    .source_topics
                    .iter()
                    .chain(internal.map(|topic| &topic.name))
            })
            .collect()
    }

    /// The subtopology that reads this topic.
    pub(crate) fn reader_of(&self, topic: &str) -> Option<&Arc<str>> {
        let reads = |subtopology: &Subtopology| {
            subtopology.source_topics.iter().any(|name| **name == *topic)
                || subtopology
                    .repartition_sources
                    .iter()
                    .any(|source| *source.name == *topic)
        };
        let found = self
            .subtopologies
            .iter()
            .find(|(_, subtopology)| reads(subtopology));
        found.map(|(id, _)| id)
    }
}

fn topic_infos(topics: &[wire::TopicInfo]) -> Vec<TopicInfo> {
    let info = |topic: &wire::TopicInfo| TopicInfo {
        name: topic.name.as_str().into(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic
            .topic_configs
            .iter()
            .map(|config| (config.key.as_str().into(), config.value.as_str().into()))
            .collect(),
    };
    topics.iter().map(info).collect()
}
