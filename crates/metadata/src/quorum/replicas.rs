//! How far the other replicas of the metadata log are, and when they were heard: voters and observers alike.
//! As Kafka's leaders do, it tells since when a replica has had everything.

use std::collections::BTreeMap;

use barnabas_environment::Clock;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A replica as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// The node.
    pub node_id: i32,
    /// The offset after the last entry that it has; -1 when that isn't known.
    pub log_end_offset: i64,
    /// When it last asked or answered, milliseconds since the epoch; -1 when it never did.
    pub last_fetch_ms: i64,
    /// When it last had all that there was, milliseconds since the epoch; -1 when it never had.
    pub last_caught_up_ms: i64,
    /// The directory in which its metadata lie; nil when that isn't known.
    #[serde(default)]
    pub directory_id: Uuid,
}

impl ReplicaStatus {
    /// One that was never heard.
    pub const fn unheard(node_id: i32) -> Self {
        Self {
            node_id,
            log_end_offset: -1,
            last_fetch_ms: -1,
            last_caught_up_ms: -1,
            directory_id: Uuid::nil(),
        }
    }
}

/// Replicas that are heard. Short locks, none of them on the way of a client's request.
pub struct Replicas {
    clock: Clock,
    known: Mutex<BTreeMap<i32, Known>>,
}

struct Known {
    status: ReplicaStatus,
    /// The leader's end when it was heard before: who has that now was caught up then.
    end_before: i64,
}

impl Replicas {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            known: Mutex::default(),
        }
    }

    /// The time by which they are told.
    pub fn now_ms(&self) -> i64 {
        self.clock.wall_ms()
    }

    /// A replica says that it has everything before `log_end_offset`, while the leader's log ends at `end`.
    pub fn heard(&self, node_id: i32, log_end_offset: i64, end: i64) {
        let now_ms = self.now_ms();
        let mut known = self.known.lock();
        let replica = known.entry(node_id).or_insert_with(|| Known::unheard(node_id));
        replica.heard(log_end_offset, end, now_ms);
    }

    /// What is known of one.
    pub fn get(&self, node_id: i32) -> ReplicaStatus {
        let known = self.known.lock();
        let status = known.get(&node_id).map(|known| known.status);
        status.unwrap_or(ReplicaStatus::unheard(node_id))
    }

    /// All that were heard within `ms`; the others are forgotten.
    pub fn heard_within(&self, ms: i64) -> Vec<ReplicaStatus> {
        let now_ms = self.now_ms();
        let mut known = self.known.lock();
        known.retain(|_, known| now_ms - known.status.last_fetch_ms < ms);
        known.values().map(|known| known.status).collect()
    }

    /// Somebody else leads: nothing is known any more.
    pub fn forget(&self) {
        self.known.lock().clear();
    }
}

impl Known {
    fn unheard(node_id: i32) -> Self {
        Self {
            status: ReplicaStatus::unheard(node_id),
            end_before: i64::MAX,
        }
    }

    fn heard(&mut self, log_end_offset: i64, end: i64, now_ms: i64) {
        if log_end_offset >= end {
            self.status.last_caught_up_ms = now_ms;
        } else if log_end_offset >= self.end_before {
            self.status.last_caught_up_ms = self.status.last_fetch_ms;
        }
        self.status.log_end_offset = log_end_offset;
        self.status.last_fetch_ms = now_ms;
        self.end_before = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_was_caught_up_when_it_had_what_there_was_then() {
        // (when, its end, the leader's end) ─→ caught up at
        let told = [
            (100, 5, 9, -1),
            (200, 8, 12, -1),
            (300, 12, 15, 200),
            (400, 14, 20, 200),
            (500, 20, 20, 500),
            (600, 20, 21, 500),
            (700, 21, 21, 700),
        ];
        let mut replica = Known::unheard(3);
        for (now_ms, log_end_offset, end, last_caught_up_ms) in told {
            replica.heard(log_end_offset, end, now_ms);
            let expected = ReplicaStatus {
                node_id: 3,
                log_end_offset,
                last_fetch_ms: now_ms,
                last_caught_up_ms,
                directory_id: Uuid::nil(),
            };
            assert_eq!(replica.status, expected);
        }
    }
}
