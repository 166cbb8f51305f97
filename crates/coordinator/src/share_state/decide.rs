//! What the share coordinator decides: records, and a reply or a refusal. Errors in Apache Kafka's order.

use barnabas_protocol::error::ErrorCode;

use super::batches::{StateBatch, combine, merge};
use super::record::{SharePartition, ShareSnapshot, ShareStateRecord, ShareUpdate};
use super::{NO_COUNT, NO_START_OFFSET, ShareStateShard, State};
use crate::consumer::refusal::Refusal;

/// What the leader of a share partition has to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareWrite {
    /// The state epoch that it goes by.
    pub state_epoch: i32,
    /// The epoch in which it leads.
    pub leader_epoch: i32,
    /// Where the share partition begins; -1 if that has not changed.
    pub start_offset: i64,
    /// See [`ShareSnapshot::delivery_complete_count`]; counts only with a start offset.
    pub delivery_complete_count: i32,
    /// What is new of the records.
    pub batches: Vec<StateBatch>,
}

impl ShareStateShard {
    /// Begins the state of a share partition, or begins it anew. `exists` says whether there is such a
    /// partition of a topic, as with all that follow.
    ///
    /// # Errors
    /// INVALID_REQUEST, FENCED_STATE_EPOCH, UNKNOWN_TOPIC_OR_PARTITION.
    pub fn initialize(
        &self,
        of: &SharePartition,
        state_epoch: i32,
        start_offset: i64,
        exists: bool,
        wall_ms: i64,
    ) -> Result<ShareStateRecord, Refusal> {
        check_partition(of)?;
        check_state_epoch(state_epoch)?;
        let state = self.states.get(of);
        if state.is_some_and(|state| state_epoch < state.state_epoch_seen) {
            return Err(ErrorCode::FencedStateEpoch.into());
        }
        check_exists(exists)?;
        let snapshot = ShareSnapshot {
            snapshot_epoch: state.map_or(0, |state| state.now.snapshot_epoch.wrapping_add(1)),
            state_epoch,
            leader_epoch: 0,
            start_offset,
            delivery_complete_count: if start_offset == NO_START_OFFSET {
                NO_COUNT
            } else {
                0
            },
            created_ms: wall_ms,
            written_ms: wall_ms,
            batches: Vec::new(),
        };
        Ok(ShareStateRecord::Snapshot(of.clone(), Some(Box::new(snapshot))))
    }

    /// The state of a share partition, for who leads it in this epoch; earlier leaders are fenced from then
    /// on, and the record says so.
    ///
    /// # Errors
    /// INVALID_REQUEST, FENCED_LEADER_EPOCH, UNKNOWN_TOPIC_OR_PARTITION.
    pub fn read(
        &self,
        of: &SharePartition,
        leader_epoch: i32,
        exists: bool,
        wall_ms: i64,
    ) -> Result<(Option<ShareStateRecord>, &ShareSnapshot), Refusal> {
        check_partition(of)?;
        check_leader_epoch(leader_epoch)?;
        let state = self.initialized(of, "Read")?;
        check_leader(state, leader_epoch)?;
        check_exists(exists)?;
        let now = &state.now;
        if state.leader_epoch_seen == leader_epoch {
            return Ok((None, now));
        }
        let update = ShareUpdate {
            snapshot_epoch: now.snapshot_epoch,
            leader_epoch,
            start_offset: now.start_offset,
            delivery_complete_count: now.delivery_complete_count,
            batches: Vec::new(),
        };
        Ok((Some(self.record(of, state, update, wall_ms)), now))
    }

    /// Changes the state of a share partition.
    ///
    /// # Errors
    /// INVALID_REQUEST, also for a batch that ends before it begins; FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH,
    /// UNKNOWN_TOPIC_OR_PARTITION.
    pub fn write(
        &self,
        of: &SharePartition,
        write: &ShareWrite,
        exists: bool,
        wall_ms: i64,
    ) -> Result<ShareStateRecord, Refusal> {
        check_partition(of)?;
        check_leader_epoch(write.leader_epoch)?;
        check_state_epoch(write.state_epoch)?;
        let state = self.initialized(of, "Write")?;
        check_leader(state, write.leader_epoch)?;
        if write.state_epoch < state.state_epoch_seen {
            return Err(ErrorCode::FencedStateEpoch.into());
        }
        check_exists(exists)?;
        if write
            .batches
            .iter()
            .any(|batch| batch.last_offset < batch.first_offset)
        {
            return Err(invalid("A state batch ends before it begins."));
        }
        let now = &state.now;
        let (start_offset, delivery_complete_count) = if write.start_offset > now.start_offset {
            (write.start_offset, write.delivery_complete_count)
        } else if write.start_offset == now.start_offset && write.start_offset != NO_START_OFFSET {
            let count = now.delivery_complete_count.max(write.delivery_complete_count);
            (now.start_offset, count)
        } else {
            (now.start_offset, now.delivery_complete_count)
        };
        let update = ShareUpdate {
            snapshot_epoch: now.snapshot_epoch,
            leader_epoch: now.leader_epoch,
            start_offset,
            delivery_complete_count,
            batches: combine(&[], &write.batches, start_offset),
        };
        Ok(self.record(of, state, update, wall_ms))
    }

    /// Forgets a share partition; `None` if nothing is known of it.
    ///
    /// # Errors
    /// INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION.
    pub fn delete(&self, of: &SharePartition, exists: bool) -> Result<Option<ShareStateRecord>, Refusal> {
        check_partition(of)?;
        check_exists(exists)?;
        let is_known = self.states.contains_key(of);
        Ok(is_known.then(|| ShareStateRecord::Snapshot(of.clone(), None)))
    }

    /// The state of a share partition for whoever wants to know; `None` before it has begun.
    ///
    /// # Errors
    /// INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION.
    pub fn summary(&self, of: &SharePartition, exists: bool) -> Result<Option<&ShareSnapshot>, Refusal> {
        check_partition(of)?;
        check_exists(exists)?;
        Ok(self.states.get(of).map(|state| &state.now))
    }

    /// An update, or a snapshot with it in where there have been enough updates.
    fn record(
        &self,
        of: &SharePartition,
        state: &State,
        update: ShareUpdate,
        wall_ms: i64,
    ) -> ShareStateRecord {
        let is_large = state.is_large(update.batches.len());
        if state.updates < self.config.updates_per_snapshot || is_large {
            return ShareStateRecord::Update(of.clone(), update);
        }
        let now = &state.now;
        let mut batches = now.batches.clone();
        merge(&mut batches, &update.batches, update.start_offset);
        let snapshot = ShareSnapshot {
            snapshot_epoch: now.snapshot_epoch.wrapping_add(1),
            state_epoch: now.state_epoch,
            leader_epoch: update.leader_epoch,
            start_offset: update.start_offset,
            delivery_complete_count: update.delivery_complete_count,
            created_ms: wall_ms,
            written_ms: wall_ms,
            batches,
        };
        ShareStateRecord::Snapshot(of.clone(), Some(Box::new(snapshot)))
    }

    fn initialized(&self, of: &SharePartition, operation: &str) -> Result<&State, Refusal> {
        self.states.get(of).ok_or_else(|| {
            invalid(&format!(
                "{operation} operation on uninitialized share partition not allowed."
            ))
        })
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
}

fn check_partition(of: &SharePartition) -> Result<(), Refusal> {
    not_negative(of.partition, "partition id")
}

fn check_leader_epoch(epoch: i32) -> Result<(), Refusal> {
    not_negative(epoch, "leader epoch")
}

fn check_state_epoch(epoch: i32) -> Result<(), Refusal> {
    not_negative(epoch, "state epoch")
}

fn not_negative(value: i32, what: &str) -> Result<(), Refusal> {
    if value < 0 {
        return Err(invalid(&format!("The {what} cannot be a negative number.")));
    }
    Ok(())
}

fn check_leader(state: &State, leader_epoch: i32) -> Result<(), Refusal> {
    if leader_epoch < state.leader_epoch_seen {
        return Err(ErrorCode::FencedLeaderEpoch.into());
    }
    Ok(())
}

fn check_exists(exists: bool) -> Result<(), Refusal> {
    if exists {
        Ok(())
    } else {
        Err(ErrorCode::UnknownTopicOrPartition.into())
    }
}
