//! The way to the other voters: the quorum's frames, over connections to their controller listeners.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barnabas_metadata::quorum::{AddressBook, Answer, Frame, FrameKind, PeerError, Peers, QuorumTiming};
use barnabas_network::client::{Connector, NodeClient};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::envelope::{Envelope, Kind};

/// How long a voter may take for a piece of a snapshot.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(10);
/// How long an observer waits for an answer that is due earlier, even without anything new.
const OBSERVE_PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
pub struct NodePeers {
    node_id: i32,
    client_id: String,
    addresses: AddressBook,
    connector: Connector,
    runtime: Handle,
    /// Those that were asked already.
    voters: Mutex<BTreeMap<i32, Voter>>,
    timing: QuorumTiming,
    /// Told when a connection for messages has ended.
    lost: Arc<Notify>,
}

#[derive(Clone)]
struct Voter {
    /// Votes, entries and heartbeats.
    messages: NodeClient,
    /// Pieces of snapshots, which no heartbeat should wait behind.
    snapshots: NodeClient,
    /// Whether the last message had no answer.
    away: Arc<AtomicBool>,
}

impl NodePeers {
    /// The ways from `node_id` to the other voters, wherever the book says they are. The connections live on
    /// `runtime` and are made when they are needed.
    pub fn new(
        node_id: i32,
        addresses: AddressBook,
        timing: QuorumTiming,
        connector: &Connector,
        runtime: &Handle,
    ) -> Self {
        NodePeers {
            node_id,
            client_id: format!("raft-client-{node_id}"),
            addresses,
            connector: connector.clone(),
            runtime: runtime.clone(),
            voters: Mutex::default(),
            timing,
            lost: Arc::default(),
        }
    }

    fn voter(&self, id: i32) -> Option<Voter> {
        let address = self.addresses.address(id).filter(|_| id != self.node_id)?;
        let mut voters = self.voters.lock();
        if let Some(known) = voters
            .get(&id)
            .filter(|known| *known.messages.address() == *address)
        {
            return Some(known.clone());
        }
        let client = |lost| {
            NodeClient::watched(
                self.connector.clone(),
                &address,
                &self.client_id,
                &self.runtime,
                lost,
            )
        };
        let voter = Voter {
            messages: client(self.lost.clone()),
            snapshots: client(Arc::default()),
            away: Arc::default(),
        };
        voters.insert(id, voter.clone());
        Some(voter)
    }
}

impl Peers for NodePeers {
    fn send(&self, voter: i32, frame: Frame) -> Answer {
        let Some(ways) = self.voter(voter) else {
            let error = PeerError::Unreachable(format!("node {voter} has no address"));
            return Box::pin(std::future::ready(Err(error)));
        };
        let (client, patience) = match frame.kind {
            FrameKind::InstallSnapshot | FrameKind::Join => (&ways.snapshots, SNAPSHOT_PATIENCE),
            FrameKind::PreVote | FrameKind::Vote | FrameKind::Resign => {
                (&ways.messages, self.timing.election_timeout)
            }
            FrameKind::AppendEntries => (&ways.messages, self.timing.fetch_timeout),
            FrameKind::Observe => (&ways.messages, OBSERVE_PATIENCE),
        };
        let client = client.clone();
        let away = ways.away;
        let Frame {
            kind,
            cluster_id,
            body,
        } = frame;
        let envelope = Envelope {
            kind: Kind::Quorum(kind),
            sender: self.node_id,
            cluster_id,
            body,
        };
        Box::pin(async move {
            let answer = client.exchange(envelope.request(), patience).await;
            match (&answer, away.swap(answer.is_err(), Ordering::Relaxed)) {
                (Err(error), false) => tracing::info!(voter, %error, "a voter can't be reached"),
                (Ok(_), true) => tracing::info!(voter, "the voter is reached again"),
                _ => {}
            }
            Ok(Frame {
                kind,
                cluster_id: envelope.cluster_id,
                body: answer.map_err(|error| PeerError::Unreachable(error.to_string()))?,
            })
        })
    }

    fn connection_lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.lost.notified())
    }
}
