//! Batches built, walked, patched and broken.

use super::compression::Decompressor;
use super::*;

fn sample(codec: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec)
        .base_offset(7)
        .producer(9, 2, 40)
        .partition_leader_epoch(3);
    builder.append(&RecordFields {
        timestamp: 1000,
        key: Some(b"k"),
        value: Some(b"v"),
        headers: &[],
    });
    builder.append(&RecordFields {
        timestamp: 990,
        key: None,
        value: None,
        headers: &[("a", Some(b"1")), ("a", None), ("", Some(b""))],
    });
    builder.append(&RecordFields {
        timestamp: 1005,
        key: Some(b""),
        value: Some(&[5; 300]),
        headers: &[],
    });
    builder.build().unwrap()
}

const ALL: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

#[test]
fn what_is_built_is_read() {
    for codec in ALL {
        let bytes = sample(codec);
        let batch = Batch::parse(&bytes).unwrap();
        batch.verify_crc().unwrap();
        let h = batch.header;
        assert_eq!(h.size_in_bytes(), bytes.len());
        assert_eq!((h.base_offset, h.last_offset(), h.next_offset()), (7, 9, 10));
        assert_eq!((h.base_timestamp, h.max_timestamp), (1000, 1005));
        assert_eq!(
            (
                h.producer_id,
                h.producer_epoch,
                h.base_sequence,
                h.last_sequence()
            ),
            (9, 2, 40, 42)
        );
        assert_eq!(h.partition_leader_epoch, 3);
        assert_eq!(h.compression(), Ok(codec));
        assert_eq!(h.to_bytes(), bytes[..BATCH_OVERHEAD]);

        let mut plain = Vec::new();
        compression::decompress(codec, batch.payload(), 1000, &mut plain).unwrap();
        let records: Vec<_> = batch.records_in(&plain).collect::<Result<_, _>>().unwrap();
        let seen: Vec<_> = records
            .iter()
            .map(|r| (r.offset_delta, r.timestamp_delta, r.key, r.value.map(<[u8]>::len)))
            .collect();
        assert_eq!(
            seen,
            [
                (0, 0, Some(&b"k"[..]), Some(1)),
                (1, -10, None, None),
                (2, 5, Some(&b""[..]), Some(300))
            ]
        );
        let headers: Vec<_> = records[1].headers().map(|h| (h.key, h.value)).collect();
        assert_eq!(
            headers,
            [(&b"a"[..], Some(&b"1"[..])), (b"a", None), (b"", Some(b""))]
        );

        let mut skim = Skim::new(Decompressor::new(codec, batch.payload()).unwrap(), codec, 3, 1000);
        for record in &records {
            let skimmed = skim.next_record().unwrap().unwrap();
            assert_eq!(
                (
                    skimmed.offset_delta,
                    skimmed.timestamp_delta,
                    skimmed.key_len >= 0
                ),
                (record.offset_delta, record.timestamp_delta, record.key.is_some())
            );
        }
        assert_eq!(skim.next_record(), Ok(None));
    }
}

#[test]
fn patches_touch_only_their_field() {
    let mut bytes = sample(Compression::None);
    let before = Batch::parse(&bytes).unwrap().header;
    set_base_offset(&mut bytes, i64::MAX - 1);
    set_partition_leader_epoch(&mut bytes, 12);
    let batch = Batch::parse(&bytes).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(
        batch.header,
        BatchHeader {
            base_offset: i64::MAX - 1,
            partition_leader_epoch: 12,
            ..before
        }
    );

    set_max_timestamp(&mut bytes, TimestampType::LogAppendTime, 77);
    let batch = Batch::parse(&bytes).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(
        (batch.header.max_timestamp, batch.header.base_timestamp),
        (77, 1000)
    );
    assert_ne!(batch.header.crc, before.crc);
    set_base_offset(&mut bytes[..10], 5);
}

#[test]
fn sequences_wrap() {
    let mut header = Batch::parse(&sample(Compression::None)).unwrap().header;
    header.base_sequence = i32::MAX - 1;
    header.last_offset_delta = 3;
    assert_eq!(header.last_sequence(), 1);
    header.base_sequence = NO_SEQUENCE;
    assert_eq!(header.last_sequence(), NO_SEQUENCE);
}

#[test]
fn batches_end_quietly_where_cut_and_fail_where_wrong() {
    let one = sample(Compression::None);
    let two = [one.clone(), sample(Compression::Gzip)].concat();
    assert_eq!(batches(&two).filter(Result::is_ok).count(), 2);

    let mut cut = batches(&two[..two.len() - 1]);
    assert_eq!(cut.by_ref().filter(Result::is_ok).count(), 1);
    assert_eq!(cut.rest().len(), two.len() - one.len() - 1);

    let broken = |at: usize, value: &[u8]| {
        let mut bytes = one.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        let mut walk = batches(&bytes);
        let first = walk.next().unwrap().err();
        assert!(walk.next().is_none());
        first
    };
    assert_eq!(
        broken(8, &13i32.to_be_bytes()),
        Some(RecordsError::SizeBelowMinimum { size: 13 })
    );
    assert_eq!(
        broken(8, &(-1i32).to_be_bytes()),
        Some(RecordsError::SizeBelowMinimum { size: -1 })
    );
    assert_eq!(
        broken(8, &48i32.to_be_bytes()),
        Some(RecordsError::SizeBelowOverhead { size: 60 })
    );
    assert_eq!(
        broken(16, &[1]),
        Some(RecordsError::LegacyMagic {
            magic: 1,
            size: one.len()
        })
    );
    assert_eq!(
        broken(16, &[0]),
        Some(RecordsError::LegacyMagic {
            magic: 0,
            size: one.len()
        })
    );
    assert_eq!(broken(16, &[3]), Some(RecordsError::UnknownMagic(3)));
    assert_eq!(broken(16, &[0xff]), Some(RecordsError::UnknownMagic(-1)));
}

#[test]
fn any_flipped_bit_behind_the_crc_is_seen() {
    let bytes = sample(Compression::None);
    for at in 21..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(Batch::parse(&broken).unwrap().verify_crc().is_err(), "byte {at}");
    }
}

/// A record's bytes out of its body, with the length in front.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put_varint(&mut out, body.len() as i32);
    out.extend_from_slice(body);
    out
}

#[test]
fn malformed_records_are_named() {
    use InvalidRecord::*;
    let cases: &[(&str, Vec<u8>, i32, InvalidRecord)] = &[
        ("no record", vec![], 1, PrematureEnd),
        ("negative count", vec![], -2, RecordCount(-2)),
        ("bytes behind", framed(&[0, 0, 0, 1, 1, 0]), 0, RecordsRemain),
        ("negative length", vec![0x01], 1, Size { expected: -1 }),
        ("length over the end", vec![0x20, 0], 1, Size { expected: 16 }),
        ("empty body", framed(&[]), 1, Structure),
        ("key over the end", framed(&[0, 0, 0, 20, 1, 0]), 1, Structure),
        (
            "negative headers",
            framed(&[0, 0, 0, 1, 1, 3]),
            1,
            HeaderCount(-2),
        ),
        (
            "too many headers",
            framed(&[0, 0, 0, 1, 1, 20]),
            1,
            HeaderCountOverrun(10),
        ),
        (
            "null header key",
            framed(&[0, 0, 0, 1, 1, 2, 1]),
            1,
            HeaderKeySize(-1),
        ),
        (
            "record ends early",
            framed(&[0, 0, 0, 1, 1, 0, 0]),
            1,
            SizeMismatch { expected: 7, read: 6 },
        ),
    ];
    for (name, payload, count, expected) in cases {
        let last = Records::new(payload, *count).last();
        assert_eq!(last.and_then(Result::err), Some(*expected), "{name}");
        let mut skim = Skim::new(&payload[..], Compression::None, *count, 1000);
        let error = loop {
            match skim.next_record() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{name}: no error"),
                Err(error) => break error,
            }
        };
        if *name != "length over the end" {
            assert_eq!(error, RecordsError::InvalidRecord(*expected), "{name}");
        }
    }
}

#[test]
fn append_time_holds_for_the_batch() {
    let mut builder = BatchBuilder::new(Compression::None)
        .log_append_time(5000)
        .transactional();
    builder.append(&RecordFields {
        timestamp: 6000,
        ..RecordFields::default()
    });
    let bytes = builder.build().unwrap();
    let header = Batch::parse(&bytes).unwrap().header;
    assert_eq!(
        (header.max_timestamp, header.timestamp_type()),
        (5000, TimestampType::LogAppendTime)
    );
    assert!(header.is_transactional() && !header.is_control());
}

#[test]
fn the_crc_is_that_of_another_implementation_at_every_length() {
    let batch: Vec<u8> = (0..5000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    for len in (0..700).chain([1023, 1024, 4096, 5000]) {
        let covered = batch[..len].get(21..).unwrap_or_default();
        assert_eq!(batch_crc(&batch[..len]), crc32c::crc32c(covered), "{len}");
    }
}
