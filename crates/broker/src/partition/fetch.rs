//! One partition's part of a Fetch: what is asked of it, and what it answers.

use barnabas_protocol::error::ErrorCode;
use barnabas_storage::AbortedTxn;

use crate::network::response::FileRange;

/// What a Fetch asks of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// First offset wanted.
    pub fetch_offset: i64,
    /// The follower's log start offset, -1 from a consumer.
    pub log_start_offset: i64,
    /// Most bytes of this partition.
    pub max_bytes: i32,
    /// The leader epoch the client knows, -1 for none.
    pub current_leader_epoch: i32,
    /// The epoch of the last record the client has, -1 for none (KIP-595).
    pub last_fetched_epoch: i32,
}

/// What one partition answers.
#[derive(Debug)]
pub struct FetchedPartition {
    /// [`ErrorCode::None`] or what stands in the way.
    pub error: ErrorCode,
    /// Offset below which all is committed; -1 with an error.
    pub high_watermark: i64,
    /// Offset below which all transactions are decided; -1 with an error.
    pub last_stable_offset: i64,
    /// First offset of the log; -1 with an error.
    pub log_start_offset: i64,
    /// The epoch and end offset up to which the client's log agrees with ours (KIP-595), if it has diverged.
    pub diverging: Option<(i32, i64)>,
    /// For read_committed: the aborted transactions among the records.
    pub aborted_transactions: Option<Vec<AbortedTxn>>,
    /// The records' place in their segment file.
    pub records: Option<FileRange>,
    /// Whether all that may be read has been: the same request is answered the same until the partition changes.
    pub is_at_end: bool,
}

impl FetchedPartition {
    /// A partition that could not be read.
    pub fn failed(error: ErrorCode) -> Self {
        FetchedPartition {
            aborted_transactions: None,
            ..FetchedPartition::unknown(error)
        }
    }

    /// A partition that is not read at all. As in Apache Kafka its transactions are an empty list, not null.
    pub fn unknown(error: ErrorCode) -> Self {
        FetchedPartition {
            error,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging: None,
            aborted_transactions: Some(Vec::new()),
            records: None,
            is_at_end: false,
        }
    }

    /// Length of the records in bytes.
    pub fn records_len(&self) -> usize {
        self.records.as_ref().map_or(0, |range| range.len)
    }

    /// Whether the client should hear of it without waiting for more bytes.
    pub fn is_urgent(&self) -> bool {
        self.error != ErrorCode::None || self.diverging.is_some()
    }
}
