//! What a broker sends to the controllers, and when. Pure: events and the time come in, steps go out.
//!
//! ```text
//! STARTING ─registered, caught up─→ RECOVERY ─unfenced─→ RUNNING ─stop─→ PENDING_CONTROLLED_SHUTDOWN ─let go─→ SHUTTING_DOWN
//! ```
//! Heartbeats go out every `broker.heartbeat.interval.ms`, and at once when something has changed that the
//! controllers wait for, or when the connection by which they hear this broker has ended.

use barnabas_metadata::ApiError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerId, BrokerRegistrationRequest,
};
use uuid::Uuid;

/// After a failure the next try waits so long, and each further one twice as long.
const BACKOFF_MIN_MS: i64 = 50;
/// No try waits longer.
const BACKOFF_MAX_MS: i64 = 1000;
/// A process before this one is fenced soon after its connections have closed.
const DUPLICATE_BACKOFF_MS: i64 = 100;
/// A broker that waits for the controllers to let it go or to unfence it asks so often.
const IMPATIENT_MS: i64 = 20;

/// Where a broker stands; the numbers are Apache Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum BrokerState {
    /// It is not registered yet, or has not replayed the metadata up to its registration.
    Starting = 1,
    /// It knows the metadata and is still fenced.
    Recovery = 2,
    /// It serves.
    Running = 3,
    /// It gives its leaderships away.
    PendingControlledShutdown = 6,
    /// It may stop.
    ShuttingDown = 7,
}

/// What a lifecycle is given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleOptions {
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i64,
    /// `initial.broker.registration.timeout.ms`.
    pub registration_timeout_ms: i64,
    /// So long the controllers may take to let a broker go that stops.
    pub shutdown_timeout_ms: i64,
    /// Whether it asks them to be let go at all (`controlled.shutdown.enable`).
    pub controlled_shutdown: bool,
    /// So long they may be silent meanwhile.
    pub shutdown_silence_ms: i64,
    /// Whether the only voter is this node: it knows without heartbeats that its broker lives.
    pub alone: bool,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send this, and tell of the answer by [`Lifecycle::registered`].
    Register(BrokerRegistrationRequest),
    /// Send this, and tell of the answer by [`Lifecycle::answered`].
    Heartbeat(BrokerHeartbeatRequest),
    /// Nothing until then, or until something happens.
    Wait(Option<i64>),
    /// The broker may stop.
    Stopped,
    /// The broker can't go on, and why.
    Failed(String),
}

/// See the module.
#[derive(Debug)]
pub struct Lifecycle {
    registration: BrokerRegistrationRequest,
    options: LifecycleOptions,
    state: BrokerState,
    /// `None` while it is not registered.
    broker_epoch: Option<i64>,
    metadata_offset: i64,
    ready: bool,
    offline_log_dirs: Vec<Uuid>,
    cordoned_log_dirs: Vec<Uuid>,
    next_at_ms: i64,
    /// When the last heartbeat was made.
    sent_at_ms: i64,
    /// Whether something has changed since the last heartbeat was made.
    changed: bool,
    failures: u32,
    /// When the registration, or the stop, is given up.
    give_up_at_ms: i64,
    /// When the controllers last answered.
    heard_at_ms: i64,
    failed: Option<String>,
}

impl Lifecycle {
    /// A broker that registers at once.
    pub fn new(registration: BrokerRegistrationRequest, options: LifecycleOptions, now_ms: i64) -> Self {
        Self {
            registration,
            options,
            state: BrokerState::Starting,
            broker_epoch: None,
            metadata_offset: -1,
            ready: false,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: Vec::new(),
            next_at_ms: now_ms,
            sent_at_ms: now_ms,
            changed: false,
            failures: 0,
            give_up_at_ms: now_ms.saturating_add(options.registration_timeout_ms),
            heard_at_ms: now_ms,
            failed: None,
        }
    }

    /// Where the broker stands.
    pub fn state(&self) -> BrokerState {
        self.state
    }

    /// The broker's id.
    pub fn broker_id(&self) -> BrokerId {
        self.registration.broker_id
    }

    /// What it was given.
    pub fn options(&self) -> &LifecycleOptions {
        &self.options
    }

    /// The epoch that it is registered under.
    pub fn broker_epoch(&self) -> Option<i64> {
        self.broker_epoch
    }

    /// What is to be done at `now_ms`.
    pub fn step(&mut self, now_ms: i64) -> Step {
        if let Some(why) = &self.failed {
            return Step::Failed(why.clone());
        }
        let stopping = self.state == BrokerState::PendingControlledShutdown;
        let silent = now_ms >= self.heard_at_ms.saturating_add(self.options.shutdown_silence_ms);
        if stopping && (silent || now_ms >= self.give_up_at_ms) {
            tracing::warn!("the controllers did not let this broker go in time; it stops without");
            self.state = BrokerState::ShuttingDown;
        }
        if self.state == BrokerState::ShuttingDown {
            return Step::Stopped;
        }
        let Some(broker_epoch) = self.broker_epoch else {
            if now_ms >= self.give_up_at_ms {
                let why = "this broker could not be registered within initial.broker.registration.timeout.ms";
                return Step::Failed(why.to_owned());
            }
            if now_ms < self.next_at_ms {
                return Step::Wait(Some(self.next_at_ms.min(self.give_up_at_ms)));
            }
            return Step::Register(self.registration.clone());
        };
        if self.options.alone && !stopping {
            return Step::Wait(None);
        }
        if now_ms < self.next_at_ms {
            return Step::Wait(Some(self.next_at_ms));
        }
        self.changed = false;
        self.sent_at_ms = now_ms;
        let heartbeat = BrokerHeartbeatRequest::default()
            .with_broker_id(self.registration.broker_id)
            .with_broker_epoch(broker_epoch)
            .with_current_metadata_offset(self.metadata_offset)
            .with_want_fence(!self.ready)
            .with_want_shut_down(stopping)
            .with_offline_log_dirs(self.offline_log_dirs.clone())
            .with_cordoned_log_dirs(Some(self.cordoned_log_dirs.clone()));
        Step::Heartbeat(heartbeat)
    }

    /// The answer to a registration: the epoch.
    pub fn registered(&mut self, now_ms: i64, outcome: Result<i64, ApiError>) {
        match outcome {
            Ok(broker_epoch) => {
                tracing::info!(broker_epoch, "registered");
                self.broker_epoch = Some(broker_epoch);
                self.failures = 0;
                self.heard_at_ms = now_ms;
                self.next_at_ms = now_ms;
                if self.options.alone {
                    self.state = self.state.max(BrokerState::Running);
                }
            }
            Err(error) => {
                self.next_at_ms = now_ms + self.backoff_ms();
                match error.code {
                    ErrorCode::DuplicateBrokerRegistration => {
                        let broker_id = self.registration.broker_id.0;
                        tracing::warn!(
                            broker_id,
                            "another process is registered with this id; trying again"
                        );
                        self.next_at_ms = now_ms + DUPLICATE_BACKOFF_MS;
                    }
                    ErrorCode::InconsistentClusterId => {
                        self.failed = Some(format!(
                            "the controllers are of another cluster than {}, to which this node's log directories \
                             belong: {error}",
                            &*self.registration.cluster_id
                        ));
                    }
                    ErrorCode::UnsupportedVersion => {
                        self.failed = Some(format!(
                            "the cluster has finalized features that this version does not know: {error}"
                        ));
                    }
                    ErrorCode::InvalidRegistration => {
                        self.failed = Some(format!(
                            "the controllers refuse this node's log directories: {error}"
                        ));
                    }
                    _ => tracing::warn!(%error, "this broker could not be registered; trying again"),
                }
            }
        }
    }

    /// The answer to a heartbeat.
    pub fn answered(&mut self, now_ms: i64, outcome: Result<BrokerHeartbeatResponse, ApiError>) {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) if error.code == ErrorCode::StaleBrokerEpoch => return self.forgotten(now_ms),
            Err(error) => {
                tracing::debug!(%error, "a heartbeat was not answered");
                let backoff_ms = self.backoff_ms().min(self.options.heartbeat_interval_ms);
                self.next_at_ms = now_ms + backoff_ms;
                return;
            }
        };
        self.failures = 0;
        self.heard_at_ms = now_ms;
        let mut wait_ms = self.options.heartbeat_interval_ms;
        match self.state {
            BrokerState::PendingControlledShutdown if answer.should_shut_down => {
                self.state = BrokerState::ShuttingDown;
            }
            BrokerState::PendingControlledShutdown => wait_ms = wait_ms.min(IMPATIENT_MS),
            BrokerState::ShuttingDown => {}
            _ if !answer.is_fenced => self.enter(BrokerState::Running),
            _ => {
                let state = if answer.is_caught_up {
                    BrokerState::Recovery
                } else {
                    BrokerState::Starting
                };
                self.enter(state);
                // What it waits for wakes it; this is for what got lost.
                if self.ready && answer.is_caught_up {
                    wait_ms = wait_ms.min(IMPATIENT_MS);
                }
            }
        }
        self.next_at_ms = if self.changed { now_ms } else { now_ms + wait_ms };
    }

    /// An image has taken effect: `others_stop` says that it has a broker in controlled shutdown, which waits
    /// for all to know of it.
    pub fn image_published(&mut self, now_ms: i64, offset: i64, others_stop: bool) {
        let behind = self
            .broker_epoch
            .is_some_and(|epoch| self.metadata_offset < epoch);
        self.metadata_offset = self.metadata_offset.max(offset);
        if behind || others_stop {
            self.something_changed(now_ms);
        }
    }

    /// The connection for heartbeats has ended. The controllers take a broker that makes
    /// no other one soon for dead; where each is ended, not every one is made anew at once.
    pub fn connection_lost(&mut self, now_ms: i64) {
        if self.broker_epoch.is_some() {
            let soonest = now_ms.max(self.sent_at_ms.saturating_add(BACKOFF_MIN_MS));
            self.next_at_ms = self.next_at_ms.min(soonest);
        }
    }

    /// The broker answers at its listeners, and may be unfenced.
    pub fn ready(&mut self, now_ms: i64) {
        self.ready = true;
        self.something_changed(now_ms);
    }

    /// These log directories have failed, and those get no new partitions.
    pub fn directories(&mut self, now_ms: i64, offline: Vec<Uuid>, cordoned: Vec<Uuid>) {
        if offline != self.offline_log_dirs || cordoned != self.cordoned_log_dirs {
            self.offline_log_dirs = offline;
            self.cordoned_log_dirs = cordoned;
            self.something_changed(now_ms);
        }
    }

    /// The broker is to stop. Where it is the only one, nobody has to take over from it.
    pub fn stop(&mut self, now_ms: i64, has_others: bool) {
        if self.state >= BrokerState::PendingControlledShutdown {
            return;
        }
        let nobody_minds = self.broker_epoch.is_none() || (self.options.alone && !has_others);
        self.state = if nobody_minds || !self.options.controlled_shutdown {
            BrokerState::ShuttingDown
        } else {
            BrokerState::PendingControlledShutdown
        };
        self.give_up_at_ms = now_ms.saturating_add(self.options.shutdown_timeout_ms);
        self.heard_at_ms = now_ms;
        self.failures = 0;
        self.something_changed(now_ms);
    }

    fn something_changed(&mut self, now_ms: i64) {
        self.changed = true;
        if self.broker_epoch.is_some() {
            self.next_at_ms = self.next_at_ms.min(now_ms);
        }
    }

    fn enter(&mut self, state: BrokerState) {
        if self.state != state {
            tracing::info!(from = ?self.state, to = ?state, "the broker's state changes");
            self.state = state;
        }
    }

    /// The controllers know this epoch no more: it was unregistered, or another process has its id.
    fn forgotten(&mut self, now_ms: i64) {
        self.broker_epoch = None;
        if self.state == BrokerState::PendingControlledShutdown {
            self.state = BrokerState::ShuttingDown;
            return;
        }
        tracing::warn!("the controllers know this broker no more; it registers again");
        self.enter(BrokerState::Starting);
        self.next_at_ms = now_ms;
        self.give_up_at_ms = now_ms.saturating_add(self.options.registration_timeout_ms);
    }

    fn backoff_ms(&mut self) -> i64 {
        let backoff_ms = BACKOFF_MIN_MS << self.failures.min(8);
        self.failures += 1;
        backoff_ms.min(BACKOFF_MAX_MS)
    }
}
