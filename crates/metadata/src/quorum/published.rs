//! How far the images have taken effect on this node, for those who wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

/// In place of an offset when no image will take effect any more.
const CLOSED: i64 = i64::MAX;

/// See the module. Clones are the same. Who waits is woken in the order of coming: tokio's own watch channel
/// wakes in a random one, and a seeded run would be another each time.
#[derive(Clone, Debug)]
pub struct Published {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    offset: AtomicI64,
    moved: Notify,
}

impl Published {
    /// As if the image at `offset` had taken effect; -1 before the first.
    pub fn at(offset: i64) -> Self {
        Self {
            shared: Arc::new(Shared {
                offset: AtomicI64::new(offset),
                moved: Notify::new(),
            }),
        }
    }

    /// The offset of the last image that has taken effect: -1 before the first, `i64::MAX` when none will any
    /// more.
    pub fn offset(&self) -> i64 {
        self.shared.offset.load(Ordering::Acquire)
    }

    /// Waits until the image at `offset` has taken effect; false when it never will.
    pub async fn reached(&self, offset: i64) -> bool {
        loop {
            let moved = self.shared.moved.notified();
            tokio::pin!(moved);
            // Before the look, or what comes in between would be missed.
            moved.as_mut().enable();
            let at = self.offset();
            if at >= offset {
                return at < CLOSED;
            }
            moved.await;
        }
    }

    /// Waits until no image will take effect any more.
    pub(super) async fn closed(&self) {
        self.reached(CLOSED).await;
    }

    /// The image at `offset` has taken effect.
    pub(super) fn advance(&self, offset: i64) {
        self.shared.offset.store(offset, Ordering::Release);
        self.shared.moved.notify_waiters();
    }

    /// No image will take effect any more.
    pub(super) fn close(&self) {
        self.advance(CLOSED);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_woken_in_the_order_of_coming() {
        let published = Published::at(-1);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let waiting = (0..20).map(|number| {
            let (published, woken) = (published.clone(), woken.clone());
            tokio::spawn(async move {
                let reached = published.reached(3).await;
                woken.lock().unwrap().push((number, reached));
            })
        });
        let waiting: Vec<_> = waiting.collect();
        tokio::task::yield_now().await;
        published.advance(2);
        tokio::task::yield_now().await;
        assert!(woken.lock().unwrap().is_empty());
        published.advance(4);
        for task in waiting {
            task.await.unwrap();
        }
        let expected: Vec<_> = (0..20).map(|number| (number, true)).collect();
        assert_eq!(*woken.lock().unwrap(), expected);
        published.close();
        assert!(!published.reached(5).await);
    }
}
