//! One log directory (`log.dirs`): its lock, its `meta.properties`, its checkpoints, and the folders of its
//! partitions.
//!
//! Only one process at a time holds a log directory. After a clean shutdown one file of our own, a cache that
//! may be deleted, tells all that a start needs to know of its logs; otherwise the folders are read and
//! recovered.

pub mod clean_marker;
mod leftovers;
mod load;
pub mod lock;
mod manifest;
pub(crate) mod recovery;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::checkpoint;
use crate::disk::{Disk, DiskSpace, File, Folder};
use crate::error::{Result, StorageError};
use crate::file_io::Durability;
use crate::layout;
use crate::log::{Log, LogIdentity};
use crate::log_config::LogConfig;
use crate::meta_properties::MetaProperties;
use crate::open_files::OpenFiles;

pub use load::Loaded;

/// A sync for each log takes several writes of the file system's journal; from here on one for all is
/// cheaper.
const SYNCS_ONE_BY_ONE_MAX: usize = 8;

/// Locked by the process that holds the directory.
pub const LOCK: &str = ".lock";
/// Left by a process that closed all its logs in order.
pub const CLEAN_MARKER: &str = clean_marker::FILE_NAME;
/// Up to where each log is on disk.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// The first readable offset of each log, where it isn't that of its first segment.
pub const LOG_START_OFFSETS: &str = "log-start-offset-checkpoint";
/// Where the next cleaning of each compacted log begins.
pub const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
/// The high watermark of each partition.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";

/// A log directory this process holds.
#[derive(Debug)]
pub struct LogDir {
    path: Arc<Folder>,
    files: Arc<OpenFiles>,
    meta_properties: Option<MetaProperties>,
    made: Made,
    /// Locked for as long as it is open.
    _lock: File,
}

/// What the checkpoints hold of one log; see [`LogDir::write_checkpoints`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCheckpoint {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// All before is on disk.
    pub recovery_point: i64,
    /// First readable offset.
    pub log_start_offset: i64,
    /// The partition's high watermark, which the broker knows.
    pub high_watermark: i64,
}

impl LogCheckpoint {
    /// Of a log whose partition has this high watermark.
    pub fn of(log: &Log, high_watermark: i64) -> Self {
        LogCheckpoint {
            topic: log.topic().clone(),
            partition: log.partition(),
            recovery_point: log.recovery_point(),
            log_start_offset: log.log_start_offset(),
            high_watermark,
        }
    }
}

impl LogDir {
    /// Takes hold of `path`, which is created if need be: locks it and reads its `meta.properties`. `files`
    /// bounds the descriptors of all log directories of the process.
    ///
    /// # Errors
    /// `Locked` when another process holds it; `Corrupt`, `Io`.
    pub fn open(disk: &Disk, path: &Path, files: Arc<OpenFiles>) -> Result<LogDir> {
        let path = disk.resolve(path).map_err(StorageError::io("open", path))?;
        let path = Arc::new(Folder::new(disk, path));
        let mut made = Made::default();
        match made.take_hold(&path) {
            Ok((lock, meta_properties)) => Ok(LogDir {
                path,
                files,
                meta_properties,
                made,
                _lock: lock,
            }),
            Err(error) => {
                made.undo(disk);
                Err(error)
            }
        }
    }

    /// Gives the directory up again, for a start that comes to nothing: what [`LogDir::open`] has made is
    /// removed, as far as there is nothing else in it.
    pub fn abandon(self) {
        self.made.undo(self.path.disk());
    }

    /// The directory's path, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `meta.properties` says; `None` for a new directory.
    pub fn meta_properties(&self) -> Option<&MetaProperties> {
        self.meta_properties.as_ref()
    }

    /// Writes `meta.properties`.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_meta_properties(&mut self, properties: MetaProperties) -> Result<()> {
        properties.write(&self.path)?;
        self.meta_properties = Some(properties);
        Ok(())
    }

    /// Has `meta.properties` say whose the directory is, where it doesn't yet; one without an id gets this
    /// one.
    ///
    /// # Errors
    /// `Io`.
    pub fn claim(&mut self, cluster_id: &str, node_id: i32, directory_id: Uuid) -> Result<()> {
        let mut properties = match &self.meta_properties {
            Some(known) if known.directory_id.is_some() => return Ok(()),
            Some(known) => known.clone(),
            None => MetaProperties::new(cluster_id.to_owned(), node_id, directory_id),
        };
        properties.directory_id = Some(directory_id);
        self.write_meta_properties(properties)
    }

    /// Prepares for folders that are put in from elsewhere: the next start looks for all folders, and checks
    /// each log from its recovery point on.
    ///
    /// # Errors
    /// `Io`.
    pub fn expect_folders(&self) -> Result<()> {
        for name in [CLEAN_MARKER, manifest::FILE_NAME] {
            self.path.disk().remove_optional(&self.path.join(name))?;
        }
        self.path.disk().sync_folder(&self.path)
    }

    /// A new, empty log. Nothing is written before its first append.
    pub fn create_log(&self, topic: Arc<str>, partition: i32, topic_id: Uuid, config: Arc<LogConfig>) -> Log {
        Log::absent(self.identity(topic, partition, topic_id), config)
    }

    /// A new, empty log in a folder of its own beside the one of the partition, to be filled with the records
    /// of a log in another directory; [`Log::promote`] gives it the partition's folder.
    pub fn create_future(&self, log: &Log, unique: Uuid) -> Log {
        let mut future = self.create_log(
            log.topic().clone(),
            log.partition(),
            log.topic_id(),
            log.config().clone(),
        );
        future.make_future(unique);
        future
    }

    fn identity(&self, topic: Arc<str>, partition: i32, topic_id: Uuid) -> LogIdentity {
        let (log_dir, files) = (self.path.clone(), self.files.clone());
        LogIdentity {
            log_dir,
            files,
            topic,
            partition,
            topic_id,
        }
    }

    /// Deletes a log: renames its folder to `topic-partition.<unique>-delete` and answers that path, which is
    /// to be removed after `file.delete.delay.ms`. `None` for a log without a folder.
    ///
    /// # Errors
    /// `Io`.
    pub fn delete_log(&self, log: Log, unique: Uuid) -> Result<Option<PathBuf>> {
        self.rename_log(log, unique, layout::DELETE_SUFFIX)
    }

    /// As [`LogDir::delete_log`], of a log that goes on in another directory. It must not come back after a
    /// power cut: by then it may look as if it had more records than the other.
    ///
    /// # Errors
    /// `Io`.
    pub fn retire_log(&self, log: Log, unique: Uuid) -> Result<Option<PathBuf>> {
        let renamed = self.delete_log(log, unique)?;
        self.path.disk().sync_folder(&self.path)?;
        Ok(renamed)
    }

    /// Sets a log aside that belongs to no topic or lies elsewhere, under the name
    /// `topic-partition.<unique>-stray`, for good. What becomes of it a person decides.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_aside(&self, log: Log, unique: Uuid) -> Result<Option<PathBuf>> {
        let renamed = self.rename_log(log, unique, layout::STRAY_SUFFIX)?;
        self.path.disk().sync_folder(&self.path)?;
        Ok(renamed)
    }

    fn rename_log(&self, log: Log, unique: Uuid, suffix: &str) -> Result<Option<PathBuf>> {
        if !log.has_folder() {
            return Ok(None);
        }
        let name = layout::suffixed_folder_name(log.topic(), log.partition(), unique, suffix);
        let (from, to) = (log.folder(), self.path.join(name));
        drop(log);
        self.path
            .disk()
            .rename(&from, &to)
            .map_err(StorageError::io("rename", from))?;
        Ok(Some(to))
    }

    /// Writes the three checkpoint files for all logs of the directory.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_checkpoints(&self, logs: &[LogCheckpoint]) -> Result<()> {
        self.write_recovery_points(logs)?;
        self.write_high_watermarks(logs)
    }

    /// Writes `recovery-point-offset-checkpoint` for all logs of the directory, and before it
    /// `log-start-offset-checkpoint`: a recovery point that deleted records have moved says nothing of them,
    /// should they come back.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_recovery_points(&self, logs: &[LogCheckpoint]) -> Result<()> {
        self.write_log_start_offsets(logs)?;
        self.write_offsets(RECOVERY_POINTS, logs.iter(), |log| log.recovery_point)
    }

    /// Writes `log-start-offset-checkpoint`; logs that begin at 0 need not be named.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_log_start_offsets(&self, logs: &[LogCheckpoint]) -> Result<()> {
        let started = logs.iter().filter(|log| log.log_start_offset > 0);
        self.write_offsets(LOG_START_OFFSETS, started, |log| log.log_start_offset)
    }

    /// Writes `replication-offset-checkpoint` for all logs of the directory.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_high_watermarks(&self, logs: &[LogCheckpoint]) -> Result<()> {
        self.write_offsets(HIGH_WATERMARKS, logs.iter(), |log| log.high_watermark)
    }

    fn write_offsets<'a>(
        &self,
        name: &str,
        logs: impl Iterator<Item = &'a LogCheckpoint>,
        offset: fn(&LogCheckpoint) -> i64,
    ) -> Result<()> {
        let rows: Vec<_> = logs
            .map(|log| (&*log.topic, log.partition, offset(log)))
            .collect();
        checkpoint::write_offsets(self.path.disk(), &self.path.join(name), rows.into_iter())
    }

    /// Flushes and releases every log, writes the checkpoints, the manifest and the clean marker. `logs` must
    /// be all logs of the directory with their high watermarks. With a log that is offline there is no clean
    /// marker: the next start has to look at it again.
    ///
    /// # Errors
    /// `Io`; there is no clean marker then.
    pub fn shut_down(&self, logs: &mut dyn Iterator<Item = (&mut Log, i64)>) -> Result<()> {
        self.shut_down_under(logs, clean_marker::NO_EPOCH)
    }

    /// As [`LogDir::shut_down`], of a broker that is registered under an epoch: the next start finds it in
    /// [`Loaded::broker_epoch`].
    ///
    /// # Errors
    /// As there.
    pub fn shut_down_under(
        &self,
        logs: &mut dyn Iterator<Item = (&mut Log, i64)>,
        broker_epoch: i64,
    ) -> Result<()> {
        let mut logs: Vec<(&mut Log, i64)> = logs.collect();
        let failure = self.flush_all(&mut logs).err();
        let mut summaries = Vec::with_capacity(logs.len());
        let mut checkpoints = Vec::with_capacity(logs.len());
        let mut offline = None;
        for (log, high_watermark) in logs {
            checkpoints.push(LogCheckpoint::of(log, high_watermark));
            match log.summary(high_watermark) {
                Ok(summary) => summaries.push(summary),
                Err(error) => offline = offline.or(Some(error)),
            }
        }
        self.write_checkpoints(&checkpoints)?;
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some(error) = offline {
            tracing::warn!(log_dir = %self.path.display(), %error, "the next start checks all logs");
            return Ok(());
        }
        let manifest = self.path.join(manifest::FILE_NAME);
        self.path
            .disk()
            .replace(&manifest, &manifest::encode(&summaries), Durability::Synced)?;
        self.path.disk().replace(
            &self.path.join(CLEAN_MARKER),
            &clean_marker::encode(broker_epoch),
            Durability::Synced,
        )
    }

    /// Flushes and releases all logs: one by one, or where they are many by one sync of the file system.
    fn flush_all(&self, logs: &mut [(&mut Log, i64)]) -> Result<()> {
        let unsynced = logs.iter().filter(|(log, _)| log.is_unsynced()).count();
        let together = unsynced > SYNCS_ONE_BY_ONE_MAX;
        let mut outcome = Ok(());
        for (log, _) in logs.iter_mut() {
            let released = if log.is_unsynced() && !together {
                log.sync_and_release()
            } else {
                log.release()
            };
            outcome = outcome.and(released);
        }
        if together && outcome.is_ok() {
            self.path
                .disk()
                .sync_tree(&self.path)
                .map_err(StorageError::io("sync", &*self.path))?;
            logs.iter_mut().for_each(|(log, _)| log.synced_with_others());
        }
        outcome
    }

    /// Where the next cleaning of each compacted log begins (`cleaner-offset-checkpoint`), by topic and
    /// partition.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_cleaner_offsets(&self) -> Result<HashMap<(String, i32), i64>> {
        let read = checkpoint::read_offsets(self.path.disk(), &self.path.join(CLEANER_OFFSETS))?;
        Ok(read.as_far_as_possible())
    }

    /// Writes `cleaner-offset-checkpoint`.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_cleaner_offsets(&self, rows: &[(Arc<str>, i32, i64)]) -> Result<()> {
        let rows = rows
            .iter()
            .map(|(topic, partition, offset)| (&**topic, *partition, *offset));
        checkpoint::write_offsets(self.path.disk(), &self.path.join(CLEANER_OFFSETS), rows)
    }

    /// Space on the directory's file system (DescribeLogDirs).
    ///
    /// # Errors
    /// `Io`.
    pub fn disk_space(&self) -> Result<DiskSpace> {
        let space = self.path.disk().space(&self.path);
        space.map_err(StorageError::io("look at", &*self.path))
    }
}

/// What was not there before a directory was opened.
#[derive(Debug, Default)]
struct Made {
    lock: Option<PathBuf>,
    /// The innermost first.
    folders: Vec<PathBuf>,
}

impl Made {
    fn take_hold(&mut self, path: &Folder) -> Result<(File, Option<MetaProperties>)> {
        let disk = path.disk();
        self.create_folder(path)?;
        let lock = path.join(LOCK);
        self.lock = Some(lock).filter(|lock| !disk.exists(lock));
        Ok((lock::exclusive(path)?, MetaProperties::read(path)?))
    }

    /// Creates a folder, and those above it, with names that outlive a power cut: what is synced in it would
    /// be lost with them.
    fn create_folder(&mut self, path: &Folder) -> Result<()> {
        let disk = path.disk();
        let missing = path.ancestors().take_while(|folder| !disk.exists(folder));
        self.folders = missing.map(Path::to_path_buf).collect();
        disk.create_dir_all(path)
            .map_err(StorageError::io("create", path))?;
        let mut above = self.folders.iter().filter_map(|folder| folder.parent());
        above.try_for_each(|parent| disk.sync_folder(parent))
    }

    /// Removes it, unless somebody has put something in there.
    fn undo(&self, disk: &Disk) {
        let removed = self.lock.iter().try_for_each(|lock| disk.remove_file(lock));
        let removed =
            removed.and_then(|()| self.folders.iter().try_for_each(|folder| disk.remove_dir(folder)));
        if let Err(error) = removed {
            tracing::debug!(%error, "what a start has made stays");
        }
    }
}
