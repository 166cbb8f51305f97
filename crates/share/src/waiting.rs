//! Records that are not due: looked at, outside of the window, and given to nobody before their time.
//!
//! A run of records of one time takes 24 bytes in the order of offsets and 16 in the order of times, so that
//! a million of them fit in 42 MB. Nothing of it is persisted: what waits lies behind the start offset, and
//! whoever leads next reads it from the log again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Never more runs than so many for a share partition; behind them nothing is looked at.
const RUNS_MAX: usize = 2_000_000;

/// Taken out, but still in the list.
const TAKEN: u32 = 0;

#[derive(Clone, Copy, Debug)]
struct WaitingRun {
    first: i64,
    due_ms: i64,
    len: u32,
}

impl WaitingRun {
    fn last(&self) -> i64 {
        self.first + i64::from(self.len) - 1
    }
}

/// What waits for its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    /// Ascending, some of them taken already; never the first.
    runs: VecDeque<WaitingRun>,
    /// Time and first offset.
    by_time: BinaryHeap<Reverse<(i64, i64)>>,
    taken: usize,
}

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.by_time.len() >= RUNS_MAX
    }

    /// The lowest offset that waits.
    pub fn first(&self) -> Option<i64> {
        self.runs.front().map(|run| run.first)
    }

    /// When the next is due, in milliseconds of the wall clock.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.by_time.peek().map(|Reverse((due_ms, _))| *due_ms)
    }

    /// Has records wait. They are no such as wait already.
    pub fn add(&mut self, first: i64, len: u32, due_ms: i64) {
        if len == TAKEN {
            return;
        }
        if let Some(last) = self.runs.back_mut().filter(|run| run.len != TAKEN)
            && last.due_ms == due_ms
            && last.last() + 1 == first
            && let Some(together) = last.len.checked_add(len)
        {
            last.len = together;
            return;
        }
        let run = WaitingRun { first, due_ms, len };
        if self.runs.back().is_none_or(|last| last.first < first) {
            self.runs.push_back(run);
        } else {
            let at = self.runs.partition_point(|other| other.first < first);
            self.runs.insert(at, run);
        }
        self.by_time.push(Reverse((due_ms, first)));
    }

    /// Takes out a run that is due: its first and last offset.
    pub fn take_due(&mut self, now_ms: i64) -> Option<(i64, i64)> {
        loop {
            let Reverse((due_ms, first)) = *self.by_time.peek()?;
            if due_ms > now_ms {
                return None;
            }
            self.by_time.pop();
            let at = self.runs.partition_point(|run| run.first < first);
            let Some(run) = self.runs.get_mut(at) else {
                continue;
            };
            if run.first != first || run.len == TAKEN {
                // The log has lost it.
                continue;
            }
            let taken = (run.first, run.last());
            run.len = TAKEN;
            self.taken += 1;
            self.tidy();
            return Some(taken);
        }
    }

    /// Forgets what lies before `first`.
    pub fn cut_front(&mut self, first: i64) {
        while let Some(run) = self.runs.front_mut() {
            if run.len == TAKEN {
                self.taken -= 1;
            } else if run.first >= first {
                return;
            } else if run.last() >= first {
                let (due_ms, len) = (
                    run.due_ms,
                    u32::try_from(run.last() - first + 1).unwrap_or(u32::MAX),
                );
                *run = WaitingRun { first, due_ms, len };
                self.by_time.push(Reverse((due_ms, first)));
                return;
            }
            self.runs.pop_front();
        }
    }

    /// Whether one of these offsets waits.
    pub fn overlaps(&self, first: i64, last: i64) -> bool {
        let to = self.runs.partition_point(|run| run.first <= last);
        let before = self.runs.range(..to).rev().find(|run| run.len != TAKEN);
        before.is_some_and(|run| run.last() >= first)
    }

    fn tidy(&mut self) {
        while self.runs.front().is_some_and(|run| run.len == TAKEN) {
            self.runs.pop_front();
            self.taken -= 1;
        }
        if self.taken > self.runs.len() / 2 {
            self.runs.retain(|run| run.len != TAKEN);
            self.taken = 0;
            if self.runs.len() < self.runs.capacity() / 4 {
                self.runs.shrink_to(self.runs.len() * 2);
                self.by_time.shrink_to(self.runs.len() * 2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_times() {
        let mut waiting = Waiting::default();
        waiting.add(10, 2, 500);
        waiting.add(12, 3, 500);
        waiting.add(20, 1, 100);
        waiting.add(5, 1, 300);
        assert_eq!((waiting.first(), waiting.next_due_ms()), (Some(5), Some(100)));
        assert_eq!(waiting.take_due(99), None);
        assert!(waiting.overlaps(14, 19) && !waiting.overlaps(15, 19) && !waiting.overlaps(6, 9));
        assert_eq!(waiting.take_due(600), Some((20, 20)));
        assert!(!waiting.overlaps(15, 30));
        assert_eq!(waiting.take_due(600), Some((5, 5)));
        waiting.cut_front(13);
        assert_eq!(waiting.first(), Some(13));
        assert_eq!(waiting.take_due(600), Some((13, 14)));
        assert_eq!(waiting.take_due(600), None);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_million_take_no_more_than_64_megabytes() {
        let mut waiting = Waiting::default();
        for offset in 0..1_000_000 {
            waiting.add(offset, 1, 1_000_000_000 - offset);
        }
        let bytes = waiting.runs.capacity() * size_of::<WaitingRun>()
            + waiting.by_time.capacity() * size_of::<Reverse<(i64, i64)>>();
        assert!(bytes <= 64 << 20, "{bytes}");
        assert_eq!(waiting.take_due(i64::MAX), Some((999_999, 999_999)));
        waiting.cut_front(999_998);
        assert_eq!(waiting.take_due(i64::MAX), Some((999_998, 999_998)));
        assert!(waiting.is_empty());
    }
}
