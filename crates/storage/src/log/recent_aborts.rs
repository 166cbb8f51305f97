//! The transaction indexes that were read last, so that those who read committed records don't have a file
//! read with every Fetch, under the partition's lock. Bounded: an index that is too large to be kept is read
//! from its file each time.

use super::types::AbortedTxn;
use crate::disk::Folder;
use crate::error::Result;
use crate::txn_index;

/// Indexes that are kept: those at the log's end, and where somebody catches up.
const SEGMENTS_MAX: usize = 4;
/// Entries of one index that are kept: 64 KiB.
const ENTRIES_MAX: usize = 2048;

/// Aborted transactions by segment, the one used last at the end.
#[derive(Debug, Default)]
pub struct RecentAborts {
    segments: Vec<(i64, Vec<AbortedTxn>)>,
}

impl RecentAborts {
    /// Shows `look` the transactions that were aborted by a marker in a segment.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn look<T>(
        &mut self,
        folder: &Folder,
        base_offset: i64,
        look: impl FnOnce(&[AbortedTxn]) -> T,
    ) -> Result<T> {
        let known = self.segments.iter().position(|(known, _)| *known == base_offset);
        let entries = match known {
            Some(place) => self.segments.remove(place).1,
            None => txn_index::read(folder, base_offset)?,
        };
        let seen = look(&entries);
        if entries.len() <= ENTRIES_MAX {
            if self.segments.len() == SEGMENTS_MAX {
                self.segments.remove(0);
            }
            self.segments.push((base_offset, entries));
        }
        Ok(seen)
    }

    /// An entry was appended to the index of a segment.
    pub fn appended(&mut self, base_offset: i64, txn: AbortedTxn) {
        let known = self.segments.iter_mut().find(|(known, _)| *known == base_offset);
        if let Some((_, entries)) = known {
            entries.push(txn);
        }
    }

    /// Indexes have been replaced or cut.
    pub fn forget(&mut self) {
        self.segments.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::SegmentFile;

    fn txn(last_offset: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id: 1,
            first_offset: last_offset - 1,
            last_offset,
            last_stable_offset: last_offset,
        }
    }

    #[test]
    fn an_index_is_read_once_and_follows_what_is_appended() {
        let folder = tempfile::tempdir().unwrap();
        let mut recent = RecentAborts::default();
        let appended = |recent: &mut RecentAborts, base_offset, last_offset| {
            txn_index::append(&Folder::real(folder.path()), base_offset, &txn(last_offset)).unwrap();
            recent.appended(base_offset, txn(last_offset));
        };
        appended(&mut recent, 0, 5);
        let count = |recent: &mut RecentAborts, base_offset| {
            recent
                .look(&Folder::real(folder.path()), base_offset, <[AbortedTxn]>::len)
                .unwrap()
        };
        assert_eq!(count(&mut recent, 0), 1);
        appended(&mut recent, 0, 9);
        std::fs::remove_file(SegmentFile::TxnIndex.path(folder.path(), 0)).unwrap();
        assert_eq!(count(&mut recent, 0), 2, "without the file");
        for base_offset in 1..=SEGMENTS_MAX as i64 {
            assert_eq!(count(&mut recent, base_offset), 0);
        }
        assert_eq!(count(&mut recent, 0), 0, "the file is asked again");
        recent.forget();
        assert!(recent.segments.is_empty());
    }

    #[test]
    fn a_large_index_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let entries: Vec<AbortedTxn> = (0..=ENTRIES_MAX as i64).map(txn).collect();
        let path = SegmentFile::TxnIndex.path(folder.path(), 0);
        std::fs::write(path, txn_index::content(&entries)).unwrap();
        let mut recent = RecentAborts::default();
        let seen = recent
            .look(&Folder::real(folder.path()), 0, <[AbortedTxn]>::len)
            .unwrap();
        assert_eq!(seen, entries.len());
        assert!(recent.segments.is_empty());
    }
}
