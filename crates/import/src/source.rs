//! What lies in the log directory of an Apache Kafka node. Only reads.

use std::fs;
use std::path::{Path, PathBuf};

use barnabas_inspect::cluster::{self, Cluster};
use barnabas_inspect::place;
use barnabas_storage::checkpoint::{self, LeaderEpochs, Offsets, PartitionMetadata};
use barnabas_storage::layout;
use barnabas_storage::log_dir::{self, lock};
use barnabas_storage::{Disk, File, Folder, MetaProperties, StorageError};
use uuid::Uuid;

use super::ImportError;

/// A log directory that is to be taken over.
#[derive(Debug)]
pub struct Source {
    /// Where.
    pub path: PathBuf,
    /// Whose.
    pub properties: MetaProperties,
    /// The node closed all logs in order.
    pub clean: bool,
    /// The partitions with a folder.
    pub partitions: Vec<SourcePartition>,
    /// The metadata log, if it is in this directory.
    pub cluster: Option<Cluster>,
    /// By file name: the offset checkpoints.
    pub checkpoints: Vec<(&'static str, Offsets)>,
    /// What is not looked at, and why.
    pub passed_over: Vec<String>,
    lock: Option<File>,
}

/// A partition's folder.
#[derive(Clone, Debug)]
pub struct SourcePartition {
    /// The topic's name.
    pub topic: String,
    /// The number.
    pub partition: i32,
    /// The topic's id, if the folder says it.
    pub topic_id: Option<Uuid>,
    /// The folder.
    pub folder: PathBuf,
    /// Bytes of all files.
    pub bytes: u64,
    /// The newest epoch of the log.
    pub leader_epoch: i32,
}

/// Files with an offset for each partition. The cleaner's is not known to every broker, and copied all the
/// same.
const CHECKPOINTS: [&str; 4] = [
    log_dir::RECOVERY_POINTS,
    log_dir::LOG_START_OFFSETS,
    log_dir::HIGH_WATERMARKS,
    "cleaner-offset-checkpoint",
];

impl Source {
    /// Looks into it, and keeps brokers from starting on it meanwhile.
    ///
    /// # Errors
    /// `Locked` while a broker runs on it; `Corrupt` for files that can't be understood; `Mismatch` for
    /// another kind of folder.
    pub fn open(path: &Path) -> Result<Source, ImportError> {
        if !path.is_dir() {
            return Err(ImportError::Mismatch(format!(
                "{} is not a folder",
                path.display()
            )));
        }
        let lock = lock::shared(&Folder::real(path))?;
        let Some(properties) = MetaProperties::read(&Folder::real(path))? else {
            return Err(ImportError::Mismatch(format!(
                "{} is not the log directory of an Apache Kafka node: it has no meta.properties",
                path.display()
            )));
        };
        let checkpoints = CHECKPOINTS
            .into_iter()
            .map(|name| {
                Ok((
                    name,
                    checkpoint::read_offsets(&Disk::Real, &path.join(name))?.whole()?,
                ))
            })
            .collect::<Result<_, StorageError>>()?;
        let metadata = cluster::folder(path);
        let cluster = if metadata.is_dir() {
            Cluster::read(&metadata)?
        } else {
            None
        };
        let mut source = Source {
            path: path.to_owned(),
            properties,
            clean: path.join(log_dir::CLEAN_MARKER).exists(),
            partitions: Vec::new(),
            cluster,
            checkpoints,
            passed_over: Vec::new(),
            lock,
        };
        for folder in place::partition_folders(path)? {
            source.add(folder)?;
        }
        Ok(source)
    }

    /// Lets go of the folder, to take hold of it otherwise.
    pub fn unlock(&mut self) {
        self.lock = None;
    }

    fn add(&mut self, folder: PathBuf) -> Result<(), ImportError> {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some((topic, partition)) = layout::parse_folder_name(&name) else {
            self.passed_over.push(format!(
                "{}: a replica that was being moved or left over",
                folder.display()
            ));
            return Ok(());
        };
        if topic == "__cluster_metadata" {
            return Ok(());
        }
        let mut bytes = 0;
        for name in place::names(&folder)? {
            let path = folder.join(name);
            bytes += fs::metadata(&path).map_err(cannot_look_at(&path))?.len();
        }
        let rows = LeaderEpochs::rows(&Folder::real(&folder))?;
        self.partitions.push(SourcePartition {
            topic: topic.to_owned(),
            partition,
            topic_id: PartitionMetadata::read(&Folder::real(&folder))?.map(|metadata| metadata.topic_id),
            bytes,
            leader_epoch: rows.iter().map(|row| row.epoch).max().unwrap_or(-1),
            folder,
        });
        Ok(())
    }

    /// An offset of a partition in one of the checkpoints.
    pub fn offset(&self, file: &str, partition: &SourcePartition) -> Option<i64> {
        let (_, offsets) = self.checkpoints.iter().find(|(name, _)| *name == file)?;
        offsets
            .get(&(partition.topic.clone(), partition.partition))
            .copied()
    }
}

/// An error of looking at a single file.
fn cannot_look_at(path: &Path) -> impl FnOnce(std::io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::Io {
        action: "look at",
        path,
        source,
    }
}

impl SourcePartition {
    /// Base offsets of the segments, rising.
    ///
    /// # Errors
    /// `Io`.
    pub fn segments(&self) -> Result<Vec<i64>, ImportError> {
        Ok(place::segments(&place::names(&self.folder)?))
    }
}
