//! The system calls on files that only Linux has, each with a portable form beside it; those on sockets are
//! in `network`. Everywhere else the code takes what the system at hand has. On Linux the tests run both
//! forms.

#[cfg(target_os = "linux")]
pub use self::linux::{forget, is_cached, reserve, sync_tree, will_need};
#[cfg(not(target_os = "linux"))]
pub use self::portable::{forget, is_cached, reserve, sync_tree, will_need};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, IoSliceMut};
    use std::num::NonZeroU64;
    use std::path::Path;

    use rustix::fs::{Advice, FallocateFlags};
    use rustix::io::{Errno, ReadWriteFlags};

    /// Distance between the bytes that are asked for: what the kernel reads ahead by default. Half of it cost
    /// a hot fetch 6 % of its CPU.
    const CACHE_SAMPLE: u64 = 128 * 1024;

    /// Whether a file's `len` bytes from `position` on are in the page cache, by samples and its last byte;
    /// never waits for the disk. A file system that can't tell counts as cached.
    pub fn is_cached(file: &File, position: u64, len: usize) -> bool {
        let end = position + len as u64;
        let samples = (position..end).step_by(CACHE_SAMPLE as usize);
        samples.chain(end.checked_sub(1)).all(|sample| {
            let mut byte = [0];
            let mut buffers = [IoSliceMut::new(&mut byte)];
            rustix::io::preadv2(file, &mut buffers, sample, ReadWriteFlags::NOWAIT) != Err(Errno::AGAIN)
        })
    }

    /// Asks for a file's `len` bytes from `position` on to be brought into the page cache.
    pub fn will_need(file: &File, position: u64, len: usize) {
        // Advice: where it is not taken, the read that follows waits longer.
        let _ = rustix::fs::fadvise(file, position, NonZeroU64::new(len as u64), Advice::WillNeed);
    }

    /// Has a file's `len` bytes from `position` on leave the page cache, as far as they are on disk.
    pub fn forget(file: &File, position: u64, len: usize) {
        // Advice as well.
        let _ = rustix::fs::fadvise(file, position, NonZeroU64::new(len as u64), Advice::DontNeed);
    }

    /// Reserves space for a file that will grow to `bytes`; its size stays. A file system that can't serves
    /// all the same.
    pub fn reserve(file: &File, bytes: u64) {
        let _ = rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes);
    }

    /// Makes all in a folder durable, at the price of one sync of its file system.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_tree(folder: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(folder)?)?)
    }
}

#[cfg(any(not(target_os = "linux"), test))]
mod portable {
    use std::fs::{self, File};
    use std::io;
    use std::path::Path;

    /// Not known: counts as cached.
    pub fn is_cached(_file: &File, _position: u64, _len: usize) -> bool {
        true
    }

    /// No advice is given.
    pub fn will_need(_file: &File, _position: u64, _len: usize) {}

    /// Nothing is forgotten.
    pub fn forget(_file: &File, _position: u64, _len: usize) {}

    /// Space is not reserved.
    pub fn reserve(_file: &File, _bytes: u64) {}

    /// Makes all in a folder durable, file by file.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_tree(folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                sync_tree(&entry.path())?;
            } else {
                File::open(entry.path())?.sync_all()?;
            }
        }
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{self, Write};
    use std::os::unix::fs::FileExt;
    use std::path::Path;

    use super::{forget, is_cached, portable, reserve, sync_tree, will_need};

    #[test]
    fn both_forms_sync_a_folder_and_leave_files_their_size() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        let file = File::create(folder.path().join("inner/file")).unwrap();
        for reserve in [reserve, portable::reserve] {
            reserve(&file, 1 << 16);
            assert_eq!(file.metadata().unwrap().len(), 0);
        }
        for sync in [sync_tree as fn(&Path) -> io::Result<()>, portable::sync_tree] {
            sync(folder.path()).unwrap();
            assert!(sync(&folder.path().join("missing")).is_err());
        }
    }

    #[test]
    fn what_was_just_written_is_cached_in_both_forms() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 300_000]).unwrap();
        for (cached, advise) in [
            (
                is_cached as fn(&File, u64, usize) -> bool,
                [will_need as fn(&File, u64, usize), forget],
            ),
            (portable::is_cached, [portable::will_need, portable::forget]),
        ] {
            assert!(cached(&file, 0, 300_000));
            assert!(cached(&file, 299_999, 1));
            for advise in advise {
                advise(&file, 0, 300_000);
            }
            let mut read = vec![0; 300_000];
            file.read_exact_at(&mut read, 0).unwrap();
            assert!(read.iter().all(|&byte| byte == 7));
        }
    }
}
