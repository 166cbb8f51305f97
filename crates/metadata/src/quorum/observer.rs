//! A node that follows the metadata without having a vote: it asks the active controller for what it doesn't
//! have, and lets it take effect as a voter does.
//!
//! On disk it keeps a snapshot alone, so that it need not be told everything again after a restart.

use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::Environment;
use bytes::Bytes;
use openraft::storage::RaftSnapshotBuilder;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::address_book::AddressBook;
use super::disk::SnapshotDisk;
use super::failed;
use super::feed::{Observe, Observed};
use super::peers::{Frame, FrameKind, PeerError, Peers};
use super::published::Published;
use super::publisher::Publisher;
use super::snapshot_file::SnapshotFile;
use super::state_machine::StateMachine;
use super::types::LogId;
use crate::error::MetadataError;
use crate::image::{MetadataDelta, MetadataImage};

/// The active controller answers after so long, even when there is nothing new.
const WAIT_MS: u64 = 500;
/// Pauses between tries while there is no active controller: they double up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// What an observer is started with.
pub struct ObserverOptions {
    /// This node.
    pub node_id: i32,
    /// The cluster's id.
    pub cluster_id: String,
    /// Where the snapshot lies.
    pub snapshots: Arc<dyn SnapshotDisk>,
    /// After how many entries a snapshot is taken.
    pub snapshot_every: u64,
    /// The way to the controllers.
    pub peers: Arc<dyn Peers>,
    /// The controllers that may be asked; the list of voters in the metadata is told to it.
    pub addresses: AddressBook,
    /// Where slow work is done.
    pub environment: Environment,
}

/// A running observer.
pub struct Observer {
    state_machine: StateMachine,
    publisher: Publisher,
    /// Tells the task to end.
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Starts following, and returns when this node has all that was committed and it has taken effect. As
    /// with a quorum, `publish` is called with every image in order; the first time then.
    ///
    /// # Errors
    /// The snapshot can't be read, or the controllers are of another cluster;
    /// [`MetadataError::ShuttingDown`] when `given_up` is ready first.
    pub async fn start(
        options: ObserverOptions,
        publish: impl FnMut(Arc<MetadataImage>, &MetadataDelta) + Send + 'static,
        given_up: impl Future<Output = ()>,
    ) -> Result<Self, MetadataError> {
        let threads = options.environment.threads;
        let state_machine = StateMachine::load(
            SnapshotFile::new(options.snapshots.clone()),
            threads,
            options.addresses.clone(),
        )?;
        let publisher = Publisher::start(Box::new(publish), threads)?;
        let (stop, stopped) = watch::channel(false);
        let (caught_up, mut is_caught_up) = watch::channel(false);
        let cluster_id = options.cluster_id.clone();
        let following = Following {
            saved: state_machine.state.lock().last_applied,
            state_machine: state_machine.clone(),
            options,
            caught_up,
            snapshot: None,
        };
        let task = tokio::spawn(following.run(stopped));
        let observer = Self {
            state_machine,
            publisher,
            stop,
            task,
        };
        let started = tokio::select! {
            biased;
            reached = is_caught_up.wait_for(|reached| *reached) => reached.map(drop).map_err(failed),
            () = given_up => Err(MetadataError::ShuttingDown),
        };
        let started = match started {
            Ok(()) => observer.go_live(&cluster_id).await,
            Err(error) => Err(error),
        };
        match started {
            Ok(()) => Ok(observer),
            Err(error) => {
                observer.shutdown().await;
                Err(error)
            }
        }
    }

    async fn go_live(&self, cluster_id: &str) -> Result<(), MetadataError> {
        let logged = self.image().cluster_id.clone();
        if *logged != *cluster_id {
            let message = format!("the controllers are of cluster {logged}, not of cluster {cluster_id}");
            return Err(MetadataError::Mismatch(message));
        }
        self.state_machine.go_live(self.publisher.clone());
        if self.publisher.published(self.state_machine.offered()).await {
            Ok(())
        } else {
            Err(MetadataError::ShuttingDown)
        }
    }

    /// The latest image; it may not have taken effect yet.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.state_machine.image()
    }

    /// How far the images have taken effect on this node.
    pub fn published(&self) -> Published {
        self.publisher.subscribe()
    }

    /// Follows no more, and keeps what it has in a snapshot.
    pub async fn shutdown(self) {
        self.publisher.close().await;
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("the observer ended by a panic");
        }
    }
}

/// The task of an observer.
struct Following {
    options: ObserverOptions,
    state_machine: StateMachine,
    caught_up: watch::Sender<bool>,
    /// The last entry that is in the snapshot on disk.
    saved: Option<LogId>,
    /// The id and the bytes of a snapshot that is on its way.
    snapshot: Option<(String, Vec<u8>)>,
}

impl Following {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut leader = None;
        let mut turn = 0;
        let mut pause = PAUSE_MIN;
        loop {
            let Some(asked) = leader.or_else(|| self.controller(turn)) else {
                return;
            };
            let answered = tokio::select! {
                biased;
                answered = self.ask(asked) => answered,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let told = match answered {
                Ok((Observed::NotLeader { leader: other }, _)) => {
                    let other = other.and_then(|id| i32::try_from(id).ok());
                    leader = other.filter(|id| *id != asked && self.options.addresses.address(*id).is_some());
                    Ok(false)
                }
                Ok((observed, data)) => {
                    leader = Some(asked);
                    self.take(observed, &data).await.map(|()| true)
                }
                Err(error) => {
                    tracing::debug!(controller = asked, %error, "a controller can't be followed");
                    leader = None;
                    Ok(false)
                }
            };
            match told {
                Ok(true) => pause = PAUSE_MIN,
                Ok(false) => {
                    turn += 1;
                    // Who was named is asked at once, unless they name each other.
                    if leader.is_none() || turn % 4 == 0 {
                        tokio::select! {
                            biased;
                            () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                            _ = stopped.wait_for(|stopped| *stopped) => break,
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "what the controller tells can't be taken over");
                    leader = None;
                    sleep(PAUSE_MAX).await;
                }
            }
        }
        self.save().await;
    }

    fn controller(&self, turn: usize) -> Option<i32> {
        let controllers = self.options.addresses.ids();
        controllers.get(turn % controllers.len().max(1)).copied()
    }

    async fn ask(&self, controller: i32) -> Result<(Observed, Bytes), PeerError> {
        let request = Observe {
            observer: self.options.node_id,
            last: self.state_machine.state.lock().last_applied,
            snapshot: self
                .snapshot
                .as_ref()
                .map(|(id, bytes)| (id.clone(), bytes.len() as u64)),
            wait_ms: WAIT_MS,
        };
        let frame = Frame::new(FrameKind::Observe, &self.options.cluster_id, &request, &[])?;
        self.options.peers.send(controller, frame).await?.read()
    }

    async fn take(&mut self, observed: Observed, data: &[u8]) -> Result<(), MetadataError> {
        match observed {
            Observed::NotLeader { .. } => {}
            Observed::Snapshot { id, at, total } => {
                let (known, mut bytes) = self.snapshot.take().unwrap_or_default();
                if known != id || bytes.len() as u64 != at {
                    bytes.clear();
                }
                // A piece of another one than was asked for begins anew.
                if bytes.len() as u64 != at {
                    return Ok(());
                }
                bytes.extend_from_slice(data);
                if (bytes.len() as u64) < total {
                    self.snapshot = Some((id, bytes));
                    return Ok(());
                }
                self.saved = self.state_machine.take_over(bytes).await?;
            }
            Observed::Entries { entries, committed } => {
                let reached = {
                    let mut state = self.state_machine.state.lock();
                    for entry in entries {
                        let next = state.last_applied.map_or(0, |last| last.index + 1);
                        if entry.log_id.index != next {
                            return Err(MetadataError::Storage(format!(
                                "entry {} came in place of {next}",
                                entry.log_id.index
                            )));
                        }
                        state.apply(entry);
                    }
                    state.last_applied >= committed && !state.image.cluster_id.is_empty()
                };
                if reached && !*self.caught_up.borrow() {
                    self.caught_up.send_replace(true);
                }
                let index = |log_id: Option<LogId>| log_id.map_or(0, |log_id| log_id.index);
                let applied = self.state_machine.state.lock().last_applied;
                if index(applied) >= index(self.saved) + self.options.snapshot_every {
                    self.save().await;
                }
            }
        }
        Ok(())
    }

    /// Keeps what there is in a snapshot.
    async fn save(&mut self) {
        let applied = self.state_machine.state.lock().last_applied;
        if applied == self.saved {
            return;
        }
        match self.state_machine.build_snapshot().await {
            Ok(made) => self.saved = made.meta.last_log_id,
            Err(error) => tracing::warn!(%error, "the metadata could not be kept for the next start"),
        }
    }
}
