//! What a broker has of replicas, and what their upkeep shares.

use std::sync::Arc;

use arc_swap::Guard;
use barnabas_config::{BrokerConfig, DynamicBrokerConfig};
use barnabas_environment::{Clock, Environment, Random, Threads};
use barnabas_metadata::image::{BrokersImage, MetadataDelta, MetadataImage};
use barnabas_storage::Log;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::log_dirs::{DataDir, LogDirs};
use crate::partition::registry::Partitions;
use crate::replication::{LostLeaders, Replication, ReplicationContext};
use crate::upkeep::checkpoints::Checkpoints;
use crate::upkeep::log_moves::LogMoves;

/// The partitions of which this broker has a replica, and where their logs lie (Kafka's `ReplicaManager`).
pub struct ReplicaManager {
    settings: Arc<DynamicBrokerConfig>,
    environment: Environment,
    log_dirs: Arc<LogDirs>,
    partitions: Partitions,
    log_moves: LogMoves,
    checkpoints: Checkpoints,
    lost_leaders: LostLeaders,
    stopping: CancellationToken,
    replication: Mutex<ReplicationState>,
}

/// Who the brokers are by the latest image, and what replicates once there are others.
#[derive(Default)]
struct ReplicationState {
    brokers: Arc<BrokersImage>,
    replication: Option<Replication>,
}

impl ReplicaManager {
    /// The replicas of a node with these logs in its `log_dirs`; the images claim them. `stopping` is
    /// cancelled when the process stops.
    pub fn new(
        settings: Arc<DynamicBrokerConfig>,
        environment: Environment,
        log_dirs: Arc<LogDirs>,
        logs: Vec<(Arc<DataDir>, Log)>,
        stopping: CancellationToken,
    ) -> Self {
        let partitions = Partitions::new(&settings.config(), &environment, log_dirs.clone(), logs);
        ReplicaManager {
            settings,
            log_dirs,
            partitions,
            log_moves: LogMoves::new(environment.clock.clone()),
            environment,
            checkpoints: Checkpoints::default(),
            lost_leaders: LostLeaders::default(),
            stopping,
            replication: Mutex::default(),
        }
    }

    /// Lets this broker replicate: follow leaders on others, and have the ISRs of its own leaders changed.
    /// May be called before or after the first image; only the first call counts.
    pub fn start_replication(self: &Arc<Self>, context: ReplicationContext) {
        let mut state = self.replication.lock();
        if state.replication.is_none() {
            let mut replication = Replication::new(self, context);
            replication.begin(&state.brokers);
            state.replication = Some(replication);
        }
    }

    /// Does what a delta asks for: opens logs, changes leaders, takes over configs, deletes.
    pub fn apply(&self, image: &MetadataImage, delta: &MetadataDelta) {
        let mut state = self.replication.lock();
        self.partitions
            .apply(image, delta, &self.settings.layers(), &self.settings.config());
        state.brokers = image.brokers.clone();
        if let Some(replication) = &mut state.replication {
            replication.apply(&image.brokers, delta);
        }
    }

    /// The partitions.
    pub fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    /// Where the logs lie.
    pub fn log_dirs(&self) -> &Arc<LogDirs> {
        &self.log_dirs
    }

    /// Partitions on their way to another log directory.
    pub fn log_moves(&self) -> &LogMoves {
        &self.log_moves
    }

    /// Leaders of followed partitions that may have died.
    pub fn lost_leaders(&self) -> &LostLeaders {
        &self.lost_leaders
    }

    /// What the checkpoint files hold.
    pub(crate) fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// The broker's settings with their layers.
    pub fn settings(&self) -> &DynamicBrokerConfig {
        &self.settings
    }

    /// The broker's settings in effect.
    pub fn config(&self) -> Guard<Arc<BrokerConfig>> {
        self.settings.config()
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.environment.clock
    }

    /// The node's randomness.
    pub fn random(&self) -> &Random {
        &self.environment.random
    }

    /// Where slow work is done.
    pub fn threads(&self) -> Threads {
        self.environment.threads
    }

    /// What the node was given of the outside.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Cancelled when the process stops.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }
}
