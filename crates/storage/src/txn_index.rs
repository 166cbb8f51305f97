//! The transaction index of a segment (`.txnindex`): the transactions that were aborted by a marker in it
//! (KIP-98).
//!
//! ```text
//!  version i16 = 0 | producer id i64 | first offset i64 | last offset i64 | last stable offset i64     34 bytes
//! ```

use std::path::Path;

use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::layout::SegmentFile;
use crate::log::AbortedTxn;

/// Size of an entry.
pub const ENTRY_BYTES: usize = 34;

/// Appends an entry, behind the last whole one.
///
/// # Errors
/// `Io`.
pub fn append(folder: &Folder, base_offset: i64, txn: &AbortedTxn) -> Result<()> {
    let path = SegmentFile::TxnIndex.path(folder, base_offset);
    let written = folder.disk().open(&path).and_then(|file| {
        let end = file.bytes()? / ENTRY_BYTES as u64 * ENTRY_BYTES as u64;
        file.write_all_at(&encode(txn), end)
    });
    written.map_err(StorageError::io("append to", path))
}

/// The content of an index with these entries.
pub fn content(txns: &[AbortedTxn]) -> Vec<u8> {
    txns.iter().flat_map(encode).collect()
}

/// All entries, in the order of their markers. A last one that is cut off is passed over, as by Apache Kafka.
///
/// # Errors
/// `Io`; `Corrupt` for an entry of an unknown version: without it aborted records would be served.
pub fn read(folder: &Folder, base_offset: i64) -> Result<Vec<AbortedTxn>> {
    let path = SegmentFile::TxnIndex.path(folder, base_offset);
    let bytes = folder.disk().read_optional(&path)?.unwrap_or_default();
    let (rows, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() {
        tracing::warn!(path = %path.display(), bytes = rest.len(), "passed over an entry that is cut off");
    }
    decode_all(&path, rows.as_flattened())
}

/// The entries in the bytes of the file at `path`, which must be whole.
///
/// # Errors
/// `Corrupt`.
pub fn decode_all(path: &Path, bytes: &[u8]) -> Result<Vec<AbortedTxn>> {
    let (rows, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    let position = |row: usize| (row * ENTRY_BYTES) as u64;
    if !rest.is_empty() {
        return Err(StorageError::corrupt(
            path,
            position(rows.len()),
            "the last entry is cut off",
        ));
    }
    let decoded = rows.iter().enumerate().map(|(index, row)| {
        decode(row).ok_or_else(|| StorageError::corrupt(path, position(index), "unknown entry version"))
    });
    decoded.collect()
}

/// Drops the entries whose marker lies at `offset` or behind; the file goes when none is left. Answers
/// whether any is.
///
/// # Errors
/// `Io`, `Corrupt`.
pub fn truncate(folder: &Folder, base_offset: i64, offset: i64) -> Result<bool> {
    let path = SegmentFile::TxnIndex.path(folder, base_offset);
    let mut kept = read(folder, base_offset)?;
    kept.retain(|txn| txn.last_offset < offset);
    if kept.is_empty() {
        folder.disk().remove_optional(&path)?;
        return Ok(false);
    }
    folder
        .disk()
        .replace(&path, &content(&kept), Durability::PageCache)?;
    Ok(true)
}

fn encode(txn: &AbortedTxn) -> [u8; ENTRY_BYTES] {
    let mut row = [0; ENTRY_BYTES];
    row[2..10].copy_from_slice(&txn.producer_id.to_be_bytes());
    row[10..18].copy_from_slice(&txn.first_offset.to_be_bytes());
    row[18..26].copy_from_slice(&txn.last_offset.to_be_bytes());
    row[26..34].copy_from_slice(&txn.last_stable_offset.to_be_bytes());
    row
}

fn decode(row: &[u8; ENTRY_BYTES]) -> Option<AbortedTxn> {
    let i64_at = |at: usize| {
        row[at..]
            .first_chunk()
            .map_or(0, |bytes| i64::from_be_bytes(*bytes))
    };
    (row[..2] == [0, 0]).then(|| AbortedTxn {
        producer_id: i64_at(2),
        first_offset: i64_at(10),
        last_offset: i64_at(18),
        last_stable_offset: i64_at(26),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(last_offset: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id: 9,
            first_offset: last_offset - 5,
            last_offset,
            last_stable_offset: last_offset,
        }
    }

    #[test]
    fn entries_are_appended_read_and_truncated() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&Folder::real(folder.path()), 0).unwrap(), []);
        for last_offset in [10, 20, 30] {
            append(&Folder::real(folder.path()), 0, &txn(last_offset)).unwrap();
        }
        assert_eq!(
            read(&Folder::real(folder.path()), 0).unwrap(),
            [txn(10), txn(20), txn(30)]
        );
        assert!(truncate(&Folder::real(folder.path()), 0, 30).unwrap());
        assert_eq!(read(&Folder::real(folder.path()), 0).unwrap(), [txn(10), txn(20)]);
        assert!(!truncate(&Folder::real(folder.path()), 0, 10).unwrap());
        assert!(!SegmentFile::TxnIndex.path(folder.path(), 0).exists());
    }

    #[test]
    fn an_entry_that_is_cut_off_takes_no_other_with_it() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::real(temporary.path());
        let path = SegmentFile::TxnIndex.path(&folder, 0);
        let torn = [&content(&[txn(10), txn(20)])[..], &[0; 6]].concat();
        std::fs::write(&path, &torn).unwrap();
        let error = decode_all(&path, &torn).unwrap_err().to_string();
        assert!(
            error.ends_with("00000000000000000000.txnindex is corrupt at byte 68: the last entry is cut off")
        );
        assert_eq!(read(&folder, 0).unwrap(), [txn(10), txn(20)]);
        append(&folder, 0, &txn(30)).unwrap();
        assert_eq!(read(&folder, 0).unwrap(), [txn(10), txn(20), txn(30)]);
    }

    #[test]
    fn an_entry_of_a_later_version_is_not_passed_over() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::real(temporary.path());
        let mut bytes = content(&[txn(10), txn(20)]);
        bytes[ENTRY_BYTES + 1] = 1;
        std::fs::write(SegmentFile::TxnIndex.path(&folder, 0), bytes).unwrap();
        let error = read(&folder, 0).unwrap_err().to_string();
        assert!(error.ends_with("at byte 34: unknown entry version"), "{error}");
    }
}
