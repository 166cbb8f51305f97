//! Entries of the two indexes of a segment. Offsets are relative to the segment's base offset.
//!
//! ```text
//!  .index      relative offset u32 | position u32                 8 bytes; offset is the last of the batch at position
//!  .timeindex  timestamp i64, ms   | relative offset u32         12 bytes; no record up to offset has a larger timestamp
//! ```

use barnabas_protocol::records::BatchHeader;

/// A fixed-size entry of an index file, ordered by its key.
pub trait Entry: Copy + std::fmt::Debug + PartialEq {
    /// Size in the file.
    const BYTES: usize;
    /// What the file is sorted by.
    type Key: Copy + Ord;

    /// What the file is sorted by.
    fn key(&self) -> Self::Key;
    /// Appends the entry's bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads an entry from exactly [`Entry::BYTES`] bytes.
    fn decode(bytes: &[u8]) -> Self;
}

/// An entry of the offset index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// Last offset of a batch, less the segment's base offset.
    pub relative_offset: u32,
    /// Where that batch begins in the log file, bytes.
    pub position: u32,
}

impl OffsetEntry {
    /// Whether a batch that lies at the position of the entry can be the one that it speaks of: the index has
    /// no checksum. Apache Kafka before 4.0 noted the last offset of several batches that were appended at
    /// once.
    pub fn is_of(&self, header: &BatchHeader, segment_base_offset: i64) -> bool {
        let last_offset = segment_base_offset + i64::from(self.relative_offset);
        header.base_offset >= segment_base_offset && header.last_offset() <= last_offset
    }
}

/// An entry of the time index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// Largest timestamp so far, ms.
    pub timestamp: i64,
    /// Last offset of the batch that brought it, less the segment's base offset.
    pub relative_offset: u32,
}

impl Entry for OffsetEntry {
    const BYTES: usize = 8;
    type Key = u32;

    fn key(&self) -> u32 {
        self.relative_offset
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        OffsetEntry {
            relative_offset: u32_at(bytes, 0),
            position: u32_at(bytes, 4),
        }
    }
}

impl Entry for TimeEntry {
    const BYTES: usize = 12;
    type Key = i64;

    fn key(&self) -> i64 {
        self.timestamp
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.relative_offset.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let timestamp = (i64::from(u32_at(bytes, 0)) << 32) | i64::from(u32_at(bytes, 4));
        TimeEntry {
            timestamp,
            relative_offset: u32_at(bytes, 8),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u32::from_be_bytes(*chunk))
}
