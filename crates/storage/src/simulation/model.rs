//! What was written to the simulated log, and what was promised of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use barnabas_protocol::records::{Batch, BatchHeader, batches, compression};

/// A record as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// A batch as it was written.
#[derive(Clone, Debug)]
pub struct Written {
    pub header: BatchHeader,
    pub bytes: Vec<u8>,
    pub records: Vec<Sent>,
    /// For a marker, whether it commits.
    pub commits: Option<bool>,
}

impl Written {
    /// The records with their offsets.
    pub fn numbered(&self) -> impl Iterator<Item = (i64, &Sent)> {
        (self.header.base_offset..).zip(&self.records)
    }
}

/// The records of a batch that was read, with their offsets.
pub fn records_in(batch: &Batch<'_>) -> Vec<(i64, Sent)> {
    let header = &batch.header;
    let codec = header.compression().unwrap();
    let mut plain = Vec::new();
    compression::decompress(codec, batch.payload(), 1 << 20, &mut plain).unwrap();
    let numbered = batch.records_in(&plain).map(|record| {
        let record = record.unwrap();
        let sent = Sent {
            timestamp: header.base_timestamp.wrapping_add(record.timestamp_delta),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
        };
        (header.base_offset + i64::from(record.offset_delta), sent)
    });
    numbered.collect()
}

/// A producer as the log must know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub epoch: i16,
    pub last_sequence: i32,
    pub last_offset: i64,
    /// Of its last batch that is no marker.
    pub last_data_offset: i64,
    pub transaction_from: Option<i64>,
}

/// An aborted transaction: producer, first offset, offset of the marker.
pub type Aborted = (i64, i64, i64);

/// The log as it must be.
#[derive(Debug, Default)]
pub struct Model {
    /// The log's batches as they were written, also those that have been deleted from its start.
    pub batches: Vec<Written>,
    /// All that was ever written at an offset, whatever has become of it.
    ever: HashMap<i64, Vec<Written>>,
    pub log_start_offset: i64,
    /// Where the log was cut or found to end; there may be a gap before that.
    ended_at: i64,
    /// All before this was said to be on disk.
    pub promised: i64,
    /// Deleted for ever.
    pub promised_start: i64,
    /// The log may have been compacted up to here, which is no more than was promised.
    pub cleaned: i64,
    /// Where the log ended when it was compacted: nothing before that is taken back.
    pub settled: i64,
    /// Compaction removes tombstones.
    pub tombstones_go: bool,
}

impl Model {
    /// An empty log.
    pub fn new(tombstones_go: bool) -> Self {
        Model {
            tombstones_go,
            ..Model::default()
        }
    }

    pub fn log_end_offset(&self) -> i64 {
        let end = self.batches.last().map_or(0, |batch| batch.header.next_offset());
        end.max(self.log_start_offset).max(self.ended_at)
    }

    /// Batches of one append; `records` are those of each.
    pub fn append(&mut self, bytes: &[u8], records: &[Sent], commits: Option<bool>) {
        for batch in batches(bytes) {
            let batch = batch.unwrap();
            let written = Written {
                header: batch.header,
                bytes: batch.bytes.to_vec(),
                records: records.to_vec(),
                commits,
            };
            let at = self.ever.entry(written.header.base_offset).or_default();
            at.push(written.clone());
            self.batches.push(written);
        }
    }

    /// An append failed: something of it may be on disk all the same.
    pub fn append_failed(&mut self, bytes: &[u8], records: &[Sent], commits: Option<bool>) {
        let before = self.batches.len();
        self.append(bytes, records, commits);
        self.batches.truncate(before);
    }

    pub fn truncate(&mut self, offset: i64) {
        self.batches.retain(|batch| batch.header.next_offset() <= offset);
        self.promised = self.promised.min(offset);
        self.ended_at = offset;
    }

    /// All before `offset` is on disk.
    pub fn promise(&mut self, offset: i64) {
        self.promised = self.promised.max(offset);
    }

    /// What was written there, if these bytes ever were.
    pub fn find(&self, base_offset: i64, bytes: &[u8]) -> Option<&Written> {
        let at = self.ever.get(&base_offset)?;
        at.iter().find(|written| written.bytes == bytes)
    }

    /// The batch that holds an offset.
    pub fn batch_at(&self, offset: i64) -> Option<&Written> {
        let place = self
            .batches
            .partition_point(|batch| batch.header.last_offset() < offset);
        self.batches
            .get(place)
            .filter(|batch| batch.header.base_offset <= offset)
    }

    /// The batches from `offset` on that were said to be on disk and have not been compacted.
    pub fn promised_from(&self, offset: i64) -> impl Iterator<Item = &Written> {
        self.batches.iter().filter(move |batch| {
            let last_offset = batch.header.last_offset();
            last_offset >= offset.max(self.cleaned) && last_offset < self.promised
        })
    }

    /// Whether there was nothing between two offsets before: what is missing there was so already.
    pub fn has_gap(&self, from: i64, to: i64) -> bool {
        !self
            .batches
            .iter()
            .any(|batch| (from..to).contains(&batch.header.base_offset))
    }

    /// Goes on with what a start has found, behind what had been deleted before or compacted.
    pub fn adopt(&mut self, served: Vec<Written>, log_start_offset: i64, log_end_offset: i64) {
        let kept = served.first().map_or(log_start_offset, |batch| {
            batch.header.base_offset.min(log_start_offset)
        });
        let kept = kept.max(self.cleaned);
        self.batches.retain(|batch| batch.header.next_offset() <= kept);
        self.batches.extend(served);
        self.log_start_offset = log_start_offset;
        self.ended_at = log_end_offset;
        self.promised = self.promised.min(log_end_offset);
    }

    /// The producers, and the aborted transactions with their markers.
    pub fn replay(&self) -> (BTreeMap<i64, Known>, Vec<Aborted>) {
        let mut producers: BTreeMap<i64, Known> = BTreeMap::new();
        let mut aborted = Vec::new();
        for batch in self.batches.iter().filter(|batch| batch.header.has_producer_id()) {
            let header = &batch.header;
            let known = producers.entry(header.producer_id).or_insert(Known {
                last_sequence: -1,
                ..Known::default()
            });
            if header.producer_epoch != known.epoch {
                known.last_sequence = -1;
            }
            known.epoch = header.producer_epoch;
            known.last_offset = header.last_offset();
            match batch.commits {
                Some(commits) => {
                    if let Some(from) = known.transaction_from.take().filter(|_| !commits) {
                        aborted.push((header.producer_id, from, header.base_offset));
                    }
                }
                None => {
                    known.last_data_offset = header.last_offset();
                    known.last_sequence = header.base_sequence + header.last_offset_delta;
                    if header.is_transactional() {
                        known.transaction_from.get_or_insert(header.base_offset);
                    }
                }
            }
        }
        (producers, aborted)
    }

    /// Base offsets of the batches whose transaction was aborted.
    pub fn aborted_batches(&self) -> HashSet<i64> {
        let (_, aborted) = self.replay();
        let is_aborted = |batch: &&Written| {
            let header = &batch.header;
            batch.commits.is_none()
                && header.is_transactional()
                && aborted.iter().any(|&(id, from, marker)| {
                    id == header.producer_id && (from..marker).contains(&header.base_offset)
                })
        };
        let aborted = self.batches.iter().filter(is_aborted);
        aborted.map(|batch| batch.header.base_offset).collect()
    }

    /// The last decided value of each key between two offsets; a key whose last record is a tombstone has
    /// none.
    pub fn values(&self, from: i64, to: i64) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let aborted = self.aborted_batches();
        let mut values = BTreeMap::new();
        let decided = self
            .batches
            .iter()
            .filter(|batch| batch.commits.is_none() && !aborted.contains(&batch.header.base_offset));
        for (offset, sent) in decided.flat_map(Written::numbered) {
            if (from..to).contains(&offset)
                && let Some(key) = &sent.key
            {
                match &sent.value {
                    Some(value) => values.insert(key.clone(), value.clone()),
                    None => values.remove(key),
                };
            }
        }
        values
    }
}
