//! Streams the batches of a `.log` file (or of a metadata snapshot, which is of the same format).
//!
//! A batch whose CRC is wrong doesn't end the walk: as long as its length leads to another one, what follows
//! is shown too.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use barnabas_protocol::records::{BATCH_OVERHEAD, Batch, BatchHeader, RecordsError};

use crate::{InspectError, Result};

/// One read fetches so much.
const READ_BYTES: usize = 1 << 20;
/// A batch larger than this is believed, and loaded, only after its CRC was found right.
const UNPROVEN_BYTES_MAX: usize = 16 << 20;

/// Where in the header what the CRC covers begins.
const CRC_COVERS_FROM: u64 = 21;

/// What lies at a position of the file.
#[derive(Debug)]
pub enum Step<'a> {
    /// A batch whose CRC is right.
    Batch(u64, Batch<'a>),
    /// A batch whose CRC is wrong; the walk goes on behind it.
    BadCrc(u64, BatchHeader, String),
    /// No batch; the walk ends.
    Broken(u64, String),
}

/// Walks a file.
#[derive(Debug)]
pub struct SegmentReader<'p> {
    file: File,
    path: &'p Path,
    len: u64,
    position: u64,
    ended: bool,
    /// The file's bytes from `start` on.
    buffer: Vec<u8>,
    start: u64,
}

impl<'p> SegmentReader<'p> {
    /// Opens the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(path: &'p Path) -> Result<Self> {
        let file = File::open(path).map_err(InspectError::io(path))?;
        let len = file.metadata().map_err(InspectError::io(path))?.len();
        Ok(SegmentReader {
            file,
            path,
            len,
            position: 0,
            ended: false,
            buffer: Vec::new(),
            start: 0,
        })
    }

    /// Bytes in the file.
    pub fn size_bytes(&self) -> u64 {
        self.len
    }

    /// Whether nothing but zeros follows `position`: space that was reserved and not written yet
    /// (`preallocate`).
    ///
    /// # Errors
    /// `Io`.
    pub fn zeros_from(&self, position: u64) -> Result<bool> {
        let mut chunk = vec![0; READ_BYTES];
        let mut at = position;
        while at < self.len {
            let want = chunk.len().min((self.len - at) as usize);
            self.file
                .read_exact_at(&mut chunk[..want], at)
                .map_err(InspectError::io(self.path))?;
            if chunk[..want].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += want as u64;
        }
        Ok(true)
    }

    /// The next step; `None` at the end of the file.
    ///
    /// # Errors
    /// `Io`.
    pub fn step(&mut self) -> Result<Option<Step<'_>>> {
        if self.ended || self.position >= self.len {
            return Ok(None);
        }
        let position = self.position;
        let left = self.len - position;
        let header = self.bytes(position, left.min(BATCH_OVERHEAD as u64) as usize)?;
        let header = match BatchHeader::parse(header) {
            Ok(header) => header,
            Err(error) => return Ok(Some(self.broken(position, error.to_string()))),
        };
        let size = header.size_in_bytes();
        if size as u64 > left {
            let what = format!("a batch of {size} bytes is cut off after {left}");
            return Ok(Some(self.broken(position, what)));
        }
        self.position += size as u64;
        if size > UNPROVEN_BYTES_MAX {
            let computed = self
                .stream_crc(position, size)
                .map_err(InspectError::io(self.path))?;
            if computed != header.crc {
                return Ok(Some(Step::BadCrc(
                    position,
                    header,
                    crc_text(header.crc, computed),
                )));
            }
        }
        let bytes = self.bytes(position, size)?;
        Ok(Some(match Batch::parse(bytes) {
            Ok(batch) => match batch.verify_crc() {
                Err(RecordsError::Crc { stored, computed }) => {
                    Step::BadCrc(position, header, crc_text(stored, computed))
                }
                _ => Step::Batch(position, batch),
            },
            Err(error) => Step::Broken(position, error.to_string()),
        }))
    }

    fn broken(&mut self, position: u64, what: String) -> Step<'static> {
        self.ended = true;
        Step::Broken(position, what)
    }

    /// So many bytes at a position, which must lie in the file.
    fn bytes(&mut self, position: u64, len: usize) -> Result<&[u8]> {
        let from = usize::try_from(position - self.start.min(position)).unwrap_or(usize::MAX);
        let held = position >= self.start && from.saturating_add(len) <= self.buffer.len();
        let from = if held {
            from
        } else {
            let want = len.max(READ_BYTES).min((self.len - position) as usize);
            self.buffer.resize(want, 0);
            self.buffer.shrink_to(2 * READ_BYTES.max(want));
            self.start = position;
            self.file
                .read_exact_at(&mut self.buffer, position)
                .map_err(InspectError::io(self.path))?;
            0
        };
        Ok(self.buffer.get(from..from + len).unwrap_or_default())
    }

    fn stream_crc(&self, position: u64, size: usize) -> io::Result<u32> {
        let (mut at, end) = (position + CRC_COVERS_FROM, position + size as u64);
        let mut chunk = vec![0; READ_BYTES];
        let mut crc = 0;
        while at < end {
            let want = chunk.len().min((end - at) as usize);
            self.file.read_exact_at(&mut chunk[..want], at)?;
            crc = crc32c::crc32c_append(crc, &chunk[..want]);
            at += want as u64;
        }
        Ok(crc)
    }
}

fn crc_text(stored: u32, computed: u32) -> String {
    format!("the CRC of the batch is {computed}, its header says {stored}")
}
