//! Deadlines of a shard, by key: the earliest one is known, and moving one further away costs a map lookup.
//!
//! Every heartbeat and every commit moves a session's deadline. The queue therefore keeps the place that a
//! key first got and is corrected when that place comes up; [`Timers::next_deadline`] may be early, never
//! late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a deadline is about. Setting a key again replaces its deadline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// The session of a member (or of a pending member) of a group.
    Session { group: Arc<str>, member: Arc<str> },
    /// The join phase of a group.
    Join { group: Arc<str> },
    /// The members of a group that have not yet sent SyncGroup.
    Sync { group: Arc<str> },
    /// The partitions that a member of a consumer group has to give back.
    Revocation { group: Arc<str>, member: Arc<str> },
    /// A classic member of a consumer group that was told to join again.
    MemberJoin { group: Arc<str>, member: Arc<str> },
    /// A classic member of a consumer group that has not yet sent SyncGroup.
    MemberSync { group: Arc<str>, member: Arc<str> },
    /// The regular expressions of a consumer group that have to be resolved.
    Regexes { group: Arc<str> },
    /// The delay of a streams group's first assignment.
    InitialRebalance { group: Arc<str> },
    /// The next look for expired offsets.
    Expiry,
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    at_ms: i64,
    queued_at_ms: i64,
}

/// The deadlines of one shard.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: BTreeMap<TimerKey, Deadline>,
    queue: BTreeSet<(i64, TimerKey)>,
}

impl Timers {
    /// Sets the deadline of `key`, replacing the one it had.
    pub(crate) fn schedule(&mut self, key: TimerKey, at_ms: i64) {
        if let Some(deadline) = self.deadlines.get_mut(&key) {
            deadline.at_ms = at_ms;
            if deadline.queued_at_ms <= at_ms {
                return;
            }
            let queued_at_ms = std::mem::replace(&mut deadline.queued_at_ms, at_ms);
            self.queue.remove(&(queued_at_ms, key.clone()));
        } else {
            self.deadlines.insert(
                key.clone(),
                Deadline {
                    at_ms,
                    queued_at_ms: at_ms,
                },
            );
        }
        self.queue.insert((at_ms, key));
    }

    /// Forgets the deadline of `key`, if it has one.
    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        if let Some((key, deadline)) = self.deadlines.remove_entry(key) {
            self.queue.remove(&(deadline.queued_at_ms, key));
        }
    }

    /// Whether `key` has a deadline.
    pub(crate) fn is_scheduled(&self, key: &TimerKey) -> bool {
        self.deadlines.contains_key(key)
    }

    /// No deadline comes before this; `None` if there is none.
    pub(crate) fn next_deadline(&self) -> Option<i64> {
        self.queue.first().map(|(at_ms, _)| *at_ms)
    }

    /// Removes and returns a key whose deadline has come, the earliest first.
    pub(crate) fn pop_expired(&mut self, now_ms: i64) -> Option<TimerKey> {
        while self.next_deadline()? <= now_ms {
            let (_, key) = self.queue.pop_first()?;
            let Some(deadline) = self.deadlines.get_mut(&key) else {
                continue;
            };
            if deadline.at_ms <= now_ms {
                self.deadlines.remove(&key);
                return Some(key);
            }
            deadline.queued_at_ms = deadline.at_ms;
            let requeued = (deadline.at_ms, key);
            self.queue.insert(requeued);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(group: &str) -> TimerKey {
        TimerKey::Join { group: group.into() }
    }

    #[test]
    fn deadlines_come_in_order_and_once() {
        let mut timers = Timers::default();
        timers.schedule(join("b"), 20);
        timers.schedule(join("a"), 10);
        timers.schedule(TimerKey::Expiry, 30);
        assert_eq!(timers.next_deadline(), Some(10));
        assert_eq!(timers.pop_expired(9), None);
        assert_eq!(timers.pop_expired(20), Some(join("a")));
        assert_eq!(timers.pop_expired(20), Some(join("b")));
        assert_eq!(timers.pop_expired(20), None);
        timers.cancel(&TimerKey::Expiry);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn a_deadline_moves_both_ways() {
        let mut timers = Timers::default();
        timers.schedule(join("a"), 10);
        timers.schedule(join("a"), 50);
        assert_eq!(timers.pop_expired(49), None);
        timers.schedule(join("a"), 20);
        assert_eq!(timers.next_deadline(), Some(20));
        assert_eq!(timers.pop_expired(20), Some(join("a")));
        assert_eq!(timers.next_deadline(), None);
    }
}
