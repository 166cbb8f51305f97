//! The share partition: its window, and where it begins and ends.

use crate::key_order::KeyOrder;
use crate::settings::GroupSettings;
use crate::settled::Settled;
use crate::waiting::Waiting;
use crate::window::Window;
use crate::write::WriteId;

/// What one share group knows of one partition.
///
/// Invariants: the window lies in `start_offset..=end_offset`; its first record is not done, or its end is
/// not written yet; at most one member holds a record; a record that is acknowledged or archived stays so.
#[derive(Clone, Debug)]
pub struct SharePartition {
    pub(crate) window: Window,
    /// Below it all is done.
    pub(crate) start_offset: i64,
    /// The last offset of the window; the start offset while it is empty.
    pub(crate) end_offset: i64,
    /// How many records of the window are done, or will be with a write under way.
    pub(crate) complete_count: i64,
    /// Whether there may be available records in the window.
    pub(crate) seeks_available: bool,
    /// No lock ends before.
    pub(crate) earliest_lock_ms: i64,
    pub(crate) last_write: WriteId,
    /// Whether the group has settings that Apache Kafka has not, or something is left of them.
    pub(crate) is_extended: bool,
    /// What waits for its time; outside of the window.
    pub(crate) waiting: Waiting,
    /// What is due by then has come into the window, or finds no room there.
    pub(crate) due_until_ms: i64,
    /// What is done behind something that is not; outside of the window too.
    pub(crate) settled: Settled,
    /// Keys of open records, where the group orders by them.
    pub(crate) keys: KeyOrder,
    /// Until when records wait for a retry that were delivered before the state was read.
    pub(crate) restored_ms: i64,
    /// From so many batches on the window is swept.
    pub(crate) sweep_batches: usize,
}

impl SharePartition {
    /// A share partition that begins at an offset, with nothing in flight.
    pub fn new(start_offset: i64) -> Self {
        SharePartition {
            window: Window::default(),
            start_offset,
            end_offset: start_offset,
            complete_count: 0,
            seeks_available: false,
            earliest_lock_ms: i64::MAX,
            last_write: 0,
            is_extended: false,
            waiting: Waiting::default(),
            due_until_ms: i64::MIN,
            settled: Settled::default(),
            keys: KeyOrder::default(),
            restored_ms: i64::MIN,
            sweep_batches: 0,
        }
    }

    /// Below it the group is done with all records.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Up to where the group has looked, inclusive; the start offset while nothing is in flight.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// How many records from the start offset on are done (KIP-1226).
    pub fn delivery_complete_count(&self) -> i32 {
        i32::try_from(self.complete_count).unwrap_or(i32::MAX)
    }

    /// How many records the window spans; how many of it are open, where some may be held back for long.
    pub fn in_flight_records(&self) -> i64 {
        if self.is_extended {
            self.open_records()
        } else if self.window.is_empty() {
            0
        } else {
            self.end_offset - self.start_offset + 1
        }
    }

    /// How many entries the window has.
    pub fn in_flight_batches(&self) -> usize {
        self.window.len()
    }

    /// From where to read next: the first available record, or what comes behind the window.
    pub fn next_fetch_offset(&mut self) -> i64 {
        if self.seeks_available {
            if let Some(run) = self.window.runs().find(|run| run.delivery.is_available()) {
                return run.first;
            }
            self.seeks_available = false;
        }
        self.behind_window()
    }

    /// Whether anything could be acquired: a record is available, or there is room for new ones.
    pub fn can_acquire(&mut self, settings: &GroupSettings) -> bool {
        self.next_fetch_offset() != self.behind_window()
            || self.in_flight_records() < i64::from(settings.max_record_locks) && !self.waiting.is_full()
    }

    /// Whether nothing lies between start and end offset.
    pub(crate) fn is_empty(&self) -> bool {
        self.window.is_empty() && self.waiting.is_empty() && self.settled.is_empty()
    }

    pub(crate) fn behind_window(&self) -> i64 {
        if self.is_empty() {
            self.end_offset
        } else {
            self.end_offset + 1
        }
    }

    /// The log begins at a later offset now: what lies before is gone.
    pub fn log_start_moved(&mut self, log_start_offset: i64) {
        if log_start_offset <= self.start_offset {
            return;
        }
        self.window.cut_front(log_start_offset);
        self.waiting.cut_front(log_start_offset);
        self.settled.cut_front(log_start_offset);
        self.free_keys(i64::MIN, log_start_offset - 1);
        self.start_offset = log_start_offset;
        if self.is_empty() {
            self.end_offset = log_start_offset;
        }
        let in_window: i64 = self
            .window
            .batches()
            .map(|batch| batch.count(|delivery| delivery.state.is_terminal()))
            .sum();
        self.complete_count = in_window + self.settled.count();
        self.move_start();
    }

    /// Gives up available records in `first..last`, which are not in the log any more.
    pub(crate) fn archive_missing(&mut self, first: i64, last: i64) {
        if first >= last {
            return;
        }
        let mut done = 0;
        self.window.change(first, last - 1, |run| {
            if run.delivery.is_available() {
                run.delivery.archive();
                done += run.len();
            }
        });
        self.complete_count += done;
        if done > 0 {
            self.free_keys(first, last - 1);
            self.move_start();
        }
    }

    /// Moves the start offset over all that is done; answers whether it has moved.
    pub(crate) fn move_start(&mut self) -> bool {
        let first_open = self.window.runs().find(|run| !run.delivery.is_done());
        let first_open = first_open.map(|run| run.first);
        // Whichever is there, whichever comes first.
        let least = |one: Option<i64>, other: Option<i64>| one.into_iter().chain(other).min();
        let first_open = least(first_open, self.waiting.first());
        let first_known = least(
            least(self.window.first(), self.waiting.first()),
            self.settled.first(),
        );
        if first_open.is_some() && first_open == first_known {
            self.sweep();
            return false;
        }
        if first_known.is_none() {
            return false;
        }
        let last = self.end_offset;
        let Some(first_open) = first_open else {
            self.window = Window::default();
            self.settled.clear();
            self.start_offset = last + 1;
            self.end_offset = last + 1;
            self.complete_count = 0;
            return true;
        };
        let done = self.window.runs().take_while(|run| run.first < first_open);
        let done: i64 = done.map(|run| run.len()).sum();
        self.window.cut_front(first_open);
        self.start_offset = first_open;
        self.complete_count -= done + self.settled.cut_front(first_open);
        self.sweep();
        true
    }
}
