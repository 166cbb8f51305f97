//! What a log needs to move to another log directory: to be created there, filled and given its place.
//!
//! The broker copies batch by batch ([`Log::read`] here, [`Log::append_as_follower`] there). The copy gets the
//! partition's name first and the original loses it afterwards: a crash between leaves two equal folders, never none.

use uuid::Uuid;

use super::{Log, State};
use crate::disk;
use crate::error::{Result, StorageError};
use crate::file_io;

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

    /// Gives a copy the partition's folder name, in its own directory.
    ///
    /// # Errors
    /// `Io`; the copy is as before then.
    pub fn promote(&mut self) -> Result<()> {
        let (from, unique) = (self.folder(), self.future.take());
        let to = self.folder();
        if self.has_folder()
            && let Err(error) = disk::rename(&from, &to)
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

    /// Whether the log may be replaced by a copy now: nobody works beside the lock on files whose names it has.
    pub fn may_be_replaced(&self) -> bool {
        self.removing.strong_count() == 0 && !self.is_being_cleaned()
    }

    /// Lets a copy that has all of `original`'s records go on in its place. What began on the original beside the lock
    /// says nothing of the copy.
    pub fn continue_from(&mut self, original: &mut Log) {
        self.config = original.config.clone();
        self.choose_jitter();
        self.truncations = original.truncations.wrapping_add(1);
        self.names_in_flight += original.names_in_flight;
        self.unwritten_epoch = self.unwritten_epoch.take().or(original.unwritten_epoch);
        if self.is_unflushed() {
            self.unflushed_since_ms = self.unflushed_since_ms.or(original.unflushed_since_ms);
        }
        if let (State::Open(copy), State::Open(original)) = (&mut self.state, &mut original.state) {
            copy.producers.take_verifications(&mut original.producers);
        }
    }

    /// Makes the name of the log's folder durable.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync_name(&self) -> Result<()> {
        file_io::sync_folder(&self.log_dir)
    }
}
