//! The two indexes of a segment against its log, fed batch by batch in the log's order.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use barnabas_protocol::records::{BatchHeader, NO_TIMESTAMP};
use barnabas_storage::{IndexEntry, OffsetEntry, TimeEntry};

use super::report::Report;
use crate::{InspectError, Result, Severity};

/// An index file's entries and how far the log has confirmed them.
struct IndexEntries<E> {
    path: PathBuf,
    entries: Vec<E>,
    next: usize,
    severity: Severity,
}

impl<E: IndexEntry> IndexEntries<E> {
    /// Reads an index. Zeros at the end are space that was reserved while the segment was written
    /// (`may_be_open`).
    fn read(path: PathBuf, severity: Severity, may_be_open: bool, report: &mut Report<'_>) -> Result<Self> {
        let mut bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                report.add(severity, &path, None, "the file is missing; a start rebuilds it");
                Vec::new()
            }
            Err(error) => return Err(InspectError::io(&path)(error)),
        };
        if may_be_open && bytes.last_chunk::<8>() == Some(&[0; 8]) {
            let used = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1);
            bytes.truncate(used.next_multiple_of(E::BYTES));
        }
        let torn = bytes.len() % E::BYTES;
        if torn != 0 {
            let what = format!("the last entry is cut off after {torn} bytes");
            report.add(severity, &path, Some((bytes.len() - torn) as u64), what);
        }
        Ok(IndexEntries {
            entries: bytes.chunks_exact(E::BYTES).map(E::decode).collect(),
            path,
            next: 0,
            severity,
        })
    }

    fn peek(&self) -> Option<E> {
        self.entries.get(self.next).copied()
    }

    /// Goes on to the next entry, whose key must be larger.
    fn advance(&mut self, report: &mut Report<'_>) {
        let key = self.peek().map(|entry| entry.key());
        self.next += 1;
        if let (Some(key), Some(following)) = (key, self.peek())
            && following.key() <= key
        {
            self.add("the entry is not larger than the one before", report);
        }
    }

    /// A finding about the next entry.
    fn add(&self, what: impl Into<String>, report: &mut Report<'_>) {
        report.add(
            self.severity,
            &self.path,
            Some((self.next * E::BYTES) as u64),
            what,
        );
    }
}

/// `.index`: every entry names the last offset of a batch and where the batch begins.
pub struct OffsetIndexCheck {
    index: IndexEntries<OffsetEntry>,
    base_offset: i64,
    /// An entry whose offset is of a later batch than its position, as Kafka 3 wrote for appends of several
    /// batches.
    awaited: Option<i64>,
}

impl OffsetIndexCheck {
    /// Reads the index of the segment at `base_offset`.
    ///
    /// # Errors
    /// `Io`.
    pub fn read(
        path: PathBuf,
        base_offset: i64,
        severity: Severity,
        may_be_open: bool,
        report: &mut Report<'_>,
    ) -> Result<Self> {
        Ok(OffsetIndexCheck {
            index: IndexEntries::read(path, severity, may_be_open, report)?,
            base_offset,
            awaited: None,
        })
    }

    /// The log's next batch.
    pub fn batch(&mut self, position: u64, header: &BatchHeader, report: &mut Report<'_>) {
        while let Some(entry) = self.index.peek() {
            let offset = self.base_offset + i64::from(entry.relative_offset);
            if u64::from(entry.position) > position {
                break;
            }
            if u64::from(entry.position) < position {
                let what = format!(
                    "offset {offset} leads to byte {} of the log, where no batch begins",
                    entry.position
                );
                self.index.add(what, report);
            } else if offset < header.last_offset() {
                let what = format!(
                    "offset {offset} leads to byte {position} of the log, where the batch of offsets {} to {} begins",
                    header.base_offset,
                    header.last_offset()
                );
                self.index.add(what, report);
            } else if offset > header.last_offset() {
                self.awaited = Some(offset);
            }
            self.index.advance(report);
        }
        if let Some(offset) = self.awaited.filter(|offset| header.last_offset() >= *offset) {
            if header.last_offset() > offset {
                let what = format!("an entry before names offset {offset}, which no batch ends with");
                self.index.add(what, report);
            }
            self.awaited = None;
        }
    }

    /// The log has ended, at `end` bytes.
    pub fn finish(mut self, end: u64, report: &mut Report<'_>) {
        while let Some(entry) = self.index.peek() {
            let offset = self.base_offset + i64::from(entry.relative_offset);
            let what = format!(
                "offset {offset} leads to byte {} of the log, which ends at {end}",
                entry.position
            );
            self.index.add(what, report);
            self.index.advance(report);
        }
        if let Some(offset) = self.awaited {
            self.index.add(
                format!("an entry before names offset {offset}, which no batch ends with"),
                report,
            );
        }
    }
}

/// `.timeindex`: every entry names a batch whose largest timestamp is above all before it.
pub struct TimeIndexCheck {
    index: IndexEntries<TimeEntry>,
    base_offset: i64,
    max_timestamp: i64,
    last_entry: i64,
}

impl TimeIndexCheck {
    /// Reads the index of the segment at `base_offset`.
    ///
    /// # Errors
    /// `Io`.
    pub fn read(
        path: PathBuf,
        base_offset: i64,
        severity: Severity,
        may_be_open: bool,
        report: &mut Report<'_>,
    ) -> Result<Self> {
        Ok(TimeIndexCheck {
            index: IndexEntries::read(path, severity, may_be_open, report)?,
            base_offset,
            max_timestamp: NO_TIMESTAMP,
            last_entry: NO_TIMESTAMP,
        })
    }

    /// The log's next batch.
    pub fn batch(&mut self, header: &BatchHeader, report: &mut Report<'_>) {
        while let Some(entry) = self.index.peek() {
            let offset = self.base_offset + i64::from(entry.relative_offset);
            if offset > header.last_offset() {
                break;
            }
            if entry.timestamp != header.max_timestamp || offset < header.base_offset {
                let what = format!(
                    "timestamp {} is not that of offset {offset}: the batch of offsets {} to {} has {}",
                    entry.timestamp,
                    header.base_offset,
                    header.last_offset(),
                    header.max_timestamp
                );
                self.index.add(what, report);
            } else if entry.timestamp < self.max_timestamp {
                let what = format!("timestamp {} comes after {}", entry.timestamp, self.max_timestamp);
                self.index.add(what, report);
            }
            self.last_entry = self.last_entry.max(entry.timestamp);
            self.index.advance(report);
        }
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }

    /// The log has ended; the index of a closed segment ends with the largest timestamp.
    pub fn finish(mut self, closed: bool, report: &mut Report<'_>) {
        while let Some(entry) = self.index.peek() {
            let offset = self.base_offset + i64::from(entry.relative_offset);
            self.index
                .add(format!("offset {offset} lies behind the segment's last"), report);
            self.index.advance(report);
        }
        if closed && self.last_entry < self.max_timestamp {
            let what = format!(
                "the largest timestamp, {}, is not in the index",
                self.max_timestamp
            );
            report.add(self.index.severity, &self.index.path, None, what);
        }
    }
}
