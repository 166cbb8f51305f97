//! A leader that stops: it says so, and the voter that has most of its log takes over at once.

use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Quorum;
use super::network::Network;
use super::peer_door::Resignation;
use super::peers::{FrameKind, PeerError};
use super::types::{NodeId, Raft};

/// How long the stop waits for a successor.
const SUCCESSION_TIMEOUT: Duration = Duration::from_secs(1);

impl Quorum {
    /// Gives the leadership away, if this node has it and somebody takes it. Best while this node still
    /// answers the others.
    pub async fn hand_over(&self) {
        let Some(resignation) = resignation(&self.raft) else {
            return;
        };
        if !self.handle.leadership.resign() {
            return;
        }
        // Whoever hears a leader votes for nobody else.
        self.raft.runtime_config().heartbeat(false);
        let others: Vec<NodeId> = {
            let metrics = self.raft.metrics();
            let now = metrics.borrow();
            let voters = now.membership_config.membership().voter_ids();
            voters.filter(|voter| *voter != now.id).collect()
        };
        let mut telling = tell(&self.network, resignation, others);
        let mut metrics = self.raft.metrics();
        let succeeded = async {
            let any_accepts = async {
                while let Some(told) = telling.join_next().await {
                    if matches!(told, Ok(Ok(true))) {
                        return true;
                    }
                }
                false
            };
            // Where all stop at once nobody is left.
            if any_accepts.await {
                let replaced = metrics.wait_for(|now| {
                    now.running_state.is_err() || now.current_leader.is_some_and(|leader| leader != now.id)
                });
                drop(replaced.await);
            }
        };
        if timeout(SUCCESSION_TIMEOUT, succeeded).await.is_err() {
            tracing::warn!("no other voter has taken over in time");
        }
    }
}

/// Tells voters that a leader goes.
pub(super) fn tell(
    network: &Network,
    resignation: Resignation,
    voters: impl IntoIterator<Item = NodeId>,
) -> JoinSet<Result<bool, PeerError>> {
    let mut telling = JoinSet::new();
    let resignation = Arc::new(resignation);
    for voter in voters {
        let (network, resignation) = (network.clone(), resignation.clone());
        telling.spawn(async move {
            let told = network.call::<_, bool>(voter, FrameKind::Resign, &*resignation, (&[], None));
            told.await
        });
    }
    telling
}

/// What a leader tells the others; `None` where this node doesn't lead or is alone.
pub(super) fn resignation(raft: &Raft) -> Option<Resignation> {
    let metrics = raft.metrics();
    let now = metrics.borrow();
    let leads = now.state == ServerState::Leader && now.running_state.is_ok();
    let replication = now.replication.as_ref().filter(|_| leads)?;
    let voters: Vec<NodeId> = now.membership_config.membership().voter_ids().collect();
    let others = replication
        .iter()
        .filter(|(id, _)| **id != now.id && voters.contains(*id));
    let (successor, _) = others.max_by_key(|(_, matched)| **matched)?;
    Some(Resignation {
        leader: now.id,
        term: now.current_term,
        successor: *successor,
    })
}
