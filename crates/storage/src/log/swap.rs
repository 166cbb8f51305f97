//! Putting a cleaned segment in the place of those it was made of, so that a crash at any moment, and a power
//! cut that keeps any part of what wasn't synced, leaves the old segments or the new one.
//!
//! ```text
//!  beside the lock   write N.log.cleaned and its indexes, sync them
//!                    rename them to .swap, sync the folder              before: recovery drops them
//!  under the lock    rename the old files to .deleted                   after: recovery finishes the swap
//!                    link the .swap files to their final names
//!                    exchange the segments in memory
//!  beside the lock   sync the folder, unlink the .swap names
//! ```
//!
//! The `.swap` names stay until all that happened under the lock is on disk: they tell recovery that older
//! segments may have come back. A sync of the folder follows before another swap begins.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CleaningHold, Log, State};
use crate::cleaner::{CleanedSegment, SegmentFacts};
use crate::deletion;
use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::layout::{SegmentFile, Stage};
use crate::segment::{HeaderScan, Segment};

/// The files that a cleaned segment has; a snapshot belongs to the place in the log, not to the segment.
const FILES: [SegmentFile; 4] = [
    SegmentFile::Log,
    SegmentFile::Index,
    SegmentFile::TimeIndex,
    SegmentFile::TxnIndex,
];

/// Segments that have been replaced, and the steps that are left to be done beside the lock.
#[derive(Debug)]
#[must_use = "the replacement is on disk after `finish`"]
pub struct ReplacedSegments {
    folder: Folder,
    base_offset: i64,
    /// Descriptors are closed with them, beside the lock.
    segments: Vec<Segment>,
    marked: Vec<PathBuf>,
    snapshots: Vec<i64>,
    /// Keeps the log from being closed and opened again with these files.
    _in_flight: Arc<()>,
}

impl ReplacedSegments {
    /// Makes the replacement durable; answers the files that are to be removed after `file.delete.delay.ms`.
    ///
    /// # Errors
    /// `Io`; the replacement holds all the same.
    pub fn finish(self) -> Result<Vec<PathBuf>> {
        drop(self.segments);
        self.folder.disk().sync_folder(&self.folder)?;
        for kind in FILES {
            self.folder.disk().remove_optional(&kind.staged_path(
                &self.folder,
                self.base_offset,
                Stage::Swap,
            ))?;
        }
        let mut marked = self.marked;
        for offset in self.snapshots {
            marked.extend(deletion::mark_deleted(
                &self.folder,
                offset,
                &[SegmentFile::Snapshot],
            )?);
        }
        Ok(marked)
    }
}

impl Log {
    /// Puts a cleaned segment in the place of `sources`; `None` if these are no longer a part of the log.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR; the log is offline then, and the next start finishes the swap.
    pub(crate) fn swap_in(
        &mut self,
        hold: &CleaningHold,
        sources: &[SegmentFacts],
        cleaned: &CleanedSegment,
    ) -> Result<Option<ReplacedSegments>> {
        let State::Open(open) = &mut self.state else {
            return Ok(None);
        };
        // A copy in another log directory may have taken the log's place.
        if hold.check().is_err() || **hold.folder() != *open.folder {
            return Ok(None);
        }
        let Some(base_offset) = sources.first().map(|source| source.base_offset) else {
            return Ok(None);
        };
        let first = open
            .closed
            .partition_point(|segment| segment.base_offset < base_offset);
        let range = first..first + sources.len();
        let is_source = |(segment, source): (&Segment, &SegmentFacts)| {
            (segment.base_offset, segment.size) == (source.base_offset, source.size)
        };
        let unchanged = open
            .closed
            .get(range.clone())
            .is_some_and(|segments| segments.iter().zip(sources).all(is_source));
        if !unchanged {
            return Ok(None);
        }
        let marked = match exchange_files(&open.folder, sources) {
            Ok(marked) => marked,
            Err(error) => {
                self.state = State::Offline;
                return Err(error);
            }
        };
        let mut segment = Segment::new(base_offset, cleaned.size, &open.files);
        segment.has_aborted = cleaned.has_aborted;
        let segments: Vec<Segment> = open.closed.splice(range, [segment]).collect();
        let snapshots = open.snapshots.forget_where(|offset| {
            let merged = segments.get(1..).unwrap_or_default();
            merged
                .binary_search_by_key(&offset, |segment| segment.base_offset)
                .is_ok()
        });
        open.folder_unsynced = true;
        open.recent_aborts.forget();
        let in_flight = self.removing.upgrade().unwrap_or_default();
        self.removing = Arc::downgrade(&in_flight);
        let replaced = ReplacedSegments {
            folder: open.folder.clone(),
            base_offset,
            segments,
            marked,
            snapshots,
            _in_flight: in_flight,
        };
        self.size_bytes = open.size_bytes();
        self.oldest_segment = None;
        Ok(Some(replaced))
    }
}

/// Marks the old files and gives the new ones their names.
fn exchange_files(folder: &Folder, sources: &[SegmentFacts]) -> Result<Vec<PathBuf>> {
    let mut marked = Vec::with_capacity(sources.len() * FILES.len());
    for source in sources {
        marked.extend(deletion::mark_deleted(folder, source.base_offset, &FILES)?);
    }
    let base_offset = sources.first().map_or(0, |source| source.base_offset);
    // The log last: without its `.swap` name the others are dropped.
    for kind in FILES.into_iter().rev() {
        let from = kind.staged_path(folder, base_offset, Stage::Swap);
        let to = kind.path(folder, base_offset);
        match folder.disk().hard_link(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && kind == SegmentFile::TxnIndex => {}
            // A file system without links: a power cut before the next sync may bring an old segment back.
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                folder
                    .disk()
                    .rename(&from, &to)
                    .map_err(StorageError::io("rename", from))?;
            }
            Err(error) => return Err(StorageError::io("link", from)(error)),
        }
    }
    Ok(marked)
}

/// Brings a folder in order in which a crash has interrupted a cleaning, as Apache Kafka's `LogLoader` does:
/// what was being written goes, what was whole takes its place.
///
/// # Errors
/// `Io`; `Corrupt` if a `.swap` file isn't sound.
pub(super) fn recover(folder: &Folder) -> Result<()> {
    let files = Staged::list(folder)?;
    if files.staged.is_empty() {
        return Ok(());
    }
    let unfinished = files
        .staged
        .iter()
        .filter(|(_, _, stage)| *stage == Stage::Cleaned)
        .map(|(_, base_offset, _)| *base_offset)
        .min()
        .unwrap_or(i64::MAX);
    let has_log = |offset: i64| files.staged.contains(&(SegmentFile::Log, offset, Stage::Swap));
    let mut whole = Vec::new();
    for &(kind, base_offset, stage) in &files.staged {
        if stage == Stage::Swap && base_offset < unfinished && has_log(base_offset) {
            whole.push((kind, base_offset));
        } else {
            folder
                .disk()
                .remove_optional(&kind.staged_path(folder, base_offset, stage))?;
        }
    }
    for &(_, base_offset) in whole.iter().filter(|(kind, _)| *kind == SegmentFile::Log) {
        let path = SegmentFile::Log.staged_path(folder, base_offset, Stage::Swap);
        tracing::info!(path = %path.display(), "finishing the swap of a cleaned segment");
        let next_offset = next_offset(folder, &path, base_offset)?;
        for &(kind, offset) in &files.settled {
            if offset == base_offset || (base_offset..next_offset).contains(&offset) {
                folder.disk().remove_optional(&kind.path(folder, offset))?;
            }
        }
    }
    for (kind, base_offset) in whole {
        let from = kind.staged_path(folder, base_offset, Stage::Swap);
        let to = kind.path(folder, base_offset);
        // Two names of one file: a rename would leave both.
        folder.disk().remove_optional(&to)?;
        folder
            .disk()
            .rename(&from, &to)
            .map_err(StorageError::io("rename", from))?;
    }
    folder.disk().sync_folder(folder)
}

/// The segment files of a folder.
struct Staged {
    staged: Vec<(SegmentFile, i64, Stage)>,
    settled: Vec<(SegmentFile, i64)>,
}

impl Staged {
    fn list(folder: &Folder) -> Result<Staged> {
        let (mut staged, mut settled) = (Vec::new(), Vec::new());
        for entry in folder.list()? {
            let Some(name) = entry.name.to_str() else { continue };
            staged.extend(SegmentFile::parse_staged(name));
            settled.extend(SegmentFile::parse(name));
        }
        Ok(Staged { staged, settled })
    }
}

/// The offset after the last batch of a file.
fn next_offset(folder: &Folder, path: &Path, base_offset: i64) -> Result<i64> {
    let file = folder
        .disk()
        .open_existing(path)
        .map_err(StorageError::io("open", path))?;
    let size = file.bytes().map_err(StorageError::io("look at", path))?;
    let size = u32::try_from(size)
        .map_err(|_| StorageError::corrupt(path, size, "no segment is longer than 4 GiB"))?;
    let mut next_offset = base_offset;
    for batch in HeaderScan::new(&file, folder, base_offset, 0, size) {
        next_offset = batch?.1.next_offset();
    }
    Ok(next_offset)
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};

    use std::fs;

    use super::*;
    use crate::disk::Disk;

    const KINDS: [SegmentFile; 3] = [SegmentFile::Log, SegmentFile::Index, SegmentFile::TimeIndex];

    fn sources() -> [SegmentFacts; 2] {
        [0, 10].map(|base_offset| SegmentFacts {
            base_offset,
            size: 1,
            has_aborted: false,
        })
    }

    /// A cleaned log file of offsets 0 to 15.
    fn cleaned_log() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None);
        for _ in 0..16 {
            builder.append(&RecordFields::default());
        }
        builder.build().unwrap()
    }

    /// Two old segments, one behind them, and the first two cleaned.
    fn folder(stage: Stage) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for kind in KINDS {
            for base_offset in [0, 10, 16] {
                fs::write(kind.path(folder.path(), base_offset), "old").unwrap();
            }
            fs::write(kind.staged_path(folder.path(), 0, stage), cleaned_log()).unwrap();
        }
        folder
    }

    /// Names and contents of what isn't marked as deleted.
    fn content(folder: &Path) -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.to_string_lossy().ends_with(".deleted"))
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read(&path).unwrap() == b"old")
            })
            .collect();
        found.sort();
        found
    }

    fn expected(segments: &[(i64, bool)]) -> Vec<(String, bool)> {
        let name = |kind: SegmentFile, base_offset| {
            let path = kind.path(Path::new(""), base_offset);
            path.to_string_lossy().into_owned()
        };
        let mut names: Vec<(String, bool)> = segments
            .iter()
            .flat_map(|&(base_offset, old)| KINDS.map(|kind| (name(kind, base_offset), old)))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_not_whole_is_dropped() {
        let old = expected(&[(0, true), (10, true), (16, true)]);
        for renamed in 0..KINDS.len() {
            let folder = folder(Stage::Cleaned);
            for kind in &KINDS[..renamed] {
                let staged = |stage| kind.staged_path(folder.path(), 0, stage);
                fs::rename(staged(Stage::Cleaned), staged(Stage::Swap)).unwrap();
            }
            recover(&Folder::real(folder.path())).unwrap();
            assert_eq!(content(folder.path()), old, "{renamed} renamed");
        }
    }

    #[test]
    fn whatever_part_of_an_unsynced_swap_is_on_disk_it_is_finished() {
        let new = expected(&[(0, false), (16, true)]);
        // Any of the six renames, and of the three links whose name is free.
        for mask in 0..1u32 << 9 {
            let folder = folder(Stage::Swap);
            let done = |step: usize| mask & (1 << step) != 0;
            for (number, kind) in KINDS.iter().enumerate() {
                for (place, base_offset) in [(0, 0), (3, 10)] {
                    if done(number + place) {
                        let _ = deletion::mark_deleted(&Folder::real(folder.path()), base_offset, &[*kind])
                            .unwrap();
                    }
                }
                if done(number) && done(number + 6) {
                    let from = kind.staged_path(folder.path(), 0, Stage::Swap);
                    fs::hard_link(from, kind.path(folder.path(), 0)).unwrap();
                }
            }
            recover(&Folder::real(folder.path())).unwrap();
            assert_eq!(content(folder.path()), new, "{mask:09b}");
        }
    }

    #[test]
    fn a_whole_swap_is_left_when_its_last_names_are_going() {
        let new = expected(&[(0, false), (16, true)]);
        for removed in 0..=KINDS.len() {
            let folder = folder(Stage::Swap);
            exchange_files(&Folder::real(folder.path()), &sources()).unwrap();
            for kind in &KINDS[..removed] {
                Disk::Real
                    .remove_optional(&kind.staged_path(folder.path(), 0, Stage::Swap))
                    .unwrap();
            }
            recover(&Folder::real(folder.path())).unwrap();
            assert_eq!(content(folder.path()), new, "{removed} removed");
        }
    }
}
