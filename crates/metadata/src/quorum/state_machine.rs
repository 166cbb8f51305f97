//! Raft's state machine: the image. Applies committed batches and puts what they make before the publisher.
//!
//! Nothing here waits: images take effect elsewhere ([`super::publisher`]), and snapshots are written from an
//! image that doesn't change any more ([`super::snapshots`]).

use std::sync::Arc;

use barnabas_environment::Threads;
use openraft::EntryPayload;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::address_book::AddressBook;
use super::publisher::Publisher;
use super::snapshot_file::{SnapshotContent, SnapshotFile};
use super::types::{Entry, LogId, RecordBatch, StoredMembership};
use crate::error::MetadataError;
use crate::image::{MetadataDelta, MetadataImage};

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applied {
    /// Its records are in the image.
    Taken,
    /// It was decided in an earlier term, without knowing of all that came before: it changes nothing, on any
    /// node.
    Outdated,
}

/// The state machine. Clones share its state.
#[derive(Clone)]
pub struct StateMachine {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) file: SnapshotFile,
    threads: Threads,
}

pub struct State {
    pub image: Arc<MetadataImage>,
    pub last_applied: Option<LogId>,
    pub membership: StoredMembership,
    /// The offset of the last image that was put before the publisher.
    offered: i64,
    /// Is told where the voters are.
    addresses: AddressBook,
    /// Set once the node has caught up: what it applies before takes effect as one image.
    publisher: Option<Publisher>,
}

impl StateMachine {
    /// The state of the snapshot file, or an empty one.
    pub fn load(file: SnapshotFile, threads: Threads, addresses: AddressBook) -> Result<Self, MetadataError> {
        let mut state = State {
            image: Arc::new(MetadataImage::empty()),
            last_applied: None,
            membership: StoredMembership::default(),
            offered: -1,
            addresses,
            publisher: None,
        };
        if let Some(bytes) = file.read()? {
            let content = file.decode(&bytes)?;
            state.install(&content, Arc::new(content.image()));
        }
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            file,
            threads,
        })
    }

    /// Does work that may wait for the disk.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, MetadataError> + Send + 'static,
    ) -> Result<T, MetadataError> {
        let done = self.threads.run(work).await;
        done.unwrap_or_else(|error| Err(MetadataError::Storage(error.to_string())))
    }

    /// The latest image.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.state.lock().image.clone()
    }

    /// The offset of the last image that was put before the publisher: what a decision has seen has taken
    /// effect with it.
    pub fn offered(&self) -> i64 {
        self.state.lock().offered
    }

    /// Puts the image before the publisher whole, and from now on every further one.
    pub fn go_live(&self, publisher: Publisher) {
        let mut state = self.state.lock();
        let delta = MetadataDelta::between(&MetadataImage::empty(), &state.image);
        state.publisher = Some(publisher);
        state.offer(delta);
    }
}

impl State {
    /// Applies one entry.
    pub fn apply(&mut self, entry: Entry) -> Applied {
        let log_id = entry.log_id;
        let term = log_id.leader_id.term as i32;
        let mut applied = Applied::Taken;
        let records = match entry.payload {
            EntryPayload::Normal(RecordBatch { epoch, records }) => {
                if epoch.is_some_and(|epoch| epoch != term) {
                    applied = Applied::Outdated;
                    Vec::new()
                } else {
                    records
                }
            }
            EntryPayload::Blank => Vec::new(),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                self.tell_addresses();
                Vec::new()
            }
        };
        self.last_applied = Some(log_id);
        let (image, delta) = self.image.apply(&records, log_id.index as i64, term);
        self.image = Arc::new(image);
        if !records.is_empty() {
            self.offer(delta);
        }
        applied
    }

    fn tell_addresses(&self) {
        for (id, node) in self.membership.membership().nodes() {
            self.addresses.learn_node(*id, node);
        }
    }

    fn offer(&mut self, delta: MetadataDelta) {
        if let Some(publisher) = &self.publisher {
            self.offered = self.image.offset;
            publisher.offer(self.image.clone(), delta);
        }
    }

    /// Takes over a snapshot, whose image is `image`. Whoever listens gets the difference.
    pub fn install(&mut self, content: &SnapshotContent, image: Arc<MetadataImage>) {
        let before = std::mem::replace(&mut self.image, image);
        self.last_applied = content.meta.last_log_id;
        self.membership = content.meta.last_membership.clone();
        self.tell_addresses();
        if self.publisher.is_some() {
            self.offer(MetadataDelta::between(&before, &self.image));
        }
    }
}
