//! The small text files beside the segments: offset checkpoints, leader epochs, `partition.metadata`.
//!
//! ```text
//!  *-offset-checkpoint   0            version        leader-epoch-checkpoint   0        version
//!                        2            rows                                     2        rows
//!                        orders 0 17  topic partition offset                   0 0      epoch start-offset
//!                        orders 1 4                                            3 1200
//! ```

mod leader_epochs;
mod partition_metadata;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::file_io::Durability;

pub use leader_epochs::{EpochEntry, LeaderEpochs, leader_epochs_path};
pub use partition_metadata::{PartitionMetadata, partition_metadata_path};

/// Offsets by topic and partition.
pub type Offsets = HashMap<(String, i32), i64>;

/// Faults of one file that are told.
const FAULTS_MAX: usize = 8;

/// What a file says as far as it can be read.
#[derive(Debug)]
pub struct Readable<C> {
    /// What could be read.
    pub content: C,
    /// What was passed over, the first few.
    pub faults: Vec<StorageError>,
}

impl<C> Readable<C> {
    /// The content, for whoever can do with a part of it; what was passed over is told as a warning.
    pub fn as_far_as_possible(self) -> C {
        for error in self.faults {
            tracing::warn!(%error, "passed over");
        }
        self.content
    }

    /// The content, for whoever needs all of it.
    ///
    /// # Errors
    /// `Corrupt` with the first line that is wrong.
    pub fn whole(self) -> Result<C> {
        match self.faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(self.content),
        }
    }

    fn nothing<T>(fault: Option<StorageError>) -> Self
    where
        C: FromIterator<T>,
    {
        Readable {
            content: std::iter::empty().collect(),
            faults: fault.into_iter().collect(),
        }
    }
}

/// Reads an offset checkpoint; empty when there is none. A row that can't be read takes no other with it.
///
/// # Errors
/// `Io`.
pub fn read_offsets(disk: &Disk, path: &Path) -> Result<Readable<Offsets>> {
    read_rows(disk, path, |row| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let [topic, partition, offset] = fields[..] else {
            return None;
        };
        Some(((topic.to_owned(), partition.parse().ok()?), offset.parse().ok()?))
    })
}

/// Writes an offset checkpoint, durably.
///
/// # Errors
/// `Io`.
pub fn write_offsets<'a>(
    disk: &Disk,
    path: &Path,
    rows: impl ExactSizeIterator<Item = (&'a str, i32, i64)>,
) -> Result<()> {
    let mut text = format!("0\n{}\n", rows.len());
    for (topic, partition, offset) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{topic} {partition} {offset}");
    }
    disk.replace(path, text.as_bytes(), Durability::Synced)
}

/// Reads `version`, the number of rows, and each row through `parse`.
fn read_rows<T, C: FromIterator<T>>(
    disk: &Disk,
    path: &Path,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Readable<C>> {
    let Some(bytes) = disk.read_optional(path)? else {
        return Ok(Readable::nothing(None));
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().collect();
    let wrong =
        |line: usize, what: &str| StorageError::corrupt(path, 0, format!("line {}: {what}", line + 1));
    match lines.first() {
        Some(&"0") => {}
        // What a later version means by its rows is not known.
        Some(version) => {
            return Ok(Readable::nothing(Some(wrong(
                0,
                &format!("unknown version {version:?}"),
            ))));
        }
        // Apache Kafka creates it so, and writes the rows later.
        None => return Ok(Readable::nothing(None)),
    }
    let mut faults = Vec::new();
    let count: Option<usize> = lines.get(1).map_or(Some(0), |n| n.parse().ok());
    if count.is_none() {
        faults.push(wrong(1, "no row count"));
    }
    let found = lines.len().saturating_sub(2);
    if !text.ends_with('\n') {
        // A power cut in the middle of the write could have left a number short of its last digits.
        faults.push(wrong(lines.len() - 1, "the line is cut off"));
        lines.pop();
    } else if let Some(count) = count
        && count != found
    {
        faults.push(wrong(
            1,
            &format!("{count} rows are announced, {found} are there"),
        ));
    }
    let rows = lines.iter().enumerate().skip(2).filter_map(|(line, row)| {
        let parsed = parse(row);
        if parsed.is_none() && faults.len() < FAULTS_MAX {
            faults.push(wrong(line, &format!("malformed row {row:?}")));
        }
        parsed
    });
    let content = rows.collect();
    Ok(Readable { content, faults })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_written_as_kafka_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery-point-offset-checkpoint");
        assert_eq!(
            read_offsets(&Disk::Real, &path).unwrap().whole().unwrap(),
            Offsets::new()
        );
        write_offsets(
            &Disk::Real,
            &path,
            [("orders", 0, 17), ("my-topic", 12, 0)].into_iter(),
        )
        .unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "0\n2\norders 0 17\nmy-topic 12 0\n"
        );
        let expected = Offsets::from([(("orders".to_owned(), 0), 17), (("my-topic".to_owned(), 12), 0)]);
        assert_eq!(
            read_offsets(&Disk::Real, &path).unwrap().whole().unwrap(),
            expected
        );
    }

    #[test]
    fn faults_are_named_with_their_line_and_take_nothing_else_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let cases = [
            ("1\n1\norders 0 17\n", "line 1: unknown version \"1\"", ""),
            ("0\nx\norders 0 17\n", "line 2: no row count", "orders 0 17"),
            (
                "0\n2\norders 0 17\n",
                "line 2: 2 rows are announced, 1 are there",
                "orders 0 17",
            ),
            (
                "0\n1\norders 0 17\nbills 0 1\n",
                "line 2: 1 rows are announced, 2 are there",
                "bills 0 1,orders 0 17",
            ),
            (
                "0\n2\norders 0 17\nbills 0 1",
                "line 4: the line is cut off",
                "orders 0 17",
            ),
            (
                "0\n2\norders 0\nbills 0 1\n",
                "line 3: malformed row \"orders 0\"",
                "bills 0 1",
            ),
            (
                "0\n2\nbills 0 1\norders x 1\n",
                "line 4: malformed row \"orders x 1\"",
                "bills 0 1",
            ),
        ];
        for (text, fault, readable) in cases {
            std::fs::write(&path, text).unwrap();
            let read = || read_offsets(&Disk::Real, &path).unwrap();
            let content = read().as_far_as_possible();
            let mut rows: Vec<String> = content.iter().map(|((t, p), o)| format!("{t} {p} {o}")).collect();
            rows.sort();
            assert_eq!(rows.join(","), readable, "{text:?}");
            let error = read().whole().unwrap_err().to_string();
            assert!(error.ends_with(fault), "{error}");
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    fn a_file_that_was_only_created_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        for text in ["", "0\n", "0\n0\n"] {
            std::fs::write(&path, text).unwrap();
            let read = read_offsets(&Disk::Real, &path).unwrap();
            assert!(read.whole().unwrap().is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_file_of_rubbish_is_not_told_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        std::fs::write(&path, format!("0\n0\n{}", "rubbish\n".repeat(10_000))).unwrap();
        let read = read_offsets(&Disk::Real, &path).unwrap();
        assert!(read.faults.len() == FAULTS_MAX && read.content.is_empty());
    }
}
