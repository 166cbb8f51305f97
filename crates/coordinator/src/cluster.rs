//! What the group coordinator has to know of the cluster: its topics, and the settings of groups.
//!
//! The broker gives each shard a view of every new metadata image ([`crate::GroupShard::set_cluster`]). A
//! view never changes, so that one decision is made from one image.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

/// A topic as a group sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The name.
    pub name: Arc<str>,
    /// The id.
    pub id: Uuid,
    /// The number of its partitions.
    pub partition_count: i32,
}

/// The settings of a group of the consumer protocol: its own (ConfigCommand on the group) or else the
/// broker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// `consumer.session.timeout.ms`
    pub session_timeout_ms: i32,
    /// `consumer.heartbeat.interval.ms`
    pub heartbeat_interval_ms: i32,
    /// `consumer.assignment.interval.ms`: the least time between two computations of the target assignment
    /// (KIP-1263).
    pub assignment_interval_ms: i32,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        ConsumerSettings {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
        }
    }
}

/// The settings of a share group: its own or else the broker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareSettings {
    /// `share.session.timeout.ms`
    pub session_timeout_ms: i32,
    /// `share.heartbeat.interval.ms`
    pub heartbeat_interval_ms: i32,
    /// `share.assignment.interval.ms`: the least time between two computations of the target assignment
    /// (KIP-1263).
    pub assignment_interval_ms: i32,
}

impl Default for ShareSettings {
    fn default() -> Self {
        ShareSettings {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
        }
    }
}

/// The settings of a streams group: its own (ConfigCommand on the group) or else the broker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsSettings {
    /// `streams.session.timeout.ms`
    pub session_timeout_ms: i32,
    /// `streams.heartbeat.interval.ms`
    pub heartbeat_interval_ms: i32,
    /// `streams.assignment.interval.ms`
    pub assignment_interval_ms: i32,
    /// `streams.initial.rebalance.delay.ms`: how long an empty group waits for more members after the first.
    pub initial_rebalance_delay_ms: i32,
    /// `streams.num.standby.replicas`
    pub num_standby_replicas: i32,
    /// `streams.task.offset.interval.ms`: how often members say how far their tasks have come.
    pub task_offset_interval_ms: i32,
    /// `streams.acceptable.recovery.lag`
    pub acceptable_recovery_lag: i64,
    /// `streams.rack.aware.assignment.tags`: client tags that members must have.
    pub rack_aware_tags: Vec<String>,
}

impl Default for StreamsSettings {
    fn default() -> Self {
        StreamsSettings {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
            initial_rebalance_delay_ms: 3_000,
            num_standby_replicas: 0,
            task_offset_interval_ms: 60_000,
            acceptable_recovery_lag: 10_000,
            rack_aware_tags: Vec::new(),
        }
    }
}

impl StreamsSettings {
    /// What the assignment of tasks depends on, as the group's record keeps it.
    pub(crate) fn assignment_configs(&self) -> BTreeMap<String, String> {
        let mut configs = BTreeMap::new();
        configs.insert(
            "num.standby.replicas".to_owned(),
            self.num_standby_replicas.to_string(),
        );
        if !self.rack_aware_tags.is_empty() {
            configs.insert(
                "rack.aware.assignment.tags".to_owned(),
                self.rack_aware_tags.join(","),
            );
        }
        configs
    }
}

/// The topics that the sender of a request may DESCRIBE: what it subscribes to by an expression matches no
/// other.
#[derive(Clone)]
pub struct VisibleTopics(Option<Arc<Sees>>);

/// Whether a topic of this name may be seen.
type Sees = dyn Fn(&str) -> bool + Send + Sync;

impl VisibleTopics {
    /// Those whose names `sees` says yes to. It is asked later, too, from any thread.
    pub fn by(sees: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        VisibleTopics(Some(Arc::new(sees)))
    }

    /// All of them.
    pub fn all() -> Self {
        VisibleTopics(None)
    }

    pub(crate) fn have(&self, topic: &str) -> bool {
        self.0.as_ref().is_none_or(|sees| sees(topic))
    }
}

impl std::fmt::Debug for VisibleTopics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VisibleTopics")
    }
}

/// One state of the cluster.
pub trait ClusterView: std::fmt::Debug + Send + Sync {
    /// Goes up from image to image.
    fn version(&self) -> i64;

    /// The version of the last image that brought new topics.
    fn topics_created_at(&self) -> i64;

    /// The topic of this name.
    fn topic(&self, name: &str) -> Option<Topic>;

    /// The topic of this id.
    fn topic_by_id(&self, id: &Uuid) -> Option<Topic>;

    /// For each partition of the topic the racks of its replicas, sorted; a broker without a rack adds
    /// nothing.
    fn partition_racks(&self, name: &str) -> Vec<Vec<String>>;

    /// Shows the name of every topic, in no useful order.
    fn each_topic_name(&self, show: &mut dyn FnMut(&Arc<str>));

    /// The settings of a group.
    fn consumer_settings(&self, group_id: &str) -> ConsumerSettings;

    /// The settings of a share group.
    fn share_settings(&self, _group_id: &str) -> ShareSettings {
        ShareSettings::default()
    }

    /// The settings of a streams group.
    fn streams_settings(&self, _group_id: &str) -> StreamsSettings {
        StreamsSettings::default()
    }
}

/// The cluster before the first image.
#[derive(Debug)]
pub(crate) struct EmptyCluster;

impl ClusterView for EmptyCluster {
    fn version(&self) -> i64 {
        -1
    }

    fn topics_created_at(&self) -> i64 {
        -1
    }

    fn topic(&self, _: &str) -> Option<Topic> {
        None
    }

    fn topic_by_id(&self, _: &Uuid) -> Option<Topic> {
        None
    }

    fn partition_racks(&self, _: &str) -> Vec<Vec<String>> {
        Vec::new()
    }

    fn each_topic_name(&self, _: &mut dyn FnMut(&Arc<str>)) {}

    fn consumer_settings(&self, _: &str) -> ConsumerSettings {
        ConsumerSettings::default()
    }
}
