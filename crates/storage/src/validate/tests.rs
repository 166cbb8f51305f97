//! Every expected code was seen in the answer of Apache Kafka 4.3.0 to the same bytes.

use barnabas_protocol::error::ErrorCode::{
    self, CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge, None as Accepted,
    UnknownServerError, UnsupportedCompressionType,
};
use barnabas_protocol::records::{
    Attributes, Batch, BatchBuilder, BatchHeader, Compression, RecordFields, TimestampType, compression, seal,
};

use super::*;
use crate::log::AppendOrigin;

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

#[test]
fn frames() {
    let one = plain(&RECORD.at(0), 1);
    let with = |change: Change<'_>| batch(&RECORD.at(0), 1, change);
    let bad_crc = [&one[..17], &[0; 4], &one[21..]].concat();
    let cases: &[(&str, Vec<u8>, ErrorCode)] = &[
        ("sound", one.clone(), Accepted),
        ("nothing", vec![], InvalidRecord),
        ("five bytes", vec![0; 5], InvalidRecord),
        ("zeros", vec![0; 61], CorruptMessage),
        ("size 13", with(&|h| h.batch_length = 13), CorruptMessage),
        ("negative size", with(&|h| h.batch_length = -1), CorruptMessage),
        ("whole size 60", with(&|h| h.batch_length = 48), CorruptMessage),
        ("whole size 61", with(&|h| h.batch_length = 49), CorruptMessage),
        (
            "size beyond the end",
            with(&|h| h.batch_length = 5000),
            InvalidRecord,
        ),
        ("cut by one", one[..one.len() - 1].to_vec(), InvalidRecord),
        ("cut in its header", one[..40].to_vec(), InvalidRecord),
        ("magic 0", with(&|h| h.magic = 0), InvalidRecord),
        ("magic 1", with(&|h| h.magic = 1), InvalidRecord),
        ("magic 3", with(&|h| h.magic = 3), CorruptMessage),
        ("magic -1", with(&|h| h.magic = -1), CorruptMessage),
        ("two batches", [&one[..], &one].concat(), InvalidRecord),
        ("three bytes behind", [&one[..], &[0; 3]].concat(), Accepted),
        ("zeros behind", [&one[..], &[0; 40]].concat(), CorruptMessage),
        (
            "a cut batch behind",
            [&one[..], &one[..one.len() - 3]].concat(),
            Accepted,
        ),
        ("CRC", bad_crc, CorruptMessage),
    ];
    for (name, records, expected) in cases {
        assert_eq!(code(records, &ValidationSettings::default()), *expected, "{name}");
    }
}

#[test]
fn headers() {
    let r = RECORD.at(0);
    let cases: &[(&str, ErrorCode, Change<'_>)] = &[
        ("base offset", InvalidRecord, &|h| h.base_offset = 5),
        ("leader epoch", Accepted, &|h| h.partition_leader_epoch = 9),
        ("unused attributes", Accepted, &|h| h.attributes.0 |= 0x4080),
        ("delete horizon", Accepted, &|h| h.attributes.0 |= 0x40),
        ("codec 5", UnknownServerError, &|h| h.attributes.0 |= 5),
        ("codec 7", UnknownServerError, &|h| h.attributes.0 |= 7),
        ("control", InvalidRecord, &|h| h.attributes.0 |= 0x20),
        ("count -1", InvalidRecord, &|h| h.records_count = -1),
        ("both negative", InvalidRecord, &|h| {
            (h.records_count, h.last_offset_delta) = (-5, -6)
        }),
        ("count above", InvalidRecord, &|h| h.records_count = 2),
        ("both above", InvalidRecord, &|h| {
            (h.records_count, h.last_offset_delta) = (2, 1)
        }),
        ("huge count", InvalidRecord, &|h| {
            (h.records_count, h.last_offset_delta) = (i32::MAX, i32::MAX - 1)
        }),
        ("last offset above", InvalidRecord, &|h| h.last_offset_delta = 5),
        ("sequence missing", InvalidRecord, &|h| h.producer_id = 9),
        ("sequence -2", InvalidRecord, &|h| {
            (h.producer_id, h.base_sequence) = (9, -2)
        }),
        ("no producer id", Accepted, &|h| {
            (h.producer_id, h.base_sequence) = (-2, 5)
        }),
        ("idempotent", Accepted, &|h| {
            (h.producer_id, h.producer_epoch, h.base_sequence) = (9, 0, 0)
        }),
        ("max timestamp", Accepted, &|h| h.max_timestamp = 5),
        ("append time", Accepted, &|h| {
            (h.attributes.0, h.max_timestamp) = (8, 77)
        }),
        ("append time unset", InvalidTimestamp, &|h| {
            (h.attributes.0, h.max_timestamp) = (8, -1)
        }),
    ];
    for (name, expected, change) in cases {
        assert_eq!(
            code(&batch(&r, 1, change), &ValidationSettings::default()),
            *expected,
            "{name}"
        );
    }
    assert_eq!(
        code(&plain(&[], 0), &ValidationSettings::default()),
        InvalidRecord
    );
    let empty_with_offset = batch(&[], 0, |h| h.last_offset_delta = 0);
    assert_eq!(
        code(&empty_with_offset, &ValidationSettings::default()),
        InvalidRecord
    );
}

#[test]
fn records() {
    let two = |first: u8, second: u8| [RECORD.at(first), RECORD.at(second)].concat();
    let length = |length| {
        Raw {
            length: Some(length),
            ..RECORD
        }
        .bytes()
    };
    let cases: &[(&str, Vec<u8>, i32, ErrorCode, ErrorCode)] = &[
        ("two", two(0, 1), 2, Accepted, Accepted),
        ("one too many", two(0, 1), 1, InvalidRecord, InvalidRecord),
        ("one too few", RECORD.at(0), 2, InvalidRecord, InvalidRecord),
        ("same offset", two(0, 0), 2, Accepted, UnknownServerError),
        ("offset gap", two(0, 5), 2, Accepted, UnknownServerError),
        ("first offset 3", RECORD.at(3), 1, Accepted, UnknownServerError),
        ("length short", length(3 * 2), 1, InvalidRecord, InvalidRecord),
        ("length long", length(60 * 2), 1, InvalidRecord, InvalidRecord),
        ("length negative", length(1), 1, InvalidRecord, InvalidRecord),
        ("length 0", vec![0], 1, InvalidRecord, InvalidRecord),
        (
            "length no varint",
            vec![0xff; 20],
            1,
            UnknownServerError,
            InvalidRecord,
        ),
        (
            "headers -2",
            Raw {
                headers: -2,
                ..RECORD
            }
            .bytes(),
            1,
            InvalidRecord,
            InvalidRecord,
        ),
        (
            "headers 30",
            Raw {
                headers: 30,
                ..RECORD
            }
            .bytes(),
            1,
            InvalidRecord,
            InvalidRecord,
        ),
    ];
    for (name, payload, count, uncompressed, compressed) in cases {
        let settings = ValidationSettings::default();
        assert_eq!(code(&plain(payload, *count), &settings), *uncompressed, "{name}");
        for codec in [
            Compression::Gzip,
            Compression::Snappy,
            Compression::Lz4,
            Compression::Zstd,
        ] {
            assert_eq!(
                code(&packed(codec, payload, *count), &settings),
                *compressed,
                "{name} {codec}"
            );
        }
    }
}

#[test]
fn payloads_that_are_no_stream_of_their_codec() {
    for (id, garbage) in [
        (1, UnknownServerError),
        (2, UnknownServerError),
        (3, UnknownServerError),
        (4, UnknownServerError),
    ] {
        let records = batch(b"garbage bytes", 1, |h| h.attributes.0 = id);
        assert_eq!(
            code(&records, &ValidationSettings::default()),
            garbage,
            "codec {id}"
        );
    }
    for (id, empty) in [
        (1, UnknownServerError),
        (2, UnknownServerError),
        (3, UnknownServerError),
        (4, InvalidRecord),
    ] {
        let records = batch(b"", 1, |h| h.attributes.0 = id);
        assert_eq!(
            code(&records, &ValidationSettings::default()),
            empty,
            "codec {id}"
        );
    }
}

#[test]
fn zstd_needs_version_7() {
    let records = packed(Compression::Zstd, &RECORD.at(0), 1);
    assert_eq!(
        code_at(6, &records, &ValidationSettings::default()),
        UnsupportedCompressionType
    );
    assert_eq!(code_at(7, &records, &ValidationSettings::default()), Accepted);
}

#[test]
fn sizes() {
    let one = plain(&RECORD.at(0), 1);
    let exact = ValidationSettings {
        max_message_bytes: one.len(),
        ..Default::default()
    };
    assert_eq!(code(&one, &exact), Accepted);
    let below = ValidationSettings {
        max_message_bytes: one.len() - 1,
        ..Default::default()
    };
    assert_eq!(code(&one, &below), MessageTooLarge);
    let corrupt_too = [&one[..17], &[0; 4], &one[21..]].concat();
    assert_eq!(code(&corrupt_too, &below), MessageTooLarge);

    let many: Vec<u8> = (0..60).flat_map(|i| RECORD.at(i)).collect();
    let small = ValidationSettings {
        max_message_bytes: 300,
        ..to(Compression::None)
    };
    assert_eq!(
        code(
            &gzip(&many, 60),
            &ValidationSettings {
                max_message_bytes: 300,
                ..Default::default()
            }
        ),
        Accepted
    );
    assert_eq!(code(&gzip(&many, 60), &small), MessageTooLarge);
}

#[test]
fn a_compacted_topic_wants_keys() {
    let keyless = Raw { key: None, ..RECORD };
    let payload = [
        RECORD.at(0),
        keyless.at(1),
        keyless.at(2),
        keyless.at(3),
        keyless.at(4),
    ]
    .concat();
    let settings = ValidationSettings {
        compacted: true,
        ..Default::default()
    };
    for mut records in [plain(&payload, 5), gzip(&payload, 5)] {
        assert_eq!(code(&records, &ValidationSettings::default()), Accepted);
        let rejection = validate(
            &mut records,
            "compact",
            0,
            &settings,
            NOW_MS,
            AppendOrigin::Client,
        )
        .unwrap_err();
        let text = "Compacted topic cannot accept message without key in topic partition compact-0";
        assert_eq!(rejection.error_code, InvalidRecord);
        let errors: Vec<_> = rejection
            .record_errors
            .iter()
            .map(|e| (e.batch_index, e.message.as_str()))
            .collect();
        assert_eq!(errors, [(1, text), (2, text), (3, text), (4, text)]);
        assert_eq!(
            rejection.message.unwrap(),
            format!(
                "One or more records have been rejected due to 4 record errors in total, and only showing the first \
                 three errors at most: [RecordError(batchIndex=1, message='{text}'), \
                 RecordError(batchIndex=2, message='{text}'), RecordError(batchIndex=3, message='{text}')]"
            )
        );
    }
}

#[test]
fn timestamps_must_be_near() {
    let settings = ValidationSettings {
        timestamp_before_max_ms: 10_000,
        timestamp_after_max_ms: 5_000,
        ..Default::default()
    };
    let at = |timestamp: i64| batch(&RECORD.at(0), 1, |h| h.base_timestamp = timestamp);
    assert_eq!(code(&at(NOW_MS - 10_000), &settings), Accepted);
    assert_eq!(code(&at(NOW_MS - 10_001), &settings), InvalidTimestamp);
    assert_eq!(code(&at(NOW_MS + 5_000), &settings), Accepted);
    assert_eq!(code(&at(NOW_MS + 5_001), &settings), InvalidTimestamp);
    assert_eq!(code(&at(-1), &settings), Accepted);
    assert_eq!(code(&at(i64::MIN), &settings), InvalidTimestamp);
    let append_time = ValidationSettings {
        timestamp_type: TimestampType::LogAppendTime,
        ..settings
    };
    assert_eq!(code(&at(5), &append_time), Accepted);

    let mut records = at(NOW_MS - 20_000);
    let rejection = validate(&mut records, "t", 0, &settings, NOW_MS, AppendOrigin::Client).unwrap_err();
    assert_eq!(
        rejection.message.unwrap(),
        "One or more records have been rejected due to invalid timestamp"
    );
    assert_eq!(
        rejection.record_errors,
        [RecordError {
            batch_index: 0,
            message: "Timestamp 1799999980000 of message with offset 0 is out of range. \
                      The timestamp should be within [1799999990000, 1800000005000]"
                .to_owned()
        }]
    );
}

#[test]
fn append_time_is_not_the_producers_to_set() {
    let settings = ValidationSettings {
        timestamp_type: TimestampType::LogAppendTime,
        ..Default::default()
    };
    let keyless = Raw { key: None, ..RECORD }.bytes();
    let mut gz = Vec::new();
    compression::compress(Compression::Gzip, None, &keyless, &mut gz).unwrap();
    for (mut records, record) in [
        (
            batch(&keyless, 1, |h| h.attributes.0 = 8),
            "DefaultRecord(offset=0, timestamp=1000, key=0 bytes",
        ),
        (
            batch(&gz, 1, |h| h.attributes.0 = 9),
            "PartialDefaultRecord(offset=0, timestamp=1000, key=-1 bytes",
        ),
    ] {
        let rejection = validate(&mut records, "t", 0, &settings, NOW_MS, AppendOrigin::Client).unwrap_err();
        assert_eq!(rejection.error_code, InvalidTimestamp);
        assert_eq!(
            rejection.record_errors[0].message,
            format!(
                "Invalid timestamp type in message {record}, value=1 bytes). \
                 Producer should not set timestamp type to LogAppendTime."
            )
        );
    }
}

fn valid(records: &mut [u8], settings: &ValidationSettings) -> (BatchHeader, Vec<u8>) {
    let valid = validate(records, "t", 0, settings, NOW_MS, AppendOrigin::Client).unwrap();
    let batch = Batch::parse(valid.bytes()).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.header, *valid.header());
    (batch.header, valid.bytes().to_vec())
}

#[test]
fn a_sound_batch_is_left_alone_and_what_follows_it_is_dropped() {
    let one = plain(&RECORD.at(0), 1);
    let mut records = [&one[..], b"rest"].concat();
    assert_eq!(valid(&mut records, &ValidationSettings::default()).1, one);
}

#[test]
fn wrong_header_timestamps_are_put_right() {
    let newer = Raw {
        timestamp_delta: 30,
        ..RECORD
    }
    .bytes();
    let settings = ValidationSettings::default();
    let (header, _) = valid(&mut batch(&newer, 1, |h| h.max_timestamp = 9), &settings);
    assert_eq!(header.max_timestamp, 1030);
    let (header, _) = valid(
        &mut batch(&newer, 1, |h| (h.attributes.0, h.max_timestamp) = (8, 77)),
        &settings,
    );
    assert_eq!(
        (header.timestamp_type(), header.max_timestamp),
        (TimestampType::CreateTime, 77)
    );
}

#[test]
fn append_time_is_stamped_in_place() {
    let settings = ValidationSettings {
        timestamp_type: TimestampType::LogAppendTime,
        ..Default::default()
    };
    for codec in [Compression::None, Compression::Zstd] {
        let (header, bytes) = valid(&mut packed(codec, &RECORD.at(0), 1), &settings);
        assert_eq!(
            (header.timestamp_type(), header.max_timestamp),
            (TimestampType::LogAppendTime, NOW_MS)
        );
        assert_eq!((header.base_timestamp, header.compression()), (1000, Ok(codec)));
        assert_eq!(bytes[61..], packed(codec, &RECORD.at(0), 1)[61..]);
    }
}

#[test]
fn the_topics_codec_wins() {
    let all = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for source in all {
        for target in all {
            let mut builder = BatchBuilder::new(source).producer(9, 1, 7).transactional();
            builder.append(&RecordFields {
                timestamp: 50,
                key: Some(b"a"),
                value: Some(b"1"),
                headers: &[],
            });
            let headers: &[(&str, Option<&[u8]>)] = &[("h", Some(b"x")), ("h", None)];
            builder.append(&RecordFields {
                timestamp: 40,
                key: None,
                value: None,
                headers,
            });
            let (header, bytes) = valid(&mut builder.build().unwrap(), &to(target));
            assert_eq!(header.compression(), Ok(target));
            assert_eq!(
                (header.producer_id, header.producer_epoch, header.base_sequence),
                (9, 1, 7)
            );
            assert!(header.is_transactional());
            assert_eq!(
                (
                    header.base_timestamp,
                    header.max_timestamp,
                    header.last_offset_delta
                ),
                (50, 50, 1)
            );
            let mut plain = Vec::new();
            compression::decompress(target, &bytes[61..], 1000, &mut plain).unwrap();
            let records: Vec<_> = Batch::parse(&bytes)
                .unwrap()
                .records_in(&plain)
                .map(Result::unwrap)
                .collect();
            assert_eq!(
                (
                    records[1].timestamp_delta,
                    records[1].offset_delta,
                    records[1].headers().count()
                ),
                (-10, 1, 2)
            );
        }
    }
}

#[test]
fn rebuilding_counts_offsets_anew() {
    let payload = [RECORD.at(0), RECORD.at(0)].concat();
    let (header, bytes) = valid(&mut plain(&payload, 2), &to(Compression::Gzip));
    assert_eq!(header.last_offset_delta, 1);
    let mut out = Vec::new();
    compression::decompress(Compression::Gzip, &bytes[61..], 1000, &mut out).unwrap();
    let deltas: Vec<_> = Batch::parse(&bytes)
        .unwrap()
        .records_in(&out)
        .map(|r| r.unwrap().offset_delta)
        .collect();
    assert_eq!(deltas, [0, 1]);
}

#[test]
fn rebuilding_refuses_what_kafkas_builder_refuses() {
    let settings = to(Compression::Gzip);
    let negative = batch(&RECORD.at(0), 1, |h| h.base_timestamp = -5);
    assert_eq!(code(&negative, &settings), UnknownServerError);
    assert_eq!(code(&negative, &ValidationSettings::default()), Accepted);
    let no_timestamp = batch(&RECORD.at(0), 1, |h| h.base_timestamp = -1);
    assert_eq!(code(&no_timestamp, &settings), Accepted);
    let no_epoch = batch(&RECORD.at(0), 1, |h| (h.producer_id, h.base_sequence) = (9, 0));
    assert_eq!(code(&no_epoch, &settings), UnknownServerError);
    assert_eq!(code(&no_epoch, &ValidationSettings::default()), Accepted);
}

#[test]
fn a_coordinator_may_write_markers() {
    let marker = batch(&RECORD.at(0), 1, |h| {
        (h.attributes.0, h.producer_id, h.producer_epoch) = (0x30, 9, 0)
    });
    for settings in [ValidationSettings::default(), to(Compression::Gzip)] {
        let mut records = marker.clone();
        let valid = validate(&mut records, "t", 0, &settings, NOW_MS, AppendOrigin::Coordinator).unwrap();
        assert_eq!(valid.bytes(), marker);
        assert_eq!(code(&marker, &settings), InvalidRecord);
    }
}

#[test]
fn a_whole_request_fails_on_a_frame_that_cannot_be() {
    let one = plain(&RECORD.at(0), 1);
    assert_eq!(starts_transactional(&one), Ok(false));
    assert_eq!(
        starts_transactional(&batch(&RECORD.at(0), 1, |h| h.attributes.0 = 0x10)),
        Ok(true)
    );
    assert_eq!(starts_transactional(&[]), Ok(false));
    assert_eq!(
        starts_transactional(&batch(&RECORD.at(0), 1, |h| h.magic = 1)),
        Ok(false)
    );
    let message = |records: &[u8]| starts_transactional(records).unwrap_err().message.unwrap();
    assert_eq!(
        message(&[0; 12]),
        "Record size 0 is less than the minimum record overhead (14)"
    );
    assert_eq!(
        message(&batch(&RECORD.at(0), 1, |h| h.magic = 3)),
        "Invalid magic found in record: 3"
    );
}

#[test]
fn record_errors_are_bounded() {
    let keyless = Raw { key: None, ..RECORD }.bytes();
    let count = RECORD_ERRORS_MAX + 500;
    let mut records = plain(&keyless.repeat(count), count as i32);
    let settings = ValidationSettings {
        compacted: true,
        ..Default::default()
    };
    let rejection = validate(&mut records, "t", 0, &settings, NOW_MS, AppendOrigin::Client).unwrap_err();
    assert_eq!(rejection.record_errors.len(), RECORD_ERRORS_MAX);
    assert!(
        rejection
            .message
            .unwrap()
            .contains(&format!("due to {count} record errors"))
    );
}
