//! What of a batch survives a cleaning: Apache Kafka's rules (`Cleaner.checkBatchRetention`,
//! `shouldRetainRecord`, `MemoryRecords.filterTo`), as pure decisions on headers and records.
//!
//! | batch | when nothing of it is kept |
//! |---|---|
//! | holds its producer's last sequence, or is the last of the round | stays as an empty batch |
//! | any other | goes |
//!
//! A batch that gets its first tombstone or dispensable marker of the cleaned part is stamped with the time
//! from which these may go (KIP-534): attribute bit 6, the time in `base_timestamp`.

use std::collections::HashMap;

use barnabas_protocol::records::{
    BATCH_OVERHEAD, Batch, BatchHeader, Compression, LOG_OVERHEAD, NO_TIMESTAMP, RawRecord, RawRecords,
    RecordsError, TimestampType, compression, seal,
};

use super::offset_map::OffsetMap;
use super::transactions::Transactions;
use crate::log::AbortedTxn;
use crate::validate::REBUILT_BYTES_MAX;
use barnabas_protocol::records::EndTxnMarker;

/// What is known of an active producer's last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastBatch {
    /// Offset of its last data record, if it has written any in its epoch.
    pub last_data_offset: Option<i64>,
    /// Its epoch.
    pub producer_epoch: i16,
}

/// The last batches of a log's active producers, by producer id.
pub type LastBatches = HashMap<i64, LastBatch>;

/// What a round of cleaning goes by.
#[derive(Debug)]
pub struct Rules<'a> {
    /// The last offset of each key of the dirty part.
    pub offsets: &'a OffsetMap,
    /// The last batches of the active producers.
    pub last_batches: &'a LastBatches,
    /// First offset that is not cleaned in this round: the last batch before it stays, be it empty.
    pub round_end: i64,
    /// The time, ms.
    pub now_ms: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// Records that were read, so far as they were looked at.
    pub records_read: u64,
    /// Records without a key: a compacted log has none, and they go.
    pub records_invalid: u64,
    /// Records that stay.
    pub records_kept: u64,
    /// An aborted transaction whose marker stays, for the transaction index.
    pub aborted: Option<AbortedTxn>,
}

/// Filters the batches of a log in order; holds the buffers that this takes.
#[derive(Debug, Default)]
pub struct Filter {
    decompressed: Vec<u8>,
    records: Vec<u8>,
    /// Of the batch at hand, record by record.
    keeps: Vec<bool>,
}

/// Before the records are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    /// None of the records stays.
    discard: bool,
    /// Without records it stays as an empty batch.
    keep_empty: bool,
    /// It is a marker that may go some day.
    dispensable_marker: bool,
}

/// What a walk over the records found.
#[derive(Clone, Copy, Debug, Default)]
struct Walk {
    kept: i32,
    tombstones: bool,
    first_timestamp: i64,
    max_timestamp: i64,
}

impl Filter {
    /// Gives back buffers of more than `bytes_max`, which one large batch took.
    pub fn shrink(&mut self, bytes_max: usize) {
        for buffer in [&mut self.decompressed, &mut self.records] {
            if buffer.capacity() > bytes_max {
                *buffer = Vec::new();
            }
        }
    }

    /// Appends what stays of `batch` to `out`.
    ///
    /// # Errors
    /// The batch is unsound.
    pub fn filter(
        &mut self,
        batch: &Batch<'_>,
        rules: &Rules<'_>,
        transactions: &mut Transactions,
        out: &mut Vec<u8>,
    ) -> Result<Filtered, RecordsError> {
        batch.verify_crc()?;
        let header = &batch.header;
        let mut filtered = Filtered::default();
        let verdict = verdict(batch, rules, transactions, &mut filtered);
        if verdict.discard && !verdict.keep_empty {
            return Ok(filtered);
        }
        let codec = header.compression()?;
        let payload = if verdict.discard || codec == Compression::None {
            batch.payload()
        } else {
            self.decompressed.clear();
            compression::decompress(codec, batch.payload(), REBUILT_BYTES_MAX, &mut self.decompressed)?;
            &self.decompressed
        };
        let walk = if verdict.discard {
            Walk::default()
        } else {
            walk(header, payload, rules, &mut filtered, &mut self.keeps)?
        };
        filtered.records_kept = walk.kept as u64;
        if walk.kept == 0 {
            if verdict.keep_empty {
                write_empty(header, out);
            }
            return Ok(filtered);
        }
        let horizon_due =
            (walk.tombstones || verdict.dispensable_marker) && header.delete_horizon_ms().is_none();
        if walk.kept == header.records_count && !horizon_due {
            out.extend_from_slice(batch.bytes);
            return Ok(filtered);
        }
        let horizon_ms = if horizon_due {
            Some(rules.now_ms.saturating_add(rules.delete_retention_ms))
        } else {
            header.delete_horizon_ms()
        };
        let base_timestamp = horizon_ms.unwrap_or(walk.first_timestamp);
        self.records.clear();
        for (record, keep) in RawRecords::new(payload, header.records_count)?.zip(&self.keeps) {
            let record = record?;
            if *keep {
                let delta = timestamp(header, &record).wrapping_sub(base_timestamp);
                record.write(delta, &mut self.records);
            }
        }
        let attributes = header.attributes.with_delete_horizon(horizon_ms.is_some());
        let rebuilt = BatchHeader {
            attributes,
            base_timestamp,
            max_timestamp: match header.timestamp_type() {
                TimestampType::LogAppendTime => header.max_timestamp,
                TimestampType::CreateTime => walk.max_timestamp,
            },
            records_count: walk.kept,
            ..*header
        };
        write_batch(rebuilt, codec, &self.records, out)?;
        Ok(filtered)
    }
}

fn verdict(
    batch: &Batch<'_>,
    rules: &Rules<'_>,
    transactions: &mut Transactions,
    filtered: &mut Filtered,
) -> Verdict {
    let header = &batch.header;
    let (discard, dispensable_marker) = if header.is_control() {
        let marker = transactions.on_control(header, EndTxnMarker::parse(batch.payload()));
        filtered.aborted = marker.aborted;
        let expired = header
            .delete_horizon_ms()
            .is_some_and(|horizon_ms| horizon_ms <= rules.now_ms);
        (marker.discardable && expired, marker.discardable)
    } else {
        (transactions.on_data(header), false)
    };
    let is_last_of_producer = header.has_producer_id()
        && rules
            .last_batches
            .get(&header.producer_id)
            .is_some_and(|last| match last.last_data_offset {
                Some(offset) => header.last_offset() == offset,
                // All it has is a marker, which holds its epoch.
                None => header.is_control() && header.producer_epoch == last.producer_epoch,
            });
    Verdict {
        discard,
        keep_empty: is_last_of_producer || header.next_offset() == rules.round_end,
        dispensable_marker,
    }
}

fn walk(
    header: &BatchHeader,
    payload: &[u8],
    rules: &Rules<'_>,
    filtered: &mut Filtered,
    kept: &mut Vec<bool>,
) -> Result<Walk, RecordsError> {
    kept.clear();
    let mut walk = Walk {
        max_timestamp: NO_TIMESTAMP,
        ..Walk::default()
    };
    for record in RawRecords::new(payload, header.records_count)? {
        let record = record?;
        filtered.records_read += 1;
        let keep = header.is_control() || keeps(header, &record, rules);
        kept.push(keep);
        if !keep {
            filtered.records_invalid += u64::from(record.key.is_none());
            continue;
        }
        let timestamp = timestamp(header, &record);
        if walk.kept == 0 {
            walk.first_timestamp = timestamp;
        }
        walk.kept += 1;
        walk.tombstones |= !record.has_value;
        walk.max_timestamp = walk.max_timestamp.max(timestamp);
    }
    Ok(walk)
}

/// Whether a data record stays: it is its key's last, and no tombstone that has been there for long enough.
fn keeps(header: &BatchHeader, record: &RawRecord<'_>, rules: &Rules<'_>) -> bool {
    let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
    if offset > rules.offsets.latest_offset() {
        return true;
    }
    let Some(key) = record.key else { return false };
    let may_be_deleted = !record.has_value
        && header
            .delete_horizon_ms()
            .is_some_and(|horizon_ms| rules.now_ms >= horizon_ms);
    !may_be_deleted && rules.offsets.get(key).is_none_or(|last| offset >= last)
}

fn timestamp(header: &BatchHeader, record: &RawRecord<'_>) -> i64 {
    match header.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        TimestampType::CreateTime => header.base_timestamp.wrapping_add(record.timestamp_delta),
    }
}

/// The batch without its records: what remains are producer, sequence and offsets.
fn write_empty(header: &BatchHeader, out: &mut Vec<u8>) {
    let attributes = header
        .attributes
        .with_compression(Compression::None)
        .with_delete_horizon(false);
    let empty = BatchHeader {
        batch_length: (BATCH_OVERHEAD - LOG_OVERHEAD) as i32,
        attributes,
        base_timestamp: NO_TIMESTAMP,
        records_count: 0,
        ..*header
    };
    let start = out.len();
    out.extend_from_slice(&empty.to_bytes());
    seal(&mut out[start..]);
}

fn write_batch(
    mut header: BatchHeader,
    codec: Compression,
    records: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), RecordsError> {
    let start = out.len();
    out.resize(start + BATCH_OVERHEAD, 0);
    compression::compress(codec, None, records, out)?;
    let size = out.len() - start;
    header.batch_length =
        i32::try_from(size - LOG_OVERHEAD).map_err(|_| RecordsError::BatchTooLarge(size))?;
    out[start..start + BATCH_OVERHEAD].copy_from_slice(&header.to_bytes());
    seal(&mut out[start..]);
    Ok(())
}
