//! What is known of one producer: its epoch, its last five batches, its open transaction.

use barnabas_protocol::records::{BatchHeader, NO_PRODUCER_EPOCH, NO_SEQUENCE, NO_TIMESTAMP};

/// Batches of a producer that are remembered; a client has at most so many in flight (KIP-98).
pub const BATCHES_RETAINED: usize = 5;

/// One appended batch of a producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchMetadata {
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Last offset less first offset; the same for sequences.
    pub offset_delta: i32,
    /// Its largest timestamp, ms.
    pub timestamp: i64,
}

impl BatchMetadata {
    /// Sequence of its first record; sequences wrap from `i32::MAX` to 0.
    pub fn first_sequence(&self) -> i32 {
        let first = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        if first < 0 && self.last_sequence >= 0 {
            (first + i64::from(i32::MAX) + 1) as i32
        } else {
            first as i32
        }
    }

    /// Offset of its first record.
    pub fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The producer.
    pub producer_id: i64,
    /// Its epoch, -1 while nothing is known.
    pub producer_epoch: i16,
    /// Epoch of the transaction coordinator that wrote the last marker, -1 for none.
    pub coordinator_epoch: i32,
    /// Timestamp of its last batch or marker, ms; -1 for none.
    pub last_timestamp: i64,
    /// Offset of its open transaction's first record.
    pub current_txn_first_offset: Option<i64>,
    /// The last batches, oldest first; only the first `retained` count.
    batches: [BatchMetadata; BATCHES_RETAINED],
    retained: u8,
}

impl ProducerEntry {
    /// A producer nothing is known of.
    pub fn new(producer_id: i64) -> Self {
        ProducerEntry {
            producer_id,
            producer_epoch: NO_PRODUCER_EPOCH,
            coordinator_epoch: -1,
            last_timestamp: NO_TIMESTAMP,
            current_txn_first_offset: None,
            batches: Default::default(),
            retained: 0,
        }
    }

    /// Nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.producer_epoch == NO_PRODUCER_EPOCH
    }

    /// The remembered batches, oldest first.
    pub fn batches(&self) -> &[BatchMetadata] {
        &self.batches[..usize::from(self.retained)]
    }

    /// Sequence number of the last record, -1 for none.
    pub fn last_sequence(&self) -> i32 {
        self.batches()
            .last()
            .map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// The batch of which `header` is a repetition.
    pub fn duplicate_of(&self, header: &BatchHeader) -> Option<BatchMetadata> {
        if header.producer_epoch != self.producer_epoch {
            return None;
        }
        self.batches()
            .iter()
            .find(|known| {
                known.first_sequence() == header.base_sequence
                    && known.last_sequence == header.last_sequence()
            })
            .copied()
    }

    /// Remembers a batch; one of a new epoch drops those of the old.
    pub fn add_batch(&mut self, epoch: i16, batch: BatchMetadata) {
        self.set_epoch(epoch);
        if usize::from(self.retained) == BATCHES_RETAINED {
            self.batches.copy_within(1.., 0);
            self.retained -= 1;
        }
        self.batches[usize::from(self.retained)] = batch;
        self.retained += 1;
        self.last_timestamp = batch.timestamp;
    }

    /// Takes over an epoch. Batches of another one no longer count.
    pub fn set_epoch(&mut self, epoch: i16) {
        if self.producer_epoch != epoch {
            self.retained = 0;
            self.producer_epoch = epoch;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(last_sequence: i32, offset_delta: i32) -> BatchMetadata {
        BatchMetadata {
            last_sequence,
            last_offset: 100,
            offset_delta,
            timestamp: 7,
        }
    }

    #[test]
    fn sequences_wrap_backwards_too() {
        let cases = [
            ((9, 9), 0),
            ((0, 0), 0),
            ((0, 1), i32::MAX),
            ((3, 9), i32::MAX - 5),
            ((-1, 0), -1),
        ];
        for ((last, delta), first) in cases {
            assert_eq!(batch(last, delta).first_sequence(), first, "{last} {delta}");
        }
    }

    #[test]
    fn the_last_five_batches_are_kept() {
        let mut entry = ProducerEntry::new(1);
        for last in 0..7 {
            entry.add_batch(0, batch(last, 0));
        }
        let kept: Vec<i32> = entry.batches().iter().map(|b| b.last_sequence).collect();
        assert_eq!(kept, [2, 3, 4, 5, 6]);
        entry.add_batch(1, batch(0, 0));
        assert_eq!(entry.batches().len(), 1, "a new epoch forgets");
    }
}
