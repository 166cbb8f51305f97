//! From a listening socket to a request's bytes and back: acceptor, worker threads, connections.
//!
//! A connection lives on one worker thread (a current-thread runtime) from its first byte to its last;
//! nothing on the way from socket to log to response changes threads. `acceptor` hands a new connection to
//! the least loaded worker, `connection` reads frames in place and keeps the responses in request order,
//! `output` writes them. What lies under it is a [`Transport`], and where connections come from a
//! [`Network`]: the system's sockets, or for a simulation one in memory.
//! [`rpc`] is what the dispatchers behind the listeners have in common.
//! [`client`] is the other end: how a node asks another one.
//! `authentication` is between a connection and its service where clients have to log in by SASL.
//! `request_memory` bounds what the requests of all connections may take. What the requests mean is a
//! [`Service`]'s affair.

pub mod acceptor;
pub mod admission;
mod authentication;
pub mod client;
pub mod connection;
mod connection_context;
mod frame_buffer;
mod listening;
pub mod metrics;
mod opening;
pub mod output;
mod platform;
pub mod request_memory;
pub mod response;
pub mod rpc;
mod sasl_authentication;
mod service;
#[cfg(any(test, feature = "simulation"))]
pub mod simulated;
mod transport;
pub mod worker;

pub use connection_context::{ConnectionContext, ConnectionId, Listener};
pub use listening::{Incoming, Listening, Network, SocketOptions};
pub use sasl_authentication::SaslAuthentication;
pub use service::{Limits, Service};
pub use transport::Transport;
