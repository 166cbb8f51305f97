//! What a quorum is started with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_config::{BrokerConfig, ControllerRules, Layers};
use barnabas_environment::Environment;
use openraft::SnapshotPolicy;

use super::address_book::AddressBook;
use super::disk::MetadataDisk;
use super::failed;
use super::peers::Peers;
use super::voter_node::VoterNode;
use crate::controller::{ControllerSettings, TokenSettings};
use crate::error::MetadataError;
use crate::features;
use crate::records::MetadataRecord;

/// After so many entries a snapshot is taken, so that a restart has few to read.
pub const SNAPSHOT_EVERY: u64 = 1000;
/// A tenth of them stays in the log behind a snapshot, for voters that are a little behind.
const KEPT_BEHIND_SNAPSHOT: u64 = 10;
/// A piece of a snapshot has so long to be answered.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);

/// More heartbeats than that tell nobody more.
const HEARTBEAT_MIN: Duration = Duration::from_millis(10);

/// How long a voter may be left alone that could not be reached, and a little for the way.
const REACHED_AGAIN: Duration = Duration::from_millis(200);

/// The folder of the metadata log within its log directory; not a partition's, though named like one.
pub const METADATA_FOLDER: &str = "__cluster_metadata-0";

/// What a quorum is started with.
pub struct QuorumOptions {
    /// Where the metadata lies: on a node in a folder.
    pub disk: MetadataDisk,
    /// The cluster's id. A log of another cluster stops the start.
    pub cluster_id: String,
    /// The controller's settings; the node id among them.
    pub settings: ControllerSettings,
    /// What configs there are and which values they take.
    pub rules: ControllerRules,
    /// What a new cluster begins with, after its id: finalized features for example.
    pub bootstrap: Vec<MetadataRecord>,
    /// After how many entries a snapshot is taken; [`SNAPSHOT_EVERY`] unless there is a reason.
    pub snapshot_every: u64,
    /// Time, randomness, and where slow work is done.
    pub environment: Environment,
    /// The voters; `None` for a quorum of one.
    pub voters: Option<Voters>,
}

impl QuorumOptions {
    /// Those of a node with these settings. `voters` is `None` for a quorum of one.
    pub fn of_node(
        disk: MetadataDisk,
        cluster_id: &str,
        (layers, config): (&Layers, &BrokerConfig),
        environment: Environment,
        voters: Option<Voters>,
    ) -> QuorumOptions {
        let static_quorum = !config.controller_quorum_voters.is_empty();
        QuorumOptions {
            disk,
            cluster_id: cluster_id.to_owned(),
            settings: ControllerSettings {
                node_id: config.node_id,
                default_num_partitions: config.num_partitions,
                default_replication_factor: i16::try_from(config.default_replication_factor).unwrap_or(1),
                broker_session_timeout_ms: i64::from(config.broker_session_timeout_ms),
                leader_rebalance_interval_ms: config.auto_leader_rebalance_enable.then(|| {
                    config
                        .leader_imbalance_check_interval_seconds
                        .saturating_mul(1000)
                }),
                tokens: TokenSettings::of(config),
            },
            rules: ControllerRules::new(layers.clone()),
            bootstrap: features::bootstrap_records(config.min_insync_replicas, static_quorum),
            snapshot_every: SNAPSHOT_EVERY,
            environment,
            voters,
        }
    }
}

/// A quorum of several nodes.
#[derive(Clone, Debug)]
pub struct Voters {
    /// Their ids, this node's among them. They count when the log is made; later the log says who votes.
    pub ids: Vec<i32>,
    /// The way to the others.
    pub peers: Arc<dyn Peers>,
    /// Where they are, for whoever asks them; the list of voters in the log is told to it.
    pub addresses: AddressBook,
    /// What this node tells of itself where the voters can be changed; `None` where the settings name them.
    pub joining: Option<Joining>,
    /// How patient they are.
    pub timing: QuorumTiming,
}

/// A controller of a quorum that can change its voters (kraft.version 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// This node.
    pub node: VoterNode,
    /// The voters that it was formatted with, by their ids.
    pub initial: BTreeMap<i32, VoterNode>,
    /// It is to have a vote without being added (`controller.quorum.auto.join.enable`).
    pub votes: bool,
}

/// How patient voters are with each other. All of a quorum should have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumTiming {
    /// How often a leader is heard at least; an append that isn't answered for so long is sent again.
    pub heartbeat: Duration,
    /// So long after they heard of it voters stay with a leader, and a leader that has heard of no majority
    /// holds itself for deposed after half as long again (`controller.quorum.fetch.timeout.ms`).
    pub fetch_timeout: Duration,
    /// How long an election may take (`controller.quorum.election.timeout.ms`).
    pub election_timeout: Duration,
}

impl Default for QuorumTiming {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            fetch_timeout: Duration::from_millis(600),
            election_timeout: Duration::from_millis(300),
        }
    }
}

impl QuorumTiming {
    /// What the settings say. Where they say nothing, voters are less patient than those of Apache Kafka.
    pub fn of(layers: &Layers, config: &BrokerConfig) -> Self {
        let or_else = |name: &str, ms: i32, default: Duration| match u64::try_from(ms) {
            Ok(ms) if ms > 0 && layers.given(name).is_some() => Duration::from_millis(ms),
            _ => default,
        };
        let defaults = Self::default();
        let fetch_timeout = or_else(
            "controller.quorum.fetch.timeout.ms",
            config.controller_quorum_fetch_timeout_ms,
            defaults.fetch_timeout,
        );
        Self {
            heartbeat: (fetch_timeout / 4).max(HEARTBEAT_MIN),
            fetch_timeout,
            election_timeout: or_else(
                "controller.quorum.election.timeout.ms",
                config.controller_quorum_election_timeout_ms,
                defaults.election_timeout,
            ),
        }
    }

    /// So long a leader may go unheard by most voters.
    pub(super) fn majority_timeout(&self) -> Duration {
        self.fetch_timeout + self.fetch_timeout / 2
    }

    /// So long a leader takes at most to reach a voter that has just started: its next heartbeat, and the
    /// pause after it was last refused.
    pub(super) fn start_lease(&self) -> Duration {
        self.heartbeat + REACHED_AGAIN
    }

    /// So long after it heard a leader raft refuses its vote to others.
    pub(super) fn raft_lease(&self) -> Duration {
        self.heartbeat + Duration::from_millis(2)
    }
}

/// Raft's settings. A quorum of one has nobody to hear from, so it runs without a clock and costs nothing
/// while idle. In a larger one raft's own elections are off: [`super::election`] asks before it stands.
///
/// Every field is named, those with openraft's defaults too: its `Default` parses an empty command line,
/// which would link a whole parser for it and run it at each start.
#[allow(
    deprecated,
    reason = "openraft has a deprecated field, and it has to be named"
)]
pub(super) fn raft_config(
    snapshot_every: u64,
    timing: Option<&QuorumTiming>,
) -> Result<Arc<openraft::Config>, MetadataError> {
    let millis = |duration: Duration| duration.as_millis() as u64;
    let mut config = openraft::Config {
        cluster_name: "metadata".into(),
        election_timeout_min: 150,
        election_timeout_max: 300,
        heartbeat_interval: 50,
        install_snapshot_timeout: millis(SNAPSHOT_TIMEOUT),
        send_snapshot_timeout: 0,
        max_payload_entries: 300,
        replication_lag_threshold: 5_000,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_every),
        snapshot_max_chunk_size: 3 << 20,
        max_in_snapshot_log_to_keep: snapshot_every / KEPT_BEHIND_SNAPSHOT,
        purge_batch_size: 1,
        enable_tick: timing.is_some(),
        enable_heartbeat: timing.is_some(),
        enable_elect: false,
    };
    if let Some(timing) = timing {
        config.heartbeat_interval = millis(timing.heartbeat);
        // A voter refuses its vote while a leader was heard within the longer of the two; that a leader is
        // missed indeed is asked before, see `election`. A vote may take as long as the shorter one.
        config.election_timeout_min = config.heartbeat_interval + 1;
        config.election_timeout_max = millis(timing.raft_lease());
    }
    config.validate().map(Arc::new).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(deprecated, reason = "openraft has a deprecated field")]
    fn what_is_not_ours_is_openrafts_default() {
        let ours = raft_config(100, None).unwrap();
        let theirs = openraft::Config::default();
        let fields = |config: &openraft::Config| {
            [
                config.election_timeout_min,
                config.election_timeout_max,
                config.heartbeat_interval,
                config.send_snapshot_timeout,
                config.max_payload_entries,
                config.replication_lag_threshold,
                config.snapshot_max_chunk_size,
                config.purge_batch_size,
            ]
        };
        assert_eq!(fields(&ours), fields(&theirs));
    }
}
