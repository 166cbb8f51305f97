//! Building a batch out of records: coordinators' own records, recompression, and tests.

use super::compression::compress;
use super::varint::{put_varint, put_varlong};
use super::{
    Attributes, BATCH_OVERHEAD, BatchHeader, Compression, LOG_OVERHEAD, MAGIC_V2, NO_EPOCH,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, Record, RecordsError, TimestampType, seal,
};

/// What a caller says of one record; offsets follow from the order of appends.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordFields<'a> {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value, if any.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// Collects records and writes one batch of format v2.
///
/// `base_timestamp` is the first record's, as Java's builder has it.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    header: BatchHeader,
    codec: Compression,
    level: Option<i32>,
    log_append_time: Option<i64>,
    payload: Vec<u8>,
    body: Vec<u8>,
}

impl BatchBuilder {
    /// An empty batch with base offset 0 and no producer id.
    pub fn new(codec: Compression) -> BatchBuilder {
        let header = BatchHeader {
            base_offset: 0,
            batch_length: 0,
            partition_leader_epoch: NO_EPOCH,
            magic: MAGIC_V2,
            crc: 0,
            attributes: Attributes::default().with_compression(codec),
            last_offset_delta: -1,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            records_count: 0,
        };
        BatchBuilder {
            header,
            codec,
            level: None,
            log_append_time: None,
            payload: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Compresses with this level instead of the codec's default.
    #[must_use]
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    /// Sets the offset of the first record.
    #[must_use]
    pub fn base_offset(mut self, base_offset: i64) -> Self {
        self.header.base_offset = base_offset;
        self
    }

    /// Sets the partition leader epoch.
    #[must_use]
    pub fn partition_leader_epoch(mut self, leader_epoch: i32) -> Self {
        self.header.partition_leader_epoch = leader_epoch;
        self
    }

    /// Sets producer id, epoch and the sequence number of the first record.
    #[must_use]
    pub fn producer(mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Self {
        self.header.producer_id = producer_id;
        self.header.producer_epoch = producer_epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Marks the batch as part of a transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_transactional(true);
        self
    }

    /// Marks the batch as one of control records.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_control(true);
        self
    }

    /// Stamps the batch with the broker's time (ms): timestamp type LogAppendTime, that time as the largest.
    #[must_use]
    pub fn log_append_time(mut self, now_ms: i64) -> Self {
        self.header.attributes = self
            .header
            .attributes
            .with_timestamp_type(TimestampType::LogAppendTime);
        self.log_append_time = Some(now_ms);
        self
    }

    /// Takes codec-independent header fields over from a batch that is being rebuilt: offset, epoch,
    /// producer, flags.
    #[must_use]
    pub fn like(mut self, source: &BatchHeader) -> Self {
        let attributes = Attributes::default()
            .with_compression(self.codec)
            .with_transactional(source.is_transactional())
            .with_control(source.is_control());
        self.header.attributes = attributes.with_timestamp_type(self.header.timestamp_type());
        self.base_offset(source.base_offset)
            .partition_leader_epoch(source.partition_leader_epoch)
            .producer(source.producer_id, source.producer_epoch, source.base_sequence)
    }

    /// Appends a record; its offset is the previous one's plus one.
    pub fn append(&mut self, record: &RecordFields<'_>) {
        let delta = self.start_record(record.timestamp);
        put_varint(&mut self.body, delta);
        put_nullable(&mut self.body, record.key);
        put_nullable(&mut self.body, record.value);
        put_varint(&mut self.body, record.headers.len() as i32);
        for (key, value) in record.headers {
            put_header(&mut self.body, key.as_bytes(), *value);
        }
        self.end_record();
    }

    /// Appends a copy of a record read from another batch, with its timestamp (ms) made absolute by the
    /// caller.
    pub fn append_record(&mut self, timestamp: i64, record: &Record<'_>) {
        let delta = self.start_record(timestamp);
        put_varint(&mut self.body, delta);
        put_nullable(&mut self.body, record.key);
        put_nullable(&mut self.body, record.value);
        put_varint(&mut self.body, record.headers().count() as i32);
        for header in record.headers() {
            put_header(&mut self.body, header.key, header.value);
        }
        self.end_record();
    }

    fn start_record(&mut self, timestamp: i64) -> i32 {
        if self.header.records_count == 0 {
            self.header.base_timestamp = timestamp;
        }
        self.header.max_timestamp = self.header.max_timestamp.max(timestamp);
        self.header.last_offset_delta += 1;
        self.header.records_count += 1;
        self.body.clear();
        self.body.push(0);
        put_varlong(&mut self.body, timestamp.wrapping_sub(self.header.base_timestamp));
        self.header.last_offset_delta
    }

    fn end_record(&mut self) {
        put_varint(&mut self.payload, self.body.len() as i32);
        self.payload.extend_from_slice(&self.body);
    }

    /// Records appended so far.
    pub fn records_count(&self) -> i32 {
        self.header.records_count
    }

    /// Bytes of the batch if it were built now without compression.
    pub fn uncompressed_size(&self) -> usize {
        BATCH_OVERHEAD + self.payload.len()
    }

    /// Writes the batch.
    ///
    /// # Errors
    /// `Compression` when the codec refuses, `BatchTooLarge` when the result outgrows an `i32` length.
    pub fn build(mut self) -> Result<Vec<u8>, RecordsError> {
        if let Some(now_ms) = self.log_append_time {
            self.header.max_timestamp = now_ms;
        }
        let mut batch = Vec::with_capacity(BATCH_OVERHEAD + self.payload.len());
        batch.resize(BATCH_OVERHEAD, 0);
        compress(self.codec, self.level, &self.payload, &mut batch)?;
        let length = batch.len() - LOG_OVERHEAD;
        self.header.batch_length =
            i32::try_from(length).map_err(|_| RecordsError::BatchTooLarge(batch.len()))?;
        if let Some(header) = batch.first_chunk_mut() {
            *header = self.header.to_bytes();
        }
        seal(&mut batch);
        Ok(batch)
    }
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
    }
}

fn put_header(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    put_nullable(out, Some(key));
    put_nullable(out, value);
}
