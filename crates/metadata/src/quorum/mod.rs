//! The quorum: records are committed through raft and applied to the image, whose every version is published.
//!
//! ```text
//! submit(request) → decide(latest image) → records ── raft: log on disk, synced ──→ apply → publish(image, delta) → reply
//! ```
//! The only place that names openraft and sled. It runs on the runtime that called [`Quorum::start`]; [`ControllerHandle`]s may be
//! used from any. A quorum of one takes the same way as a larger one; it only needs no timer and no peers.
//!
//! On disk, in the folder given: `log/` (sled: vote and log) and `snapshot.json`.

mod decider;
mod log_db;
mod log_store;
mod network;
mod options;
mod snapshot_file;
mod state_machine;
mod status;
mod sync_thread;
mod types;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod store_tests;

pub use self::options::{METADATA_FOLDER, QuorumOptions};
pub use decider::ControllerHandle;
pub use status::QuorumStatus;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use openraft::{BasicNode, ServerState, SnapshotPolicy};
use tokio::sync::oneshot;

use self::decider::Decider;
use self::log_db::LogDb;
use self::log_store::LogStore;
use self::network::NoPeers;
use self::snapshot_file::SnapshotFile;
use self::state_machine::StateMachine;
use self::sync_thread::SyncThread;
use self::types::Raft;
#[cfg(test)]
pub(crate) use self::types::RecordBatch;
use crate::error::MetadataError;
use crate::image::{MetadataDelta, MetadataImage};
use crate::records::MetadataRecord;

/// After so many entries a snapshot is taken, so that a restart has few to read.
const SNAPSHOT_EVERY: u64 = 1000;
const KEPT_BEHIND_SNAPSHOT: u64 = 100;

/// A running member of the quorum.
pub struct Quorum {
    raft: Raft,
    state_machine: StateMachine,
    /// Resolves when the log is closed.
    closed: oneshot::Receiver<()>,
    handle: ControllerHandle,
}

impl Quorum {
    /// Starts this node's member and returns when it has caught up.
    ///
    /// `publish` is called on this runtime with every image in order; the first time before this returns, with the whole image
    /// as the delta. It must not wait for a decision.
    pub async fn start(
        options: QuorumOptions,
        publish: impl FnMut(Arc<MetadataImage>, Arc<MetadataDelta>) + Send + 'static,
    ) -> Result<Self, MetadataError> {
        let QuorumOptions {
            dir,
            cluster_id,
            settings,
            validator,
            bootstrap,
        } = options;
        fs::create_dir_all(&dir).map_err(|source| MetadataError::Io {
            path: dir.clone(),
            source,
        })?;
        let node_id = u64::try_from(settings.node_id)
            .map_err(|_| MetadataError::Mismatch(format!("node.id {} is negative", settings.node_id)))?;
        let db = LogDb::open(&dir.join("log"))?;
        let (sync, closed) = SyncThread::start(db.clone())?;
        let state_machine = StateMachine::load(SnapshotFile::new(&dir))?;
        let log_store = LogStore::new(db, sync);
        let raft = Raft::new(node_id, raft_config()?, NoPeers, log_store, state_machine.clone())
            .await
            .map_err(failed)?;

        if let Err(error) = catch_up(&raft, &state_machine, node_id, &cluster_id, bootstrap).await {
            raft.shutdown().await.map_err(failed)?;
            return Err(error);
        }
        state_machine.go_live(Box::new(publish));
        let decider = Decider {
            raft: raft.clone(),
            state_machine: state_machine.clone(),
            settings,
            validator,
        };
        Ok(Self {
            raft,
            state_machine,
            closed,
            handle: decider.start(),
        })
    }

    /// Where requests go.
    pub fn handle(&self) -> ControllerHandle {
        self.handle.clone()
    }

    /// The latest image.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.state_machine.image()
    }

    /// Stops raft and closes the log. Requests that come later fail.
    pub async fn shutdown(self) -> Result<(), MetadataError> {
        self.raft.shutdown().await.map_err(failed)?;
        self.closed.await.map_err(failed)
    }
}

/// Makes this node lead a quorum that knows the cluster's id, on the first start by creating both.
async fn catch_up(
    raft: &Raft,
    state_machine: &StateMachine,
    node_id: u64,
    cluster_id: &str,
    bootstrap: Vec<MetadataRecord>,
) -> Result<(), MetadataError> {
    if !raft.is_initialized().await.map_err(failed)? {
        raft.initialize(BTreeMap::from([(node_id, BasicNode::default())]))
            .await
            .map_err(failed)?;
    }
    lead(raft, node_id).await?;
    if state_machine.image().cluster_id.is_empty() {
        let mut records = vec![MetadataRecord::ClusterId {
            cluster_id: cluster_id.to_owned(),
        }];
        records.extend(bootstrap);
        decider::commit(raft, records).await?;
    }
    let logged = state_machine.image().cluster_id.clone();
    if *logged != *cluster_id {
        let message = format!("the metadata log is of cluster {logged}, not of cluster {cluster_id}");
        return Err(MetadataError::Mismatch(message));
    }
    Ok(())
}

/// Waits until this node leads and has applied everything that its log held.
async fn lead(raft: &Raft, node_id: u64) -> Result<(), MetadataError> {
    if raft.metrics().borrow().state != ServerState::Leader {
        raft.trigger().elect().await.map_err(failed)?;
    }
    let mut metrics = raft.metrics();
    let caught_up = metrics.wait_for(|now| {
        let applied = now.last_applied.map(|log_id| log_id.index);
        now.running_state.is_err() || (now.current_leader == Some(node_id) && applied == now.last_log_index)
    });
    caught_up
        .await
        .map_err(failed)?
        .running_state
        .clone()
        .map_err(failed)
}

/// Raft's settings. A quorum of one has nobody to hear from, so it runs without a clock and costs nothing while idle.
fn raft_config() -> Result<Arc<openraft::Config>, MetadataError> {
    let config = openraft::Config {
        cluster_name: "metadata".into(),
        enable_tick: false,
        enable_heartbeat: false,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
        max_in_snapshot_log_to_keep: KEPT_BEHIND_SNAPSHOT,
        ..openraft::Config::default()
    };
    config.validate().map(Arc::new).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> MetadataError {
    MetadataError::Storage(error.to_string())
}
