//! The topic settings that validation reads, with Apache Kafka's defaults.

use barnabas_protocol::records::{Compression, TimestampType};

/// `compression.type` of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetCompression {
    /// `producer`: batches stay as they were sent.
    #[default]
    Producer,
    /// `uncompressed`, or a codec with its level (`compression.CODEC.level`, `None` for the codec's default).
    Fixed(Compression, Option<i32>),
}

impl TargetCompression {
    /// The codec that a batch sent with `source` is stored with.
    pub(super) fn codec(self, source: Compression) -> Compression {
        match self {
            TargetCompression::Producer => source,
            TargetCompression::Fixed(codec, _) => codec,
        }
    }

    pub(super) fn level(self) -> Option<i32> {
        match self {
            TargetCompression::Producer => None,
            TargetCompression::Fixed(_, level) => level,
        }
    }
}

/// A topic's settings, as far as validation needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidationSettings {
    /// `max.message.bytes`: the largest batch, as sent and as stored.
    pub max_message_bytes: usize,
    /// `max.decompressed.message.bytes`: the largest record of a compressed batch.
    pub max_decompressed_record_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `compression.type` and its level.
    pub compression: TargetCompression,
    /// `cleanup.policy` has `compact`: every record needs a key.
    pub compacted: bool,
}

impl Default for ValidationSettings {
    fn default() -> Self {
        ValidationSettings {
            max_message_bytes: 1_048_588,
            max_decompressed_record_bytes: 2_147_483_639,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compression: TargetCompression::Producer,
            compacted: false,
        }
    }
}
