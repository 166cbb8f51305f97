//! The beginning of a connection: what has to happen before its first request, by the protocol of its
//! listener.
//!
//! A TLS handshake is waited for within the connection's own task: others of the thread go on, and one that
//! never ends holds a place among the connections until its time is over.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use barnabas_security::KafkaPrincipal;
use tokio::time::timeout;

use super::transport::{Tls, Transport};
use crate::Listener;

/// So long a handshake may take: what Kafka's clients wait for a connection at most.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// Makes of a fresh connection one that requests may come by; says who the client is where its certificate
/// tells.
///
/// # Errors
/// The client speaks no TLS, is not trusted, doesn't trust this node, or takes too long.
pub async fn open(
    transport: Transport,
    listener: &Listener,
) -> io::Result<(Transport, Option<KafkaPrincipal>)> {
    let Some(tls) = &listener.tls else {
        return Ok((transport, None));
    };
    let Transport::Tcp(stream) = transport else {
        return Err(io::Error::other("TLS needs a socket of the system"));
    };
    let mut stream = Tls::server(stream, tls.config())?;
    match timeout(HANDSHAKE_MAX, stream.handshake()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            stream.refuse().await;
            return Err(error);
        }
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    }
    let principal = if listener.security_protocol.has_sasl() {
        None
    } else {
        Some(
            tls.principal(stream.peer_certificates())
                .map_err(io::Error::other)?,
        )
    };
    Ok((Transport::Tls(Box::new(stream)), principal))
}

/// Says that a connection was not opened, and why; of who only looks whether somebody is there, as
/// controllers and load balancers do, hardly anybody wants to know.
pub fn failed(peer: SocketAddr, listener: &Listener, error: &io::Error) {
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return tracing::debug!(%peer, "the connection ended before it began");
    }
    tracing::info!(%peer, listener = %listener.name, %error, "TLS handshake failed");
}
