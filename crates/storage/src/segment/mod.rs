//! A segment: one `.log` file of batches with its two indexes. Its offsets start at the base offset in its
//! name.
//!
//! Only the last segment of a log grows ([`ActiveSegment`]); the others never change but for deletion and
//! truncation.

mod active;
mod recent;
mod scan;

use std::path::PathBuf;
use std::sync::Arc;

use barnabas_protocol::records::BatchHeader;

use crate::disk::{File, Folder};
use crate::error::{Result, StorageError};
use crate::index::{Entry, IndexFile, OffsetEntry, TimeEntry};
use crate::layout::SegmentFile;
use crate::open_files::{FileSlot, OpenFiles};

pub use active::{ActiveSegment, Coming};
pub use scan::HeaderScan;

/// A segment's files; they are opened when used.
#[derive(Debug)]
pub struct Segment {
    /// No record of the segment has a smaller offset, none of the segments before it a larger or equal one.
    pub base_offset: i64,
    /// Bytes of whole batches in the log file.
    pub size: u32,
    /// There is a transaction index with entries.
    pub has_aborted: bool,
    log: FileSlot,
    index: FileSlot,
    time_index: FileSlot,
}

impl Segment {
    /// A segment whose files exist, or will when it is written to.
    pub fn new(base_offset: i64, size: u32, files: &Arc<OpenFiles>) -> Self {
        let slot = || FileSlot::new(files.clone());
        Segment {
            base_offset,
            size,
            has_aborted: false,
            log: slot(),
            index: slot(),
            time_index: slot(),
        }
    }

    /// The log file, for reading and writing.
    pub fn log_file(&self, folder: &Folder) -> Result<Arc<File>> {
        self.log
            .get(|| {
                folder
                    .disk()
                    .open(&SegmentFile::Log.path(folder, self.base_offset))
            })
            .map_err(|source| self.failed("open", SegmentFile::Log, folder, source))
    }

    /// The pool its descriptors belong to.
    pub fn files(&self) -> &Arc<OpenFiles> {
        self.log.files()
    }

    /// `offset` less the base offset; offsets outside of the segment become its first or last possible one.
    pub fn relative(&self, offset: i64) -> u32 {
        u32::try_from(offset.saturating_sub(self.base_offset).max(0)).unwrap_or(u32::MAX)
    }

    /// Whether the indexes can express `offset`.
    pub fn can_hold(&self, offset: i64) -> bool {
        (0..=i64::from(i32::MAX)).contains(&(offset - self.base_offset))
    }

    /// The last entry of the index file not after `offset`.
    pub fn floor(&self, folder: &Folder, offset: i64) -> Result<Option<OffsetEntry>> {
        self.search(SegmentFile::Index, folder, |index| {
            index.floor(self.relative(offset))
        })
    }

    /// The last entry of the time index not after `timestamp_ms`.
    pub fn floor_time(&self, folder: &Folder, timestamp_ms: i64) -> Result<Option<TimeEntry>> {
        self.search(SegmentFile::TimeIndex, folder, |index| index.floor(timestamp_ms))
    }

    /// The largest timestamp of the segment and the last offset of the batch that brought it.
    pub fn max_timestamp(&self, folder: &Folder) -> Result<Option<TimeEntry>> {
        self.search(SegmentFile::TimeIndex, folder, |index| index.last())
    }

    fn search<E: Entry>(
        &self,
        kind: SegmentFile,
        folder: &Folder,
        search: impl FnOnce(IndexFile<'_>) -> std::io::Result<Option<E>>,
    ) -> Result<Option<E>> {
        let slot = if kind == SegmentFile::Index {
            &self.index
        } else {
            &self.time_index
        };
        let found = slot
            .read(folder.disk(), || kind.path(folder, self.base_offset))
            .and_then(|file| search(IndexFile::new(&file)?));
        found.map_err(|source| self.failed("read", kind, folder, source))
    }

    /// The files that must be on disk before recovery may believe the closed segment.
    pub fn files_to_sync(&self, folder: &Folder) -> Result<Vec<(PathBuf, Arc<File>)>> {
        let mut files = self.records_to_sync(folder)?;
        for kind in [SegmentFile::Index, SegmentFile::TimeIndex] {
            files.push(self.to_sync(kind, folder)?);
        }
        Ok(files)
    }

    /// The files that recovery doesn't rebuild before the recovery point: the records and the aborted
    /// transactions.
    pub fn records_to_sync(&self, folder: &Folder) -> Result<Vec<(PathBuf, Arc<File>)>> {
        let mut files = vec![(
            SegmentFile::Log.path(folder, self.base_offset),
            self.log_file(folder)?,
        )];
        if self.has_aborted {
            files.push(self.to_sync(SegmentFile::TxnIndex, folder)?);
        }
        Ok(files)
    }

    fn to_sync(&self, kind: SegmentFile, folder: &Folder) -> Result<(PathBuf, Arc<File>)> {
        let path = kind.path(folder, self.base_offset);
        let file = folder
            .disk()
            .open_existing(&path)
            .map_err(StorageError::io("open", &path))?;
        Ok((path, Arc::new(file)))
    }

    /// The headers from `position` on.
    pub fn scan<'a>(&self, file: &'a File, folder: &'a Folder, position: u32) -> HeaderScan<'a> {
        HeaderScan::new(file, folder, self.base_offset, position, self.size)
    }

    /// The first batch whose last offset is at least `offset`, before which the index has `floor`.
    pub fn find_from(
        &self,
        folder: &Folder,
        floor: Option<OffsetEntry>,
        offset: i64,
    ) -> Result<Option<(u32, BatchHeader)>> {
        let file = self.log_file(folder)?;
        if let Some(entry) = floor {
            let mut scan = self.scan(&file, folder, entry.position);
            match scan.next() {
                Some(Ok((position, header))) if entry.is_of(&header, self.base_offset) => {
                    if header.last_offset() >= offset {
                        return Ok(Some((position, header)));
                    }
                    return scan.find_offset(offset);
                }
                Some(Err(error @ StorageError::Io { .. })) => return Err(error),
                _ => {
                    let path = SegmentFile::Index.path(folder, self.base_offset);
                    tracing::warn!(path = %path.display(), ?entry, "the index disagrees with the log; going without it");
                }
            }
        }
        self.scan(&file, folder, 0).find_offset(offset)
    }

    /// An `Io` error at one of the segment's files.
    pub fn failed(
        &self,
        action: &'static str,
        kind: SegmentFile,
        folder: &Folder,
        source: std::io::Error,
    ) -> StorageError {
        StorageError::Io {
            action,
            path: kind.path(folder, self.base_offset),
            source,
        }
    }
}
