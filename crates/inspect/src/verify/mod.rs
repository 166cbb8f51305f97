//! `barnabas log verify`: reads all there is of partitions and says what is wrong, where.
//!
//! Every CRC, the order of offsets and epochs, what each batch claims (counts, deltas, timestamps,
//! decompression), each index entry against the log, aborted transactions against their markers, producer
//! snapshots, checkpoints. Changes nothing.

mod batch;
mod index;
mod log_dir;
mod partition;
mod report;
mod segment;
mod transactions;

use std::path::{Path, PathBuf};

use self::log_dir::Checkpoints;
use self::report::Report;
use crate::place::{self, Folder};
use crate::{Finding, Result};

pub use report::Summary;

/// Verifies folders: log directories, or partitions. Findings go to `sink` as they are made.
///
/// # Errors
/// A folder that can't be read, or is neither.
pub fn verify(folders: &[PathBuf], sink: &mut dyn FnMut(&Finding)) -> Result<Summary> {
    let mut report = Report::new(sink);
    for folder in folders {
        match place::folder(folder)? {
            Folder::LogDir => log_dir::verify(folder, &mut report)?,
            Folder::Partition => one_partition(folder, &mut report)?,
        }
    }
    Ok(report.summary)
}

/// A partition's folder; the checkpoints of the log directory around it, if there is one, say what of it was
/// flushed.
fn one_partition(folder: &Path, report: &mut Report<'_>) -> Result<()> {
    let absolute = folder.canonicalize().map_err(crate::InspectError::io(folder))?;
    let log_dir = absolute
        .parent()
        .filter(|parent| parent.join("recovery-point-offset-checkpoint").exists());
    let unflushed_from = match log_dir {
        Some(log_dir) => Checkpoints::read(log_dir, &mut Report::new(&mut |_| {}))?.unflushed_from(folder),
        None => None,
    };
    partition::verify(folder, unflushed_from, report)?;
    Ok(())
}
