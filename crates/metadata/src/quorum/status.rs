//! How the quorum stands, for DescribeQuorum.

use serde::{Deserialize, Serialize};

use super::feed::{Feed, ObserverStatus};
use super::types::Raft;

/// The quorum as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumStatus {
    /// The active controller; -1 when there is none.
    pub leader_id: i32,
    /// Raft's term.
    pub leader_epoch: i32,
    /// The offset after the last committed entry.
    pub high_watermark: i64,
    /// The voters, each with the offset after its last entry.
    pub voters: Vec<(i32, i64)>,
    /// Who follows without a vote; known to the active controller alone.
    #[serde(default)]
    pub observers: Vec<ObserverStatus>,
}

impl QuorumStatus {
    pub(super) fn of(raft: &Raft, feed: &Feed) -> Self {
        let metrics = raft.metrics().borrow().clone();
        let end = metrics.last_log_index.map_or(0, |index| index as i64 + 1);
        let matched = |id: u64| {
            let replicated = metrics
                .replication
                .as_ref()
                .and_then(|of| of.get(&id))
                .copied()
                .flatten();
            if id == metrics.id {
                end
            } else {
                replicated.map_or(-1, |log_id| log_id.index as i64 + 1)
            }
        };
        Self {
            leader_id: metrics.current_leader.map_or(-1, |id| id as i32),
            leader_epoch: metrics.current_term as i32,
            high_watermark: metrics.last_applied.map_or(0, |log_id| log_id.index as i64 + 1),
            voters: metrics
                .membership_config
                .membership()
                .voter_ids()
                .map(|id| (id as i32, matched(id)))
                .collect(),
            observers: feed.observers(),
        }
    }
}
