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

/// Reads an offset checkpoint; empty when there is none.
///
/// # Errors
/// `Io`; `Corrupt` with the line that is wrong.
pub fn read_offsets(disk: &Disk, path: &Path) -> Result<Offsets> {
    read_rows(disk, path, |row| {
        let mut fields = row.rsplitn(3, ' ');
        let offset = fields.next()?.parse().ok()?;
        let partition = fields.next()?.parse().ok()?;
        Some(((fields.next()?.to_owned(), partition), offset))
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
) -> Result<C> {
    let Some(bytes) = disk.read_optional(path)? else {
        return Ok(std::iter::empty().collect());
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let wrong =
        |line: usize, what: &str| StorageError::corrupt(path, 0, format!("line {}: {what}", line + 1));
    match lines.first() {
        Some(&"0") => {}
        Some(version) => return Err(wrong(0, &format!("unknown version {version:?}"))),
        None => return Err(wrong(0, "the file is empty")),
    }
    let count: usize = lines
        .get(1)
        .and_then(|n| n.parse().ok())
        .ok_or_else(|| wrong(1, "no row count"))?;
    if !text.ends_with('\n') {
        // A power cut in the middle of the write could have left a number short of its last digits.
        return Err(wrong(lines.len() - 1, "the line is cut off"));
    }
    let rows = &lines[2..];
    if rows.len() != count {
        return Err(wrong(
            1,
            &format!("{count} rows are announced, {} are there", rows.len()),
        ));
    }
    rows.iter()
        .enumerate()
        .map(|(index, row)| parse(row).ok_or_else(|| wrong(index + 2, &format!("malformed row {row:?}"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_written_as_kafka_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery-point-offset-checkpoint");
        assert_eq!(read_offsets(&Disk::Real, &path).unwrap(), Offsets::new());
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
        assert_eq!(read_offsets(&Disk::Real, &path).unwrap(), expected);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let cases = [
            ("", "line 1: the file is empty"),
            ("1\n0\n", "line 1: unknown version \"1\""),
            ("0\n", "line 2: no row count"),
            ("0\n2\norders 0 17\n", "line 2: 2 rows are announced, 1 are there"),
            ("0\n1\norders 0 1", "line 3: the line is cut off"),
            ("0\n1\norders 0\n", "line 3: malformed row \"orders 0\""),
            ("0\n1\norders x 1\n", "line 3: malformed row \"orders x 1\""),
        ];
        for (text, expected) in cases {
            std::fs::write(&path, text).unwrap();
            let error = read_offsets(&Disk::Real, &path).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
    }
}
