//! Listeners that are answered: their acceptors, and the workers that serve the connections.

use std::io;
use std::sync::Arc;

use barnabas_environment::Threads;
use barnabas_network::acceptor;
use barnabas_network::admission::Admission;
use barnabas_network::worker::Workers;
use barnabas_network::{Listening, Service};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bind::Bound;

/// See the module.
pub struct Serving {
    workers: Arc<Workers>,
    acceptors: JoinSet<io::Result<()>>,
}

impl Serving {
    /// Has `service` answer at `listeners` until `stopping` is cancelled, on `count` threads or on this
    /// runtime's own.
    ///
    /// # Errors
    /// The system grants no thread or no runtime.
    pub fn start(
        listeners: Vec<Bound>,
        service: &Arc<dyn Service>,
        (count, threads): (usize, Threads),
        stopping: &CancellationToken,
    ) -> io::Result<Serving> {
        let workers = Arc::new(Workers::start(count, threads, service, stopping)?);
        let admission = Arc::new(Admission::default());
        let mut acceptors = JoinSet::new();
        for Bound { listener, sockets } in listeners {
            let accept = |socket: Listening| {
                acceptor::accept(
                    socket,
                    listener.clone(),
                    service.clone(),
                    stopping.clone(),
                    workers.clone(),
                    admission.clone(),
                )
            };
            for socket in sockets {
                acceptors.spawn(accept(socket));
            }
        }
        Ok(Serving { workers, acceptors })
    }

    /// Waits until nobody is accepted and what was in flight is answered. Call after the token was cancelled.
    pub async fn ended(mut self) {
        while self.acceptors.join_next().await.is_some() {}
        if let Some(workers) = Arc::into_inner(self.workers) {
            workers.join().await;
        }
    }
}
