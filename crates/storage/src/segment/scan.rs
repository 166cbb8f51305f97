//! Walks the batch headers of a segment file without reading the records between them.

use barnabas_protocol::records::{BATCH_OVERHEAD, BatchHeader};

use crate::disk::{File, Folder};
use crate::error::{Result, StorageError};
use crate::layout::SegmentFile;

/// One read fetches the headers of many small batches, and little in vain of a large one.
const BUFFER_BYTES: usize = 4096;

/// Iterates over (position, header) of the batches between two positions of a segment file.
#[derive(Debug)]
pub struct HeaderScan<'a> {
    file: &'a File,
    folder: &'a Folder,
    base_offset: i64,
    position: u32,
    end: u32,
    buffer: [u8; BUFFER_BYTES],
    /// The buffer holds the file's bytes from here on...
    buffer_start: u32,
    /// ...so many of them.
    buffer_len: usize,
}

impl<'a> HeaderScan<'a> {
    /// Scans from the batch that begins at `position` to `end`, where a batch must end. `folder` and
    /// `base_offset` name the file in errors.
    pub fn new(file: &'a File, folder: &'a Folder, base_offset: i64, position: u32, end: u32) -> Self {
        HeaderScan {
            file,
            folder,
            base_offset,
            position,
            end,
            buffer: [0; BUFFER_BYTES],
            buffer_start: position,
            buffer_len: 0,
        }
    }

    /// The first batch whose last offset is at least `offset`.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn find_offset(mut self, offset: i64) -> Result<Option<(u32, BatchHeader)>> {
        self.find_map(|batch| match batch {
            Ok((_, header)) if header.last_offset() < offset => None,
            found => Some(found),
        })
        .transpose()
    }

    /// The next batch; `None` at the end, and where no batch can be.
    ///
    /// # Errors
    /// `Io`: whether there is a batch is not known.
    pub fn next_sound(&mut self) -> Result<Option<(u32, BatchHeader)>> {
        match self.next() {
            Some(Err(error @ StorageError::Io { .. })) => Err(error),
            found => Ok(found.and_then(Result::ok)),
        }
    }

    fn step(&mut self) -> Result<(u32, BatchHeader)> {
        let position = self.position;
        let left = (self.end - position) as usize;
        let corrupt = |reason: String| {
            let path = SegmentFile::Log.path(self.folder, self.base_offset);
            StorageError::corrupt(path, u64::from(position), reason)
        };
        let from = (position - self.buffer_start) as usize;
        let available = self.buffer_len.saturating_sub(from);
        let header = if available >= BATCH_OVERHEAD {
            &self.buffer[from..self.buffer_len]
        } else {
            let want = left.min(BUFFER_BYTES);
            let read = self
                .file
                .read_exact_at(&mut self.buffer[..want], u64::from(position));
            read.map_err(|source| StorageError::Io {
                action: "read",
                path: SegmentFile::Log.path(self.folder, self.base_offset),
                source,
            })?;
            (self.buffer_start, self.buffer_len) = (position, want);
            &self.buffer[..want]
        };
        let header = BatchHeader::parse(header).map_err(|error| corrupt(error.to_string()))?;
        let size = header.size_in_bytes();
        if size > left {
            return Err(corrupt(format!(
                "a batch of {size} bytes is cut off after {left}"
            )));
        }
        self.position += size as u32;
        Ok((position, header))
    }
}

impl Iterator for HeaderScan<'_> {
    type Item = Result<(u32, BatchHeader)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position >= self.end {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.position = self.end;
        }
        Some(step)
    }
}
