//! Writing the checkpoint files: high watermarks, recovery points and log start offsets of all partitions.
//!
//! Each at its own interval from [`crate::background`], and the log start offsets at once when records were deleted, so
//! that no crash brings them back.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use barnabas_storage::{LogCheckpoint, LogDir, StorageError};

use crate::broker::Broker;
use crate::partition::Partition;

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// `replication-offset-checkpoint`.
    HighWatermarks,
    /// `recovery-point-offset-checkpoint`.
    RecoveryPoints,
    /// `log-start-offset-checkpoint`.
    LogStartOffsets,
}

impl Checkpoint {
    fn offset(self, log: &LogCheckpoint) -> i64 {
        match self {
            Checkpoint::HighWatermarks => log.high_watermark,
            Checkpoint::RecoveryPoints => log.recovery_point,
            Checkpoint::LogStartOffsets => log.log_start_offset,
        }
    }

    fn write(self, log_dir: &LogDir, logs: &[LogCheckpoint]) -> Result<(), StorageError> {
        match self {
            Checkpoint::HighWatermarks => log_dir.write_high_watermarks(logs),
            Checkpoint::RecoveryPoints => log_dir.write_recovery_points(logs),
            Checkpoint::LogStartOffsets => log_dir.write_log_start_offsets(logs),
        }
    }
}

/// Hashes of what the files hold, as [`Checkpoint`] counts them. Its lock is held while they are written: one writer at
/// a time, and never an older state after a newer one.
#[derive(Debug, Default)]
pub struct Checkpoints {
    written: Mutex<[Option<u64>; 3]>,
}

/// Writes the file if anything has changed. Waits for the disk.
///
/// # Errors
/// `Io`.
pub fn write(broker: &Broker, checkpoint: Checkpoint) -> Result<(), StorageError> {
    let mut written = broker
        .checkpoints
        .written
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let logs = current(broker);
    let mut content = DefaultHasher::new();
    for log in &logs {
        (&log.topic, log.partition, checkpoint.offset(log)).hash(&mut content);
    }
    let content = Some(content.finish());
    if content != written[checkpoint as usize] {
        checkpoint.write(&broker.log_dir, &logs)?;
        written[checkpoint as usize] = content;
    }
    Ok(())
}

/// Writes the file beside the thread that a connection runs on.
pub async fn write_apart(broker: &Arc<Broker>, checkpoint: Checkpoint) {
    let writer = broker.clone();
    match tokio::task::spawn_blocking(move || write(&writer, checkpoint)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "a checkpoint could not be written"),
        Err(error) => tracing::error!(%error, "writing a checkpoint ended early"),
    }
}

/// What the checkpoints should hold, in a fixed order.
fn current(broker: &Broker) -> Vec<LogCheckpoint> {
    let checkpoint = |partition: Arc<Partition>| {
        partition.with_log(|log, high_watermark| LogCheckpoint {
            topic: log.topic().clone(),
            partition: log.partition(),
            recovery_point: log.recovery_point(),
            log_start_offset: log.log_start_offset(),
            high_watermark,
        })
    };
    let partitions = broker.partitions().all();
    let mut checkpoints: Vec<LogCheckpoint> = partitions.into_iter().filter_map(checkpoint).collect();
    checkpoints.sort_unstable_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    checkpoints
}
