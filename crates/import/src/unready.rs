//! Data folders that no node may start on: an import into it was interrupted, or it is Apache Kafka's and was
//! not imported at all. (A node would know none of the topics in it, and start a cluster of its own beside
//! them.)

use std::path::{Path, PathBuf};

use barnabas_storage::Disk;

use super::unfinished;

/// Why a data folder can't be started on.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// An import was interrupted.
    #[error(
        "an import into {folder} was interrupted: run it again, or remove {marker} and the partition folders that it lists"
    )]
    Unfinished {
        /// The data folder.
        folder: String,
        /// What the import left.
        marker: String,
    },
    /// Apache Kafka's.
    #[error(
        "{folder} is the log directory of an Apache Kafka node: take it over with barnabas import {folder} --in-place (and the same configuration), or give another data folder"
    )]
    ApacheKafkas {
        /// The data folder.
        folder: String,
    },
}

/// Refuses such folders; `metadata_dir` is that of the metadata.
///
/// # Errors
/// Why.
pub fn check(disk: &Disk, metadata_dir: &Path, data_dirs: &[PathBuf]) -> Result<(), Unready> {
    for data_dir in data_dirs {
        let marker = unfinished::folder(data_dir);
        if is_folder(disk, &marker) {
            return Err(Unready::Unfinished {
                folder: data_dir.display().to_string(),
                marker: marker.display().to_string(),
            });
        }
    }
    let metadata = metadata_dir.join("__cluster_metadata-0");
    // What Apache Kafka writes at the first start, and what a quorum of ours has.
    if disk.exists(&metadata.join("quorum-state")) && !is_folder(disk, &metadata.join("log")) {
        let folder = metadata_dir.display().to_string();
        return Err(Unready::ApacheKafkas { folder });
    }
    Ok(())
}

/// Whether a path leads to a folder, links followed.
fn is_folder(disk: &Disk, path: &Path) -> bool {
    let facts = disk.resolve(path).and_then(|path| disk.facts(&path));
    facts.is_ok_and(|facts| facts.is_folder)
}
