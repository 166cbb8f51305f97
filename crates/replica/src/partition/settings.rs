//! A topic's settings in effect, in the shapes that its partitions, their logs and the validation of batches
//! want.

use std::sync::Arc;

use barnabas_metadata::image::MetadataImage;
use barnabas_metadata::records::ConfigResource;
use barnabas_protocol::records::{Compression, TimestampType};
use barnabas_storage::LogConfig;
use barnabas_storage::validate::{TargetCompression, ValidationSettings};

use super::replication_quota::ThrottledReplicas;
use barnabas_config::{BrokerConfig, Layers, Settings, TopicConfig};

/// A topic's settings; shared by its partitions, and by all topics that set nothing of their own.
#[derive(Debug)]
pub struct TopicSettings {
    /// As configured.
    pub config: TopicConfig,
    /// The log's part.
    pub log: Arc<LogConfig>,
    /// Which replicas leaders send to no faster than the limit, and which are filled no faster.
    pub throttled: (ThrottledReplicas, ThrottledReplicas),
    /// What produced batches are held to.
    pub validation: ValidationSettings,
}

impl TopicSettings {
    /// The settings of topics that set nothing of their own.
    pub fn defaults(layers: &Layers, broker: &BrokerConfig) -> Arc<Self> {
        let config = TopicConfig::resolve(layers, &Settings::new())
            .expect("invariant: broker settings were validated before they took effect");
        Arc::new(Self::new(config, broker))
    }

    /// The settings of `topic`. Values in the image were validated before they got there; should one not
    /// parse all the same, the topic goes on with `defaults`.
    pub fn of_topic(
        image: &MetadataImage,
        topic: &str,
        layers: &Layers,
        broker: &BrokerConfig,
        defaults: &Arc<Self>,
    ) -> Arc<Self> {
        let Some(own) = image.configs.get(&ConfigResource::topic(topic)) else {
            return defaults.clone();
        };
        match TopicConfig::resolve(layers, own) {
            Ok(config) => Arc::new(Self::new(config, broker)),
            Err(error) => {
                tracing::error!(topic, %error, "bad topic config in the metadata; the defaults apply");
                defaults.clone()
            }
        }
    }

    fn new(config: TopicConfig, broker: &BrokerConfig) -> Self {
        let has_policy = |name| config.cleanup_policy.iter().any(|policy| policy == name);
        let log = LogConfig {
            segment_bytes: unsigned(config.internal_segment_bytes.unwrap_or(config.segment_bytes)),
            segment_ms: config.segment_ms,
            segment_jitter_ms: config.segment_jitter_ms,
            segment_index_bytes: unsigned(config.segment_index_bytes),
            index_interval_bytes: unsigned(config.index_interval_bytes),
            preallocate: config.preallocate,
            flush_messages: config.flush_messages,
            flush_ms: config.flush_ms,
            cleanup_compact: has_policy("compact"),
            min_cleanable_dirty_ratio: config.min_cleanable_dirty_ratio,
            min_compaction_lag_ms: config.min_compaction_lag_ms,
            max_compaction_lag_ms: config.max_compaction_lag_ms,
            delete_retention_ms: config.delete_retention_ms,
            cleanup_delete: has_policy("delete"),
            retention_ms: config.retention_ms,
            retention_bytes: config.retention_bytes,
            file_delete_delay_ms: config.file_delete_delay_ms,
            max_decompressed_record_bytes: unsigned(config.max_decompressed_message_bytes) as usize,
            producer_id_expiration_ms: i64::from(broker.producer_id_expiration_ms),
        };
        let validation = ValidationSettings {
            max_message_bytes: unsigned(config.max_message_bytes) as usize,
            max_decompressed_record_bytes: unsigned(config.max_decompressed_message_bytes) as usize,
            timestamp_type: match config.message_timestamp_type.as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            timestamp_before_max_ms: config.message_timestamp_before_max_ms,
            timestamp_after_max_ms: config.message_timestamp_after_max_ms,
            compression: target_compression(&config),
            compacted: has_policy("compact"),
        };
        let throttled = (
            ThrottledReplicas::parse(&config.leader_replication_throttled_replicas),
            ThrottledReplicas::parse(&config.follower_replication_throttled_replicas),
        );
        TopicSettings {
            throttled,
            config,
            log: Arc::new(log),
            validation,
        }
    }
}

fn target_compression(config: &TopicConfig) -> TargetCompression {
    match config.compression_type.as_str() {
        "uncompressed" => TargetCompression::Fixed(Compression::None, None),
        "gzip" => TargetCompression::Fixed(Compression::Gzip, Some(config.compression_gzip_level)),
        "snappy" => TargetCompression::Fixed(Compression::Snappy, None),
        "lz4" => TargetCompression::Fixed(Compression::Lz4, Some(config.compression_lz4_level)),
        "zstd" => TargetCompression::Fixed(Compression::Zstd, Some(config.compression_zstd_level)),
        _ => TargetCompression::Producer,
    }
}

/// Sizes are validated to be at least 0.
fn unsigned(size: i32) -> u32 {
    u32::try_from(size).unwrap_or(0)
}
