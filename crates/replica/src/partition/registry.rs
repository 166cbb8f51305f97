//! Every partition of which this broker holds a replica, by topic name and by topic id.
//!
//! Changed by metadata deltas alone, before the image they lead to is published: whoever sees a partition in
//! the image finds it here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use barnabas_environment::{Environment, Random};
use barnabas_metadata::image::{MetadataDelta, MetadataImage, PartitionImage, TopicImage};
use barnabas_metadata::records::ConfigResourceType;
use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{Log, LogConfig, StorageError};
use uuid::Uuid;

use super::core::{AliveBroker, Assignment, LeaderEpoch};
use super::found::{self, FoundLog, set_aside};
use super::maps::Maps;
use super::replication_quota::ReplicationQuotas;
use super::settings::TopicSettings;
use super::shared::Shared;
use super::{Partition, TopicPartition};
use crate::log_dirs::{Cordoned, DataDir, LogDirs};
use crate::upkeep::deletions::Deletions;
use crate::upkeep::log_cleaner::Cleanings;
use barnabas_config::{BrokerConfig, Layers};

/// The registry.
pub struct Partitions {
    node_id: i32,
    random: Random,
    log_dirs: Arc<LogDirs>,
    deletions: Deletions,
    cleanings: Cleanings,
    shared: Arc<Shared>,
    maps: RwLock<Maps>,
    /// Logs that were found at the start and that no image has claimed yet.
    found: Mutex<HashMap<(Arc<str>, i32), FoundLog>>,
    /// The image is up to date.
    started: AtomicBool,
}

impl Partitions {
    /// The registry of a node with these logs in its `log_dirs`. The images claim them.
    pub fn new(
        config: &BrokerConfig,
        environment: &Environment,
        log_dirs: Arc<LogDirs>,
        logs: Vec<FoundLog>,
    ) -> Self {
        let found = found::sort_out(logs, &environment.random);
        let windows = (
            config.replication_quota_window_num,
            config.replication_quota_window_size_seconds,
        );
        let quotas = ReplicationQuotas::new(config.node_id, windows);
        Partitions {
            node_id: config.node_id,
            random: environment.random.clone(),
            deletions: Deletions::new(log_dirs.disk(), environment.clock.clone()),
            log_dirs,
            cleanings: Cleanings::new(environment),
            shared: Shared::new(environment, config.replica_lag_time_max_ms, quotas),
            maps: RwLock::default(),
            found: Mutex::new(found),
            started: AtomicBool::new(false),
        }
    }

    /// A partition by its topic's name.
    ///
    /// # Errors
    /// UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER where others have it.
    pub fn by_name(&self, topic: &str, partition: i32) -> Result<Arc<Partition>, ErrorCode> {
        let maps = self.read();
        let topic_id = maps
            .by_name
            .get(topic)
            .ok_or(ErrorCode::UnknownTopicOrPartition)?;
        maps.find(topic_id, partition)
            .ok_or(ErrorCode::UnknownTopicOrPartition)?
    }

    /// A partition by its topic's id.
    ///
    /// # Errors
    /// UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER where others have it.
    pub fn by_id(&self, topic_id: &Uuid, partition: i32) -> Result<Arc<Partition>, ErrorCode> {
        let maps = self.read();
        maps.find(topic_id, partition).ok_or(ErrorCode::UnknownTopicId)?
    }

    /// What has been deleted and waits for the removal of its files.
    pub fn deletions(&self) -> &Deletions {
        &self.deletions
    }

    /// Whether a partition of this broker lies in a data folder that has failed.
    pub fn is_offline(&self, topic_id: &Uuid, partition: i32) -> bool {
        self.log_dirs.any_failed().is_some()
            && self
                .by_id(topic_id, partition)
                .is_ok_and(|partition| partition.check_online().is_err())
    }

    /// All local partitions, in no useful order.
    pub fn all(&self) -> Vec<Arc<Partition>> {
        self.read().by_id.values().flatten().flatten().cloned().collect()
    }

    /// Does what a delta asks for: opens logs, changes leaders, takes over configs, deletes.
    pub fn apply(
        &self,
        image: &MetadataImage,
        delta: &MetadataDelta,
        layers: &Layers,
        broker: &BrokerConfig,
    ) {
        let defaults = TopicSettings::defaults(layers, broker);
        let settings_of =
            |topic: &TopicImage| TopicSettings::of_topic(image, &topic.name, layers, broker, &defaults);
        for topic in &delta.topics_deleted {
            self.remove(topic, broker.log_segment_delete_delay_ms);
        }
        for (topic_id, changes) in &delta.partitions {
            let Some(topic) = image.topics.by_id(topic_id) else {
                continue;
            };
            let settings = settings_of(topic);
            for &index in changes.created.iter().chain(&changes.changed) {
                self.put(image, topic, index, &settings, broker);
            }
        }
        if delta.brokers_changed.iter().any(|&id| id != self.node_id) {
            self.tell_of_brokers(image);
        }
        // A broker's setting is the default of its topics', so any change of one reaches all of them.
        if delta
            .configs_changed
            .iter()
            .any(|resource| resource.kind == ConfigResourceType::Broker)
        {
            for topic in image.topics.iter() {
                self.configure(topic, &settings_of(topic));
            }
            self.shared.quotas.configure(layers);
            self.cleanings.wake();
            return;
        }
        for resource in delta
            .configs_changed
            .iter()
            .filter(|r| r.kind == ConfigResourceType::Topic)
        {
            if let Some(topic) = image.topics.by_name(&resource.name) {
                self.configure(topic, &settings_of(topic));
            }
        }
    }

    /// What the partitions share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What the log cleaners share.
    pub fn cleanings(&self) -> &Cleanings {
        &self.cleanings
    }

    /// Flushes and closes every log and writes the clean markers, with this broker's epoch (-1: none).
    ///
    /// # Errors
    /// A log could not be closed; there is no clean marker in its folder then.
    pub fn shut_down(&self, broker_epoch: i64) -> Result<(), StorageError> {
        let mut by_dir: HashMap<PathBuf, Vec<(Log, i64)>> = HashMap::new();
        for partition in self.all() {
            let dir = partition.dir().path().to_owned();
            by_dir
                .entry(dir)
                .or_default()
                .extend(partition.take_log(ErrorCode::NotLeaderOrFollower));
        }
        let waiting = self.deletions.take_waiting();
        let mut outcome = Ok(());
        for dir in self.log_dirs.all() {
            // What has failed gets no clean marker: the next start has to look at it.
            let Ok(storage) = dir.storage() else { continue };
            let mut logs = by_dir.remove(dir.path()).unwrap_or_default();
            let mut logs = logs
                .iter_mut()
                .map(|(log, high_watermark)| (log, *high_watermark));
            let closed = storage
                .shut_down_under(&mut logs, broker_epoch)
                .and_then(|()| storage.note_leftovers(&waiting));
            outcome = outcome.and(closed);
        }
        outcome
    }

    /// Sets the logs aside that no image has claimed: to be called when the image is up to date.
    pub fn set_strays_aside(&self) {
        self.started.store(true, Ordering::Relaxed);
        for (_, (dir, log)) in self.lock_found().drain() {
            set_aside(dir, log, self.random.uuid(), "the metadata knows no such topic");
        }
    }

    /// Wakes all who wait for a partition in a folder that has failed.
    pub fn interrupt_failed(&self) {
        for partition in self.all() {
            if partition.dir().is_failed() {
                partition.interrupt(ErrorCode::KafkaStorageError);
            }
        }
    }

    fn configure(&self, topic: &TopicImage, settings: &Arc<TopicSettings>) {
        let locals = self.read().by_id.get(&topic.id).cloned().unwrap_or_default();
        for partition in locals.into_iter().flatten() {
            partition.configure(settings.clone());
        }
    }

    /// Tells the leaders among the partitions which brokers are alive.
    fn tell_of_brokers(&self, image: &MetadataImage) {
        for topic in image.topics.iter() {
            let locals = self.read().by_id.get(&topic.id).cloned().unwrap_or_default();
            for (partition, state) in locals.into_iter().zip(&topic.partitions) {
                if let Some(partition) = partition.filter(|_| state.leader == self.node_id) {
                    partition.brokers_changed(&self.alive(image, state));
                }
            }
        }
    }

    /// Those of the other brokers with a replica that are alive, as are the disks that the replicas lie on.
    fn alive(&self, image: &MetadataImage, partition: &PartitionImage) -> Vec<AliveBroker> {
        let others = partition.replicas.iter().filter(|&&id| id != self.node_id);
        let alive = others.filter_map(|&id| image.alive_broker(id));
        let alive = alive.filter(|broker| broker.has_online_dir(&partition.directory(broker.broker_id)));
        let alive = alive.map(|broker| AliveBroker {
            broker_id: broker.broker_id,
            broker_epoch: broker.broker_epoch,
            shutting_down: broker.in_controlled_shutdown,
        });
        alive.collect()
    }

    fn put(
        &self,
        image: &MetadataImage,
        topic: &TopicImage,
        index: i32,
        settings: &Arc<TopicSettings>,
        broker: &BrokerConfig,
    ) {
        let Some(state) = topic.partition(index) else {
            return;
        };
        let known = self.read().local(&topic.id, index);
        if !state.replicas.contains(&self.node_id) {
            self.write().put(topic, index, None);
            if let Some(partition) = known {
                // A reassignment has taken it away.
                self.delete(
                    &partition,
                    ErrorCode::NotLeaderOrFollower,
                    broker.log_segment_delete_delay_ms,
                );
            }
            return;
        }
        let assignment = Assignment {
            leader: state.leader,
            leader_epoch: LeaderEpoch(state.leader_epoch),
            partition_epoch: state.partition_epoch,
            replicas: state.replicas.clone(),
            isr: state.isr.clone(),
            alive: self.alive(image, state),
        };
        let directory = state.directory(self.node_id);
        if let Some(partition) = known {
            partition.assign(assignment);
            partition.note_dir(directory);
            return;
        }
        let Some((dir, log)) = self.claim(topic, index, &settings.log, broker) else {
            return;
        };
        dir.count(1);
        let id = TopicPartition {
            topic: topic.name.clone(),
            topic_id: topic.id,
            partition: index,
        };
        let (settings, shared) = (settings.clone(), self.shared.clone());
        let partition = Partition::new(id, self.node_id, assignment, settings, dir, log, shared);
        partition.note_dir(directory);
        self.write().put(topic, index, Some(partition));
    }

    /// The log that was found at the start, or a new one. Without a log the partition is offline: it may lie
    /// in a folder that failed.
    fn claim(
        &self,
        topic: &TopicImage,
        index: i32,
        config: &Arc<LogConfig>,
        broker: &BrokerConfig,
    ) -> Option<(Arc<DataDir>, Option<Log>)> {
        let mut found = self.lock_found();
        if let Some((dir, mut log)) = found.remove(&(topic.name.clone(), index)) {
            // A folder that doesn't say its topic's id is known by its name.
            if log.topic_id() == topic.id || log.topic_id().is_nil() {
                log.set_config(config.clone());
                return Some((dir, Some(log)));
            }
            set_aside(
                dir,
                log,
                self.random.uuid(),
                "it is of an earlier topic of that name",
            );
        }
        // While the process starts, what isn't found is missing; later it is new.
        let starting = !self.started.load(Ordering::Relaxed);
        drop(found);
        if starting && let Some(dir) = self.log_dirs.any_failed() {
            return Some((dir.clone(), None));
        }
        let dir = self
            .log_dirs
            .place(&Cordoned::new(broker.cordoned_log_dirs.as_deref()))
            .or_else(|| self.log_dirs.any_failed())?;
        let log = self.create(dir, topic, index, config);
        Some((
            dir.clone(),
            log.inspect_err(|error| {
                tracing::error!(topic = %topic.name, partition = index, %error, "the log could not be created");
                dir.note(error);
            })
            .ok(),
        ))
    }

    fn create(
        &self,
        dir: &DataDir,
        topic: &TopicImage,
        index: i32,
        config: &Arc<LogConfig>,
    ) -> Result<Log, StorageError> {
        let mut log = dir
            .storage()?
            .create_log(topic.name.clone(), index, topic.id, config.clone());
        // With several folders a start must find where it is.
        if self.log_dirs.all().len() > 1 {
            log.create()?;
        }
        Ok(log)
    }

    fn remove(&self, topic: &TopicImage, delay_ms: i64) {
        let removed = {
            let mut maps = self.write();
            if maps.by_name.get(&topic.name) == Some(&topic.id) {
                maps.by_name.remove(&topic.name);
            }
            maps.by_id.remove(&topic.id).unwrap_or_default()
        };
        self.cleanings.forget(topic.id);
        for partition in removed.into_iter().flatten() {
            self.delete(&partition, ErrorCode::UnknownTopicOrPartition, delay_ms);
        }
    }

    /// Deletes the log of a partition that is no longer among the others; whoever waits for it gets `gone`.
    fn delete(&self, partition: &Partition, gone: ErrorCode, delay_ms: i64) {
        partition.cancel_move();
        let dir = partition.dir();
        dir.count(-1);
        let Some((log, _)) = partition.take_log(gone) else {
            return;
        };
        let deleted = dir
            .storage()
            .and_then(|storage| storage.delete_log(log, self.random.uuid()));
        match deleted {
            Ok(path) => self.deletions.add(path, delay_ms),
            Err(error) => {
                tracing::error!(topic = %partition.id().topic, %error, "a log could not be deleted");
                dir.note(&error);
            }
        }
    }

    fn lock_found(&self) -> MutexGuard<'_, HashMap<(Arc<str>, i32), FoundLog>> {
        self.found.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
