//! Reading segments for a cleaning: whole batches, in a buffer that is as large as the largest batch at most.
//! Files are opened apart from the process' pool: they are read once.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

use barnabas_protocol::records::{BATCH_OVERHEAD, BatchHeader, RecordsError};

use super::plan::{LogFacts, SegmentFacts, SegmentSizes, SegmentTimes};
use crate::disk::{File, Folder};
use crate::error::{Result, StorageError};
use crate::index::{IndexFile, OffsetEntry};
use crate::layout::SegmentFile;
use crate::log::{self, AbortedTxn};
use crate::segment::HeaderScan;

/// A segment that is read from a position to its end.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    position: u64,
    size: u64,
}

impl Source {
    /// Opens a segment at the place where batches from `offset` on are found.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(folder: &Folder, segment: &SegmentFacts, offset: i64) -> Result<Source> {
        let path = SegmentFile::Log.path(folder, segment.base_offset);
        let file = folder
            .disk()
            .open_existing(&path)
            .map_err(StorageError::io("open", &path))?;
        let position = if offset > segment.base_offset {
            floor_position(folder, segment, &file, offset)?
        } else {
            0
        };
        Ok(Source {
            path,
            file,
            position,
            size: u64::from(segment.size),
        })
    }

    /// Reads whole batches into `buffer`, as many as `io_bytes` hold and one at least. Answers their size, 0
    /// at the end.
    ///
    /// # Errors
    /// `Io`; `Corrupt` for a batch that cannot be.
    pub fn read(&mut self, buffer: &mut Vec<u8>, io_bytes: usize) -> Result<usize> {
        let left = self.size - self.position;
        let mut want = left.min(io_bytes.max(BATCH_OVERHEAD) as u64) as usize;
        loop {
            buffer.resize(want, 0);
            self.file
                .read_exact_at(buffer, self.position)
                .map_err(StorageError::io("read", &self.path))?;
            match whole_batches(buffer) {
                Ok((0, Some(needed))) if needed as u64 <= left && needed > want => want = needed,
                Ok((0, _)) if want > 0 => {
                    return Err(self.corrupt("the last batch is cut off"));
                }
                Ok((size, _)) => {
                    self.position += size as u64;
                    return Ok(size);
                }
                Err(error) => return Err(self.corrupt(&error.to_string())),
            }
        }
    }

    /// An error at the chunk that is read next.
    pub fn corrupt(&self, reason: &str) -> StorageError {
        StorageError::corrupt(&self.path, self.position, reason)
    }

    /// When the segment was last written to.
    ///
    /// # Errors
    /// `Io`.
    pub fn modified(&self) -> Result<SystemTime> {
        self.file
            .modified()
            .map_err(StorageError::io("look at", &self.path))
    }
}

/// The bytes of whole batches at the front of `bytes`, and the size of the one that is cut off behind them.
fn whole_batches(bytes: &[u8]) -> std::result::Result<(usize, Option<usize>), RecordsError> {
    let mut end = 0;
    while end < bytes.len() {
        match BatchHeader::parse(&bytes[end..]) {
            Ok(header) if header.size_in_bytes() <= bytes.len() - end => end += header.size_in_bytes(),
            Ok(header) => return Ok((end, Some(header.size_in_bytes()))),
            Err(RecordsError::Truncated { needed, .. }) => return Ok((end, Some(needed))),
            Err(error) if end == 0 => return Err(error),
            // What is sound comes first.
            Err(_) => return Ok((end, None)),
        }
    }
    Ok((end, None))
}

/// Where a search for `offset` begins: by the index, if it is right.
fn floor_position(folder: &Folder, segment: &SegmentFacts, log: &File, offset: i64) -> Result<u64> {
    let path = SegmentFile::Index.path(folder, segment.base_offset);
    let relative = u32::try_from(offset - segment.base_offset).unwrap_or(u32::MAX);
    let found: std::io::Result<Option<OffsetEntry>> = folder
        .disk()
        .open_existing(&path)
        .and_then(|file| IndexFile::new(&file)?.floor(relative));
    let entry = found.map_err(StorageError::io("read", path))?;
    let is_right = |entry: &OffsetEntry| {
        let base_offset = segment.base_offset;
        let mut scan = HeaderScan::new(log, folder, base_offset, entry.position, segment.size);
        matches!(scan.next(), Some(Ok((_, header))) if entry.is_of(&header, base_offset))
    };
    Ok(entry
        .filter(is_right)
        .map_or(0, |entry| u64::from(entry.position)))
}

/// The sizes of a segment's indexes.
///
/// # Errors
/// `Io`.
pub fn sizes(folder: &Folder, facts: &SegmentFacts) -> Result<SegmentSizes> {
    let bytes = |kind: SegmentFile| {
        let path = kind.path(folder, facts.base_offset);
        match folder.disk().facts(&path) {
            Ok(facts) => Ok(facts.bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(StorageError::io("look at", path)(error)),
        }
    };
    Ok(SegmentSizes {
        facts: *facts,
        index_bytes: bytes(SegmentFile::Index)?,
        time_index_bytes: bytes(SegmentFile::TimeIndex)?,
    })
}

/// The aborted transactions with records in `from..to`, as the transaction indexes of a log have them. `read`
/// reads the index of the segment with that base offset, which for the active one must not race with an
/// append.
///
/// # Errors
/// Those of `read`.
pub fn aborted_transactions(
    facts: &LogFacts,
    from: i64,
    to: i64,
    mut read: impl FnMut(i64) -> Result<Vec<AbortedTxn>>,
) -> Result<Vec<AbortedTxn>> {
    let mut aborted = Vec::new();
    for segment in facts.between(from, i64::MAX).iter().filter(|s| s.has_aborted) {
        for txn in read(segment.base_offset)? {
            if txn.last_offset >= from && txn.first_offset < to {
                aborted.push(txn);
            }
            // Whatever was aborted later began later, too.
            if txn.last_stable_offset >= to {
                return Ok(aborted);
            }
        }
    }
    Ok(aborted)
}

/// The times of segments, from their files.
#[derive(Debug)]
pub struct FileTimes<'a> {
    /// The partition's folder.
    pub folder: &'a Folder,
}

impl SegmentTimes for FileTimes<'_> {
    type Error = StorageError;

    fn largest_timestamp(&mut self, segment: &SegmentFacts) -> Result<i64> {
        log::largest_timestamp(self.folder, segment.base_offset)
    }

    fn first_timestamp(&mut self, segment: &SegmentFacts) -> Result<Option<i64>> {
        let path = SegmentFile::Log.path(self.folder, segment.base_offset);
        let file = self
            .folder
            .disk()
            .open_existing(&path)
            .map_err(StorageError::io("open", &path))?;
        let mut scan = HeaderScan::new(&file, self.folder, segment.base_offset, 0, segment.size);
        let first = scan.next().transpose()?;
        Ok(first.map(|(_, header)| header.max_timestamp))
    }
}
