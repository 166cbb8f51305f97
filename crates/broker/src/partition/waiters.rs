//! Who waits for a partition: fetches for bytes, produces for the high watermark.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use barnabas_protocol::error::ErrorCode;
use tokio::sync::{Notify, oneshot};

use super::Isolation;

/// A parked Fetch. It registers with every partition it reads and is woken once, when enough bytes have come in all.
#[derive(Debug)]
pub struct FetchWaiter {
    isolation: Isolation,
    missing_bytes: AtomicI64,
    woken: Notify,
}

impl FetchWaiter {
    /// A fetch that wants `missing_bytes` more.
    pub fn new(missing_bytes: i64, isolation: Isolation) -> Arc<Self> {
        Arc::new(FetchWaiter {
            isolation,
            missing_bytes: AtomicI64::new(missing_bytes),
            woken: Notify::new(),
        })
    }

    /// Waits until enough bytes have come or a partition has changed under the fetch.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Counts bytes that can be read now; answers whether they were the last that was waited for.
    pub fn add(&self, bytes: i64) -> bool {
        let enough = self.missing_bytes.fetch_sub(bytes, Ordering::Relaxed) <= bytes;
        if enough {
            self.woken.notify_one();
        }
        enough
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
    fetches: Vec<Arc<FetchWaiter>>,
    acks: Vec<AckWaiter>,
    flushes: Vec<AckWaiter>,
}

impl Waiters {
    /// Adds a fetch; the caller removes it when it is done.
    pub fn add_fetch(&mut self, waiter: Arc<FetchWaiter>) {
        self.fetches.push(waiter);
    }

    /// Removes a fetch, if it is still there.
    pub fn remove_fetch(&mut self, waiter: &Arc<FetchWaiter>) {
        self.fetches.retain(|other| !Arc::ptr_eq(other, waiter));
        if self.fetches.is_empty() {
            self.fetches = Vec::new();
        }
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
        self.fetches.retain(|waiter| match waiter.isolation {
            Isolation::ReadUncommitted => !waiter.add(bytes),
            Isolation::ReadCommitted => !waiter.add(stable_bytes),
        });
        AckWaiter::answer(&mut self.acks, high_watermark);
    }

    /// The partition has changed its leader, or is gone: everybody looks again, produces get `error`.
    pub fn interrupt(&mut self, error: ErrorCode) {
        for waiter in self.fetches.drain(..) {
            waiter.woken.notify_one();
        }
        for waiter in self.flushes.drain(..).chain(self.acks.drain(..)) {
            let _ = waiter.sender.send(Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fetch_is_woken_by_the_append_that_completes_its_bytes() {
        let mut waiters = Waiters::default();
        let waiter = FetchWaiter::new(100, Isolation::ReadUncommitted);
        waiters.add_fetch(waiter.clone());
        waiters.advanced(1, 60, 60);
        assert_eq!(waiters.fetches.len(), 1);
        waiters.advanced(2, 40, 40);
        assert!(waiters.fetches.is_empty());
        waiter.woken().await;
    }

    #[tokio::test]
    async fn readers_of_what_is_committed_count_what_is_stable() {
        let mut waiters = Waiters::default();
        let waiter = FetchWaiter::new(100, Isolation::ReadCommitted);
        waiters.add_fetch(waiter.clone());
        waiters.advanced(1, 200, 0);
        assert_eq!(waiters.fetches.len(), 1, "a transaction is open");
        waiters.advanced(2, 78, i64::MAX);
        assert!(waiters.fetches.is_empty(), "its marker was written");
        waiter.woken().await;
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
    fn a_fetch_that_is_done_leaves_nothing_behind() {
        let mut waiters = Waiters::default();
        let waiter = FetchWaiter::new(1, Isolation::ReadUncommitted);
        waiters.add_fetch(waiter.clone());
        waiters.remove_fetch(&waiter);
        assert_eq!(waiters.fetches.capacity(), 0);
    }
}
