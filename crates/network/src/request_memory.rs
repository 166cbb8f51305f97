//! The memory that requests may take while they arrive and while they wait, for the whole process
//! (`queued.max.request.bytes`).
//!
//! Most requests never ask: they are parsed in their thread's read buffer. A connection keeps bytes of its
//! own for a frame that has not fully arrived, and for requests whose answer is outstanding; all of that is
//! counted. While the count has reached the limit, no connection's buffer grows beyond [`GRANTED_BYTES`], but
//! for that of the one whose turn it is: so the process goes on however many half requests fill the memory.
//! Whoever has the turn and sends next to nothing while others wait loses its connection.
//!
//! As in Apache Kafka's memory pool, what is asked for while there is room is granted whole, and each worker
//! thread may find room before another has counted what it took: the count may exceed the limit by one
//! request of each thread, and by that of the one whose turn it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What every connection may hold without asking.
pub const GRANTED_BYTES: usize = 16 * 1024;
/// The limit where none is configured. Large enough that no pattern of clients measured was slowed down by
/// it: frames that wait do so in the sockets' buffers.
const DEFAULT_BYTES: usize = 32 << 20;
/// How often progress is looked at.
const TURN_CHECK: Duration = Duration::from_secs(5);
/// What has to arrive between two looks for the turn to go on.
const TURN_BYTES_MIN: usize = 64 * 1024;

/// Counts the process's request memory.
#[derive(Debug)]
pub struct RequestMemory {
    limit: usize,
    used: AtomicUsize,
    waiting: AtomicUsize,
    room: Notify,
    turn: Arc<Semaphore>,
}

impl RequestMemory {
    /// With the limit `queued.max.request.bytes`; not positive means that none is configured.
    pub fn new(queued_max_request_bytes: i64) -> Arc<Self> {
        let configured = usize::try_from(queued_max_request_bytes).unwrap_or(0);
        Arc::new(RequestMemory {
            limit: if configured > 0 { configured } else { DEFAULT_BYTES },
            used: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            room: Notify::new(),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// What all connections hold.
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether the limit has not been reached.
    pub fn has_room(&self) -> bool {
        self.used.load(Ordering::Relaxed) < self.limit
    }
}

/// One connection's share; given back when dropped.
#[derive(Debug)]
pub struct Share {
    memory: Arc<RequestMemory>,
    bytes: usize,
    turn: Option<Box<Turn>>,
}

/// The right to go on although there is no room.
#[derive(Debug)]
struct Turn {
    _permit: OwnedSemaphorePermit,
    next_check: Instant,
    received_before: usize,
}

impl Turn {
    fn new(permit: OwnedSemaphorePermit, received: usize) -> Self {
        Turn {
            _permit: permit,
            next_check: Instant::now() + TURN_CHECK,
            received_before: received,
        }
    }

    /// Whether enough has arrived since the last look.
    fn check(&mut self, received: usize) -> bool {
        let progress = received.saturating_sub(self.received_before);
        self.next_check += TURN_CHECK;
        self.received_before = received;
        progress >= TURN_BYTES_MIN
    }
}

impl Share {
    /// A share of nothing yet.
    pub fn new(memory: Arc<RequestMemory>) -> Self {
        Share {
            memory,
            bytes: 0,
            turn: None,
        }
    }

    /// Says how many bytes the connection holds now. Holding none ends its turn.
    pub fn hold(&mut self, bytes: usize) {
        if bytes == 0 {
            self.turn = None;
        }
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes > before {
            self.memory.used.fetch_add(bytes - before, Ordering::Relaxed);
        } else if bytes < before {
            self.memory.used.fetch_sub(before - bytes, Ordering::Relaxed);
            if self.memory.waiting.load(Ordering::SeqCst) > 0 && self.memory.has_room() {
                self.memory.room.notify_waiters();
            }
        }
    }

    /// Whether the connection may hold `bytes`.
    pub fn may_hold(&self, bytes: usize) -> bool {
        bytes <= GRANTED_BYTES || self.turn.is_some() || self.memory.has_room()
    }

    /// Whether anybody may take more than [`GRANTED_BYTES`] without waiting.
    pub fn has_room(&self) -> bool {
        self.memory.has_room()
    }

    /// Waits for what changes the connection's standing, `starved` saying that it may not hold what it needs,
    /// `received` how much of its frame it has; for ever if nothing will.
    pub async fn changed(&mut self, starved: bool, received: usize) -> Verdict {
        if starved {
            self.granted(received).await;
            return Verdict::Granted;
        }
        let Some(turn) = &mut self.turn else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep_until(turn.next_check).await;
            let progressed = turn.check(received);
            if !progressed && self.memory.waiting.load(Ordering::SeqCst) > 0 {
                return Verdict::Wasted;
            }
        }
    }

    /// Waits for room, or for the turn.
    async fn granted(&mut self, received: usize) {
        let memory = self.memory.clone();
        memory.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&memory);
        loop {
            let mut room = std::pin::pin!(memory.room.notified());
            room.as_mut().enable();
            if self.turn.is_some() || memory.has_room() {
                return;
            }
            tokio::select! {
                biased;
                () = room => {}
                Ok(permit) = memory.turn.clone().acquire_owned() => {
                    self.turn = Some(Box::new(Turn::new(permit, received)));
                    return;
                }
            }
        }
    }
}

/// How a connection stands after a wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may hold what it needs.
    Granted,
    /// It has wasted its turn while others waited.
    Wasted,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
    }
}

struct Waiting<'a>(&'a RequestMemory);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 100_000;

    #[test]
    fn small_shares_are_granted_and_large_ones_while_there_is_room() {
        let memory = RequestMemory::new(150_000);
        let mut first = Share::new(memory.clone());
        let mut second = Share::new(memory.clone());
        assert!(first.may_hold(LARGE));
        first.hold(LARGE);
        assert!(second.may_hold(LARGE), "the limit may be exceeded once");
        second.hold(LARGE);
        let third = Share::new(memory);
        assert!(!third.may_hold(LARGE));
        assert!(third.may_hold(GRANTED_BYTES));
        drop(first);
        assert!(third.may_hold(LARGE));
    }

    #[tokio::test]
    async fn one_connection_goes_on_without_room_and_the_next_when_it_is_done() {
        let memory = RequestMemory::new(1);
        let mut shares: Vec<Share> = (0..3).map(|_| Share::new(memory.clone())).collect();
        shares.iter_mut().for_each(|share| share.hold(10));
        let [first, second, third] = &mut shares[..] else {
            unreachable!()
        };
        first.granted(10).await;
        assert!(first.may_hold(LARGE) && !second.may_hold(LARGE));
        tokio::select! {
            biased;
            () = second.granted(10) => panic!("it is not its turn"),
            () = async { first.hold(0) } => {}
        }
        second.granted(10).await;
        assert!(second.may_hold(LARGE), "the turn went on, there is still no room");
        second.hold(0);
        third.hold(0);
        assert!(third.may_hold(LARGE), "there is room");
    }

    #[test]
    fn a_turn_goes_on_while_enough_arrives() {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let mut turn = Turn::new(permit, 10);
        assert!(turn.check(10 + TURN_BYTES_MIN));
        assert!(!turn.check(11 + TURN_BYTES_MIN));
        assert!(turn.check(11 + 2 * TURN_BYTES_MIN));
    }
}
