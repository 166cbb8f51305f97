//! Files that wait to be removed.
//!
//! What leaves a log is renamed at once (`.deleted`, `-delete`) and removed `file.delete.delay.ms` later, so
//! that nothing slow happens where a log changes. Whoever still reads from a file keeps its descriptor. What
//! a crash leaves behind is removed by the next start.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::disk::{Disk, Folder};
use crate::error::{Result, StorageError};
use crate::layout::{self, SegmentFile};

/// Bytes of a file that leave the page cache at a time.
const STEP_BYTES: usize = 1024 * 1024;
/// For those who wait for the core.
const PAUSE: Duration = Duration::from_micros(50);

/// Paths with the times at which they may be removed. Pure: the broker's thread has the clock.
#[derive(Debug, Default)]
pub struct DeletionQueue {
    /// The earliest is on top.
    waiting: BinaryHeap<Reverse<(i64, PathBuf)>>,
}

impl DeletionQueue {
    /// Adds a file or folder that may be removed from `due_ms` on.
    pub fn push(&mut self, path: PathBuf, due_ms: i64) {
        self.waiting.push(Reverse((due_ms, path)));
    }

    /// When the next path is due.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.waiting.peek().map(|Reverse((due_ms, _))| *due_ms)
    }

    /// Takes out a path that is due.
    pub fn take_due(&mut self, now_ms: i64) -> Option<PathBuf> {
        self.next_due_ms().filter(|&due_ms| due_ms <= now_ms)?;
        self.waiting.pop().map(|Reverse((_, path))| path)
    }
}

/// Renames files of a segment that has left its log, so that no later start takes them for a part of it;
/// answers the new paths. Files that aren't there are passed over.
///
/// # Errors
/// `Io`.
pub fn mark_deleted(folder: &Folder, base_offset: i64, kinds: &[SegmentFile]) -> Result<Vec<PathBuf>> {
    let mut marked = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let from = kind.path(folder, base_offset);
        let to = layout::deleted_path(&from);
        match folder.disk().rename(&from, &to) {
            Ok(()) => marked.push(to),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StorageError::io("rename", from)(error)),
        }
    }
    Ok(marked)
}

/// Removes a file or a folder with all that is in it; one that is gone already is no error.
///
/// # Errors
/// `Io`; a later start tries again.
pub fn remove(disk: &Disk, path: &Path) -> Result<()> {
    let removed = match disk.facts(path) {
        Ok(found) if found.is_folder => disk.remove_dir_all(path),
        Ok(_) => disk.remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Has what will be removed, a file or a folder with its files, leave the page cache in small steps with
/// pauses between, for as long as there is time. A file removed at once keeps a core in the kernel for as
/// long as all of its pages take, and whoever wants that core waits: 4 ms beside segments of 32 MiB. Those
/// who still read from it find it on the disk.
pub fn leave_cache(disk: &Disk, path: &Path, has_time: &dyn Fn() -> bool) {
    if !disk.has_page_cache() {
        return;
    }
    let Ok(file) = disk.open_existing(path) else {
        return;
    };
    if let Ok(entries) = disk.list(path) {
        for entry in entries {
            leave_cache(disk, &path.join(entry.name), has_time);
        }
        return;
    }
    let Ok(bytes) = file.bytes() else { return };
    let steps = (0..bytes).step_by(STEP_BYTES).skip(1);
    for position in steps.take_while(|_| has_time()) {
        file.forget(position, STEP_BYTES);
        thread::sleep(PAUSE);
    }
}

/// Removes what an earlier process had renamed for deletion in a partition's folder.
///
/// # Errors
/// `Io`.
pub fn remove_leftovers(folder: &Folder) -> Result<()> {
    for entry in folder.list()? {
        let path = folder.join(entry.name);
        if path.extension() == Some(OsStr::new(layout::DELETED_EXTENSION)) {
            remove(folder.disk(), &path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn paths_leave_the_queue_when_they_are_due() {
        let mut queue = DeletionQueue::default();
        assert_eq!(queue.next_due_ms(), None);
        for (path, due_ms) in [("late", 30), ("early", 10), ("middle", 20)] {
            queue.push(path.into(), due_ms);
        }
        assert_eq!(queue.next_due_ms(), Some(10));
        assert_eq!(queue.take_due(9), None);
        assert_eq!(queue.take_due(25), Some("early".into()));
        assert_eq!(queue.take_due(25), Some("middle".into()));
        assert_eq!(queue.take_due(25), None);
        assert_eq!(queue.take_due(30), Some("late".into()));
    }

    #[test]
    fn what_leaves_the_cache_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let content = vec![7; 3 * STEP_BYTES];
        fs::write(&file, &content).unwrap();
        let asked = std::cell::Cell::new(0);
        let has_time = || {
            asked.set(asked.get() + 1);
            true
        };
        leave_cache(&Disk::Real, folder.path(), &has_time);
        assert_eq!(asked.get(), 2, "the first step is left to the removal");
        leave_cache(&Disk::Real, &folder.path().join("none"), &has_time);
        leave_cache(&Disk::Real, &file, &|| false);
        assert!(fs::read(&file).unwrap() == content);
    }

    #[test]
    fn marked_files_are_no_segments_and_go_as_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        let log = SegmentFile::Log.path(folder.path(), 7);
        fs::write(&log, "x").unwrap();
        let marked = mark_deleted(&Folder::real(folder.path()), 7, &SegmentFile::ALL).unwrap();
        assert_eq!(marked, [folder.path().join("00000000000000000007.log.deleted")]);
        assert!(!log.exists() && marked[0].exists());
        fs::write(SegmentFile::Log.path(folder.path(), 8), "y").unwrap();
        remove_leftovers(&Folder::real(folder.path())).unwrap();
        assert!(!marked[0].exists() && SegmentFile::Log.path(folder.path(), 8).exists());
        remove(&Disk::Real, &marked[0]).unwrap();
    }
}
