//! What stands behind a listener: it answers requests and says how much its connections may take.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::connection_context::ConnectionContext;
use crate::metrics::RequestMetrics;
use crate::request_memory::RequestMemory;
use crate::response::Outcome;

/// What connections may take, as the settings are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all: `max.connections`.
    pub connections_max: usize,
    /// The largest frame: `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
    /// How long a connection may be idle: `connections.max.idle.ms`.
    pub idle_max: Duration,
}

/// Answers the requests of a listener's connections.
pub trait Service: Send + Sync {
    /// Starts the request in `frame`, its size prefix taken off. The bytes lie in the connection's buffer and
    /// are gone afterwards.
    fn start(&self, connection: &Rc<ConnectionContext>, frame: &mut [u8]) -> Outcome;

    /// A connection has ended, by whichever side: no request comes by it any more.
    fn closed(&self, _connection: &ConnectionContext) {}

    /// Where requests are counted; `None` where nobody asks.
    fn metrics(&self) -> Option<&Arc<RequestMetrics>> {
        None
    }

    /// What connections may take now.
    fn limits(&self) -> Limits;

    /// Connections from this address: `max.connections.per.ip`, or its override.
    fn connections_max_from(&self, address: IpAddr) -> usize;

    /// A connection has come to the listener of this name: so long it and those that follow wait until
    /// they are served (`max.connection.creation.rate`).
    fn pause_accepting(&self, _listener: &str) -> Duration {
        Duration::ZERO
    }

    /// A connection has come from this address: in so long it is turned away, if it is one too many
    /// (KIP-612).
    fn turned_away(&self, _address: IpAddr) -> Option<Duration> {
        None
    }

    /// What the requests of all connections may take of the process's memory.
    fn request_memory(&self) -> &Arc<RequestMemory>;
}
