//! Who waits for a partition: fetches for bytes, produces for the high watermark.
//!
//! A fetch waits with a [`FetchWatch`] of its own, or that of its session, and has an [`Interest`] in each
//! partition it reads. Partitions only point at interests: one that nobody holds any more is over, and is
//! dropped when met.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use barnabas_protocol::error::ErrorCode;
use tokio::sync::{Notify, oneshot};

use super::append::Waiting;
use super::{Isolation, Reader};

/// What is not waited for.
const NOTHING: i64 = i64::MAX;

/// What a reader of many partitions learns from them: which have changed since it last looked, and, while it
/// is parked, that enough bytes have come in all.
#[derive(Debug)]
pub struct FetchWatch {
    state: Mutex<WatchState>,
    woken: Notify,
}

#[derive(Debug)]
struct WatchState {
    changed: Vec<u32>,
    isolation: Isolation,
    missing_bytes: i64,
}

impl FetchWatch {
    /// A watch for which nobody waits yet.
    pub fn new() -> Arc<Self> {
        Arc::new(FetchWatch {
            state: Mutex::new(WatchState {
                changed: Vec::new(),
                isolation: Isolation::ReadUncommitted,
                missing_bytes: NOTHING,
            }),
            woken: Notify::new(),
        })
    }

    /// From now on `missing_bytes` more that this reader may see end its wait. False if a partition has
    /// changed since [`FetchWatch::take_changed`]: what was read since then is not all there is.
    #[must_use]
    pub fn arm(&self, missing_bytes: i64, isolation: Isolation) -> bool {
        let mut state = self.lock();
        if !state.changed.is_empty() {
            return false;
        }
        state.missing_bytes = missing_bytes;
        state.isolation = isolation;
        true
    }

    /// Nobody waits any more; answers whether a partition has changed since [`FetchWatch::arm`].
    pub fn disarm(&self) -> bool {
        let mut state = self.lock();
        state.missing_bytes = NOTHING;
        !state.changed.is_empty()
    }

    /// Wakes who waits, if anybody does: there is something else than bytes to look at.
    pub fn nudge(&self) {
        if self.lock().missing_bytes != NOTHING {
            self.woken.notify_one();
        }
    }

    /// Waits until enough bytes have come or a partition has changed under the reader.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// The slots of the partitions that have changed since the last call. A slot may be that of an interest
    /// that is over.
    pub fn take_changed(&self) -> Vec<u32> {
        std::mem::take(&mut self.lock().changed)
    }

    fn count(&self, state: &mut WatchState, bytes: i64) {
        if state.missing_bytes == NOTHING {
            return;
        }
        state.missing_bytes = state.missing_bytes.saturating_sub(bytes);
        if state.missing_bytes <= 0 {
            state.missing_bytes = NOTHING;
            self.woken.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A reader's interest in one partition; the reader knows the partition by a slot.
#[derive(Debug)]
pub struct Interest {
    watch: Arc<FetchWatch>,
    slot: u32,
    /// It stands among the watch's changed ones.
    changed: AtomicBool,
    /// A partition knows of it.
    registered: AtomicBool,
    /// A follower's: it reads to the log's end.
    follows: AtomicBool,
}

impl Interest {
    /// An interest that no partition knows of yet.
    pub fn new(watch: &Arc<FetchWatch>, slot: u32) -> Arc<Self> {
        Arc::new(Interest {
            watch: watch.clone(),
            slot,
            changed: AtomicBool::new(false),
            registered: AtomicBool::new(false),
            follows: AtomicBool::new(false),
        })
    }

    /// The reader has taken notice of the change and is about to look.
    pub fn noticed(&self) {
        self.changed.store(false, Ordering::SeqCst);
    }

    /// The partition has changed: so many bytes more can be read, or read as committed.
    fn change(&self, bytes: i64, stable_bytes: i64) {
        let mut state = self.watch.lock();
        if !self.changed.swap(true, Ordering::SeqCst) {
            state.changed.push(self.slot);
        }
        let bytes = match state.isolation {
            Isolation::ReadUncommitted => bytes,
            Isolation::ReadCommitted => stable_bytes,
        };
        self.watch.count(&mut state, bytes);
    }
}

/// What of a partition has to come to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The high watermark.
    Commit,
    /// What is on disk, where `flush.messages` asks for that.
    Flush,
    /// The start of a follower's log: who waits looks for itself how far all are.
    FollowerStart,
}

/// A Produce whose records are not yet where they have to be, or a DeleteRecords whose are not yet gone
/// everywhere.
#[derive(Debug)]
struct OffsetWaiter {
    awaited: Awaited,
    required_offset: i64,
    sender: oneshot::Sender<Result<(), ErrorCode>>,
}

/// The waiters of one partition; lives under its lock.
#[derive(Debug, Default)]
pub struct Waiters {
    interests: Vec<Weak<Interest>>,
    offsets: Vec<OffsetWaiter>,
}

impl Waiters {
    /// Registers an interest, unless it is already.
    pub fn register(&mut self, interest: &Arc<Interest>, reader: Reader) {
        let follows = matches!(reader, Reader::Follower(_));
        interest.follows.store(follows, Ordering::Relaxed);
        if interest.registered.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.interests.len() == self.interests.capacity() {
            // Before the list grows: partitions that nothing happens to meet none of those that are over.
            self.interests.retain(|other| other.strong_count() > 0);
        }
        self.interests.push(Arc::downgrade(interest));
    }

    /// Waits for the high watermark to reach `required_offset`.
    pub fn add_ack(&mut self, required_offset: i64) -> Waiting {
        self.add(Awaited::Commit, required_offset)
    }

    /// Waits for the log to be flushed up to `required_offset`.
    pub fn add_flush(&mut self, required_offset: i64) -> Waiting {
        self.add(Awaited::Flush, required_offset)
    }

    /// Waits for the log start of any follower to move.
    pub fn add_follower_start(&mut self) -> Waiting {
        self.add(Awaited::FollowerStart, 0)
    }

    fn add(&mut self, awaited: Awaited, required_offset: i64) -> Waiting {
        let (sender, receiver) = oneshot::channel();
        // Who has stopped waiting is met here, not only when it would have been answered.
        if self.offsets.len() == self.offsets.capacity() {
            self.offsets.retain(|waiter| !waiter.sender.is_closed());
        }
        self.offsets.push(OffsetWaiter {
            awaited,
            required_offset,
            sender,
        });
        receiver
    }

    fn answer(&mut self, awaited: Awaited, reached: i64) {
        let is_answered =
            |waiter: &mut OffsetWaiter| waiter.awaited == awaited && waiter.required_offset <= reached;
        for waiter in self.offsets.extract_if(.., is_answered) {
            let _ = waiter.sender.send(Ok(()));
        }
    }

    /// All up to `offset` is flushed, or need not be.
    pub fn flushed(&mut self, offset: i64) {
        self.answer(Awaited::Flush, offset);
    }

    /// The log has grown by `bytes`, which only followers see yet.
    pub fn appended(&mut self, bytes: i64) {
        self.tell(|interest| {
            if interest.follows.load(Ordering::Relaxed) {
                interest.change(bytes, bytes);
            }
        });
    }

    /// The high watermark has come to `high_watermark`, which made `bytes` readable, and `stable_bytes` for
    /// those who read what is committed only.
    pub fn advanced(&mut self, high_watermark: i64, bytes: i64, stable_bytes: i64) {
        self.tell(|interest| {
            if interest.follows.load(Ordering::Relaxed) {
                // It learns of the high watermark with its next answer, which should be soon.
                interest.change(0, 0);
                interest.watch.nudge();
            } else {
                interest.change(bytes, stable_bytes);
            }
        });
        self.answer(Awaited::Commit, high_watermark);
    }

    /// The log's start has moved: readers are told with the next answer they get.
    pub fn log_start_moved(&mut self) {
        self.tell(|interest| {
            interest.change(0, 0);
            if interest.follows.load(Ordering::Relaxed) {
                interest.watch.nudge();
            }
        });
    }

    /// A follower's log start has moved.
    pub fn follower_start_moved(&mut self) {
        self.answer(Awaited::FollowerStart, i64::MAX);
    }

    fn tell(&mut self, tell: impl Fn(&Interest)) {
        self.interests.retain(|interest| {
            let interest = interest.upgrade();
            interest.is_some_and(|interest| {
                tell(&interest);
                true
            })
        });
    }

    /// The partition has changed its leader, or is gone: everybody looks again, who waits for an offset gets
    /// `error`.
    pub fn interrupt(&mut self, error: ErrorCode) {
        for interest in self.interests.drain(..).filter_map(|interest| interest.upgrade()) {
            interest.registered.store(false, Ordering::Relaxed);
            interest.change(i64::MAX, i64::MAX);
        }
        for waiter in self.offsets.drain(..) {
            let _ = waiter.sender.send(Err(error));
        }
    }
}

#[cfg(test)]
mod tests;
