//! One partition's batch, from a sound frame to bytes that only lack their offset.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Decompressor;
use barnabas_protocol::records::{
    Batch, BatchHeader, Compression, NO_SEQUENCE, RecordsError, Skim, TimestampType, set_max_timestamp,
};

use crate::log::AppendOrigin;

use super::judge::{Judge, Seen};
use super::rebuild::rebuild;
use super::{DECOMPRESSED_BYTES_MAX, Rejection, ValidationSettings};

/// A batch that may be appended once it has its offset and leader epoch.
#[derive(Debug)]
pub struct ValidBatch<'a>(BatchBytes<'a>);

#[derive(Debug)]
enum BatchBytes<'a> {
    /// As sent, its header patched where the topic asks for it.
    InPlace(&'a mut [u8]),
    /// Written anew with another codec.
    Rebuilt(Vec<u8>),
}

impl ValidBatch<'_> {
    /// The whole batch; what followed it in the request is not part of it.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            BatchBytes::InPlace(bytes) => bytes,
            BatchBytes::Rebuilt(bytes) => bytes,
        }
    }

    /// The whole batch, for the log to assign its offset and leader epoch; the CRC covers neither.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            BatchBytes::InPlace(bytes) => bytes,
            BatchBytes::Rebuilt(bytes) => bytes,
        }
    }
}

/// Validates the first batch in `records` for the log of `topic`-`partition` at the time `now_ms`.
///
/// Clients' records have passed [`super::check_produce`] before.
///
/// # Errors
/// - INVALID_RECORD: no batch, base offset not 0, counts and offsets that contradict each other, control
///   records from a client, a producer id without sequence, malformed records, a compressed one above
///   `max.decompressed.message.bytes`, no key in a compacted topic.
/// - MESSAGE_TOO_LARGE: larger than `max.message.bytes`, as sent or as rebuilt.
/// - CORRUPT_MESSAGE: size or CRC. INVALID_TIMESTAMP: out of the topic's range, or append time set by a
///   producer.
/// - UNKNOWN_SERVER_ERROR: unknown codec, undecodable payload, offsets that are not consecutive in a
///   compressed batch.
pub fn validate<'a>(
    records: &'a mut [u8],
    topic: &str,
    partition: i32,
    settings: &ValidationSettings,
    now_ms: i64,
    origin: AppendOrigin,
) -> Result<ValidBatch<'a>, Rejection> {
    let batch = Batch::parse(records)?;
    let header = batch.header;
    if origin == AppendOrigin::Client && header.base_offset != 0 {
        return Err(Rejection::new(ErrorCode::InvalidRecord));
    }
    check_size(batch.bytes.len(), settings)?;
    batch.verify_crc()?;
    let source = header.compression()?;
    if origin == AppendOrigin::Client {
        check_client_header(&header)?;
    }

    let codec = settings.compression.codec(source);
    let log_append_time = (settings.timestamp_type == TimestampType::LogAppendTime).then_some(now_ms);
    let mut judge = Judge::new(settings, header, now_ms);
    let in_place = source == codec || (source == Compression::None && header.is_control());
    let bytes = if in_place {
        walk(&batch, source, settings, &mut judge)?;
        judge.verdict(topic, partition)?;
        if source != Compression::None && !judge.consecutive {
            return Err(Rejection::new(ErrorCode::UnknownServerError));
        }
        let max_timestamp = log_append_time.unwrap_or(judge.max_timestamp);
        let size = batch.bytes.len();
        let bytes = records
            .get_mut(..size)
            .ok_or(Rejection::new(ErrorCode::InvalidRecord))?;
        set_max_timestamp(bytes, settings.timestamp_type, max_timestamp);
        BatchBytes::InPlace(bytes)
    } else {
        let mut builder = rebuild(&batch, (source, codec), settings, judge, topic, partition)?;
        if let Some(level) = settings.compression.level() {
            builder = builder.level(level);
        }
        if let Some(now_ms) = log_append_time {
            builder = builder.log_append_time(now_ms);
        }
        let bytes = builder.build()?;
        check_size(bytes.len(), settings)?;
        BatchBytes::Rebuilt(bytes)
    };
    Ok(ValidBatch(bytes))
}

fn check_size(size: usize, settings: &ValidationSettings) -> Result<(), Rejection> {
    if size > settings.max_message_bytes {
        Err(Rejection::new(ErrorCode::MessageTooLarge))
    } else {
        Ok(())
    }
}

fn check_client_header(header: &BatchHeader) -> Result<(), Rejection> {
    let count = i64::from(header.last_offset_delta) + 1;
    let counts_agree = count > 0 && i64::from(header.records_count) == count;
    let sequence_missing = header.has_producer_id() && header.base_sequence <= NO_SEQUENCE;
    if counts_agree && !header.is_control() && !sequence_missing {
        Ok(())
    } else {
        Err(Rejection::new(ErrorCode::InvalidRecord))
    }
}

/// Shows every record of a batch that stays as it is to the judge.
fn walk(
    batch: &Batch<'_>,
    codec: Compression,
    settings: &ValidationSettings,
    judge: &mut Judge<'_>,
) -> Result<(), RecordsError> {
    if codec == Compression::None {
        for record in batch.records_in(batch.payload()) {
            judge.record(Seen::from(&record?));
        }
        return Ok(());
    }
    let reader = Decompressor::new(codec, batch.payload())?;
    let mut skim = Skim::new(reader, codec, batch.header.records_count, DECOMPRESSED_BYTES_MAX)
        .record_bytes_max(settings.max_decompressed_record_bytes);
    while let Some(record) = skim.next_record()? {
        judge.record(Seen::from(&record));
    }
    Ok(())
}
