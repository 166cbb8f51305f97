//! The start: which logs are there, and which of them have to be recovered.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::clean_marker;
use super::manifest::{self, ManifestRow};
use super::recovery;
use super::{CLEAN_MARKER, HIGH_WATERMARKS, LOG_START_OFFSETS, LogDir, RECOVERY_POINTS};
use crate::checkpoint::{self, Offsets, PartitionMetadata};
use crate::deletion;
use crate::disk::Folder;
use crate::error::{Result, StorageError};
use crate::layout::{self, DELETE_SUFFIX, FUTURE_SUFFIX, STRAY_SUFFIX};
use crate::log::{Log, LogOffsets};
use crate::log_config::LogConfig;

/// The metadata log has a folder like a partition's, and is the controller's.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// What [`LogDir::load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// A log for each partition folder, in no order. The broker matches them with the metadata.
    pub logs: Vec<Log>,
    /// The last process to hold the directory shut down cleanly.
    pub clean: bool,
    /// Under which epoch its broker was registered then; -1 where that is not known.
    pub broker_epoch: i64,
    /// Folders and files an earlier process renamed for deletion; the broker removes them in the background.
    pub deleted: Vec<PathBuf>,
    /// Topic and partition of copies into this directory that an earlier process did not finish. They are
    /// among `deleted`: the copy begins anew.
    pub moves: Vec<(String, i32)>,
}

impl LogDir {
    /// Finds all logs. `config_of` gives a topic's settings. After a clean shutdown no segment is read;
    /// otherwise so many `recovery_threads` check what may not have reached the disk.
    ///
    /// A log whose files can't be understood is offline, and its files stay as they are.
    ///
    /// # Errors
    /// `Io`, which takes the directory offline.
    pub fn load(
        &self,
        config_of: &dyn Fn(&str, Uuid) -> Arc<LogConfig>,
        recovery_threads: usize,
    ) -> Result<Loaded> {
        let manifest_path = self.path.join(manifest::FILE_NAME);
        let marker = self.path.join(CLEAN_MARKER);
        let disk = self.path.disk();
        let clean = disk.exists(&marker);
        let folders = self.folders()?;
        let future = |name: &String| layout::parse_suffixed(name, FUTURE_SUFFIX).map(owned);
        let moves = folders.iter().filter_map(future).collect();
        let is_left_over = |name: &&String| {
            [DELETE_SUFFIX, FUTURE_SUFFIX]
                .iter()
                .any(|suffix| layout::parse_suffixed(name, suffix).is_some())
        };
        let left_over = folders.iter().filter(is_left_over);
        let mut deleted: Vec<PathBuf> = left_over.map(|name| self.path.join(name)).collect();
        deleted.append(&mut self.take_leftovers()?);
        if !clean {
            let mut logs = self.scan(&folders, config_of, clean)?;
            recovery::recover(&self.path, &mut logs, recovery_threads)?;
            return Ok(Loaded {
                logs,
                clean,
                broker_epoch: clean_marker::NO_EPOCH,
                deleted,
                moves,
            });
        }
        let rows = disk
            .read_optional(&manifest_path)?
            .and_then(|bytes| manifest::decode(&bytes));
        let logs = match rows {
            Some(rows) => rows.into_iter().map(|row| self.known(row, config_of)).collect(),
            None => {
                let mut logs = self.scan(&folders, config_of, clean)?;
                for log in logs.iter_mut().filter(|log| log.is_online()) {
                    let inspected = log.inspect();
                    unless_unreadable(log, inspected)?;
                }
                logs
            }
        };
        let broker_epoch = disk
            .read_optional(&marker)?
            .map_or(clean_marker::NO_EPOCH, |content| clean_marker::decode(&content));
        // From now on a crash must be seen as one, after a power cut too.
        disk.remove_optional(&marker)?;
        disk.remove_optional(&manifest_path)?;
        disk.sync_folder(&self.path)?;
        Ok(Loaded {
            logs,
            clean,
            broker_epoch,
            deleted,
            moves,
        })
    }

    fn known(&self, row: ManifestRow, config_of: &dyn Fn(&str, Uuid) -> Arc<LogConfig>) -> Log {
        let config = config_of(&row.topic, row.topic_id);
        Log::closed(
            self.identity(row.topic, row.partition, row.topic_id),
            config,
            &row.offsets,
        )
    }

    /// The names of all folders. Names that are no UTF-8 are no partition's.
    fn folders(&self) -> Result<Vec<String>> {
        let folders = self.path.list()?.into_iter().filter(|entry| entry.is_folder);
        Ok(folders
            .filter_map(|entry| entry.name.into_string().ok())
            .collect())
    }

    /// The logs of the folders, which have yet to be looked into.
    fn scan(
        &self,
        folders: &[String],
        config_of: &dyn Fn(&str, Uuid) -> Arc<LogConfig>,
        clean: bool,
    ) -> Result<Vec<Log>> {
        let checkpoints = Checkpoints::read(self)?;
        let mut topics: HashMap<&str, Arc<str>> = HashMap::new();
        let mut logs = Vec::new();
        let is_in_use = |name: &&String| {
            [DELETE_SUFFIX, FUTURE_SUFFIX, STRAY_SUFFIX]
                .iter()
                .all(|suffix| layout::parse_suffixed(name, suffix).is_none())
        };
        for name in folders.iter().filter(is_in_use) {
            let path = Folder::new(self.path.disk(), self.path.join(name));
            let Some((topic, partition)) = layout::parse_folder_name(name) else {
                tracing::warn!(path = %path.display(), "not the folder of a partition; left alone");
                continue;
            };
            if topic == METADATA_TOPIC {
                continue;
            }
            let mut broken = None;
            let topic_id = match PartitionMetadata::read(&path) {
                Ok(Some(metadata)) => metadata.topic_id,
                Ok(None) => {
                    tracing::warn!(path = %path.display(), "the folder doesn't say its topic id");
                    Uuid::nil()
                }
                // The file is written once; if its folder was new, a power cut may have torn it.
                Err(error @ StorageError::Corrupt { .. }) if !clean && PartitionMetadata::is_torn(&path)? => {
                    tracing::warn!(%error, "going on without the topic id");
                    Uuid::nil()
                }
                Err(error) if error.is_of_disk() => return Err(error),
                Err(error) => {
                    broken = Some(error);
                    Uuid::nil()
                }
            };
            let shared = topics.entry(topic).or_insert_with(|| topic.into()).clone();
            let offsets = checkpoints.of(topic, partition);
            let identity = self.identity(shared, partition, topic_id);
            let mut log = Log::closed(identity, config_of(topic, topic_id), &offsets);
            match broken {
                Some(error) => unless_unreadable(&mut log, Err(error))?,
                None => deletion::remove_leftovers(&path)?,
            }
            logs.push(log);
        }
        Ok(logs)
    }
}

/// Takes a log offline if `outcome` says that its files can't be understood.
///
/// # Errors
/// What says that the disk has failed.
pub(super) fn unless_unreadable(log: &mut Log, outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if !error.is_of_disk() => {
            tracing::error!(folder = %log.folder().display(), %error,
                "the partition is offline until a start that finds its files sound; nothing was deleted");
            log.take_offline();
            Ok(())
        }
        outcome => outcome,
    }
}

fn owned((topic, partition): (&str, i32)) -> (String, i32) {
    (topic.to_owned(), partition)
}

/// The checkpoint files. What can't be read of them is as good as not there: more is recovered then.
struct Checkpoints {
    recovery_points: Offsets,
    log_start_offsets: Offsets,
    high_watermarks: Offsets,
}

impl Checkpoints {
    fn read(log_dir: &LogDir) -> Result<Checkpoints> {
        let read = |name: &str| -> Result<Offsets> {
            let read = checkpoint::read_offsets(log_dir.path.disk(), &log_dir.path.join(name))?;
            Ok(read.as_far_as_possible())
        };
        Ok(Checkpoints {
            recovery_points: read(RECOVERY_POINTS)?,
            log_start_offsets: read(LOG_START_OFFSETS)?,
            high_watermarks: read(HIGH_WATERMARKS)?,
        })
    }

    fn of(&self, topic: &str, partition: i32) -> LogOffsets {
        let key = (topic.to_owned(), partition);
        let offset = |offsets: &Offsets| offsets.get(&key).copied().unwrap_or(0);
        LogOffsets {
            log_start_offset: offset(&self.log_start_offsets),
            recovery_point: offset(&self.recovery_points),
            high_watermark: offset(&self.high_watermarks),
            // What recovery finds replaces the rest.
            log_end_offset: i64::MAX,
            ..LogOffsets::default()
        }
    }
}
