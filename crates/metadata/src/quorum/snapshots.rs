//! Snapshots for raft: made from an image, taken over, read for a follower. All of it on a thread that may be
//! slow.

use std::io::Cursor;
use std::mem;
use std::sync::Arc;

use openraft::storage::RaftStateMachine;
use openraft::{OptionalSend, RaftSnapshotBuilder};

use super::snapshot_file::SnapshotContent;
use super::state_machine::{Applied, StateMachine};
use super::types::{
    Entry, LogId, RaftTypes, Snapshot, SnapshotMeta, StorageError, StorageIOError, StoredMembership,
};
use crate::error::MetadataError;

impl RaftSnapshotBuilder<RaftTypes> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let (image, last_log_id, last_membership) = {
            let state = self.state.lock();
            (state.image.clone(), state.last_applied, state.membership.clone())
        };
        let snapshot_id = last_log_id.map_or_else(
            || "empty".into(),
            |id| format!("{}-{}", id.leader_id.term, id.index),
        );
        let meta = SnapshotMeta {
            last_log_id,
            last_membership,
            snapshot_id,
        };
        let (file, signature) = (self.file.clone(), meta.signature());
        let write = move || {
            let content = SnapshotContent {
                meta,
                records: image.to_records(),
            };
            let bytes =
                serde_json::to_vec(&content).map_err(|error| MetadataError::Storage(error.to_string()))?;
            file.write(&bytes)?;
            Ok(Snapshot {
                meta: content.meta,
                snapshot: Box::new(Cursor::new(bytes)),
            })
        };
        let written = self.apart(write).await;
        written.map_err(|error| StorageIOError::write_snapshot(Some(signature), &error).into())
    }
}

impl StateMachine {
    /// Keeps the bytes of a snapshot, and becomes what it holds. Says up to which entry that is.
    pub(super) async fn take_over(&self, bytes: Vec<u8>) -> Result<Option<LogId>, MetadataError> {
        let file = self.file.clone();
        let read = move || {
            let content = file.decode(&bytes)?;
            file.write(&bytes)?;
            let image = Arc::new(content.image());
            Ok((content, image))
        };
        let (content, image) = self.apart(read).await?;
        self.state.lock().install(&content, image);
        Ok(content.meta.last_log_id)
    }
}

impl RaftStateMachine<RaftTypes> for StateMachine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let state = self.state.lock();
        Ok((state.last_applied, state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Applied>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut state = self.state.lock();
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
        let bytes = mem::take(snapshot.get_mut());
        let taken = self.take_over(bytes).await;
        taken
            .map(drop)
            .map_err(|error| StorageIOError::write_snapshot(Some(meta.signature()), &error).into())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let file = self.file.clone();
        let read = move || {
            let Some(bytes) = file.read()? else {
                return Ok(None);
            };
            let meta = file.decode(&bytes)?.meta;
            Ok(Some(Snapshot {
                meta,
                snapshot: Box::new(Cursor::new(bytes)),
            }))
        };
        let read = self.apart(read).await;
        read.map_err(|error| StorageIOError::read_snapshot(None, &error).into())
    }
}
