//! The data folders (`log.dirs`): which of them serve, where new partitions go, and what becomes of one that
//! fails.
//!
//! A folder fails with the first error of its disk and serves nothing from then on; its partitions answer
//! KAFKA_STORAGE_ERROR, those of other folders go on. A process whose folders have all failed, or the one
//! with the metadata, ends. A folder comes back with the next start.

pub mod open;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use barnabas_storage::{Disk, LogDir, StorageError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// One folder of `log.dirs`.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// `None` if it could not be used from the start.
    storage: Option<LogDir>,
    failure: OnceLock<String>,
    /// Partitions that lie in it or will.
    partitions: AtomicUsize,
    /// How many folders have failed.
    failures: watch::Sender<usize>,
}

/// All folders, in the order of `log.dirs`.
#[derive(Debug)]
pub struct LogDirs {
    disk: Disk,
    dirs: Vec<Arc<DataDir>>,
    metadata: Arc<DataDir>,
    /// How many folders have failed.
    failures: watch::Sender<usize>,
    fatal: OnceLock<String>,
    fatal_token: CancellationToken,
}

impl DataDir {
    /// Its path, absolute, as configured.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's files.
    ///
    /// # Errors
    /// `DirFailed` once it has failed.
    pub fn storage(&self) -> Result<&LogDir, StorageError> {
        match &self.storage {
            Some(storage) if !self.is_failed() => Ok(storage),
            _ => Err(StorageError::DirFailed {
                path: self.path.clone(),
            }),
        }
    }

    /// Its id (KIP-858), also once it has failed; `None` if it could not be used from the start.
    pub fn id(&self) -> Option<Uuid> {
        self.storage.as_ref()?.meta_properties()?.directory_id
    }

    /// Whether it serves nothing any more.
    pub fn is_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Looks whether an error is one of the disk; the folder has failed then.
    pub fn note(&self, error: &StorageError) {
        if error.is_of_disk() {
            self.fail(&error.to_string());
        }
    }

    /// The folder has failed.
    pub fn fail(&self, why: &str) {
        if self.failure.set(why.to_owned()).is_ok() {
            tracing::error!(
                log_dir = %self.path.display(),
                partitions = self.partitions.load(Ordering::Relaxed),
                "the log directory has failed, its partitions are offline until a restart: {why}"
            );
            self.failures.send_modify(|count| *count += 1);
        }
    }

    /// A partition came (1) or went (-1).
    pub fn count(&self, change: isize) {
        self.partitions
            .fetch_add(change.cast_unsigned(), Ordering::Relaxed);
    }
}

impl LogDirs {
    /// The folders with their files, or why those can't be used. `metadata` is the index of the one with the
    /// metadata.
    pub fn new(disk: &Disk, dirs: Vec<(PathBuf, Result<LogDir, String>)>, metadata: usize) -> Option<Self> {
        let failures = watch::Sender::new(0);
        let dir = |(path, storage): (PathBuf, Result<LogDir, String>)| {
            let (storage, why) = match storage {
                Ok(storage) => (Some(storage), None),
                Err(why) => (None, Some(why)),
            };
            let dir = DataDir {
                path,
                storage,
                failure: OnceLock::new(),
                partitions: AtomicUsize::new(0),
                failures: failures.clone(),
            };
            if let Some(why) = why {
                dir.fail(&why);
            }
            Arc::new(dir)
        };
        let dirs: Vec<Arc<DataDir>> = dirs.into_iter().map(dir).collect();
        Some(LogDirs {
            disk: disk.clone(),
            metadata: dirs.get(metadata)?.clone(),
            dirs,
            failures,
            fatal: OnceLock::new(),
            fatal_token: CancellationToken::new(),
        })
    }

    /// The disk they lie on.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// All of them.
    pub fn all(&self) -> &[Arc<DataDir>] {
        &self.dirs
    }

    /// The one with the metadata.
    pub fn metadata(&self) -> &Arc<DataDir> {
        &self.metadata
    }

    /// The ids of those that serve, the metadata's first.
    pub fn directory_ids(&self) -> Vec<Uuid> {
        let id = |dir: &Arc<DataDir>| dir.id().filter(|_| !dir.is_failed());
        let others = self.dirs.iter().filter(|dir| !Arc::ptr_eq(dir, &self.metadata));
        std::iter::once(&self.metadata)
            .chain(others)
            .filter_map(id)
            .collect()
    }

    /// The folder with this path, which must be absolute.
    pub fn by_path(&self, path: &str) -> Option<&Arc<DataDir>> {
        self.dirs.iter().find(|dir| dir.path == Path::new(path))
    }

    /// A folder that has failed, if any has.
    pub fn any_failed(&self) -> Option<&Arc<DataDir>> {
        self.dirs.iter().find(|dir| dir.is_failed())
    }

    /// Where a new partition goes: the folder with the fewest, as in Apache Kafka. Those that are `cordoned`
    /// get none while there are others.
    pub fn place(&self, cordoned: &Cordoned) -> Option<&Arc<DataDir>> {
        let live = || self.dirs.iter().filter(|dir| !dir.is_failed());
        let fewest = |dir: &&Arc<DataDir>| dir.partitions.load(Ordering::Relaxed);
        let open = live().filter(|dir| !cordoned.contains(dir)).min_by_key(fewest);
        open.or_else(|| live().min_by_key(fewest))
    }

    /// How many folders have failed; changed for whoever asks after some have.
    pub fn failures(&self) -> watch::Receiver<usize> {
        let mut failures = self.failures.subscribe();
        if *failures.borrow() > 0 {
            failures.mark_changed();
        }
        failures
    }

    /// Why the process can't go on, if it can't; whoever waits in [`LogDirs::fatal`] is woken.
    pub fn check_fatal(&self) -> bool {
        let paths: Vec<String> = self
            .dirs
            .iter()
            .map(|dir| dir.path.display().to_string())
            .collect();
        let why = if self.dirs.iter().all(|dir| dir.is_failed()) {
            format!("all log directories have failed: {}", paths.join(", "))
        } else if self.metadata.is_failed() {
            format!(
                "the log directory of the metadata has failed: {}",
                self.metadata.path.display()
            )
        } else {
            return false;
        };
        let _ = self.fatal.set(why);
        self.fatal_token.cancel();
        true
    }

    /// Waits until the process can't go on; answers why.
    pub async fn fatal(&self) -> String {
        self.fatal_token.cancelled().await;
        self.fatal.get().cloned().unwrap_or_default()
    }
}

/// `cordoned.log.dirs` (KIP-1066): folders that get no new partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cordoned {
    all: bool,
    paths: BTreeSet<PathBuf>,
}

impl Cordoned {
    /// The setting's value: paths, or `*` for all.
    pub fn new(setting: Option<&[String]>) -> Self {
        let setting = setting.unwrap_or_default();
        Cordoned {
            all: setting.iter().any(|path| path == "*"),
            paths: setting.iter().map(|path| absolute(Path::new(path))).collect(),
        }
    }

    /// Whether a folder gets no new partitions.
    pub fn contains(&self, dir: &DataDir) -> bool {
        self.all || self.paths.contains(&dir.path)
    }
}

/// A path as DescribeLogDirs shows it: absolute, links not followed.
pub fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Without a slash at the end.
    absolute.components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(storage: &[Result<(), &str>], root: &Path) -> LogDirs {
        let dir = |(index, storage): (usize, &Result<(), &str>)| {
            let path = root.join(index.to_string());
            let files = Arc::new(barnabas_storage::OpenFiles::new(1));
            let opened = match storage {
                Ok(()) => LogDir::open(&Disk::Real, &path, files).map_err(|error| error.to_string()),
                Err(why) => Err((*why).to_owned()),
            };
            (path, opened)
        };
        LogDirs::new(&Disk::Real, storage.iter().enumerate().map(dir).collect(), 0).unwrap()
    }

    #[test]
    fn new_partitions_go_where_the_fewest_are() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(&[Ok(()), Ok(()), Err("no such device")], root.path());
        let place = |cordoned: &Cordoned| {
            let dir = dirs.place(cordoned).unwrap();
            dir.count(1);
            dir.path().file_name().unwrap().to_str().unwrap().to_owned()
        };
        let none = Cordoned::default();
        assert_eq!([place(&none), place(&none), place(&none)], ["0", "1", "0"]);
        let first = root.path().join("0").display().to_string();
        let cordoned = Cordoned::new(Some(&[first]));
        assert_eq!([place(&cordoned), place(&cordoned)], ["1", "1"]);
        assert_eq!(
            place(&Cordoned::new(Some(&["*".to_owned()]))),
            "0",
            "somewhere it must go"
        );
    }

    #[test]
    fn the_process_ends_with_the_metadata_or_the_last_folder() {
        let root = tempfile::tempdir().unwrap();
        let all = dirs(&[Ok(()), Ok(()), Ok(())], root.path());
        assert!(!all.check_fatal());
        let failures = [all.failures(), all.failures()];
        assert!(failures.iter().all(|failures| !failures.has_changed().unwrap()));
        all.all()[1].fail("gone");
        assert!(failures.iter().all(|failures| failures.has_changed().unwrap()));
        assert!(
            all.failures().has_changed().unwrap(),
            "who asks later is told too"
        );
        assert!(!all.check_fatal() && all.all()[1].storage().is_err());
        all.all()[0].fail("gone");
        assert!(all.check_fatal());
        assert!(
            all.fatal
                .get()
                .unwrap()
                .starts_with("the log directory of the metadata")
        );
    }

    #[test]
    fn paths_are_compared_without_a_slash_at_the_end() {
        let root = tempfile::tempdir().unwrap();
        let dirs = dirs(&[Ok(())], root.path());
        assert!(dirs.by_path(&format!("{}/0/", root.path().display())).is_some());
        assert!(dirs.by_path("/nowhere").is_none() && dirs.by_path("0").is_none());
    }
}
