//! Accepts the connections of a listener.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::listening::{Accepting, Incoming, Listening};
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
    let waiting = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
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
                let pause = service.pause_accepting(&listener.name);
                if !pause.is_zero() {
                    let paused = stopping.run_until_cancelled(sleep(pause));
                    if paused.await.is_none() {
                        return Ok(());
                    }
                }
                let address = peer.ip().to_canonical();
                if let Some(pause) = service.turned_away(address) {
                    tracing::debug!(%peer, "connection closed: connection_creation_rate is reached");
                    turn_away(incoming, pause, &waiting);
                    continue;
                }
                let per_address = service.connections_max_from(address);
                match admission.admit(address, per_address) {
                    Some(place) => workers.hand(incoming, peer, listener.clone(), place),
                    None => tracing::info!(%peer, "connection closed: max.connections.per.ip is reached"),
                }
            }
            Err(error) => {
                // Out of descriptors, or a client gone before it was accepted: others must still get in.
                tracing::warn!(listener = %listener.name, %error, "could not accept a connection");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// So many connections at a listener may wait to be turned away; more are at once.
const TURNED_AWAY_MAX: usize = 256;

/// Closes a connection when its client may come again: one that is closed at once would come at once.
fn turn_away(incoming: Incoming, pause: Duration, waiting: &Arc<Semaphore>) {
    if let Ok(place) = waiting.clone().try_acquire_owned() {
        tokio::spawn(async move {
            sleep(pause).await;
            drop((incoming, place));
        });
    }
}

/// Pause after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);
