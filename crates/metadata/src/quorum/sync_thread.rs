//! The thread that makes the raft log durable.
//!
//! A sync takes milliseconds in which the control runtime has other work. Requests that gather while one sync
//! is under way share the next one. The thread ends when the last [`SyncThread`] is dropped; by then it holds
//! the last handle on the database.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use barnabas_environment::Threads;
use tokio::sync::oneshot::{self, Receiver};

use super::log_db::LogDb;
use crate::error::MetadataError;

type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A handle on the thread.
#[derive(Clone)]
pub struct SyncThread {
    requests: Requests,
}

#[derive(Clone)]
enum Requests {
    ToThread(Sender<Done>),
    /// Without a thread whoever asks syncs. The last clone tells that the database is closed.
    Here(Arc<Here>),
}

struct Here {
    db: LogDb,
    _closed: oneshot::Sender<()>,
}

impl SyncThread {
    /// Starts the thread. What comes back beside it resolves, with or without a value, when the
    /// database is closed.
    pub fn start(db: LogDb, threads: Threads) -> Result<(Self, Receiver<()>), MetadataError> {
        let (closed, wait) = oneshot::channel();
        if threads == Threads::Runtime {
            let here = Here { db, _closed: closed };
            let requests = Requests::Here(Arc::new(here));
            return Ok((Self { requests }, wait));
        }
        let (requests, inbox) = mpsc::channel::<Done>();
        let run = move || {
            while let Ok(first) = inbox.recv() {
                let mut waiting = vec![first];
                waiting.extend(inbox.try_iter());
                let result = db.flush();
                for done in waiting {
                    done(match &result {
                        Ok(()) => Ok(()),
                        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                    });
                }
            }
            drop(db);
            let _ = closed.send(());
        };
        let spawned = thread::Builder::new()
            .name("metadata-sync".into())
            .stack_size(256 * 1024)
            .spawn(run);
        spawned
            .map_err(|error| MetadataError::Storage(format!("no thread to sync the log with: {error}")))?;
        let requests = Requests::ToThread(requests);
        Ok((Self { requests }, wait))
    }

    /// Calls `done` when everything written before this call is on disk.
    pub fn sync(&self, done: impl FnOnce(io::Result<()>) + Send + 'static) {
        match &self.requests {
            Requests::Here(here) => done(here.db.flush()),
            Requests::ToThread(requests) => {
                if let Err(mpsc::SendError(done)) = requests.send(Box::new(done)) {
                    done(Err(io::Error::other("the sync thread has ended")));
                }
            }
        }
    }

    /// Waits until everything written before this call is on disk.
    pub async fn synced(&self) -> io::Result<()> {
        let (done, wait) = oneshot::channel();
        self.sync(move |result| drop(done.send(result)));
        wait.await
            .unwrap_or_else(|_| Err(io::Error::other("the sync thread has ended")))
    }
}
