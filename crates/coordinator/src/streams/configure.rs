//! How a topology fits the topics that there are: how many tasks each subtopology has, which internal topics
//! are missing, and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::{StrBytes, TopicName};

use super::copartition;
use super::topology::{Subtopology, TopicInfo, Topology};
use crate::cluster::ClusterView;
use crate::codec::text;
use crate::consumer::refusal::Refusal;

/// Topics that a status names; of more it gives the number.
const TOPICS_NAMED_MAX: usize = 3;

/// A status of a group, as its members are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    StaleTopology = 0,
    MissingSourceTopics = 1,
    IncorrectlyPartitionedTopics = 2,
    MissingInternalTopics = 3,
    ShutdownApplication = 4,
    AssignmentDelayed = 5,
    MissingClientTags = 6,
}

/// Why a topology can't run yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicFault {
    pub(crate) status: Status,
    pub(crate) detail: String,
}

/// Partitions by topic.
pub(super) type Counts = BTreeMap<Arc<str>, i32>;

/// A topology in a cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConfiguredTopology {
    pub(crate) epoch: i32,
    /// `None` where source topics are missing or wrongly partitioned.
    pub(crate) subtopologies: Option<BTreeMap<Arc<str>, ConfiguredSubtopology>>,
    /// Internal topics that are to be made.
    pub(crate) missing: Vec<CreatableTopic>,
    pub(crate) fault: Option<TopicFault>,
}

impl ConfiguredTopology {
    pub(crate) fn is_ready(&self) -> bool {
        self.fault.is_none()
    }
}

/// A subtopology in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfiguredSubtopology {
    pub(crate) tasks: i32,
    pub(crate) source_topics: Vec<Arc<str>>,
    pub(crate) repartition_sinks: Vec<Arc<str>>,
    /// With the partitions that they have or are to have.
    pub(crate) repartition_sources: Vec<TopicInfo>,
    /// With the partitions that they have or are to have.
    pub(crate) changelogs: Vec<TopicInfo>,
}

impl ConfiguredSubtopology {
    /// Whether its tasks have state that others may follow.
    pub(crate) fn is_stateful(&self) -> bool {
        !self.changelogs.is_empty()
    }
}

/// A topology that no topics will ever fit, or topics that do not fit it now.
pub(super) enum Misfit {
    Topology(String),
    Topics(TopicFault),
}

impl Misfit {
    pub(super) fn partitions(detail: String) -> Misfit {
        Misfit::Topics(TopicFault {
            status: Status::IncorrectlyPartitionedTopics,
            detail,
        })
    }
}

/// Fits a topology to the topics of the cluster.
///
/// # Errors
/// STREAMS_INVALID_TOPOLOGY.
pub(crate) fn configure(
    topology: &Topology,
    cluster: &dyn ClusterView,
) -> Result<ConfiguredTopology, Refusal> {
    let configured = |subtopologies, missing, fault| ConfiguredTopology {
        epoch: topology.epoch,
        subtopologies,
        missing,
        fault,
    };
    match fit(topology, cluster) {
        Ok((subtopologies, missing)) => {
            let names: Vec<&str> = missing.iter().map(|topic| &*topic.name.0).collect();
            let fault = (!missing.is_empty()).then(|| TopicFault {
                status: Status::MissingInternalTopics,
                detail: format!("Internal topics are missing: {}", summary(&names)),
            });
            Ok(configured(Some(subtopologies), missing, fault))
        }
        Err(Misfit::Topics(fault)) => Ok(configured(None, Vec::new(), Some(fault))),
        Err(Misfit::Topology(message)) => Err(Refusal::new(ErrorCode::StreamsInvalidTopology, message)),
    }
}

type Fitted = (BTreeMap<Arc<str>, ConfiguredSubtopology>, Vec<CreatableTopic>);

fn fit(topology: &Topology, cluster: &dyn ClusterView) -> Result<Fitted, Misfit> {
    let exists = |name: &str| Some(cluster.topic(name)?.partition_count);
    check_sources(topology, &exists)?;
    let mut counts = repartition_counts(topology, &exists)?;
    copartition::enforce(topology, &mut counts, &exists)?;
    let mut subtopologies = BTreeMap::new();
    for (id, subtopology) in &topology.subtopologies {
        let of = |name: &Arc<str>| exists(name).or_else(|| counts.get(name).copied());
        let read = sources(subtopology).filter_map(of).max();
        let Some(tasks) = read else {
            return Err(Misfit::Topology(format!(
                "No source topics found for subtopology {id}"
            )));
        };
        let decided = |topic: &TopicInfo| TopicInfo {
            partitions: match (topic.partitions, counts.get(&topic.name)) {
                (0, Some(count)) => *count,
                (said, _) => said,
            },
            ..topic.clone()
        };
        let changelog = |topic: &TopicInfo| TopicInfo {
            partitions: tasks,
            ..topic.clone()
        };
        let value = ConfiguredSubtopology {
            tasks,
            source_topics: subtopology.source_topics.clone(),
            repartition_sinks: subtopology.repartition_sinks.clone(),
            repartition_sources: subtopology.repartition_sources.iter().map(decided).collect(),
            changelogs: subtopology.changelogs.iter().map(changelog).collect(),
        };
        subtopologies.insert(id.clone(), value);
    }
    let missing = missing_topics(&subtopologies, &exists)?;
    Ok((subtopologies, missing))
}

fn sources(subtopology: &Subtopology) -> impl Iterator<Item = &Arc<str>> {
    let repartitioned = subtopology.repartition_sources.iter().map(|topic| &topic.name);
    subtopology.source_topics.iter().chain(repartitioned)
}

fn check_sources(topology: &Topology, exists: &dyn Fn(&str) -> Option<i32>) -> Result<(), Misfit> {
    let sources = topology
        .subtopologies
        .values()
        .flat_map(|subtopology| &subtopology.source_topics);
    let missing: BTreeSet<&str> = sources
        .map(|name| &**name)
        .filter(|name| exists(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.into_iter().collect();
    Err(Misfit::Topics(TopicFault {
        status: Status::MissingSourceTopics,
        detail: format!("Source topics {} are missing.", summary(&names)),
    }))
}

/// How many partitions the repartition topics are to have: what the application says, or as many as feed the
/// subtopology that writes them. One that is fed by another waits for that.
fn repartition_counts(topology: &Topology, exists: &dyn Fn(&str) -> Option<i32>) -> Result<Counts, Misfit> {
    let subtopologies = || topology.subtopologies.values();
    let said = subtopologies().flat_map(|subtopology| &subtopology.repartition_sources);
    let mut counts: Counts = said
        .filter(|topic| topic.partitions != 0)
        .map(|topic| (topic.name.clone(), topic.partitions))
        .collect();
    loop {
        let (mut waits, mut goes_on) = (false, false);
        for subtopology in subtopologies() {
            for sink in &subtopology.repartition_sinks {
                if counts.contains_key(sink) {
                    continue;
                }
                let fed_by = subtopology
                    .repartition_sources
                    .iter()
                    .filter_map(|topic| counts.get(&topic.name).copied());
                let read = subtopology.source_topics.iter().filter_map(|topic| exists(topic));
                match fed_by.chain(read).max() {
                    Some(count) => {
                        counts.insert(sink.clone(), count);
                        goes_on = true;
                    }
                    None => waits = true,
                }
            }
        }
        if !waits {
            break;
        }
        if !goes_on {
            let message = "Failed to compute number of partitions for all repartition topics. There may be loops in the \
                           topology that cannot be resolved.";
            return Err(Misfit::Topology(message.to_owned()));
        }
    }
    let mut sources = subtopologies().flat_map(|subtopology| &subtopology.repartition_sources);
    if sources.any(|topic| !counts.contains_key(&topic.name)) {
        let message = "Failed to compute number of partitions for all repartition topics, because a repartition source \
                       topic is never used as a sink topic.";
        return Err(Misfit::Topology(message.to_owned()));
    }
    Ok(counts)
}

/// The internal topics that do not exist. Those that do must have the right number of partitions.
fn missing_topics(
    subtopologies: &BTreeMap<Arc<str>, ConfiguredSubtopology>,
    exists: &dyn Fn(&str) -> Option<i32>,
) -> Result<Vec<CreatableTopic>, Misfit> {
    let internal = subtopologies.values().flat_map(|subtopology| {
        subtopology
            .repartition_sources
            .iter()
            .chain(&subtopology.changelogs)
    });
    let by_name: BTreeMap<&Arc<str>, &TopicInfo> = internal.map(|topic| (&topic.name, topic)).collect();
    let mut missing = Vec::new();
    for topic in by_name.into_values() {
        match exists(&topic.name) {
            None => missing.push(creatable(topic)),
            Some(found) if found != topic.partitions => {
                return Err(Misfit::partitions(format!(
                    "Existing topic {} has different number of partitions: expected {}, found {found}",
                    topic.name, topic.partitions
                )));
            }
            Some(_) => {}
        }
    }
    Ok(missing)
}

fn creatable(topic: &TopicInfo) -> CreatableTopic {
    let config = |(name, value): &(Box<str>, Box<str>)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(StrBytes::from_string(value.to_string())))
    };
    CreatableTopic::default()
        .with_name(TopicName(text(&topic.name)))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(match topic.replication_factor {
            0 => -1,
            factor => factor,
        })
        .with_configs(topic.configs.iter().map(config).collect())
}

/// The first names, and how many more there are.
fn summary(names: &[&str]) -> String {
    let named = names
        .iter()
        .take(TOPICS_NAMED_MAX)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(TOPICS_NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} additional topics"),
    }
}
