//! A share partition from what was persisted of it.

use thiserror::Error;

use crate::batch::Batch;
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::delivery::Delivery;
use crate::hold::Hold;
use crate::partition::SharePartition;
use crate::record_state::RecordState;
use crate::settings::GroupSettings;
use crate::write::StateBatch;

/// What the share coordinator knows of a share partition, its start offset resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistedState {
    /// Below it all is done.
    pub start_offset: i64,
    /// The records from there on of which something is known, ascending.
    pub batches: Vec<StateBatch>,
}

/// State that no share partition can have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no share partition has a state of {first}-{last} behind {behind}")]
pub struct Unrestorable {
    first: i64,
    last: i64,
    behind: i64,
}

impl SharePartition {
    /// Takes over what was persisted. What of it is not known was acquired at most, and is delivered like new
    /// records. What was delivered before waits for its retry anew. Answers too which dead letters were
    /// outstanding.
    ///
    /// # Errors
    /// Batches that overlap, go backwards or lie before the start offset.
    pub fn restore(
        persisted: &PersistedState,
        settings: &GroupSettings,
        now_ms: i64,
    ) -> Result<(Self, Vec<DeadLetter>), Unrestorable> {
        let mut partition = SharePartition::new(persisted.start_offset);
        let extensions = &settings.extensions;
        partition.is_extended = extensions.are_on();
        let mut letters = Vec::new();
        let mut next = persisted.start_offset;
        for batch in &persisted.batches {
            let (first, last) = (batch.first_offset, batch.last_offset);
            if first < next || last < first || last == i64::MAX {
                let behind = next - 1;
                return Err(Unrestorable { first, last, behind });
            }
            if first > next {
                partition.window.push(Batch::gap(next, first - 1));
            }
            let state = match batch.delivery_state {
                // Nobody holds it any more.
                RecordState::Acquired => RecordState::Available,
                state => state,
            };
            if state == RecordState::Archiving {
                letters.push(DeadLetter {
                    first_offset: first,
                    last_offset: last,
                    delivery_count: batch.delivery_count,
                    cause: if batch.delivery_count >= settings.delivery_count_limit {
                        DeadLetterCause::DeliveryCountExceeded
                    } else {
                        DeadLetterCause::Rejected
                    },
                });
            }
            next = last + 1;
            if state.is_terminal() {
                partition.complete_count += last - first + 1;
                if partition.is_extended {
                    partition.settled.add(first, last);
                    continue;
                }
            }
            let mut delivery = Delivery::restored(state, batch.delivery_count);
            let hold = extensions.hold(batch.delivery_count, now_ms);
            if let Hold::Until(until_ms) = hold {
                if extensions.key_order {
                    // It waits when its key is known.
                    partition.restored_ms = partition.restored_ms.max(until_ms);
                } else if state == RecordState::Available {
                    delivery.hold = hold;
                    partition.earliest_lock_ms = partition.earliest_lock_ms.min(until_ms);
                }
            }
            partition.window.push(Batch::new(first, last, delivery));
        }
        if !partition.is_empty() {
            partition.end_offset = next - 1;
            partition.seeks_available = true;
            partition.move_start();
        }
        Ok((partition, letters))
    }
}
