//! The metadata image as the group coordinator sees it.

use std::sync::Arc;

use barnabas_coordinator::{ClusterView, ConsumerSettings, ShareSettings, StreamsSettings, Topic};
use barnabas_metadata::image::{ConfigMap, MetadataImage, PartitionImage, TopicImage};
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use uuid::Uuid;

use super::streams_defaults::{StreamsDefaults, capped};
use barnabas_config::BrokerConfig;

/// One image, with the settings of groups that the broker had then.
#[derive(Debug)]
pub(super) struct ImageView {
    image: Arc<MetadataImage>,
    topics_created_at: i64,
    groups: GroupDefaults,
    streams: StreamsDefaults,
    share_groups: ShareGroupDefaults,
}

/// What groups have that set nothing of their own, and between which bounds what they set counts: it was
/// checked when it was set, but the bounds may be others since.
#[derive(Debug)]
struct GroupDefaults {
    settings: ConsumerSettings,
    least: ConsumerSettings,
    most: ConsumerSettings,
}

impl ImageView {
    /// The view of an image; `topics_created_at` is the offset of the last one that brought new topics.
    pub(super) fn new(image: Arc<MetadataImage>, topics_created_at: i64, config: &BrokerConfig) -> Self {
        ImageView {
            image,
            topics_created_at,
            groups: GroupDefaults::new(config),
            streams: StreamsDefaults::new(config),
            share_groups: ShareGroupDefaults::new(config),
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

impl GroupDefaults {
    fn new(config: &BrokerConfig) -> Self {
        let least = ConsumerSettings {
            session_timeout_ms: config.group_consumer_min_session_timeout_ms,
            heartbeat_interval_ms: config.group_consumer_min_heartbeat_interval_ms,
            assignment_interval_ms: config.group_consumer_min_assignment_interval_ms,
        };
        let most = ConsumerSettings {
            session_timeout_ms: config.group_consumer_max_session_timeout_ms,
            heartbeat_interval_ms: config.group_consumer_max_heartbeat_interval_ms,
            assignment_interval_ms: config.group_consumer_max_assignment_interval_ms,
        };
        let assignment_interval_ms = config.group_consumer_assignment_interval_ms;
        let settings = ConsumerSettings {
            session_timeout_ms: config.group_consumer_session_timeout_ms,
            heartbeat_interval_ms: config.group_consumer_heartbeat_interval_ms,
            // The only one that can be changed at run time, where its bounds are not checked.
            assignment_interval_ms: capped(
                assignment_interval_ms,
                least.assignment_interval_ms,
                most.assignment_interval_ms,
            ),
        };
        GroupDefaults {
            settings,
            least,
            most,
        }
    }

    /// The settings of a group that has set `own`, which the controller has validated.
    fn with(&self, own: &ConfigMap) -> ConsumerSettings {
        let setting = |name: &str, of: fn(&ConsumerSettings) -> i32| {
            let set = own.get(name).and_then(|value| value.trim().parse().ok());
            set.map_or(of(&self.settings), |value| {
                capped(value, of(&self.least), of(&self.most))
            })
        };
        ConsumerSettings {
            session_timeout_ms: setting("consumer.session.timeout.ms", |of| of.session_timeout_ms),
            heartbeat_interval_ms: setting("consumer.heartbeat.interval.ms", |of| of.heartbeat_interval_ms),
            assignment_interval_ms: setting("consumer.assignment.interval.ms", |of| {
                of.assignment_interval_ms
            }),
        }
    }
}

/// The same of share groups.
#[derive(Debug)]
struct ShareGroupDefaults {
    settings: ShareSettings,
    least: ShareSettings,
    most: ShareSettings,
}

impl ShareGroupDefaults {
    fn new(config: &BrokerConfig) -> Self {
        let least = ShareSettings {
            session_timeout_ms: config.group_share_min_session_timeout_ms,
            heartbeat_interval_ms: config.group_share_min_heartbeat_interval_ms,
            assignment_interval_ms: config.group_share_min_assignment_interval_ms,
        };
        let most = ShareSettings {
            session_timeout_ms: config.group_share_max_session_timeout_ms,
            heartbeat_interval_ms: config.group_share_max_heartbeat_interval_ms,
            assignment_interval_ms: config.group_share_max_assignment_interval_ms,
        };
        let settings = ShareSettings {
            session_timeout_ms: config.group_share_session_timeout_ms,
            heartbeat_interval_ms: config.group_share_heartbeat_interval_ms,
            assignment_interval_ms: capped(
                config.group_share_assignment_interval_ms,
                least.assignment_interval_ms,
                most.assignment_interval_ms,
            ),
        };
        ShareGroupDefaults {
            settings,
            least,
            most,
        }
    }

    fn with(&self, own: &ConfigMap) -> ShareSettings {
        let setting = |name: &str, of: fn(&ShareSettings) -> i32| {
            let set = own.get(name).and_then(|value| value.trim().parse().ok());
            set.map_or(of(&self.settings), |value| {
                capped(value, of(&self.least), of(&self.most))
            })
        };
        ShareSettings {
            session_timeout_ms: setting("share.session.timeout.ms", |of| of.session_timeout_ms),
            heartbeat_interval_ms: setting("share.heartbeat.interval.ms", |of| of.heartbeat_interval_ms),
            assignment_interval_ms: setting("share.assignment.interval.ms", |of| of.assignment_interval_ms),
        }
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
        match self.image.configs.get(&group) {
            Some(own) => self.groups.with(own),
            None => self.groups.settings,
        }
    }

    fn streams_settings(&self, group_id: &str) -> StreamsSettings {
        let group = ConfigResource::new(ConfigResourceType::Group, group_id);
        self.streams.with(self.image.configs.get(&group).map(Arc::as_ref))
    }

    fn share_settings(&self, group_id: &str) -> ShareSettings {
        let group = ConfigResource::new(ConfigResourceType::Group, group_id);
        match self.image.configs.get(&group) {
            Some(own) => self.share_groups.with(own),
            None => self.share_groups.settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use barnabas_config::Layers;

    use super::*;

    fn brokers() -> BrokerConfig {
        let settings = [
            ("node.id", "1"),
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        BrokerConfig::resolve(&Layers::of_static(settings.into())).unwrap()
    }

    #[test]
    fn what_a_group_sets_counts_within_the_brokers_bounds() {
        let own = |session: &str, heartbeat: &str, assignment: &str| -> ConfigMap {
            [
                ("consumer.session.timeout.ms", session),
                ("consumer.heartbeat.interval.ms", heartbeat),
                ("consumer.assignment.interval.ms", assignment),
            ]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
        };
        // By default 45,000 to 60,000, 5,000 to 15,000 and 0 to 15,000.
        let table = [
            (own("", "", ""), [45_000, 5_000, 1_000]),
            (own("50000", "6000", "7"), [50_000, 6_000, 7]),
            (own("1", "1", "0"), [45_000, 5_000, 0]),
            (own("60001", "15001", "15001"), [60_000, 15_000, 15_000]),
        ];
        let config = brokers();
        let defaults = GroupDefaults::new(&config);
        for (own, [session, heartbeat, assignment]) in table {
            let expected = ConsumerSettings {
                session_timeout_ms: session,
                heartbeat_interval_ms: heartbeat,
                assignment_interval_ms: assignment,
            };
            assert_eq!(defaults.with(&own), expected, "{own:?}");
        }
        assert_eq!(capped(5, 10, 3), 10, "bounds that cross");
    }

    #[test]
    fn the_brokers_own_assignment_interval_counts_within_its_bounds() {
        let mut config = brokers();
        config.group_consumer_assignment_interval_ms = 90_000;
        let settings = GroupDefaults::new(&config).settings;
        assert_eq!(settings.assignment_interval_ms, 15_000);
    }
}
