//! What is done at intervals: checkpoints, flushes, forgetting idle producers and idle logs.
//!
//! Runs on the runtime that the node was started on; what may wait for the disk runs apart from it.
//! Ends when the node stops; the last checkpoint is that of the shutdown.

use std::sync::Arc;
use std::time::Duration;

use barnabas_storage::{Log, StorageError};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::checkpoints::{self, Checkpoint};
use crate::ReplicaManager;
use crate::partition::Partition;

/// Runs the jobs until the broker stops.
pub async fn run(replicas: Arc<ReplicaManager>) {
    let config = replicas.config().clone();
    let mut high_watermarks = every(config.replica_high_watermark_checkpoint_interval_ms);
    let mut recovery_points = every(config.log_flush_offset_checkpoint_interval_ms.into());
    let mut log_starts = every(config.log_flush_start_offset_checkpoint_interval_ms.into());
    let mut flushes = every(config.log_flush_scheduler_interval_ms);
    let mut expirations = every(config.producer_id_expiration_check_interval_ms.into());
    let mut failures = replicas.log_dirs().failures();
    loop {
        tokio::select! {
            biased;
            () = replicas.stopping().cancelled() => return,
            Ok(()) = failures.changed() => {
                replicas.partitions().interrupt_failed();
                replicas.log_dirs().check_fatal();
            }
            _ = high_watermarks.tick() => {
                apart(&replicas, |partition, _| partition.flush_rolled()).await;
                checkpoints::write_apart(&replicas, Checkpoint::HighWatermarks).await;
            }
            _ = recovery_points.tick() => checkpoints::write_apart(&replicas, Checkpoint::RecoveryPoints).await,
            _ = log_starts.tick() => checkpoints::write_apart(&replicas, Checkpoint::LogStartOffsets).await,
            _ = flushes.tick() => apart(&replicas, flush_overdue).await,
            _ = expirations.tick() => apart(&replicas, forget_idle).await,
        }
    }
}

/// Ticks every `period_ms`, the first time after one period. Kafka's "never" is the largest long.
fn every(period_ms: i64) -> Interval {
    const A_CENTURY_MS: u64 = 100 * 365 * 24 * 3_600_000;
    let period = Duration::from_millis(u64::try_from(period_ms).unwrap_or(1).clamp(1, A_CENTURY_MS));
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Runs a job for each partition on a thread that may wait for the disk.
async fn apart(replicas: &Arc<ReplicaManager>, job: fn(&Partition, i64) -> Result<(), StorageError>) {
    let (partitions, now_ms) = (replicas.partitions().all(), replicas.clock().wall_ms());
    let running = replicas.threads().run(move || {
        for partition in partitions {
            if let Err(error) = job(&partition, now_ms) {
                let id = partition.id();
                tracing::error!(partition = %id.partition, topic = %id.topic, %error, "a log failed");
                partition.dir().note(&error);
            }
        }
    });
    if let Err(error) = running.await {
        tracing::error!(%error, "a background job ended early");
    }
}

fn flush_overdue(partition: &Partition, now_ms: i64) -> Result<(), StorageError> {
    if partition.with_log(|log, _| log.flush_is_overdue(now_ms)) == Some(true) {
        partition.flush()
    } else {
        Ok(())
    }
}

/// Forgets producers and closes files that nobody has used for long.
fn forget_idle(partition: &Partition, now_ms: i64) -> Result<(), StorageError> {
    let forget = |log: &mut Log| {
        log.remove_expired_producers(now_ms);
        log.release_if_idle()
    };
    partition.with_log(|log, _| forget(log)).unwrap_or(Ok(()))
}
