//! What this voter answers to the others.

use std::sync::Arc;
use std::time::Duration;

use openraft::error::{InstallSnapshotError, RaftError};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, VoteRequest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ControllerHandle;
use super::feed::{Feed, Observe};
use super::heard::Heard;
use super::joining::Join;
use super::leadership::Leadership;
use super::peers::{Frame, FrameKind, PeerError};
use super::types::{LogId, NodeId, Raft, RaftTypes};

/// Takes the other voters' frames. Clones are cheap; may be used from any thread.
#[derive(Clone)]
pub struct PeerDoor {
    pub(super) raft: Raft,
    pub(super) leadership: Leadership,
    pub(super) cluster_id: Arc<str>,
    /// When a leader was last heard, or a vote was given.
    pub(super) heard: Arc<Heard>,
    /// So long after a leader was heard nobody else is voted for.
    pub(super) lease: Duration,
    /// So long raft itself votes for nobody else.
    pub(super) raft_lease: Duration,
    /// What observers are told.
    pub(super) feed: Arc<Feed>,
    /// In which directory the metadata lie, where the voters are told apart by it.
    pub(super) directory: Option<Uuid>,
    /// Who decides who may join.
    pub(super) handle: ControllerHandle,
}

/// Whether the receiver would vote for a candidate.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PreVote {
    pub candidate: NodeId,
    pub last_log_id: Option<LogId>,
}

/// A leader goes; nobody need wait until it is missed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Resignation {
    pub leader: NodeId,
    /// The term in which it led.
    pub term: u64,
    /// Who has most of its log.
    pub successor: NodeId,
}

/// For whom a frame is.
#[derive(Deserialize)]
struct Recipient {
    #[serde(default)]
    to: Option<Uuid>,
}

impl PeerDoor {
    /// Answers a frame.
    ///
    /// # Errors
    /// The frame is from another cluster or from nobody that votes, it isn't what its kind says, or the
    /// quorum has stopped. The sender had better be disconnected.
    pub async fn handle(&self, frame: Frame) -> Result<Frame, PeerError> {
        if *frame.cluster_id != *self.cluster_id {
            return Err(PeerError::OtherCluster(frame.cluster_id));
        }
        self.check_directory(&frame)?;
        match frame.kind {
            FrameKind::PreVote => {
                let (request, _): (PreVote, _) = frame.read()?;
                self.check_voter(request.candidate)?;
                self.answer(frame.kind, &self.would_vote(&request))
            }
            FrameKind::Vote => {
                let (request, _): (VoteRequest<NodeId>, _) = frame.read()?;
                self.check_voter(request.vote.leader_id.node_id)?;
                // Already while the vote is on its way to the disk nobody else gets one.
                if self.is_complete(request.last_log_id) && self.heard.lease_is_over(self.raft_lease) {
                    self.heard.hear();
                }
                let answer = self.raft.vote(request).await;
                if answer.as_ref().is_ok_and(|answer| answer.vote_granted) {
                    self.heard.hear();
                }
                self.answer(frame.kind, &answer)
            }
            FrameKind::AppendEntries => {
                let (request, _): (AppendEntriesRequest<RaftTypes>, _) = frame.read()?;
                let leader = request.vote.leader_id.node_id;
                self.check_voter(leader)?;
                let answer = self.raft.append_entries(request).await;
                if matches!(&answer, Ok(answer) if !matches!(answer, AppendEntriesResponse::HigherVote(_))) {
                    self.heard.hear_leader(leader);
                }
                self.answer(frame.kind, &answer)
            }
            FrameKind::Observe => {
                let (request, _): (Observe, _) = frame.read()?;
                let (told, data) = self.observe(request).await?;
                Frame::new(frame.kind, &self.cluster_id, &told, &data)
            }
            FrameKind::Resign => {
                let (resignation, _): (Resignation, _) = frame.read()?;
                self.answer(frame.kind, &self.accept(&resignation))
            }
            FrameKind::Join => {
                let (join, _): (Join, _) = frame.read()?;
                let joined = self.handle.join(join).await;
                self.answer(frame.kind, &joined)
            }
            FrameKind::InstallSnapshot => {
                let (mut request, data): (InstallSnapshotRequest<RaftTypes>, _) = frame.read()?;
                self.check_voter(request.vote.leader_id.node_id)?;
                request.data = data.to_vec();
                let vote = request.vote;
                let answer: Result<_, RaftError<NodeId, InstallSnapshotError>> =
                    self.raft.install_snapshot(request).await;
                if answer.as_ref().is_ok_and(|answer| answer.vote == vote) {
                    self.heard.hear_leader(vote.leader_id.node_id);
                }
                self.answer(frame.kind, &answer)
            }
        }
    }

    /// Whether this node would vote for a candidate: it misses a leader too, and the candidate has all that
    /// it has.
    pub(super) fn would_vote(&self, request: &PreVote) -> bool {
        self.is_complete(request.last_log_id)
            && self.heard.lease_is_over(self.lease)
            && !self.leadership.is_active()
    }

    /// Whether a candidate has all that this node has.
    fn is_complete(&self, last_log_id: Option<LogId>) -> bool {
        last_log_id >= self.raft.data_metrics().borrow().last_log
    }

    /// The connection has ended by which the leader was heard.
    pub async fn leader_disconnected(&self) {
        self.heard.disconnected().await;
    }

    fn accept(&self, resignation: &Resignation) -> bool {
        let metrics = self.raft.metrics();
        let now = metrics.borrow();
        let is_leader =
            now.current_leader == Some(resignation.leader) && now.current_term == resignation.term;
        if is_leader {
            self.heard.resigned(resignation.successor == now.id);
        }
        is_leader
    }

    fn answer(&self, kind: FrameKind, answer: &impl Serialize) -> Result<Frame, PeerError> {
        Frame::new(kind, &self.cluster_id, answer, &[])
    }

    /// A node whose disk was replaced has forgotten what the voter has promised that a frame is for.
    fn check_directory(&self, frame: &Frame) -> Result<(), PeerError> {
        let Some(own) = self.directory else {
            return Ok(());
        };
        if !frame.kind.is_for_voters() {
            return Ok(());
        }
        let (Recipient { to }, _) = frame.read()?;
        match to {
            Some(other) if other != own => Err(PeerError::OtherDirectory(other)),
            _ => Ok(()),
        }
    }

    /// Only voters have a say. A node that has no log yet knows of none, and its log decides later.
    fn check_voter(&self, node: NodeId) -> Result<(), PeerError> {
        let metrics = self.raft.metrics();
        let now = metrics.borrow();
        if now.running_state.is_err() {
            return Err(PeerError::Stopped);
        }
        let mut voters = now.membership_config.membership().voter_ids().peekable();
        if voters.peek().is_none() || voters.any(|voter| voter == node) {
            Ok(())
        } else {
            Err(PeerError::UnknownVoter(node))
        }
    }
}
