//! One share partition on the broker that leads it: its core under a lock, what it has to write, and who
//! waits for it.

use std::sync::{Arc, Weak};

use barnabas_config::selector::Selector;
use barnabas_protocol::error::ErrorCode;
use barnabas_share::{SharePartition, Write};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::dead_letters::Outgoing;

/// Which share partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShareKey {
    /// The share group.
    pub group: Arc<str>,
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partition's index.
    pub partition: i32,
}

/// A share partition that is held here.
#[derive(Debug)]
pub struct Held {
    /// Which.
    pub key: ShareKey,
    /// The epoch in which this broker leads the partition.
    pub leader_epoch: i32,
    state: Mutex<HeldState>,
}

/// What is under the lock.
#[derive(Debug)]
pub struct HeldState {
    /// How far it is.
    pub phase: Phase,
    /// Writes that wait for their turn. One is under way at a time, so that they reach the share coordinator
    /// in the order of what happened; those that wait go together.
    pub queue: Vec<Queued>,
    /// Whether somebody is writing.
    pub is_writing: bool,
    /// Dead letters that wait for their turn, in the order in which their records were given up.
    pub letters: Vec<Outgoing>,
    /// Whether somebody is sending dead letters.
    pub is_sending: bool,
    /// For when a task waits for the end of locks; none if no task does.
    pub timer_ms: Option<i64>,
    /// Nobody of the group fetches any more: it is held until all is written.
    pub is_unwanted: bool,
    /// The group's selector, as it was set and as it was read.
    selector: Option<(String, Option<Arc<Selector>>)>,
    waiters: Vec<Weak<Notify>>,
}

/// From its first fetch to its end.
#[derive(Debug)]
pub enum Phase {
    /// Its state is being read.
    Loading,
    /// It serves.
    Active {
        /// Who has what.
        core: Box<SharePartition>,
        /// The epoch of its state, which the share coordinator holds its writes to.
        state_epoch: i32,
    },
    /// It is not held any more, for this reason.
    Over(ErrorCode),
}

/// A write that waits for its turn.
#[derive(Debug)]
pub struct Queued {
    /// What to write.
    pub write: Write,
    /// Who wants to know what became of it.
    pub answer: Option<oneshot::Sender<Result<(), ErrorCode>>>,
}

impl Held {
    /// One whose state has yet to be read.
    pub fn new(key: ShareKey, leader_epoch: i32) -> Arc<Self> {
        Arc::new(Held {
            key,
            leader_epoch,
            state: Mutex::new(HeldState {
                phase: Phase::Loading,
                queue: Vec::new(),
                is_writing: false,
                letters: Vec::new(),
                is_sending: false,
                timer_ms: None,
                is_unwanted: false,
                selector: None,
                waiters: Vec::new(),
            }),
        })
    }

    /// Takes the lock; nothing awaits while it is held.
    pub fn lock(&self) -> MutexGuard<'_, HeldState> {
        self.state.lock()
    }
}

impl HeldState {
    /// The core, while it serves.
    pub fn core(&mut self) -> Option<&mut SharePartition> {
        match &mut self.phase {
            Phase::Active { core, .. } => Some(core),
            Phase::Loading | Phase::Over(_) => None,
        }
    }

    /// The group's selector, read anew when another one is set. It was checked when it was set.
    pub fn selector(&mut self, text: Option<&str>) -> Option<Arc<Selector>> {
        let text = text?;
        if self.selector.as_ref().is_none_or(|(known, _)| known != text) {
            let read = Selector::parse(text).ok().map(Arc::new);
            self.selector = Some((text.to_owned(), read));
        }
        self.selector.as_ref().and_then(|(_, read)| read.clone())
    }

    /// Whether nobody would miss it.
    pub fn is_over(&self) -> bool {
        self.is_unwanted && !self.is_writing && !self.is_sending && self.queue.is_empty()
    }

    /// Has a fetch woken by the next change.
    pub fn wakes(&mut self, waiter: &Arc<Notify>) {
        if self
            .waiters
            .iter()
            .any(|other| other.as_ptr() == Arc::as_ptr(waiter))
        {
            return;
        }
        if self.waiters.len() == self.waiters.capacity() {
            // Before the list grows.
            self.waiters.retain(|other| other.strong_count() > 0);
        }
        self.waiters.push(Arc::downgrade(waiter));
    }

    /// Wakes who waits: records may be there, or room for more.
    pub fn wake(&mut self) {
        for waiter in self.waiters.drain(..).filter_map(|waiter| waiter.upgrade()) {
            waiter.notify_one();
        }
    }

    /// It is held no longer: who waits for a write or for records learns it.
    pub fn end(&mut self, error: ErrorCode) {
        if matches!(self.phase, Phase::Over(_)) {
            return;
        }
        self.phase = Phase::Over(error);
        for queued in self.queue.drain(..) {
            if let Some(answer) = queued.answer {
                let _ = answer.send(Err(error));
            }
        }
        self.wake();
    }
}
