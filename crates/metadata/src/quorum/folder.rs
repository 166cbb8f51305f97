//! The disk of a node: a folder with `log/`, a sled database, and `snapshot.json`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::disk::{Changes, KeyRange, KeyValue, LogDisk, MetadataDisk, SnapshotDisk};
use super::options::METADATA_FOLDER;
use crate::error::MetadataError;

const CACHE_BYTES: u64 = 1024 * 1024;
const SEGMENT_BYTES: usize = 128 * 1024;
const CLOSING_CHECKS: u32 = 100;
const CLOSING_PAUSE: Duration = Duration::from_millis(10);

impl MetadataDisk {
    /// The metadata's folder in a log directory; created when it isn't there.
    ///
    /// # Errors
    /// It can't be read or written, or holds something else.
    pub fn in_log_dir(log_dir: &Path) -> Result<Self, MetadataError> {
        Self::open(&log_dir.join(METADATA_FOLDER))
    }

    /// Where an observer keeps its snapshot in a log directory; the folder is created when it isn't there.
    ///
    /// # Errors
    /// It can't be created.
    pub fn snapshots_in_log_dir(log_dir: &Path) -> Result<Arc<dyn SnapshotDisk>, MetadataError> {
        let folder = log_dir.join(METADATA_FOLDER);
        fs::create_dir_all(&folder).map_err(|source| MetadataError::io(&folder, source))?;
        Ok(Arc::new(SnapshotInFolder(folder)))
    }

    /// A folder of metadata; created when it isn't there.
    ///
    /// # Errors
    /// As above.
    pub fn open(folder: &Path) -> Result<Self, MetadataError> {
        fs::create_dir_all(folder).map_err(|source| MetadataError::io(folder, source))?;
        Ok(Self {
            log: Arc::new(SledLog::open(&folder.join("log"))?),
            snapshots: Arc::new(SnapshotInFolder(folder.to_owned())),
        })
    }
}

/// A sled database.
struct SledLog {
    db: sled::Db,
    /// A second handle on the database's file, to sync it with.
    file: File,
    path: PathBuf,
}

/// A file that is replaced whole.
struct SnapshotInFolder(PathBuf);

impl SledLog {
    fn open(path: &Path) -> Result<Self, MetadataError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None);
        let db_file = path.join("db");
        wait_until_closed(&db_file);
        let db = config.open().map_err(|error| match error {
            sled::Error::Io(source) => MetadataError::io(path, source),
            other => MetadataError::Corrupt {
                path: path.to_owned(),
                reason: other.to_string(),
            },
        })?;
        let file = File::open(&db_file).map_err(|source| MetadataError::io(&db_file, source))?;
        Ok(Self {
            db,
            file,
            path: path.to_owned(),
        })
    }

    fn broken(&self, error: sled::Error) -> MetadataError {
        self.corrupt(error.to_string())
    }
}

/// Threads of sled hold its file, and the lock on it, for a moment after a database was dropped. Whoever
/// holds it for longer is somebody else, of whom opening tells.
fn wait_until_closed(db_file: &Path) {
    let Ok(file) = File::open(db_file) else { return };
    for _ in 0..CLOSING_CHECKS {
        if flock(&file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK) {
            return;
        }
        thread::sleep(CLOSING_PAUSE);
    }
}

impl LogDisk for SledLog {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MetadataError> {
        let value = self.db.get(key).map_err(|error| self.broken(error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn range(&self, keys: KeyRange) -> Result<Vec<KeyValue>, MetadataError> {
        let pair = |item: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = item.map_err(|error| self.broken(error))?;
            Ok((key.to_vec(), value.to_vec()))
        };
        self.db.range(keys).map(pair).collect()
    }

    fn last_key(&self, keys: KeyRange) -> Result<Option<Vec<u8>>, MetadataError> {
        let last = self.db.range(keys).next_back().transpose();
        let last = last.map_err(|error| self.broken(error))?;
        Ok(last.map(|(key, _)| key.to_vec()))
    }

    fn change(&self, changes: Changes) -> Result<(), MetadataError> {
        let mut batch = sled::Batch::default();
        for key in changes.removed {
            batch.remove(key);
        }
        for (key, value) in changes.set {
            batch.insert(key, value);
        }
        self.db.apply_batch(batch).map_err(|error| self.broken(error))
    }

    /// sled's own flush on Linux is sync_file_range, which doesn't reach the disk's platter nor the file's
    /// size; the sync of the file does.
    fn sync(&self) -> io::Result<()> {
        self.db.flush()?;
        self.file.sync_data()
    }

    fn corrupt(&self, reason: String) -> MetadataError {
        MetadataError::Corrupt {
            path: self.path.clone(),
            reason,
        }
    }
}

impl SnapshotInFolder {
    fn path(&self) -> PathBuf {
        self.0.join("snapshot.json")
    }
}

impl SnapshotDisk for SnapshotInFolder {
    fn read(&self) -> Result<Option<Vec<u8>>, MetadataError> {
        let path = self.path();
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MetadataError::io(&path, source)),
        }
    }

    fn replace(&self, bytes: &[u8]) -> Result<(), MetadataError> {
        let path = self.path();
        let temporary = self.0.join("snapshot.tmp");
        let written = (|| {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.0)?.sync_all()
        })();
        written.map_err(|source| MetadataError::io(&path, source))
    }

    fn corrupt(&self, reason: String) -> MetadataError {
        MetadataError::Corrupt {
            path: self.path(),
            reason,
        }
    }
}
