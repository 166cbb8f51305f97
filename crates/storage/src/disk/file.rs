//! A file that is open.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::on;
#[cfg(any(test, feature = "simulation"))]
use super::simulated::SimulatedFile;
use crate::platform;

/// A file of a [`Disk`](super::Disk), or a folder opened to be synced.
#[derive(Debug)]
pub enum File {
    /// The system's.
    Real(fs::File),
    /// Of a disk in memory.
    #[cfg(any(test, feature = "simulation"))]
    Simulated(SimulatedFile),
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// By one.
    Exclusive,
    /// By all who want it so.
    Shared,
}

/// All calls answer with the system's error.
#[allow(clippy::missing_errors_doc)]
impl File {
    /// The system's file, for calls that are made nowhere else (sendfile); `None` for one in memory, which is
    /// to be read.
    pub fn of_system(&self) -> Option<&fs::File> {
        on!(self, File::Real(file) => Some(file), _file => None)
    }

    /// Writes all of `bytes` at a position.
    pub fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        on!(self, File::Real(file) => file.write_all_at(bytes, position), file => file.write_all_at(bytes, position))
    }

    /// Reads from a position into `bytes`, as much as there is; answers how much.
    pub fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        on!(self, File::Real(file) => file.read_at(bytes, position), file => file.read_at(bytes, position))
    }

    /// Fills `bytes` from a position.
    pub fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> io::Result<()> {
        on!(self, File::Real(file) => file.read_exact_at(bytes, position), file => {
            let read = file.read_at(bytes, position)?;
            if read < bytes.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(())
        })
    }

    /// The file's length, bytes.
    pub fn bytes(&self) -> io::Result<u64> {
        on!(self, File::Real(file) => file.metadata().map(|found| found.len()), file => Ok(file.facts().bytes))
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> io::Result<bool> {
        on!(self, File::Real(file) => file.metadata().map(|found| found.is_dir()), file => Ok(file.facts().is_folder))
    }

    /// When it was last written to.
    pub fn modified(&self) -> io::Result<SystemTime> {
        on!(self, File::Real(file) => file.metadata()?.modified(), file => Ok(file.facts().modified))
    }

    /// Lets it have been last written to at a time.
    pub fn set_modified(&self, modified: SystemTime) -> io::Result<()> {
        on!(self, File::Real(file) => file.set_modified(modified), file => {
            file.set_modified(modified);
            Ok(())
        })
    }

    /// Gives a file another length.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        on!(self, File::Real(file) => file.set_len(len), file => file.set_len(len))
    }

    /// Waits until a file's content is on disk.
    pub fn sync_data(&self) -> io::Result<()> {
        on!(self, File::Real(file) => file.sync_data(), file => file.sync())
    }

    /// Waits until a file's content and what describes it, or a folder's names, are on disk.
    pub fn sync_all(&self) -> io::Result<()> {
        on!(self, File::Real(file) => file.sync_all(), file => file.sync())
    }

    /// Takes hold of the file for as long as it is open, in both ways there are: flock, and a record lock of
    /// fcntl, which Java's `FileChannel.lock` is. `WouldBlock` where somebody else holds it.
    pub fn lock(&self, sharing: Sharing) -> io::Result<()> {
        let operation = match sharing {
            Sharing::Exclusive => FlockOperation::NonBlockingLockExclusive,
            Sharing::Shared => FlockOperation::NonBlockingLockShared,
        };
        on!(self,
            File::Real(file) => {
                let locked = rustix::fs::flock(file, operation);
                let locked = locked.and_then(|()| rustix::fs::fcntl_lock(file, operation));
                locked.map_err(|error| match error {
                    Errno::AGAIN | Errno::ACCESS => io::ErrorKind::WouldBlock.into(),
                    error => error.into(),
                })
            },
            file => file.lock(sharing),
        )
    }

    /// Reserves space for a file that will grow to `bytes`; its length stays.
    pub fn reserve(&self, bytes: u64) {
        on!(self, File::Real(file) => platform::reserve(file, bytes), _file => ());
    }

    /// Whether `len` bytes from `position` on can be read without waiting for the disk.
    pub fn is_cached(&self, position: u64, len: usize) -> bool {
        on!(self, File::Real(file) => platform::is_cached(file, position, len), _file => true)
    }

    /// Asks for `len` bytes from `position` on to be brought into the page cache.
    pub fn will_need(&self, position: u64, len: usize) {
        on!(self, File::Real(file) => platform::will_need(file, position, len), _file => ());
    }

    /// Has `len` bytes from `position` on leave the page cache, as far as they are on disk.
    pub fn forget(&self, position: u64, len: usize) {
        on!(self, File::Real(file) => platform::forget(file, position, len), _file => ());
    }
}
