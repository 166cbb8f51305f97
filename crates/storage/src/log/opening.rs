//! How a log gets from a name to files in use: opened when it is used, created by its first append, checked
//! after a crash, offline once its files can't be understood.

use super::load::{LoadedLog, Loader, Trust};
use super::open::OpenLog;
use super::{Log, State};
use crate::checkpoint::PartitionMetadata;
use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::log_dir::recovery::Progress;

impl Log {
    /// Recovers a folder that was not closed in order; answers how many bytes were cut off. The log is closed
    /// then.
    pub(crate) fn recover(&mut self, progress: &Progress) -> Result<u64> {
        let trust = Trust::UpTo(self.recovery_point);
        let loaded = self.loader(&self.folder(), Some(progress)).load(trust)?;
        let truncated_bytes = loaded.truncated_bytes;
        self.lost_from = loaded.lost_from;
        self.changed = true;
        self.adopt(loaded);
        self.release()?;
        Ok(truncated_bytes)
    }

    /// Learns the offsets of a folder that was closed in order by somebody who left no manifest.
    pub(crate) fn inspect(&mut self) -> Result<()> {
        let loaded = self.load(Trust::All)?;
        self.adopt(loaded);
        self.recovery_point = self.log_end_offset;
        self.release()
    }

    /// Takes a log offline whose files can't be understood, and leaves them as they are.
    pub(crate) fn take_offline(&mut self) {
        let known = [
            self.recovery_point,
            self.checkpointed_high_watermark,
            self.log_start_offset,
        ];
        self.log_end_offset = known.into_iter().max().unwrap_or(0);
        self.state = State::Offline;
    }

    /// The open log, opened if need be; `None` for a log without a folder.
    pub(super) fn open(&mut self) -> Result<Option<&mut OpenLog>> {
        self.used = true;
        match self.state {
            State::Absent => return Ok(None),
            State::Offline => return Err(self.offline()),
            State::Closed => self.open_closed()?,
            State::Open(_) => {}
        }
        match &mut self.state {
            State::Open(open) => Ok(Some(open)),
            _ => Ok(None),
        }
    }

    fn open_closed(&mut self) -> Result<()> {
        let mut loaded = self.load(Trust::All)?;
        let resting = self.resting_producers.take();
        let found = (loaded.log_end_offset, loaded.open.size_bytes());
        if found != (self.log_end_offset, self.size_bytes) {
            tracing::warn!(topic = %self.topic, partition = self.partition, ?found,
                expected = ?(self.log_end_offset, self.size_bytes),
                "the log's files changed behind our back; recovering it");
            loaded = self.load(Trust::UpTo(self.recovery_point))?;
        } else if let Some(producers) = resting {
            loaded.open.producers = *producers;
        }
        self.adopt(loaded);
        Ok(())
    }

    fn load(&self, trust: Trust) -> Result<LoadedLog> {
        self.loader(&self.folder(), None).load(trust)
    }

    fn loader<'a>(&'a self, folder: &'a Folder, progress: Option<&'a Progress>) -> Loader<'a> {
        Loader {
            folder,
            files: &self.files,
            config: &self.config,
            log_start_offset: self.log_start_offset,
            progress,
        }
    }

    fn adopt(&mut self, loaded: LoadedLog) {
        let LoadedLog {
            mut open,
            log_end_offset,
            ..
        } = loaded;
        self.log_start_offset = self.log_start_offset.max(open.segment(0).base_offset);
        self.log_end_offset = log_end_offset;
        self.recovery_point = self.recovery_point.min(log_end_offset);
        self.size_bytes = open.size_bytes();
        // The records don't say which markers are replicated.
        open.producers
            .high_watermark_updated(self.replicated_until.min(log_end_offset));
        self.first_unstable_offset = open.producers.first_unstable_offset();
        if let Some(entry) = self.unwritten_epoch.take() {
            // It goes to disk with its first record: reading must not write.
            let start_offset = entry.start_offset.min(log_end_offset);
            open.epochs_unsaved = open.epochs.assign(entry.epoch, start_offset);
        }
        self.state = State::Open(Box::new(open));
    }

    /// The open log; its folder and first segment are created if need be.
    pub(super) fn open_for_writing(&mut self) -> Result<&mut OpenLog> {
        if matches!(self.state, State::Absent) {
            self.create_folder()?;
        }
        self.changed = true;
        self.open()?;
        match &mut self.state {
            State::Open(open) => Ok(open),
            _ => Err(StorageError::Offline {
                topic: self.topic.to_string(),
                partition: self.partition,
            }),
        }
    }

    fn create_folder(&mut self) -> Result<()> {
        let folder = self.folder();
        folder
            .disk()
            .create_dir_all(&folder)
            .map_err(StorageError::io("create", &folder))?;
        PartitionMetadata {
            topic_id: self.topic_id,
        }
        .write(&folder, Durability::PageCache)?;
        let mut open = OpenLog::empty(folder, self.files.clone(), self.log_end_offset);
        open.active.segment.log_file(&open.folder)?;
        if let Some(entry) = self.unwritten_epoch.take() {
            open.assign_epoch(entry.epoch, entry.start_offset)?;
        }
        self.state = State::Open(Box::new(open));
        Ok(())
    }

    pub(super) fn offline(&self) -> StorageError {
        StorageError::Offline {
            topic: self.topic.to_string(),
            partition: self.partition,
        }
    }
}
