//! A folder together with the disk it lies on: what goes from hand to hand where files of a partition are
//! worked on.

use std::ffi::OsStr;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::{Disk, Entry};
use crate::error::{Result, StorageError};

/// A folder of a disk. It is a path to whoever only needs its name.
#[derive(Clone, Debug)]
pub struct Folder {
    disk: Disk,
    path: PathBuf,
}

impl Folder {
    /// The folder at a path, whether there is one or not.
    pub fn new(disk: &Disk, path: impl Into<PathBuf>) -> Folder {
        Folder {
            disk: disk.clone(),
            path: path.into(),
        }
    }

    /// A folder of the system's disk.
    pub fn real(path: impl Into<PathBuf>) -> Folder {
        Folder::new(&Disk::Real, path)
    }

    /// The disk it lies on.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// What is in it, in no order.
    ///
    /// # Errors
    /// `Io`.
    pub fn list(&self) -> Result<Vec<Entry>> {
        self.disk
            .list(&self.path)
            .map_err(StorageError::io("list", &self.path))
    }

    /// How large a file of the folder is, bytes.
    ///
    /// # Errors
    /// `Io`.
    pub fn file_bytes(&self, name: &OsStr) -> Result<u64> {
        let path = self.path.join(name);
        let facts = self
            .disk
            .facts(&path)
            .map_err(StorageError::io("look at", path))?;
        Ok(facts.bytes)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<OsStr> for Folder {
    fn as_ref(&self) -> &OsStr {
        self.path.as_os_str()
    }
}

impl From<Folder> for PathBuf {
    fn from(folder: Folder) -> PathBuf {
        folder.path
    }
}
