//! Record by record: keys, timestamps and offsets, with the errors that a Produce response lists.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{BatchHeader, NO_TIMESTAMP, Record, SkimmedRecord, TimestampType};

use super::{RECORD_ERRORS_MAX, RecordError, Rejection, ValidationSettings};

/// What of a record the rules look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    /// Negative for null.
    key_len: i32,
    value_len: i32,
    /// Kafka has skipped over key and value; its texts name such a record otherwise.
    skimmed: bool,
}

impl From<&Record<'_>> for Seen {
    fn from(record: &Record<'_>) -> Seen {
        let len = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i32);
        Seen {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            key_len: len(record.key),
            value_len: len(record.value),
            skimmed: false,
        }
    }
}

impl From<&SkimmedRecord> for Seen {
    fn from(record: &SkimmedRecord) -> Seen {
        Seen {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            key_len: record.key_len,
            value_len: record.value_len,
            skimmed: true,
        }
    }
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy)]
enum Fault {
    NoKey,
    TimestampOutOfRange { timestamp: i64, offset: i64 },
    LogAppendTime { seen: Seen, timestamp: i64, offset: i64 },
}

/// Judges the records of one batch in order.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    settings: &'a ValidationSettings,
    header: BatchHeader,
    now_ms: i64,
    index: i32,
    faults: Vec<(i32, Fault)>,
    faults_count: usize,
    timestamps_at_fault: bool,
    /// The largest timestamp seen, -1 when no record has one.
    pub(super) max_timestamp: i64,
    /// Offset deltas count up from 0.
    pub(super) consecutive: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn new(settings: &'a ValidationSettings, header: BatchHeader, now_ms: i64) -> Judge<'a> {
        Judge {
            settings,
            header,
            now_ms,
            index: 0,
            faults: Vec::new(),
            faults_count: 0,
            timestamps_at_fault: false,
            max_timestamp: NO_TIMESTAMP,
            consecutive: true,
        }
    }

    /// Looks at the next record.
    #[inline]
    pub(super) fn record(&mut self, seen: Seen) {
        let timestamp = self.timestamp(&seen);
        match self.fault(&seen, timestamp) {
            Some(fault) => self.note(fault),
            None => self.consecutive &= seen.offset_delta == self.index,
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.index += 1;
    }

    /// A record's timestamp (ms); wraps like Java's addition.
    pub(super) fn timestamp(&self, seen: &Seen) -> i64 {
        match self.header.timestamp_type() {
            TimestampType::CreateTime => self.header.base_timestamp.wrapping_add(seen.timestamp_delta),
            TimestampType::LogAppendTime => self.header.max_timestamp,
        }
    }

    #[inline]
    fn fault(&self, seen: &Seen, timestamp: i64) -> Option<Fault> {
        let offset = || self.header.base_offset.wrapping_add(i64::from(seen.offset_delta));
        if self.settings.compacted && seen.key_len < 0 {
            return Some(Fault::NoKey);
        }
        if self.settings.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
            let age = self.now_ms.wrapping_sub(timestamp);
            let out_of_range = age > self.settings.timestamp_before_max_ms
                || age < self.settings.timestamp_after_max_ms.wrapping_neg();
            return out_of_range.then(|| Fault::TimestampOutOfRange {
                timestamp,
                offset: offset(),
            });
        }
        if self.header.timestamp_type() == TimestampType::LogAppendTime {
            return Some(Fault::LogAppendTime {
                seen: *seen,
                timestamp,
                offset: offset(),
            });
        }
        None
    }

    #[cold]
    fn note(&mut self, fault: Fault) {
        self.timestamps_at_fault |= !matches!(fault, Fault::NoKey);
        self.faults_count += 1;
        if self.faults.len() < RECORD_ERRORS_MAX {
            self.faults.push((self.index, fault));
        }
    }

    /// The verdict after the last record.
    pub(super) fn verdict(&self, topic: &str, partition: i32) -> Result<(), Rejection> {
        if self.faults_count == 0 {
            return Ok(());
        }
        let record_errors: Vec<RecordError> = self
            .faults
            .iter()
            .map(|(batch_index, fault)| RecordError {
                batch_index: *batch_index,
                message: self.describe(fault, topic, partition),
            })
            .collect();
        let (error_code, message) = if self.timestamps_at_fault {
            let message = "One or more records have been rejected due to invalid timestamp".to_owned();
            (ErrorCode::InvalidTimestamp, message)
        } else {
            (
                ErrorCode::InvalidRecord,
                summary(self.faults_count, &record_errors),
            )
        };
        Err(Rejection {
            error_code,
            message: Some(message),
            record_errors,
        })
    }

    fn describe(&self, fault: &Fault, topic: &str, partition: i32) -> String {
        match fault {
            Fault::NoKey => {
                format!(
                    "Compacted topic cannot accept message without key in topic partition {topic}-{partition}"
                )
            }
            Fault::TimestampOutOfRange { timestamp, offset } => {
                let from = self.now_ms.wrapping_sub(self.settings.timestamp_before_max_ms);
                let to = self.now_ms.wrapping_add(self.settings.timestamp_after_max_ms);
                format!(
                    "Timestamp {timestamp} of message with offset {offset} is out of range. \
                     The timestamp should be within [{from}, {to}]"
                )
            }
            Fault::LogAppendTime {
                seen,
                timestamp,
                offset,
            } => {
                let (class, least) = if seen.skimmed {
                    ("PartialDefaultRecord", i32::MIN)
                } else {
                    ("DefaultRecord", 0)
                };
                let (key, value) = (seen.key_len.max(least), seen.value_len.max(least));
                format!(
                    "Invalid timestamp type in message {class}(offset={offset}, timestamp={timestamp}, \
                     key={key} bytes, value={value} bytes). Producer should not set timestamp type to LogAppendTime."
                )
            }
        }
    }
}

fn summary(count: usize, record_errors: &[RecordError]) -> String {
    let first: Vec<String> = record_errors
        .iter()
        .take(3)
        .map(|error| {
            format!(
                "RecordError(batchIndex={}, message='{}')",
                error.batch_index, error.message
            )
        })
        .collect();
    format!(
        "One or more records have been rejected due to {count} record errors in total, \
         and only showing the first three errors at most: [{}]",
        first.join(", ")
    )
}
