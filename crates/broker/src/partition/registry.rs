//! Every partition of which this broker holds a replica, by topic name and by topic id.
//!
//! Changed by metadata deltas alone, before the image they lead to is published: whoever sees a partition in the
//! image finds it here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use barnabas_metadata::image::{MetadataDelta, MetadataImage, TopicImage};
use barnabas_metadata::records::ConfigResourceType;
use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{Log, LogConfig, LogDir, StorageError};
use uuid::Uuid;

use super::core::Assignment;
use super::flush::Flusher;
use super::settings::TopicSettings;
use super::{Partition, TopicPartition};
use crate::config::{BrokerConfig, Layers};
use crate::deletions::Deletions;

/// The local partitions of one topic; the index is the partition's number.
type LocalPartitions = Vec<Option<Arc<Partition>>>;

#[derive(Default)]
struct Maps {
    by_name: HashMap<Arc<str>, Uuid>,
    by_id: HashMap<Uuid, LocalPartitions>,
}

/// The registry.
pub struct Partitions {
    node_id: i32,
    log_dir: Arc<LogDir>,
    deletions: Deletions,
    flusher: Arc<Flusher>,
    maps: RwLock<Maps>,
    /// Logs that were found at the start and that no image has claimed yet.
    found: Mutex<HashMap<(Uuid, i32), Log>>,
}

impl Partitions {
    /// The registry of a node with these logs in its `log_dir`. The first image claims them.
    pub fn new(node_id: i32, log_dir: Arc<LogDir>, logs: Vec<Log>) -> Self {
        let found = logs
            .into_iter()
            .map(|log| ((log.topic_id(), log.partition()), log))
            .collect();
        Partitions {
            node_id,
            log_dir,
            deletions: Deletions::default(),
            flusher: Arc::default(),
            maps: RwLock::default(),
            found: Mutex::new(found),
        }
    }

    /// A partition by its topic's name.
    ///
    /// # Errors
    /// UNKNOWN_TOPIC_OR_PARTITION.
    pub fn by_name(&self, topic: &str, partition: i32) -> Result<Arc<Partition>, ErrorCode> {
        let maps = self.read();
        let topic_id = maps
            .by_name
            .get(topic)
            .ok_or(ErrorCode::UnknownTopicOrPartition)?;
        maps.local(topic_id, partition)
            .ok_or(ErrorCode::UnknownTopicOrPartition)
    }

    /// A partition by its topic's id.
    ///
    /// # Errors
    /// UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION.
    pub fn by_id(&self, topic_id: &Uuid, partition: i32) -> Result<Arc<Partition>, ErrorCode> {
        let maps = self.read();
        if !maps.by_id.contains_key(topic_id) {
            return Err(ErrorCode::UnknownTopicId);
        }
        maps.local(topic_id, partition)
            .ok_or(ErrorCode::UnknownTopicOrPartition)
    }

    /// What has been deleted and waits for the removal of its files.
    pub fn deletions(&self) -> &Deletions {
        &self.deletions
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
                self.put(topic, index, &settings);
            }
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

    /// Flushes and closes every log and writes the clean marker.
    ///
    /// # Errors
    /// A log could not be closed; there is no clean marker then.
    pub fn shut_down(&self) -> Result<(), StorageError> {
        let taken = self
            .all()
            .into_iter()
            .filter_map(|partition| partition.take_log(ErrorCode::NotLeaderOrFollower));
        let mut logs: Vec<(Log, i64)> = taken.collect();
        self.log_dir.shut_down(
            &mut logs
                .iter_mut()
                .map(|(log, high_watermark)| (log, *high_watermark)),
        )?;
        self.log_dir.note_leftovers(&self.deletions.take_waiting())
    }

    fn configure(&self, topic: &TopicImage, settings: &Arc<TopicSettings>) {
        let locals = self.read().by_id.get(&topic.id).cloned().unwrap_or_default();
        for partition in locals.into_iter().flatten() {
            partition.configure(settings.clone());
        }
    }

    fn put(&self, topic: &TopicImage, index: i32, settings: &Arc<TopicSettings>) {
        let Some(state) = topic
            .partition(index)
            .filter(|state| state.replicas.contains(&self.node_id))
        else {
            return;
        };
        let assignment = Assignment {
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            isr: state.isr.clone(),
        };
        let known = self.read().local(&topic.id, index);
        if let Some(partition) = known {
            partition.assign(assignment);
            return;
        }
        let log = self.claim(topic, index, &settings.log);
        let id = TopicPartition {
            topic: topic.name.clone(),
            topic_id: topic.id,
            partition: index,
        };
        let (settings, flusher) = (settings.clone(), self.flusher.clone());
        let partition = Partition::new(id, self.node_id, assignment, settings, log, flusher);
        let mut maps = self.write();
        maps.by_name.insert(topic.name.clone(), topic.id);
        let locals = maps.by_id.entry(topic.id).or_default();
        let place = index as usize;
        if locals.len() <= place {
            locals.resize(place + 1, None);
        }
        locals[place] = Some(partition);
    }

    /// The log that was found at the start, or a new one.
    fn claim(&self, topic: &TopicImage, index: i32, config: &Arc<LogConfig>) -> Log {
        let found = self
            .found
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .remove(&(topic.id, index));
        match found {
            Some(mut log) => {
                log.set_config(config.clone());
                log
            }
            None => self
                .log_dir
                .create_log(topic.name.clone(), index, topic.id, config.clone()),
        }
    }

    fn remove(&self, topic: &TopicImage, delay_ms: i64) {
        let removed = {
            let mut maps = self.write();
            if maps.by_name.get(&topic.name) == Some(&topic.id) {
                maps.by_name.remove(&topic.name);
            }
            maps.by_id.remove(&topic.id).unwrap_or_default()
        };
        let gone = ErrorCode::UnknownTopicOrPartition;
        for (log, _) in removed
            .into_iter()
            .flatten()
            .filter_map(|partition| partition.take_log(gone))
        {
            match self.log_dir.delete_log(log, Uuid::new_v4()) {
                Ok(path) => self.deletions.add(path, delay_ms),
                Err(error) => tracing::error!(topic = %topic.name, %error, "a log could not be deleted"),
            }
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Maps {
    fn local(&self, topic_id: &Uuid, partition: i32) -> Option<Arc<Partition>> {
        self.by_id
            .get(topic_id)?
            .get(usize::try_from(partition).ok()?)?
            .clone()
    }
}
