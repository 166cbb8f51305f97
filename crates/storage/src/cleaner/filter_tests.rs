//! Tables for what of a batch survives.

use barnabas_protocol::records::{
    Batch, BatchBuilder, BatchHeader, Compression, RawRecords, RecordFields, batches, compression,
};

use super::filter::{Filter, LastBatch, LastBatches, Rules};
use super::offset_map::OffsetMap;
use super::transactions::Transactions;

const NOW_MS: i64 = 50_000;
const RETENTION_MS: i64 = 1_000;
const ROUND_END: i64 = 1_000;

/// The key's last offset is 100 for "new", 5 for "old", and "none" was not seen in the dirty part.
fn offsets() -> OffsetMap {
    let mut offsets = OffsetMap::new(1 << 10, 0.9, 10, 1);
    assert!(offsets.put(b"old", 5) && offsets.put(b"new", 100));
    offsets.cover(200);
    offsets
}

type Row<'a> = (Option<&'a str>, Option<&'a str>);

fn builder(codec: Compression, base_offset: i64) -> BatchBuilder {
    BatchBuilder::new(codec).base_offset(base_offset)
}

/// A batch of records a millisecond apart, the first at 7000.
fn batch(mut builder: BatchBuilder, rows: &[Row<'_>]) -> Vec<u8> {
    for (n, (key, value)) in rows.iter().enumerate() {
        builder.append(&RecordFields {
            timestamp: 7_000 + n as i64,
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
            headers: &[("h", Some(b"v"))],
        });
    }
    builder.build().unwrap()
}

fn marker(base_offset: i64, producer_id: i64, committed: bool) -> Vec<u8> {
    let mut builder = builder(Compression::None, base_offset)
        .producer(producer_id, 0, -1)
        .transactional()
        .control();
    builder.append(&RecordFields {
        timestamp: 7_000,
        key: Some(&[0, 0, 0, u8::from(committed)]),
        value: Some(&[0, 0, 0, 0, 0, 0]),
        headers: &[],
    });
    builder.build().unwrap()
}

/// What stays of consecutive batches.
fn filter(input: &[Vec<u8>], last_batches: LastBatches, now_ms: i64) -> Vec<u8> {
    let offsets = offsets();
    let rules = Rules {
        offsets: &offsets,
        last_batches: &last_batches,
        round_end: ROUND_END,
        now_ms,
        delete_retention_ms: RETENTION_MS,
    };
    let (mut filter, mut transactions, mut out) = (Filter::default(), Transactions::default(), Vec::new());
    for bytes in input {
        let batch = Batch::parse(bytes).unwrap();
        filter
            .filter(&batch, &rules, &mut transactions, &mut out)
            .unwrap();
    }
    out
}

/// Offset, timestamp, key, whether there is a value.
type Content = (i64, i64, Option<String>, bool);

/// Every record, and all headers.
fn content(bytes: &[u8]) -> (Vec<Content>, Vec<BatchHeader>) {
    let (mut records, mut headers) = (Vec::new(), Vec::new());
    for batch in batches(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        let header = batch.header;
        let mut plain = Vec::new();
        compression::decompress(
            header.compression().unwrap(),
            batch.payload(),
            1 << 20,
            &mut plain,
        )
        .unwrap();
        for record in RawRecords::new(&plain, header.records_count).unwrap() {
            let record = record.unwrap();
            records.push((
                header.base_offset + i64::from(record.offset_delta),
                header.base_timestamp + record.timestamp_delta,
                record.key.map(|key| String::from_utf8(key.to_vec()).unwrap()),
                record.has_value,
            ));
        }
        headers.push(header);
    }
    (records, headers)
}

#[test]
fn a_record_stays_if_it_is_its_keys_last() {
    // (base offset, key) -> stays
    let cases = [
        ((50, Some("new")), false),
        ((99, Some("new")), false),
        ((100, Some("new")), true),
        ((4, Some("old")), false),
        ((5, Some("old")), true),
        ((50, Some("none")), true),
        ((50, None), false),
        ((200, None), false),
        // Behind what the map covers nothing is known.
        ((201, None), true),
        ((201, Some("new")), true),
    ];
    for ((base_offset, key), stays) in cases {
        let bytes = batch(builder(Compression::None, base_offset), &[(key, Some("v"))]);
        let out = filter(std::slice::from_ref(&bytes), LastBatches::default(), NOW_MS);
        let expected = if stays { bytes } else { Vec::new() };
        assert_eq!(out, expected, "{base_offset} {key:?}");
    }
}

#[test]
fn a_batch_that_loses_records_keeps_offsets_times_sequence_and_codec() {
    let rows = [
        (Some("new"), Some("1")),
        (Some("none"), Some("2")),
        (Some("new"), Some("3")),
        (Some("other"), Some("4")),
        (Some("new"), Some("5")),
    ];
    for codec in [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let bytes = batch(
            builder(codec, 10).producer(7, 3, 40).partition_leader_epoch(9),
            &rows,
        );
        let before = BatchHeader::parse(&bytes).unwrap();
        let (records, headers) = content(&filter(&[bytes], LastBatches::default(), NOW_MS));
        let expected = [
            (11, 7_001, Some("none".to_owned()), true),
            (13, 7_003, Some("other".to_owned()), true),
        ];
        assert_eq!(records, expected, "{codec}");
        let expected = BatchHeader {
            batch_length: headers[0].batch_length,
            crc: headers[0].crc,
            base_timestamp: 7_001,
            max_timestamp: 7_003,
            records_count: 2,
            ..before
        };
        assert_eq!(headers, [expected], "{codec}");
    }
}

#[test]
fn append_time_stays_that_of_the_batch() {
    let stamped = builder(Compression::None, 10).log_append_time(9_999);
    let bytes = batch(stamped, &[(Some("new"), Some("1")), (Some("none"), Some("2"))]);
    let (records, headers) = content(&filter(&[bytes], LastBatches::default(), NOW_MS));
    assert_eq!(records.len(), 1);
    assert_eq!((headers[0].max_timestamp, records[0].1), (9_999, 9_999));
}

#[test]
fn a_tombstone_gets_its_horizon_and_goes_when_it_has_come() {
    let bytes = batch(
        builder(Compression::None, 10),
        &[(Some("none"), None), (Some("other"), Some("v"))],
    );
    let stamped = filter(&[bytes], LastBatches::default(), NOW_MS);
    let (records, headers) = content(&stamped);
    assert_eq!(records[0], (10, 7_000, Some("none".to_owned()), false));
    assert_eq!(headers[0].delete_horizon_ms(), Some(NOW_MS + RETENTION_MS));
    let again = filter(
        std::slice::from_ref(&stamped),
        LastBatches::default(),
        NOW_MS + RETENTION_MS - 1,
    );
    assert_eq!(again, stamped, "nothing changes before its time");
    let (records, headers) = content(&filter(&[stamped], LastBatches::default(), NOW_MS + RETENTION_MS));
    assert_eq!(records, [(11, 7_001, Some("other".to_owned()), true)]);
    // As Apache Kafka: the horizon stays, whatever it was for.
    assert_eq!(headers[0].delete_horizon_ms(), Some(NOW_MS + RETENTION_MS));
}

#[test]
fn a_producers_last_batch_and_the_rounds_last_stay_without_records() {
    let last = |offset| {
        LastBatches::from([(
            7,
            LastBatch {
                last_data_offset: offset,
                producer_epoch: 0,
            },
        )])
    };
    let outdated = [(Some("new"), Some("1")), (Some("new"), Some("2"))];
    let of_producer = |offset| batch(builder(Compression::Lz4, offset).producer(7, 0, 5), &outdated);
    // (last batches, batch) -> stays as an empty one
    let cases = [
        (LastBatches::default(), of_producer(20), false),
        (last(Some(21)), of_producer(20), true),
        (last(Some(30)), of_producer(20), false),
        (last(None), of_producer(20), false),
    ];
    for (number, (last_batches, bytes, stays)) in cases.into_iter().enumerate() {
        let before = BatchHeader::parse(&bytes).unwrap();
        let (records, headers) = content(&filter(&[bytes], last_batches, NOW_MS));
        assert_eq!(
            (records.len(), headers.len()),
            (0, usize::from(stays)),
            "case {number}"
        );
        for header in headers {
            assert_eq!(
                (header.base_offset, header.last_offset(), header.last_sequence()),
                (before.base_offset, before.last_offset(), before.last_sequence())
            );
            assert_eq!(
                (header.base_timestamp, header.max_timestamp),
                (-1, before.max_timestamp)
            );
            assert_eq!(header.compression().unwrap(), Compression::None);
        }
    }
    let at_end = batch(builder(Compression::None, 50), &outdated);
    let offsets = offsets();
    let rules = Rules {
        offsets: &offsets,
        last_batches: &LastBatches::default(),
        round_end: 52,
        now_ms: NOW_MS,
        delete_retention_ms: RETENTION_MS,
    };
    let mut out = Vec::new();
    let batch = Batch::parse(&at_end).unwrap();
    Filter::default()
        .filter(&batch, &rules, &mut Transactions::default(), &mut out)
        .unwrap();
    assert_eq!(content(&out).1[0].next_offset(), 52);
}

#[test]
fn a_marker_waits_for_its_horizon_once_its_transaction_is_gone() {
    let data = batch(
        builder(Compression::None, 10).producer(7, 0, 0).transactional(),
        &[(Some("none"), Some("v"))],
    );
    let kept = filter(
        &[data.clone(), marker(11, 7, true)],
        LastBatches::default(),
        NOW_MS,
    );
    assert_eq!(kept, [data, marker(11, 7, true)].concat(), "its batch is there");
    let stamped = filter(&[marker(11, 7, true)], LastBatches::default(), NOW_MS);
    let header = content(&stamped).1[0];
    assert_eq!(header.delete_horizon_ms(), Some(NOW_MS + RETENTION_MS));
    assert!(header.is_control());
    assert!(
        filter(
            std::slice::from_ref(&stamped),
            LastBatches::default(),
            NOW_MS + RETENTION_MS
        )
        .is_empty()
    );
    // The only trace of a producer's epoch stays, without its record.
    let only = LastBatches::from([(
        7,
        LastBatch {
            last_data_offset: None,
            producer_epoch: 0,
        },
    )]);
    let (_, headers) = content(&filter(&[stamped], only, NOW_MS + RETENTION_MS));
    assert_eq!((headers.len(), headers[0].records_count), (1, 0));
    assert!(headers[0].is_control());
}

#[test]
fn unsound_batches_are_errors() {
    let offsets = offsets();
    let rules = Rules {
        offsets: &offsets,
        last_batches: &LastBatches::default(),
        round_end: ROUND_END,
        now_ms: NOW_MS,
        delete_retention_ms: RETENTION_MS,
    };
    let sound = batch(builder(Compression::Lz4, 10), &[(Some("none"), Some("v"))]);
    for at in 21..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        let batch = Batch::parse(&bytes).unwrap();
        let outcome = Filter::default().filter(&batch, &rules, &mut Transactions::default(), &mut Vec::new());
        assert!(outcome.is_err(), "byte {at}");
    }
}
