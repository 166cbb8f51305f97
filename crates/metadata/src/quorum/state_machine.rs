//! Raft's state machine: the image. Applies committed batches and publishes what they make.

use std::io::Cursor;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};

use super::snapshot_file::{SnapshotContent, SnapshotFile};
use super::types::{
    Entry, LogId, RaftTypes, Snapshot, SnapshotMeta, StorageError, StorageIOError, StoredMembership,
};
use crate::error::MetadataError;
use crate::image::{MetadataDelta, MetadataImage};

type Publish = Box<dyn FnMut(Arc<MetadataImage>, Arc<MetadataDelta>) + Send>;

/// The state machine. Clones share its state.
#[derive(Clone)]
pub struct StateMachine {
    state: Arc<Mutex<State>>,
    file: SnapshotFile,
}

struct State {
    image: Arc<MetadataImage>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    /// Set once the node has caught up: what it applies before is published as one image.
    publish: Option<Publish>,
}

impl StateMachine {
    /// The state of the snapshot file, or an empty one.
    pub fn load(file: SnapshotFile) -> Result<Self, MetadataError> {
        let mut state = State {
            image: Arc::new(MetadataImage::empty()),
            last_applied: None,
            membership: StoredMembership::default(),
            publish: None,
        };
        if let Some(bytes) = file.read()? {
            state.install(file.decode(&bytes)?);
        }
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            file,
        })
    }

    /// The latest image.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.lock().image.clone()
    }

    /// Publishes the image whole, and from now on every further one.
    pub fn go_live(&self, mut publish: Publish) {
        let mut state = self.lock();
        let delta = MetadataDelta::between(&MetadataImage::empty(), &state.image);
        publish(state.image.clone(), Arc::new(delta));
        state.publish = Some(publish);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, entry: Entry) {
        let log_id = entry.log_id;
        let records = match entry.payload {
            EntryPayload::Normal(batch) => batch.records,
            EntryPayload::Blank => Vec::new(),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Vec::new()
            }
        };
        self.last_applied = Some(log_id);
        let (image, delta) = self
            .image
            .apply(&records, log_id.index as i64, log_id.leader_id.term as i32);
        self.image = Arc::new(image);
        if let Some(publish) = &mut self.publish
            && !records.is_empty()
        {
            publish(self.image.clone(), Arc::new(delta));
        }
    }

    /// Takes over a snapshot. Whoever listens gets the difference.
    fn install(&mut self, content: SnapshotContent) {
        let before = mem::replace(&mut self.image, Arc::new(content.image()));
        self.last_applied = content.meta.last_log_id;
        self.membership = content.meta.last_membership;
        if let Some(publish) = &mut self.publish {
            publish(
                self.image.clone(),
                Arc::new(MetadataDelta::between(&before, &self.image)),
            );
        }
    }
}

impl RaftSnapshotBuilder<RaftTypes> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let (image, last_log_id, last_membership) = {
            let state = self.lock();
            (state.image.clone(), state.last_applied, state.membership.clone())
        };
        let snapshot_id = last_log_id.map_or_else(
            || "empty".into(),
            |id| format!("{}-{}", id.leader_id.term, id.index),
        );
        let content = SnapshotContent {
            meta: SnapshotMeta {
                last_log_id,
                last_membership,
                snapshot_id,
            },
            records: image.to_records(),
        };
        let signature = content.meta.signature();
        let failed = |error: &MetadataError| StorageIOError::write_snapshot(Some(signature.clone()), error);
        let bytes = serde_json::to_vec(&content)
            .map_err(|error| failed(&MetadataError::Storage(error.to_string())))?;
        let (file, written) = (self.file.clone(), bytes.clone());
        let outcome = tokio::task::spawn_blocking(move || file.write(&written)).await;
        outcome
            .unwrap_or_else(|error| Err(MetadataError::Storage(error.to_string())))
            .map_err(|error| failed(&error))?;
        Ok(Snapshot {
            meta: content.meta,
            snapshot: Box::new(Cursor::new(bytes)),
        })
    }
}

impl RaftStateMachine<RaftTypes> for StateMachine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let state = self.lock();
        Ok((state.last_applied, state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<()>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut state = self.lock();
        Ok(entries.into_iter().map(|entry| state.apply(entry)).collect())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        mut snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let failed = |error: &MetadataError| StorageIOError::write_snapshot(Some(meta.signature()), error);
        let bytes = mem::take(snapshot.get_mut());
        let content = self.file.decode(&bytes).map_err(|error| failed(&error))?;
        self.file.write(&bytes).map_err(|error| failed(&error))?;
        self.lock().install(content);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let read = || {
            let Some(bytes) = self.file.read()? else {
                return Ok(None);
            };
            let meta = self.file.decode(&bytes)?.meta;
            Ok(Some(Snapshot {
                meta,
                snapshot: Box::new(Cursor::new(bytes)),
            }))
        };
        read().map_err(|error: MetadataError| StorageIOError::read_snapshot(None, &error).into())
    }
}
