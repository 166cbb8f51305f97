//! Raft's way to the other voters: its messages in frames over [`Peers`].

use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use openraft::error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use uuid::Uuid;

use super::address_book::AddressBook;
use super::peers::{Frame, FrameKind, PeerError, Peers};
use super::replicas::Replicas;
use super::types::{LogId, Node, NodeId, Raft, RaftTypes};
use super::voter_node::VoterNode;

/// A voter that can't be reached is tried again after so long, each time after twice as long.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// But never later than so.
const BACKOFF_MAX: Duration = Duration::from_millis(160);
/// Not more often is a leader heard because connections end.
const RECONNECT_PAUSE: Duration = Duration::from_millis(10);

/// Makes the ways to single voters.
#[derive(Clone)]
pub struct Network {
    /// `None` in a quorum of one, which never sends anything.
    pub peers: Option<Arc<dyn Peers>>,
    pub cluster_id: Arc<str>,
    /// Who has answered when.
    pub followers: Arc<Replicas>,
    /// Where the controllers are.
    pub addresses: AddressBook,
}

/// The way to one voter.
pub struct Peer {
    network: Network,
    voter: NodeId,
    /// The directory of the voter that is meant.
    directory: Option<Uuid>,
}

/// A message, and which directory it is for.
#[derive(Serialize)]
struct Addressed<'a, Q> {
    #[serde(flatten)]
    request: &'a Q,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Uuid>,
}

type RpcError<E> = RPCError<NodeId, Node, RaftError<NodeId, E>>;

impl Network {
    /// Sends a message and reads the answer.
    pub async fn call<Q: Serialize, R: DeserializeOwned>(
        &self,
        voter: NodeId,
        kind: FrameKind,
        request: &Q,
        data: (&[u8], Option<Uuid>),
    ) -> Result<R, PeerError> {
        let voter = i32::try_from(voter).map_err(|_| PeerError::UnknownVoter(voter))?;
        self.call_at(voter, kind, request, data).await
    }

    /// The same to whoever is at an address in the book. With the data may come the directory of the voter
    /// that is meant.
    pub async fn call_at<Q: Serialize, R: DeserializeOwned>(
        &self,
        node: i32,
        kind: FrameKind,
        request: &Q,
        (data, to): (&[u8], Option<Uuid>),
    ) -> Result<R, PeerError> {
        let unreachable = || PeerError::Unreachable(format!("there is no way to node {node}"));
        let peers = self.peers.as_ref().ok_or_else(unreachable)?;
        let head = Addressed { request, to };
        let answer = peers
            .send(node, Frame::new(kind, &self.cluster_id, &head, data)?)
            .await?;
        if answer.kind != kind {
            return Err(PeerError::Malformed(format!(
                "{kind:?} was answered with {:?}",
                answer.kind
            )));
        }
        Ok(answer.read()?.0)
    }
}

impl Peer {
    async fn call<Q: Serialize, R: DeserializeOwned, E: std::error::Error + DeserializeOwned>(
        &self,
        kind: FrameKind,
        request: &Q,
        data: &[u8],
    ) -> Result<R, RpcError<E>> {
        let answered: Result<Result<R, RaftError<NodeId, E>>, PeerError> = self
            .network
            .call(self.voter, kind, request, (data, self.directory))
            .await;
        match answered {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(RPCError::RemoteError(RemoteError::new(self.voter, error))),
            // Raft waits before it tries again.
            Err(error @ PeerError::Unreachable(_)) => Err(RPCError::Unreachable(Unreachable::new(&error))),
            Err(error) => Err(RPCError::Network(NetworkError::new(&error))),
        }
    }
}

impl RaftNetworkFactory<RaftTypes> for Network {
    type Network = Peer;

    async fn new_client(&mut self, voter: NodeId, node: &Node) -> Peer {
        self.addresses.learn_node(voter, node);
        Peer {
            network: self.clone(),
            voter,
            directory: VoterNode::of(node).directory(),
        }
    }
}

impl RaftNetwork<RaftTypes> for Peer {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<RaftTypes>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, Node, RaftError<NodeId>>> {
        let answered = self.call(FrameKind::AppendEntries, &request, &[]).await;
        if let Ok(AppendEntriesResponse::Success) = answered
            && let Ok(voter) = i32::try_from(self.voter)
        {
            let last = request.entries.last().map(|entry| entry.log_id);
            let end = |log_id: Option<LogId>| log_id.map_or(0, |log_id| log_id.index as i64 + 1);
            let has = end(last.or(request.prev_log_id));
            self.network
                .followers
                .heard(voter, has, end(request.leader_commit));
        }
        answered
    }

    async fn install_snapshot(
        &mut self,
        mut request: InstallSnapshotRequest<RaftTypes>,
        _: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RpcError<InstallSnapshotError>> {
        let data = std::mem::take(&mut request.data);
        self.call(FrameKind::InstallSnapshot, &request, &data).await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        _: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, Node, RaftError<NodeId>>> {
        self.call(FrameKind::Vote, &request, &[]).await
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(successors(Some(BACKOFF_MIN), |last| {
            Some((*last * 2).min(BACKOFF_MAX))
        }))
    }
}

/// While this node leads it is heard at once by voters whose connection has ended. Ends with raft.
pub async fn stay_heard(raft: Raft, peers: Arc<dyn Peers>) {
    let mut metrics = raft.metrics();
    let serve = async {
        loop {
            peers.connection_lost().await;
            let leads = raft.metrics().borrow().state == ServerState::Leader;
            if leads && raft.trigger().heartbeat().await.is_err() {
                return;
            }
            sleep(RECONNECT_PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        _ = metrics.wait_for(|now| now.running_state.is_err()) => {}
        () = serve => {}
    }
}
