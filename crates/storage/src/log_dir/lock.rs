//! The lock of a log directory, held in both ways there are: flock, which this broker looks at, and a record
//! lock of fcntl, which Java's `FileChannel.lock` is. So neither broker starts on a directory that the other
//! one holds.

use std::io::ErrorKind;

use super::LOCK;
use crate::disk::{File, Folder, Sharing};
use crate::error::{Result, StorageError};

/// Takes hold of a directory for as long as the file is open; it is created if need be.
pub(super) fn exclusive(log_dir: &Folder) -> Result<File> {
    let path = log_dir.join(LOCK);
    let file = log_dir
        .disk()
        .open(&path)
        .map_err(StorageError::io("open", &path))?;
    lock(&file, Sharing::Exclusive, log_dir)?;
    Ok(file)
}

/// Keeps every broker from taking hold of a directory for as long as the file is open, without changing
/// anything. `None` where there is no lock file: no broker runs there, and nothing can keep one from it.
///
/// # Errors
/// `Locked` when a broker, this one or Apache Kafka, holds it; `Io`.
pub fn shared(log_dir: &Folder) -> Result<Option<File>> {
    let path = log_dir.join(LOCK);
    match log_dir.disk().open_existing(&path) {
        Ok(file) => {
            lock(&file, Sharing::Shared, log_dir)?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("open", path)(error)),
    }
}

fn lock(file: &File, sharing: Sharing, log_dir: &Folder) -> Result<()> {
    file.lock(sharing).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => StorageError::Locked {
            path: log_dir.to_path_buf(),
        },
        _ => StorageError::io("lock", log_dir.join(LOCK))(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_keeps_others_out() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::real(temporary.path());
        assert!(shared(&folder).unwrap().is_none());
        let held = exclusive(&folder).unwrap();
        for refused in [exclusive(&folder).err(), shared(&folder).err()] {
            assert!(
                matches!(refused, Some(StorageError::Locked { .. })),
                "{refused:?}"
            );
        }
        drop(held);
        let looked_at = [shared(&folder).unwrap(), shared(&folder).unwrap()];
        assert!(looked_at.iter().all(Option::is_some));
        assert!(matches!(exclusive(&folder), Err(StorageError::Locked { .. })));
        drop(looked_at);
        exclusive(&folder).unwrap();
    }
}
