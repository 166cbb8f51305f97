//! One partition's log: what the broker holds for each of its replicas.
//!
//! A log is externally synchronised (the broker keeps it behind the partition's short lock); every method is
//! synchronous and quick. A log nobody uses is a name and a few numbers: it has no descriptor, no buffer and, before its
//! first append, no folder. The first use that needs them opens its files.

mod types;

use std::sync::Arc;

use uuid::Uuid;

use crate::error::Result;
use crate::log_config::LogConfig;
use crate::producer_state::ProducerEntry;

pub use types::{
    AbortedTxn, AppendInfo, AppendOrigin, EpochEndOffset, FetchSlice, ReadBound, TimestampOffset,
};

/// One partition's log.
#[derive(Debug)]
pub struct Log {}

impl Log {
    /// The topic's name.
    pub fn topic(&self) -> &Arc<str> {
        todo!()
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        todo!()
    }

    /// The topic's id.
    pub fn topic_id(&self) -> Uuid {
        todo!()
    }

    /// The settings in effect.
    pub fn config(&self) -> &Arc<LogConfig> {
        todo!()
    }

    /// Takes over changed settings; the next append acts upon them.
    pub fn set_config(&mut self, _config: Arc<LogConfig>) {
        todo!()
    }

    /// Offset of the first record that may be read.
    pub fn log_start_offset(&self) -> i64 {
        todo!()
    }

    /// Offset that the next record will get.
    pub fn log_end_offset(&self) -> i64 {
        todo!()
    }

    /// All before this offset is known to be on disk.
    pub fn recovery_point(&self) -> i64 {
        todo!()
    }

    /// The high watermark that the last checkpoint held; 0 for a new log.
    pub fn checkpointed_high_watermark(&self) -> i64 {
        todo!()
    }

    /// Size of all segments in bytes.
    pub fn size_bytes(&self) -> u64 {
        todo!()
    }

    /// The offset before which every transaction is decided and replicated; at most `high_watermark` (KIP-98).
    pub fn last_stable_offset(&self, _high_watermark: i64) -> i64 {
        todo!()
    }

    /// Appends whole, validated v2 batches as the partition's leader: assigns offsets and `leader_epoch` in place (both
    /// lie outside of the CRC), checks and updates the producers' state, rolls the segment if it is time, writes once.
    ///
    /// A batch that an idempotent producer sends again is not appended; the answer is the original's
    /// ([`AppendInfo::duplicate`]).
    ///
    /// # Errors
    /// Those of the producer state (OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE),
    /// RECORD_LIST_TOO_LARGE; KAFKA_STORAGE_ERROR when the disk fails, after which nothing of the batches is served.
    pub fn append(
        &mut self,
        _batches: &mut [u8],
        _leader_epoch: i32,
        _origin: AppendOrigin,
        _now_ms: i64,
    ) -> Result<AppendInfo> {
        todo!()
    }

    /// Appends batches fetched from the leader: offsets and leader epochs stay as they are.
    ///
    /// # Errors
    /// `UnexpectedAppendOffset` if they don't continue the log; KAFKA_STORAGE_ERROR.
    pub fn append_as_follower(&mut self, _batches: &[u8], _now_ms: i64) -> Result<AppendInfo> {
        todo!()
    }

    /// The bytes from the batch that holds `offset` on: at most `max_bytes`, within one segment, up to `bound`. The last
    /// batch may be cut off, as Kafka's clients expect. With `min_one_message` a first batch larger than
    /// `max_bytes` comes whole (KIP-74).
    ///
    /// # Errors
    /// OFFSET_OUT_OF_RANGE before the log's start or behind its end.
    pub fn read(
        &mut self,
        _offset: i64,
        _max_bytes: u32,
        _bound: ReadBound,
        _min_one_message: bool,
    ) -> Result<FetchSlice> {
        todo!()
    }

    /// The first record whose timestamp is at least `timestamp_ms`.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE.
    pub fn offset_for_timestamp(&mut self, _timestamp_ms: i64) -> Result<Option<TimestampOffset>> {
        todo!()
    }

    /// The first record that has the largest timestamp of the log (KIP-734).
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE.
    pub fn offset_of_max_timestamp(&mut self) -> Result<Option<TimestampOffset>> {
        todo!()
    }

    /// The largest epoch not above `leader_epoch` and the offset at which it ended (KIP-101, KIP-279); the current
    /// epoch ends at the log's end. `None` if nothing is known.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn end_offset_for_epoch(&mut self, _leader_epoch: i32) -> Result<Option<EpochEndOffset>> {
        todo!()
    }

    /// The leader epoch in which the record at `offset` was written.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn epoch_for_offset(&mut self, _offset: i64) -> Result<Option<i32>> {
        todo!()
    }

    /// The newest epoch of the log.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn latest_epoch(&mut self) -> Result<Option<i32>> {
        todo!()
    }

    /// Notes that this broker leads the partition in `leader_epoch` from the log's end on. Costs no IO before the
    /// log has a folder.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn assign_leader_epoch(&mut self, _leader_epoch: i32) -> Result<()> {
        todo!()
    }

    /// The producers that have written lately (DescribeProducers).
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn active_producers(&mut self) -> Result<Vec<ProducerEntry>> {
        todo!()
    }

    /// Forgets producers that have been idle for `producer.id.expiration.ms`.
    pub fn remove_expired_producers(&mut self, _now_ms: i64) {
        todo!()
    }

    /// Tells the log how far it is replicated, which may move the last stable offset.
    pub fn high_watermark_updated(&mut self, _high_watermark: i64) {
        todo!()
    }

    /// Raises the first readable offset (DeleteRecords, retention); answers whether it moved.
    ///
    /// # Errors
    /// OFFSET_OUT_OF_RANGE beyond `high_watermark`.
    pub fn advance_log_start_offset(&mut self, _log_start_offset: i64, _high_watermark: i64) -> Result<bool> {
        todo!()
    }

    /// Cuts off all from the batch that holds `offset` on; answers whether there was anything to cut.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn truncate_to(&mut self, _offset: i64) -> Result<bool> {
        todo!()
    }

    /// Drops all records; the next one will be at `offset`.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn truncate_fully_and_start_at(&mut self, _offset: i64) -> Result<()> {
        todo!()
    }

    /// Whether `flush.messages` or `flush.ms` demand a [`Log::flush`].
    pub fn flush_is_due(&self, _now_ms: i64) -> bool {
        todo!()
    }

    /// fdatasync of all that was written; moves the recovery point.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the log is offline then, since Linux forgets dirty pages whose write failed.
    pub fn flush(&mut self, _now_ms: i64) -> Result<()> {
        todo!()
    }

    /// Writes what lives in memory only (index entries, producers), gives up descriptors and buffers. The next use opens
    /// the files again.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn release(&mut self) -> Result<()> {
        todo!()
    }
}
