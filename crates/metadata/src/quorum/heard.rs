//! When this voter last heard of a leader, and whether it knows that the leader is gone.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::types::NodeId;

/// So long after its connection has ended a leader may be heard by another one.
const RECONNECT_GRACE: Duration = Duration::from_millis(50);

/// See the module.
pub struct Heard {
    /// A leader that lives reaches a voter so soon after its start.
    start_lease: Duration,
    last: Mutex<Last>,
    /// The last leader other than this node, and when it said something.
    leader: Mutex<Option<(NodeId, Instant)>>,
    /// Something has happened that may end a wait early.
    changed: Notify,
}

#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    /// Nobody was heard since the start.
    since_start: bool,
    /// The leader is gone: it resigned, or its process has closed the connection.
    gone: bool,
    /// It named this node its successor.
    successor: bool,
}

impl Heard {
    /// Nobody was heard yet. A quorum that has never had a leader needn't wait for one: it is `new`. Another
    /// voter waits for one as long as a leader that lives takes to reach it.
    pub fn nobody(new: bool, start_lease: Duration) -> Self {
        Self {
            start_lease,
            last: Mutex::new(Last {
                at: Instant::now(),
                since_start: true,
                gone: new,
                successor: false,
            }),
            leader: Mutex::new(None),
            changed: Notify::new(),
        }
    }

    /// A leader was heard.
    pub fn hear_leader(&self, leader: NodeId) {
        *self.leader.lock() = Some((leader, Instant::now()));
        self.hear();
    }

    /// The last leader other than this node, and for how long it has been silent.
    pub fn last_leader(&self) -> Option<(NodeId, Duration)> {
        let heard = *self.leader.lock();
        heard.map(|(leader, at)| (leader, at.elapsed()))
    }

    /// A leader was heard, or a vote was given.
    pub fn hear(&self) {
        *self.last.lock() = Last {
            at: Instant::now(),
            since_start: false,
            gone: false,
            successor: false,
        };
    }

    /// This node stands for election, with its own vote given. Answers when that was, for [`Heard::failed`].
    pub fn stand(&self) -> Instant {
        self.hear();
        self.last.lock().at
    }

    /// Nothing came of standing at `stood`, unless somebody was heard since.
    pub fn failed(&self, stood: Instant) {
        let mut last = self.last.lock();
        last.gone |= last.at == stood;
    }

    /// When a leader was last heard, or a vote was given.
    pub fn at(&self) -> Instant {
        self.last.lock().at
    }

    /// The leader says that it goes.
    pub fn resigned(&self, successor: bool) {
        let mut last = self.last.lock();
        (last.gone, last.successor) = (true, successor);
        drop(last);
        self.changed.notify_one();
    }

    /// The connection has ended by which the leader was heard. It is gone, unless it comes by another one.
    pub async fn disconnected(&self) {
        let before = self.last.lock().at;
        sleep(RECONNECT_GRACE).await;
        let mut last = self.last.lock();
        if last.at == before {
            last.gone = true;
            drop(last);
            self.changed.notify_one();
        }
    }

    /// Whether this node may vote for somebody else.
    pub fn lease_is_over(&self, lease: Duration) -> bool {
        let last = self.last.lock();
        let lease = match last.since_start {
            true => lease.min(self.start_lease),
            false => lease,
        };
        last.gone || last.at.elapsed() > lease
    }

    /// Whether the leader is known to be gone.
    pub fn is_gone(&self) -> bool {
        self.last.lock().gone
    }

    /// Waits until it is time to stand for election: `patience` after a leader was heard, or less after a
    /// start without one; once it is gone, as soon as raft lets others vote, its named successor before the
    /// others.
    pub async fn missed(&self, patience: Duration, raft_lease: Duration, turn: Duration) {
        loop {
            let last = *self.last.lock();
            let wait = match (last.gone, last.successor) {
                (true, true) => raft_lease,
                (true, false) => raft_lease + turn,
                (false, _) if last.since_start => self.start_lease + turn,
                (false, _) => patience,
            };
            let until = last.at + wait.min(patience);
            if until <= Instant::now() {
                return;
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => {}
                () = self.changed.notified() => {}
            }
        }
    }
}
