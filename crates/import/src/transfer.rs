//! Bringing partition folders into the data folders: copied beside them, flushed, then renamed into place.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use barnabas_inspect::place;
use barnabas_storage::checkpoint::{self, PartitionMetadata};
use barnabas_storage::layout::SegmentFile;
use barnabas_storage::{Disk, Folder};

use super::plan::{Plan, PlannedFolder};
use super::unfinished::{self, Unfinished, failed};
use super::{ImportError, Mode};

/// How often a long copy says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Suffix of files that Kafka has deleted and not removed yet.
const DELETED: &str = ".deleted";

/// Copies or links all folders into the folders of unfinished imports, and flushes them.
///
/// # Errors
/// `Io`.
pub fn stage(plan: &Plan, mode: Mode, data_dirs: &[PathBuf], out: &mut dyn Write) -> Result<(), ImportError> {
    for data_dir in data_dirs {
        let staging = unfinished::folder(data_dir);
        fs::create_dir(&staging).map_err(failed("create", &staging))?;
    }
    let total: u64 = plan.folders.iter().map(|folder| folder.bytes).sum();
    let (mut told, mut done) = (Instant::now(), 0);
    for folder in &plan.folders {
        let to = unfinished::folder(&folder.to).join(&folder.name);
        copy_folder(folder, &to, mode)?;
        done += folder.bytes;
        if told.elapsed() >= PROGRESS_EVERY {
            writeln!(out, "{done} of {total} bytes")?;
            out.flush()?;
            told = Instant::now();
        }
    }
    for data_dir in data_dirs {
        let staging = unfinished::folder(data_dir);
        Disk::Real.sync_tree(&staging).map_err(failed("sync", &staging))?;
        Unfinished::note(
            data_dir,
            plan.folders.iter().filter(|folder| folder.to == *data_dir),
        )?;
    }
    Ok(())
}

fn copy_folder(folder: &PlannedFolder, to: &Path, mode: Mode) -> Result<(), ImportError> {
    fs::create_dir(to).map_err(failed("create", to))?;
    for name in place::names(&folder.from)? {
        let (from, to) = (folder.from.join(&name), to.join(&name));
        if name.ends_with(DELETED) || !from.is_file() {
            continue;
        }
        let closed = matches!(SegmentFile::parse(&name), Some((SegmentFile::Log, base_offset))
            if folder.closed_segments.contains(&base_offset));
        if mode == Mode::Link && closed {
            fs::hard_link(&from, &to).map_err(failed("link", &from))?;
        } else {
            fs::copy(&from, &to).map_err(failed("copy", &from))?;
            make_writable(&to)?;
        }
    }
    name_topic(folder, to)
}

/// A copy belongs to the broker, whatever its original was.
fn make_writable(path: &Path) -> Result<(), ImportError> {
    use std::os::unix::fs::PermissionsExt;
    let set = || -> std::io::Result<()> {
        let mut permissions = fs::metadata(path)?.permissions();
        permissions.set_mode(permissions.mode() | 0o600);
        fs::set_permissions(path, permissions)
    };
    Ok(set().map_err(failed("make writable", path))?)
}

/// Every folder says whose it is.
fn name_topic(folder: &PlannedFolder, path: &Path) -> Result<(), ImportError> {
    if folder.unnamed {
        let metadata = PartitionMetadata {
            topic_id: folder.topic_id,
        };
        metadata.write_synced(&Folder::real(path))?;
    }
    Ok(())
}

/// Renames the copies into place.
///
/// # Errors
/// `Io`.
pub fn place(plan: &Plan, data_dirs: &[PathBuf]) -> Result<(), ImportError> {
    for folder in &plan.folders {
        let from = unfinished::folder(&folder.to).join(&folder.name);
        fs::rename(&from, folder.to.join(&folder.name)).map_err(failed("rename", &from))?;
    }
    for data_dir in data_dirs {
        let sync = || File::open(data_dir)?.sync_all();
        sync().map_err(failed("sync", data_dir))?;
    }
    Ok(())
}

/// What is missing of folders that stay where they are.
///
/// # Errors
/// `Io`.
pub fn complete_in_place(plan: &Plan) -> Result<(), ImportError> {
    plan.folders
        .iter()
        .try_for_each(|folder| name_topic(folder, &folder.from))
}

/// Adds the rows of a data folder's partitions to its offset checkpoints.
///
/// # Errors
/// `Io`, `Corrupt`.
pub fn merge_checkpoints(plan: &Plan, data_dir: &Path) -> Result<(), ImportError> {
    let mut added: BTreeMap<&str, Vec<(&PlannedFolder, i64)>> = BTreeMap::new();
    for folder in plan.folders.iter().filter(|folder| folder.to == *data_dir) {
        for (name, offset) in &folder.checkpoints {
            added.entry(name).or_default().push((folder, *offset));
        }
    }
    for (name, rows) in added {
        let path = data_dir.join(name);
        let mut offsets = checkpoint::read_offsets(&Disk::Real, &path)?.whole()?;
        offsets.extend(
            rows.into_iter()
                .map(|(folder, offset)| (folder.partition.clone(), offset)),
        );
        let rows = offsets
            .iter()
            .map(|((topic, partition), offset)| (topic.as_str(), *partition, *offset));
        checkpoint::write_offsets(&Disk::Real, &path, rows)?;
    }
    Ok(())
}
