//! Sound batches of every codec, then changed at random: nothing panics, memory stays bounded, and the two readers of
//! records (slices, and the skimming stream) agree. A failure prints its seed.

use std::io::{BufRead, BufReader};

use barnabas_environment::Random;
use barnabas_protocol::records::compression::{Decompressor, compress, decompress};
use barnabas_protocol::records::{
    Batch, BatchBuilder, Compression, RecordFields, Records, RecordsError, Skim, batches, seal, sole_batch,
};

const ALL: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];
/// What a mutated payload may expand to here.
const CAP: usize = 1 << 20;

fn noise(random: &Random, len_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.index(len_max)];
    random.fill(&mut bytes);
    bytes
}

fn sound_batch(random: &Random, codec: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec).producer(7, 1, 3);
    for _ in 0..1 + random.index(5) {
        let (key, value, header) = (noise(random, 20), noise(random, 200), noise(random, 10));
        let headers: [(&str, Option<&[u8]>); 2] = [("name", Some(&header)), ("null", None)];
        builder.append(&RecordFields {
            timestamp: random.below(1 << 40) as i64,
            key: (random.index(3) > 0).then_some(&key),
            value: (random.index(3) > 0).then_some(&value),
            headers: &headers[..random.index(3)],
        });
    }
    builder.build().unwrap()
}

fn mutate(random: &Random, bytes: &mut Vec<u8>, from: usize) {
    for _ in 0..1 + random.index(3) {
        if bytes.len() <= from {
            return;
        }
        let at = from + random.index(bytes.len() - from);
        match random.index(7) {
            0 => bytes[at] ^= 1 << random.index(8),
            1 => bytes[at] = random.u64() as u8,
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.index(5)],
            3 => drop(bytes.remove(at)),
            4 => bytes.insert(at, random.u64() as u8),
            5 => bytes.truncate(at),
            _ => bytes.extend(noise(random, 12)),
        }
    }
}

fn skim(reader: impl BufRead, codec: Compression, count: i32) -> Result<Vec<i32>, RecordsError> {
    let mut skim = Skim::new(reader, codec, count, CAP);
    let mut deltas = Vec::new();
    while let Some(record) = skim.next_record()? {
        deltas.push(record.offset_delta);
    }
    Ok(deltas)
}

/// Both readers of one payload; returns the offset deltas when it is sound.
fn read_both_ways(codec: Compression, payload: &[u8], count: i32) -> Option<Vec<i32>> {
    let mut plain = Vec::new();
    let whole: Result<Vec<i32>, RecordsError> = decompress(codec, payload, CAP, &mut plain).and_then(|()| {
        assert!(plain.len() <= CAP);
        let records = Records::new(&plain, count);
        Ok(records
            .map(|record| record.map(|r| (r.offset_delta, r.headers().count()).0))
            .collect::<Result<_, _>>()?)
    });
    let skimmed = Decompressor::new(codec, payload).and_then(|reader| skim(reader, codec, count));
    // Through a tiny buffer no record lies in one piece.
    let in_pieces = Decompressor::new(codec, payload)
        .and_then(|reader| skim(BufReader::with_capacity(5, reader), codec, count));
    assert_eq!(skimmed.as_ref().ok(), in_pieces.as_ref().ok());
    match (whole, skimmed) {
        (Ok(whole), Ok(skimmed)) => {
            assert_eq!(whole, skimmed);
            Some(whole)
        }
        (Err(_), Err(_)) => None,
        (whole, skimmed) => panic!("the readers disagree: {whole:?} and {skimmed:?}"),
    }
}

/// What is found without parsing is what a walk finds.
fn look(bytes: &[u8]) {
    let mut walk = batches(bytes);
    let first = walk
        .next()
        .and_then(Result::ok)
        .filter(|_| walk.rest().is_empty());
    let attributes = first.map(|batch| batch.header.attributes);
    assert_eq!(sole_batch(bytes), attributes);
}

fn walk(bytes: &[u8]) {
    look(bytes);
    let mut walk = batches(bytes);
    let mut consumed = 0;
    for batch in walk.by_ref() {
        let Ok(batch) = batch else { break };
        consumed += batch.bytes.len();
        let _ = batch.verify_crc();
        if let Ok(codec) = batch.header.compression() {
            read_both_ways(codec, batch.payload(), batch.header.records_count);
        }
    }
    assert_eq!(consumed + walk.rest().len(), bytes.len());
}

fn rounds(seed: u64, count: u64, round: impl Fn(&Random)) {
    for seed in seed..seed + count {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| round(&Random::seeded(seed))));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

#[test]
fn whole_batches() {
    rounds(1_000, 3_000, |random| {
        let codec = ALL[random.index(ALL.len())];
        let mut bytes = sound_batch(random, codec);
        if random.index(2) == 0 {
            bytes.extend(sound_batch(random, codec));
        }
        look(&bytes);
        mutate(random, &mut bytes, 0);
        walk(&bytes);
    });
}

#[test]
fn payloads() {
    rounds(100_000, 4_000, |random| {
        let codec = ALL[random.index(ALL.len())];
        let bytes = sound_batch(random, codec);
        let batch = Batch::parse(&bytes).unwrap();
        let mut payload = batch.payload().to_vec();
        mutate(random, &mut payload, 0);
        read_both_ways(codec, &payload, batch.header.records_count);
    });
}

#[test]
fn records_inside_of_a_sound_stream() {
    rounds(200_000, 4_000, |random| {
        let codec = ALL[random.index(ALL.len())];
        let bytes = sound_batch(random, Compression::None);
        let batch = Batch::parse(&bytes).unwrap();
        let mut records = batch.payload().to_vec();
        mutate(random, &mut records, 0);
        let mut payload = Vec::new();
        compress(codec, None, &records, &mut payload).unwrap();
        let read = read_both_ways(codec, &payload, batch.header.records_count);
        let plain = read_both_ways(Compression::None, &records, batch.header.records_count);
        assert_eq!(read, plain);
    });
}

#[test]
fn headers_of_a_sealed_batch() {
    rounds(300_000, 4_000, |random| {
        let codec = ALL[random.index(ALL.len())];
        let mut bytes = sound_batch(random, codec);
        let at = random.index(61);
        bytes[at] = random.u64() as u8;
        seal(&mut bytes);
        walk(&bytes);
    });
}
