//! A log directory: whose it is, its checkpoints, and every partition in it.

use std::path::{Path, PathBuf};

use barnabas_storage::checkpoint::{self, Offsets};
use barnabas_storage::{Disk, Folder, MetaProperties, layout, log_dir};

use super::partition::{self, Log, tell};
use super::report::Report;
use crate::{Result, Severity, place};

/// What a log directory's own files say of its partitions.
pub struct Checkpoints {
    path: PathBuf,
    /// The last process closed all logs in order.
    clean: bool,
    recovery_points: Offsets,
    log_start_offsets: Offsets,
    high_watermarks: Offsets,
}

impl Checkpoints {
    /// Reads them.
    ///
    /// # Errors
    /// `Io`.
    pub fn read(path: &Path, report: &mut Report<'_>) -> Result<Self> {
        let mut read = |name: &str| -> Result<Offsets> {
            let read = checkpoint::read_offsets(&Disk::Real, &path.join(name))?;
            for fault in read.faults {
                tell::<()>(Err(fault), report)?;
            }
            Ok(read.content)
        };
        Ok(Checkpoints {
            recovery_points: read(log_dir::RECOVERY_POINTS)?,
            log_start_offsets: read(log_dir::LOG_START_OFFSETS)?,
            high_watermarks: read(log_dir::HIGH_WATERMARKS)?,
            clean: path.join(log_dir::CLEAN_MARKER).exists(),
            path: path.to_owned(),
        })
    }

    /// From which offset on a partition's log may be torn; `None` when it was closed in order.
    pub fn unflushed_from(&self, folder: &Path) -> Option<i64> {
        let of = |key: &(String, i32)| self.recovery_points.get(key).copied().unwrap_or(0);
        (!self.clean).then(|| key(folder).map_or(0, |key| of(&key)))
    }

    /// The checkpoints must not name what the log doesn't hold.
    fn compare(&self, folder: &Path, log: Log, report: &mut Report<'_>) {
        let Some(key) = key(folder) else { return };
        let files = [
            (log_dir::RECOVERY_POINTS, &self.recovery_points),
            (log_dir::LOG_START_OFFSETS, &self.log_start_offsets),
            (log_dir::HIGH_WATERMARKS, &self.high_watermarks),
        ];
        for (name, offsets) in files {
            let Some(&offset) = offsets.get(&key) else {
                continue;
            };
            if offset > log.end_offset {
                let what = format!(
                    "offset {offset} of {}-{}, whose log ends at {}",
                    key.0, key.1, log.end_offset
                );
                // A start lowers the high watermark to the end of what is left.
                let mended = !self.clean && name == log_dir::HIGH_WATERMARKS;
                let severity = if mended {
                    Severity::Warning
                } else {
                    Severity::Fault
                };
                report.add(severity, &self.path.join(name), None, what);
            }
        }
    }
}

/// Topic and partition of a folder.
fn key(folder: &Path) -> Option<(String, i32)> {
    let name = folder.file_name()?.to_string_lossy().into_owned();
    layout::parse_folder_name(&name).map(|(topic, partition)| (topic.to_owned(), partition))
}

/// Verifies a log directory.
///
/// # Errors
/// `Io`.
pub fn verify(path: &Path, report: &mut Report<'_>) -> Result<()> {
    if let Some(None) = tell(MetaProperties::read(&Folder::real(path)), report)? {
        let what = "there is no meta.properties: whose folder this is is unknown";
        report.add(Severity::Warning, path, None, what);
    }
    let checkpoints = Checkpoints::read(path, report)?;
    for folder in place::partition_folders(path)? {
        let log = partition::verify(&folder, checkpoints.unflushed_from(&folder), report)?;
        checkpoints.compare(&folder, log, report);
    }
    Ok(())
}
