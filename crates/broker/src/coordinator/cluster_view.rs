//! The metadata image as the group coordinator sees it.

use std::sync::Arc;

use barnabas_coordinator::{ClusterView, ConsumerSettings, Topic};
use barnabas_metadata::image::{MetadataImage, PartitionImage, TopicImage};
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use uuid::Uuid;

use barnabas_config::BrokerConfig;

/// One image, with the settings of groups that the broker had then.
#[derive(Debug)]
pub(super) struct ImageView {
    image: Arc<MetadataImage>,
    topics_created_at: i64,
    defaults: ConsumerSettings,
}

impl ImageView {
    /// The view of an image; `topics_created_at` is the offset of the last one that brought new topics.
    pub(super) fn new(image: Arc<MetadataImage>, topics_created_at: i64, config: &BrokerConfig) -> Self {
        ImageView {
            image,
            topics_created_at,
            defaults: ConsumerSettings {
                session_timeout_ms: config.group_consumer_session_timeout_ms,
                heartbeat_interval_ms: config.group_consumer_heartbeat_interval_ms,
                assignment_interval_ms: config.group_consumer_assignment_interval_ms,
            },
        }
    }

    fn racks_of(&self, partition: &PartitionImage) -> Vec<String> {
        let rack = |id| self.image.brokers.get(id)?.rack.clone();
        let mut racks: Vec<String> = partition.replicas.iter().filter_map(rack).collect();
        racks.sort_unstable();
        racks
    }
}

fn topic(topic: &TopicImage) -> Topic {
    Topic {
        name: topic.name.clone(),
        id: topic.id,
        partition_count: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
    }
}

impl ClusterView for ImageView {
    fn version(&self) -> i64 {
        self.image.offset
    }

    fn topics_created_at(&self) -> i64 {
        self.topics_created_at
    }

    fn topic(&self, name: &str) -> Option<Topic> {
        self.image.topics.by_name(name).map(|image| topic(image))
    }

    fn topic_by_id(&self, id: &Uuid) -> Option<Topic> {
        self.image.topics.by_id(id).map(|image| topic(image))
    }

    fn partition_racks(&self, name: &str) -> Vec<Vec<String>> {
        let topic = self.image.topics.by_name(name);
        let partitions = topic.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| self.racks_of(partition)).collect()
    }

    fn each_topic_name(&self, show: &mut dyn FnMut(&Arc<str>)) {
        self.image.topics.iter().for_each(|topic| show(&topic.name));
    }

    fn consumer_settings(&self, group_id: &str) -> ConsumerSettings {
        let group = ConfigResource::new(ConfigResourceType::Group, group_id);
        let Some(own) = self.image.configs.get(&group) else {
            return self.defaults;
        };
        // The controller has validated them.
        let setting = |name: &str, default: i32| {
            own.get(name)
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(default)
        };
        ConsumerSettings {
            session_timeout_ms: setting("consumer.session.timeout.ms", self.defaults.session_timeout_ms),
            heartbeat_interval_ms: setting(
                "consumer.heartbeat.interval.ms",
                self.defaults.heartbeat_interval_ms,
            ),
            assignment_interval_ms: setting(
                "consumer.assignment.interval.ms",
                self.defaults.assignment_interval_ms,
            ),
        }
    }
}
