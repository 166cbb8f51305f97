//! A topic's settings.

use super::field;
use crate::definitions::{self, ConfigKey};
use crate::{ConfigException, Layers, Settings, Value};

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
        /// Replicas that are sent to no faster than the broker's limit: `partition:broker`, or `*`.
        leader_replication_throttled_replicas: Vec<String> = "leader.replication.throttled.replicas",
        /// Replicas that are filled no faster than the broker's limit: `partition:broker`, or `*`.
        follower_replication_throttled_replicas: Vec<String> = "follower.replication.throttled.replicas",
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
