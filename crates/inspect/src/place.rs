//! What a path on the command line names: a log directory, the folder of a partition, or one of their files.

use std::fs;
use std::path::{Path, PathBuf};

use barnabas_storage::layout::{self, SegmentFile};

use crate::{InspectError, Result};

/// A folder that may be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Of a partition, by its name or by the segments in it.
    Partition,
    /// A log directory.
    LogDir,
}

/// What kind of folder `path` is.
///
/// # Errors
/// `Unknown` for a folder that is neither, `Io`.
pub fn folder(path: &Path) -> Result<Folder> {
    let names = names(path)?;
    let has = |name: &str| names.iter().any(|known| known == name);
    if names.iter().any(|name| SegmentFile::parse(name).is_some()) {
        return Ok(Folder::Partition);
    }
    if has("meta.properties")
        || has("recovery-point-offset-checkpoint")
        || names
            .iter()
            .any(|name| layout::parse_folder_name(name).is_some() && path.join(name).is_dir())
    {
        return Ok(Folder::LogDir);
    }
    let own_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    match own_name.as_deref().and_then(layout::parse_folder_name) {
        Some(_) => Ok(Folder::Partition),
        None => Err(InspectError::Unknown {
            path: path.to_owned(),
        }),
    }
}

/// The names in a folder, sorted. Names that are no UTF-8 are none of a log directory's.
///
/// # Errors
/// `Io`.
pub fn names(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(InspectError::io(path))? {
        let entry = entry.map_err(InspectError::io(path))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Base offsets of the segments that `names` of a partition's folder tell, rising.
pub fn segments(names: &[String]) -> Vec<i64> {
    let mut segments: Vec<i64> = names
        .iter()
        .filter_map(|name| match SegmentFile::parse(name) {
            Some((SegmentFile::Log, base_offset)) => Some(base_offset),
            _ => None,
        })
        .collect();
    segments.sort_unstable();
    segments
}

/// The folders in a log directory that hold a partition's files, those being moved in or left over too; not
/// those that wait to be deleted, nor the metadata log of this broker, which is no partition's.
///
/// # Errors
/// `Io`.
pub fn partition_folders(log_dir: &Path) -> Result<Vec<PathBuf>> {
    let is_partition = |name: &str| {
        let bare = ["-future", "-stray"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .and_then(|name| name.rsplit_once('.'))
            .map_or(name, |(bare, _)| bare);
        layout::parse_folder_name(bare).is_some()
    };
    let mut folders = Vec::new();
    for name in names(log_dir)? {
        let path = log_dir.join(&name);
        if !is_partition(&name) || !path.is_dir() {
            continue;
        }
        let ours = name == "__cluster_metadata-0"
            && !names(&path)?
                .iter()
                .any(|name| SegmentFile::parse(name).is_some());
        if !ours {
            folders.push(path);
        }
    }
    Ok(folders)
}
