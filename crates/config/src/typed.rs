//! Typed views of the settings: what the rest of the broker reads, one field per setting that has an effect.
//!
//! A view is resolved whole from [`Layers`] (and a topic's own settings) whenever one of them changes, and
//! shared as an `Arc`; reading a field costs nothing. A setting that is not a field here has no effect yet,
//! and whoever gives it a value is warned (see `effect`).

use super::ConfigException;
use super::definitions::{self, ConfigKey};
use super::layers::{Layers, Settings};
use super::value::Value;

/// A field's type and how it comes out of a parsed value.
trait FromValue: Sized {
    fn from_value(value: Option<Value>) -> Option<Self>;
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl FromValue for $t {
            fn from_value(value: Option<Value>) -> Option<Self> {
                match value { Some(Value::Integer(n)) => n.try_into().ok(), _ => None }
            }
        }
    )*};
}
integers!(i16, i32, i64);

impl FromValue for bool {
    fn from_value(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Boolean(flag)) = value {
            Some(flag)
        } else {
            None
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Double(number)) = value {
            Some(number)
        } else {
            None
        }
    }
}

impl FromValue for String {
    fn from_value(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Text(text)) = value {
            Some(text)
        } else {
            None
        }
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: Option<Value>) -> Option<Self> {
        match value {
            Some(Value::List(items)) => Some(items),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Option<Value>) -> Option<Self> {
        Some(value.and_then(|value| T::from_value(Some(value))))
    }
}

fn field<T: FromValue>(name: &str, value: Option<Value>) -> Result<T, ConfigException> {
    T::from_value(value).ok_or_else(|| ConfigException::missing(name))
}

/// Declares a view: its fields, the settings behind them, and how it is resolved.
macro_rules! view {
    ($(#[$meta:meta])* $view:ident of $key:path { $($(#[doc = $doc:literal])* $field:ident: $t:ty = $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $view { $($(#[doc = $doc])* #[doc = concat!("\n\nSetting: `", $name, "`.")] pub $field: $t,)* }

        impl $view {
            /// The settings that have an effect.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];
            /// What they mean, in the same order.
            pub(crate) const MEANINGS: &'static [&'static str] = &[$(concat!($($doc),*),)*];

            fn from_values(
                value_of: impl Fn(&ConfigKey) -> Result<Option<Value>, ConfigException>,
            ) -> Result<Self, ConfigException> {
                Ok(Self { $($field: {
                    let key = $key().get($name).ok_or_else(|| ConfigException::missing($name))?;
                    field($name, value_of(key)?)?
                },)* })
            }
        }
    };
}

view! {
    /// The broker's settings in effect.
    BrokerConfig of definitions::broker {
        /// This node's id in the cluster.
        node_id: i32 = "node.id",
        /// The rack of this node, if any.
        broker_rack: Option<String> = "broker.rack",
        /// What the node is: `broker`, `controller`.
        process_roles: Vec<String> = "process.roles",
        /// The names of the controller's listeners.
        controller_listener_names: Vec<String> = "controller.listener.names",
        /// Where the broker listens.
        listeners: Vec<String> = "listeners",
        /// What the broker tells clients to connect to; null means `listeners`.
        advertised_listeners: Option<Vec<String>> = "advertised.listeners",
        /// The listener for other brokers; null means that of `security.inter.broker.protocol`.
        inter_broker_listener_name: Option<String> = "inter.broker.listener.name",
        /// The security protocol of each listener name.
        listener_security_protocol_map: String = "listener.security.protocol.map",
        /// The data folders; null means `log.dir`.
        log_dirs: Option<Vec<String>> = "log.dirs",
        /// The data folder where `log.dirs` is null.
        log_dir: Vec<String> = "log.dir",
        /// The data folder of the metadata; null means the first.
        metadata_log_dir: Option<String> = "metadata.log.dir",
        /// Data folders that get no new partitions; `*` means all.
        cordoned_log_dirs: Option<Vec<String>> = "cordoned.log.dirs",

        /// The largest request, bytes.
        socket_request_max_bytes: i32 = "socket.request.max.bytes",
        /// Bytes that requests may take while they arrive and wait; not positive means a default of our own.
        queued_max_request_bytes: i64 = "queued.max.request.bytes",
        /// Connections that may wait to be accepted.
        socket_listen_backlog_size: i32 = "socket.listen.backlog.size",
        /// How long a connection may be idle, milliseconds.
        connections_max_idle_ms: i64 = "connections.max.idle.ms",
        /// Connections the broker accepts in all.
        max_connections: i32 = "max.connections",
        /// Connections from one address.
        max_connections_per_ip: i32 = "max.connections.per.ip",
        /// Connections from addresses of their own limits, `address:count` pairs.
        max_connections_per_ip_overrides: String = "max.connections.per.ip.overrides",
        /// Runtime threads that serve connections.
        num_network_threads: i32 = "num.network.threads",
        /// How long other nodes are waited for, milliseconds.
        request_timeout_ms: i32 = "request.timeout.ms",

        /// Whether Metadata requests create topics.
        auto_create_topics_enable: bool = "auto.create.topics.enable",
        /// Partitions one DescribeTopicPartitions response may hold.
        max_request_partition_size_limit: i32 = "max.request.partition.size.limit",
        /// Whether topics may be deleted.
        delete_topic_enable: bool = "delete.topic.enable",
        /// Partitions of a topic created without a count.
        num_partitions: i32 = "num.partitions",
        /// Replicas of a topic created without a count.
        default_replication_factor: i32 = "default.replication.factor",
        /// The least in-sync replicas an acks=all produce needs.
        min_insync_replicas: i32 = "min.insync.replicas",

        /// The most bytes a fetch response holds.
        fetch_max_bytes: i32 = "fetch.max.bytes",
        /// Fetch sessions kept (KIP-227).
        max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots",
        /// How long an idle producer's state is kept, milliseconds.
        producer_id_expiration_ms: i32 = "producer.id.expiration.ms",
        /// How often idle producers are looked for, milliseconds.
        producer_id_expiration_check_interval_ms: i32 = "producer.id.expiration.check.interval.ms",
        /// Threads that recover the logs of one data folder after a crash.
        num_recovery_threads_per_data_dir: i32 = "num.recovery.threads.per.data.dir",
        /// Threads that move partitions between data folders; null means one for each folder.
        num_replica_alter_log_dirs_threads: Option<i32> = "num.replica.alter.log.dirs.threads",
        /// How often logs are looked at for a due flush, milliseconds.
        log_flush_scheduler_interval_ms: i64 = "log.flush.scheduler.interval.ms",
        /// How often the recovery points are written to their checkpoint, milliseconds.
        log_flush_offset_checkpoint_interval_ms: i32 = "log.flush.offset.checkpoint.interval.ms",
        /// How often the logs' first offsets are written to their checkpoint, milliseconds.
        log_flush_start_offset_checkpoint_interval_ms: i32 = "log.flush.start.offset.checkpoint.interval.ms",
        /// How often the high watermarks are written to their checkpoint, milliseconds.
        replica_high_watermark_checkpoint_interval_ms: i64 = "replica.high.watermark.checkpoint.interval.ms",

        /// How often old segments are looked for, milliseconds.
        log_retention_check_interval_ms: i64 = "log.retention.check.interval.ms",
        /// How long the folder of a deleted partition waits to be removed, milliseconds.
        log_segment_delete_delay_ms: i64 = "log.segment.delete.delay.ms",

        /// Whether compacted topics are compacted.
        log_cleaner_enable: bool = "log.cleaner.enable",
        /// Threads that compact.
        log_cleaner_threads: i32 = "log.cleaner.threads",
        /// Memory for the keys of the logs that are being compacted, bytes.
        log_cleaner_dedupe_buffer_size: i64 = "log.cleaner.dedupe.buffer.size",
        /// How full that memory may be, 0 to 1.
        log_cleaner_io_buffer_load_factor: f64 = "log.cleaner.io.buffer.load.factor",
        /// Memory for reading and writing, bytes.
        log_cleaner_io_buffer_size: i32 = "log.cleaner.io.buffer.size",
        /// Bytes that all cleaners together read and write per second.
        log_cleaner_io_max_bytes_per_second: f64 = "log.cleaner.io.max.bytes.per.second",
        /// How long a cleaner waits when there is nothing to compact, milliseconds.
        log_cleaner_backoff_ms: i64 = "log.cleaner.backoff.ms",

        /// Partitions of `__consumer_offsets`.
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions",
        /// Replicas of `__consumer_offsets`.
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor",
        /// Segment size of `__consumer_offsets`, bytes.
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes",
        /// Id of the codec of `__consumer_offsets`.
        offsets_topic_compression_codec: i32 = "offsets.topic.compression.codec",
        /// How long a group's offsets are kept, minutes.
        offsets_retention_minutes: i32 = "offsets.retention.minutes",
        /// How often expired offsets are looked for, milliseconds.
        offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms",
        /// The most metadata bytes with a committed offset.
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes",
        /// The least session timeout of a classic member, milliseconds.
        group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms",
        /// The greatest session timeout of a classic member, milliseconds.
        group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms",
        /// The most members of a classic group.
        group_max_size: i32 = "group.max.size",
        /// The most members of a consumer group.
        group_consumer_max_size: i32 = "group.consumer.max.size",
        /// The assignors of consumer groups, the default one first.
        group_consumer_assignors: Vec<String> = "group.consumer.assignors",
        /// Whether groups may go from one protocol to the other while they have members.
        group_consumer_migration_policy: String = "group.consumer.migration.policy",
        /// The session timeout of consumer groups, milliseconds.
        group_consumer_session_timeout_ms: i32 = "group.consumer.session.timeout.ms",
        /// The heartbeat interval of consumer groups, milliseconds.
        group_consumer_heartbeat_interval_ms: i32 = "group.consumer.heartbeat.interval.ms",
        /// The least time between two assignments of a consumer group, milliseconds.
        group_consumer_assignment_interval_ms: i32 = "group.consumer.assignment.interval.ms",
        /// How long the first rebalance of a group waits for more members, milliseconds.
        group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms",
        /// Partitions of `__transaction_state`.
        transaction_state_log_num_partitions: i32 = "transaction.state.log.num.partitions",
        /// Replicas of `__transaction_state`.
        transaction_state_log_replication_factor: i16 = "transaction.state.log.replication.factor",
        /// The least in-sync replicas of `__transaction_state`.
        transaction_state_log_min_isr: i32 = "transaction.state.log.min.isr",
        /// Segment size of `__transaction_state`, bytes.
        transaction_state_log_segment_bytes: i32 = "transaction.state.log.segment.bytes",
        /// The longest timeout that a transactional producer may ask for, milliseconds.
        transaction_max_timeout_ms: i32 = "transaction.max.timeout.ms",
        /// How often transactions that have timed out are looked for, milliseconds.
        transaction_abort_timed_out_transaction_cleanup_interval_ms: i64 = "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        /// How long an unused transactional id is remembered, milliseconds.
        transactional_id_expiration_ms: i64 = "transactional.id.expiration.ms",
        /// How often expired transactional ids are looked for, milliseconds.
        transaction_remove_expired_transaction_cleanup_interval_ms: i64 = "transaction.remove.expired.transaction.cleanup.interval.ms",
        /// Whether transactional batches are verified with the transaction coordinator.
        transaction_partition_verification_enable: bool = "transaction.partition.verification.enable",
        /// Partitions of `__share_group_state`.
        share_coordinator_state_topic_num_partitions: i32 = "share.coordinator.state.topic.num.partitions",
        /// Replicas of `__share_group_state`.
        share_coordinator_state_topic_replication_factor: i16 = "share.coordinator.state.topic.replication.factor",
        /// The least in-sync replicas of `__share_group_state`.
        share_coordinator_state_topic_min_isr: i16 = "share.coordinator.state.topic.min.isr",
        /// Segment size of `__share_group_state`, bytes.
        share_coordinator_state_topic_segment_bytes: i32 = "share.coordinator.state.topic.segment.bytes",
    }
}

view! {
    /// A topic's settings in effect.
    TopicConfig of definitions::topic {
        /// What becomes of old records: `delete`, `compact`, both or neither.
        cleanup_policy: Vec<String> = "cleanup.policy",
        /// The codec batches are stored in; `producer` keeps the producer's.
        compression_type: String = "compression.type",
        /// The level of gzip, where the broker compresses.
        compression_gzip_level: i32 = "compression.gzip.level",
        /// The level of lz4.
        compression_lz4_level: i32 = "compression.lz4.level",
        /// The level of zstd.
        compression_zstd_level: i32 = "compression.zstd.level",
        /// How long a tombstone stays after its first compaction, milliseconds.
        delete_retention_ms: i64 = "delete.retention.ms",
        /// The age from which a dirty record makes its log be compacted, milliseconds.
        max_compaction_lag_ms: i64 = "max.compaction.lag.ms",
        /// The dirty part of a log from which it is compacted, 0 to 1.
        min_cleanable_dirty_ratio: f64 = "min.cleanable.dirty.ratio",
        /// The age up to which records are not compacted, milliseconds.
        min_compaction_lag_ms: i64 = "min.compaction.lag.ms",
        /// Records between two forced flushes.
        flush_messages: i64 = "flush.messages",
        /// Milliseconds between two forced flushes.
        flush_ms: i64 = "flush.ms",
        /// How long a file that has left the log waits to be removed, milliseconds.
        file_delete_delay_ms: i64 = "file.delete.delay.ms",
        /// Log bytes between two index entries.
        index_interval_bytes: i32 = "index.interval.bytes",
        /// The largest record batch, bytes.
        max_message_bytes: i32 = "max.message.bytes",
        /// The largest record of a compressed batch, bytes.
        max_decompressed_message_bytes: i32 = "max.decompressed.message.bytes",
        /// How far a record's time may lie in the future, milliseconds.
        message_timestamp_after_max_ms: i64 = "message.timestamp.after.max.ms",
        /// How far a record's time may lie in the past, milliseconds.
        message_timestamp_before_max_ms: i64 = "message.timestamp.before.max.ms",
        /// Whose clock a record's time is: `CreateTime` or `LogAppendTime`.
        message_timestamp_type: String = "message.timestamp.type",
        /// The least in-sync replicas an acks=all produce needs.
        min_insync_replicas: i32 = "min.insync.replicas",
        /// Whether a segment's file is allocated in full when it is created.
        preallocate: bool = "preallocate",
        /// The size down to which the oldest segments are removed, bytes; -1 for no limit.
        retention_bytes: i64 = "retention.bytes",
        /// The age at which records are removed, milliseconds; -1 for never.
        retention_ms: i64 = "retention.ms",
        /// The size at which a segment is rolled, bytes.
        segment_bytes: i32 = "segment.bytes",
        /// The size that goes before `segment_bytes`, without its least value, bytes; for tests.
        internal_segment_bytes: Option<i32> = "internal.segment.bytes",
        /// The largest index file, bytes.
        segment_index_bytes: i32 = "segment.index.bytes",
        /// By how much rolling by time is spread, milliseconds.
        segment_jitter_ms: i64 = "segment.jitter.ms",
        /// The age at which a segment is rolled, milliseconds.
        segment_ms: i64 = "segment.ms",
    }
}

impl BrokerConfig {
    /// The view of `layers`.
    ///
    /// # Errors
    /// A given value is not a valid one, or a required setting is missing.
    pub fn resolve(layers: &Layers) -> Result<Self, ConfigException> {
        Self::from_values(|key| layers.effective(key))
    }
}

impl TopicConfig {
    /// The view of a topic with `overrides` of its own on a broker with `layers`.
    ///
    /// # Errors
    /// A given value is not a valid one.
    pub fn resolve(layers: &Layers, overrides: &Settings) -> Result<Self, ConfigException> {
        Self::from_values(|key| match overrides.get(key.name) {
            Some(raw) => Value::parse(key, raw).map(Some),
            None => layers.topic_default(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn layers(more: &[(&str, &str)]) -> Layers {
        let mut all = settings(&[
            ("node.id", "1"),
            ("process.roles", "broker"),
            ("controller.listener.names", "CONTROLLER"),
        ]);
        all.extend(settings(more));
        Layers::of_static(all)
    }

    #[test]
    fn a_broker_view_has_kafkas_defaults() {
        let view = BrokerConfig::resolve(&layers(&[])).unwrap();
        assert_eq!(
            (
                view.node_id,
                view.num_partitions,
                view.offsets_topic_num_partitions
            ),
            (1, 1, 50)
        );
        assert_eq!(view.socket_request_max_bytes, 104_857_600);
        assert_eq!((view.log_dirs, view.broker_rack), (None, None));
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = BrokerConfig::resolve(&Layers::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Missing required configuration \"node.id\" which has no default value."
        );
    }

    #[test]
    fn a_topic_view_takes_overrides_then_the_brokers_then_its_own_defaults() {
        let layers = layers(&[("log.segment.bytes", "2097152"), ("log.roll.hours", "1")]);
        let plain = TopicConfig::resolve(&layers, &Settings::new()).unwrap();
        assert_eq!((plain.segment_bytes, plain.segment_ms), (2_097_152, 3_600_000));
        assert_eq!(plain.flush_ms, i64::MAX);
        let own = TopicConfig::resolve(&layers, &settings(&[("segment.bytes", "1048576")])).unwrap();
        assert_eq!(own.segment_bytes, 1_048_576);
    }
}
