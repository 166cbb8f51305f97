//! The thread that frees disk space: it removes old segments (`log.retention.check.interval.ms`) and the
//! files of what was deleted (`file.delete.delay.ms`).
//!
//! A thread of its own, since both may wait for the disk. A partition's lock is held only to look at its
//! segments and to take them out.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use barnabas_storage::StorageError;

use super::deletions::Deletions;
use super::low_priority_thread;
use crate::ReplicaManager;
use crate::partition::Partition;

/// Apache Kafka lets a broker start in peace before it looks for old segments (`log.initial.task.delay.ms`,
/// internal).
const FIRST_CHECK_MS: i64 = 30_000;

/// Starts the thread; it ends with [`Deletions::stop`].
///
/// # Errors
/// The system refuses the thread.
pub fn start(replicas: Arc<ReplicaManager>) -> io::Result<JoinHandle<()>> {
    low_priority_thread::spawn("retention".to_owned(), move || run(&replicas))
}

fn run(replicas: &ReplicaManager) {
    let mut retention = Retention::new(replicas);
    while replicas.partitions().deletions().wait(retention.next_check_ms) {
        retention.turn(replicas);
    }
}

/// When to look for old segments.
pub(super) struct Retention {
    interval_ms: i64,
    next_check_ms: i64,
}

impl Retention {
    pub fn new(replicas: &ReplicaManager) -> Self {
        let interval_ms = replicas.config().log_retention_check_interval_ms;
        let first_ms = interval_ms.min(FIRST_CHECK_MS);
        Retention {
            interval_ms,
            next_check_ms: replicas.clock().monotonic_ms().saturating_add(first_ms),
        }
    }

    /// Removes what is due, and looks for old segments when it is time.
    pub fn turn(&mut self, replicas: &ReplicaManager) {
        let (deletions, clock) = (replicas.partitions().deletions(), replicas.clock());
        deletions.remove_due();
        if clock.monotonic_ms() >= self.next_check_ms {
            check_all(replicas, deletions);
            self.next_check_ms = clock.monotonic_ms().saturating_add(self.interval_ms);
        }
    }
}

fn check_all(replicas: &ReplicaManager, deletions: &Deletions) {
    for partition in replicas.partitions().all() {
        if replicas.stopping().is_cancelled() {
            return;
        }
        if let Err(error) = check(&partition, deletions, replicas.clock().wall_ms()) {
            let id = partition.id();
            tracing::error!(topic = %id.topic, partition = id.partition, %error, "old segments could not be removed");
            partition.dir().note(&error);
        }
    }
}

/// Removes a partition's old segments.
fn check(partition: &Partition, deletions: &Deletions, now_ms: i64) -> Result<(), StorageError> {
    let begun = partition.with_log(|log, high_watermark| log.retention_check(high_watermark, now_ms));
    let Some(check) = begun.flatten() else {
        return Ok(());
    };
    let verdict = check.judge(now_ms)?;
    let removed = partition.with_log(|log, high_watermark| log.remove_oldest(&verdict, high_watermark));
    let Some(removed) = removed.transpose()?.flatten() else {
        return Ok(());
    };
    let (marked, outcome) = removed.mark();
    deletions.add(marked, partition.settings().log.file_delete_delay_ms);
    outcome
}
