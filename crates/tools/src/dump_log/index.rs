//! The files beside a log: indexes, and the snapshots of its producers.

use crate::console::Console;
use crate::failure::{Outcome, said};

/// How an index is shown.
pub struct Index<'a> {
    /// The file.
    pub name: &'a str,
    /// Whether entries are not shown.
    pub is_quiet: bool,
    /// Whether only is told that it is whole.
    pub only_sanity: bool,
}

impl Index<'_> {
    /// Whether there is something to show.
    fn has_entries(&self, bytes: &[u8], entry: usize, console: &mut Console) -> Outcome<bool> {
        if !bytes.len().is_multiple_of(entry) {
            return said(format!(
                "Index file {} is corrupt, found {} bytes which is neither positive nor a multiple of {entry}.",
                self.name,
                bytes.len()
            ));
        }
        if self.only_sanity {
            console.line(format!("{} passed sanity check.", self.name));
            return Ok(false);
        }
        Ok(!bytes.is_empty())
    }

    /// Shows an index of offsets.
    pub fn offsets(&self, bytes: &[u8], base: i64, console: &mut Console) -> Outcome {
        if !self.has_entries(bytes, 8, console)? {
            if bytes.is_empty() && !self.only_sanity {
                console.line(format!("{} is empty.", self.name));
            }
            return Ok(());
        }
        for (index, entry) in bytes.as_chunks::<8>().0.iter().enumerate() {
            let (offset, position) = (i32_at(entry, 0), i32_at(entry, 4));
            // Room that is not used yet.
            if offset == 0 && index > 0 {
                break;
            }
            if !self.is_quiet {
                console.line(format!(
                    "offset: {} position: {position}",
                    base + i64::from(offset)
                ));
            }
        }
        Ok(())
    }

    /// Shows an index of times.
    pub fn times(&self, bytes: &[u8], base: i64, console: &mut Console) -> Outcome {
        if !self.has_entries(bytes, 12, console)? {
            return Ok(());
        }
        for (index, entry) in bytes.as_chunks::<12>().0.iter().enumerate() {
            let (timestamp, offset) = (i64_at(entry, 0), i32_at(entry, 8));
            if offset == 0 && index > 0 {
                break;
            }
            if !self.is_quiet {
                console.line(format!(
                    "timestamp: {timestamp} offset: {}",
                    base + i64::from(offset)
                ));
            }
        }
        Ok(())
    }
}

/// Shows an index of aborted transactions.
pub fn transactions(bytes: &[u8], console: &mut Console) {
    for entry in bytes.as_chunks::<34>().0 {
        console.line(format!(
            "version: 0 producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            i64_at(entry, 2),
            i64_at(entry, 10),
            i64_at(entry, 18),
            i64_at(entry, 26)
        ));
    }
}

/// Shows a snapshot of producers.
///
/// ```text
/// version i16 │ crc u32 │ count i32 │ producer_id i64 │ epoch i16 │ last_sequence i32 │ last_offset i64
///     │ offset_delta i32 │ timestamp i64 │ coordinator_epoch i32 │ current_txn_first_offset i64 │ …
/// ```
pub fn producers(bytes: &[u8], console: &mut Console) -> Outcome {
    let Some(entries) = bytes.get(10..) else {
        return said("the snapshot is cut off");
    };
    for entry in entries.as_chunks::<46>().0 {
        let (last, delta) = (i32_at(entry, 10), i32_at(entry, 22));
        let first_offset = match i64_at(entry, 38) {
            ..0 => "OptionalLong.empty".to_owned(),
            offset => format!("OptionalLong[{offset}]"),
        };
        let first = match last.wrapping_sub(delta) {
            first @ 0.. => first,
            _ if last < 0 => last,
            first => first.wrapping_add(i32::MAX).wrapping_add(1),
        };
        console.line(format!(
            "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {first_offset} \
             lastTimestamp: {} firstSequence: {first} lastSequence: {last} lastOffset: {} offsetDelta: {delta} \
             timestamp: {}",
            i64_at(entry, 0),
            i16::from_be_bytes([entry[8], entry[9]]),
            i32_at(entry, 34),
            i64_at(entry, 26),
            i64_at(entry, 14),
            i64_at(entry, 26)
        ));
    }
    Ok(())
}

fn i32_at(entry: &[u8], at: usize) -> i32 {
    let bytes = entry[at..].first_chunk().expect("the entry is whole");
    i32::from_be_bytes(*bytes)
}

fn i64_at(entry: &[u8], at: usize) -> i64 {
    let bytes = entry[at..].first_chunk().expect("the entry is whole");
    i64::from_be_bytes(*bytes)
}
