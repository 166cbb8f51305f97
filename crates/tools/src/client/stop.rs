//! SIGINT and SIGTERM, for tools that have to end well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use super::{Cluster, KafkaError};

/// Whether the tool is asked to end. Looked at between one thing and the next.
#[derive(Clone, Debug)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen(cluster: &Cluster) -> Result<Self, KafkaError> {
        let stop = Stop(Arc::new(AtomicU8::new(0)));
        let kinds = [(SignalKind::interrupt(), 130), (SignalKind::terminate(), 143)];
        for (kind, code) in kinds {
            let stop = stop.clone();
            let listening = async move {
                let mut signals = signal(kind)?;
                tokio::spawn(async move {
                    if signals.recv().await.is_some() {
                        stop.0.store(code, Ordering::Relaxed);
                    }
                });
                Ok::<(), std::io::Error>(())
            };
            let refused = |error| KafkaError::plain(format!("cannot wait for signals: {error}"));
            cluster.wait(listening).map_err(refused)?;
        }
        Ok(stop)
    }

    /// Whether it is time.
    pub fn is_set(&self) -> bool {
        self.code().is_some()
    }

    /// The exit code of a tool that was asked to end.
    pub fn code(&self) -> Option<u8> {
        Some(self.0.load(Ordering::Relaxed)).filter(|code| *code != 0)
    }
}
