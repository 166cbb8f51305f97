//! What a voter tells observers: brokers that follow the metadata without having a vote.
//!
//! ```text
//! observer: "I have everything up to entry N" ─→ the leader waits until there is more that is committed
//!           ←─ entries after N, or a piece of a snapshot when they are gone, or who leads instead
//! ```
//! An observer gets what is committed and applied and nothing else, so it never has to take anything back.
//! Raft knows nothing of observers, so there may be any number of them.

use std::sync::Weak;
use std::time::Duration;

use barnabas_environment::Clock;
use bytes::Bytes;
use openraft::RaftMetrics;
use openraft::storage::RaftSnapshotBuilder;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::disk::LogDisk;
use super::log_db::LogDb;
use super::peer_door::PeerDoor;
use super::peers::PeerError;
use super::replicas::{ReplicaStatus, Replicas};
use super::state_machine::StateMachine;
use super::types::{Entry, LogId, Node, NodeId};

/// So many entries come with one answer.
const ENTRIES_MAX: u64 = 64;
/// So many bytes of a snapshot come with one answer.
const PIECE_BYTES_MAX: usize = 1024 * 1024;
/// No observer waits longer.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// An observer that hasn't asked for so long is none any more.
const FORGOTTEN_AFTER_MS: i64 = 300_000;

/// What an observer asks for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Observe {
    /// The node that asks.
    pub observer: i32,
    /// The last entry that it has.
    pub last: Option<LogId>,
    /// The snapshot that is on its way, and how many bytes of it are there.
    pub snapshot: Option<(String, u64)>,
    /// How long it waits for more than it has.
    pub wait_ms: u64,
}

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
pub enum Observed {
    /// Somebody else leads, or nobody.
    NotLeader {
        /// Who, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// What comes after what it has, in order.
    Entries {
        /// The entries.
        entries: Vec<Entry>,
        /// The last one that is committed.
        committed: Option<LogId>,
    },
    /// A piece of a snapshot, which is the frame's data.
    Snapshot {
        /// Which one. The pieces of another one are worth nothing any more.
        id: String,
        /// Where the piece begins.
        at: u64,
        /// How many bytes there are in all.
        total: u64,
    },
}

/// What of a voter concerns its observers. Dropping it closes nothing: the log is closed by the quorum.
pub struct Feed {
    log: Weak<dyn LogDisk>,
    state_machine: StateMachine,
    observers: Replicas,
    /// The snapshot that is being told, with its id.
    snapshot: Mutex<Option<(String, Bytes)>>,
    /// Raft has something new. Wakes in the order of coming, which tokio's watch channel doesn't: a seeded
    /// run would be another each time.
    moved: Notify,
}

impl Feed {
    /// Of this voter's log and state.
    pub fn new(log: Weak<dyn LogDisk>, state_machine: StateMachine, clock: Clock) -> Self {
        Self {
            log,
            state_machine,
            observers: Replicas::new(clock),
            snapshot: Mutex::default(),
            moved: Notify::new(),
        }
    }

    /// Wakes the observers that wait, whenever raft has something new, until it has stopped.
    pub async fn follow(&self, mut metrics: watch::Receiver<RaftMetrics<NodeId, Node>>) {
        while metrics.changed().await.is_ok() {
            self.moved.notify_waiters();
        }
        self.moved.notify_waiters();
    }

    /// The observers that have asked lately.
    pub fn observers(&self) -> Vec<ReplicaStatus> {
        self.observers.heard_within(FORGOTTEN_AFTER_MS)
    }

    /// The entries after `last` up to `applied`, not all at once; `None` when the log has them no more.
    fn entries(&self, last: Option<LogId>, applied: LogId) -> Result<Option<Vec<Entry>>, PeerError> {
        let next = last.map_or(0, |last| last.index + 1);
        if next > applied.index {
            return Ok(Some(Vec::new()));
        }
        let log = LogDb::new(self.log.upgrade().ok_or(PeerError::Stopped)?);
        let until = applied.index.min(next.saturating_add(ENTRIES_MAX - 1));
        // The one before tells that both mean the same log.
        let entries = log.entries(next.saturating_sub(1)..=until).map_err(|error| {
            tracing::error!(%error, "the log can't be read for an observer");
            PeerError::Stopped
        })?;
        let before = entries.iter().find(|entry| entry.log_id.index + 1 == next);
        if before.map(|entry| entry.log_id) != last {
            return Ok(None);
        }
        let entries: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| entry.log_id.index >= next)
            .collect();
        let is_whole = entries.first().is_some_and(|first| first.log_id.index == next);
        Ok(is_whole.then_some(entries))
    }

    /// The next piece of the snapshot that is wanted, or the first one of a new one.
    async fn piece(&self, wanted: Option<(String, u64)>) -> Result<(Observed, Bytes), PeerError> {
        let known = |(id, at): (String, u64)| {
            let told = self.snapshot.lock();
            let (_, bytes) = told.as_ref().filter(|(told, _)| *told == id)?;
            Some((id, at, bytes.clone()))
        };
        let (id, at, bytes) = match wanted.and_then(known) {
            Some(piece) => piece,
            None => {
                let made = self.state_machine.clone().build_snapshot().await;
                let made = made.map_err(|error| {
                    tracing::error!(%error, "no snapshot can be made for an observer");
                    PeerError::Stopped
                })?;
                let bytes = Bytes::from(made.snapshot.into_inner());
                let id = made.meta.snapshot_id;
                *self.snapshot.lock() = Some((id.clone(), bytes.clone()));
                (id, 0, bytes)
            }
        };
        let total = bytes.len();
        let from = usize::try_from(at).unwrap_or(total).min(total);
        let until = total.min(from + PIECE_BYTES_MAX);
        if until == total {
            self.snapshot.lock().take_if(|(told, _)| *told == id);
        }
        let at = from as u64;
        let total = total as u64;
        Ok((Observed::Snapshot { id, at, total }, bytes.slice(from..until)))
    }
}

impl PeerDoor {
    /// Answers an observer as soon as there is something that it doesn't have, or its patience is over.
    pub(super) async fn observe(&self, request: Observe) -> Result<(Observed, Bytes), PeerError> {
        let feed = &self.feed;
        let deadline = Instant::now() + Duration::from_millis(request.wait_ms).min(WAIT_MAX);
        let metrics = self.raft.metrics();
        let end_of = |log_id: Option<LogId>| log_id.map_or(0, |log_id| log_id.index as i64 + 1);
        loop {
            let moved = feed.moved.notified();
            tokio::pin!(moved);
            // Before the look, or what comes in between would be missed.
            moved.as_mut().enable();
            let (leader, is_running) = {
                let now = metrics.borrow();
                (
                    now.current_leader.filter(|leader| *leader != now.id),
                    now.running_state.is_ok(),
                )
            };
            if !is_running {
                return Err(PeerError::Stopped);
            }
            if !self.leadership.is_active() {
                feed.observers.forget();
                return Ok((Observed::NotLeader { leader }, Bytes::new()));
            }
            let committed = feed.state_machine.state.lock().last_applied;
            feed.observers
                .heard(request.observer, end_of(request.last), end_of(committed));
            if request.snapshot.is_some() {
                return feed.piece(request.snapshot).await;
            }
            let found = match committed {
                Some(committed) => feed.entries(request.last, committed)?,
                None => Some(Vec::new()),
            };
            let Some(entries) = found else {
                return feed.piece(None).await;
            };
            let waited = timeout_at(deadline, moved);
            if !entries.is_empty() || waited.await.is_err() {
                return Ok((Observed::Entries { entries, committed }, Bytes::new()));
            }
        }
    }
}
