//! Binds the listeners and accepts their connections.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio_util::sync::CancellationToken;

use super::worker::Workers;
use crate::request::Listener;

/// Opens a listening socket, non-blocking, that several addresses of a dual-stack host may share a port with.
///
/// # Errors
/// The system's, `AddrInUse` above all.
pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // The unspecified IPv6 address takes IPv4 too, as Java's does; a given one only itself.
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(*v6.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Accepts until `shutdown`, handing each connection to the least loaded worker.
pub async fn accept(
    socket: TcpListener,
    listener: Arc<Listener>,
    workers: Arc<Workers>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = shutdown.cancelled() => return Ok(()),
        };
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => workers.hand(stream, peer, listener.clone()),
            Err(error) => {
                // Out of descriptors, or a client gone before it was accepted: others must still get in.
                tracing::warn!(listener = %listener.name, %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Pause after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_RETRY: std::time::Duration = std::time::Duration::from_millis(10);
