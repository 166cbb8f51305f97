//! The lock of a log directory, held in both ways there are: flock, which this broker looks at, and a record lock of fcntl, which
//! Java's `FileChannel.lock` is. So neither broker starts on a directory that the other one holds.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::LOCK;
use crate::disk;
use crate::error::{Result, StorageError};

/// Takes hold of a directory for as long as the file is open; it is created if need be.
pub(super) fn exclusive(log_dir: &Path) -> Result<File> {
    let path = log_dir.join(LOCK);
    let file = disk::open(&path).map_err(StorageError::io("open", &path))?;
    lock(&file, FlockOperation::NonBlockingLockExclusive, log_dir)?;
    Ok(file)
}

/// Keeps every broker from taking hold of a directory for as long as the file is open, without changing anything. `None` where there
/// is no lock file: no broker runs there, and nothing can keep one from it.
///
/// # Errors
/// `Locked` when a broker, this one or Apache Kafka, holds it; `Io`.
pub fn shared(log_dir: &Path) -> Result<Option<File>> {
    let path = log_dir.join(LOCK);
    match File::open(&path) {
        Ok(file) => {
            lock(&file, FlockOperation::NonBlockingLockShared, log_dir)?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("open", path)(error)),
    }
}

fn lock(file: &File, operation: FlockOperation, log_dir: &Path) -> Result<()> {
    for outcome in [
        rustix::fs::flock(file, operation),
        rustix::fs::fcntl_lock(file, operation),
    ] {
        match outcome {
            Ok(()) => {}
            Err(Errno::AGAIN | Errno::ACCESS) => {
                return Err(StorageError::Locked {
                    path: log_dir.to_owned(),
                });
            }
            Err(error) => return Err(StorageError::io("lock", log_dir.join(LOCK))(error.into())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_keeps_others_out() {
        let folder = tempfile::tempdir().unwrap();
        assert!(shared(folder.path()).unwrap().is_none());
        let held = exclusive(folder.path()).unwrap();
        for refused in [exclusive(folder.path()).err(), shared(folder.path()).err()] {
            assert!(
                matches!(refused, Some(StorageError::Locked { .. })),
                "{refused:?}"
            );
        }
        drop(held);
        let looked_at = [shared(folder.path()).unwrap(), shared(folder.path()).unwrap()];
        assert!(looked_at.iter().all(Option::is_some));
        assert!(matches!(
            exclusive(folder.path()),
            Err(StorageError::Locked { .. })
        ));
        drop(looked_at);
        exclusive(folder.path()).unwrap();
    }
}
