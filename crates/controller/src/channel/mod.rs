//! A node's way to the active controller: in this process where it is the active one, else over its listener.
//!
//! ```text
//! request ─→ this node is active? decided here
//!            else sent to who is ─→ NOT_CONTROLLER, unreachable: to the next one, until patience is over
//! a change of metadata: answered when the image that it rests on has taken effect on this node
//! ```
//! As with Apache Kafka's brokers, a request whose answer was lost is sent again: what it asks for may have
//! been done then, and the second answer says so.

mod enveloped;
mod search;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::Duration;

use barnabas_metadata::MetadataError;
use barnabas_metadata::channel::{Answer, ControllerChannel, Enveloped};
use barnabas_metadata::controller::{
    AllocateProducerIds, AlterPartition, AssignReplicasToDirs, BrokerHeartbeat, ControllerReply,
    ControllerRequest, RegisterBroker, Request,
};
use barnabas_metadata::quorum::{
    AddressBook, Changed, ControllerHandle, Published, QuorumStatus, VoterChange,
};
use barnabas_network::client::Connector;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    self, AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest,
    AlterPartitionResponse, AssignReplicasToDirsRequest, AssignReplicasToDirsResponse,
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    EnvelopeRequest, Message, Request as _,
};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

pub use self::enveloped::OFFSET_TAG;
use self::search::{Attempt, Miss, NOBODY, Shared, Target};
use crate::envelope::Kind;
use crate::forward::{self, Forwarded, PATIENCE};

/// A broker's heartbeat is worth nothing later: the next one is due.
const HEARTBEAT_PATIENCE: Duration = Duration::from_secs(4);
/// A controller that hasn't answered a heartbeat for so long is asked no further.
const HEARTBEAT_ATTEMPT: Duration = Duration::from_secs(1);

/// What a channel is made of.
pub struct QuorumChannelOptions {
    /// This node.
    pub node_id: i32,
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// This node's own controller, where it has one.
    pub local: Option<ControllerHandle>,
    /// Where every controller's listener is.
    pub controllers: AddressBook,
    /// How far the images have taken effect on this node.
    pub published: Published,
    /// How the controllers are connected to.
    pub connector: Connector,
    /// Where the connections live.
    pub runtime: Handle,
}

/// See the module. Clones share the connections.
#[derive(Clone)]
pub struct QuorumChannel {
    shared: Arc<Shared>,
}

impl QuorumChannel {
    /// The way from a node to the controllers.
    pub fn new(options: QuorumChannelOptions) -> Self {
        let QuorumChannelOptions {
            node_id,
            cluster_id,
            local,
            controllers,
            published,
            connector,
            runtime,
        } = options;
        QuorumChannel {
            shared: Arc::new(Shared {
                node_id,
                cluster_id,
                addresses: controllers,
                controllers: Mutex::default(),
                connector,
                runtime,
                local,
                published,
                believed: AtomicI32::new(NOBODY),
                lost: Arc::default(),
            }),
        }
    }

    /// Asks in one of Kafka's APIs, here or there.
    fn call<R, Q>(
        &self,
        request: R,
        (patience, attempt_max): (Duration, Duration),
        own: fn(R) -> Q,
        error_of: fn(&R::Response) -> i16,
    ) -> Answer<R::Response>
    where
        R: messages::Request + Clone + Send + Sync + 'static,
        R::Response: Send,
        Q: Request<Reply = R::Response>,
    {
        let shared = self.shared.clone();
        let request = Arc::new(request);
        Box::pin(async move {
            let ask = move |target, left: Duration| -> Attempt<R::Response> {
                let request = request.clone();
                Box::pin(async move {
                    let response = match target {
                        Target::Local(handle) => {
                            let decided = handle.decide(own(R::clone(&request)).into()).await?;
                            Q::reply_of(decided.reply).ok_or_else(mixed_up)?
                        }
                        Target::Remote(controller) => {
                            let client = match R::KEY {
                                BrokerRegistrationRequest::KEY | BrokerHeartbeatRequest::KEY => {
                                    &controller.lives
                                }
                                _ => &controller.changes,
                            };
                            let newest = <R as Message>::VERSIONS.max;
                            client.call(newest, &*request, left.min(attempt_max)).await?
                        }
                    };
                    match error_of(&response) {
                        code if code == ErrorCode::NotController.code() => Err(Miss::Elsewhere(None)),
                        _ => Ok(response),
                    }
                })
            };
            shared.find(Instant::now() + patience, ask).await
        })
    }
}

impl ControllerChannel for QuorumChannel {
    fn register(&self, request: BrokerRegistrationRequest) -> Answer<BrokerRegistrationResponse> {
        let patience = (HEARTBEAT_PATIENCE, HEARTBEAT_ATTEMPT);
        self.call(request, patience, RegisterBroker, |response| response.error_code)
    }

    fn heartbeat(&self, request: BrokerHeartbeatRequest) -> Answer<BrokerHeartbeatResponse> {
        let patience = (HEARTBEAT_PATIENCE, HEARTBEAT_ATTEMPT);
        self.call(request, patience, BrokerHeartbeat, |response| response.error_code)
    }

    fn connection_lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.shared.lost.notified())
    }

    fn alter_partition(&self, request: AlterPartitionRequest) -> Answer<AlterPartitionResponse> {
        let patience = (PATIENCE, PATIENCE);
        self.call(request, patience, AlterPartition, |response| response.error_code)
    }

    fn assign_replicas_to_dirs(
        &self,
        request: AssignReplicasToDirsRequest,
    ) -> Answer<AssignReplicasToDirsResponse> {
        let patience = (PATIENCE, PATIENCE);
        self.call(request, patience, AssignReplicasToDirs, |response| {
            response.error_code
        })
    }

    fn allocate_producer_ids(
        &self,
        request: AllocateProducerIdsRequest,
    ) -> Answer<AllocateProducerIdsResponse> {
        let patience = (PATIENCE, PATIENCE);
        self.call(request, patience, AllocateProducerIds, |response| {
            response.error_code
        })
    }

    fn forward(&self, request: ControllerRequest) -> Answer<ControllerReply> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let deadline = Instant::now() + forward::patience(&request);
            let written = forward::write(&request)?;
            let asking = shared.clone();
            let request = Arc::new(request);
            let ask = move |target, left| -> Attempt<Forwarded> {
                let (shared, request, written) = (asking.clone(), request.clone(), written.clone());
                Box::pin(async move {
                    match target {
                        Target::Local(handle) => {
                            Ok(handle.decide(ControllerRequest::clone(&request)).await?.into())
                        }
                        Target::Remote(controller) => {
                            let body = shared.exchange(&controller, Kind::Forward, written, left).await?;
                            forward::read_answer(&body).map_err(Miss::from)
                        }
                    }
                })
            };
            let Forwarded { reply, offset } = shared.find(deadline, ask).await?;
            shared.in_effect(offset, deadline).await?;
            Ok(reply)
        })
    }

    fn is_here(&self) -> bool {
        let local = self.shared.local.as_ref();
        local.is_some_and(ControllerHandle::is_active)
    }

    fn envelope(&self, request: EnvelopeRequest, patience: Duration) -> Answer<Enveloped> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let deadline = Instant::now() + patience;
            let request = Arc::new(request);
            let ask = move |target, left| -> Attempt<enveloped::Opened> {
                let request = request.clone();
                Box::pin(async move {
                    match target {
                        Target::Local(handle) if handle.is_active() => Ok(enveloped::HERE),
                        Target::Local(_) => Err(Miss::Elsewhere(None)),
                        Target::Remote(controller) => enveloped::ask(&controller, &request, left).await,
                    }
                })
            };
            let (answer, offset) = shared.find(deadline, ask).await?;
            if let Some(offset) = offset {
                shared.in_effect(offset, deadline).await?;
            }
            Ok(answer)
        })
    }

    fn status(&self) -> Answer<QuorumStatus> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let asking = shared.clone();
            let ask = move |target, left| -> Attempt<QuorumStatus> {
                let shared = asking.clone();
                Box::pin(async move {
                    match target {
                        Target::Local(handle) => Ok(handle.status()),
                        Target::Remote(controller) => {
                            let body = shared
                                .exchange(&controller, Kind::Status, Bytes::new(), left)
                                .await?;
                            forward::read_answer(&body).map_err(Miss::from)
                        }
                    }
                })
            };
            shared.find(Instant::now() + PATIENCE, ask).await
        })
    }

    fn change_voters(&self, change: VoterChange, patience: Duration) -> Answer<Changed> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let deadline = Instant::now() + patience;
            let asking = shared.clone();
            let ask = move |target, left: Duration| -> Attempt<Changed> {
                let (shared, change) = (asking.clone(), change.clone());
                Box::pin(async move {
                    match target {
                        Target::Local(handle) => Ok(handle.change_voters(change, left).await?),
                        Target::Remote(controller) => {
                            // What is left is for the answer's way.
                            let asked = forward::ChangeVoters {
                                change,
                                timeout_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX) * 9 / 10,
                            };
                            let asked = forward::write(&asked)?;
                            let body = shared.exchange(&controller, Kind::Voters, asked, left).await?;
                            forward::read_answer(&body).map_err(Miss::from)
                        }
                    }
                })
            };
            shared.find(deadline, ask).await
        })
    }
}

fn mixed_up() -> Miss {
    Miss::Failed(MetadataError::Storage("the reply is to another request".into()))
}
