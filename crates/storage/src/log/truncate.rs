//! Giving records up: from the end (a new leader knows better), all of them, or from the start
//! (DeleteRecords).

use super::load::Loader;
use super::open::OpenLog;
use super::{Log, State};
use crate::error::{Result, StorageError};
use crate::log_config::LogConfig;
use crate::segment::ActiveSegment;
use crate::txn_index;

impl Log {
    /// Cuts off all from the batch that holds `offset` on; answers whether there was anything to cut. What is
    /// noted of epochs without records at the log's end goes in any case: a leader of them has written
    /// nothing here, and another may have begun at the same offset. A recovery point beyond `offset` in its
    /// checkpoint would have the next start believe what is written there from now on: the caller withdraws
    /// it, and writes the checkpoint, first.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the log is offline then, since nobody knows how far the cut came.
    pub fn truncate_to(&mut self, offset: i64) -> Result<bool> {
        if offset >= self.log_end_offset {
            self.forget_empty_epochs()?;
            return Ok(false);
        }
        if offset < self.log_start_offset {
            self.truncate_fully_and_start_at(offset)?;
            return Ok(true);
        }
        let (config, log_start_offset) = (self.config.clone(), self.log_start_offset);
        if let Some(open) = self.open()? {
            let cut = open.truncate_to(offset, log_start_offset, &config);
            self.truncated(cut, offset)?;
        }
        Ok(true)
    }

    /// Takes back that all before the recovery point is on disk, as far as it is behind `offset`; answers
    /// whether it was.
    pub fn withdraw_recovery_point(&mut self, offset: i64) -> bool {
        let withdraws = self.recovery_point > offset;
        self.recovery_point = self.recovery_point.min(offset);
        withdraws
    }

    fn forget_empty_epochs(&mut self) -> Result<()> {
        let log_end_offset = self.log_end_offset;
        match self.open()? {
            Some(open) => {
                if open.epochs.truncate_from_end(log_end_offset) {
                    open.write_epochs()?;
                }
            }
            None => self.unwritten_epoch = None,
        }
        Ok(())
    }

    /// Drops all records; the next one will be at `offset`.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the log is offline then.
    pub fn truncate_fully_and_start_at(&mut self, offset: i64) -> Result<()> {
        // The name of a segment keeps the offset over a restart.
        let open = if offset > 0 {
            Some(self.open_for_writing()?)
        } else {
            self.open()?
        };
        if let Some(open) = open {
            let cut = open.truncate_fully(offset);
            self.truncated(cut, offset)?;
        }
        self.unwritten_epoch = None;
        self.log_start_offset = offset;
        self.log_end_offset = offset;
        self.recovery_point = offset;
        self.lost_from = None;
        Ok(())
    }

    /// Raises the first readable offset (DeleteRecords, retention); answers whether it moved. Segments before
    /// it stay until retention removes them.
    ///
    /// # Errors
    /// OFFSET_OUT_OF_RANGE beyond `high_watermark`; KAFKA_STORAGE_ERROR.
    pub fn advance_log_start_offset(&mut self, log_start_offset: i64, high_watermark: i64) -> Result<bool> {
        if log_start_offset > high_watermark {
            return Err(StorageError::OffsetOutOfRange {
                offset: log_start_offset,
                log_start_offset: self.log_start_offset,
                log_end_offset: high_watermark,
            });
        }
        if log_start_offset <= self.log_start_offset {
            return Ok(false);
        }
        if let Some(open) = self.open()?
            && open.epochs.truncate_from_start(log_start_offset)
        {
            open.write_epochs()?;
        }
        self.log_start_offset = log_start_offset;
        Ok(true)
    }

    fn truncated(&mut self, cut: Result<u64>, offset: i64) -> Result<()> {
        self.truncations += 1;
        self.lost_from = self.lost_from.filter(|lost_from| *lost_from < offset);
        self.changed = true;
        self.flush_begun = self.flush_begun.min(offset);
        self.abort_cleaning();
        self.oldest_segment = None;
        match cut {
            Ok(size_bytes) => {
                self.size_bytes = size_bytes;
                self.log_end_offset = offset;
                self.recovery_point = self.recovery_point.min(offset);
                self.replicated_until = self.replicated_until.min(offset);
                if let State::Open(open) = &mut self.state {
                    open.producers.high_watermark_updated(self.replicated_until);
                    self.first_unstable_offset = open.producers.first_unstable_offset();
                }
                Ok(())
            }
            Err(error) => {
                self.state = State::Offline;
                Err(error)
            }
        }
    }
}

impl OpenLog {
    /// Cuts at `offset`; answers the size that remains.
    fn truncate_to(&mut self, offset: i64, log_start_offset: i64, config: &LogConfig) -> Result<u64> {
        self.recent_aborts.forget();
        let keep = self.segment_of(offset);
        while self.closed.len() > keep {
            // The last of the closed segments becomes the active one; if it has to go as well, the next turn
            // does it.
            let Some(segment) = self.closed.pop() else { break };
            let (base_offset, size) = (segment.base_offset, segment.size);
            let loaded = ActiveSegment::load(segment, &self.folder)?;
            let reopened = match loaded {
                Some(active) => active,
                None => ActiveSegment::rebuild(&self.folder, base_offset, size, &self.files, config)?,
            };
            let gone = std::mem::replace(&mut self.active, reopened).segment.base_offset;
            OpenLog::remove_files(&self.folder, gone)?;
        }
        if let Some((position, _)) = self.find_batch(keep, offset)? {
            self.active.truncate(&self.folder, position, offset)?;
        }
        if self.active.segment.has_aborted {
            let base_offset = self.active.segment.base_offset;
            self.active.segment.has_aborted = txn_index::truncate(&self.folder, base_offset, offset)?;
        }
        if self.epochs.truncate_from_end(offset) {
            self.write_epochs()?;
        }
        let folder = self.folder.clone();
        self.snapshots
            .remove_where(&folder, |snapshot| snapshot > offset)?;
        let files = self.files.clone();
        let loader = Loader {
            folder: &folder,
            files: &files,
            config,
            log_start_offset,
            progress: None,
        };
        loader.load_producers(self, offset, usize::MAX)?;
        self.folder_unsynced = true;
        Ok(self.size_bytes())
    }

    /// Drops everything and begins at `offset`.
    fn truncate_fully(&mut self, offset: i64) -> Result<u64> {
        let bases = (0..self.segment_count()).map(|index| self.segment(index).base_offset);
        for base_offset in bases.collect::<Vec<i64>>() {
            OpenLog::remove_files(&self.folder, base_offset)?;
        }
        self.snapshots.remove_where(&self.folder, |_| true)?;
        let mut empty = OpenLog::empty(self.folder.clone(), self.files.clone(), offset);
        empty.active.segment.log_file(&self.folder)?;
        empty.write_epochs()?;
        *self = empty;
        Ok(0)
    }
}
