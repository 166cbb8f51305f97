//! What goes in and out of a [`Log`](super::Log).

use std::sync::Arc;

use uuid::Uuid;

use crate::disk::File;

/// Who appends; decides how much of a producer's state is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A producer, by Produce: epochs and sequences are checked.
    Client,
    /// A coordinator on this broker (its own records): epochs are checked, sequences don't exist.
    Coordinator,
    /// A transaction coordinator that ends a transaction with a marker.
    Marker {
        /// The transaction is of transaction.version 2: its end bumps the epoch.
        bumps_epoch: bool,
    },
    /// The leader, by a follower's Fetch, or recovery: all was checked before.
    Replication,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// Offset of the first record (of the original for a duplicate).
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// With `LogAppendTime` the batches' time (ms); of a duplicate the original's timestamp, as Kafka
    /// answers; else -1.
    pub log_append_time: i64,
    /// First readable offset of the log.
    pub log_start_offset: i64,
    /// Bytes written; 0 for a duplicate.
    pub bytes: u32,
    /// The producer had sent this batch before; nothing was appended.
    pub duplicate: bool,
}

/// Where a read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBound {
    /// The end of the log: replicas.
    LogEnd,
    /// The high watermark: read_uncommitted consumers.
    HighWatermark(i64),
    /// The last stable offset: read_committed consumers, who also get the list of aborted transactions.
    LastStable(i64),
}

/// A byte range of a segment file, ready to be sent.
///
/// The file stays readable for as long as the slice lives, even when its segment is deleted. A truncation
/// (change of leader) may shorten it: a sender treats a short read as a lost connection.
#[derive(Clone, Debug, Default)]
pub struct FetchSlice {
    /// The segment; `None` when there is nothing to read.
    pub file: Option<Arc<File>>,
    /// Where the range begins, bytes from the start of the file.
    pub position: u64,
    /// Bytes in the range.
    pub len: u32,
    /// The range may have left the page cache: reading it may wait for the disk.
    pub may_be_cold: bool,
    /// Only a part of the first batch fits into the reader's limit.
    pub first_batch_incomplete: bool,
    /// For [`ReadBound::LastStable`]: transactions that were aborted in the range.
    pub aborted_transactions: Option<Vec<AbortedTxn>>,
}

impl FetchSlice {
    /// Reads the bytes into memory: for coordinators loading their partition, and for tests.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` when the segment was truncated meanwhile.
    pub fn to_vec(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len as usize];
        if let Some(file) = &self.file {
            file.read_exact_at(&mut bytes, self.position)?;
        }
        Ok(bytes)
    }
}

/// An aborted transaction, as the transaction index keeps it and Fetch lists it (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// The producer.
    pub producer_id: i64,
    /// Offset of the transaction's first record.
    pub first_offset: i64,
    /// Offset of the abort marker.
    pub last_offset: i64,
    /// The last stable offset when the marker was written.
    pub last_stable_offset: i64,
}

/// A record found by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The record's timestamp, ms.
    pub timestamp: i64,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch it was written in, -1 if unknown.
    pub leader_epoch: i32,
}

/// A leader epoch and where it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The epoch.
    pub leader_epoch: i32,
    /// First offset that is not of this epoch or an earlier one.
    pub end_offset: i64,
}

/// What is remembered of a log while it is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogOffsets {
    pub log_start_offset: i64,
    pub log_end_offset: i64,
    pub recovery_point: i64,
    /// As the broker knows it, or as the last checkpoint held it.
    pub high_watermark: i64,
    /// First offset of the oldest undecided transaction.
    pub first_unstable_offset: Option<i64>,
    pub size_bytes: u64,
}

/// What the manifest holds of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSummary {
    pub topic: Arc<str>,
    pub topic_id: Uuid,
    pub partition: i32,
    pub offsets: LogOffsets,
    /// Whether anything was ever written.
    pub has_folder: bool,
}
