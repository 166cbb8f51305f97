//! The sparse indexes of a segment.
//!
//! The active segment's entries live in memory ([`ActiveIndex`]) and are written in batches: at roll, flush
//! and release. After a crash those that are missing are rebuilt from the log. A closed segment's file is
//! searched where it lies, by reads at positions ([`IndexFile`]); nothing is mapped.

mod entry;

use std::io;

use crate::disk::File;

pub use entry::{Entry, OffsetEntry, TimeEntry};

/// An index whose segment still grows.
#[derive(Debug)]
pub struct ActiveIndex<E> {
    entries: Vec<E>,
    /// So many entries are in the file.
    saved: usize,
}

/// An index file that is complete.
#[derive(Debug)]
pub struct IndexFile<'a> {
    file: &'a File,
    len: u64,
}

impl<E: Entry> ActiveIndex<E> {
    /// An index without entries, and without a file.
    pub fn new() -> Self {
        ActiveIndex {
            entries: Vec::new(),
            saved: 0,
        }
    }

    /// Reads a whole index file. `None` if its length or order is wrong: the index is rebuilt then.
    pub fn load(bytes: &[u8]) -> Option<Self> {
        let entries: Vec<E> = bytes.chunks_exact(E::BYTES).map(E::decode).collect();
        let sound = bytes.len().is_multiple_of(E::BYTES) && entries.is_sorted_by(|a, b| a.key() < b.key());
        sound.then_some(ActiveIndex {
            saved: entries.len(),
            entries,
        })
    }

    /// Appends an entry; its key must be above the last one's.
    pub fn push(&mut self, entry: E) {
        debug_assert!(
            self.entries.last().is_none_or(|last| last.key() < entry.key()),
            "index keys must rise"
        );
        self.entries.push(entry);
    }

    /// The last entry with a key not above `key`.
    pub fn floor(&self, key: E::Key) -> Option<E> {
        let after = self.entries.partition_point(|entry| entry.key() <= key);
        after.checked_sub(1).map(|index| self.entries[index])
    }

    /// The last entry.
    pub fn last(&self) -> Option<E> {
        self.entries.last().copied()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps the entries for which `keep` holds, up to the first for which it doesn't. The file follows with
    /// the next save.
    pub fn truncate_where(&mut self, keep: impl Fn(&E) -> bool) {
        let kept = self.entries.partition_point(keep);
        self.entries.truncate(kept);
        self.saved = self.saved.min(kept);
    }

    /// Brings the file up to date.
    pub fn save(&mut self, file: &File) -> io::Result<()> {
        let start = (self.saved * E::BYTES) as u64;
        let mut bytes = Vec::with_capacity((self.entries.len() - self.saved) * E::BYTES);
        for entry in &self.entries[self.saved..] {
            entry.encode(&mut bytes);
        }
        file.write_all_at(&bytes, start)?;
        file.set_len(start + bytes.len() as u64)?;
        self.saved = self.entries.len();
        Ok(())
    }
}

impl<'a> IndexFile<'a> {
    /// Looks at the file's length.
    pub fn new(file: &'a File) -> io::Result<Self> {
        Ok(IndexFile {
            file,
            len: file.bytes()?,
        })
    }

    /// The last entry with a key not above `key`.
    pub fn floor<E: Entry>(&self, key: E::Key) -> io::Result<Option<E>> {
        let (mut low, mut high) = (0, self.len / E::BYTES as u64);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let entry: E = self.entry(middle)?;
            if entry.key() <= key {
                found = Some(entry);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(found)
    }

    /// The last entry.
    pub fn last<E: Entry>(&self) -> io::Result<Option<E>> {
        (self.len / E::BYTES as u64)
            .checked_sub(1)
            .map(|index| self.entry(index))
            .transpose()
    }

    fn entry<E: Entry>(&self, index: u64) -> io::Result<E> {
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..E::BYTES];
        self.file.read_exact_at(bytes, index * E::BYTES as u64)?;
        Ok(E::decode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(relative_offset: u32, position: u32) -> OffsetEntry {
        OffsetEntry {
            relative_offset,
            position,
        }
    }

    #[test]
    fn memory_and_file_find_the_same_floor() {
        let file = File::Real(tempfile::tempfile().unwrap());
        let mut index = ActiveIndex::new();
        assert_eq!(
            IndexFile::new(&file).unwrap().floor::<OffsetEntry>(7).unwrap(),
            None
        );
        for i in 1..=20 {
            index.push(entry(i * 10, i * 100));
            if i % 7 == 0 {
                index.save(&file).unwrap();
            }
        }
        index.save(&file).unwrap();
        let on_disk = IndexFile::new(&file).unwrap();
        for key in 0..=210 {
            let expected = (key >= 10).then(|| entry((key / 10).min(20) * 10, (key / 10).min(20) * 100));
            assert_eq!(index.floor(key), expected, "{key}");
            assert_eq!(on_disk.floor(key).unwrap(), expected, "{key}");
        }
        assert_eq!(on_disk.last().unwrap(), index.last());
    }

    #[test]
    fn a_truncated_index_truncates_its_file() {
        let file = File::Real(tempfile::tempfile().unwrap());
        let mut index = ActiveIndex::new();
        for i in 0..5 {
            index.push(entry(i, i));
        }
        index.save(&file).unwrap();
        index.truncate_where(|entry| entry.relative_offset < 2);
        index.push(entry(9, 9));
        index.save(&file).unwrap();
        assert_eq!(file.bytes().unwrap(), 24);
        assert_eq!(
            IndexFile::new(&file).unwrap().floor(8).unwrap(),
            Some(entry(1, 1))
        );
    }

    #[test]
    fn a_torn_or_disordered_file_is_refused() {
        let mut bytes = Vec::new();
        for (offset, position) in [(1, 10), (4, 20)] {
            entry(offset, position).encode(&mut bytes);
        }
        assert!(ActiveIndex::<OffsetEntry>::load(&bytes).is_some());
        assert!(ActiveIndex::<OffsetEntry>::load(&bytes[..15]).is_none());
        bytes.copy_within(0..8, 8);
        assert!(ActiveIndex::<OffsetEntry>::load(&bytes).is_none());
    }
}
