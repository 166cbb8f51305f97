//! The share coordinator (KIP-932): what became of the records of share partitions, kept in
//! `__share_group_state`.
//!
//! A snapshot holds the whole state of a share partition, an update what a write has changed; every so many
//! updates the next write is a snapshot, and whatever is older than the last snapshot of every share
//! partition is not needed any more ([`ShareStateShard::redundant_before`]). The rules are Apache Kafka 4.4's
//! (`ShareCoordinatorShard`):
//!
//! - a state begins with Initialize, which raises the state epoch or keeps it, and never lowers it;
//! - a Read tells in which epoch the share partition is led, and older leaders are fenced from then on;
//! - a Write changes the start offset, which never goes back, and the batches; it changes neither epoch.

mod batches;
mod decide;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use uuid::Uuid;

pub use batches::StateBatch;
pub use decide::ShareWrite;
pub use record::{SharePartition, ShareSnapshot, ShareStateRecord, ShareUpdate};

use batches::merge;

/// The broker's settings that the share coordinator reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareStateConfig {
    /// `share.coordinator.snapshot.update.records.per.snapshot`
    pub updates_per_snapshot: i32,
    /// `share.coordinator.write.timeout.ms`: how long an answer waits for what it rests on to be replicated.
    pub write_timeout_ms: i32,
}

/// What stands for a start offset that is not known, or has not changed.
pub const NO_START_OFFSET: i64 = -1;
/// What stands for a number of completed deliveries that is not known.
const NO_COUNT: i32 = -1;
/// A batch of a snapshot takes 20 bytes, and a record of the topic a million. Where there are more batches no
/// snapshot is written, and the log keeps all updates.
const SNAPSHOT_BATCHES_MAX: usize = 45_000;

/// The share partitions of a partition of `__share_group_state`.
#[derive(Debug)]
pub struct ShareStateShard {
    config: ShareStateConfig,
    states: BTreeMap<SharePartition, State>,
    /// After the last record that was replayed.
    next_offset: i64,
}

/// A share partition.
#[derive(Debug)]
struct State {
    /// As the last snapshot and the updates after it leave it.
    now: ShareSnapshot,
    /// Who leads in an earlier epoch is fenced.
    leader_epoch_seen: i32,
    /// Who begins anew or writes with an earlier one is fenced.
    state_epoch_seen: i32,
    /// How many there are since the snapshot.
    updates: i32,
    /// Where the log has the snapshot.
    snapshot_offset: i64,
}

impl ShareStateShard {
    /// One that knows nothing.
    pub fn new(config: ShareStateConfig) -> Self {
        ShareStateShard {
            config,
            states: BTreeMap::new(),
            next_offset: 0,
        }
    }

    /// The records that are replayed next begin at this offset of the log, or after it.
    pub fn begins_at(&mut self, base_offset: i64) {
        self.next_offset = self.next_offset.max(base_offset);
    }

    /// Applies a record.
    pub fn replay(&mut self, record: ShareStateRecord) {
        let offset = self.next_offset;
        self.next_offset += 1;
        match record {
            ShareStateRecord::Snapshot(of, None) => {
                self.states.remove(&of);
            }
            ShareStateRecord::Snapshot(of, Some(snapshot)) => {
                let before = self.states.get(&of);
                let seen = before.map_or((-1, -1), |before| {
                    (before.leader_epoch_seen, before.state_epoch_seen)
                });
                let state = State {
                    leader_epoch_seen: seen.0.max(snapshot.leader_epoch),
                    state_epoch_seen: seen.1.max(snapshot.state_epoch),
                    now: *snapshot,
                    updates: 0,
                    snapshot_offset: offset,
                };
                self.states.insert(of, state);
            }
            // Without its snapshot an update says nothing: that was deleted, and the state with it.
            ShareStateRecord::Update(of, update) => {
                if let Some(state) = self.states.get_mut(&of) {
                    state.update(&update);
                }
            }
        }
    }

    /// The records that forget the share partitions of deleted topics.
    pub fn forget_topics(&self, deleted: &[Uuid]) -> Vec<ShareStateRecord> {
        let gone = self.states.keys().filter(|of| deleted.contains(&of.topic_id));
        gone.map(|of| ShareStateRecord::Snapshot(of.clone(), None))
            .collect()
    }

    /// Snapshots of the share partitions whose last one is older than this, so that one that rests does not
    /// keep the log.
    pub fn refresh(&self, written_before_ms: i64, wall_ms: i64) -> Vec<ShareStateRecord> {
        let old = self
            .states
            .iter()
            .filter(|(_, state)| state.now.written_ms < written_before_ms && !state.is_large(0));
        let refreshed = old.map(|(of, state)| {
            let snapshot = ShareSnapshot {
                snapshot_epoch: state.now.snapshot_epoch.wrapping_add(1),
                written_ms: wall_ms,
                ..state.now.clone()
            };
            ShareStateRecord::Snapshot(of.clone(), Some(Box::new(snapshot)))
        });
        refreshed.collect()
    }

    /// The offset of the log before which no record is needed, once all that was replayed is committed.
    pub fn redundant_before(&self) -> i64 {
        let snapshots = self.states.values().map(|state| state.snapshot_offset);
        snapshots.min().unwrap_or(self.next_offset)
    }
}

impl State {
    /// Whether a snapshot with so many batches more would be too large for the log.
    fn is_large(&self, more: usize) -> bool {
        self.now.batches.len() + more > SNAPSHOT_BATCHES_MAX
    }

    fn update(&mut self, update: &ShareUpdate) {
        let now = &mut self.now;
        self.leader_epoch_seen = self.leader_epoch_seen.max(update.leader_epoch);
        self.updates = self.updates.saturating_add(1);
        now.leader_epoch = now.leader_epoch.max(update.leader_epoch);
        if update.start_offset != NO_START_OFFSET {
            now.start_offset = update.start_offset;
            now.delivery_complete_count = update.delivery_complete_count;
        }
        merge(&mut now.batches, &update.batches, now.start_offset);
    }
}
