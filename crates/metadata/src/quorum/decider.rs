//! The one task that decides. Requests wait in a queue; those that have gathered while a commit was on its
//! way are decided together, each against an image with the earlier ones applied, and committed as one entry
//! of the log.
//!
//! ```text
//! request, request, request ─→ decide one after the other on a copy of the image ─→ one entry ─→ applied ─→ replies
//! ```
//! One entry is on its way at a time, and it says in which term it was decided: raft applies it in that term
//! or not at all. So every decision sees all earlier ones, also when the leadership comes and goes.

use std::sync::Arc;

use barnabas_config::ControllerRules;
use barnabas_environment::Environment;
use openraft::error::{ClientWriteError, RaftError};
use tokio::sync::{mpsc, oneshot};

use super::leadership::Leadership;
use super::state_machine::{Applied, StateMachine};
use super::types::{Raft, RecordBatch};
use crate::controller::{ControllerReply, ControllerRequest, ControllerSettings, Decide, DecideContext};
use crate::error::MetadataError;
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// How many requests may wait; further callers wait for a place.
pub const QUEUE_MAX: usize = 4096;
/// An entry is full with so many records; one request alone may cause as many.
const RECORDS_MAX: usize = 10_000;
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

pub struct Decider {
    pub raft: Raft,
    pub state_machine: StateMachine,
    pub leadership: Leadership,
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
        loop {
            let first = match held.take() {
                Some(job) => Some(job),
                None => tokio::select! {
                    biased;
                    job = inbox.recv() => match job {
                        None => return,
                        job => job,
                    },
                    () = self.log_is_empty() => None,
                },
            };
            match self.leadership.epoch(&self.state_machine).await {
                Err(error) => {
                    if let Some(job) = first {
                        job.answer(Err(error));
                    }
                }
                Ok(epoch) => {
                    let image = self.state_machine.image();
                    let batch = self.decide(&image, first, &mut held, &mut inbox);
                    drop(image);
                    self.commit(epoch, batch, &mut inbox).await;
                }
            }
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
        first: Option<Job>,
        held: &mut Option<Job>,
        inbox: &mut mpsc::Receiver<Job>,
    ) -> Batch {
        let mut image: MetadataImage = MetadataImage::clone(image);
        let mut ctx = DecideContext {
            now_ms: self.environment.clock.wall_ms(),
            settings: &self.settings,
            random: &mut self.environment.random,
            rules: &self.rules,
            next_offset: image.offset + 1,
        };
        let mut batch = Batch::default();
        if image.cluster_id.is_empty() {
            batch.records.clone_from(&self.bootstrap);
            image.replay(&batch.records);
        }
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
