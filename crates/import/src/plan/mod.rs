//! What an import will do, decided before anything is done.

mod configs;
mod placement;
mod producer_ids;
mod security;
mod tell;
mod topics;

use std::collections::BTreeMap;
use std::path::PathBuf;

use barnabas_inspect::cluster::Cluster;
use barnabas_metadata::controller::{ImportCluster, ImportedTopic};
use barnabas_metadata::features;
use barnabas_metadata::image::{ConfigMap, MetadataImage, QuotaEntity};
use barnabas_metadata::records::{
    AccessControlEntryRecord, ConfigResource, DelegationTokenRecord, ScramCredentialRecord,
};
use barnabas_storage::log_dir;
use uuid::Uuid;

use super::source::{Source, SourcePartition};
use super::unfinished::Unfinished;
use super::{ImportError, Mode};
use barnabas_config::load::StartSettings;

/// What an import will do.
#[derive(Debug, Default)]
pub struct Plan {
    /// The cluster's id.
    pub cluster_id: String,
    /// The topics.
    pub topics: Vec<ImportedTopic>,
    /// The partitions' folders.
    pub folders: Vec<PlannedFolder>,
    /// Dynamic configs.
    pub configs: Vec<(ConfigResource, ConfigMap)>,
    /// Finalized features.
    pub features: BTreeMap<String, i16>,
    /// Client quotas: entity, key and value.
    pub quotas: Vec<(QuotaEntity, String, f64)>,
    /// SCRAM credentials.
    pub scram: Vec<ScramCredentialRecord>,
    /// ACLs.
    pub acls: Vec<AccessControlEntryRecord>,
    /// Delegation tokens.
    pub delegation_tokens: Vec<DelegationTokenRecord>,
    /// No producer has this id or a larger one.
    pub next_producer_id: i64,
    /// What is not taken over, and why.
    pub left_out: Vec<String>,
    /// What a person should know of what is taken over.
    pub remarks: Vec<String>,
}

/// A partition's folder that is taken over.
#[derive(Clone, Debug)]
pub struct PlannedFolder {
    /// Its name.
    pub name: String,
    /// Its topic.
    pub topic_id: Uuid,
    /// Where it lies.
    pub from: PathBuf,
    /// The data folder that gets it.
    pub to: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// It has no `partition.metadata`.
    pub unnamed: bool,
    /// Base offsets of segments that nobody writes to any more.
    pub closed_segments: Vec<i64>,
    /// Its rows in the offset checkpoints, by file name.
    pub checkpoints: Vec<(&'static str, i64)>,
    /// Topic and number.
    pub partition: (String, i32),
}

impl Plan {
    /// Plans to take over `sources`, the log directories of one node, into the data folders of `settings`.
    ///
    /// # Errors
    /// They are not of one node; a file can't be read.
    pub fn of(sources: &[Source], settings: &StartSettings, mode: Mode) -> Result<Plan, ImportError> {
        let Some(first) = sources.first() else {
            return Err(ImportError::Mismatch("there is nothing to import".to_owned()));
        };
        for other in sources {
            if (&other.properties.cluster_id, other.properties.node_id)
                != (&first.properties.cluster_id, first.properties.node_id)
            {
                return Err(ImportError::Mismatch(format!(
                    "{} is of node {} of cluster {}, {} of node {} of cluster {}: import one node at a time",
                    first.path.display(),
                    first.properties.node_id,
                    first.properties.cluster_id,
                    other.path.display(),
                    other.properties.node_id,
                    other.properties.cluster_id
                )));
            }
        }
        let mut plan = Plan {
            cluster_id: first.properties.cluster_id.clone(),
            ..Plan::default()
        };
        for source in sources {
            plan.left_out.extend(source.passed_over.iter().cloned());
        }
        match sources.iter().find_map(|source| source.cluster.as_ref()) {
            Some(cluster) => {
                plan.topics_of_cluster(cluster, sources)?;
                plan.configs_of_cluster(cluster, first.properties.node_id, settings);
                plan.rest_of_cluster(cluster);
            }
            None => plan.without_metadata(sources, settings)?,
        }
        plan.place(sources, &settings.data_dirs, mode)?;
        Ok(plan)
    }

    /// The request that makes the metadata of it.
    pub fn request(&self, directory_id: Uuid) -> ImportCluster {
        ImportCluster {
            topics: self.topics.clone(),
            configs: self.configs.clone(),
            features: self.features.clone(),
            quotas: self.quotas.clone(),
            scram: self.scram.clone(),
            acls: self.acls.clone().into(),
            delegation_tokens: self.delegation_tokens.clone().into(),
            next_producer_id: self.next_producer_id,
            directory_id,
        }
    }

    /// Refuses topics that the metadata has already.
    ///
    /// # Errors
    /// `Mismatch` with the first.
    pub fn check_unknown(&self, image: &MetadataImage) -> Result<(), ImportError> {
        let known = |topic: &&ImportedTopic| {
            image.topics.by_name(&topic.name).is_some() || image.topics.by_id(&topic.topic_id).is_some()
        };
        match self.topics.iter().find(known) {
            Some(topic) => Err(ImportError::Mismatch(format!(
                "the data folder has a topic {} already: import into an empty folder",
                topic.name
            ))),
            None => Ok(()),
        }
    }

    /// Refuses data folders in which a folder of a partition is in the way, except for those that an
    /// unfinished import has put there.
    ///
    /// # Errors
    /// `Mismatch` with the first.
    pub fn check_free(
        &self,
        data_dirs: &[PathBuf],
        mode: Mode,
        unfinished: &[Unfinished],
    ) -> Result<(), ImportError> {
        if mode == Mode::InPlace {
            return Ok(());
        }
        let in_the_way = |folder: &PlannedFolder| {
            let is_placed = |dir: usize| {
                let unfinished = unfinished.get(dir);
                unfinished.is_some_and(|unfinished| unfinished.has_placed(&folder.name))
            };
            let paths = data_dirs.iter().map(|dir| dir.join(&folder.name)).enumerate();
            let mut paths = paths.filter(|(dir, path)| !is_placed(*dir) && path.exists());
            paths.next().map(|(_, path)| path)
        };
        match self.folders.iter().find_map(in_the_way) {
            Some(path) => Err(ImportError::Mismatch(format!(
                "{} is there already: import into an empty folder",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    fn add_folder(
        &mut self,
        source: &Source,
        partition: &SourcePartition,
        topic_id: Uuid,
    ) -> Result<(), ImportError> {
        let recovery_point = source.offset(log_dir::RECOVERY_POINTS, partition).unwrap_or(0);
        let segments = partition.segments()?;
        // A start may cut what was not flushed.
        let closed = segments
            .windows(2)
            .filter(|pair| pair[1] <= recovery_point)
            .map(|pair| pair[0])
            .collect();
        let row = |(name, _): &(&'static str, _)| Some((*name, source.offset(name, partition)?));
        self.folders.push(PlannedFolder {
            name: format!("{}-{}", partition.topic, partition.partition),
            topic_id,
            from: partition.folder.clone(),
            to: PathBuf::new(),
            bytes: partition.bytes,
            unnamed: partition.topic_id.is_none(),
            closed_segments: closed,
            checkpoints: source.checkpoints.iter().filter_map(row).collect(),
            partition: (partition.topic.clone(), partition.partition),
        });
        Ok(())
    }

    /// Features, quotas, who may do what, producer ids, and what is only named.
    fn rest_of_cluster(&mut self, cluster: &Cluster) {
        let quotas = cluster.quotas.iter();
        self.quotas = quotas
            .map(|((entity, key), value)| (entity.clone(), key.clone(), *value))
            .collect();
        self.security_of_cluster(cluster);
        self.next_producer_id = cluster.next_producer_id;
        for feature in &features::FEATURES {
            // A cluster of voters named in the configuration has none at all of this one, and a node of ours
            // needs none.
            if feature.name == features::KRAFT_VERSION {
                continue;
            }
            let level = cluster.features.get(feature.name).copied().unwrap_or(0);
            if (feature.min..=feature.max).contains(&level) || level == 0 {
                self.features.insert(feature.name.to_owned(), level);
            } else {
                self.left_out.push(format!(
                    "feature {} at level {level}: this release runs {} to {}",
                    feature.name, feature.min, feature.max
                ));
            }
        }
        let unknown = cluster
            .features
            .keys()
            .filter(|name| features::feature(name).is_none());
        let mut left_out: Vec<String> = unknown.map(|name| format!("feature {name}")).collect();
        let kinds = cluster.unknown_records.iter();
        left_out.extend(kinds.map(|kind| format!("metadata records of type {kind}, of a newer release")));
        self.left_out.extend(left_out);
        if let Some(torn) = &cluster.torn {
            self.remarks.push(format!(
                "the end of the metadata log is torn and was passed over: {torn}"
            ));
        }
    }
}
