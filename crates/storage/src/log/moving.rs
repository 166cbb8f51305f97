//! What a log needs to move to another log directory: to be created there, filled and given its place.
//!
//! The broker copies batch by batch ([`Log::read`] here, [`Log::append_as_follower`] there). The copy gets the
//! partition's name first and the original loses it afterwards: a crash between leaves two equal folders, never none.

use std::fs;

use uuid::Uuid;

use super::{Log, State};
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
            && let Err(error) = fs::rename(&from, &to)
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

    /// Makes the name of the log's folder durable.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync_name(&self) -> Result<()> {
        file_io::sync_folder(&self.log_dir)
    }
}
