//! The disk as a handle: the one door through which this crate looks at files and changes them.
//!
//! A [`Disk`] comes in when a log directory is opened. [`Disk::Real`] is the system's: each call is the
//! system call of its name. With the feature `simulation` there is a second one, in memory ([`simulated`]),
//! of which a process may have as many as it likes: each loses power on its own, and lets calls fail by its
//! seed.
//!
//! Without the feature a handle is nothing at all, and a [`File`] is the system's; with it a branch is taken
//! for each call.

mod file;
mod folder;
#[cfg(any(test, feature = "simulation"))]
pub mod simulated;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::platform;

pub use file::{File, Sharing};
pub use folder::Folder;
#[cfg(any(test, feature = "simulation"))]
use simulated::SimulatedDisk;

/// Where files are; cheap to clone.
#[derive(Clone, Debug)]
pub enum Disk {
    /// The system's file systems.
    Real,
    /// A disk in memory.
    #[cfg(any(test, feature = "simulation"))]
    Simulated(SimulatedDisk),
}

/// What a folder holds under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// It is a folder; a link is none.
    pub is_folder: bool,
}

/// What is known of a file or a folder without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// It is a folder; a link is none.
    pub is_folder: bool,
    /// Bytes of the file.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: SystemTime,
}

/// Space of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes this process could write.
    pub usable_bytes: u64,
}

/// What a call does on each kind of disk.
macro_rules! on {
    ($handle:expr, $real:pat => $call:expr, $simulated:ident => $simulation:expr $(,)?) => {
        match $handle {
            $real => $call,
            #[cfg(any(test, feature = "simulation"))]
            Self::Simulated($simulated) => $simulation,
        }
    };
}
use on;

/// All calls answer with the system's error.
#[allow(clippy::missing_errors_doc)]
impl Disk {
    /// Opens a file for reading and writing; creates it if there is none.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        on!(self,
            Disk::Real => {
                let mut options = OpenOptions::new();
                let options = options.read(true).write(true).create(true).truncate(false);
                options.open(path).map(File::Real)
            },
            disk => disk.open(path).map(File::Simulated),
        )
    }

    /// Opens a file for reading, or a folder to have its names synced.
    pub fn open_existing(&self, path: &Path) -> io::Result<File> {
        on!(self,
            Disk::Real => fs::File::open(path).map(File::Real),
            disk => disk.open_existing(path).map(File::Simulated),
        )
    }

    /// Creates a file for writing, where there must be none.
    pub fn create_new(&self, path: &Path) -> io::Result<File> {
        on!(self,
            Disk::Real => fs::File::create_new(path).map(File::Real),
            disk => disk.create_new(path).map(File::Simulated),
        )
    }

    /// Creates a file, or empties it.
    pub fn create(&self, path: &Path) -> io::Result<File> {
        let file = self.open(path)?;
        file.set_len(0)?;
        Ok(file)
    }

    /// Reads a whole file.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        on!(self, Disk::Real => fs::read(path), disk => disk.read(path))
    }

    /// What is in a folder, in no order.
    pub fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        on!(self,
            Disk::Real => {
                let entry = |entry: io::Result<fs::DirEntry>| {
                    let entry = entry?;
                    let is_folder = entry.file_type()?.is_dir();
                    Ok(Entry { name: entry.file_name(), is_folder })
                };
                fs::read_dir(folder)?.map(entry).collect()
            },
            disk => disk.list(folder),
        )
    }

    /// Looks at a file or a folder; a link is not followed.
    pub fn facts(&self, path: &Path) -> io::Result<Facts> {
        on!(self,
            Disk::Real => {
                let found = fs::symlink_metadata(path)?;
                Ok(Facts { is_folder: found.is_dir(), bytes: found.len(), modified: found.modified()? })
            },
            disk => disk.facts(path),
        )
    }

    /// Whether something can be found under a path.
    pub fn exists(&self, path: &Path) -> bool {
        on!(self, Disk::Real => path.exists(), disk => disk.facts(path).is_ok())
    }

    /// The one path of a file or folder that need not be there, as Java's `File.getCanonicalPath` has it:
    /// absolute and without links, dots and doubled slashes.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut resolved = PathBuf::new();
        for part in std::path::absolute(path)?.components() {
            match part {
                Component::ParentDir => drop(resolved.pop()),
                part => resolved.push(part),
            }
            match self.canonicalize(&resolved) {
                Ok(found) => resolved = found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(resolved)
    }

    /// The one path of what is there: absolute and without links.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        on!(self, Disk::Real => path.canonicalize(), disk => disk.canonicalize(path))
    }

    /// Whether what is removed leaves pages behind in a cache.
    pub fn has_page_cache(&self) -> bool {
        on!(self, Disk::Real => true, _disk => false)
    }

    /// Waits until all that was written below a folder is on disk.
    pub fn sync_tree(&self, path: &Path) -> io::Result<()> {
        on!(self, Disk::Real => platform::sync_tree(path), disk => disk.sync_tree())
    }

    /// Renames a file or a folder within its folder; what had the new name is replaced.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        on!(self, Disk::Real => fs::rename(from, to), disk => disk.rename(from, to))
    }

    /// Gives a file another name beside the one it has; there must be none of that name.
    pub fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        on!(self, Disk::Real => fs::hard_link(from, to), disk => disk.hard_link(from, to))
    }

    /// Removes a file.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        on!(self, Disk::Real => fs::remove_file(path), disk => disk.remove(path))
    }

    /// Removes a folder that is empty.
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        on!(self, Disk::Real => fs::remove_dir(path), disk => {
            if !disk.list(path)?.is_empty() {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            disk.remove(path)
        })
    }

    /// Removes a folder and all that is in it.
    pub fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        on!(self, Disk::Real => fs::remove_dir_all(path), disk => disk.remove(path))
    }

    /// Creates a folder, and those above it, where there is none.
    pub fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        on!(self, Disk::Real => fs::create_dir_all(path), disk => disk.create_dir_all(path))
    }

    /// Space of the file system that a path lies on.
    pub fn space(&self, path: &Path) -> io::Result<DiskSpace> {
        on!(self,
            Disk::Real => {
                let space = rustix::fs::statvfs(path)?;
                Ok(DiskSpace {
                    total_bytes: space.f_blocks.saturating_mul(space.f_frsize),
                    usable_bytes: space.f_bavail.saturating_mul(space.f_frsize),
                })
            },
            disk => disk.space(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_what_is_not_there_yet_are_resolved_as_in_java() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("there/below")).unwrap();
        std::os::unix::fs::symlink(root.join("there/below"), root.join("link")).unwrap();
        let cases = [
            ("there", "there"),
            ("new", "new"),
            ("/new//d/.", "new/d"),
            ("./new/../d/", "d"),
            ("new/./../../there/x", "../there/x"),
            ("link", "there/below"),
            ("link/new", "there/below/new"),
            // A link is followed before its parent is taken.
            ("link/../new", "there/new"),
        ];
        for (path, expected) in cases {
            let resolved = Disk::Real.resolve(Path::new(&format!("{}/{path}", root.display())));
            let expected = match expected.strip_prefix("../") {
                Some(above) => root.parent().unwrap().join(above),
                None => root.join(expected),
            };
            assert_eq!(resolved.unwrap(), expected, "{path}");
        }
        assert!(
            Disk::Real
                .resolve(Path::new("/../.."))
                .is_ok_and(|path| path == Path::new("/"))
        );
        let relative = Disk::Real.resolve(Path::new("not-there/x/..")).unwrap();
        assert_eq!(relative, std::env::current_dir().unwrap().join("not-there"));
    }
}
