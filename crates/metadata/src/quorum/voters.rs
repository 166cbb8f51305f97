//! Changes of the voters (KIP-853): one at a time, decided by the active controller, and committed by the
//! voters before and by those after.

use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::kafka_uuid;
use openraft::error::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{ChangeMembers, Membership, RaftMetrics, ServerState};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;

use super::ControllerHandle;
use super::hand_over;
use super::types::{Node, NodeId, Raft};
use super::voter_node::VoterNode;
use crate::controller::ApiError;
use crate::error::MetadataError;
use crate::features;

/// How far behind the leader a node may be that becomes a voter, in entries.
const LAG_MAX: u64 = 20;
/// How often it is looked whether it has come so far.
const LOOK: Duration = Duration::from_millis(20);

/// So long a change waits for another one that is about to end.
const TURN: Duration = Duration::from_secs(1);
/// How long the end of a change may take that another leader began.
const FINISH: Duration = Duration::from_secs(10);

/// What is to become of the voters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoterChange {
    /// A controller that follows already gets a vote.
    Add {
        /// Its id.
        id: i32,
        /// Its directory and its listeners.
        node: VoterNode,
    },
    /// A voter loses its vote; the active controller may be it.
    Remove {
        /// Its id.
        id: i32,
        /// Its directory.
        directory_id: Uuid,
    },
    /// A voter listens somewhere else.
    Update {
        /// Its id.
        id: i32,
        /// Its directory and its listeners.
        node: VoterNode,
    },
}

/// What came of a change.
pub type Changed = Result<(), ApiError>;

/// The right to change who is in the quorum: one change at a time.
pub(super) type Turn = OwnedMutexGuard<()>;

impl ControllerHandle {
    /// Changes the voters, and returns when most of the old and of the new ones have it on disk.
    ///
    /// The errors in it are Kafka's: UNSUPPORTED_VERSION where the settings name the voters (kraft.version
    /// 0), DUPLICATE_VOTER, VOTER_NOT_FOUND, INVALID_REQUEST, and REQUEST_TIMED_OUT where an earlier change
    /// is on its way or `patience` was over; the change may have its effect yet then.
    ///
    /// # Errors
    /// [`MetadataError::NotController`]: another node decides; the quorum has stopped.
    pub async fn change_voters(
        &self,
        change: VoterChange,
        patience: Duration,
    ) -> Result<Changed, MetadataError> {
        let deadline = Instant::now() + patience;
        // It has applied all that came before its term.
        self.leadership.epoch(&self.state_machine).await?;
        let Ok(turn) = timeout(TURN.min(patience), self.turn.clone().lock_owned()).await else {
            let why = "Request timed out waiting for leader to handle previous add or remove voter request";
            return Ok(Err(ApiError::new(ErrorCode::RequestTimedOut, why)));
        };
        if let Err(refused) = self.check(&change) {
            return Ok(Err(refused));
        }
        match change {
            VoterChange::Add { id, node } => self.add_voter(turn, id, &node, deadline).await,
            VoterChange::Remove { id, .. } => self.remove_voter(turn, id, deadline).await,
            VoterChange::Update { id, node } => {
                let nodes = [(voter(id), node.to_node())].into();
                self.commit_change(turn, ChangeMembers::SetNodes(nodes), deadline)
                    .await
            }
        }
    }

    fn check(&self, change: &VoterChange) -> Result<(), ApiError> {
        let level = self.image().features.level(features::KRAFT_VERSION);
        if level < 1 {
            let what = match change {
                VoterChange::Add { .. } => "adding voter",
                VoterChange::Remove { .. } => "removing voter",
                VoterChange::Update { .. } => "updating voter",
            };
            let why = format!("Cluster doesn't support {what} because the kraft.version feature is {level}");
            return Err(ApiError::new(ErrorCode::UnsupportedVersion, why));
        }
        let membership = membership(&self.raft);
        let known = |id: i32| {
            let is_voter = membership.voter_ids().any(|known| known == voter(id));
            is_voter.then(|| {
                membership
                    .get_node(&voter(id))
                    .map(VoterNode::of)
                    .unwrap_or_default()
            })
        };
        match change {
            VoterChange::Add { id, node } if known(*id).is_some() => Err(ApiError::new(
                ErrorCode::DuplicateVoter,
                format!(
                    "The voter id for {} is already part of the set of voters {}.",
                    key(*id, node.directory_id),
                    keys(&membership)
                ),
            )),
            VoterChange::Add { .. } => Ok(()),
            VoterChange::Remove { id, directory_id } => {
                let is_known = known(*id).is_some_and(|voter| voter.is_at(*directory_id));
                // Nobody would be left to decide anything.
                let is_last = membership.voter_ids().count() == 1;
                let why = || {
                    format!(
                        "Cannot remove voter {} from the set of voters {}",
                        key(*id, *directory_id),
                        keys(&membership)
                    )
                };
                match (is_known, is_last) {
                    (false, _) => Err(ApiError::new(ErrorCode::VoterNotFound, why())),
                    (true, true) => Err(ApiError::new(ErrorCode::InvalidRequest, why())),
                    (true, false) => Ok(()),
                }
            }
            VoterChange::Update { id, node } => match known(*id) {
                Some(voter) if voter.is_at(node.directory_id) => Ok(()),
                _ => Err(ApiError::bare(ErrorCode::VoterNotFound)),
            },
        }
    }

    /// A learner with the same directory becomes a voter, once it has what the leader has.
    async fn add_voter(
        &self,
        turn: Turn,
        id: i32,
        node: &VoterNode,
        deadline: Instant,
    ) -> Result<Changed, MetadataError> {
        let lags = |why: &str| {
            let key = key(id, node.directory_id);
            let why = format!("Aborted add voter operation for {key} since it {why}");
            Ok(Err(ApiError::new(ErrorCode::RequestTimedOut, why)))
        };
        while !self.has_caught_up(voter(id), node.directory_id) {
            if !self.is_active() {
                return Err(self.leadership.not_controller());
            }
            if Instant::now() >= deadline {
                return match membership(&self.raft).get_node(&voter(id)) {
                    Some(_) => lags("is lagging behind"),
                    None => lags("has not asked for the metadata"),
                };
            }
            sleep(LOOK).await;
        }
        // Where it listens says who adds it; what it said itself was only for the way there.
        let nodes = [(voter(id), node.to_node())].into();
        let turn = match self
            .commit(turn, ChangeMembers::SetNodes(nodes), deadline)
            .await?
        {
            Ok(turn) => turn,
            Err(refused) => return Ok(Err(refused)),
        };
        self.commit_change(turn, ChangeMembers::AddVoterIds([voter(id)].into()), deadline)
            .await
    }

    /// Whether a learner is in this directory and has what the leader has, but for what came just now.
    fn has_caught_up(&self, id: NodeId, directory_id: Uuid) -> bool {
        let metrics = self.raft.metrics();
        let now = metrics.borrow();
        let node = now.membership_config.membership().get_node(&id);
        let is_there = node.is_some_and(|node| VoterNode::of(node).directory_id == directory_id);
        let matched = now
            .replication
            .as_ref()
            .and_then(|all| all.get(&id).copied().flatten());
        is_there && matched.is_some_and(|matched| matched.index + LAG_MAX >= now.last_log_index.unwrap_or(0))
    }

    /// A voter goes. A leader that goes says so, so that nobody need miss it.
    async fn remove_voter(&self, turn: Turn, id: i32, deadline: Instant) -> Result<Changed, MetadataError> {
        let resignation = match self.raft.metrics().borrow().id == voter(id) {
            true => hand_over::resignation(&self.raft),
            false => None,
        };
        let others: Vec<NodeId> = membership(&self.raft).voter_ids().collect();
        let change = ChangeMembers::RemoveVoters([voter(id)].into());
        let changed = self.commit_change(turn, change, deadline).await?;
        if let (Ok(()), Some(resignation)) = (&changed, resignation) {
            tracing::info!("this node is no voter any more: another one takes over");
            let others = others.into_iter().filter(|other| *other != voter(id));
            hand_over::tell(&self.network, resignation, others).detach_all();
        }
        Ok(changed)
    }

    async fn commit_change(
        &self,
        turn: Turn,
        change: ChangeMembers<NodeId, Node>,
        deadline: Instant,
    ) -> Result<Changed, MetadataError> {
        Ok(self.commit(turn, change, deadline).await?.map(drop))
    }

    /// Has a change committed. It goes on when the deadline is over, and nobody has a turn until it is done:
    /// half a change would leave two sets of voters that both have to agree.
    async fn commit(
        &self,
        turn: Turn,
        change: ChangeMembers<NodeId, Node>,
        deadline: Instant,
    ) -> Result<Result<Turn, ApiError>, MetadataError> {
        let raft = self.raft.clone();
        let changing = tokio::spawn(async move {
            // A voter that goes gets no entries any more; as a node that joins it may ask for them.
            let changed = raft.change_membership(change, false).await;
            changed.map(|_| turn)
        });
        match timeout_at(deadline, changing).await {
            Ok(Ok(Ok(turn))) => Ok(Ok(turn)),
            Ok(Ok(Err(error))) => refusal(error).map(Err),
            Ok(Err(_)) => Err(MetadataError::ShuttingDown),
            Err(_) => Ok(Err(ApiError::bare(ErrorCode::RequestTimedOut))),
        }
    }

    /// Lets a controller without a vote follow, or takes over where it listens.
    pub(super) async fn let_follow(&self, id: i32, node: &VoterNode) -> Result<Changed, MetadataError> {
        const PATIENCE: Duration = Duration::from_secs(3);
        let deadline = Instant::now() + PATIENCE;
        let Ok(turn) = timeout_at(deadline, self.turn.clone().lock_owned()).await else {
            return Ok(Err(ApiError::bare(ErrorCode::RequestTimedOut)));
        };
        let membership = membership(&self.raft);
        let known = membership.get_node(&voter(id)).map(VoterNode::of);
        let is_voter = membership.voter_ids().any(|known| known == voter(id));
        let nodes = [(voter(id), node.to_node())].into();
        match known {
            Some(known) if known == *node => Ok(Ok(())),
            Some(known) if known.is_at(node.directory_id) => {
                self.commit_change(turn, ChangeMembers::SetNodes(nodes), deadline)
                    .await
            }
            Some(known) if is_voter => Ok(Err(ApiError::new(
                ErrorCode::DuplicateVoter,
                format!(
                    "node {id} is a voter with the directory {}: it is to be removed before a node with another \
                     directory takes its place",
                    kafka_uuid::encode(known.directory_id)
                ),
            ))),
            // What raft knows of the old one is nothing that the new one has.
            Some(_) => {
                let gone = ChangeMembers::RemoveNodes([voter(id)].into());
                match self.commit(turn, gone, deadline).await? {
                    Ok(turn) => {
                        self.commit_change(turn, ChangeMembers::AddNodes(nodes), deadline)
                            .await
                    }
                    Err(refused) => Ok(Err(refused)),
                }
            }
            None => {
                self.commit_change(turn, ChangeMembers::AddNodes(nodes), deadline)
                    .await
            }
        }
    }

    /// Sends nothing more to a node without a vote.
    pub(super) async fn let_go(&self, id: NodeId) {
        let Ok(turn) = self.turn.clone().try_lock_owned() else {
            return;
        };
        let deadline = Instant::now() + FINISH;
        drop(
            self.commit(turn, ChangeMembers::RemoveNodes([id].into()), deadline)
                .await,
        );
    }

    /// Ends a change that an earlier leader began, whenever this node leads. Ends with raft.
    pub(super) async fn finish_changes(self) {
        let mut metrics = self.raft.metrics();
        let halves = |now: &RaftMetrics<NodeId, Node>| {
            let joint = now.membership_config.membership().get_joint_config().clone();
            (joint.len() > 1).then(|| joint.into_iter().next_back()).flatten()
        };
        loop {
            let unfinished =
                metrics.wait_for(|now| now.state == ServerState::Leader && halves(now).is_some());
            let Ok(goal) = unfinished.await.map(|now| halves(&now)) else {
                return;
            };
            // Whoever began it in this term ends it too.
            let Ok(turn) = timeout_at(Instant::now() + FINISH, self.turn.clone().lock_owned()).await else {
                continue;
            };
            let goal = goal.filter(|_| halves(&metrics.borrow()).is_some());
            if let Some(goal) = goal {
                let change = ChangeMembers::ReplaceAllVoters(goal);
                drop(self.commit(turn, change, Instant::now() + FINISH).await);
            } else {
                drop(turn);
            }
            sleep(LOOK).await;
        }
    }
}

/// Who is in the quorum, with changes that are not committed yet.
pub(super) fn membership(raft: &Raft) -> Arc<Membership<NodeId, Node>> {
    let metrics = raft.metrics();
    let now = metrics.borrow();
    Arc::new(now.membership_config.membership().clone())
}

/// Ids are never below zero where they come from settings; others are nobody's.
fn voter(id: i32) -> NodeId {
    NodeId::try_from(id).unwrap_or(NodeId::MAX)
}

fn key(id: i32, directory_id: Uuid) -> String {
    format!(
        "ReplicaKey(id={id}, directoryId={})",
        kafka_uuid::encode(directory_id)
    )
}

fn keys(membership: &Membership<NodeId, Node>) -> String {
    let keys = membership.voter_ids().map(|id| {
        let node = membership.get_node(&id).map(VoterNode::of).unwrap_or_default();
        key(id as i32, node.directory_id)
    });
    format!("[{}]", keys.collect::<Vec<_>>().join(", "))
}

type ChangeError = RaftError<NodeId, ClientWriteError<NodeId, Node>>;

fn refusal(error: ChangeError) -> Result<ApiError, MetadataError> {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
            let leader_id = forward.leader_id.and_then(|id| i32::try_from(id).ok());
            Err(MetadataError::NotController { leader_id })
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => Ok(match error {
            ChangeMembershipError::InProgress(_) => ApiError::new(
                ErrorCode::RequestTimedOut,
                "Request timed out waiting for voters to commit the latest voter change",
            ),
            other => ApiError::new(ErrorCode::InvalidRequest, other.to_string()),
        }),
        RaftError::Fatal(fatal) => Err(MetadataError::Storage(fatal.to_string())),
    }
}
