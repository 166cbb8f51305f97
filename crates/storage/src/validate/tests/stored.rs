//! What an accepted batch looks like when it goes to the log.

use super::*;

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
