//! Record batches of a wanted size, as a client's full buffer would be.

use barnabas_protocol::records::{BATCH_OVERHEAD, BatchBuilder, Compression, RecordFields, seal};

use crate::error::Failure;

/// Bytes a record needs around its value at most: lengths, deltas, attributes.
const RECORD_OVERHEAD: usize = 12;
const PRODUCER_ID_AT: usize = 43;
const BASE_SEQUENCE_AT: usize = 53;

/// A sealed batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The batch as it goes into a Produce.
    pub bytes: Vec<u8>,
    /// Its records.
    pub records: u32,
}

impl Batch {
    /// A batch of at most `batch_bytes` before compression, filled with records of about `record_bytes`; one
    /// record at least.
    pub fn new(
        batch_bytes: usize,
        record_bytes: usize,
        codec: Compression,
        now_ms: i64,
    ) -> Result<Batch, Failure> {
        let builder = BatchBuilder::new(codec);
        Batch::build(batch_bytes, record_bytes, builder, now_ms, |_| None)
    }

    /// The same with keys, drawn from so many by chance; another `seed` gives others.
    pub fn keyed(
        batch_bytes: usize,
        record_bytes: usize,
        codec: Compression,
        now_ms: i64,
        keys: u64,
        seed: u64,
    ) -> Result<Batch, Failure> {
        let mut chance = Text(seed);
        let mut draw = |_| Some(format!("key-{:012}", chance.next() % keys.max(1)).into_bytes());
        let builder = BatchBuilder::new(codec);
        Batch::build(batch_bytes, record_bytes, builder, now_ms, &mut draw)
    }

    /// The same, marked as part of a transaction.
    pub fn transactional(
        batch_bytes: usize,
        record_bytes: usize,
        codec: Compression,
        now_ms: i64,
    ) -> Result<Batch, Failure> {
        let builder = BatchBuilder::new(codec).transactional();
        Batch::build(batch_bytes, record_bytes, builder, now_ms, |_| None)
    }

    fn build(
        batch_bytes: usize,
        record_bytes: usize,
        mut builder: BatchBuilder,
        now_ms: i64,
        mut key: impl FnMut(usize) -> Option<Vec<u8>>,
    ) -> Result<Batch, Failure> {
        let room = batch_bytes.saturating_sub(BATCH_OVERHEAD);
        let count = (room / record_bytes.max(1)).max(1);
        let mut text = Text(0x9e37_79b9);
        for number in 0..count {
            let key = key(number);
            let others = RECORD_OVERHEAD + key.as_ref().map_or(0, Vec::len);
            let value = text.take((room / count).saturating_sub(others));
            builder.append(&RecordFields {
                timestamp: now_ms,
                key: key.as_deref(),
                value: Some(&value),
                ..RecordFields::default()
            });
        }
        let bytes = builder.build()?;
        Ok(Batch {
            bytes,
            records: count as u32,
        })
    }
}

/// Writes producer id, epoch and the first sequence number into a batch and seals it anew.
pub fn set_producer(batch: &mut [u8], producer_id: i64, producer_epoch: i16, base_sequence: i32) {
    batch[PRODUCER_ID_AT..PRODUCER_ID_AT + 8].copy_from_slice(&producer_id.to_be_bytes());
    batch[PRODUCER_ID_AT + 8..BASE_SEQUENCE_AT].copy_from_slice(&producer_epoch.to_be_bytes());
    batch[BASE_SEQUENCE_AT..BASE_SEQUENCE_AT + 4].copy_from_slice(&base_sequence.to_be_bytes());
    seal(batch);
}

/// The sequence number `records` after `sequence`; they go round after the largest, as Kafka's do.
pub fn next_sequence(sequence: i32, records: u32) -> i32 {
    ((i64::from(sequence) + i64::from(records)) & i64::from(i32::MAX)) as i32
}

/// Text that compresses about as JSON of a business does: words from a small vocabulary, numbers between.
struct Text(u64);

impl Text {
    const WORDS: [&'static str; 8] = [
        "customer",
        "order",
        "delivered",
        "street",
        "amount",
        "EUR",
        "pending",
        "warehouse",
    ];

    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn take(&mut self, bytes: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes + 32);
        while text.len() < bytes {
            let word = Self::WORDS[self.next() as usize % Self::WORDS.len()];
            text.extend_from_slice(word.as_bytes());
            text.extend_from_slice(format!(":{} ", self.next()).as_bytes());
        }
        text.truncate(bytes);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barnabas_protocol::records;

    #[test]
    fn keys_are_drawn_from_so_many() {
        let keys_of = |seed| {
            let batch = Batch::keyed(16384, 100, Compression::None, 0, 50, seed).unwrap();
            let parsed = records::Batch::parse(&batch.bytes).unwrap();
            parsed.verify_crc().unwrap();
            let text = String::from_utf8_lossy(&batch.bytes).into_owned();
            let keys: Vec<String> = text
                .match_indices("key-")
                .map(|(at, _)| text[at..at + 16].to_owned())
                .collect();
            assert_eq!(keys.len(), batch.records as usize);
            keys
        };
        let distinct: std::collections::BTreeSet<_> = keys_of(1).into_iter().collect();
        assert!((20..=50).contains(&distinct.len()), "{}", distinct.len());
        assert_ne!(keys_of(1), keys_of(2));
    }

    #[test]
    fn fills_the_size_and_is_valid() {
        // (batch, record, records)
        for (size, record, count) in [
            (1024, 1000, 1),
            (16384, 1000, 16),
            (1 << 20, 1000, 1048),
            (200, 100, 1),
            (70, 1000, 1),
        ] {
            let batch = Batch::new(size, record, Compression::None, 1_700_000_000_000).unwrap();
            assert_eq!(batch.records, count, "{size}");
            assert!(batch.bytes.len() <= size, "{size}: {}", batch.bytes.len());
            assert!(
                batch.bytes.len() + count as usize * RECORD_OVERHEAD >= size,
                "{size}"
            );
            let parsed = records::Batch::parse(&batch.bytes).unwrap();
            parsed.verify_crc().unwrap();
            assert_eq!(
                parsed
                    .records_in(parsed.payload())
                    .filter(|record| record.is_ok())
                    .count(),
                count as usize
            );
        }
    }

    #[test]
    fn compresses_but_not_to_nothing() {
        let plain = Batch::new(65536, 1000, Compression::None, 0).unwrap();
        for codec in [
            Compression::Gzip,
            Compression::Snappy,
            Compression::Lz4,
            Compression::Zstd,
        ] {
            let batch = Batch::new(65536, 1000, codec, 0).unwrap();
            let ratio = plain.bytes.len() as f64 / batch.bytes.len() as f64;
            assert!((1.3..6.0).contains(&ratio), "{codec:?}: {ratio}");
        }
    }

    #[test]
    fn the_producer_is_written_and_the_seal_holds() {
        let mut batch = Batch::new(1024, 100, Compression::None, 0).unwrap().bytes;
        set_producer(&mut batch, 4711, 3, 99);
        let parsed = records::Batch::parse(&batch).unwrap();
        parsed.verify_crc().unwrap();
        let header = parsed.header;
        assert_eq!(
            (header.producer_id, header.producer_epoch, header.base_sequence),
            (4711, 3, 99)
        );
    }

    #[test]
    fn sequences_go_round() {
        assert_eq!(next_sequence(0, 16), 16);
        assert_eq!(next_sequence(i32::MAX, 1), 0);
        assert_eq!(next_sequence(i32::MAX - 1, 3), 1);
    }
}
