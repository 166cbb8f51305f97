//! Whether this node is the active controller: it leads, most voters still follow, and it has applied all
//! that came before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::{RaftMetrics, ServerState};
use tokio::sync::watch;

use super::state_machine::StateMachine;
use super::types::{Node, NodeId, Raft};
use crate::error::MetadataError;

/// Watches raft. Clones are cheap.
#[derive(Clone)]
pub struct Leadership {
    raft: Raft,
    /// So long a leader may go unheard by most voters before it holds itself for deposed.
    majority_timeout: Duration,
    /// Whether it has told the others that it goes.
    resigned: Arc<AtomicBool>,
}

type Metrics = RaftMetrics<NodeId, Node>;

impl Leadership {
    pub fn new(raft: Raft, majority_timeout: Duration) -> Self {
        Self {
            raft,
            majority_timeout,
            resigned: Arc::default(),
        }
    }

    /// This node decides no more. Says whether it is the first time that it resigns.
    pub fn resign(&self) -> bool {
        !self.resigned.swap(true, Ordering::Relaxed)
    }

    /// The term in which this node is the active controller, once it has applied what came before.
    pub async fn epoch(&self, state_machine: &StateMachine) -> Result<i32, MetadataError> {
        let mut metrics = self.raft.metrics();
        loop {
            {
                let now = metrics.borrow_and_update();
                if !self.leads(&now) {
                    return Err(not_controller(&now));
                }
                let term = now.current_term as i32;
                // A leader that comes back in its term has no new entry that would tell it that the old ones
                // count.
                let all_applied = now.last_applied.map(|log_id| log_id.index) == now.last_log_index;
                if all_applied && state_machine.image().epoch == term {
                    return Ok(term);
                }
            }
            if metrics.changed().await.is_err() {
                return Err(MetadataError::ShuttingDown);
            }
        }
    }

    /// Whether this node leads now.
    pub fn is_active(&self) -> bool {
        self.leads(&self.raft.metrics().borrow())
    }

    /// Whether this node is the only voter.
    pub fn is_alone(&self) -> bool {
        is_alone(&self.raft.metrics().borrow())
    }

    /// Who leads, as far as this node knows.
    pub fn leader_id(&self) -> Option<i32> {
        let leader = self.raft.metrics().borrow().current_leader;
        leader.and_then(|id| i32::try_from(id).ok())
    }

    /// Ready when this node leads.
    pub async fn gained(&self) {
        self.reached(|now| self.leads(now)).await;
    }

    /// Ready when this node leads no more.
    pub async fn lost(&self) {
        self.reached(|now| !self.leads(now)).await;
    }

    /// What to answer when this node isn't the active controller.
    pub fn not_controller(&self) -> MetadataError {
        not_controller(&self.raft.metrics().borrow())
    }

    async fn reached(&self, condition: impl FnMut(&Metrics) -> bool) {
        if self.raft.metrics().wait_for(condition).await.is_err() {
            // Raft has stopped.
            std::future::pending().await
        }
    }

    fn leads(&self, now: &Metrics) -> bool {
        let alone = is_alone(now);
        let heard = now
            .millis_since_quorum_ack
            .is_some_and(|ms| u128::from(ms) <= self.majority_timeout.as_millis());
        now.state == ServerState::Leader
            && !self.resigned.load(Ordering::Relaxed)
            && now.running_state.is_ok()
            && (alone || heard)
    }
}

fn is_alone(now: &Metrics) -> bool {
    now.membership_config.membership().voter_ids().count() == 1
}

fn not_controller(now: &Metrics) -> MetadataError {
    if let Err(fatal) = &now.running_state {
        return MetadataError::Storage(fatal.to_string());
    }
    let leader = now.current_leader.filter(|leader| *leader != now.id);
    MetadataError::NotController {
        leader_id: leader.map(|id| id as i32),
    }
}

/// Says in the log who leads, whenever that changes, until raft has stopped.
pub async fn tell(mut metrics: watch::Receiver<Metrics>) {
    let mut told = None;
    loop {
        let (leader, term, own) = {
            let now = metrics.borrow_and_update();
            (now.current_leader, now.current_term, now.id)
        };
        if told != leader {
            match leader {
                Some(leader) if leader == own => tracing::info!(term, "this node is the active controller"),
                Some(leader) => tracing::info!(term, "node {leader} is the active controller"),
                None => tracing::warn!(term, "there is no active controller"),
            }
            told = leader;
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}
