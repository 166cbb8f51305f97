//! Batches that are refused as a whole, and their neighbours that are not.

use super::*;

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
fn a_compressed_record_is_held_to_its_own_limit() {
    let records = [RECORD.at(0), RECORD.at(1)].concat();
    let body = RECORD.at(0).len() - 1;
    for codec in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let limit = |bytes| ValidationSettings {
            max_decompressed_record_bytes: bytes,
            ..to(codec)
        };
        assert_eq!(code(&gzip(&records, 2), &limit(body)), Accepted, "{codec}");
        assert_eq!(
            code(&gzip(&records, 2), &limit(body - 1)),
            InvalidRecord,
            "{codec}"
        );
        assert_eq!(code(&plain(&records, 2), &limit(1)), Accepted, "{codec}");
    }
}

#[test]
fn what_expands_too_much_to_be_rebuilt_is_refused() {
    let mut builder = BatchBuilder::new(Compression::Gzip);
    let zeros = vec![0; 20 << 20];
    builder.append(&RecordFields {
        timestamp: NOW_MS,
        value: Some(&zeros),
        ..RecordFields::default()
    });
    let bomb = builder.build().unwrap();
    assert!(bomb.len() < 100_000);
    assert_eq!(code(&bomb, &ValidationSettings::default()), Accepted);
    assert_eq!(code(&bomb, &to(Compression::Zstd)), MessageTooLarge);
    let larger = ValidationSettings {
        max_message_bytes: 2 << 20,
        ..to(Compression::Zstd)
    };
    assert_eq!(code(&bomb, &larger), Accepted);
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
