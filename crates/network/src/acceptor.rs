//! Accepts the connections of a listener.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::listening::{Accepting, Listening};
use super::worker::Workers;
use crate::{Listener, Service};

/// Accepts until `stopping` is cancelled, handing each connection to the least loaded worker.
///
/// # Errors
/// The socket can't be used at all.
pub async fn accept(
    listening: Listening,
    listener: Arc<Listener>,
    service: Arc<dyn Service>,
    stopping: CancellationToken,
    workers: Arc<Workers>,
    admission: Arc<Admission>,
) -> io::Result<()> {
    let accepting = Accepting::new(listening)?;
    let accept = async || {
        admission.has_room(|| service.limits().connections_max).await;
        accepting.accept().await
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.cancelled() => return Ok(()),
            accepted = accept() => accepted,
        };
        match accepted {
            Ok((incoming, peer)) => {
                let address = peer.ip().to_canonical();
                let per_address = service.connections_max_from(address);
                match admission.admit(address, per_address) {
                    Some(place) => workers.hand(incoming, peer, listener.clone(), place),
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
