//! Every expected code was seen in the answer of Apache Kafka 4.4.0 to the same bytes.

use barnabas_protocol::error::ErrorCode::{
    self, CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge, None as Accepted,
    UnknownServerError, UnsupportedCompressionType,
};
use barnabas_protocol::records::{
    Attributes, Batch, BatchBuilder, BatchHeader, Compression, RecordFields, TimestampType, compression, seal,
};

use super::*;
use crate::log::AppendOrigin;

mod mutated;
mod record_errors;
mod refused;
mod stored;

const NOW_MS: i64 = 1_800_000_000_000;

/// One record's bytes; `length` overrides its own length field.
#[derive(Clone, Copy)]
struct Raw {
    offset_delta: u8,
    timestamp_delta: u8,
    key: Option<u8>,
    headers: i8,
    length: Option<u8>,
}

const RECORD: Raw = Raw {
    offset_delta: 0,
    timestamp_delta: 0,
    key: Some(b'k'),
    headers: 0,
    length: None,
};

/// Zigzag of small numbers, one byte each.
fn zigzag(value: i8) -> u8 {
    ((value << 1) ^ (value >> 7)) as u8
}

impl Raw {
    fn bytes(self) -> Vec<u8> {
        let mut body = vec![0, self.timestamp_delta << 1, self.offset_delta << 1];
        match self.key {
            Some(key) => body.extend([zigzag(1), key]),
            None => body.push(zigzag(-1)),
        }
        body.extend([zigzag(1), b'v', zigzag(self.headers)]);
        let length = self.length.unwrap_or(body.len() as u8 * 2);
        [vec![length], body].concat()
    }

    fn at(self, offset_delta: u8) -> Vec<u8> {
        Raw { offset_delta, ..self }.bytes()
    }
}

type Change<'a> = &'a dyn Fn(&mut BatchHeader);

/// A batch of `count` records around any payload, with its header changed by `change`, and sealed.
fn batch(payload: &[u8], count: i32, change: impl Fn(&mut BatchHeader)) -> Vec<u8> {
    let mut header = Batch::parse(&BatchBuilder::new(Compression::None).build().unwrap())
        .unwrap()
        .header;
    header.batch_length = (49 + payload.len()) as i32;
    header.records_count = count;
    header.last_offset_delta = count.wrapping_sub(1);
    header.base_timestamp = 1000;
    header.max_timestamp = 1000;
    change(&mut header);
    let mut bytes = [&header.to_bytes()[..], payload].concat();
    seal(&mut bytes);
    bytes
}

fn plain(payload: &[u8], count: i32) -> Vec<u8> {
    batch(payload, count, |_| {})
}

fn packed(codec: Compression, payload: &[u8], count: i32) -> Vec<u8> {
    let mut packed = Vec::new();
    compression::compress(codec, None, payload, &mut packed).unwrap();
    batch(&packed, count, |h| {
        h.attributes = Attributes::default().with_compression(codec)
    })
}

fn gzip(payload: &[u8], count: i32) -> Vec<u8> {
    packed(Compression::Gzip, payload, count)
}

fn to(codec: Compression) -> ValidationSettings {
    ValidationSettings {
        compression: TargetCompression::Fixed(codec, None),
        ..Default::default()
    }
}

/// All three steps, as the Produce handler takes them.
fn code(records: &[u8], settings: &ValidationSettings) -> ErrorCode {
    code_at(9, records, settings)
}

fn code_at(api_version: i16, records: &[u8], settings: &ValidationSettings) -> ErrorCode {
    let mut records = records.to_vec();
    let result = starts_transactional(&records)
        .and_then(|_| check_produce(api_version, &records))
        .and_then(|()| validate(&mut records, "t", 0, settings, NOW_MS, AppendOrigin::Client).map(|_| ()));
    result.err().map_or(Accepted, |rejection| rejection.error_code)
}

/// The stored form of records that must be accepted.
fn valid(records: &mut [u8], settings: &ValidationSettings) -> (BatchHeader, Vec<u8>) {
    let valid = validate(records, "t", 0, settings, NOW_MS, AppendOrigin::Client).unwrap();
    let batch = Batch::parse(valid.bytes()).unwrap();
    batch.verify_crc().unwrap();
    (batch.header, valid.bytes().to_vec())
}
