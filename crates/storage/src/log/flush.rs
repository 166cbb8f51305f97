//! Flushing: what is written becomes durable, and the recovery point moves.
//!
//! Two ways: [`Log::flush`] syncs all at once under the partition's lock (`flush.messages`, `flush.ms`, stop); a
//! [`RolledFlush`] syncs the segments that have been closed, beside the lock, as Apache Kafka does after each roll.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Log, State};
use crate::error::{Result, StorageError};

/// The files of closed segments that are not known to be on disk. It is taken under the partition's lock, run
/// outside of it, and given back to [`Log::rolled_flushed`].
#[derive(Debug)]
pub struct RolledFlush {
    files: Vec<(PathBuf, Arc<File>)>,
    up_to: i64,
    truncations: u32,
}

impl RolledFlush {
    /// fdatasync of the files.
    ///
    /// # Errors
    /// `Io`.
    pub fn run(&self) -> Result<()> {
        for (path, file) in &self.files {
            file.sync_data().map_err(StorageError::io("sync", path))?;
        }
        Ok(())
    }
}

impl Log {
    /// Whether `flush.messages` or `flush.ms` demand a [`Log::flush`].
    pub fn flush_is_due(&self, now_ms: i64) -> bool {
        self.unflushed_since_ms.is_some_and(|since_ms| {
            self.log_end_offset - self.recovery_point >= self.config.flush_messages
                || now_ms.saturating_sub(since_ms) >= self.config.flush_ms
        })
    }

    /// fdatasync of all that was written; moves the recovery point.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the log is offline then, since Linux forgets dirty pages whose write failed.
    pub fn flush(&mut self) -> Result<()> {
        if !self.is_unflushed() {
            return Ok(());
        }
        let recovery_point = self.recovery_point;
        if let Some(open) = self.open()?
            && let Err(error) = open.sync(recovery_point)
        {
            self.state = State::Offline;
            return Err(error);
        }
        self.recovery_point = self.log_end_offset;
        self.unflushed_since_ms = None;
        Ok(())
    }

    /// The closed segments behind the recovery point, if there are any. A crash must not cost a check of all that was
    /// written since the start.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn rolled_flush(&mut self) -> Result<Option<RolledFlush>> {
        let (recovery_point, truncations) = (self.recovery_point, self.truncations);
        let State::Open(open) = &mut self.state else {
            return Ok(None);
        };
        let up_to = open.active.segment.base_offset;
        if up_to <= recovery_point {
            return Ok(None);
        }
        let mut files = open.folder_to_sync()?;
        for segment in &open.closed[open.segment_of(recovery_point).min(open.closed.len())..] {
            files.extend(segment.files_to_sync(&open.folder)?);
        }
        Ok(Some(RolledFlush {
            files,
            up_to,
            truncations,
        }))
    }

    /// Takes note of what became of a [`RolledFlush`].
    ///
    /// # Errors
    /// The error it ended with; the log is offline then.
    pub fn rolled_flushed(&mut self, flush: &RolledFlush, outcome: Result<()>) -> Result<()> {
        if outcome.is_err() {
            self.state = State::Offline;
        } else if flush.truncations == self.truncations {
            self.recovery_point = self.recovery_point.max(flush.up_to);
        }
        outcome
    }

    /// Whether there is anything a [`Log::flush`] would write.
    pub(crate) fn is_unflushed(&self) -> bool {
        self.recovery_point < self.log_end_offset
    }

    /// Takes note that the whole file system was synced after the log's release.
    pub(crate) fn synced_with_others(&mut self) {
        debug_assert!(
            !matches!(self.state, State::Open(_)),
            "a released log has no unwritten state"
        );
        self.recovery_point = self.log_end_offset;
        self.unflushed_since_ms = None;
    }
}
