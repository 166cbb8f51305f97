//! A partition's folder: its segments in order, and the files that go with all of them.

use std::fs;
use std::path::Path;

use barnabas_storage::checkpoint::{EpochEntry, LeaderEpochs, PartitionMetadata, leader_epochs_path};
use barnabas_storage::layout::SegmentFile;
use barnabas_storage::producer_state::snapshot;
use barnabas_storage::{Folder, StorageError};

use super::report::Report;
use super::segment::LogWalk;
use crate::{InspectError, Result, Severity, place};

/// Verifies a folder; answers the offset its log ends at. See [`LogWalk::unflushed_from`].
///
/// # Errors
/// `Io`.
pub fn verify(folder: &Path, unflushed_from: Option<i64>, report: &mut Report<'_>) -> Result<Log> {
    report.summary.partitions += 1;
    let mut segments = Vec::new();
    let mut side_files = Vec::new();
    for name in place::names(folder)? {
        match SegmentFile::parse(&name) {
            Some((SegmentFile::Log, base_offset)) => segments.push(base_offset),
            Some(side_file) => side_files.push(side_file),
            None => {}
        }
    }
    segments.sort_unstable();
    for &(kind, base_offset) in &side_files {
        if kind != SegmentFile::Snapshot && segments.binary_search(&base_offset).is_err() {
            let path = kind.path(folder, base_offset);
            report.add(Severity::Warning, &path, None, "there is no segment of this name");
        }
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let metadata_log = name.starts_with("__cluster_metadata");
    if let Some(None) = tell(PartitionMetadata::read(&Folder::real(folder)), report)? {
        let what = "there is no partition.metadata: the topic's id is unknown";
        report.add(Severity::Warning, folder, None, what);
    }
    let epochs = epochs(folder, report)?;
    let last_epoch = epochs.last().copied();
    let mut walk = LogWalk::new(folder, unflushed_from, epochs, metadata_log);
    let mut following = segments.iter().skip(1).copied();
    for &base_offset in &segments {
        walk.segment(base_offset, following.next(), report)?;
    }
    let end_offset = walk.next_offset;
    if let Some(last) = last_epoch.filter(|last| last.start_offset > end_offset) {
        let what = format!(
            "leader epoch {} begins at offset {}, and the log ends at {end_offset}",
            last.epoch, last.start_offset
        );
        report.add(walk.severity(end_offset), &leader_epochs_path(folder), None, what);
    }
    for (kind, offset) in side_files {
        if kind == SegmentFile::Snapshot {
            producers(folder, offset, end_offset, walk.severity(offset), report)?;
        }
    }
    Ok(Log {
        start_offset: segments.first().copied().unwrap_or(0),
        end_offset,
    })
}

/// What a folder's segments hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Base offset of the first segment.
    pub start_offset: i64,
    /// The offset after the last batch.
    pub end_offset: i64,
}

/// `leader-epoch-checkpoint`, which must rise.
fn epochs(folder: &Path, report: &mut Report<'_>) -> Result<Vec<EpochEntry>> {
    let rows = tell(LeaderEpochs::rows(&Folder::real(folder)), report)?.unwrap_or_default();
    let rises =
        |pair: &[EpochEntry]| pair[0].epoch < pair[1].epoch && pair[0].start_offset < pair[1].start_offset;
    let Some(wrong) = rows.windows(2).position(|pair| !rises(pair)) else {
        return Ok(rows);
    };
    let (before, row) = (rows[wrong], rows[wrong + 1]);
    let what = format!(
        "line {}: epoch {} from offset {} follows epoch {} from offset {}",
        wrong + 4,
        row.epoch,
        row.start_offset,
        before.epoch,
        before.start_offset
    );
    report.add(Severity::Fault, &leader_epochs_path(folder), None, what);
    Ok(Vec::new())
}

/// A producer snapshot: whole, and of nothing behind its offset.
fn producers(
    folder: &Path,
    offset: i64,
    end_offset: i64,
    severity: Severity,
    report: &mut Report<'_>,
) -> Result<()> {
    let path = SegmentFile::Snapshot.path(folder, offset);
    if offset > end_offset {
        let what = format!("the snapshot is of offset {offset}, and the log ends at {end_offset}");
        report.add(severity, &path, None, what);
    }
    let bytes = fs::read(&path).map_err(InspectError::io(&path))?;
    match snapshot::decode(&bytes) {
        Err((position, reason)) => report.add(severity, &path, Some(position), reason),
        Ok(entries) => {
            let behind = |known: Option<i64>| known.is_some_and(|known| known >= offset);
            for (index, entry) in entries.iter().enumerate() {
                let last_offset = entry.batches().last().map(|batch| batch.last_offset);
                if behind(last_offset) || behind(entry.current_txn_first_offset) {
                    let what = format!(
                        "producer {} has written behind the snapshot's offset",
                        entry.producer_id
                    );
                    report.add(severity, &path, Some(snapshot::position(index)), what);
                }
            }
        }
    }
    Ok(())
}

/// Makes a finding of a file that can be read and isn't what it must be.
pub fn tell<T>(read: std::result::Result<T, StorageError>, report: &mut Report<'_>) -> Result<Option<T>> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(StorageError::Corrupt {
            path,
            position,
            reason,
        }) => {
            // Faults of text files name their line.
            let position = Some(position).filter(|position| *position > 0);
            report.add(Severity::Fault, &path, position, reason);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
