//! Reading: from an offset to a byte range of a segment file.

use super::Log;
use super::open::OpenLog;
use super::types::{AbortedTxn, FetchSlice, ReadBound};
use crate::error::{Result, StorageError};

/// What a reader wants.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    offset: i64,
    /// Nothing from here on may be read.
    upper_bound: i64,
    max_bytes: u32,
    min_one_message: bool,
}

impl Log {
    /// The bytes from the batch that holds `offset` on: at most `max_bytes`, within one segment, up to
    /// `bound`. The last batch may be cut off, as Kafka's clients expect. With `min_one_message` a first
    /// batch larger than `max_bytes` comes whole (KIP-74).
    ///
    /// # Errors
    /// OFFSET_OUT_OF_RANGE before the log's start or behind its end; KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE.
    pub fn read(
        &mut self,
        offset: i64,
        max_bytes: u32,
        bound: ReadBound,
        min_one_message: bool,
    ) -> Result<FetchSlice> {
        if offset < self.log_start_offset || offset > self.log_end_offset {
            return Err(StorageError::OffsetOutOfRange {
                offset,
                log_start_offset: self.log_start_offset,
                log_end_offset: self.log_end_offset,
            });
        }
        let (upper_bound, committed) = match bound {
            ReadBound::LogEnd => (self.log_end_offset, false),
            ReadBound::HighWatermark(high_watermark) => (high_watermark.min(self.log_end_offset), false),
            ReadBound::LastStable(offset) => (offset.min(self.log_end_offset), true),
        };
        let mut slice = FetchSlice::default();
        let mut next_offset = offset;
        if offset < upper_bound {
            let log_end_offset = self.log_end_offset;
            let wanted = Wanted {
                offset,
                upper_bound,
                max_bytes,
                min_one_message,
            };
            if let Some(open) = self.open()?
                && let Some((found, end_offset)) = open.slice(wanted, log_end_offset)?
            {
                (slice, next_offset) = (found, end_offset);
            }
        }
        if committed {
            slice.aborted_transactions = Some(self.aborted_transactions(offset, next_offset)?);
        }
        Ok(slice)
    }

    /// The transactions with records in `from..to` that were aborted.
    fn aborted_transactions(&mut self, from: i64, to: i64) -> Result<Vec<AbortedTxn>> {
        let mut aborted = Vec::new();
        let Some(open) = self.open()?.filter(|_| from < to) else {
            return Ok(aborted);
        };
        for index in open.segment_of(from)..open.segment_count() {
            let segment = open.segment(index);
            if !segment.has_aborted {
                continue;
            }
            let base_offset = segment.base_offset;
            let complete = open.recent_aborts.look(&open.folder, base_offset, |txns| {
                let overlaps = |txn: &&AbortedTxn| txn.last_offset >= from && txn.first_offset < to;
                // Whatever was aborted later began later, too.
                let last = txns.iter().position(|txn| txn.last_stable_offset >= to);
                let until = last.map_or(txns.len(), |last| last + 1);
                aborted.extend(txns[..until].iter().filter(overlaps));
                last.is_some()
            });
            if complete? {
                break;
            }
        }
        Ok(aborted)
    }
}

impl OpenLog {
    /// The range and the offset before which it certainly ends.
    fn slice(&self, wanted: Wanted, log_end_offset: i64) -> Result<Option<(FetchSlice, i64)>> {
        // A segment may end in a gap (compaction, truncation): then the next one has the first batch behind
        // it.
        for index in self.segment_of(wanted.offset)..self.segment_count() {
            let segment = self.segment(index);
            let Some(start) = self.find_position(index, wanted.offset)? else {
                continue;
            };
            let next_base = if index < self.closed.len() {
                self.segment(index + 1).base_offset
            } else {
                log_end_offset
            };
            let end = if next_base <= wanted.upper_bound {
                segment.size
            } else {
                self.find_position(index, wanted.upper_bound)?
                    .unwrap_or(segment.size)
            };
            if start >= end {
                return Ok(None);
            }
            let (len, first_batch_incomplete) = self.length(index, start, end, wanted)?;
            let slice = FetchSlice {
                file: Some(segment.log_file(&self.folder)?),
                position: u64::from(start),
                len,
                may_be_cold: index < self.closed.len() || !self.active.is_surely_cached(start),
                first_batch_incomplete,
                aborted_transactions: None,
            };
            return Ok(Some((slice, next_base.min(wanted.upper_bound))));
        }
        Ok(None)
    }

    /// How many bytes of `start..end` are delivered, and whether the first batch is cut off.
    fn length(&self, index: usize, start: u32, end: u32, wanted: Wanted) -> Result<(u32, bool)> {
        let all = end - start;
        if all <= wanted.max_bytes {
            return Ok((all, false));
        }
        let segment = self.segment(index);
        let file = segment.log_file(&self.folder)?;
        let first = segment.scan(&file, &self.folder, start).next().transpose()?;
        let first_bytes = first.map_or(0, |(_, header)| header.size_in_bytes() as u32);
        let incomplete = first_bytes > wanted.max_bytes;
        let len = if incomplete && wanted.min_one_message {
            first_bytes
        } else {
            wanted.max_bytes
        };
        Ok((len.min(all), incomplete && !wanted.min_one_message))
    }
}
