//! The one timer of all shards: a task that sleeps until the earliest of their deadlines.

use std::sync::atomic::{AtomicI64, Ordering};

use barnabas_environment::{Clock, Now};
use tokio::sync::Notify;

use super::shard::NO_DEADLINE;

/// When the timer task wakes up, and how to make it earlier.
pub(super) struct TimerSignal {
    wake_at_ms: AtomicI64,
    earlier: Notify,
}

impl TimerSignal {
    pub(super) fn new() -> Self {
        TimerSignal {
            wake_at_ms: AtomicI64::new(NO_DEADLINE),
            earlier: Notify::new(),
        }
    }

    /// A shard's deadline has become this: the task wakes up if that is earlier than it meant to.
    pub(super) fn consider(&self, deadline_ms: i64) {
        if deadline_ms < self.wake_at_ms.load(Ordering::Acquire) {
            self.earlier.notify_one();
        }
    }

    /// Runs `tick(now)`, which does what is due and returns the next deadline, whenever one has come. Never
    /// ends.
    pub(super) async fn run(&self, clock: &Clock, tick: impl Fn(Now) -> i64) {
        loop {
            // Whoever gets an earlier deadline from here on notifies, so that none falls between looking and
            // sleeping.
            self.wake_at_ms.store(NO_DEADLINE, Ordering::Release);
            let wake_at_ms = tick(clock.now());
            self.wake_at_ms.store(wake_at_ms, Ordering::Release);
            if wake_at_ms == NO_DEADLINE {
                self.earlier.notified().await;
                continue;
            }
            let wait_ms = u64::try_from(wake_at_ms.saturating_sub(clock.monotonic_ms())).unwrap_or(0);
            tokio::select! {
                biased;
                () = tokio::time::sleep(std::time::Duration::from_millis(wait_ms)) => {}
                () = self.earlier.notified() => {}
            }
        }
    }
}
