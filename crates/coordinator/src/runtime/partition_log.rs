//! The log of a shard's partition, as its shard needs it.

use std::fmt::Display;
use std::io;

use barnabas_protocol::error::ErrorCode;
use tokio::sync::oneshot;

/// Tells whether what was appended is committed; closes without an answer where the partition is gone.
pub type Commit = oneshot::Receiver<Result<(), ErrorCode>>;

/// The log of a partition of an internal topic. Equal ones are the same log.
///
/// Called under the shard's lock: nothing here waits for anything but the disk.
pub trait PartitionLog: Clone + PartialEq + Send + Sync + 'static {
    /// What it is called where something is logged of it.
    fn name(&self) -> impl Display;

    /// Offset of its first record, and the offset after its last one.
    fn offsets(&self) -> (i64, i64);

    /// How large it is.
    fn size_bytes(&self) -> u64;

    /// No batch may be larger.
    fn batch_bytes_max(&self) -> usize;

    /// Whole batches from the one that holds `offset` on, up to the end of the log and about `max_bytes`; the
    /// first comes whatever its size. Empty where there is none.
    ///
    /// # Errors
    /// The log can't be read.
    fn read(&self, offset: i64, max_bytes: u32) -> io::Result<Vec<u8>>;

    /// Appends batches, if this broker still leads the partition since `leader_epoch` and enough replicas are
    /// in sync: both are checked, and the batches appended, under one lock. Returns the offset after the last
    /// record.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR and what else a log answers. Nothing
    /// was appended then.
    fn append(&self, batches: &mut [u8], leader_epoch: i32, wall_ms: i64) -> Result<i64, ErrorCode>;

    /// Whether all before `end_offset`, which was there in `leader_epoch`, is committed: `None` if it is,
    /// else what will tell.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER: the leader epoch is over, so that nobody here will ever know.
    fn commit_of(&self, end_offset: i64, leader_epoch: i32) -> Result<Option<Commit>, ErrorCode>;
}
