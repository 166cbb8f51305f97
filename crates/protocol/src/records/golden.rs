//! Batches made by Apache Kafka's own `MemoryRecords` (fixtures/records/Golden.java writes them) are read as
//! they were meant, and what is built here without compression equals them byte for byte.

use super::compression::{Decompressor, decompress};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|d| d as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

macro_rules! golden {
    ($name:literal) => {
        hex(include_str!(concat!("../../fixtures/records/", $name, ".hex")))
    };
}

fn large_value(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 1000) as u8).collect()
}

type Expected = (
    i64,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(Vec<u8>, Option<Vec<u8>>)>,
);

fn expected(large: usize) -> Vec<Expected> {
    let headers = vec![
        (b"h".to_vec(), Some(b"1".to_vec())),
        (b"h".to_vec(), None),
        ("ü".as_bytes().to_vec(), Some(vec![])),
    ];
    vec![
        (
            1_700_000_000_000,
            Some(b"key".to_vec()),
            Some(b"value".to_vec()),
            vec![],
        ),
        (1_700_000_000_005, None, Some(b"no key".to_vec()), headers),
        (1_699_999_999_990, Some(b"tombstone".to_vec()), None, vec![]),
        (1_700_000_000_001, Some(vec![]), Some(large_value(large)), vec![]),
    ]
}

fn check(name: &str, codec: Compression, bytes: &[u8], large: usize) {
    let batch = Batch::parse(bytes).unwrap();
    assert_eq!(batch.bytes.len(), bytes.len(), "{name}");
    batch.verify_crc().unwrap();
    let h = batch.header;
    assert_eq!(
        (
            h.base_offset,
            h.last_offset_delta,
            h.records_count,
            h.partition_leader_epoch
        ),
        (1000, 3, 4, 5)
    );
    assert_eq!(
        (h.base_timestamp, h.max_timestamp),
        (1_700_000_000_000, 1_700_000_000_005)
    );
    assert_eq!((h.producer_id, h.producer_epoch, h.base_sequence), (4242, 7, 100));
    assert_eq!(h.compression(), Ok(codec), "{name}");
    assert_eq!(h.timestamp_type(), TimestampType::CreateTime);
    assert!(h.is_transactional() && !h.is_control() && h.delete_horizon_ms().is_none());

    let mut plain = Vec::new();
    decompress(codec, batch.payload(), 1 << 20, &mut plain).unwrap();
    let seen: Vec<Expected> = batch
        .records_in(&plain)
        .map(|record| {
            let record = record.unwrap();
            let headers = record
                .headers()
                .map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec)))
                .collect();
            let timestamp = h.base_timestamp + record.timestamp_delta;
            (
                timestamp,
                record.key.map(<[u8]>::to_vec),
                record.value.map(<[u8]>::to_vec),
                headers,
            )
        })
        .collect();
    assert!(seen == expected(large), "{name}: other records");

    let mut skim = Skim::new(
        Decompressor::new(codec, batch.payload()).unwrap(),
        codec,
        4,
        1 << 20,
    );
    let mut count = 0;
    while let Some(record) = skim.next_record().unwrap() {
        assert_eq!(record.offset_delta, count);
        count += 1;
    }
    assert_eq!(count, 4, "{name}");
}

#[test]
fn every_codec_of_java_is_read() {
    check("none", Compression::None, &golden!("none"), 400);
    check("gzip", Compression::Gzip, &golden!("gzip"), 400);
    check("snappy", Compression::Snappy, &golden!("snappy"), 400);
    check("lz4", Compression::Lz4, &golden!("lz4"), 400);
    check("zstd", Compression::Zstd, &golden!("zstd"), 400);
    check("gzip-blocks", Compression::Gzip, &golden!("gzip-blocks"), 200_000);
    check(
        "snappy-blocks",
        Compression::Snappy,
        &golden!("snappy-blocks"),
        200_000,
    );
    check("lz4-blocks", Compression::Lz4, &golden!("lz4-blocks"), 200_000);
    check("zstd-blocks", Compression::Zstd, &golden!("zstd-blocks"), 200_000);
}

#[test]
fn the_builder_writes_what_java_writes() {
    let mut builder = BatchBuilder::new(Compression::None)
        .base_offset(1000)
        .partition_leader_epoch(5)
        .producer(4242, 7, 100)
        .transactional();
    let value = large_value(400);
    let headers: [(&str, Option<&[u8]>); 3] = [("h", Some(b"1")), ("h", None), ("ü", Some(b""))];
    let records: [RecordFields<'_>; 4] = [
        RecordFields {
            timestamp: 1_700_000_000_000,
            key: Some(b"key"),
            value: Some(b"value"),
            headers: &[],
        },
        RecordFields {
            timestamp: 1_700_000_000_005,
            key: None,
            value: Some(b"no key"),
            headers: &headers,
        },
        RecordFields {
            timestamp: 1_699_999_999_990,
            key: Some(b"tombstone"),
            value: None,
            headers: &[],
        },
        RecordFields {
            timestamp: 1_700_000_000_001,
            key: Some(b""),
            value: Some(&value),
            headers: &[],
        },
    ];
    records.iter().for_each(|record| builder.append(record));
    assert_eq!(builder.build().unwrap(), golden!("none"));
}

#[test]
fn a_transaction_marker_is_a_control_batch_of_one() {
    let bytes = golden!("commit-marker");
    let batch = Batch::parse(&bytes).unwrap();
    batch.verify_crc().unwrap();
    assert!(batch.header.is_control() && batch.header.is_transactional());
    assert_eq!(
        (
            batch.header.base_offset,
            batch.header.producer_id,
            batch.header.base_sequence
        ),
        (31, 4242, -1)
    );
    let records: Vec<_> = batch
        .records_in(batch.payload())
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key, Some(&[0u8, 0, 0, 1][..]));

    let mut built = BatchBuilder::new(Compression::None).like(&batch.header);
    built.append_record(batch.header.base_timestamp, &records[0]);
    assert_eq!(built.build().unwrap(), bytes);
}
