//! Which leader epoch began at which offset (KIP-101, KIP-279): `leader-epoch-checkpoint` and its content in
//! memory.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::read_rows;
use crate::disk::Folder;
use crate::error::Result;
use crate::file_io::Durability;
use crate::log::EpochEndOffset;

/// Its name in a partition's folder.
const FILE_NAME: &str = "leader-epoch-checkpoint";

/// Asks for no epoch.
const UNKNOWN_EPOCH: i32 = -1;

/// A leader epoch and the offset of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: i32,
    /// Its first offset.
    pub start_offset: i64,
}

/// The epochs of a log, epochs and offsets rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

/// Its path in a partition's folder.
pub fn leader_epochs_path(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

impl LeaderEpochs {
    /// The rows of the checkpoint in a partition's folder as they stand there; none when there is no file.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn rows(folder: &Folder) -> Result<Vec<EpochEntry>> {
        let rows = read_rows(folder.disk(), &folder.join(FILE_NAME), |row| {
            let (epoch, start_offset) = row.split_once(char::is_whitespace)?;
            Some(EpochEntry {
                epoch: epoch.parse().ok()?,
                start_offset: start_offset.trim_start().parse().ok()?,
            })
        });
        rows?.whole()
    }

    /// Reads the checkpoint in a partition's folder; empty when there is none.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn read(folder: &Folder) -> Result<LeaderEpochs> {
        let mut epochs = LeaderEpochs::default();
        for row in LeaderEpochs::rows(folder)? {
            epochs.assign(row.epoch, row.start_offset);
        }
        Ok(epochs)
    }

    /// Writes the checkpoint.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&self, folder: &Folder, durability: Durability) -> Result<()> {
        let mut text = format!("0\n{}\n", self.entries.len());
        for entry in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {}", entry.epoch, entry.start_offset);
        }
        folder
            .disk()
            .replace(&folder.join(FILE_NAME), text.as_bytes(), durability)
    }

    /// Notes that `epoch` begins at `start_offset`, unless the newest epoch is it already; answers whether
    /// this is new. Entries that contradict it go: no later epoch may begin before it, no later offset belong
    /// to an earlier one.
    pub fn assign(&mut self, epoch: i32, start_offset: i64) -> bool {
        if epoch < 0
            || self
                .entries
                .last()
                .is_some_and(|last| last.epoch == epoch && last.start_offset <= start_offset)
        {
            return false;
        }
        while self
            .entries
            .last()
            .is_some_and(|last| last.epoch >= epoch || last.start_offset >= start_offset)
        {
            self.entries.pop();
        }
        self.entries.push(EpochEntry { epoch, start_offset });
        true
    }

    /// The newest epoch.
    pub fn latest(&self) -> Option<i32> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// The epoch of the record at `offset`.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|entry| entry.start_offset <= offset);
        Some(self.entries.get(after.checked_sub(1)?)?.epoch)
    }

    /// The largest epoch not above `requested`, and where it ended; as Kafka's `endOffsetFor`.
    pub fn end_offset_for(&self, requested: i32, log_end_offset: i64) -> Option<EpochEndOffset> {
        if requested == UNKNOWN_EPOCH {
            return None;
        }
        if self.latest() == Some(requested) {
            return Some(EpochEndOffset {
                leader_epoch: requested,
                end_offset: log_end_offset,
            });
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= requested);
        // An epoch above all we know: a newer leader's, of which we can say nothing.
        let next = self.entries.get(above)?;
        // Before the first epoch we know, its start is where all earlier ones ended.
        let leader_epoch = above
            .checked_sub(1)
            .map_or(requested, |below| self.entries[below].epoch);
        Some(EpochEndOffset {
            leader_epoch,
            end_offset: next.start_offset,
        })
    }

    /// Drops epochs that begin at `end_offset` or later; answers whether there were any.
    pub fn truncate_from_end(&mut self, end_offset: i64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.start_offset < end_offset);
        self.entries.len() != before
    }

    /// The log now starts at `start_offset`: drops epochs that ended before and moves the one that holds it;
    /// answers whether anything changed.
    pub fn truncate_from_start(&mut self, start_offset: i64) -> bool {
        let after = self
            .entries
            .partition_point(|entry| entry.start_offset <= start_offset);
        let Some(holding) = after.checked_sub(1) else {
            return false;
        };
        let changed = holding > 0 || self.entries[holding].start_offset != start_offset;
        self.entries.drain(..holding);
        self.entries[0].start_offset = start_offset;
        changed
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for &(epoch, start_offset) in entries {
            epochs.assign(epoch, start_offset);
        }
        epochs
    }

    fn rows(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
        epochs
            .entries
            .iter()
            .map(|entry| (entry.epoch, entry.start_offset))
            .collect()
    }

    #[test]
    fn epochs_and_offsets_rise() {
        type Rows<'a> = &'a [(i32, i64)];
        let cases: &[(Rows, Rows)] = &[
            (&[(0, 0), (0, 5), (0, 9)], &[(0, 0)]),
            (&[(0, 0), (2, 5)], &[(0, 0), (2, 5)]),
            (&[(0, 0), (1, 5), (2, 5)], &[(0, 0), (2, 5)]),
            (&[(0, 0), (1, 5), (2, 9), (3, 4)], &[(0, 0), (3, 4)]),
            (&[(3, 0), (2, 5)], &[(2, 5)]),
            (&[(-1, 0)], &[]),
        ];
        for (assigned, expected) in cases {
            assert_eq!(rows(&epochs(assigned)), *expected, "{assigned:?}");
        }
    }

    #[test]
    fn end_offsets_are_those_of_the_largest_epoch_not_above() {
        let known = epochs(&[(2, 10), (4, 20), (7, 30)]);
        let cases = [
            (-1, None),
            (0, Some((0, 10))),
            (2, Some((2, 20))),
            (3, Some((2, 20))),
            (4, Some((4, 30))),
            (6, Some((4, 30))),
            (7, Some((7, 44))),
            (8, None),
        ];
        for (requested, expected) in cases {
            let found = known
                .end_offset_for(requested, 44)
                .map(|end| (end.leader_epoch, end.end_offset));
            assert_eq!(found, expected, "epoch {requested}");
        }
        assert_eq!(epochs(&[]).end_offset_for(0, 5), None);
    }

    #[test]
    fn truncation_from_both_ends() {
        let mut known = epochs(&[(2, 10), (4, 20), (7, 30)]);
        assert!(!known.truncate_from_end(31));
        assert!(known.truncate_from_end(30));
        assert!(known.truncate_from_start(25));
        assert_eq!(rows(&known), [(4, 25)]);
        assert!(!known.truncate_from_start(25));
        assert_eq!(known.epoch_for_offset(24), None);
        assert_eq!(known.epoch_for_offset(25), Some(4));
    }

    #[test]
    fn the_file_is_as_kafka_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let known = epochs(&[(0, 0), (3, 1200)]);
        known
            .write(&Folder::real(folder.path()), Durability::PageCache)
            .unwrap();
        assert_eq!(
            std::fs::read_to_string(folder.path().join(FILE_NAME)).unwrap(),
            "0\n2\n0 0\n3 1200\n"
        );
        assert_eq!(LeaderEpochs::read(&Folder::real(folder.path())).unwrap(), known);
    }
}
