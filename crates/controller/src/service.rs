//! What stands behind a controller listener.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use barnabas_config::DynamicBrokerConfig;
use barnabas_metadata::controller::ControllerRequest;
use barnabas_metadata::quorum::{ControllerHandle, Frame, FrameKind, PeerDoor};
use barnabas_metadata::{ControllerClient, MetadataError};
use barnabas_network::request_memory::RequestMemory;
use barnabas_network::response::{Outcome, Reply, frame_buffer};
use barnabas_network::{ConnectionContext, ConnectionId, Limits, Network, Service};
use barnabas_protocol::header::RawRequestHeader;
use barnabas_security::{AclOperation, Authorizer};
use bytes::{BufMut, Bytes};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::controller::Controller;
use crate::dispatch;
use crate::envelope::{API_KEY, API_VERSION, Envelope, Kind};
use crate::forward::{self, ChangeVoters, Forwarded, Refused};
use crate::presence;
use crate::sessions::Incarnation;
use crate::takeover;
use crate::throttling::Throttling;

/// What a controller's listener is made of.
pub struct ControllerServiceOptions {
    /// This node's id.
    pub node_id: i32,
    /// The cluster's id: who names another one is refused.
    pub cluster_id: Arc<str>,
    /// Where the other voters' frames go.
    pub door: PeerDoor,
    /// Where requests go.
    pub handle: ControllerHandle,
    /// Who may do what.
    pub authorizer: Arc<dyn Authorizer>,
    /// The node's settings.
    pub settings: Arc<DynamicBrokerConfig>,
    /// What clients may take: the node's, whether it is asked as a broker or as a controller.
    pub throttling: Arc<Throttling>,
    /// What connections may take.
    pub limits: Limits,
    /// What the requests of all connections may take of the process's memory.
    pub request_memory: Arc<RequestMemory>,
    /// How brokers are reached.
    pub network: Network,
    /// How long a broker whose connection has ended may take to come back before it is fenced, where somebody
    /// still listens in its place (`barnabas.broker.disconnect.grace.ms`).
    pub disconnect_grace: Duration,
    /// Cancelled when the node stops: connections that end then tell nothing about brokers.
    pub stopping: CancellationToken,
}

/// The controller as what stands behind its listener.
pub struct ControllerService {
    controller: Arc<Controller>,
    cluster_id: Arc<str>,
    door: PeerDoor,
    limits: Limits,
    request_memory: Arc<RequestMemory>,
    network: Network,
    disconnect_grace: Duration,
    stopping: CancellationToken,
    /// The connection by which the quorum's leader was heard last.
    leader: Arc<Mutex<Option<ConnectionId>>>,
}

impl ControllerService {
    /// For the listeners of this controller.
    pub fn new(options: ControllerServiceOptions) -> Self {
        let controller = Controller {
            node_id: options.node_id,
            client: ControllerClient::new(Arc::new(options.handle.clone())),
            handle: options.handle,
            settings: options.settings,
            authorizer: options.authorizer,
            throttling: options.throttling,
            sessions: Arc::default(),
        };
        ControllerService {
            controller: Arc::new(controller),
            cluster_id: options.cluster_id,
            door: options.door,
            limits: options.limits,
            request_memory: options.request_memory,
            network: options.network,
            disconnect_grace: options.disconnect_grace,
            stopping: options.stopping,
            leader: Arc::default(),
        }
    }

    /// Looks after the brokers whenever this node has become the active controller: to be spawned on the
    /// quorum's runtime. Ends with the quorum.
    pub fn watch_brokers(&self) -> impl Future<Output = ()> + Send + 'static {
        takeover::run(self.controller.clone(), self.network.clone())
    }

    /// Starts a request of the cluster's own API.
    fn start_envelope(&self, connection: &ConnectionContext, frame: &[u8]) -> Outcome {
        let header = match RawRequestHeader::decode(frame) {
            Ok(header) if header.api_version == API_VERSION => header,
            Ok(header) => {
                return refuse(
                    connection,
                    format_args!("version {} is not known", header.api_version),
                );
            }
            Err(error) => return refuse(connection, format_args!("{error}")),
        };
        let principal = connection.principal();
        let envelope = match Envelope::decode(&frame[header.size..]) {
            Ok(envelope) => envelope,
            Err(error) => return refuse(connection, format_args!("{error}")),
        };
        let Envelope {
            kind,
            sender,
            cluster_id,
            body,
        } = envelope;
        if *cluster_id != *self.cluster_id {
            return refuse(
                connection,
                format_args!("node {sender} is of cluster {cluster_id:?}"),
            );
        }
        let rights = self.controller.rights_of(&principal, connection, "Envelope");
        if !rights.on_cluster(AclOperation::ClusterAction) {
            return refuse(
                connection,
                format_args!("{principal} is no member of the cluster"),
            );
        }
        match kind {
            Kind::Quorum(kind) => {
                let frame = Frame {
                    kind,
                    cluster_id,
                    body,
                };
                self.start_frame(header.correlation_id, connection, frame)
            }
            Kind::Forward => match forward::read_request(&body) {
                Ok(request) => self.start_forwarded(header.correlation_id, request),
                Err(error) => refuse(
                    connection,
                    format_args!("node {sender} forwards no request: {error}"),
                ),
            },
            Kind::Status => Outcome::Ready(self.status(header.correlation_id)),
            Kind::Voters => match forward::read_voters(&body) {
                Ok(asked) => self.start_change(header.correlation_id, asked),
                Err(error) => refuse(
                    connection,
                    format_args!("node {sender} asks for no change of the voters: {error}"),
                ),
            },
        }
    }

    /// A forwarded request is put into the controller's queue at once, so that those that come together are
    /// decided together.
    fn start_forwarded(&self, correlation_id: i32, request: ControllerRequest) -> Outcome {
        let handle = self.controller.handle.clone();
        let deciding = spawn_local(async move { handle.decide(request).await });
        Outcome::Staged(Box::pin(async move {
            let decided = deciding.await.unwrap_or(Err(MetadataError::ShuttingDown));
            answered(correlation_id, decided.map(Forwarded::from))
        }))
    }

    fn start_change(&self, correlation_id: i32, asked: ChangeVoters) -> Outcome {
        let handle = self.controller.handle.clone();
        let patience = Duration::from_millis(asked.timeout_ms);
        Outcome::Staged(Box::pin(async move {
            let changed = handle.change_voters(asked.change, patience).await;
            answered(correlation_id, changed)
        }))
    }

    fn status(&self, correlation_id: i32) -> Reply {
        let handle = &self.controller.handle;
        let status = match handle.is_active() {
            true => Ok(handle.status()),
            false => Err(MetadataError::NotController {
                leader_id: handle.leader_id(),
            }),
        };
        answered(correlation_id, status)
    }

    /// Fences brokers whose connection has ended: at once where nobody listens any more in their place, else
    /// when they had time to make another one. Another controller may be the active one by now, by which they
    /// are heard then.
    fn fence_unless_back(&self, connection: ConnectionId, lost: Vec<Incarnation>) {
        for broker in lost {
            let (controller, network, grace) = (
                self.controller.clone(),
                self.network.clone(),
                self.disconnect_grace,
            );
            spawn_local(async move {
                let address = controller.address_of(broker);
                let gone = async {
                    match &address {
                        Some(address) => presence::gone(&network, address).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = sleep(grace) => {}
                    () = gone => {}
                }
                if controller.sessions.lock().take_lost(broker, connection) {
                    controller.fence(broker).await;
                }
            });
        }
    }

    /// Frames of one connection are answered one after the other, as raft expects of a voter's messages.
    fn start_frame(&self, correlation_id: i32, connection: &ConnectionContext, frame: Frame) -> Outcome {
        let (door, leader) = (self.door.clone(), self.leader.clone());
        let (id, host) = (connection.id, connection.client_host);
        Outcome::Staged(Box::pin(async move {
            let is_leaders = frame.kind == FrameKind::AppendEntries;
            match door.handle(frame).await {
                Ok(answer) => {
                    if is_leaders {
                        *leader.lock() = Some(id);
                    }
                    reply(correlation_id, &answer.body)
                }
                Err(error) => {
                    tracing::warn!(client = %host, %error, "connection closed: a frame of the quorum was refused");
                    Reply::Close
                }
            }
        }))
    }
}

impl Service for ControllerService {
    fn start(&self, connection: &Rc<ConnectionContext>, frame: &mut [u8]) -> Outcome {
        match frame.split_first_chunk() {
            Some((key, _)) if i16::from_be_bytes(*key) == API_KEY => self.start_envelope(connection, frame),
            _ => dispatch::start(&self.controller, connection, frame),
        }
    }

    fn closed(&self, connection: &ConnectionContext) {
        let was_leaders = self.leader.lock().take_if(|leader| *leader == connection.id);
        if was_leaders.is_some() {
            let door = self.door.clone();
            spawn_local(async move { door.leader_disconnected().await });
        }
        let lost = self.controller.sessions.lock().closed(connection.id);
        if !lost.is_empty() && !self.stopping.is_cancelled() {
            self.fence_unless_back(connection.id, lost);
        }
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn connections_max_from(&self, _: IpAddr) -> usize {
        self.limits.connections_max
    }

    fn request_memory(&self) -> &Arc<RequestMemory> {
        &self.request_memory
    }
}

/// Closes a connection whose request is not one of the cluster's own.
fn refuse(connection: &ConnectionContext, why: std::fmt::Arguments<'_>) -> Outcome {
    tracing::warn!(client = %connection.client_host, "connection closed: {why}");
    Outcome::Ready(Reply::Close)
}

/// An answer of the cluster's own API.
fn reply(correlation_id: i32, body: &Bytes) -> Reply {
    let mut buffer = frame_buffer(4 + body.len());
    buffer.put_i32(correlation_id);
    buffer.put_slice(body);
    Reply::frame(buffer)
}

/// The answer to a forwarded request.
fn answered<T: Serialize>(correlation_id: i32, outcome: Result<T, MetadataError>) -> Reply {
    match forward::write(&outcome.map_err(Refused::from)) {
        Ok(body) => reply(correlation_id, &body),
        Err(error) => {
            tracing::error!(%error, "could not write an answer");
            Reply::Close
        }
    }
}
