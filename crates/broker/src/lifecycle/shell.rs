//! Sends what [`core`](super::core) decides over the channel to the controllers.
//!
//! One task at a time drives the core: first whoever starts the broker, until it is registered; then a task
//! of its own; where there is none, whoever stops the broker.

use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::Clock;
use barnabas_metadata::controller::registered_epoch;
use barnabas_metadata::{ApiError, ControllerChannel, MetadataImage};
use barnabas_protocol::error::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::core::{BrokerState, Lifecycle, Step};

/// Tells which log directories have failed, and which get no new partitions.
pub type Directories = Box<dyn Fn() -> (Vec<Uuid>, Vec<Uuid>) + Send + Sync>;

/// This broker before the controllers. Clones are the same; may be used from any thread.
#[derive(Clone)]
pub struct BrokerLifecycle {
    shared: Arc<Shared>,
}

struct Shared {
    core: Mutex<Lifecycle>,
    channel: Arc<dyn ControllerChannel>,
    clock: Clock,
    node_id: i32,
    directories: Directories,
    wake: Notify,
    progress: watch::Sender<Progress>,
}

/// What others wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    In(BrokerState),
    Failed(String),
}

impl BrokerLifecycle {
    /// A broker that has yet to be registered, over a channel to the controllers.
    pub fn new(
        core: Lifecycle,
        channel: Arc<dyn ControllerChannel>,
        clock: Clock,
        directories: Directories,
    ) -> Self {
        let node_id = core.broker_id().0;
        let progress = watch::channel(Progress::In(core.state())).0;
        let shared = Shared {
            core: Mutex::new(core),
            channel,
            clock,
            node_id,
            directories,
            wake: Notify::new(),
            progress,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Registers the broker, and returns its epoch.
    ///
    /// # Errors
    /// The controllers refuse it, or none has answered in time; why.
    pub async fn register(&self) -> Result<i64, String> {
        self.shared.drive(|core| core.broker_epoch().is_some()).await;
        match self.broker_epoch() {
            Some(epoch) => Ok(epoch),
            None => Err(self.failure().unwrap_or_default()),
        }
    }

    /// Keeps the broker alive from now on, on the calling runtime, until it has stopped or `over`.
    pub fn spawn(&self, over: CancellationToken) {
        let shared = self.shared.clone();
        tokio::spawn(async move { over.run_until_cancelled(shared.drive(|_| false)).await });
    }

    /// The broker answers at its listeners, and may be unfenced.
    pub fn ready(&self) {
        self.happened(|core, now_ms| core.ready(now_ms));
    }

    /// A log directory has failed, or is cordoned: the controllers are told now, so that others lead what
    /// lies there.
    pub fn directories_changed(&self) {
        self.shared.wake.notify_one();
    }

    /// Waits until the broker is unfenced once, or can't be; then why.
    ///
    /// # Errors
    /// It can't go on.
    pub async fn running(&self) -> Result<(), String> {
        self.reached(BrokerState::Running).await
    }

    /// Waits until the broker can't go on, and says why.
    pub async fn failed(&self) -> String {
        let mut progress = self.shared.progress.subscribe();
        let failed = progress
            .wait_for(|progress| matches!(progress, Progress::Failed(_)))
            .await;
        match failed.as_deref() {
            Ok(Progress::Failed(why)) => why.clone(),
            _ => std::future::pending().await,
        }
    }

    /// An image has taken effect.
    pub fn image_published(&self, image: &MetadataImage) {
        let node_id = self.shared.node_id;
        let others_stop = image
            .brokers
            .values()
            .any(|broker| broker.in_controlled_shutdown && !broker.fenced && broker.broker_id != node_id);
        self.happened(|core, now_ms| core.image_published(now_ms, image.offset, others_stop));
    }

    /// Gives all leaderships away, and returns when the controllers let the broker go, or take too long.
    /// `has_others`: whether there are other brokers, `spawned`: whether a task keeps this one alive.
    pub async fn stop(&self, has_others: bool, spawned: bool) {
        self.happened(|core, now_ms| core.stop(now_ms, has_others));
        let patience = self.shared.core.lock().options().shutdown_timeout_ms;
        let let_go = async {
            if spawned {
                drop(self.reached(BrokerState::ShuttingDown).await);
            } else {
                self.shared.drive(|_| false).await;
            }
        };
        // An answer that does not come must not hold the stop up either.
        let patience = Duration::from_millis(u64::try_from(patience).unwrap_or(0));
        drop(timeout(patience, let_go).await);
    }

    /// The epoch that the broker is registered under; `None` while it is not.
    pub fn broker_epoch(&self) -> Option<i64> {
        self.shared.core.lock().broker_epoch()
    }

    /// Where the broker stands.
    pub fn state(&self) -> BrokerState {
        self.shared.core.lock().state()
    }

    fn failure(&self) -> Option<String> {
        match &*self.shared.progress.borrow() {
            Progress::Failed(why) => Some(why.clone()),
            Progress::In(_) => None,
        }
    }

    async fn reached(&self, state: BrokerState) -> Result<(), String> {
        let mut progress = self.shared.progress.subscribe();
        let reached = progress
            .wait_for(|progress| match progress {
                Progress::In(now) => *now >= state,
                Progress::Failed(_) => true,
            })
            .await;
        match reached.as_deref() {
            Ok(Progress::Failed(why)) => Err(why.clone()),
            _ => Ok(()),
        }
    }

    fn happened(&self, event: impl FnOnce(&mut Lifecycle, i64)) {
        event(&mut self.shared.core.lock(), self.shared.clock.monotonic_ms());
        self.shared.wake.notify_one();
    }
}

impl Shared {
    /// Does what is due, until `enough`, or there is nothing more to do.
    async fn drive(&self, enough: impl Fn(&Lifecycle) -> bool) {
        loop {
            let now_ms = self.clock.monotonic_ms();
            let (offline, cordoned) = (self.directories)();
            let step = {
                let mut core = self.core.lock();
                core.directories(now_ms, offline, cordoned);
                let step = core.step(now_ms);
                self.tell(core.state(), &step);
                if enough(&core) {
                    return;
                }
                step
            };
            match step {
                Step::Stopped | Step::Failed(_) => return,
                Step::Wait(until_ms) => {
                    let wait_ms = until_ms.map(|until_ms| u64::try_from(until_ms - now_ms).unwrap_or(0));
                    tokio::select! {
                        biased;
                        () = self.wake.notified() => {}
                        () = self.channel.connection_lost() => {
                            self.core.lock().connection_lost(self.clock.monotonic_ms());
                        }
                        () = sleep(Duration::from_millis(wait_ms.unwrap_or(0))), if wait_ms.is_some() => {}
                    }
                }
                Step::Register(request) => {
                    let answer = self.channel.register(request).await;
                    let outcome = answer
                        .map_err(ApiError::from)
                        .and_then(|reply| registered_epoch(&reply));
                    self.core.lock().registered(self.clock.monotonic_ms(), outcome);
                }
                Step::Heartbeat(request) => {
                    let answer = self.channel.heartbeat(request).await;
                    let outcome =
                        answer.map_err(ApiError::from).and_then(|reply| {
                            match ErrorCode::from_code(reply.error_code) {
                                Some(ErrorCode::None) => Ok(reply),
                                code => Err(ApiError::bare(code.unwrap_or(ErrorCode::UnknownServerError))),
                            }
                        });
                    self.core.lock().answered(self.clock.monotonic_ms(), outcome);
                }
            }
        }
    }

    fn tell(&self, state: BrokerState, step: &Step) {
        let now = match step {
            Step::Failed(why) => Progress::Failed(why.clone()),
            _ => Progress::In(state),
        };
        self.progress.send_if_modified(|progress| {
            let changed = *progress != now;
            *progress = now;
            changed
        });
    }
}
