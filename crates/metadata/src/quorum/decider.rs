//! The one task that decides: requests come in through a channel, one at a time is decided, committed and answered.
//!
//! Because only this task proposes records and it waits for each batch to be applied, every decision sees all earlier ones.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::QuorumStatus;
use super::state_machine::StateMachine;
use super::types::{Raft, RecordBatch};
use crate::controller::{ConfigValidator, ControllerSettings, Decide, DecideContext, Random};
use crate::error::MetadataError;
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// How many requests may wait; further callers wait for a place.
const QUEUE_MAX: usize = 1024;

type Answer = Box<dyn FnOnce(Result<(), MetadataError>) + Send>;
type Job = Box<dyn FnOnce(&MetadataImage, &mut DecideContext<'_>) -> (Vec<MetadataRecord>, Answer) + Send>;

/// Sends requests to the controller, from any thread. Clones are cheap.
#[derive(Clone)]
pub struct ControllerHandle {
    jobs: mpsc::Sender<Job>,
    raft: Raft,
}

impl ControllerHandle {
    /// Has a request decided and its records committed, and returns the reply. When it returns, the new image is published.
    pub async fn submit<R: Decide>(&self, request: R) -> Result<R::Reply, MetadataError> {
        let (reply_to, reply) = oneshot::channel();
        let job: Job = Box::new(move |image, ctx| {
            let decision = request.decide(image, ctx);
            let answer = move |outcome: Result<(), MetadataError>| {
                // Whoever asked may have gone away; the records are committed all the same.
                drop(reply_to.send(outcome.map(|()| decision.reply)));
            };
            (decision.records, Box::new(answer))
        });
        self.jobs
            .send(job)
            .await
            .map_err(|_| MetadataError::NotController)?;
        reply.await.map_err(|_| MetadataError::NotController)?
    }

    /// How the quorum stands.
    pub fn status(&self) -> QuorumStatus {
        QuorumStatus::of(&self.raft)
    }
}

pub(super) struct Decider {
    pub raft: Raft,
    pub state_machine: StateMachine,
    pub settings: ControllerSettings,
    pub validator: Arc<dyn ConfigValidator>,
}

impl Decider {
    /// Starts the task; it ends when every handle is dropped or raft has shut down.
    pub fn start(self) -> ControllerHandle {
        let (jobs, mut inbox) = mpsc::channel::<Job>(QUEUE_MAX);
        let raft = self.raft.clone();
        tokio::spawn(async move {
            while let Some(job) = inbox.recv().await {
                self.serve(job).await;
            }
        });
        ControllerHandle { jobs, raft }
    }

    async fn serve(&self, job: Job) {
        let image = self.state_machine.image();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut ctx = DecideContext {
            now_ms: now.as_millis() as i64,
            settings: &self.settings,
            random: &mut OsRandom,
            validator: &*self.validator,
            next_offset: image.offset + 1,
        };
        let (records, answer) = job(&image, &mut ctx);
        drop(image);
        answer(if records.is_empty() {
            Ok(())
        } else {
            commit(&self.raft, records).await
        });
    }
}

/// Commits and applies records as one entry.
pub(super) async fn commit(raft: &Raft, records: Vec<MetadataRecord>) -> Result<(), MetadataError> {
    use openraft::error::{ClientWriteError, RaftError};
    match raft.client_write(RecordBatch { epoch: None, records }).await {
        Ok(_) => Ok(()),
        Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Err(MetadataError::NotController),
        Err(error) => Err(MetadataError::Storage(error.to_string())),
    }
}

/// Randomness of the operating system.
struct OsRandom;

impl Random for OsRandom {
    /// Kafka never gives out ids whose base64 form starts with a dash: they look like options on a command line.
    fn uuid(&mut self) -> Uuid {
        loop {
            let id = Uuid::new_v4();
            if id.as_bytes()[0] >> 2 != 62 {
                return id;
            }
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        let random = Uuid::new_v4().as_u64_pair().1 & (u64::MAX >> 2);
        usize::try_from(random % (bound.max(1) as u64)).unwrap_or(0)
    }
}
