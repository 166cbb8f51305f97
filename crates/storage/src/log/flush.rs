//! Flushing: what is written becomes durable, and the recovery point moves.
//!
//! A [`LogFlush`] is taken under the partition's lock, run outside of it, and given back to [`Log::flushed`]:
//! the slow part, the syncs, holds up nobody. It covers all that was written ([`Log::begin_flush`]), or the
//! segments that have been closed ([`Log::begin_rolled_flush`]), which Apache Kafka syncs after each roll.
//!
//! The recovery point moves only after a real fdatasync of the data, and of the folder where names are new.

use std::path::PathBuf;
use std::sync::Arc;

use super::open::OpenLog;
use super::{Log, State};
use crate::disk::File;
use crate::error::{Result, StorageError};
use crate::layout::SegmentFile;

/// Files that must be synced before all up to some offset is known to be on disk.
#[derive(Debug)]
pub struct LogFlush {
    /// Segments' files, which must have their content.
    data: Vec<(PathBuf, Arc<File>)>,
    /// The folder and the small files beside the segments, which are replaced as a whole.
    names: Vec<(PathBuf, Arc<File>)>,
    up_to: i64,
    truncations: u32,
}

impl LogFlush {
    /// fdatasync of the segments, fsync of what was created or replaced.
    ///
    /// # Errors
    /// `Io`.
    pub fn run(&self) -> Result<()> {
        for (path, file) in &self.data {
            file.sync_data().map_err(StorageError::io("sync", path))?;
        }
        for (path, file) in &self.names {
            file.sync_all().map_err(StorageError::io("sync", path))?;
        }
        Ok(())
    }
}

impl Log {
    /// Whether `flush.messages` demands a flush before the last append is acknowledged.
    pub fn flush_is_due(&self) -> bool {
        self.log_end_offset - self.recovery_point.max(self.flush_begun) >= self.config.flush_messages
    }

    /// Whether `flush.ms` demands a flush: the oldest record that isn't flushed has waited for so long.
    pub fn flush_is_overdue(&self, now_ms: i64) -> bool {
        self.unflushed_since_ms
            .is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= self.config.flush_ms)
    }

    /// What has to be synced for all that was written, if anything has.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn begin_flush(&mut self) -> Result<Option<LogFlush>> {
        if !self.is_unflushed() {
            return Ok(None);
        }
        let up_to = self.log_end_offset;
        let flush = self.flush_to(up_to, true)?;
        if flush.is_some() {
            self.flush_begun = up_to;
            self.unflushed_since_ms = None;
        }
        Ok(flush)
    }

    /// The closed segments behind the recovery point, if there are any. A crash must not cost a check of all
    /// that was written since the start.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn begin_rolled_flush(&mut self) -> Result<Option<LogFlush>> {
        let State::Open(open) = &self.state else {
            return Ok(None);
        };
        let up_to = open.active.segment.base_offset;
        if up_to <= self.recovery_point {
            return Ok(None);
        }
        self.flush_to(up_to, false)
    }

    /// The files to sync for all before `up_to`, `with_active` also those of the active segment.
    fn flush_to(&mut self, up_to: i64, with_active: bool) -> Result<Option<LogFlush>> {
        let (recovery_point, in_flight) = (self.recovery_point, self.names_in_flight > 0);
        let Some(open) = self.open()? else {
            return Ok(None);
        };
        let mut data = open.closed_to_sync(recovery_point)?;
        if with_active {
            data.extend(open.active.segment.records_to_sync(&open.folder)?);
        }
        // Last: from here on the names count as taken care of.
        let names = open.folder_to_sync(in_flight)?;
        self.names_in_flight += u32::from(!names.is_empty());
        Ok(Some(LogFlush {
            data,
            names,
            up_to,
            truncations: self.truncations,
        }))
    }

    /// Takes note of what became of a [`LogFlush`].
    ///
    /// # Errors
    /// The error it ended with; the log is offline then, since Linux forgets dirty pages whose write failed.
    /// An error, too, if the log is offline already.
    pub fn flushed(&mut self, flush: &LogFlush, outcome: Result<()>) -> Result<()> {
        self.names_in_flight -= u32::from(!flush.names.is_empty());
        if outcome.is_err() {
            self.state = State::Offline;
        } else if matches!(self.state, State::Offline) {
            // What another flush could not write, this one had nothing to write of any more.
            return Err(self.offline());
        } else if flush.truncations == self.truncations {
            self.recovery_point = self.recovery_point.max(flush.up_to);
        }
        outcome
    }

    /// fdatasync of all that was written, at once.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the log is offline then.
    pub fn flush(&mut self) -> Result<()> {
        match self.begin_flush()? {
            Some(flush) => self.flushed(&flush, flush.run()),
            None => Ok(()),
        }
    }

    /// Saves what is only in memory, syncs all that has changed, indexes and snapshot included, and gives up
    /// descriptors and buffers: a start after a stop in order believes all of it.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the log is offline then.
    pub(crate) fn sync_and_release(&mut self) -> Result<()> {
        let (config, recovery_point, log_end_offset) =
            (self.config.clone(), self.recovery_point, self.log_end_offset);
        if let Some(open) = self.open()? {
            let saved = open.save(&config, log_end_offset);
            if let Err(error) = saved.and_then(|()| open.sync_whole(recovery_point, log_end_offset)) {
                self.state = State::Offline;
                return Err(error);
            }
        }
        self.synced();
        self.release()
    }

    /// Whether a power cut after a stop in order could take anything back.
    pub(crate) fn is_unsynced(&self) -> bool {
        let epochs_unsynced = matches!(&self.state, State::Open(open) if open.epochs_unsynced);
        self.changed || epochs_unsynced || self.is_unflushed()
    }

    /// Whether there is anything a [`Log::flush`] would write.
    pub(super) fn is_unflushed(&self) -> bool {
        self.recovery_point < self.log_end_offset
    }

    /// Takes note that the whole file system was synced after the log's release.
    pub(crate) fn synced_with_others(&mut self) {
        debug_assert!(
            !matches!(self.state, State::Open(_)),
            "a released log has no unwritten state"
        );
        self.synced();
    }

    fn synced(&mut self) {
        self.recovery_point = self.log_end_offset;
        self.unflushed_since_ms = None;
        self.changed = false;
    }
}

impl OpenLog {
    /// Syncs all that may have changed since the recovery point, what recovery could rebuild included.
    fn sync_whole(&mut self, recovery_point: i64, log_end_offset: i64) -> Result<()> {
        let mut files = self.closed_to_sync(recovery_point)?;
        files.extend(self.active.segment.files_to_sync(&self.folder)?);
        files.extend(self.folder_to_sync(true)?);
        let snapshot = SegmentFile::Snapshot.path(&self.folder, log_end_offset);
        let file = self.folder.disk().open_existing(&snapshot);
        let file = file.map_err(StorageError::io("open", &snapshot))?;
        files.push((snapshot, Arc::new(file)));
        for (path, file) in files {
            file.sync_all().map_err(StorageError::io("sync", path))?;
        }
        self.epochs_unsynced = false;
        Ok(())
    }

    /// The files of the closed segments that reach to `recovery_point` or beyond.
    fn closed_to_sync(&self, recovery_point: i64) -> Result<Vec<(PathBuf, Arc<File>)>> {
        let mut files = Vec::new();
        for segment in &self.closed[self.first_unsure(recovery_point).min(self.closed.len())..] {
            files.extend(segment.files_to_sync(&self.folder)?);
        }
        Ok(files)
    }
}
