//! Raft's log and vote on disk. An append is acknowledged, and a vote given, only once it is synced.

use std::fmt::Debug;
use std::ops::RangeBounds;

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};

use super::log_db::LogDb;
use super::sync_thread::SyncThread;
use super::types::{Entry, LogId, RaftTypes, StorageError, StorageIOError, Vote};

/// Raft's log store. Clones share the log.
#[derive(Clone)]
pub struct LogStore {
    /// Before `sync`, so that it is dropped first: the sync thread closes the database last.
    db: LogDb,
    sync: SyncThread,
}

impl LogStore {
    /// The log store over an open database.
    pub fn new(db: LogDb, sync: SyncThread) -> Self {
        Self { db, sync }
    }
}

impl RaftLogReader<RaftTypes> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        self.db
            .entries(range)
            .map_err(|error| StorageIOError::read_logs(&error).into())
    }
}

impl RaftLogStorage<RaftTypes> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<RaftTypes>, StorageError> {
        let state = || {
            let last_purged_log_id = self.db.purged()?;
            Ok(LogState {
                last_purged_log_id,
                last_log_id: self.db.last()?.or(last_purged_log_id),
            })
        };
        state().map_err(|error: crate::MetadataError| StorageIOError::read_logs(&error).into())
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        self.db
            .set_vote(vote)
            .map_err(|error| StorageIOError::write_vote(&error))?;
        self.sync
            .synced()
            .await
            .map_err(|error| StorageIOError::write_vote(&error).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        self.db
            .vote()
            .map_err(|error| StorageIOError::read_vote(&error).into())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        self.db
            .set_committed(&committed)
            .map_err(|error| StorageIOError::write(&error).into())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        self.db
            .committed()
            .map_err(|error| StorageIOError::read(&error).into())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<RaftTypes>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.db
            .append(entries)
            .map_err(|error| StorageIOError::write_logs(&error))?;
        self.sync.sync(move |result| callback.log_io_completed(result));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.db
            .truncate(log_id.index)
            .map_err(|error| StorageIOError::write_logs(&error).into())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.db
            .purge(&log_id)
            .map_err(|error| StorageIOError::write_logs(&error).into())
    }
}
