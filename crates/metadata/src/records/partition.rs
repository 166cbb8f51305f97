//! Partitions: where their replicas are, who leads, who is in sync.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(doc)]
use super::NO_LEADER;

/// A new partition, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's number within the topic.
    pub partition_id: i32,
    /// The brokers that hold a replica, the preferred leader first.
    pub replicas: Vec<i32>,
    /// The replicas that are in sync.
    pub isr: Vec<i32>,
    /// The leader, or [`NO_LEADER`].
    pub leader: i32,
    /// Goes up with every election.
    pub leader_epoch: i32,
    /// Goes up with every change of the partition.
    pub partition_epoch: i32,
    /// For each replica the id of the log directory that holds it.
    #[serde(default)]
    pub directories: Vec<Uuid>,
    /// Whether the leader was elected uncleanly and its followers have yet to take over its log.
    #[serde(default, skip_serializing_if = "LeaderRecoveryState::is_recovered")]
    pub leader_recovery_state: LeaderRecoveryState,
    /// The replicas that a reassignment is removing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removing_replicas: Vec<i32>,
    /// The replicas that a reassignment is adding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adding_replicas: Vec<i32>,
    /// The eligible leader replicas (KIP-966): out of the ISR, yet with everything that was committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub eligible_leader_replicas: Vec<i32>,
    /// The last replicas that were eligible, when none is any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_known_elr: Vec<i32>,
}

/// What has changed of a partition; `None` where nothing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionChangeRecord {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's number within the topic.
    pub partition_id: i32,
    /// The new in-sync replicas.
    #[serde(default)]
    pub isr: Option<Vec<i32>>,
    /// The new leader. Any value, the current leader too, raises the leader epoch.
    #[serde(default)]
    pub leader: Option<i32>,
    /// The new replicas.
    #[serde(default)]
    pub replicas: Option<Vec<i32>>,
    /// The replicas that a reassignment is removing.
    #[serde(default)]
    pub removing_replicas: Option<Vec<i32>>,
    /// The replicas that a reassignment is adding.
    #[serde(default)]
    pub adding_replicas: Option<Vec<i32>>,
    /// The new log directory of each replica.
    #[serde(default)]
    pub directories: Option<Vec<Uuid>>,
    /// The new recovery state of the leader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_recovery_state: Option<LeaderRecoveryState>,
    /// The new eligible leader replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// The new last known eligible leader replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_known_elr: Option<Vec<i32>>,
}

/// How far a partition has come after an unclean election (KIP-704).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(i8)]
pub enum LeaderRecoveryState {
    /// The leader was elected from the ISR, or its followers have what it has.
    #[default]
    Recovered = 0,
    /// The leader was elected uncleanly.
    Recovering = 1,
}

impl LeaderRecoveryState {
    /// The state that `code` stands for on the wire.
    pub fn from_code(code: i8) -> Option<Self> {
        [Self::Recovered, Self::Recovering]
            .into_iter()
            .find(|state| state.code() == code)
    }

    /// The code on the wire.
    pub fn code(self) -> i8 {
        self as i8
    }

    /// Whether nothing is left to recover.
    pub fn is_recovered(&self) -> bool {
        *self == Self::Recovered
    }
}
