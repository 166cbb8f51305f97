//! Lookups by time against a look at every record.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{BatchBuilder, Compression};
use barnabas_storage::{Log, LogConfig};

use crate::fixture::{Fixture, append, batch, fill};

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// All timestamps in order of offset; not sorted.
fn timestamps() -> Vec<i64> {
    (0..300_i64).map(|i| 1_000 + i * 10 + (i * 7919) % 97).collect()
}

fn check(log: &mut Log, timestamps: &[i64]) {
    let start = log.log_start_offset() as usize;
    for wanted in (950..4_300).step_by(3) {
        let expected = timestamps
            .iter()
            .skip(start)
            .position(|timestamp| *timestamp >= wanted)
            .map(|at| at + start);
        let found = log.offset_for_timestamp(wanted).unwrap();
        assert_eq!(
            found.map(|found| found.offset),
            expected.map(|offset| offset as i64),
            "time {wanted}"
        );
        assert_eq!(
            found.map(|found| found.timestamp),
            expected.map(|offset| timestamps[offset]),
            "time {wanted}"
        );
    }
    let largest = *timestamps.iter().max().unwrap();
    let first = timestamps
        .iter()
        .position(|timestamp| *timestamp == largest)
        .unwrap();
    let found = log.offset_of_max_timestamp().unwrap().unwrap();
    assert_eq!(
        (found.timestamp, found.offset, found.leader_epoch),
        (largest, first as i64, 0)
    );
}

#[test]
fn every_time_is_found_in_every_codec() {
    for codec in CODECS {
        let config = LogConfig {
            segment_bytes: 2_000,
            index_interval_bytes: 150,
            ..LogConfig::default()
        };
        let fixture = Fixture::new(config);
        let log_dir = fixture.open();
        let mut log = fixture.create(&log_dir, 0);
        assert_eq!(log.offset_for_timestamp(0).unwrap(), None);
        let timestamps = timestamps();
        for (index, chunk) in timestamps.chunks(4).enumerate() {
            let records: Vec<(i64, Vec<u8>)> = chunk
                .iter()
                .map(|timestamp| (*timestamp, vec![index as u8; 20]))
                .collect();
            append(&mut log, batch(codec, &records));
        }
        check(&mut log, &timestamps);
        log.release().unwrap();
        check(&mut log, &timestamps);
        drop((log, log_dir));
        let log_dir = fixture.open();
        let (mut logs, clean) = fixture.load(&log_dir);
        assert!(!clean);
        check(&mut logs[0], &timestamps);
        assert!(logs[0].advance_log_start_offset(37, 300).unwrap());
        check(&mut logs[0], &timestamps);
    }
}

#[test]
fn records_with_append_time_share_their_batchs() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    let records = [(5, b"a".to_vec()), (900, b"b".to_vec())];
    for now_ms in [100, 200] {
        let builder = BatchBuilder::new(Compression::None).log_append_time(now_ms);
        assert_eq!(append(&mut log, fill(builder, &records)).log_append_time, now_ms);
    }
    for (wanted, offset) in [
        (0, Some(0)),
        (100, Some(0)),
        (101, Some(2)),
        (200, Some(2)),
        (201, None),
    ] {
        assert_eq!(
            log.offset_for_timestamp(wanted)
                .unwrap()
                .map(|found| found.offset),
            offset,
            "{wanted}"
        );
    }
    assert_eq!(log.offset_of_max_timestamp().unwrap().unwrap().offset, 2);
}

#[test]
fn a_record_larger_than_may_be_decompressed_is_not_searched() {
    for codec in CODECS {
        let config = LogConfig {
            max_decompressed_record_bytes: 100,
            ..LogConfig::default()
        };
        let fixture = Fixture::new(config);
        let log_dir = fixture.open();
        let mut log = fixture.create(&log_dir, 0);
        append(&mut log, batch(codec, &[(10, b"small".to_vec())]));
        append(
            &mut log,
            batch(codec, &[(20, vec![0; 101]), (30, b"small".to_vec())]),
        );
        let mut searches = |wanted| {
            [log.offset_for_timestamp(wanted), log.offset_of_max_timestamp()].map(|found| match found {
                Ok(found) => Ok(found.map(|found| found.offset)),
                Err(error) => Err(error.error_code()),
            })
        };
        let too_large = Err(ErrorCode::InvalidRecord);
        let behind = if codec == Compression::None {
            Ok(Some(2))
        } else {
            too_large
        };
        assert_eq!(searches(10), [Ok(Some(0)), behind], "{codec:?}");
        assert_eq!(searches(30), [behind, behind], "{codec:?}");
        assert_eq!(searches(31)[0], Ok(None), "no batch is of that time");
    }
}
