//! How a controller comes into a quorum whose voters are in the log (KIP-853, KIP-1186).
//!
//! ```text
//! node: "I am node 4, my metadata lie in directory D, I listen there" ─→ the leader lets it follow, as raft's learner
//!       ←─ it may follow, or who leads instead
//! add-controller, or controller.quorum.auto.join.enable             ─→ the leader makes it a voter
//! ```
//! It asks whenever it hears of no leader, and as a voter when the list has something else of it than is so:
//! then it listens somewhere else by now. One without a vote never votes, and nobody asks it to.

use std::collections::BTreeSet;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::network::Network;
use super::peer_door::PeerDoor;
use super::peers::{FrameKind, PeerError};
use super::types::NodeId;
use super::voter_node::VoterNode;
use super::voters::{Changed, VoterChange, membership};
use super::{ControllerHandle, options::Joining};
use crate::controller::ApiError;
use crate::error::MetadataError;

/// So often it is looked whether there is something to ask for.
const LOOK: Duration = Duration::from_millis(500);
/// While nobody is heard the pauses double up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Who has no vote and was not heard for so long follows no more.
const SILENT: Duration = Duration::from_secs(300);
/// A node that joins as a voter has so long to catch up before it asks again.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(3);

/// What a controller asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Join {
    pub id: i32,
    pub node: VoterNode,
    /// It is to have a vote (`controller.quorum.auto.join.enable`).
    pub votes: bool,
}

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Joined {
    /// It follows, or votes.
    Follows,
    /// Somebody else leads, or nobody.
    NotLeader {
        leader: Option<NodeId>,
        /// Where.
        address: Option<String>,
    },
    /// It can't join as things are.
    Refused(ApiError),
}

/// The task of a controller that may join.
pub(super) struct Joiner {
    pub own: Joining,
    pub id: i32,
    pub door: PeerDoor,
    pub network: Network,
}

impl Joiner {
    /// Joins whenever that is to be done. Ends with raft.
    pub async fn run(self) {
        let mut turn = 0;
        let mut pause = PAUSE_MIN;
        let mut leader = None;
        let mut told = None;
        loop {
            if self.door.raft.metrics().borrow().running_state.is_err() {
                return;
            }
            if !self.has_to_ask() {
                (pause, leader, told) = (PAUSE_MIN, None, None);
                sleep(LOOK).await;
                continue;
            }
            if self.door.leadership.is_active() {
                // It leads, and listens somewhere else than when it began to vote.
                if let Joined::Refused(error) = self.door.handle.join(self.wish()).await {
                    tracing::warn!(%error, "where this controller listens can't be told to the others");
                }
                sleep(PAUSE_MAX).await;
                continue;
            }
            let known = self.door.leadership.leader_id().filter(|id| *id != self.id);
            let Some(asked) = leader.take().or(known).or_else(|| self.candidate(turn)) else {
                sleep(PAUSE_MAX).await;
                continue;
            };
            turn += 1;
            match self.ask(asked).await {
                Ok(Joined::Follows) => {}
                Ok(Joined::NotLeader {
                    leader: other,
                    address,
                }) => {
                    let other = other
                        .and_then(|id| i32::try_from(id).ok())
                        .filter(|id| *id != self.id);
                    if let (Some(other), Some(address)) = (other, address) {
                        self.network.addresses.learn(other, &address);
                        // Who is named is asked at once, unless they name each other.
                        if turn % 4 != 0 {
                            leader = Some(other);
                            continue;
                        }
                    }
                }
                Ok(Joined::Refused(error)) => {
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(%error, "this controller can't join the quorum yet");
                        told = Some(error);
                    }
                }
                Err(error) => {
                    tracing::debug!(controller = asked, %error, "a controller can't be asked to join");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn has_to_ask(&self) -> bool {
        let membership = membership(&self.door.raft);
        let Ok(id) = NodeId::try_from(self.id) else {
            return false;
        };
        let is_voter = membership.voter_ids().any(|voter| voter == id);
        let listed = membership.get_node(&id).map(VoterNode::of);
        let is_heard =
            !self.door.heard.lease_is_over(self.door.lease * 2) || self.door.leadership.is_active();
        if !is_heard {
            // A voter waits for an election, unless it was removed while it was away.
            return true;
        }
        listed != Some(self.own.node.clone()) || (self.own.votes && !is_voter)
    }

    fn candidate(&self, turn: usize) -> Option<i32> {
        let ids = self.network.addresses.ids();
        let others: Vec<i32> = ids.into_iter().filter(|id| *id != self.id).collect();
        others.get(turn % others.len().max(1)).copied()
    }

    fn wish(&self) -> Join {
        Join {
            id: self.id,
            node: self.own.node.clone(),
            votes: self.own.votes,
        }
    }

    async fn ask(&self, controller: i32) -> Result<Joined, PeerError> {
        let join = self.wish();
        let asked = self
            .network
            .call_at::<_, Joined>(controller, FrameKind::Join, &join, (&[], None));
        timeout(CATCH_UP_PATIENCE * 3, asked)
            .await
            .unwrap_or_else(|_| Err(PeerError::Unreachable("it does not answer".into())))
    }
}

impl ControllerHandle {
    /// Answers a controller that wants to join.
    pub(super) async fn join(&self, join: Join) -> Joined {
        if !self.is_active() {
            return self.not_leader(None);
        }
        let joined = self.let_in(&join).await;
        match joined {
            Ok(Ok(())) => Joined::Follows,
            Ok(Err(refused)) => Joined::Refused(refused),
            Err(MetadataError::NotController { leader_id }) => self.not_leader(leader_id),
            Err(error) => Joined::Refused(ApiError::from(error)),
        }
    }

    fn not_leader(&self, leader: Option<i32>) -> Joined {
        let leader = leader.or(self.leader_id());
        Joined::NotLeader {
            leader: leader.and_then(|id| NodeId::try_from(id).ok()),
            address: leader.and_then(|id| self.network.addresses.address(id)),
        }
    }

    async fn let_in(&self, join: &Join) -> Result<Changed, MetadataError> {
        self.leadership.epoch(&self.state_machine).await?;
        if self.image().features.level(crate::features::KRAFT_VERSION) < 1 {
            let why = "the settings of the others name the voters (controller.quorum.voters)";
            return Ok(Err(ApiError::new(ErrorCode::UnsupportedVersion, why)));
        }
        if join.votes
            && let Some(directory_id) = self.replaced(join)
        {
            let id = join.id;
            let gone = VoterChange::Remove { id, directory_id };
            if let Err(refused) = self.change_voters(gone, CATCH_UP_PATIENCE).await? {
                return Ok(Err(refused));
            }
        }
        if let Err(refused) = self.let_follow(join.id, &join.node).await? {
            return Ok(Err(refused));
        }
        let is_voter = membership(&self.raft)
            .voter_ids()
            .any(|voter| i32::try_from(voter) == Ok(join.id));
        if !join.votes || is_voter {
            return Ok(Ok(()));
        }
        let (id, node) = (join.id, join.node.clone());
        self.change_voters(VoterChange::Add { id, node }, CATCH_UP_PATIENCE)
            .await
    }

    /// Lets go of those without a vote that have not been heard for long, while this node leads: nothing is
    /// sent to them any more, and they ask again when they are back. Ends with raft.
    pub(super) async fn forget_silent(self) {
        let mut never_heard = BTreeSet::new();
        loop {
            sleep(SILENT / 5).await;
            if self.raft.metrics().borrow().running_state.is_err() {
                return;
            }
            let before = std::mem::take(&mut never_heard);
            if !self.is_active() {
                continue;
            }
            let membership = membership(&self.raft);
            let is_voter = |id: &NodeId| membership.voter_ids().any(|voter| voter == *id);
            for (id, _) in membership.nodes().filter(|(id, _)| !is_voter(id)) {
                let heard_ms = self.followers.get(*id as i32).last_fetch_ms;
                let silent_ms = self.followers.now_ms() - heard_ms;
                if heard_ms < 0 && !before.contains(id) {
                    never_heard.insert(*id);
                } else if silent_ms >= SILENT.as_millis() as i64 {
                    tracing::info!("node {id} follows the metadata no more");
                    self.let_go(*id).await;
                }
            }
        }
    }

    /// The directory of a voter whose place the new one takes: the same node with a disk of before.
    fn replaced(&self, join: &Join) -> Option<Uuid> {
        let membership = membership(&self.raft);
        let id = membership
            .voter_ids()
            .find(|id| i32::try_from(*id) == Ok(join.id))?;
        let known = VoterNode::of(membership.get_node(&id)?);
        (!known.is_at(join.node.directory_id)).then_some(known.directory_id)
    }
}
