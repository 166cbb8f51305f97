//! Transactional appends that are being verified with the transaction coordinator (KIP-890).
//!
//! A producer's first batch in a transaction asks the coordinator whether (or that) the partition is in the
//! transaction. That answer may be overtaken by the transaction's end. A guard is given before the question
//! and asked for by the append; the transaction's marker takes it away, so that no batch begins a transaction
//! that nobody will end.

use std::collections::HashMap;

use barnabas_protocol::records::BatchHeader;

/// What a verification needs to know of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerSequence {
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Sequence of the first record, -1 where there are none.
    pub base_sequence: i32,
}

impl From<&BatchHeader> for ProducerSequence {
    fn from(header: &BatchHeader) -> Self {
        ProducerSequence {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        }
    }
}

/// Shows that a batch was being verified when the partition's transaction was not yet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

/// What was asked about the transaction of a batch before it is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It belongs to no transaction, or nobody verifies.
    NotAsked,
    /// With this guard, or without one if its transaction is open in the partition.
    Asked(Option<VerificationGuard>),
}

#[derive(Debug)]
struct Verification {
    guard: VerificationGuard,
    producer_epoch: i16,
    /// The least sequence that was asked about: a later one may not go first.
    lowest_sequence: i32,
    /// The producer speaks transaction.version 2.
    bumps_epoch: bool,
    since_ms: i64,
}

/// The verifications of one partition, by producer id.
#[derive(Debug, Default)]
pub struct Verifications {
    by_producer: HashMap<i64, Verification>,
    given: u64,
}

impl Verifications {
    /// The guard for a batch; several batches of a producer share one.
    pub fn begin(&mut self, batch: ProducerSequence, bumps_epoch: bool, now_ms: i64) -> VerificationGuard {
        let given = &mut self.given;
        let known = self.by_producer.entry(batch.producer_id).or_insert_with(|| {
            *given += 1;
            Verification {
                guard: VerificationGuard(*given),
                producer_epoch: batch.producer_epoch,
                lowest_sequence: batch.base_sequence,
                bumps_epoch,
                since_ms: now_ms,
            }
        });
        if batch.producer_epoch > known.producer_epoch
            || (batch.producer_epoch == known.producer_epoch && batch.base_sequence < known.lowest_sequence)
        {
            known.producer_epoch = batch.producer_epoch;
            known.lowest_sequence = batch.base_sequence;
        }
        known.guard
    }

    /// Whether this guard still holds.
    pub fn holds(&self, producer_id: i64, guard: VerificationGuard) -> bool {
        self.by_producer
            .get(&producer_id)
            .is_some_and(|known| known.guard == guard)
    }

    /// Whether a batch may not go first, because an earlier one is on its way, or must have been there in
    /// this epoch.
    pub fn is_out_of_order(&self, batch: ProducerSequence, producer_is_unknown: bool) -> bool {
        self.by_producer.get(&batch.producer_id).is_some_and(|known| {
            batch.base_sequence > known.lowest_sequence
                || (known.bumps_epoch && producer_is_unknown && batch.base_sequence != 0)
        })
    }

    /// A marker ends a transaction. With transaction.version 2 it has the epoch of the transaction after it,
    /// whose first batch may be here already, waiting for the coordinator to be done with this one.
    pub fn end_before(&mut self, producer_id: i64, marker_epoch: i16) {
        let is_of_next = |known: &Verification| known.bumps_epoch && known.producer_epoch >= marker_epoch;
        if !self.by_producer.get(&producer_id).is_some_and(is_of_next) {
            self.end(producer_id);
        }
    }

    /// The transaction has begun here, or never was.
    pub fn end(&mut self, producer_id: i64) {
        self.by_producer.remove(&producer_id);
    }

    /// Forgets verifications that nobody came back for.
    pub fn remove_expired(&mut self, now_ms: i64, producer_id_expiration_ms: i64) {
        self.by_producer
            .retain(|_, known| now_ms.saturating_sub(known.since_ms) < producer_id_expiration_ms);
    }
}
