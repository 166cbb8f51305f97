//! The segment that a cleaning writes, under the names of a file that nobody reads yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use barnabas_protocol::records::batches;

use crate::disk::{Disk, File, Folder};
use crate::error::{Result, StorageError};
use crate::layout::{SegmentFile, Stage};
use crate::log::AbortedTxn;
use crate::log_config::LogConfig;
use crate::open_files::OpenFiles;
use crate::segment::ActiveSegment;
use crate::txn_index;

const FILES: [SegmentFile; 4] = [
    SegmentFile::Log,
    SegmentFile::Index,
    SegmentFile::TimeIndex,
    SegmentFile::TxnIndex,
];

/// A whole cleaned segment on disk, ready to be swapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanedSegment {
    /// Bytes of its log file.
    pub size: u32,
    /// It has a transaction index.
    pub has_aborted: bool,
}

/// A cleaned segment that is being written.
#[derive(Debug)]
pub struct Writer {
    folder: Folder,
    base_offset: i64,
    path: PathBuf,
    file: File,
    /// Its indexes; its own files are never opened.
    indexes: ActiveSegment,
    aborted: Vec<AbortedTxn>,
}

impl Writer {
    /// Begins a segment; what an earlier attempt has left is overwritten.
    ///
    /// # Errors
    /// `Io`.
    pub fn create(folder: &Folder, base_offset: i64) -> Result<Writer> {
        discard(folder, base_offset)?;
        let path = SegmentFile::Log.staged_path(folder, base_offset, Stage::Cleaned);
        Ok(Writer {
            file: create(folder.disk(), &path)?,
            path,
            folder: folder.clone(),
            base_offset,
            // No descriptor of the process' pool is ever taken.
            indexes: ActiveSegment::new(base_offset, &Arc::new(OpenFiles::new(1))),
            aborted: Vec::new(),
        })
    }

    /// Appends batches that stay.
    ///
    /// # Errors
    /// `Io`; `Corrupt` when they don't fit into one segment.
    pub fn append(&mut self, bytes: &[u8], config: &LogConfig) -> Result<()> {
        let size = self.indexes.segment.size;
        let fits = i32::try_from(bytes.len()).is_ok_and(|more| (size as i32).checked_add(more).is_some());
        if !fits {
            return Err(self.too_large());
        }
        self.file
            .write_all_at(bytes, u64::from(size))
            .map_err(StorageError::io("append to", &self.path))?;
        for batch in batches(bytes) {
            let header = batch?.header;
            if !self.indexes.segment.can_hold(header.last_offset()) {
                return Err(self.too_large());
            }
            self.indexes.note_batch(&header, config);
        }
        Ok(())
    }

    /// Notes an aborted transaction whose marker is in the segment.
    pub fn note_aborted(&mut self, aborted: AbortedTxn) {
        self.aborted.push(aborted);
    }

    /// Writes the indexes and syncs all; renames the files to what recovery takes for a whole segment.
    /// `modified` is the time that the files get: where records have none, retention goes by it.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self, modified: SystemTime) -> Result<CleanedSegment> {
        let path = |kind: SegmentFile| kind.staged_path(&self.folder, self.base_offset, Stage::Cleaned);
        let disk = self.folder.disk();
        let index = create(disk, &path(SegmentFile::Index))?;
        let time_index = create(disk, &path(SegmentFile::TimeIndex))?;
        self.indexes
            .finish_into(&index, &time_index)
            .map_err(StorageError::io("write", path(SegmentFile::Index)))?;
        let mut files = vec![index, time_index];
        if !self.aborted.is_empty() {
            let path = path(SegmentFile::TxnIndex);
            let file = create(disk, &path)?;
            file.write_all_at(&txn_index::content(&self.aborted), 0)
                .map_err(StorageError::io("write", path))?;
            files.push(file);
        }
        let synced = files.iter().chain([&self.file]).try_for_each(File::sync_data);
        synced
            .and_then(|()| self.file.set_modified(modified))
            .map_err(StorageError::io("sync", &self.path))?;
        for kind in FILES {
            let from = path(kind);
            if kind != SegmentFile::TxnIndex || !self.aborted.is_empty() {
                let to = kind.staged_path(&self.folder, self.base_offset, Stage::Swap);
                self.folder
                    .disk()
                    .rename(&from, &to)
                    .map_err(StorageError::io("rename", from))?;
            }
        }
        self.folder.disk().sync_folder(&self.folder)?;
        Ok(CleanedSegment {
            size: self.indexes.segment.size,
            has_aborted: !self.aborted.is_empty(),
        })
    }

    fn too_large(&self) -> StorageError {
        let position = u64::from(self.indexes.segment.size);
        StorageError::corrupt(&self.path, position, "the cleaned segment grows too large")
    }
}

/// Removes the files of a cleaned segment that will not be swapped in.
///
/// # Errors
/// `Io`.
pub fn discard(folder: &Folder, base_offset: i64) -> Result<()> {
    for kind in FILES {
        // The log first: recovery drops `.swap` files without it.
        for stage in [Stage::Swap, Stage::Cleaned] {
            folder
                .disk()
                .remove_optional(&kind.staged_path(folder, base_offset, stage))?;
        }
    }
    Ok(())
}

fn create(disk: &Disk, path: &Path) -> Result<File> {
    disk.create_new(path).map_err(StorageError::io("create", path))
}
