//! Writing the checkpoint files: high watermarks, recovery points and log start offsets of all partitions.
//!
//! Every few seconds from [`crate::background`], and at once when records were deleted, so that no crash brings them
//! back.

use std::sync::{Arc, Mutex, PoisonError};

use barnabas_storage::{LogCheckpoint, StorageError};

use crate::broker::Broker;
use crate::partition::Partition;

/// What the files hold. Its lock is held while they are written: one writer at a time, and never an older state after a
/// newer one.
#[derive(Debug, Default)]
pub struct Checkpoints {
    written: Mutex<Vec<LogCheckpoint>>,
}

/// Writes the files if anything has changed. Waits for the disk.
///
/// # Errors
/// `Io`.
pub fn write(broker: &Broker) -> Result<(), StorageError> {
    let mut written = broker
        .checkpoints
        .written
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let current = current(broker);
    if current != *written {
        broker.log_dir.write_checkpoints(&current)?;
        *written = current;
    }
    Ok(())
}

/// Writes the files beside the thread that a connection runs on.
pub async fn write_apart(broker: &Arc<Broker>) {
    let writer = broker.clone();
    match tokio::task::spawn_blocking(move || write(&writer)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the checkpoints could not be written"),
        Err(error) => tracing::error!(%error, "writing the checkpoints ended early"),
    }
}

/// What the checkpoints should hold, sorted so that two of them can be compared.
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
