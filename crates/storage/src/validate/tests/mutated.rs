//! Sound batches, changed at random and sealed again: nothing panics, and what is accepted can be read back,
//! passes once more and then stays as it is. A failure prints its seed.

use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) % bound.max(1) as u64) as usize
    }
}

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn settings(random: &mut Random) -> ValidationSettings {
    ValidationSettings {
        max_message_bytes: [300, 1_048_588][random.below(2)],
        timestamp_type: [TimestampType::CreateTime, TimestampType::LogAppendTime][random.below(2)],
        timestamp_before_max_ms: [i64::MAX, 10_000][random.below(2)],
        compression: match random.below(6) {
            5 => TargetCompression::Producer,
            codec => TargetCompression::Fixed(CODECS[codec], None),
        },
        compacted: random.below(3) == 0,
        ..Default::default()
    }
}

fn records(random: &mut Random) -> Vec<u8> {
    let source = CODECS[random.below(5)];
    let mut builder = BatchBuilder::new(source).producer(7, 0, 1);
    for _ in 0..1 + random.below(4) {
        let value = vec![random.below(256) as u8; random.below(150)];
        let timestamp = NOW_MS - random.below(20_000) as i64;
        let key = (random.below(3) > 0).then_some(&b"key"[..]);
        builder.append(&RecordFields {
            timestamp,
            key,
            value: Some(&value),
            headers: &[("h", None)],
        });
    }
    let mut bytes = builder.build().unwrap();
    for _ in 0..random.below(3) {
        let at = 12 + random.below(bytes.len() - 12);
        bytes[at] = [random.below(256) as u8, 0, 0xff, bytes[at] ^ 1][random.below(4)];
    }
    seal(&mut bytes);
    bytes.extend(std::iter::repeat_n(0, random.below(3)));
    bytes
}

fn round(random: &mut Random) -> bool {
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
        let round = || round(&mut Random(seed));
        accepted += usize::from(std::panic::catch_unwind(round).unwrap_or_else(|_| panic!("seed {seed}")));
    }
    assert!(
        (500..5_500).contains(&accepted),
        "{accepted} of 6000 accepted: the mutations miss their point"
    );
}
