//! The few ways in which small files are read and replaced, with errors that name the path.

use std::io::ErrorKind;
use std::path::Path;

use crate::disk::Disk;
use crate::error::{Result, StorageError};

/// Whether a write waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The system writes it when it likes.
    PageCache,
    /// On disk, folder entry included, when the call returns.
    Synced,
}

impl Disk {
    /// The content of a small file, or `None` when there is none.
    pub(crate) fn read_optional(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("read", path)(error)),
        }
    }

    /// Replaces a file as a whole: readers see the old content or the new.
    pub(crate) fn replace(&self, path: &Path, content: &[u8], durability: Durability) -> Result<()> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = Path::new(&temporary);
        let write = || -> std::io::Result<()> {
            let file = self.create(temporary)?;
            file.write_all_at(content, 0)?;
            if durability == Durability::Synced {
                file.sync_all()?;
            }
            self.rename(temporary, path)
        };
        write().map_err(StorageError::io("write", path))?;
        match path.parent() {
            Some(folder) if durability == Durability::Synced => self.sync_folder(folder),
            _ => Ok(()),
        }
    }

    /// Makes the names in a folder durable.
    pub(crate) fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.open_existing(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(StorageError::io("sync", folder))
    }

    /// Removes a file, if there is one.
    pub(crate) fn remove_optional(&self, path: &Path) -> Result<()> {
        match self.remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::io("remove", path)(error)),
            _ => Ok(()),
        }
    }
}
