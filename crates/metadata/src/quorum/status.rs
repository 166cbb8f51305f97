//! How the quorum stands, for DescribeQuorum.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::feed::Feed;
use super::replicas::{ReplicaStatus, Replicas};
use super::types::Raft;
use super::voter_node::{ControllerEndpoint, VoterNode};

/// The quorum as this node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumStatus {
    /// The active controller; -1 when there is none.
    pub leader_id: i32,
    /// Raft's term.
    pub leader_epoch: i32,
    /// The offset after the last committed entry.
    pub high_watermark: i64,
    /// The voters. How far they are is known to the active controller alone.
    pub voters: Vec<ReplicaStatus>,
    /// Who follows without a vote; known to the active controller alone.
    #[serde(default)]
    pub observers: Vec<ReplicaStatus>,
    /// Where voters listen, as far as the metadata say it.
    #[serde(default)]
    pub endpoints: BTreeMap<i32, Vec<ControllerEndpoint>>,
}

impl QuorumStatus {
    pub(super) fn of(raft: &Raft, followers: &Replicas, feed: &Feed) -> Self {
        let metrics = raft.metrics().borrow().clone();
        let end = metrics.last_log_index.map_or(0, |index| index as i64 + 1);
        let membership = metrics.membership_config.membership();
        let matched = |id: u64| {
            let replicated = metrics.replication.as_ref()?.get(&id)?.as_ref()?;
            Some(replicated.index as i64 + 1)
        };
        let node = |id: u64| membership.get_node(&id).map(VoterNode::of).unwrap_or_default();
        let replica = |id: u64| {
            let node_id = id as i32;
            let directory_id = node(id).directory_id;
            if id == metrics.id {
                // Who is asked has all that it has, now.
                let now_ms = followers.now_ms();
                return ReplicaStatus {
                    node_id,
                    log_end_offset: end,
                    last_fetch_ms: now_ms,
                    last_caught_up_ms: now_ms,
                    directory_id,
                };
            }
            ReplicaStatus {
                log_end_offset: matched(id).unwrap_or(-1),
                directory_id,
                ..followers.get(node_id)
            }
        };
        let is_voter = |id: u64| membership.voter_ids().any(|voter| voter == id);
        let learners = membership.nodes().map(|(id, _)| *id).filter(|id| !is_voter(*id));
        let mut observers: Vec<ReplicaStatus> = match metrics.replication {
            Some(_) => learners.map(replica).collect(),
            None => Vec::new(),
        };
        observers.extend(feed.observers());
        observers.sort_by_key(|observer| observer.node_id);
        observers.dedup_by_key(|observer| observer.node_id);
        Self {
            leader_id: metrics.current_leader.map_or(-1, |id| id as i32),
            leader_epoch: metrics.current_term as i32,
            high_watermark: metrics.last_applied.map_or(0, |log_id| log_id.index as i64 + 1),
            voters: membership.voter_ids().map(replica).collect(),
            observers,
            endpoints: membership
                .voter_ids()
                .map(|id| (id as i32, node(id).endpoints))
                .filter(|(_, endpoints)| !endpoints.is_empty())
                .collect(),
        }
    }
}
