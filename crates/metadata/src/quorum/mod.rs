//! The quorum: records are committed through raft and applied to the image, whose every version takes effect
//! in order.
//!
//! ```text
//! submit(request) ─→ queue ─→ decided with those that wait too ─→ raft: log on disk, synced, on most voters ─→ applied
//!                                                                     publisher: takes effect on this node ─→ replies
//! ```
//! The only place that names openraft and sled. It runs on the runtime that called [`Quorum::start`];
//! [`ControllerHandle`]s may be used from any. A quorum of one takes the same way as a larger one; it only
//! needs no timer and no peers.
//!
//! On disk, in a folder: `log/` (sled: vote and log) and `snapshot.json`.

mod address_book;
mod decider;
mod disk;
mod election;
mod feed;
mod folder;
mod founding;
mod hand_over;
mod handle;
mod heard;
mod joining;
mod leadership;
mod local_channel;
mod log_db;
mod log_store;
mod network;
mod observer;
mod options;
mod peer_door;
mod peers;
mod published;
mod publisher;
mod replicas;
mod simulated_disk;
mod snapshot_file;
mod snapshots;
mod state_machine;
mod status;
mod sync_thread;
mod types;
mod voter_node;
mod voters;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod store_tests;

pub use address_book::AddressBook;
pub use decider::Decided;
pub use disk::{Changes, KeyRange, KeyValue, LogDisk, MetadataDisk, SnapshotDisk};
pub use handle::ControllerHandle;
pub use observer::{Observer, ObserverOptions};
pub use options::{Joining, METADATA_FOLDER, QuorumOptions, QuorumTiming, SNAPSHOT_EVERY, Voters};
pub use peer_door::PeerDoor;
pub use peers::{Answer, Frame, FrameKind, PeerError, Peers};
pub use published::Published;
pub use replicas::ReplicaStatus;
pub use simulated_disk::SimulatedDisk;
pub use status::QuorumStatus;
pub use voter_node::{ControllerEndpoint, VoterNode};
pub use voters::{Changed, VoterChange};

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use self::decider::Decider;
use self::election::Elections;
use self::feed::Feed;
use self::heard::Heard;
use self::joining::Joiner;
use self::leadership::Leadership;
use self::log_db::LogDb;
use self::log_store::LogStore;
use self::network::Network;
use self::publisher::Publisher;
use self::replicas::Replicas;
use self::snapshot_file::SnapshotFile;
use self::state_machine::StateMachine;
use self::sync_thread::SyncThread;
#[cfg(test)]
pub(crate) use self::types::RecordBatch;
use self::types::{NodeId, Raft};
use crate::error::MetadataError;
use crate::image::{MetadataDelta, MetadataImage};
use crate::records::MetadataRecord;

/// The filter for logs that leaves out what raft tells of itself: each lost message is an error to it, and
/// who leads and who is missed is told here.
pub const QUIET: &str = "openraft=off";

/// Under what name the quorum's library logs.
pub const RAFT_LOG_TARGET: &str = "openraft";

/// A running member of the quorum.
pub struct Quorum {
    raft: Raft,
    state_machine: StateMachine,
    publisher: Publisher,
    door: PeerDoor,
    handle: ControllerHandle,
    network: Network,
    /// Resolves when the log is closed.
    closed: oneshot::Receiver<()>,
}

/// A member that has not caught up yet. It votes already, so its door is to be open.
pub struct StartingQuorum {
    quorum: Quorum,
}

impl Quorum {
    /// Starts this node's member and returns when it has caught up: [`Quorum::open`] and
    /// [`StartingQuorum::caught_up`].
    ///
    /// # Errors
    /// Those of both.
    pub async fn start(
        options: QuorumOptions,
        publish: impl FnMut(Arc<MetadataImage>, &MetadataDelta) + Send + 'static,
    ) -> Result<Self, MetadataError> {
        Self::open(options, publish).await?.caught_up().await
    }

    /// Opens the log and begins to vote, to lead and to follow.
    ///
    /// `publish` is called with every image in order, on a thread of its own; the first time once this node
    /// has caught up, with the whole image as the delta. Images that come while it is busy come as one.
    ///
    /// # Errors
    /// The folder can't be read or written, or isn't a log.
    pub async fn open(
        options: QuorumOptions,
        publish: impl FnMut(Arc<MetadataImage>, &MetadataDelta) + Send + 'static,
    ) -> Result<StartingQuorum, MetadataError> {
        let QuorumOptions {
            disk,
            cluster_id,
            settings,
            rules,
            bootstrap,
            snapshot_every,
            environment,
            voters,
        } = options;
        let node_id = voter_id(settings.node_id)?;
        let members = founding::members(&settings, voters.as_ref())?;
        let joining = voters.as_ref().and_then(|voters| voters.joining.clone());
        let addresses = voters.as_ref().map(|voters| voters.addresses.clone());
        let addresses = addresses.unwrap_or_default();
        let timing = voters.as_ref().map(|voters| voters.timing);
        let cluster_id: Arc<str> = cluster_id.into();
        let clock = environment.clock.clone();
        let followers = Arc::new(Replicas::new(clock.clone()));
        let network = Network {
            peers: voters.map(|voters| voters.peers),
            cluster_id: cluster_id.clone(),
            followers: followers.clone(),
            addresses: addresses.clone(),
        };

        let threads = environment.threads;
        let log = Arc::downgrade(&disk.log);
        let db = LogDb::new(disk.log);
        let (sync, closed) = SyncThread::start(db.clone(), threads)?;
        let state_machine = StateMachine::load(SnapshotFile::new(disk.snapshots), threads, addresses)?;
        let publisher = Publisher::start(Box::new(publish), threads)?;
        let log_store = LogStore::new(db, sync);
        let config = options::raft_config(snapshot_every, timing.as_ref())?;
        let raft = Raft::new(node_id, config, network.clone(), log_store, state_machine.clone())
            .await
            .map_err(failed)?;

        let new = !raft.is_initialized().await.map_err(failed)?;
        let timing = timing.unwrap_or_default();
        let leadership = Leadership::new(raft.clone(), timing.majority_timeout());
        let (jobs, inbox) = mpsc::channel(decider::QUEUE_MAX);
        let feed = Arc::new(Feed::new(log, state_machine.clone(), clock));
        let heard = Arc::new(Heard::nobody(new && !members.is_empty(), timing.start_lease()));
        let handle = ControllerHandle {
            jobs,
            followers,
            raft: raft.clone(),
            leadership: leadership.clone(),
            state_machine: state_machine.clone(),
            publisher: publisher.clone(),
            feed: feed.clone(),
            network: network.clone(),
            turn: Arc::default(),
        };
        let quorum = Self {
            raft: raft.clone(),
            state_machine: state_machine.clone(),
            publisher,
            door: PeerDoor {
                raft: raft.clone(),
                leadership: leadership.clone(),
                cluster_id: cluster_id.clone(),
                heard: heard.clone(),
                lease: timing.fetch_timeout,
                raft_lease: timing.raft_lease(),
                feed,
                directory: joining.as_ref().and_then(|joining| joining.node.directory()),
                handle: handle.clone(),
            },
            handle: handle.clone(),
            network: network.clone(),
            closed,
        };
        if let Err(error) = quorum.join(members, new).await {
            quorum.shutdown().await?;
            return Err(error);
        }
        if let Some(peers) = &network.peers {
            tokio::spawn(network::stay_heard(quorum.raft.clone(), peers.clone()));
            tokio::spawn(leadership::tell(quorum.raft.metrics()));
            let (feed, metrics) = (quorum.door.feed.clone(), quorum.raft.metrics());
            tokio::spawn(async move { feed.follow(metrics).await });
            let elections = Elections {
                door: quorum.door.clone(),
                network: network.clone(),
                random: environment.random.clone(),
                node_id,
                election_timeout: timing.election_timeout,
            };
            tokio::spawn(elections.run());
        }
        if let Some(own) = joining {
            let joiner = Joiner {
                own,
                id: settings.node_id,
                door: quorum.door.clone(),
                network,
            };
            tokio::spawn(joiner.run());
            tokio::spawn(handle.clone().finish_changes());
            tokio::spawn(handle.forget_silent());
        }
        let mut first = vec![MetadataRecord::ClusterId {
            cluster_id: cluster_id.to_string(),
        }];
        first.extend(bootstrap);
        let decider = Decider {
            raft,
            state_machine,
            leadership,
            heard,
            silence_max: timing.fetch_timeout + timing.election_timeout,
            settings,
            rules,
            environment,
            bootstrap: first,
        };
        tokio::spawn(decider.run(inbox));
        Ok(StartingQuorum { quorum })
    }

    /// Where requests go.
    pub fn handle(&self) -> ControllerHandle {
        self.handle.clone()
    }

    /// Where the other voters' frames go.
    pub fn door(&self) -> PeerDoor {
        self.door.clone()
    }

    /// The latest image; it may not have taken effect yet.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.state_machine.image()
    }

    /// Stops raft and closes the log; a leader has another voter take over before. Requests that come later
    /// fail.
    ///
    /// # Errors
    /// Raft has failed before.
    pub async fn shutdown(self) -> Result<(), MetadataError> {
        self.hand_over().await;
        self.publisher.close().await;
        self.raft.shutdown().await.map_err(failed)?;
        drop((
            self.raft,
            self.state_machine,
            self.door,
            self.handle,
            self.network,
        ));
        // Without a value when the database was closed by whoever held it last.
        let _ = self.closed.await;
        Ok(())
    }
}

impl StartingQuorum {
    /// Where the other voters' frames go.
    pub fn door(&self) -> PeerDoor {
        self.quorum.door()
    }

    /// Where requests go. Nothing is decided before some voter leads.
    pub fn handle(&self) -> ControllerHandle {
        self.quorum.handle()
    }

    /// Waits until this node knows the cluster's metadata and it has taken effect. In a quorum of several
    /// that takes as long as there is no majority, and the newest changes may still be on their way.
    ///
    /// # Errors
    /// The log is another cluster's; the log has failed.
    pub async fn caught_up(self) -> Result<Quorum, MetadataError> {
        self.caught_up_unless(std::future::pending()).await
    }

    /// As [`StartingQuorum::caught_up`], but shuts down when `given_up` is ready first.
    ///
    /// # Errors
    /// As there; [`MetadataError::ShuttingDown`] when it was given up.
    pub async fn caught_up_unless(self, given_up: impl Future<Output = ()>) -> Result<Quorum, MetadataError> {
        let quorum = self.quorum;
        let caught_up = tokio::select! {
            biased;
            caught_up = quorum.catch_up() => caught_up,
            () = given_up => Err(MetadataError::ShuttingDown),
        };
        if let Err(error) = caught_up {
            quorum.shutdown().await?;
            return Err(error);
        }
        Ok(quorum)
    }
}

impl Quorum {
    async fn catch_up(&self) -> Result<(), MetadataError> {
        let mut metrics = self.raft.metrics();
        let caught_up = metrics.wait_for(|now| {
            let applied = now.last_applied.map(|log_id| log_id.index);
            now.running_state.is_err()
                || (now.current_leader.is_some()
                    && applied == now.last_log_index
                    && !self.image().cluster_id.is_empty())
        });
        let running = caught_up.await.map_err(failed)?.running_state.clone();
        running.map_err(failed)?;
        let logged = self.image().cluster_id.clone();
        let cluster_id = &self.door.cluster_id;
        if logged != *cluster_id {
            let message = format!("the metadata log is of cluster {logged}, not of cluster {cluster_id}");
            return Err(MetadataError::Mismatch(message));
        }
        self.state_machine.go_live(self.publisher.clone());
        if self.publisher.published(self.state_machine.offered()).await {
            Ok(())
        } else {
            Err(MetadataError::ShuttingDown)
        }
    }
}

fn voter_id(node_id: i32) -> Result<NodeId, MetadataError> {
    u64::try_from(node_id).map_err(|_| MetadataError::Mismatch(format!("node.id {node_id} is negative")))
}

fn failed(error: impl std::fmt::Display) -> MetadataError {
    MetadataError::Storage(error.to_string())
}
