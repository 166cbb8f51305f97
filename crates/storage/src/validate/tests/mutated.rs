//! Sound batches, changed at random and sealed again: nothing panics, and what is accepted can be read back,
//! passes once more and then stays as it is. A failure prints its seed.

use barnabas_environment::Random;

use super::*;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn settings(random: &Random) -> ValidationSettings {
    ValidationSettings {
        max_message_bytes: [300, 1_048_588][random.index(2)],
        timestamp_type: [TimestampType::CreateTime, TimestampType::LogAppendTime][random.index(2)],
        timestamp_before_max_ms: [i64::MAX, 10_000][random.index(2)],
        compression: match random.index(6) {
            5 => TargetCompression::Producer,
            codec => TargetCompression::Fixed(CODECS[codec], None),
        },
        compacted: random.index(3) == 0,
        ..Default::default()
    }
}

fn records(random: &Random) -> Vec<u8> {
    let source = CODECS[random.index(5)];
    let mut builder = BatchBuilder::new(source).producer(7, 0, 1);
    for _ in 0..1 + random.index(4) {
        let value = vec![random.index(256) as u8; random.index(150)];
        let timestamp = NOW_MS - random.index(20_000) as i64;
        let key = (random.index(3) > 0).then_some(&b"key"[..]);
        builder.append(&RecordFields {
            timestamp,
            key,
            value: Some(&value),
            headers: &[("h", None)],
        });
    }
    let mut bytes = builder.build().unwrap();
    for _ in 0..random.index(3) {
        let at = 12 + random.index(bytes.len() - 12);
        bytes[at] = [random.index(256) as u8, 0, 0xff, bytes[at] ^ 1][random.index(4)];
    }
    seal(&mut bytes);
    bytes.extend(std::iter::repeat_n(0, random.index(3)));
    bytes
}

fn round(random: &Random) -> bool {
    let settings = settings(random);
    let mut bytes = records(random);
    let _ = starts_transactional(&bytes);
    let _ = check_produce(9, &bytes);
    let validated = |bytes: &mut [u8]| {
        validate(bytes, "t", 0, &settings, NOW_MS, AppendOrigin::Client).map(|batch| batch.bytes().to_vec())
    };
    let Ok(mut stored) = validated(&mut bytes) else {
        return false;
    };
    let batch = Batch::parse(&stored).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.bytes.len(), stored.len());
    assert!(stored.len() <= settings.max_message_bytes);
    let mut plain = Vec::new();
    compression::decompress(
        batch.header.compression().unwrap(),
        batch.payload(),
        1 << 20,
        &mut plain,
    )
    .unwrap();
    let read = batch
        .records_in(&plain)
        .inspect(|record| assert!(record.is_ok()))
        .count();
    assert_eq!(read, batch.header.records_count as usize);

    if settings.timestamp_type == TimestampType::CreateTime {
        let once = stored.clone();
        assert_eq!(validated(&mut stored), Ok(once));
    }
    true
}

#[test]
fn accepted_batches_are_sound_and_stay_so() {
    let mut accepted = 0;
    for seed in 0..6_000 {
        let round = || round(&Random::seeded(seed));
        accepted += usize::from(std::panic::catch_unwind(round).unwrap_or_else(|_| panic!("seed {seed}")));
    }
    assert!(
        (500..5_500).contains(&accepted),
        "{accepted} of 6000 accepted: the mutations miss their point"
    );
}
