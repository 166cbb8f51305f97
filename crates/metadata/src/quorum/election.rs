//! When this voter stands for election: it has heard of no leader for a while, and most voters say that they
//! miss one too.
//!
//! Raft alone would raise its term at every timeout; a node that was cut off would come back with a term so
//! high that the healthy leader had to go. Asking first (Kafka's KIP-996) keeps its term where it was: raft's
//! own timeouts are off.

use std::time::Duration;

use barnabas_environment::Random;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::network::Network;
use super::peer_door::{PeerDoor, PreVote};
use super::peers::FrameKind;
use super::types::NodeId;
use super::voter_node::VoterNode;
use super::voters::membership;

/// Those that miss the same leader don't all stand in the same moment.
const TURN_MS: u64 = 50;

pub struct Elections {
    pub door: PeerDoor,
    pub network: Network,
    pub random: Random,
    pub node_id: NodeId,
    /// How long an election may take; up to so much longer than the lease each voter waits.
    pub election_timeout: Duration,
}

impl Elections {
    /// Stands for election whenever it is time. Ends with raft.
    pub async fn run(self) {
        let spread_ms = u64::try_from(self.election_timeout.as_millis()).unwrap_or(u64::MAX);
        let below = |bound: u64| Duration::from_millis(self.random.below(bound.max(1)) + 1);
        let mut tries = 0;
        loop {
            let patience = self.door.lease + below(spread_ms);
            let turn = below(TURN_MS.min(spread_ms));
            self.door.heard.missed(patience, self.door.raft_lease, turn).await;
            if self.door.raft.metrics().borrow().running_state.is_err() {
                return;
            }
            if !self.is_needed() {
                tries = 0;
                sleep(self.door.lease).await;
                continue;
            }
            let missed_since = self.door.heard.at();
            let mut stood = None;
            // Unless somebody was voted for meanwhile.
            if self.most_would_vote().await && self.door.heard.at() == missed_since {
                stood = Some(self.door.heard.stand());
                if self.door.raft.trigger().elect().await.is_err() {
                    return;
                }
            }
            // The others will have noticed soon, too, that the leader is gone.
            let pause_ms = match stood.is_some() || self.door.heard.is_gone() {
                true => spread_ms.min(TURN_MS << tries.min(8)),
                false => spread_ms,
            };
            tries += 1;
            let stands = if stood.is_some() {
                self.election_timeout / 2
            } else {
                Duration::ZERO
            };
            sleep(stands + below(pause_ms)).await;
            if let Some(stood) = stood.filter(|_| self.is_needed()) {
                self.door.heard.failed(stood);
            }
        }
    }

    /// Whether this node votes and doesn't lead.
    fn is_needed(&self) -> bool {
        let metrics = self.door.raft.metrics();
        let now = metrics.borrow();
        let mut voters = now.membership_config.membership().voter_ids();
        voters.any(|voter| voter == self.node_id) && !self.door.leadership.is_active()
    }

    async fn most_would_vote(&self) -> bool {
        let request = PreVote {
            candidate: self.node_id,
            last_log_id: self.door.raft.data_metrics().borrow().last_log,
        };
        let membership = membership(&self.door.raft);
        let voters: Vec<NodeId> = membership.voter_ids().collect();
        let needed = voters.len() / 2 + 1;
        let mut granted = usize::from(self.door.would_vote(&request));
        let request = std::sync::Arc::new(request);
        let mut answers = JoinSet::new();
        for voter in voters.into_iter().filter(|voter| *voter != self.node_id) {
            let (network, request) = (self.network.clone(), request.clone());
            let node = membership.get_node(&voter);
            let to = node.and_then(|node| VoterNode::of(node).directory());
            if let Some(node) = node {
                network.addresses.learn_node(voter, node);
            }
            answers.spawn(async move {
                network
                    .call::<_, bool>(voter, FrameKind::PreVote, &*request, (&[], to))
                    .await
                    .unwrap_or(false)
            });
        }
        let count = async {
            while granted < needed
                && let Some(answer) = answers.join_next().await
            {
                granted += usize::from(answer.unwrap_or(false));
            }
            granted >= needed
        };
        timeout(self.election_timeout, count).await.unwrap_or(false)
    }
}
