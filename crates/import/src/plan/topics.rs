//! Which topics are taken over: those of the metadata log whose partitions are here, or without one those
//! that have folders.

use std::collections::{BTreeMap, BTreeSet};

use barnabas_environment::Random;
use barnabas_inspect::cluster::{Cluster, Topic};
use barnabas_metadata::controller::{ImportedPartition, ImportedTopic};
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use uuid::Uuid;

use super::Plan;
use crate::ImportError;
use crate::source::{Source, SourcePartition};
use barnabas_config::load::StartSettings;
use barnabas_metadata::internal_topics;

/// So many partitions a topic without metadata may seem to have: a stray folder of number two billion makes
/// no topic.
const PARTITIONS_MAX: i32 = 100_000;

/// Folders by topic and number.
type Folders<'a> = BTreeMap<(&'a str, i32), (&'a Source, &'a SourcePartition)>;

fn folders_of(sources: &[Source]) -> Result<Folders<'_>, ImportError> {
    let mut folders = Folders::new();
    for source in sources {
        for partition in &source.partitions {
            let key = (partition.topic.as_str(), partition.partition);
            if let Some((_, other)) = folders.insert(key, (source, partition)) {
                return Err(ImportError::Mismatch(format!(
                    "{} and {} are the same partition",
                    other.folder.display(),
                    partition.folder.display()
                )));
            }
        }
    }
    Ok(folders)
}

impl Plan {
    /// The topics of the metadata log.
    pub(super) fn topics_of_cluster(
        &mut self,
        cluster: &Cluster,
        sources: &[Source],
    ) -> Result<(), ImportError> {
        let node_id = sources.first().map_or(-1, |source| source.properties.node_id);
        let mut folders = folders_of(sources)?;
        let mut by_name: Vec<(Uuid, &Topic)> = cluster
            .topics
            .iter()
            .map(|(id, topic)| (Uuid::from_bytes(*id), topic))
            .collect();
        by_name.sort_by(|a, b| a.1.name.cmp(&b.1.name));
        for (topic_id, topic) in by_name {
            self.topic_of_cluster(topic_id, topic, node_id, &mut folders)?;
        }
        for (_, partition) in folders.values() {
            let what = "of a topic that the metadata log doesn't have (any more)";
            self.left_out
                .push(format!("{}: {what}", partition.folder.display()));
        }
        Ok(())
    }

    fn topic_of_cluster<'a>(
        &mut self,
        topic_id: Uuid,
        topic: &'a Topic,
        node_id: i32,
        folders: &mut Folders<'a>,
    ) -> Result<(), ImportError> {
        let name = topic.name.as_str();
        let is_here = |found: &(&Source, &SourcePartition)| found.1.topic_id.is_none_or(|id| id == topic_id);
        let mut here = Vec::new();
        let mut elsewhere = Vec::new();
        for (number, partition) in &topic.partitions {
            let found = folders
                .get(&(name, *number))
                .filter(|found| is_here(found))
                .copied();
            match found {
                Some(found) => {
                    folders.remove(&(name, *number));
                    here.push(found);
                }
                None if partition.replicas.contains(&node_id) => {
                    self.remarks
                        .push(format!("{name}-{number} has no folder: it begins empty"));
                }
                None => elsewhere.push(number.to_string()),
            }
        }
        let is_whole = (0..)
            .zip(topic.partitions.keys())
            .all(|(index, number)| index == *number);
        if !is_whole {
            self.left_out.push(format!(
                "topic {name}: its partitions are not numbered without a gap"
            ));
            return Ok(());
        }
        if !elsewhere.is_empty() {
            let numbers = elsewhere.join(", ");
            // How many partitions an internal topic has says where a group or transaction is kept.
            if internal(name) && !here.is_empty() {
                self.left_out.push(format!(
                    "partitions {numbers} of {name}: they are on other nodes, and begin empty"
                ));
            } else {
                self.left_out.push(format!(
                    "topic {name}: its partitions {numbers} are on other nodes"
                ));
                return Ok(());
            }
        }
        self.name_replicas(name, topic, node_id);
        let partitions = topic.partitions.iter().map(|(number, partition)| {
            let logged = here.iter().find(|(_, found)| found.partition == *number);
            ImportedPartition {
                leader_epoch: partition
                    .leader_epoch
                    .max(logged.map_or(-1, |(_, found)| found.leader_epoch)),
                partition_epoch: partition.partition_epoch,
            }
        });
        self.topics.push(ImportedTopic {
            name: name.to_owned(),
            topic_id,
            partitions: partitions.collect(),
        });
        for (source, partition) in here {
            self.add_folder(source, partition, topic_id)?;
        }
        Ok(())
    }

    /// Names what a topic of several replicas loses.
    fn name_replicas(&mut self, name: &str, topic: &Topic, node_id: i32) {
        let others: BTreeSet<i32> = topic
            .partitions
            .values()
            .flat_map(|partition| &partition.replicas)
            .copied()
            .filter(|id| *id != node_id)
            .collect();
        if !others.is_empty() {
            self.left_out.push(format!(
                "replicas of topic {name} on the nodes {others:?}: one node has one replica"
            ));
        }
        for (number, partition) in &topic.partitions {
            let in_sync = partition.isr.contains(&node_id) || partition.eligible.contains(&node_id);
            if partition.replicas.contains(&node_id) && partition.replicas.len() > 1 && !in_sync {
                self.remarks.push(format!(
                    "{name}-{number} was not in sync on this node: the other replicas may have records that are missing here"
                ));
            }
        }
    }

    /// The topics that have folders, where nothing else says what topics there are.
    pub(super) fn without_metadata(
        &mut self,
        sources: &[Source],
        settings: &StartSettings,
    ) -> Result<(), ImportError> {
        let mut topics: BTreeMap<&str, Vec<(&Source, &SourcePartition)>> = BTreeMap::new();
        for ((name, _), found) in folders_of(sources)? {
            topics.entry(name).or_default().push(found);
        }
        self.remarks.push(
            "there is no metadata log (__cluster_metadata-0): topics, ids and partition counts come from the folders, \
             and the topics' configs are not known"
                .to_owned(),
        );
        for (name, found) in topics {
            let ids: BTreeSet<Uuid> = found
                .iter()
                .filter_map(|(_, partition)| partition.topic_id)
                .collect();
            if ids.len() > 1 {
                self.left_out.push(format!(
                    "topic {name}: its folders are of several topics of this name"
                ));
                continue;
            }
            let topic_id = ids.first().copied().unwrap_or_else(|| Random::system().uuid());
            let last = found
                .iter()
                .map(|(_, partition)| partition.partition)
                .max()
                .unwrap_or(0);
            if last >= PARTITIONS_MAX {
                self.left_out
                    .push(format!("topic {name}: a topic of {last} partitions can't be"));
                continue;
            }
            let epoch_of = |number| {
                let logged = found.iter().find(|(_, partition)| partition.partition == number);
                logged.map_or(-1, |(_, partition)| partition.leader_epoch)
            };
            let partitions = (0..=last).map(|number| ImportedPartition {
                leader_epoch: epoch_of(number),
                partition_epoch: 0,
            });
            self.topics.push(ImportedTopic {
                name: name.to_owned(),
                topic_id,
                partitions: partitions.collect(),
            });
            let missing =
                (0..last).filter(|number| !found.iter().any(|(_, partition)| partition.partition == *number));
            let missing: Vec<String> = missing.map(|number| number.to_string()).collect();
            if !missing.is_empty() {
                let numbers = missing.join(", ");
                self.remarks.push(format!(
                    "partitions {numbers} of {name} have no folder: they begin empty"
                ));
            }
            if let Some(topic) = internal_topics::creatable(name, &settings.config) {
                let configs = topic.configs.into_iter();
                let pairs = configs.filter_map(|pair| Some((pair.name.to_string(), pair.value?.to_string())));
                let resource = ConfigResource::new(ConfigResourceType::Topic, name);
                self.configs.push((resource, pairs.collect()));
            }
            for (source, partition) in found {
                self.add_folder(source, partition, topic_id)?;
            }
        }
        self.next_producer_id = super::producer_ids::next(&self.folders)?;
        Ok(())
    }
}

fn internal(name: &str) -> bool {
    [
        internal_topics::CONSUMER_OFFSETS,
        internal_topics::TRANSACTION_STATE,
        internal_topics::SHARE_GROUP_STATE,
    ]
    .contains(&name)
}
