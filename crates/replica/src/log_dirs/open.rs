//! Taking hold of the data folders at the start: locks, `meta.properties`, logs.
//!
//! A folder that can't be used is left out and named in the log, as Apache Kafka does, as long as it isn't
//! the only one or that of the metadata. What says that the configuration is wrong (another process, another
//! node, another cluster) ends the start. Nothing is deleted here.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_environment::Random;
use barnabas_metadata::quorum::METADATA_FOLDER;
use barnabas_storage::log_dir::clean_marker::NO_EPOCH;
use barnabas_storage::{Disk, Log, LogConfig, LogDir, MetaProperties, OpenFiles, StorageError};

use super::{DataDir, LogDirs, absolute};

/// Why the data folders can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// One can't be read or written, or is in use.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log directory belongs to another node.
    #[error("{path} belongs to node {found}, and node.id is {configured}")]
    OtherNode {
        /// The log directory.
        path: String,
        /// Whose it is.
        found: i32,
        /// Who we are.
        configured: i32,
    },
    /// A log directory belongs to another cluster.
    #[error("{path} belongs to cluster {found}, and the other log directories to {expected}")]
    OtherCluster {
        /// The log directory.
        path: String,
        /// Whose it is.
        found: String,
        /// Whose the others are.
        expected: String,
    },
    /// The log directory that should hold the metadata is new, and others are not.
    #[error(
        "{path} should hold the metadata and is empty, but {other} belongs to cluster {cluster_id}: \
         set metadata.log.dir to the directory with __cluster_metadata-0, or restore it"
    )]
    NoMetadata {
        /// The log directory.
        path: String,
        /// Another one.
        other: String,
        /// Whose that is.
        cluster_id: String,
    },
    /// There is metadata where none should be.
    #[error("{path} holds metadata, which belongs into {expected}: set metadata.log.dir, or remove it")]
    MisplacedMetadata {
        /// The metadata's folder.
        path: String,
        /// The log directory it should be in.
        expected: String,
    },
    /// Nothing says which cluster a new log directory is of.
    #[error(
        "No `meta.properties` found in {path}, and nothing says which cluster the node belongs to: set cluster.id or \
         controller.quorum.voters, or format the directory with barnabas format"
    )]
    Unformatted {
        /// The log directory.
        path: String,
    },
    /// The log directory of the metadata can't be used.
    #[error("{0}")]
    Unusable(String),
}

/// A move between folders that was not finished: topic, partition, and where to.
pub type Unfinished = (String, i32, Arc<DataDir>);

/// The logs and the leftovers that were found in all folders.
#[derive(Debug, Default)]
pub struct Found {
    /// Each log, with the folder it lies in.
    pub logs: Vec<(Arc<DataDir>, Log)>,
    /// What an earlier process had deleted but not removed.
    pub deleted: Vec<PathBuf>,
    /// Moves between folders that were not finished.
    pub moves: Vec<Unfinished>,
    /// The epoch of the broker that closed all folders cleanly; -1 where they don't tell one and the same.
    pub previous_broker_epoch: i64,
}

/// Takes hold of all folders. `metadata` is one of `paths`. Where that comes to nothing, what was made of new
/// ones is gone again. If all are new, they are of cluster
/// `new_cluster`.
///
/// # Errors
/// No folder, or not that of the metadata, can be used; one belongs to another process, node or cluster.
pub fn open(
    disk: &Disk,
    paths: &[PathBuf],
    metadata: &Path,
    (node_id, new_cluster): (i32, Option<&str>),
    files: &Arc<OpenFiles>,
    random: &Random,
) -> Result<(LogDirs, MetaProperties), OpenError> {
    let mut dirs = Vec::with_capacity(paths.len());
    let metadata_index = paths.iter().position(|path| path == metadata).unwrap_or(0);
    let identity = take_hold(disk, paths, metadata, files, &mut dirs)
        .and_then(|()| identify(disk, &mut dirs, metadata_index, (node_id, new_cluster), random));
    match identity {
        Ok(identity) => {
            let dirs = LogDirs::new(disk, dirs, metadata_index);
            Ok((
                dirs.expect("invariant: the metadata's folder is one of them"),
                identity,
            ))
        }
        Err(error) => {
            // One may lie in another.
            let opened = dirs.into_iter().rev().filter_map(|(_, opened)| opened.ok());
            opened.for_each(LogDir::abandon);
            Err(error)
        }
    }
}

fn take_hold(
    disk: &Disk,
    paths: &[PathBuf],
    metadata: &Path,
    files: &Arc<OpenFiles>,
    dirs: &mut Vec<Opened>,
) -> Result<(), OpenError> {
    for path in paths {
        let opened = match LogDir::open(disk, path, files.clone()) {
            // With one folder the error is the start's own.
            Err(error @ StorageError::Io { .. }) if paths.len() > 1 && path != metadata => {
                Err(error.to_string())
            }
            opened => Ok(opened?),
        };
        dirs.push((absolute(path), opened));
    }
    Ok(())
}

type Opened = (PathBuf, Result<LogDir, String>);

/// Checks whose the folders are, and says so in new ones. Answers what the metadata's folder says.
fn identify(
    disk: &Disk,
    dirs: &mut [Opened],
    metadata: usize,
    (node_id, new_cluster): (i32, Option<&str>),
    random: &Random,
) -> Result<MetaProperties, OpenError> {
    let known = |dirs: &[Opened], index: usize| -> Option<MetaProperties> {
        let (_, opened) = dirs.get(index)?;
        opened.as_ref().ok()?.meta_properties().cloned()
    };
    let show = |path: &Path| path.display().to_string();
    let all: Vec<(usize, MetaProperties)> = (0..dirs.len())
        .filter_map(|index| Some((index, known(dirs, index)?)))
        .collect();
    for (index, found) in &all {
        if found.node_id != node_id {
            return Err(OpenError::OtherNode {
                path: show(&dirs[*index].0),
                found: found.node_id,
                configured: node_id,
            });
        }
    }
    let cluster_id = match (known(dirs, metadata), all.first()) {
        (Some(found), _) => found.cluster_id,
        (None, Some((index, found))) => {
            return Err(OpenError::NoMetadata {
                path: show(&dirs[metadata].0),
                other: show(&dirs[*index].0),
                cluster_id: found.cluster_id.clone(),
            });
        }
        (None, None) => new_cluster
            .ok_or_else(|| OpenError::Unformatted {
                path: show(&dirs[metadata].0),
            })?
            .to_owned(),
    };
    if let Some((index, found)) = all.iter().find(|(_, found)| found.cluster_id != cluster_id) {
        return Err(OpenError::OtherCluster {
            path: show(&dirs[*index].0),
            found: found.cluster_id.clone(),
            expected: cluster_id,
        });
    }
    for (index, (path, opened)) in dirs.iter().enumerate() {
        let misplaced = path.join(METADATA_FOLDER);
        if index != metadata && opened.is_ok() && disk.exists(&misplaced) {
            return Err(OpenError::MisplacedMetadata {
                path: show(&misplaced),
                expected: show(&dirs[metadata].0),
            });
        }
    }
    for (_, opened) in dirs.iter_mut() {
        let Ok(storage) = opened else { continue };
        if let Err(error) = storage.claim(&cluster_id, node_id, random.uuid()) {
            *opened = Err(error.to_string());
        }
    }
    known(dirs, metadata).ok_or_else(|| match &dirs[metadata].1 {
        Err(why) => OpenError::Unusable(why.clone()),
        Ok(_) => OpenError::Unusable(format!("{} has no identity", dirs[metadata].0.display())),
    })
}

/// Finds the logs of all folders. A folder whose logs can't be loaded has failed.
///
/// # Errors
/// That of the only folder, or of the metadata's.
pub fn load(dirs: &LogDirs, recovery_threads: usize) -> Result<Found, OpenError> {
    let config = Arc::new(LogConfig::default());
    let mut found = Found::default();
    let mut epochs = BTreeSet::new();
    for dir in dirs.all() {
        let Ok(storage) = dir.storage() else {
            epochs.insert(NO_EPOCH);
            continue;
        };
        match storage.load(&|_, _| config.clone(), recovery_threads) {
            Ok(loaded) => {
                epochs.insert(loaded.broker_epoch);
                found.deleted.extend(loaded.deleted);
                found
                    .logs
                    .extend(loaded.logs.into_iter().map(|log| (dir.clone(), log)));
                let moves = loaded.moves.into_iter();
                found
                    .moves
                    .extend(moves.map(|(topic, partition)| (topic, partition, dir.clone())));
            }
            Err(error) => {
                epochs.insert(NO_EPOCH);
                dir.fail(&explained(&error));
                if dirs.check_fatal() {
                    return Err(error.into());
                }
            }
        }
    }
    found.previous_broker_epoch = match epochs.len() {
        1 => epochs.pop_first().unwrap_or(NO_EPOCH),
        _ => NO_EPOCH,
    };
    Ok(found)
}

fn explained(error: &dyn Display) -> String {
    format!("its logs can't be loaded: {error}")
}
