//! What was written to the simulated log, and what was promised of it.

use std::collections::{BTreeMap, HashMap};

use barnabas_protocol::records::{BatchHeader, batches};

/// A batch as it must be read back.
#[derive(Clone, Debug)]
pub struct Written {
    pub header: BatchHeader,
    pub bytes: Vec<u8>,
    pub timestamps: Vec<i64>,
    /// For a marker, whether it commits.
    pub commits: Option<bool>,
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
    /// The log's batches, also those that have been deleted from its start.
    pub batches: Vec<Written>,
    /// All that was ever written at an offset, whatever has become of it.
    ever: HashMap<i64, Vec<Written>>,
    pub log_start_offset: i64,
    /// All before this was said to be on disk.
    pub promised: i64,
    /// Deleted for ever.
    pub promised_start: i64,
}

impl Model {
    pub fn log_end_offset(&self) -> i64 {
        let end = self.batches.last().map_or(0, |batch| batch.header.next_offset());
        end.max(self.log_start_offset)
    }

    /// Batches of one append; `timestamps` are those of each.
    pub fn append(&mut self, bytes: &[u8], timestamps: &[i64], commits: Option<bool>) {
        for batch in batches(bytes) {
            let batch = batch.unwrap();
            let written = Written {
                header: batch.header,
                bytes: batch.bytes.to_vec(),
                timestamps: timestamps.to_vec(),
                commits,
            };
            let at = self.ever.entry(written.header.base_offset).or_default();
            at.push(written.clone());
            self.batches.push(written);
        }
    }

    /// An append failed: something of it may be on disk all the same.
    pub fn append_failed(&mut self, bytes: &[u8], timestamps: &[i64], commits: Option<bool>) {
        let before = self.batches.len();
        self.append(bytes, timestamps, commits);
        self.batches.truncate(before);
    }

    pub fn truncate(&mut self, offset: i64) {
        self.batches.retain(|batch| batch.header.next_offset() <= offset);
        self.promised = self.promised.min(offset);
    }

    /// What was written there, if these bytes ever were.
    pub fn find(&self, base_offset: i64, bytes: &[u8]) -> Option<&Written> {
        let at = self.ever.get(&base_offset)?;
        at.iter().find(|written| written.bytes == bytes)
    }

    /// Whether these batches followed each other before.
    pub fn has_gap(&self, before: &Written, behind: &BatchHeader) -> bool {
        let mut pairs = self.batches.windows(2);
        pairs.any(|pair| {
            pair[0].header.base_offset == before.header.base_offset
                && pair[1].header.base_offset == behind.base_offset
        })
    }

    /// Goes on with what a start has found, behind what had been deleted before.
    pub fn adopt(&mut self, served: Vec<Written>, log_start_offset: i64, log_end_offset: i64) {
        let kept = served.first().map_or(log_start_offset, |batch| {
            batch.header.base_offset.min(log_start_offset)
        });
        self.batches.retain(|batch| batch.header.next_offset() <= kept);
        self.batches.extend(served);
        self.log_start_offset = log_start_offset;
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
}
