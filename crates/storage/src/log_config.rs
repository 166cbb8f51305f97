//! The topic settings a log acts upon, with Kafka's names (dots become underscores) and defaults.

/// Settings of one log. Shared by all partitions of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment that would outgrow this is closed and a new one begun.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment older than this is closed by the next append.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: the most that is taken off `segment.ms`, so that logs don't all roll at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment whose offset or time index has this size is closed.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: roughly every so many bytes of log get an index entry.
    pub index_interval_bytes: u32,
    /// `preallocate`: reserve a segment's whole size on disk when it is created.
    pub preallocate: bool,
    /// `flush.messages`: fdatasync after so many records.
    pub flush_messages: i64,
    /// `flush.ms`: fdatasync after so many milliseconds.
    pub flush_ms: i64,
    /// `cleanup.policy` has `compact`: of each key the last record stays.
    pub cleanup_compact: bool,
    /// `min.cleanable.dirty.ratio`: a log is compacted once this part of it is dirty.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`: segments with younger records aren't compacted.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: a log is compacted once it has older dirty records, and its active segment
    /// closed.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: a tombstone stays for so long after its first compaction.
    pub delete_retention_ms: i64,
    /// `cleanup.policy` has `delete`: old records go by `retention.ms` and `retention.bytes`.
    pub cleanup_delete: bool,
    /// `retention.ms`: a segment whose records are all older goes; -1 for never.
    pub retention_ms: i64,
    /// `retention.bytes`: the oldest segments go while the log would still be this large; -1 for any size.
    pub retention_bytes: i64,
    /// `file.delete.delay.ms`: a file that has left the log is removed after this time.
    pub file_delete_delay_ms: i64,
    /// `max.decompressed.message.bytes`: a search by time reads no larger record of a compressed batch.
    pub max_decompressed_record_bytes: usize,
    /// `producer.id.expiration.ms`, a broker setting: idle producers are forgotten after this time.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            preallocate: false,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            cleanup_compact: false,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 60 * 60 * 1000,
            cleanup_delete: true,
            retention_ms: 7 * 24 * 60 * 60 * 1000,
            retention_bytes: -1,
            file_delete_delay_ms: 60_000,
            max_decompressed_record_bytes: 2_147_483_639,
            producer_id_expiration_ms: 24 * 60 * 60 * 1000,
        }
    }
}

impl LogConfig {
    /// The age at which the active segment is closed by the next append, ms: a compacted log's must be closed
    /// for `max.compaction.lag.ms` to be kept.
    pub fn max_segment_ms(&self) -> i64 {
        if self.cleanup_compact {
            self.segment_ms.min(self.max_compaction_lag_ms.max(0))
        } else {
            self.segment_ms
        }
    }
}
