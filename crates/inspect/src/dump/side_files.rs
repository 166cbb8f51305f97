//! The files beside the logs: indexes, producer snapshots, and the small text files.

use std::fs;
use std::path::Path;

use barnabas_storage::layout::SegmentFile;
use barnabas_storage::producer_state::snapshot;
use barnabas_storage::{IndexEntry, OffsetEntry, TimeEntry, txn_index};

use super::line::Line;
use super::{Dump, Outcome};
use crate::InspectError;

/// Shows an index or snapshot of the segment at `base_offset`.
pub fn dump(
    kind: SegmentFile,
    base_offset: i64,
    path: &Path,
    file: &str,
    dump: &mut Dump<'_>,
) -> Outcome<()> {
    let bytes = fs::read(path).map_err(InspectError::io(path))?;
    let absolute = |relative: u32| base_offset.saturating_add(i64::from(relative));
    match kind {
        SegmentFile::Index => entries(&bytes, file, dump, |entry: OffsetEntry| {
            Line::new("entry")
                .with("offset", absolute(entry.relative_offset))
                .with("position", entry.position)
        }),
        SegmentFile::TimeIndex => entries(&bytes, file, dump, |entry: TimeEntry| {
            Line::new("entry")
                .with("timestamp", entry.timestamp)
                .with("offset", absolute(entry.relative_offset))
        }),
        SegmentFile::TxnIndex => match txn_index::decode_all(path, &bytes) {
            Ok(aborted) => {
                for txn in aborted {
                    let line = Line::new("aborted")
                        .with("producerId", txn.producer_id)
                        .with("firstOffset", txn.first_offset)
                        .with("lastOffset", txn.last_offset)
                        .with("lastStableOffset", txn.last_stable_offset);
                    dump.line(file, &line)?;
                }
                Ok(())
            }
            Err(error) => dump.wrong(file, 0, &error.to_string()),
        },
        SegmentFile::Snapshot => producers(&bytes, file, dump),
        SegmentFile::Log => Ok(()),
    }
}

/// Entries of a fixed size. Zeros at the end are space that was reserved.
fn entries<E: IndexEntry>(
    bytes: &[u8],
    file: &str,
    dump: &mut Dump<'_>,
    line: impl Fn(E) -> Line,
) -> Outcome<()> {
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let used = used.next_multiple_of(E::BYTES).min(bytes.len());
    // A few zeros may be an entry; a page of them is none.
    let used = if bytes.len() - used < 4096 {
        bytes.len()
    } else {
        used
    };
    for entry in bytes[..used].chunks_exact(E::BYTES) {
        dump.line(file, &line(E::decode(entry)))?;
    }
    if used < bytes.len() {
        let line = Line::new("reserved")
            .with("position", used)
            .with("bytes", bytes.len() - used);
        dump.line(file, &line)?;
    } else if !bytes.len().is_multiple_of(E::BYTES) {
        let torn = bytes.len() % E::BYTES;
        dump.wrong(file, (bytes.len() - torn) as u64, "the last entry is cut off")?;
    }
    Ok(())
}

fn producers(bytes: &[u8], file: &str, dump: &mut Dump<'_>) -> Outcome<()> {
    match snapshot::decode(bytes) {
        Ok(entries) => {
            for entry in entries {
                let line = Line::new("producer")
                    .with("producerId", entry.producer_id)
                    .with("producerEpoch", entry.producer_epoch)
                    .with("coordinatorEpoch", entry.coordinator_epoch)
                    .with("lastTimestamp", entry.last_timestamp)
                    .with_some("currentTxnFirstOffset", entry.current_txn_first_offset)
                    .with("lastSequence", entry.last_sequence())
                    .with_some(
                        "lastOffset",
                        entry.batches().last().map(|batch| batch.last_offset),
                    )
                    .with_some(
                        "offsetDelta",
                        entry.batches().last().map(|batch| batch.offset_delta),
                    );
                dump.line(file, &line)?;
            }
            Ok(())
        }
        Err((position, reason)) => dump.wrong(file, position, &reason),
    }
}

/// Shows a text file line by line.
pub fn text(path: &Path, file: &str, dump: &mut Dump<'_>) -> Outcome<()> {
    let bytes = fs::read(path).map_err(InspectError::io(path))?;
    for line in String::from_utf8_lossy(&bytes).lines() {
        dump.line(file, &Line::new("line").with("text", line))?;
    }
    Ok(())
}
