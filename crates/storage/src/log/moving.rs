//! What a log needs to move to another log directory: to be created there, filled and given its place.
//!
//! The broker copies piece by piece: [`Log::missing_in`] under the original's lock, [`Missing::read`] and
//! [`Log::catch_up`] beside it; the last piece and [`Log::take_place_of`] again under the lock. The copy gets
//! the partition's name first and the original loses it afterwards ([`Log::sync_name`] between): a crash
//! leaves two equal folders, never none. Which of two is the log, [`Log::is_ahead_of`] says.

use barnabas_protocol::records::batches;
use uuid::Uuid;

use super::{FetchSlice, Log, ReadBound, State};
use crate::disk::Folder;
use crate::error::{Result, StorageError};

/// Where the bytes lie that a copy lacks.
#[derive(Debug)]
pub struct Missing {
    folder: Folder,
    slice: FetchSlice,
    /// Where the copy begins anew, since the original has lost records that it still lacked.
    restart: Option<i64>,
}

/// The bytes that a copy lacks.
#[derive(Debug)]
pub struct MissingBytes {
    bytes: Vec<u8>,
    restart: Option<i64>,
}

impl Missing {
    /// Reads the bytes.
    ///
    /// # Errors
    /// `Io`, of the original's disk.
    pub fn read(&self) -> Result<MissingBytes> {
        let bytes = self.slice.to_vec();
        Ok(MissingBytes {
            bytes: bytes.map_err(StorageError::io("read from", &self.folder))?,
            restart: self.restart,
        })
    }
}

impl Log {
    /// Creates the folder of a log that has none, so that a start finds it.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn create(&mut self) -> Result<()> {
        self.open_for_writing()?;
        self.release()
    }

    /// Lets the log be a copy on its way, in a folder of its own. It must not have been written to.
    pub(crate) fn make_future(&mut self, unique: Uuid) {
        debug_assert!(
            matches!(self.state, State::Absent),
            "the folder has a name already"
        );
        self.future = Some(unique);
    }

    /// Where the bytes lie that `copy` lacks, up to `max_bytes` of them.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE.
    pub fn missing_in(&mut self, copy: &Log, max_bytes: u32) -> Result<Missing> {
        let begin = self.log_start_offset;
        let restarts = copy.log_end_offset < begin || (copy.size_bytes == 0 && begin > 0);
        let restart = restarts.then_some(begin);
        let offset = restart.unwrap_or(copy.log_end_offset);
        let max_bytes = max_bytes.min(self.config.segment_bytes);
        Ok(Missing {
            folder: self.folder(),
            slice: self.read(offset, max_bytes, ReadBound::LogEnd, true)?,
            restart,
        })
    }

    /// Appends the whole batches of what this copy lacked, each of them checked; answers how many bytes that
    /// were.
    ///
    /// # Errors
    /// CORRUPT_MESSAGE; KAFKA_STORAGE_ERROR, of the copy's disk.
    pub fn catch_up(&mut self, missing: &MissingBytes, now_ms: i64) -> Result<usize> {
        let mut whole = batches(&missing.bytes);
        let mut first_offset = None;
        for batch in whole.by_ref() {
            let batch = batch?;
            batch.verify_crc()?;
            first_offset.get_or_insert(batch.header.base_offset);
        }
        let len = missing.bytes.len() - whole.rest().len();
        if let (Some(begin), Some(first_offset)) = (missing.restart, first_offset) {
            // The first batch may begin before that, and where a crash has left a gap, behind it.
            self.truncate_fully_and_start_at(begin.min(first_offset))?;
        }
        if len > 0 {
            self.append_as_follower(&missing.bytes[..len], now_ms)?;
        }
        Ok(len)
    }

    /// Lets this copy, which lacks none of `original`'s batches, be the partition's log in its place. What
    /// was promised to be on disk is so before anybody relies on the copy.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the original is as before then.
    pub fn take_place_of(&mut self, original: &mut Log, high_watermark: i64) -> Result<()> {
        if self.log_end_offset < original.log_end_offset {
            // The end of the log is a gap, or there are no records at all.
            self.end_at(original.log_end_offset)?;
        }
        self.advance_log_start_offset(original.log_start_offset, high_watermark)?;
        if original.recovery_point > self.recovery_point {
            self.flush()?;
        }
        // Both are open from here on, while that may still fail.
        original.open()?;
        self.open()?;
        self.promote()?;
        self.continue_from(original);
        Ok(())
    }

    /// Lets the log end at `offset` without records up to there. The name of a segment keeps it.
    fn end_at(&mut self, offset: i64) -> Result<()> {
        if self.size_bytes == 0 {
            return self.truncate_fully_and_start_at(offset);
        }
        let config = self.config.clone();
        self.open_for_writing()?.roll(offset, &config)?;
        self.log_end_offset = offset;
        Ok(())
    }

    /// Of two logs of one partition in two directories, which the end of a move has left: whether this is the
    /// one that goes on.
    pub fn is_ahead_of(&self, other: &Log) -> bool {
        self.log_end_offset > other.log_end_offset
    }

    /// Goes on in place of `other`, which is not ahead: what was deleted from one of them is deleted.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn supersede(&mut self, other: &Log) -> Result<()> {
        let log_start_offset = other.log_start_offset.min(self.log_end_offset);
        self.advance_log_start_offset(log_start_offset, self.log_end_offset)
            .map(drop)
    }

    /// Gives a copy the partition's folder name, in its own directory.
    ///
    /// # Errors
    /// `Io`; the copy is as before then.
    fn promote(&mut self) -> Result<()> {
        let (from, unique) = (self.folder(), self.future.take());
        let to = self.folder();
        if self.has_folder()
            && let Err(error) = self.log_dir.disk().rename(&from, &to)
        {
            self.future = unique;
            return Err(StorageError::io("rename", from)(error));
        }
        if let State::Open(open) = &mut self.state {
            open.folder = to;
            open.folder_unsynced = true;
        }
        Ok(())
    }

    /// Whether the log may be replaced by a copy now: nobody works beside the lock on files whose names it
    /// has.
    pub fn may_be_replaced(&self) -> bool {
        self.removing.strong_count() == 0 && !self.is_being_cleaned()
    }

    /// Lets a copy that has all of `original`'s records go on in its place. What began on the original beside
    /// the lock says nothing of the copy.
    fn continue_from(&mut self, original: &mut Log) {
        self.config = original.config.clone();
        self.choose_jitter();
        self.truncations = original.truncations.wrapping_add(1);
        self.names_in_flight += original.names_in_flight;
        // Until its new name is on disk a crash leaves the original alone, and what was flushed of that.
        self.recovery_point = self.recovery_point.min(original.recovery_point);
        self.flush_begun = self.flush_begun.min(original.recovery_point);
        self.unwritten_epoch = self.unwritten_epoch.take().or(original.unwritten_epoch);
        if self.is_unflushed() {
            self.unflushed_since_ms = self.unflushed_since_ms.or(original.unflushed_since_ms);
        }
        if let (State::Open(copy), State::Open(original)) = (&mut self.state, &mut original.state) {
            // Of producers whose records were deleted the original knows what no record says any more.
            copy.producers = std::mem::take(&mut original.producers);
            copy.snapshots
                .forget_where(|offset| offset >= self.log_end_offset);
            self.first_unstable_offset = copy.producers.first_unstable_offset();
        }
    }

    /// Makes the name of the log's folder durable.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync_name(&self) -> Result<()> {
        self.log_dir.disk().sync_folder(&self.log_dir)
    }
}
