//! Binds the listeners and accepts their connections.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::worker::Workers;
use crate::{Listener, Service};

/// Settings of a listening socket, which its connections inherit.
#[derive(Debug, Clone, Copy)]
pub struct SocketOptions {
    /// `socket.listen.backlog.size`.
    pub backlog: i32,
    /// `socket.send.buffer.bytes`; `None` leaves it to the system, which adapts it to the connection.
    pub send_buffer_bytes: Option<usize>,
    /// `socket.receive.buffer.bytes`; as above.
    pub receive_buffer_bytes: Option<usize>,
}

/// Opens a listening socket, non-blocking, that several addresses of a dual-stack host may share a port with.
///
/// # Errors
/// The system's, `AddrInUse` above all.
pub fn bind(address: SocketAddr, options: SocketOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // The unspecified IPv6 address takes IPv4 too, as Java's does; a given one only itself.
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(*v6.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(options.backlog)?;
    Ok(socket.into())
}

/// Accepts until `stopping` is cancelled, handing each connection to the least loaded worker.
///
/// # Errors
/// The socket can't be used at all.
pub async fn accept(
    socket: TcpListener,
    listener: Arc<Listener>,
    service: Arc<dyn Service>,
    stopping: CancellationToken,
    workers: Arc<Workers>,
    admission: Arc<Admission>,
) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    let accept = async || {
        admission.has_room(|| service.limits().connections_max).await;
        socket.accept().await
    };
    loop {
        let accepted = tokio::select! {
            accepted = accept() => accepted,
            () = stopping.cancelled() => return Ok(()),
        };
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => {
                let address = peer.ip().to_canonical();
                let per_address = service.connections_max_from(address);
                match admission.admit(address, per_address) {
                    Some(place) => workers.hand(stream, peer, listener.clone(), place),
                    None => tracing::info!(%peer, "connection closed: max.connections.per.ip is reached"),
                }
            }
            Err(error) => {
                // Out of descriptors, or a client gone before it was accepted: others must still get in.
                tracing::warn!(listener = %listener.name, %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Pause after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);
