//! The few ways in which small files are read and replaced, with errors that name the path.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use crate::disk;
use crate::error::{Result, StorageError};

/// Whether a write waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The system writes it when it likes.
    PageCache,
    /// On disk, folder entry included, when the call returns.
    Synced,
}

/// The content of a small file, or `None` when there is none.
pub fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match disk::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("read", path)(error)),
    }
}

/// Replaces a file as a whole: readers see the old content or the new.
pub fn replace(path: &Path, content: &[u8], durability: Durability) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let write = || -> std::io::Result<()> {
        let file = disk::create(temporary)?;
        disk::write_all_at(&file, content, 0)?;
        if durability == Durability::Synced {
            disk::sync_all(&file)?;
        }
        disk::rename(temporary, path)
    };
    write().map_err(StorageError::io("write", path))?;
    match path.parent() {
        Some(folder) if durability == Durability::Synced => sync_folder(folder),
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|dir| disk::sync_all(&dir))
        .map_err(StorageError::io("sync", folder))
}

/// Removes a file, if there is one.
pub fn remove_optional(path: &Path) -> Result<()> {
    match disk::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::io("remove", path)(error)),
        _ => Ok(()),
    }
}
