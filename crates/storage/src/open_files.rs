//! Bounds the descriptors that segments hold open.
//!
//! A [`FileSlot`] opens its file on first use and keeps it until [`OpenFiles`] needs room. Which file goes is
//! decided by the clock algorithm: a hand walks over the open slots, passes by those used since its last
//! visit and closes the first that was not. Using an open file touches no shared state but the slot itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::disk::{Disk, File};

/// Closes the least used segment files when there are too many. One for the whole process.
#[derive(Debug)]
pub struct OpenFiles {
    limit: usize,
    clock: Mutex<Clock>,
}

#[derive(Debug, Default)]
struct Clock {
    open: Vec<Arc<Slot>>,
    hand: usize,
}

/// Where a file is kept while it is open.
#[derive(Debug, Default)]
struct Slot {
    file: Mutex<Option<Arc<File>>>,
    used: AtomicBool,
}

/// A file that is opened when it is used. Dropping the slot closes it.
#[derive(Debug)]
pub struct FileSlot {
    slot: Arc<Slot>,
    files: Arc<OpenFiles>,
}

impl OpenFiles {
    /// At most `limit` files (at least one) are held open.
    pub fn new(limit: usize) -> Self {
        OpenFiles {
            limit: limit.max(1),
            clock: Mutex::default(),
        }
    }

    /// Files held open now.
    pub fn open_count(&self) -> usize {
        self.clock.lock().open.len()
    }

    /// Counts a slot whose file has been opened; closes another if there are too many.
    fn opened(&self, slot: Arc<Slot>) {
        let mut clock = self.clock.lock();
        clock.open.push(slot);
        while clock.open.len() > self.limit {
            clock.close_one();
        }
    }

    fn closed(&self, slot: &Arc<Slot>) {
        let mut clock = self.clock.lock();
        clock.open.retain(|open| !Arc::ptr_eq(open, slot));
    }
}

impl Clock {
    fn close_one(&mut self) {
        loop {
            self.hand = if self.hand < self.open.len() { self.hand } else { 0 };
            if self.open[self.hand].used.swap(false, Ordering::Relaxed) {
                self.hand += 1;
                continue;
            }
            let slot = self.open.swap_remove(self.hand);
            // Whoever reads from it has a share of its own.
            slot.file.lock().take();
            return;
        }
    }
}

impl FileSlot {
    /// A slot without a file.
    pub fn new(files: Arc<OpenFiles>) -> Self {
        FileSlot {
            slot: Arc::default(),
            files,
        }
    }

    /// The file, opened by `open` unless it is open already.
    pub fn get(&self, open: impl FnOnce() -> io::Result<File>) -> io::Result<Arc<File>> {
        if let Some(file) = &*self.slot.file.lock() {
            // Only a second use tells: a file that is read once must not push out the busy ones.
            self.slot.used.store(true, Ordering::Relaxed);
            return Ok(file.clone());
        }
        let file = Arc::new(open()?);
        *self.slot.file.lock() = Some(file.clone());
        self.files.opened(self.slot.clone());
        Ok(file)
    }

    /// The file at the path that `path` gives, opened for reading.
    pub fn read(&self, disk: &Disk, path: impl FnOnce() -> PathBuf) -> io::Result<Arc<File>> {
        self.get(|| disk.open_existing(&path()))
    }

    /// The pool it belongs to.
    pub fn files(&self) -> &Arc<OpenFiles> {
        &self.files
    }
}

impl Drop for FileSlot {
    fn drop(&mut self) {
        let was_open = self.slot.file.lock().take().is_some();
        if was_open {
            self.files.closed(&self.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_stay_open_and_used_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(OpenFiles::new(3));
        let slots: Vec<FileSlot> = (0..10).map(|_| FileSlot::new(files.clone())).collect();
        let paths: Vec<_> = (0..10).map(|i| folder.path().join(i.to_string())).collect();
        for path in &paths {
            std::fs::write(path, "x").unwrap();
        }
        let favourite = slots[0].read(&Disk::Real, || paths[0].clone()).unwrap();
        for i in 1..10 {
            slots[i].read(&Disk::Real, || paths[i].clone()).unwrap();
            assert!(files.open_count() <= 3);
            slots[0].get(|| panic!("the file in use was closed")).unwrap();
        }
        let mut byte = [0];
        favourite.read_exact_at(&mut byte, 0).unwrap();
        drop(slots);
        assert_eq!(files.open_count(), 0);
    }
}
