//! Writing the checkpoint files: high watermarks, recovery points and log start offsets of all partitions.
//!
//! Each at its own interval from [`super::scheduled`], and the log start offsets at once when records were
//! deleted, so that no crash brings them back.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use barnabas_storage::{LogCheckpoint, LogDir, StorageError};
use parking_lot::Mutex;

use crate::ReplicaManager;

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

/// Hashes of what the files hold, by log directory, as [`Checkpoint`] counts them. Its lock is held while
/// they are written: one writer at a time, and never an older state after a newer one.
#[derive(Debug, Default)]
pub struct Checkpoints {
    written: Mutex<HashMap<PathBuf, [Option<u64>; 3]>>,
}

/// Writes the file of each log directory in which anything has changed. Waits for the disk.
pub fn write(replicas: &ReplicaManager, checkpoint: Checkpoint) {
    let mut written = replicas.checkpoints().written.lock();
    let mut current = current(replicas, checkpoint);
    for dir in replicas.log_dirs().all() {
        let Ok(storage) = dir.storage() else { continue };
        let logs = current.remove(dir.path()).unwrap_or_default();
        let mut content = DefaultHasher::new();
        for log in &logs {
            (&log.topic, log.partition, checkpoint.offset(log)).hash(&mut content);
        }
        let content = Some(content.finish());
        let known = &mut written.entry(dir.path().to_owned()).or_default()[checkpoint as usize];
        if *known == content {
            continue;
        }
        match checkpoint.write(storage, &logs) {
            Ok(()) => *known = content,
            Err(error) => {
                tracing::error!(%error, "a checkpoint could not be written");
                dir.note(&error);
            }
        }
    }
}

/// Writes the file beside the thread that a connection runs on.
pub async fn write_apart(replicas: &Arc<ReplicaManager>, checkpoint: Checkpoint) {
    let writer = replicas.clone();
    if let Err(error) = replicas.threads().run(move || write(&writer, checkpoint)).await {
        tracing::error!(%error, "writing a checkpoint ended early");
    }
}

/// What a checkpoint should hold, by log directory, in a fixed order. Where the log of a partition on the
/// move begins is told in both its directories: whichever file a crash leaves behind as the last one, what
/// was deleted stays deleted.
fn current(replicas: &ReplicaManager, checkpoint: Checkpoint) -> BTreeMap<PathBuf, Vec<LogCheckpoint>> {
    let mut rows: BTreeMap<PathBuf, Vec<LogCheckpoint>> = BTreeMap::new();
    for partition in replicas.partitions().all() {
        // In this order: a move that ends meanwhile has its target in one of them.
        let moving = match checkpoint {
            Checkpoint::LogStartOffsets => partition.moving(),
            Checkpoint::HighWatermarks | Checkpoint::RecoveryPoints => None,
        };
        let dir = partition.dir().clone();
        let target = moving.map(|moving| moving.to.clone());
        let target = target.filter(|to| !Arc::ptr_eq(to, &dir));
        let row = partition.with_log(|log, high_watermark| LogCheckpoint::of(log, high_watermark));
        for dir in [Some(dir), target].into_iter().flatten() {
            rows.entry(dir.path().to_owned()).or_default().extend(row.clone());
        }
    }
    for rows in rows.values_mut() {
        rows.sort_unstable_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    }
    rows
}
