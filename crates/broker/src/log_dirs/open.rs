//! Taking hold of the data folders at the start: locks, `meta.properties`, logs.
//!
//! A folder that can't be used is left out and named in the log, as Apache Kafka does, as long as it isn't the only one or
//! that of the metadata. What says that the configuration is wrong (another process, another node, another cluster) ends
//! the start. Nothing is deleted here.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_storage::{Log, LogConfig, LogDir, MetaProperties, OpenFiles, StorageError, kafka_uuid};
use uuid::Uuid;

use super::{DataDir, LogDirs, absolute};
use crate::server::StartError;

/// The folder of the metadata log within the log directory; not a partition's, though named like one.
pub const METADATA_FOLDER: &str = "__cluster_metadata-0";

/// The logs and the leftovers that were found in all folders.
#[derive(Debug, Default)]
pub struct Found {
    /// Each log, with the folder it lies in.
    pub logs: Vec<(Arc<DataDir>, Log)>,
    /// What an earlier process had deleted but not removed.
    pub deleted: Vec<PathBuf>,
    /// Moves between folders that were not finished: topic, partition, and where to.
    pub moves: Vec<(String, i32, Arc<DataDir>)>,
}

/// Takes hold of all folders. `metadata` is one of `paths`.
///
/// # Errors
/// No folder, or not that of the metadata, can be used; one belongs to another process, node or cluster.
pub fn open(
    paths: &[PathBuf],
    metadata: &Path,
    node_id: i32,
    files: &Arc<OpenFiles>,
) -> Result<(LogDirs, MetaProperties), StartError> {
    let mut dirs = Vec::with_capacity(paths.len());
    for path in paths {
        let opened = match LogDir::open(path, files.clone()) {
            // With one folder the error is the start's own.
            Err(error @ StorageError::Io { .. }) if paths.len() > 1 && path != metadata => {
                Err(error.to_string())
            }
            opened => Ok(opened?),
        };
        dirs.push((absolute(path), opened));
    }
    let metadata_index = paths.iter().position(|path| path == metadata).unwrap_or(0);
    let identity = identify(&mut dirs, metadata_index, node_id)?;
    for (index, (path, opened)) in dirs.iter().enumerate() {
        if index != metadata_index && opened.is_ok() && path.join(METADATA_FOLDER).exists() {
            return Err(StartError::MisplacedMetadata {
                path: path.join(METADATA_FOLDER).display().to_string(),
                expected: metadata.display().to_string(),
            });
        }
    }
    let dirs = LogDirs::new(dirs, metadata_index).expect("invariant: the metadata's folder is one of them");
    Ok((dirs, identity))
}

type Opened = (PathBuf, Result<LogDir, String>);

/// Checks whose the folders are, and says so in new ones. Answers what the metadata's folder says.
fn identify(dirs: &mut [Opened], metadata: usize, node_id: i32) -> Result<MetaProperties, StartError> {
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
            return Err(StartError::OtherNode {
                path: show(&dirs[*index].0),
                found: found.node_id,
                configured: node_id,
            });
        }
    }
    let cluster_id = match (known(dirs, metadata), all.first()) {
        (Some(found), _) => found.cluster_id,
        (None, Some((index, found))) => {
            return Err(StartError::NoMetadata {
                path: show(&dirs[metadata].0),
                other: show(&dirs[*index].0),
                cluster_id: found.cluster_id.clone(),
            });
        }
        (None, None) => kafka_uuid::encode(Uuid::new_v4()),
    };
    if let Some((index, found)) = all.iter().find(|(_, found)| found.cluster_id != cluster_id) {
        return Err(StartError::OtherCluster {
            path: show(&dirs[*index].0),
            found: found.cluster_id.clone(),
            expected: cluster_id,
        });
    }
    for (_, opened) in dirs.iter_mut() {
        let Ok(storage) = opened else { continue };
        if storage.meta_properties().is_some() {
            continue;
        }
        let written = storage.write_meta_properties(MetaProperties {
            cluster_id: cluster_id.clone(),
            node_id,
            directory_id: Uuid::new_v4(),
        });
        if let Err(error) = written {
            *opened = Err(error.to_string());
        }
    }
    known(dirs, metadata).ok_or_else(|| match &dirs[metadata].1 {
        Err(why) => StartError::Unusable(why.clone()),
        Ok(_) => StartError::Unusable(format!("{} has no identity", dirs[metadata].0.display())),
    })
}

/// Finds the logs of all folders. A folder whose logs can't be loaded has failed.
///
/// # Errors
/// That of the only folder, or of the metadata's.
pub fn load(dirs: &LogDirs, recovery_threads: usize) -> Result<Found, StartError> {
    let config = Arc::new(LogConfig::default());
    let mut found = Found::default();
    for dir in dirs.all() {
        let Ok(storage) = dir.storage() else { continue };
        match storage.load(&|_, _| config.clone(), recovery_threads) {
            Ok(loaded) => {
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
                dir.fail(&explained(&error));
                if dirs.check_fatal() {
                    return Err(error.into());
                }
            }
        }
    }
    Ok(found)
}

fn explained(error: &dyn Display) -> String {
    format!("its logs can't be loaded: {error}")
}
