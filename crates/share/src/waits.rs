//! What waits beside the window and in it: for its time, for its retry, for an earlier record of its key; and
//! what is done behind something that waits.
//!
//! While one of these settings is on, the limit of record locks is one of records that are open: what waits
//! for its time and what is done behind it takes no room from others. What waits for its retry or behind its
//! key does, so that memory stays bounded.

use crate::batch::Batch;
use crate::delivery::Delivery;
use crate::hold::{Hold, Times};
use crate::partition::SharePartition;
use crate::settings::GroupSettings;

/// The window is swept when it has so many batches, and then twice what it was left with.
const SWEEP_BATCHES: usize = 64;

impl SharePartition {
    /// To be called before each look at the partition: goes over to the settings, and has what is due come
    /// into the window, as far as there is room.
    pub fn prepare(&mut self, settings: &GroupSettings, now: Times) {
        let extensions = &settings.extensions;
        self.is_extended = extensions.are_on() || !self.waiting.is_empty() || !self.settled.is_empty();
        if !extensions.key_order && !self.keys.is_empty() {
            self.keys.clear();
            self.change_holds(|hold| *hold == Hold::Key);
        }
        if self.waiting.is_empty() {
            return;
        }
        let until_ms = if extensions.deliver_at {
            now.wall_ms
        } else {
            i64::MAX
        };
        self.due_until_ms = until_ms;
        let mut room = i64::from(settings.max_record_locks) - self.open_records();
        while room > 0
            && let Some((first, last)) = self.waiting.take_due(until_ms)
        {
            let mut delivery = Delivery::fresh();
            // Its key was forgotten meanwhile.
            delivery.is_looked_at = !extensions.key_order;
            self.window.insert(Batch::new(first, last, delivery));
            self.seeks_available = true;
            room -= last - first + 1;
        }
    }

    /// When records that wait for their time may come, in milliseconds of the monotonic clock; those that are
    /// due and find no room come when there is some.
    pub fn next_due_ms(&self, now: Times) -> Option<i64> {
        let due_ms = self
            .waiting
            .next_due_ms()
            .filter(|due_ms| *due_ms > self.due_until_ms)?;
        let wait_ms = due_ms.saturating_sub(now.wall_ms).max(1);
        Some(now.monotonic_ms.saturating_add(wait_ms))
    }

    /// Whether records that waited for their time are due.
    pub fn is_due(&self, wall_ms: i64) -> bool {
        self.waiting.next_due_ms().is_some_and(|due_ms| due_ms <= wall_ms)
    }

    /// How many records are open: available, in flight, or about to be settled.
    pub(crate) fn open_records(&self) -> i64 {
        let open = self.window.runs().filter(|run| !run.delivery.is_done());
        open.map(|run| run.len()).sum()
    }

    /// Has records come forward whose earlier one of the same key is out of the way, in a range.
    pub(crate) fn free_keys(&mut self, first: i64, last: i64) {
        if self.keys.is_empty() {
            return;
        }
        for offset in self.keys.offsets(first, last) {
            let run = self.window.overlapping(offset, offset).next();
            if run.is_some_and(|run| !run.delivery.frees_key()) {
                continue;
            }
            if let Some(next) = self.keys.remove(offset) {
                self.window.change(next, next, |run| {
                    if run.delivery.hold == Hold::Key {
                        run.delivery.hold = Hold::Free;
                    }
                });
                self.seeks_available = true;
            }
        }
    }

    /// Takes batches out of the window that are done behind something that is not; now and then.
    pub(crate) fn sweep(&mut self) {
        if !self.is_extended || self.window.len() < self.sweep_batches {
            return;
        }
        let settled = &mut self.settled;
        self.window.take_out(|batch| {
            let is_done = batch.runs().iter().all(|run| run.delivery.is_done());
            if is_done {
                settled.add(batch.first(), batch.last());
            }
            is_done
        });
        self.sweep_batches = (2 * self.window.len()).max(SWEEP_BATCHES);
    }

    fn change_holds(&mut self, is_over: impl Fn(&Hold) -> bool) {
        self.window.change_runs(|run| {
            if is_over(&run.delivery.hold) {
                run.delivery.hold = Hold::Free;
            }
        });
        self.seeks_available = true;
    }
}
