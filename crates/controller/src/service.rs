//! What stands behind a controller listener.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use barnabas_metadata::quorum::{ControllerHandle, Frame, FrameKind, PeerDoor};
use barnabas_network::request_memory::RequestMemory;
use barnabas_network::response::{Outcome, Reply, frame_buffer};
use barnabas_network::{ConnectionContext, ConnectionId, Limits, Service};
use barnabas_protocol::header::RawRequestHeader;
use bytes::{BufMut, Bytes};
use parking_lot::Mutex;
use tokio::task::spawn_local;

use crate::envelope::{API_KEY, API_VERSION, Envelope, Kind};

/// What a controller's listener is made of.
pub struct ControllerServiceOptions {
    /// The cluster's id: who names another one is refused.
    pub cluster_id: Arc<str>,
    /// Where the other voters' frames go.
    pub door: PeerDoor,
    /// Where requests go.
    pub handle: ControllerHandle,
    /// What connections may take.
    pub limits: Limits,
    /// What the requests of all connections may take of the process's memory.
    pub request_memory: Arc<RequestMemory>,
    /// How long a broker whose connection has ended may take to come back before it is fenced
    /// (`barnabas.broker.disconnect.grace.ms`).
    pub disconnect_grace: Duration,
}

/// The controller as what stands behind its listener.
pub struct ControllerService {
    options: ControllerServiceOptions,
    /// The connection by which the quorum's leader was heard last.
    leader: Arc<Mutex<Option<ConnectionId>>>,
}

impl ControllerService {
    /// For a listener of this controller.
    pub fn new(options: ControllerServiceOptions) -> Self {
        ControllerService {
            options,
            leader: Arc::default(),
        }
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
        if *cluster_id != *self.options.cluster_id {
            return refuse(
                connection,
                format_args!("node {sender} is of cluster {cluster_id:?}"),
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
            Kind::Forward | Kind::Status => refuse(connection, format_args!("not served yet")),
        }
    }

    /// Frames of one connection are answered one after the other, as raft expects of a voter's messages.
    fn start_frame(&self, correlation_id: i32, connection: &ConnectionContext, frame: Frame) -> Outcome {
        let (door, leader) = (self.options.door.clone(), self.leader.clone());
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
            _ => refuse(connection, format_args!("not served yet")),
        }
    }

    fn closed(&self, connection: &ConnectionContext) {
        let was_leaders = self.leader.lock().take_if(|leader| *leader == connection.id);
        if was_leaders.is_some() {
            let door = self.options.door.clone();
            spawn_local(async move { door.leader_disconnected().await });
        }
    }

    fn limits(&self) -> Limits {
        self.options.limits
    }

    fn connections_max_from(&self, _: IpAddr) -> usize {
        self.options.limits.connections_max
    }

    fn request_memory(&self) -> &Arc<RequestMemory> {
        &self.options.request_memory
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
