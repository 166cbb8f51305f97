//! The one task that decides. Requests wait in a queue; those that have gathered while a commit was on its
//! way are decided together, each against an image with the earlier ones applied, and committed as one entry
//! of the log.
//!
//! ```text
//! request, request, request ─→ decide one after the other on a copy of the image ─→ one entry ─→ applied ─→ replies
//! ```
//! One entry is on its way at a time, and it says in which term it was decided: raft applies it in that term
//! or not at all. So every decision sees all earlier ones, also when the leadership comes and goes.
//!
//! While this node is the active controller of more than one broker, time also passes here: [`Tick`] is
//! decided when a broker's session may be over, and when elections are due that nobody asks for. A node whose
//! broker is the only one has no timer.

use std::sync::Arc;
use std::time::Duration;

use barnabas_config::ControllerRules;
use barnabas_environment::Environment;
use openraft::error::{ClientWriteError, RaftError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::heard::Heard;
use super::leadership::Leadership;
use super::state_machine::{Applied, StateMachine};
use super::types::{Raft, RecordBatch};
use crate::controller::{
    BrokerHeartbeats, ControllerReply, ControllerRequest, ControllerSettings, Decide, DecideContext, Tick,
};
use crate::error::MetadataError;
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// How many requests may wait; further callers wait for a place.
pub const QUEUE_MAX: usize = 4096;
/// An entry is full with so many records; one request alone may cause as many.
const RECORDS_MAX: usize = 10_000;
/// Leaders that unclean election allows are looked for so often (`unclean.leader.election.interval.ms`).
const UNCLEAN_ELECTION_INTERVAL_MS: i64 = 300_000;
/// No more requests are decided without letting others have the thread.
const REQUESTS_MAX: usize = 1024;

/// A request that has been decided, and whose records are committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The reply.
    pub reply: ControllerReply,
    /// The offset of the image that it rests on, with the records in it.
    pub offset: i64,
}

/// What is told to who submitted a request.
pub type Outcome = Result<Decided, MetadataError>;

/// A request that waits.
pub struct Job {
    pub request: ControllerRequest,
    pub reply_to: oneshot::Sender<Outcome>,
}

impl Job {
    /// Whoever asked may have gone away; what was decided is decided all the same.
    fn answer(self, outcome: Outcome) {
        drop(self.reply_to.send(outcome));
    }
}

/// Requests that have been decided together.
#[derive(Default)]
struct Batch {
    records: Vec<MetadataRecord>,
    answers: Vec<(oneshot::Sender<Outcome>, ControllerReply)>,
}

impl Batch {
    fn answer(self, offset: Result<i64, MetadataError>) {
        for (reply_to, reply) in self.answers {
            drop(reply_to.send(offset.clone().map(|offset| Decided { reply, offset })));
        }
    }
}

/// What an active controller knows and the log doesn't say.
struct Reign {
    /// The term.
    epoch: i32,
    heartbeats: BrokerHeartbeats,
    /// When elections are due that nobody asks for, by the monotonic clock.
    elections_at_ms: i64,
    /// When delegation tokens that have expired are removed, by the monotonic clock.
    tokens_at_ms: i64,
}

/// Why the decider wakes.
enum Woken {
    /// By a request, or because the log is empty.
    Decide(Option<Job>),
    Tick,
}

pub struct Decider {
    pub raft: Raft,
    pub state_machine: StateMachine,
    pub leadership: Leadership,
    /// Who led before.
    pub heard: Arc<Heard>,
    /// So long that leader may count as silent when this node takes over: it may lead no more for longer.
    pub silence_max: Duration,
    pub settings: ControllerSettings,
    pub rules: ControllerRules,
    pub environment: Environment,
    /// What a cluster's log begins with.
    pub bootstrap: Vec<MetadataRecord>,
}

impl Decider {
    /// Decides what comes, until every sender is dropped.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        let mut held = None;
        let mut reign = None;
        loop {
            let woken = match held.take() {
                Some(job) => Woken::Decide(Some(job)),
                None => tokio::select! {
                    biased;
                    job = inbox.recv() => match job {
                        None => return,
                        job => Woken::Decide(job),
                    },
                    () = self.log_is_empty() => Woken::Decide(None),
                    () = self.tick_is_due(reign.as_ref()) => Woken::Tick,
                },
            };
            match self.leadership.epoch(&self.state_machine).await {
                Err(error) => {
                    if let Woken::Decide(Some(job)) = woken {
                        job.answer(Err(error));
                    }
                }
                Ok(epoch) => {
                    let image = self.state_machine.image();
                    let reign = self.reign_of(epoch, &image, &mut reign);
                    let batch = match woken {
                        Woken::Decide(first) => self.decide(&image, reign, first, &mut held, &mut inbox),
                        Woken::Tick => self.tick(&image, reign),
                    };
                    drop(image);
                    self.commit(epoch, batch, &mut inbox).await;
                }
            }
        }
    }

    /// What is known in the term `epoch`; a new term begins with nothing.
    fn reign_of<'a>(&self, epoch: i32, image: &MetadataImage, reign: &'a mut Option<Reign>) -> &'a mut Reign {
        let now_ms = self.environment.clock.monotonic_ms();
        let own = self.leadership.is_alone().then_some(self.settings.node_id);
        let current = reign.take().filter(|reign| reign.epoch == epoch);
        reign.insert(current.unwrap_or_else(|| Reign {
            epoch,
            heartbeats: self.heartbeats(own, image, now_ms),
            elections_at_ms: now_ms.saturating_add(self.election_interval_ms()),
            tokens_at_ms: now_ms.saturating_add(self.token_interval_ms()),
        }))
    }

    /// All brokers count as heard now, but for the one beside the last leader: it was silent before.
    fn heartbeats(&self, own: Option<i32>, image: &MetadataImage, now_ms: i64) -> BrokerHeartbeats {
        let session_ms = self.settings.broker_session_timeout_ms;
        let mut heartbeats = BrokerHeartbeats::new(session_ms, own, image, now_ms);
        if let Some((leader, silence)) = self.heard.last_leader()
            && let Ok(broker_id) = i32::try_from(leader)
        {
            let silent_ms = i64::try_from(silence.min(self.silence_max).as_millis()).unwrap_or(0);
            heartbeats.silent_since(broker_id, now_ms - silent_ms);
        }
        heartbeats
    }

    fn election_interval_ms(&self) -> i64 {
        let rebalance_ms = self.settings.leader_rebalance_interval_ms;
        rebalance_ms.map_or(UNCLEAN_ELECTION_INTERVAL_MS, |ms| {
            ms.min(UNCLEAN_ELECTION_INTERVAL_MS)
        })
    }

    fn token_interval_ms(&self) -> i64 {
        let tokens = self.settings.tokens.as_ref();
        tokens.map_or(i64::MAX, |tokens| tokens.expiry_check_interval_ms)
    }

    /// Ready when this node is the active controller of several brokers or of delegation tokens, and
    /// something is due.
    async fn tick_is_due(&self, reign: Option<&Reign>) {
        self.leadership.gained().await;
        let image = self.state_machine.image();
        let own = self.settings.node_id;
        let is_alone = image.brokers.keys().all(|id| *id == own);
        let has_tokens = self.settings.tokens.is_some() && !image.delegation_tokens.is_empty();
        if is_alone && !has_tokens {
            drop(image);
            return std::future::pending().await;
        }
        // A reign that has not begun begins with a tick.
        let Some(reign) = reign else { return };
        let mut due_at = i64::MAX;
        if !is_alone {
            let sessions = reign.heartbeats.next_expiry_ms(&image).unwrap_or(i64::MAX);
            due_at = sessions.min(reign.elections_at_ms);
        }
        if has_tokens {
            due_at = due_at.min(reign.tokens_at_ms);
        }
        drop(image);
        let due_in = due_at - self.environment.clock.monotonic_ms();
        sleep(Duration::from_millis(u64::try_from(due_in).unwrap_or(0))).await;
    }

    fn tick(&mut self, image: &MetadataImage, reign: &mut Reign) -> Batch {
        let now_ms = self.environment.clock.monotonic_ms();
        let elections = now_ms >= reign.elections_at_ms;
        let tokens = now_ms >= reign.tokens_at_ms;
        let interval_ms = self.election_interval_ms();
        let token_interval_ms = self.token_interval_ms();
        let mut ctx = self.context(image, &mut reign.heartbeats);
        let decision = Tick { elections, tokens }.decide(image, &mut ctx);
        if elections {
            let left_over = decision.reply;
            reign.elections_at_ms = now_ms.saturating_add(if left_over { 0 } else { interval_ms });
        }
        if tokens {
            reign.tokens_at_ms = now_ms.saturating_add(token_interval_ms);
        }
        Batch {
            records: decision.records,
            answers: Vec::new(),
        }
    }

    fn context<'a>(
        &'a mut self,
        image: &MetadataImage,
        heartbeats: &'a mut BrokerHeartbeats,
    ) -> DecideContext<'a> {
        let now = self.environment.clock.now();
        DecideContext {
            now_ms: now.wall_ms,
            now_monotonic_ms: now.monotonic_ms,
            alone: self.leadership.is_alone(),
            heartbeats,
            settings: &self.settings,
            random: &mut self.environment.random,
            rules: &self.rules,
            next_offset: image.offset + 1,
        }
    }

    /// Ready when this node leads a cluster whose log is empty.
    async fn log_is_empty(&self) {
        self.leadership.gained().await;
        if !self.state_machine.image().cluster_id.is_empty() {
            std::future::pending().await
        }
    }

    fn decide(
        &mut self,
        image: &Arc<MetadataImage>,
        reign: &mut Reign,
        first: Option<Job>,
        held: &mut Option<Job>,
        inbox: &mut mpsc::Receiver<Job>,
    ) -> Batch {
        let mut image: MetadataImage = MetadataImage::clone(image);
        let mut batch = Batch::default();
        if image.cluster_id.is_empty() {
            batch.records.clone_from(&self.bootstrap);
            image.replay(&batch.records);
        }
        let mut ctx = self.context(&image, &mut reign.heartbeats);
        let mut next = first;
        while let Some(job) = next {
            if job.request.takes_offset() && !batch.records.is_empty() {
                *held = Some(job);
                break;
            }
            let decision = job.request.decide(&image, &mut ctx);
            if !decision.records.is_empty() {
                image.replay(&decision.records);
                batch.records.extend(decision.records);
            }
            batch.answers.push((job.reply_to, decision.reply));
            if batch.records.len() >= RECORDS_MAX || batch.answers.len() >= REQUESTS_MAX {
                break;
            }
            next = inbox.try_recv().ok();
        }
        batch
    }

    /// Has a batch committed and answered. A node that has lost its majority answers that it is not the
    /// controller, whatever becomes of what is on its way, and goes on deciding only when that is known.
    async fn commit(&mut self, epoch: i32, mut batch: Batch, inbox: &mut mpsc::Receiver<Job>) {
        let offset = if batch.records.is_empty() {
            self.state_machine.offered()
        } else {
            let records = std::mem::take(&mut batch.records);
            let raft = self.raft.clone();
            let write = write(
                &raft,
                RecordBatch {
                    epoch: Some(epoch),
                    records,
                },
            );
            tokio::pin!(write);
            let written = tokio::select! {
                biased;
                written = &mut write => Some(written),
                () = self.leadership.lost() => None,
            };
            match written {
                Some(Ok(offset)) => offset,
                Some(Err(error)) => return batch.answer(Err(error)),
                None => {
                    batch.answer(Err(self.leadership.not_controller()));
                    loop {
                        tokio::select! {
                            biased;
                            _ = &mut write => return,
                            job = inbox.recv() => match job {
                                None => return,
                                Some(job) => job.answer(Err(self.leadership.not_controller())),
                            },
                        }
                    }
                }
            }
        };
        batch.answer(Ok(offset));
    }
}

/// Commits a batch and waits until it is applied. Says at which offset.
async fn write(raft: &Raft, batch: RecordBatch) -> Result<i64, MetadataError> {
    match raft.client_write(batch).await {
        Ok(written) => match written.data {
            Applied::Taken => Ok(written.log_id.index as i64),
            Applied::Outdated => Err(MetadataError::NotController { leader_id: None }),
        },
        Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
            let leader_id = forward.leader_id.map(|id| id as i32);
            Err(MetadataError::NotController { leader_id })
        }
        Err(error) => Err(MetadataError::Storage(error.to_string())),
    }
}
