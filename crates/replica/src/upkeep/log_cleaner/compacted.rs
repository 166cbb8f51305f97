//! What a person is shown of the log cleaner: each compacted log, how far it is clean, and what its last
//! cleaning has done.

use std::sync::Arc;

use super::choice::planned;
use super::cleanings::LastCleaning;
use crate::ReplicaManager;
use crate::partition::Partition;

/// A log with `cleanup.policy=compact` on this broker.
pub struct CompactedLog {
    /// Whose it is.
    pub partition: Arc<Partition>,
    /// Where the dirty part begins.
    pub first_dirty_offset: i64,
    /// Where the part ends that can be cleaned.
    pub first_uncleanable_offset: i64,
    /// The offset after its last record.
    pub log_end_offset: i64,
    /// Bytes that are clean.
    pub clean_bytes: u64,
    /// Dirty bytes that can be cleaned.
    pub cleanable_bytes: u64,
    /// What of both is dirty, 0 to 1.
    pub ratio: f64,
    /// `min.cleanable.dirty.ratio`.
    pub min_ratio: f64,
    /// What becomes of it.
    pub state: CompactedState,
    /// The last cleaning since the start.
    pub last: Option<LastCleaning>,
}

/// What becomes of a compacted log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactedState {
    /// Not dirty enough.
    Clean,
    /// It is to be cleaned.
    Due,
    /// It is cleaned now.
    InProgress,
    /// A cleaning has failed: it grows until the next start.
    Uncleanable,
}

/// The compacted logs of this broker, at most so many; those that can't be looked at are left out.
pub fn compacted_logs(replicas: &ReplicaManager, most: usize) -> Vec<CompactedLog> {
    let now_ms = replicas.clock().wall_ms();
    let cleanings = replicas.partitions().cleanings();
    let all = replicas.partitions().all().into_iter();
    let compacted = all.filter(|partition| partition.settings().log.cleanup_compact);
    let shown = compacted.take(most).filter_map(|partition| {
        let (facts, cleanable) = planned(replicas, &partition, now_ms).ok()??;
        let is_cleaned = partition.with_log(|log, _| log.is_being_cleaned());
        let state = if cleanings.is_uncleanable(&partition) {
            CompactedState::Uncleanable
        } else if is_cleaned == Some(true) {
            CompactedState::InProgress
        } else if cleanable.is_due(&facts.config) {
            CompactedState::Due
        } else {
            CompactedState::Clean
        };
        Some(CompactedLog {
            first_dirty_offset: cleanable.first_dirty_offset,
            first_uncleanable_offset: cleanable.first_uncleanable_offset,
            log_end_offset: facts.log_end_offset,
            clean_bytes: cleanable.clean_bytes,
            cleanable_bytes: cleanable.cleanable_bytes,
            ratio: cleanable.ratio(),
            min_ratio: facts.config.min_cleanable_dirty_ratio,
            state,
            last: cleanings.last(&partition),
            partition,
        })
    });
    shown.collect()
}
