//! The worker threads: each a current-thread runtime whose connections never leave it. Where a node has no
//! threads of its own, one task of the runtime that it was started on takes their place.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use barnabas_environment::Threads;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_blocking, spawn_local};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Place;
use super::listening::Incoming;
use super::{connection, frame_buffer};
use crate::{Listener, Service};

/// How long a thread keeps memory that it might use again.
const RELEASE_PERIOD: Duration = Duration::from_secs(2);

/// A connection on its way to a worker.
pub struct Accepted {
    /// The connection itself.
    pub incoming: Incoming,
    /// The client's address.
    pub peer: SocketAddr,
    /// The listener that took it.
    pub listener: Arc<Listener>,
    /// Counts it in its worker's load for as long as it lives.
    pub slot: ConnectionSlot,
    /// Its place among the node's connections.
    pub place: Place,
}

/// One connection's share in its worker's load; gone when dropped.
pub struct ConnectionSlot(Arc<AtomicUsize>);

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The threads that serve connections.
pub struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    sender: mpsc::UnboundedSender<Accepted>,
    connections: Arc<AtomicUsize>,
    running: Running,
}

enum Running {
    Thread(JoinHandle<()>),
    Task(tokio::task::JoinHandle<()>),
}

impl Workers {
    /// Starts `count` threads, or one task of the local set that calls. They end when `shutdown` is cancelled
    /// and their connections have finished what was in flight.
    ///
    /// # Errors
    /// When the system grants no thread or no runtime.
    pub fn start(
        count: usize,
        threads: Threads,
        service: &Arc<dyn Service>,
        shutdown: &CancellationToken,
    ) -> io::Result<Workers> {
        let workers = match threads {
            Threads::Own => (0..count)
                .map(|index| Worker::start(index, service.clone(), shutdown.clone()))
                .collect::<io::Result<_>>()?,
            Threads::Runtime => vec![Worker::start_here(service.clone(), shutdown.clone())],
        };
        Ok(Workers { workers })
    }

    /// Hands a connection to the least loaded worker.
    pub fn hand(&self, incoming: Incoming, peer: SocketAddr, listener: Arc<Listener>, place: Place) {
        let least = self
            .workers
            .iter()
            .min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let Some(worker) = least else { return };
        worker.connections.fetch_add(1, Ordering::Relaxed);
        let slot = ConnectionSlot(worker.connections.clone());
        // A worker that has ended drops the connection, which closes it.
        let _ = worker.sender.send(Accepted {
            incoming,
            peer,
            listener,
            slot,
            place,
        });
    }

    /// Waits for all of them. Call after the shutdown token was cancelled.
    pub async fn join(self) {
        for worker in self.workers {
            drop(worker.sender);
            let ended = match worker.running {
                Running::Thread(thread) => spawn_blocking(|| thread.join().is_ok()).await.unwrap_or(false),
                Running::Task(task) => task.await.is_ok(),
            };
            if !ended {
                tracing::error!("a worker ended by a panic");
            }
        }
    }
}

impl Worker {
    fn start(index: usize, service: Arc<dyn Service>, shutdown: CancellationToken) -> io::Result<Worker> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || {
                LocalSet::new().block_on(&runtime, serve(receiver, service, shutdown));
            })?;
        Ok(Worker {
            sender,
            connections: Arc::new(AtomicUsize::new(0)),
            running: Running::Thread(thread),
        })
    }

    fn start_here(service: Arc<dyn Service>, shutdown: CancellationToken) -> Worker {
        let (sender, receiver) = mpsc::unbounded_channel();
        Worker {
            sender,
            connections: Arc::new(AtomicUsize::new(0)),
            running: Running::Task(spawn_local(serve(receiver, service, shutdown))),
        }
    }
}

async fn serve(
    mut receiver: mpsc::UnboundedReceiver<Accepted>,
    service: Arc<dyn Service>,
    shutdown: CancellationToken,
) {
    let connections = TaskTracker::new();
    // A token of the thread's own: every connection registers with it, and the threads should not share its
    // lock.
    let shutdown = shutdown.child_token();
    let metrics = service.metrics().map(|metrics| metrics.thread());
    let mut releases = tokio::time::interval(RELEASE_PERIOD);
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = receiver.recv() => accepted,
            _ = releases.tick() => {
                frame_buffer::release_unused();
                continue;
            }
            () = shutdown.cancelled() => None,
        };
        let Some(accepted) = accepted else { break };
        connections.spawn_local(connection::serve(
            accepted,
            service.clone(),
            metrics.clone(),
            shutdown.clone(),
        ));
    }
    connections.close();
    connections.wait().await;
}
