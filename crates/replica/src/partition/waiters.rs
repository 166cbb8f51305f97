//! Who waits for a partition: fetches for bytes, produces for the high watermark.
//!
//! A fetch waits with a [`FetchWatch`] of its own, or that of its session, and has an [`Interest`] in each partition it
//! reads. Partitions only point at interests: one that nobody holds any more is over, and is dropped when met.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use barnabas_protocol::error::ErrorCode;
use tokio::sync::{Notify, oneshot};

use super::Isolation;

/// What is not waited for.
const NOTHING: i64 = i64::MAX;

/// What a reader of many partitions learns from them: which have changed since it last looked, and, while it is parked,
/// that enough bytes have come in all.
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

    /// From now on `missing_bytes` more that this reader may see end its wait.
    pub fn arm(&self, missing_bytes: i64, isolation: Isolation) {
        let mut state = self.lock();
        state.missing_bytes = missing_bytes;
        state.isolation = isolation;
    }

    /// Waits until enough bytes have come or a partition has changed under the reader.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Counts `bytes` that were there already.
    pub fn credit(&self, bytes: i64) {
        self.count(&mut self.lock(), bytes);
    }

    /// The slots of the partitions that have changed since the last call. A slot may be that of an interest that is over.
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
}

impl Interest {
    /// An interest that no partition knows of yet.
    pub fn new(watch: &Arc<FetchWatch>, slot: u32) -> Arc<Self> {
        Arc::new(Interest {
            watch: watch.clone(),
            slot,
            changed: AtomicBool::new(false),
            registered: AtomicBool::new(false),
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

/// A Produce whose records are not yet where they have to be: flushed, or with acks=all on every in-sync replica.
#[derive(Debug)]
struct AckWaiter {
    required_offset: i64,
    sender: oneshot::Sender<Result<(), ErrorCode>>,
}

impl AckWaiter {
    fn add(waiters: &mut Vec<Self>, required_offset: i64) -> oneshot::Receiver<Result<(), ErrorCode>> {
        let (sender, receiver) = oneshot::channel();
        waiters.push(AckWaiter {
            required_offset,
            sender,
        });
        receiver
    }

    fn answer(waiters: &mut Vec<Self>, reached: i64) {
        for waiter in waiters.extract_if(.., |waiter| waiter.required_offset <= reached) {
            let _ = waiter.sender.send(Ok(()));
        }
    }
}

/// The waiters of one partition; lives under its lock.
#[derive(Debug, Default)]
pub struct Waiters {
    interests: Vec<Weak<Interest>>,
    acks: Vec<AckWaiter>,
    flushes: Vec<AckWaiter>,
}

impl Waiters {
    /// Registers an interest, unless it is already.
    pub fn register(&mut self, interest: &Arc<Interest>) {
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
    pub fn add_ack(&mut self, required_offset: i64) -> oneshot::Receiver<Result<(), ErrorCode>> {
        AckWaiter::add(&mut self.acks, required_offset)
    }

    /// Waits for the log to be flushed up to `required_offset`.
    pub fn add_flush(&mut self, required_offset: i64) -> oneshot::Receiver<Result<(), ErrorCode>> {
        AckWaiter::add(&mut self.flushes, required_offset)
    }

    /// All up to `offset` is flushed, or need not be.
    pub fn flushed(&mut self, offset: i64) {
        AckWaiter::answer(&mut self.flushes, offset);
    }

    /// The high watermark has come to `high_watermark`, which made `bytes` readable, and `stable_bytes` for those who read what
    /// is committed only.
    pub fn advanced(&mut self, high_watermark: i64, bytes: i64, stable_bytes: i64) {
        self.changed(bytes, stable_bytes);
        AckWaiter::answer(&mut self.acks, high_watermark);
    }

    /// The log's start has moved: readers are told with the next answer they get.
    pub fn log_start_moved(&mut self) {
        self.changed(0, 0);
    }

    fn changed(&mut self, bytes: i64, stable_bytes: i64) {
        self.interests.retain(|interest| {
            let interest = interest.upgrade();
            interest.is_some_and(|interest| {
                interest.change(bytes, stable_bytes);
                true
            })
        });
    }

    /// The partition has changed its leader, or is gone: everybody looks again, produces get `error`.
    pub fn interrupt(&mut self, error: ErrorCode) {
        for interest in self.interests.drain(..).filter_map(|interest| interest.upgrade()) {
            interest.registered.store(false, Ordering::Relaxed);
            interest.change(i64::MAX, i64::MAX);
        }
        for waiter in self.flushes.drain(..).chain(self.acks.drain(..)) {
            let _ = waiter.sender.send(Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// A reader that waits for bytes of one partition.
    fn reader(waiters: &mut Waiters, missing_bytes: i64, isolation: Isolation) -> Arc<Interest> {
        let interest = Interest::new(&FetchWatch::new(), 7);
        interest.watch.arm(missing_bytes, isolation);
        waiters.register(&interest);
        interest
    }

    fn is_woken(interest: &Interest) -> bool {
        let woken = pin!(interest.watch.woken());
        woken.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_fetch_is_woken_once_by_the_append_that_completes_its_bytes() {
        let mut waiters = Waiters::default();
        let interest = reader(&mut waiters, 100, Isolation::ReadUncommitted);
        waiters.advanced(1, 60, 60);
        assert!(!is_woken(&interest));
        waiters.advanced(2, 40, 40);
        assert!(is_woken(&interest));
        waiters.advanced(3, 100, 100);
        assert!(!is_woken(&interest), "nobody waits");
    }

    #[test]
    fn readers_of_what_is_committed_count_what_is_stable() {
        let mut waiters = Waiters::default();
        let interest = reader(&mut waiters, 100, Isolation::ReadCommitted);
        waiters.advanced(1, 200, 0);
        assert!(!is_woken(&interest), "a transaction is open");
        waiters.advanced(2, 78, i64::MAX);
        assert!(is_woken(&interest), "its marker was written");
    }

    #[test]
    fn changes_are_told_once_until_they_are_noticed() {
        let mut waiters = Waiters::default();
        let interest = reader(&mut waiters, 100, Isolation::ReadUncommitted);
        waiters.advanced(1, 1, 1);
        waiters.log_start_moved();
        assert_eq!(interest.watch.take_changed(), [7]);
        interest.noticed();
        waiters.log_start_moved();
        assert_eq!(interest.watch.take_changed(), [7]);
        assert!(!is_woken(&interest));
    }

    #[test]
    fn a_reader_of_a_partition_that_changed_its_leader_registers_again() {
        let mut waiters = Waiters::default();
        let interest = reader(&mut waiters, 100, Isolation::ReadUncommitted);
        waiters.interrupt(ErrorCode::NotLeaderOrFollower);
        assert!(is_woken(&interest));
        interest.watch.take_changed();
        interest.noticed();
        waiters.log_start_moved();
        assert!(interest.watch.take_changed().is_empty());
        waiters.register(&interest);
        waiters.register(&interest);
        assert_eq!(waiters.interests.len(), 1);
    }

    #[tokio::test]
    async fn acks_are_given_up_to_the_high_watermark() {
        let mut waiters = Waiters::default();
        let first = waiters.add_ack(5);
        let second = waiters.add_ack(9);
        waiters.advanced(5, 10, 10);
        assert_eq!(first.await, Ok(Ok(())));
        waiters.interrupt(ErrorCode::NotLeaderOrFollower);
        assert_eq!(second.await, Ok(Err(ErrorCode::NotLeaderOrFollower)));
    }

    #[test]
    fn fetches_that_are_over_do_not_pile_up() {
        let mut waiters = Waiters::default();
        for _ in 0..1_000 {
            reader(&mut waiters, 1, Isolation::ReadUncommitted);
        }
        assert!(waiters.interests.capacity() <= 4);
        waiters.log_start_moved();
        assert!(waiters.interests.is_empty());
    }
}
