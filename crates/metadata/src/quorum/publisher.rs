//! Images take effect one after the other, away from raft: what raft applies is put here, and a thread of its
//! own lets it take effect. Opening and deleting folders there holds up neither the quorum nor the next
//! decision.
//!
//! While one image takes effect, those that follow wait as one: the newest image, and what has changed up to
//! it.

use std::sync::Arc;
use std::thread;

use barnabas_environment::Threads;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::published::Published;
use crate::error::MetadataError;
use crate::image::{MetadataDelta, MetadataImage};

/// What an image's taking effect means: the broker's affair.
pub type Publish = Box<dyn FnMut(Arc<MetadataImage>, &MetadataDelta) + Send>;

/// Where images wait to take effect. Clones share the place.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// Wakes the thread.
    wake_thread: Condvar,
    /// Wakes the task, where there is no thread.
    wake_task: Notify,
    published: Published,
}

#[derive(Default)]
struct Waiting {
    next: Option<(Arc<MetadataImage>, MetadataDelta)>,
    closed: bool,
}

impl Publisher {
    /// Starts letting images take effect. Ends when [`Publisher::close`] is called.
    pub fn start(publish: Publish, threads: Threads) -> Result<Self, MetadataError> {
        let publisher = Self {
            shared: Arc::new(Shared {
                waiting: Mutex::default(),
                wake_thread: Condvar::new(),
                wake_task: Notify::new(),
                published: Published::at(-1),
            }),
        };
        let shared = publisher.shared.clone();
        match threads {
            Threads::Own => {
                // Whoever lets an image take effect may start tasks on the quorum's runtime.
                let runtime = Handle::current();
                let run = move || {
                    let _entered = runtime.enter();
                    shared.run(publish);
                };
                let spawned = thread::Builder::new()
                    .name("metadata-publisher".into())
                    .spawn(run);
                spawned.map_err(|error| {
                    MetadataError::Storage(format!("no thread to publish images on: {error}"))
                })?;
            }
            Threads::Runtime => drop(tokio::spawn(shared.run_task(publish))),
        }
        Ok(publisher)
    }

    /// Puts an image after those that wait.
    pub fn offer(&self, image: Arc<MetadataImage>, delta: MetadataDelta) {
        let mut waiting = self.shared.waiting.lock();
        let merged = match waiting.next.take() {
            None => delta,
            Some((_, mut earlier)) => {
                earlier.merge(delta);
                earlier
            }
        };
        waiting.next = Some((image, merged));
        drop(waiting);
        self.shared.wake_thread.notify_one();
        self.shared.wake_task.notify_one();
    }

    /// How far the images have taken effect.
    pub fn subscribe(&self) -> Published {
        self.shared.published.clone()
    }

    /// Waits until the image at `offset` has taken effect; false when it never will.
    pub async fn published(&self, offset: i64) -> bool {
        self.shared.published.reached(offset).await
    }

    /// Lets no more images take effect, not even those that wait, and waits for the one that is about to.
    pub async fn close(&self) {
        self.shared.waiting.lock().closed = true;
        self.shared.wake_thread.notify_one();
        self.shared.wake_task.notify_one();
        self.shared.published.closed().await;
    }
}

/// Tells those that wait when nothing takes effect any more, because of a panic too.
struct Closing<'a>(&'a Published);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

enum Next {
    Nothing,
    Image(Arc<MetadataImage>, MetadataDelta),
    Closed,
}

impl Waiting {
    fn next(&mut self) -> Next {
        match self.next.take() {
            _ if self.closed => Next::Closed,
            None => Next::Nothing,
            Some((image, delta)) => Next::Image(image, delta),
        }
    }
}

impl Shared {
    fn run(&self, mut publish: Publish) {
        let _closing = Closing(&self.published);
        loop {
            let mut waiting = self.waiting.lock();
            let next = loop {
                match waiting.next() {
                    Next::Nothing => self.wake_thread.wait(&mut waiting),
                    next => break next,
                }
            };
            drop(waiting);
            if !self.take_effect(next, &mut publish) {
                return;
            }
        }
    }

    async fn run_task(self: Arc<Self>, mut publish: Publish) {
        let _closing = Closing(&self.published);
        loop {
            let next = self.waiting.lock().next();
            if matches!(next, Next::Nothing) {
                self.wake_task.notified().await;
            } else if !self.take_effect(next, &mut publish) {
                return;
            }
        }
    }

    fn take_effect(&self, next: Next, publish: &mut Publish) -> bool {
        let Next::Image(image, mut delta) = next else {
            return false;
        };
        delta.settle(&image);
        let offset = image.offset;
        publish(image, &delta);
        self.published.advance(offset);
        true
    }
}
