//! What is done for the replicas while nobody asks: checkpoints, flushes, retention, compaction, moves
//! between log directories.
//!
//! What may take long has threads of its own, of low priority; what comes at intervals runs on the runtime
//! that the node was started on. A node without threads of its own does all of it there ([`turns`]).

pub mod checkpoints;
pub mod deletions;
pub mod log_cleaner;
pub mod log_moves;
mod low_priority_thread;
mod retention;
mod scheduled;
mod turns;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use barnabas_environment::Threads;
use tokio::task;

use crate::ReplicaManager;
use crate::log_dirs::open::Unfinished;

/// The running upkeep of a node.
pub struct Upkeep {
    replicas: Arc<ReplicaManager>,
    scheduled: task::JoinHandle<()>,
    turns: Option<task::JoinHandle<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts it, and goes on with the moves that an earlier process left unfinished. The node's stopping
    /// token ends what runs at intervals, [`Upkeep::stop`] the threads.
    ///
    /// # Errors
    /// The system refuses a thread; none is left running then.
    pub fn start(replicas: &Arc<ReplicaManager>, unfinished: &[Unfinished]) -> io::Result<Upkeep> {
        let mut upkeep = Upkeep {
            replicas: replicas.clone(),
            scheduled: tokio::spawn(scheduled::run(replicas.clone())),
            turns: None,
            threads: Vec::new(),
        };
        let started = match replicas.threads() {
            Threads::Own => upkeep.start_threads(),
            Threads::Runtime => {
                upkeep.turns = Some(tokio::spawn(turns::run(replicas.clone())));
                Ok(())
            }
        };
        match started {
            Ok(()) => {
                for (topic, partition, to) in unfinished {
                    if let Ok(partition) = replicas.partitions().by_name(topic, *partition) {
                        replicas.log_moves().begin(&partition, to);
                    }
                }
                Ok(upkeep)
            }
            Err(error) => {
                upkeep.stop();
                upkeep.scheduled.abort();
                Err(error)
            }
        }
    }

    fn start_threads(&mut self) -> io::Result<()> {
        self.threads.push(retention::start(self.replicas.clone())?);
        self.threads.extend(log_moves::start(&self.replicas)?);
        self.threads.extend(log_cleaner::start(&self.replicas)?);
        Ok(())
    }

    /// Tells the threads to end.
    pub fn stop(&self) {
        self.replicas.log_moves().stop();
        self.replicas.partitions().deletions().stop();
        self.replicas.partitions().cleanings().stop();
    }

    /// Waits for all of it, once it was told to stop and the node's stopping token was cancelled.
    pub async fn join(self) {
        for thread in self.threads {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            let joined = task::spawn_blocking(move || thread.join().is_ok());
            if !joined.await.unwrap_or(false) {
                tracing::error!(name, "a thread of the upkeep ended early");
            }
        }
        for task in [Some(self.scheduled), self.turns].into_iter().flatten() {
            if let Err(error) = task.await {
                tracing::error!(%error, "the upkeep ended early");
            }
        }
    }
}
