//! A cluster of topics in memory, for groups to read.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_coordinator::{ClusterView, ConsumerSettings, StreamsSettings, Topic};
use uuid::Uuid;

#[derive(Clone, Debug, Default)]
pub struct Cluster {
    topics: BTreeMap<Arc<str>, Topic>,
    version: i64,
    created_at: i64,
    pub settings: ConsumerSettings,
    pub streams: StreamsSettings,
}

impl Cluster {
    /// Topics with their numbers of partitions.
    pub fn with(topics: &[(&str, i32)]) -> Self {
        let mut cluster = Cluster::default();
        for (name, partitions) in topics {
            cluster.set(name, *partitions);
        }
        cluster
    }

    /// Creates or grows a topic; its id is its name.
    pub fn set(&mut self, name: &str, partition_count: i32) {
        self.version += 1;
        let topic = Topic {
            name: name.into(),
            id: topic_id(name),
            partition_count,
        };
        if self.topics.insert(name.into(), topic).is_none() {
            self.created_at = self.version;
        }
    }
}

pub fn topic_id(name: &str) -> Uuid {
    Uuid::from_u128(name.bytes().fold(1, |id, byte| id << 8 | u128::from(byte)))
}

impl ClusterView for Cluster {
    fn version(&self) -> i64 {
        self.version
    }

    fn topics_created_at(&self) -> i64 {
        self.created_at
    }

    fn topic(&self, name: &str) -> Option<Topic> {
        self.topics.get(name).cloned()
    }

    fn topic_by_id(&self, id: &Uuid) -> Option<Topic> {
        self.topics.values().find(|topic| topic.id == *id).cloned()
    }

    fn partition_racks(&self, name: &str) -> Vec<Vec<String>> {
        let count = self.topics.get(name).map_or(0, |topic| topic.partition_count);
        (0..count).map(|_| Vec::new()).collect()
    }

    fn each_topic_name(&self, show: &mut dyn FnMut(&Arc<str>)) {
        self.topics.keys().for_each(show);
    }

    fn consumer_settings(&self, _: &str) -> ConsumerSettings {
        self.settings
    }

    fn streams_settings(&self, _: &str) -> StreamsSettings {
        self.streams.clone()
    }
}
