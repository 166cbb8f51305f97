//! Acquisition locks that end: the record goes to somebody else. And waits for a retry that end.

use crate::dead_letter::DeadLetterCause;
use crate::hold::Hold;
use crate::partition::SharePartition;
use crate::record_state::RecordState;
use crate::settings::GroupSettings;
use crate::write::{StateBatch, Write};

/// What has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// To be written.
    pub write: Option<Write>,
    /// Records may be there for those who wait.
    pub wakes: bool,
}

impl SharePartition {
    /// The time before which no lock and no wait for a retry ends, in milliseconds of the monotonic clock;
    /// none while there are none.
    pub fn next_lock_timeout_ms(&self) -> Option<i64> {
        (self.earliest_lock_ms < i64::MAX).then_some(self.earliest_lock_ms)
    }

    /// Takes back what was acquired too long ago. It is available at once, or waits for its retry; the write
    /// tells the deliveries. What has waited for its retry is available.
    pub fn expire_locks(&mut self, settings: &GroupSettings, now_ms: i64) -> Expired {
        if now_ms < self.earliest_lock_ms {
            return Expired::default();
        }
        let mut write = Write {
            id: None,
            batches: Vec::new(),
        };
        let mut earliest_ms = i64::MAX;
        let mut done = 0;
        let mut becomes_available = false;
        self.window.change_runs(|run| {
            if let Hold::Until(until_ms) = run.delivery.hold {
                if until_ms > now_ms {
                    earliest_ms = earliest_ms.min(until_ms);
                } else {
                    run.delivery.hold = Hold::Free;
                    becomes_available |= run.delivery.is_available();
                }
            }
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
            if state == RecordState::Available {
                run.delivery.hold = settings.extensions.hold(run.delivery.count, now_ms);
                becomes_available |= run.delivery.hold == Hold::Free;
            }
            if let Hold::Until(until_ms) = run.delivery.hold {
                earliest_ms = earliest_ms.min(until_ms);
            }
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
        for batch in &write.batches {
            self.free_keys(batch.first_offset, batch.last_offset);
        }
        let write = (!write.batches.is_empty()).then_some(write);
        Expired {
            wakes: becomes_available || write.is_some(),
            write,
        }
    }
}
