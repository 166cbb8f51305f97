//! The producer snapshot files of one log (`<offset>.snapshot`): which there are, reading and writing them.

use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::layout::SegmentFile;
use crate::producer_state::{ProducerEntry, ProducerState, snapshot};

/// Offsets for which there is a snapshot, rising.
#[derive(Debug, Default)]
pub struct Snapshots {
    offsets: Vec<i64>,
}

impl Snapshots {
    /// The snapshots of these offsets.
    pub fn new(mut offsets: Vec<i64>) -> Self {
        offsets.sort_unstable();
        Snapshots { offsets }
    }

    /// The latest sound snapshot not after `offset`: its offset and its producers. Unsound ones are removed,
    /// as Kafka does: the log has all that they said.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_latest(&mut self, folder: &Folder, offset: i64) -> Result<Option<(i64, Vec<ProducerEntry>)>> {
        while let Some(&latest) = self.offsets.iter().rfind(|&&known| known <= offset) {
            let path = SegmentFile::Snapshot.path(folder, latest);
            match folder
                .disk()
                .read_optional(&path)?
                .map(|bytes| snapshot::decode(&bytes))
            {
                Some(Ok(entries)) => return Ok(Some((latest, entries))),
                Some(Err((position, reason))) => {
                    let error = StorageError::corrupt(&path, position, reason);
                    tracing::warn!(%error, "removing a producer snapshot; the log is read instead");
                }
                None => {}
            }
            self.remove_where(folder, |known| known == latest)?;
        }
        Ok(None)
    }

    /// Writes the snapshot of `offset`, unless there is one.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&mut self, folder: &Folder, offset: i64, producers: &ProducerState) -> Result<()> {
        if let Err(place) = self.offsets.binary_search(&offset) {
            let bytes = snapshot::encode(producers.entries());
            folder.disk().replace(
                &SegmentFile::Snapshot.path(folder, offset),
                &bytes,
                Durability::PageCache,
            )?;
            self.offsets.insert(place, offset);
        }
        Ok(())
    }

    /// Takes the snapshots for which `is_gone` holds off the list and answers them; their files stay.
    pub fn forget_where(&mut self, is_gone: impl Fn(i64) -> bool) -> Vec<i64> {
        self.offsets.extract_if(.., |offset| is_gone(*offset)).collect()
    }

    /// Removes the snapshots for which `is_gone` holds.
    ///
    /// # Errors
    /// `Io`.
    pub fn remove_where(&mut self, folder: &Folder, is_gone: impl Fn(i64) -> bool) -> Result<()> {
        for &offset in self.offsets.iter().filter(|&&offset| is_gone(offset)) {
            folder
                .disk()
                .remove_optional(&SegmentFile::Snapshot.path(folder, offset))?;
        }
        self.offsets.retain(|&offset| !is_gone(offset));
        Ok(())
    }
}
