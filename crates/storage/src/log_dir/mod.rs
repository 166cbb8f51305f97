//! One log directory (`log.dirs`): its lock, its `meta.properties`, its checkpoints, and the folders of its partitions.
//!
//! Only one process at a time holds a log directory. After a clean shutdown one file of our own, a cache that may be
//! deleted, tells all that a start needs to know of its logs; otherwise the folders are read and recovered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::error::Result;
use crate::log::Log;
use crate::log_config::LogConfig;
use crate::meta_properties::MetaProperties;
use crate::open_files::OpenFiles;

/// A log directory this process holds.
#[derive(Debug)]
pub struct LogDir {}

/// What [`LogDir::load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// A log for each partition folder, in no order. The broker matches them with the metadata.
    pub logs: Vec<Log>,
    /// The last process to hold the directory shut down cleanly.
    pub clean: bool,
}

/// A partition folder that has been renamed for deletion.
#[derive(Debug)]
#[must_use = "the folder's space is freed by `remove`"]
pub struct DeletedLog {
    path: Option<PathBuf>,
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

/// Space of the file system a log directory lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes this process could write.
    pub usable_bytes: u64,
}

impl LogDir {
    /// Takes hold of `path`, which is created if need be: locks it and reads its `meta.properties`. `files` bounds the
    /// descriptors of all log directories of the process.
    ///
    /// # Errors
    /// `Locked` when another process holds it; `Corrupt`, `Io`.
    pub fn open(_path: &Path, _files: Arc<OpenFiles>) -> Result<LogDir> {
        todo!()
    }

    /// The directory's path, absolute.
    pub fn path(&self) -> &Path {
        todo!()
    }

    /// What `meta.properties` says; `None` for a new directory.
    pub fn meta_properties(&self) -> Option<&MetaProperties> {
        todo!()
    }

    /// Writes `meta.properties`.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_meta_properties(&mut self, _properties: MetaProperties) -> Result<()> {
        todo!()
    }

    /// Finds all logs. `config_of` gives a topic's settings. After a clean shutdown no segment is read.
    /// Folders renamed for deletion by an earlier process are removed.
    ///
    /// # Errors
    /// `Io`, `Corrupt`: a log that can't be recovered takes the directory offline.
    pub fn load(&self, _config_of: &dyn Fn(&str, Uuid) -> Arc<LogConfig>, _now_ms: i64) -> Result<Loaded> {
        todo!()
    }

    /// A new, empty log. Nothing is written before its first append.
    pub fn create_log(
        &self,
        _topic: Arc<str>,
        _partition: i32,
        _topic_id: Uuid,
        _config: Arc<LogConfig>,
    ) -> Log {
        todo!()
    }

    /// Deletes a log: renames its folder to `topic-partition.<unique>-delete`. The answer frees the space, which may be
    /// slow; Kafka waits `file.delete.delay.ms` first.
    ///
    /// # Errors
    /// `Io`.
    pub fn delete_log(&self, _log: Log, _unique: Uuid) -> Result<DeletedLog> {
        todo!()
    }

    /// Writes the three checkpoint files (`recovery-point-`, `log-start-` and `replication-offset-checkpoint`) for all
    /// logs of the directory.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_checkpoints(&self, _logs: &[LogCheckpoint]) -> Result<()> {
        todo!()
    }

    /// Flushes and releases every log, writes the checkpoints, the manifest and the clean marker. `logs` must be all
    /// logs of the directory with their high watermarks.
    ///
    /// # Errors
    /// `Io`; there is no clean marker then.
    pub fn shut_down<'a>(
        &self,
        _logs: &mut dyn Iterator<Item = (&'a mut Log, i64)>,
        _now_ms: i64,
    ) -> Result<()> {
        todo!()
    }

    /// Space on the directory's file system (DescribeLogDirs).
    ///
    /// # Errors
    /// `Io`.
    pub fn disk_space(&self) -> Result<DiskSpace> {
        todo!()
    }
}

impl DeletedLog {
    /// Removes the folder.
    ///
    /// # Errors
    /// `Io`; a later start tries again.
    pub fn remove(self) -> Result<()> {
        todo!("{:?}", self.path)
    }
}
