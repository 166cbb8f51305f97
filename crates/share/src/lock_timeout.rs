//! Acquisition locks that end: the record goes to somebody else.

use crate::dead_letter::DeadLetterCause;
use crate::partition::SharePartition;
use crate::record_state::RecordState;
use crate::settings::GroupSettings;
use crate::write::{StateBatch, Write};

impl SharePartition {
    /// The time before which no lock ends, in milliseconds of the monotonic clock; none while nothing is
    /// acquired.
    pub fn next_lock_timeout_ms(&self) -> Option<i64> {
        (self.earliest_lock_ms < i64::MAX).then_some(self.earliest_lock_ms)
    }

    /// Takes back what was acquired too long ago. It is available at once; the write tells the deliveries.
    pub fn expire_locks(&mut self, settings: &GroupSettings, now_ms: i64) -> Option<Write> {
        if now_ms < self.earliest_lock_ms {
            return None;
        }
        let mut write = Write {
            id: None,
            batches: Vec::new(),
        };
        let mut earliest_ms = i64::MAX;
        let mut done = 0;
        let mut becomes_available = false;
        self.window.change_runs(|run| {
            let Some(lock) = run.delivery.lock.as_ref().filter(|_| run.delivery.is_acquired()) else {
                return;
            };
            if lock.until_ms > now_ms {
                earliest_ms = earliest_ms.min(lock.until_ms);
                return;
            }
            let state = run.delivery.state_when_released(settings);
            run.delivery.state = state;
            run.delivery.lock = None;
            becomes_available |= state == RecordState::Available;
            if state.is_terminal() {
                done += run.len();
            }
            let becomes_letter = state == RecordState::Archiving;
            write.push(StateBatch {
                first_offset: run.first,
                last_offset: run.last,
                delivery_state: state,
                delivery_count: run.delivery.count,
                cause: becomes_letter.then_some(DeadLetterCause::DeliveryCountExceeded),
            });
        });
        self.earliest_lock_ms = earliest_ms;
        self.complete_count += done;
        self.seeks_available |= becomes_available;
        (!write.batches.is_empty()).then_some(write)
    }
}
