//! What a log knows of its idempotent and transactional producers (KIP-98, KIP-360).
//!
//! Pure: [`super::log`] says what was appended and keeps the snapshot files. An append is staged batch by
//! batch ([`ProducerState::stage`]), written to disk, and only then committed, so a failed write leaves no
//! trace.

mod entry;
pub mod snapshot;
mod verification;

use std::collections::{BTreeMap, HashMap};

use barnabas_protocol::records::{BatchHeader, EndTxnMarker, NO_PRODUCER_EPOCH};

use crate::error::StorageError;
use crate::log::{AbortedTxn, AppendOrigin};

pub use entry::{BATCHES_RETAINED, BatchMetadata, ProducerEntry};
use verification::Verifications;
pub use verification::{ProducerSequence, VerificationGuard, Verified};

/// A transaction that a marker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CompletedTxn {
    producer_id: i64,
    first_offset: i64,
    /// Of the marker.
    last_offset: i64,
    aborted: bool,
}

/// The producers of one log.
#[derive(Debug, Default)]
pub struct ProducerState {
    producers: HashMap<i64, ProducerEntry>,
    /// Open transactions: offset of the first record to producer id.
    ongoing: BTreeMap<i64, i64>,
    /// Ended transactions whose marker isn't replicated yet: first offset to the marker's offset.
    unreplicated: BTreeMap<i64, i64>,
    staged: Vec<ProducerEntry>,
    /// With the last stable offset after each.
    completed: Vec<(CompletedTxn, i64)>,
    /// Producers of staged markers, and the markers' epochs.
    ended: Vec<(i64, i16)>,
    verifications: Verifications,
}

impl ProducerState {
    /// Takes over the entries of a snapshot.
    pub fn load(entries: Vec<ProducerEntry>) -> Self {
        let mut state = ProducerState::default();
        for entry in entries {
            if let Some(first_offset) = entry.current_txn_first_offset {
                state.ongoing.insert(first_offset, entry.producer_id);
            }
            state.producers.insert(entry.producer_id, entry);
        }
        state
    }

    /// The batch that `header` repeats, if it is among the producer's last five.
    pub fn duplicate_of(&self, header: &BatchHeader) -> Option<BatchMetadata> {
        self.producers.get(&header.producer_id)?.duplicate_of(header)
    }

    /// Checks a batch that has a producer id and its offsets, and prepares the change it makes. `payload` is
    /// what follows the header; only a control batch's is looked at.
    ///
    /// # Errors
    /// `InvalidProducerEpoch`, `OutOfOrderSequence`, `InvalidTxnState`, `TransactionCoordinatorFenced`. The
    /// whole append is refused then: see [`ProducerState::rollback`].
    pub fn stage(
        &mut self,
        header: &BatchHeader,
        payload: &[u8],
        origin: AppendOrigin,
    ) -> Result<(), StorageError> {
        let id = header.producer_id;
        let index = match self.staged.iter().position(|entry| entry.producer_id == id) {
            Some(index) => index,
            None => {
                let known = self.producers.get(&id).cloned();
                self.staged.push(known.unwrap_or_else(|| ProducerEntry::new(id)));
                self.staged.len() - 1
            }
        };
        let entry = &mut self.staged[index];
        if header.is_control() {
            if let Some(marker) = EndTxnMarker::parse(payload) {
                self.ended.push((id, header.producer_epoch));
                if let Some(txn) = end_transaction(entry, header, marker, origin)? {
                    let next = self.first_open_of_others(id);
                    self.completed.push((txn, next.unwrap_or(txn.last_offset + 1)));
                }
            }
            return Ok(());
        }
        if origin == AppendOrigin::Client
            && header.is_transactional()
            && self
                .verifications
                .is_out_of_order(header.into(), entry.is_unknown())
        {
            return Err(out_of_order(entry, header));
        }
        append_data(entry, header, origin)
    }

    /// Where the first transaction of another producer began that is open after all that is staged.
    fn first_open_of_others(&self, producer_id: i64) -> Option<i64> {
        let is_staged = |id: i64| self.staged.iter().any(|entry| entry.producer_id == id);
        let known = self.ongoing.iter().filter(|(_, id)| !is_staged(**id));
        let staged = self
            .staged
            .iter()
            .filter(|entry| entry.producer_id != producer_id);
        let staged = staged.filter_map(|entry| entry.current_txn_first_offset);
        known.map(|(first_offset, _)| *first_offset).chain(staged).min()
    }

    /// Before a transactional batch: what the append must bring back, once the transaction coordinator was
    /// asked. `None` if the producer's transaction has begun here already, and nobody needs to be asked.
    pub fn begin_verification(
        &mut self,
        batch: ProducerSequence,
        bumps_epoch: bool,
        now_ms: i64,
    ) -> Option<VerificationGuard> {
        (!self.is_ongoing(batch)).then(|| self.verifications.begin(batch, bumps_epoch, now_ms))
    }

    /// The coordinator refused for good: nothing will be appended.
    pub fn end_verification(&mut self, producer_id: i64) {
        self.verifications.end(producer_id);
    }

    /// Whether a transactional batch may be appended: its transaction is open here, or its guard holds.
    ///
    /// # Errors
    /// `InvalidTxnState`.
    pub fn check_verified(
        &self,
        batch: ProducerSequence,
        guard: Option<VerificationGuard>,
    ) -> Result<(), StorageError> {
        let holds = |guard| self.verifications.holds(batch.producer_id, guard);
        if self.is_ongoing(batch) || guard.is_some_and(holds) {
            Ok(())
        } else {
            Err(StorageError::InvalidTxnState {
                producer_id: batch.producer_id,
            })
        }
    }

    fn is_ongoing(&self, batch: ProducerSequence) -> bool {
        self.producers.get(&batch.producer_id).is_some_and(|entry| {
            entry.current_txn_first_offset.is_some() && entry.producer_epoch == batch.producer_epoch
        })
    }

    /// Makes the staged changes; hands aborted transactions to `aborted`, for the transaction index.
    pub fn commit(&mut self, mut aborted: impl FnMut(AbortedTxn)) {
        for (producer_id, marker_epoch) in self.ended.drain(..) {
            self.verifications.end_before(producer_id, marker_epoch);
        }
        for entry in self.staged.drain(..) {
            if let Some(first_offset) = entry.current_txn_first_offset {
                self.ongoing.insert(first_offset, entry.producer_id);
                self.verifications.end(entry.producer_id);
            }
            self.producers.insert(entry.producer_id, entry);
        }
        for (txn, last_stable_offset) in std::mem::take(&mut self.completed) {
            self.ongoing.remove(&txn.first_offset);
            self.unreplicated.insert(txn.first_offset, txn.last_offset);
            if txn.aborted {
                aborted(AbortedTxn {
                    producer_id: txn.producer_id,
                    first_offset: txn.first_offset,
                    last_offset: txn.last_offset,
                    last_stable_offset,
                });
            }
        }
    }

    /// Forgets the staged changes.
    pub fn rollback(&mut self) {
        self.staged.clear();
        self.completed.clear();
        self.ended.clear();
    }

    /// The first offset whose transaction is undecided, or decided by a marker that isn't replicated.
    pub fn first_unstable_offset(&self) -> Option<i64> {
        let ongoing = self.ongoing.keys().next();
        let unreplicated = self.unreplicated.keys().next();
        ongoing.into_iter().chain(unreplicated).min().copied()
    }

    /// Markers below `high_watermark` are replicated: their transactions are decided for good.
    pub fn high_watermark_updated(&mut self, high_watermark: i64) {
        if !self.unreplicated.is_empty() {
            self.unreplicated
                .retain(|_, marker_offset| *marker_offset >= high_watermark);
        }
    }

    /// Forgets producers without an open transaction that have been idle for `producer_id_expiration_ms`.
    pub fn remove_expired(&mut self, now_ms: i64, producer_id_expiration_ms: i64) {
        self.producers
            .retain(|_, entry| !is_expired(entry, now_ms, producer_id_expiration_ms));
        self.verifications
            .remove_expired(now_ms, producer_id_expiration_ms);
    }

    /// All producers, in no order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &ProducerEntry> {
        self.producers.values()
    }

    /// Whether there is more to them than a snapshot keeps: batches before a producer's last one.
    pub fn exceed_a_snapshot(&self) -> bool {
        self.producers.values().any(|entry| entry.batches().len() > 1)
    }

    /// No producer is known.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }
}

fn is_expired(entry: &ProducerEntry, now_ms: i64, producer_id_expiration_ms: i64) -> bool {
    entry.current_txn_first_offset.is_none()
        && now_ms.saturating_sub(entry.last_timestamp) >= producer_id_expiration_ms
}

fn append_data(
    entry: &mut ProducerEntry,
    header: &BatchHeader,
    origin: AppendOrigin,
) -> Result<(), StorageError> {
    check_epoch(entry, header, origin)?;
    if origin == AppendOrigin::Client {
        check_sequence(entry, header)?;
    }
    let batch = BatchMetadata {
        last_sequence: header.last_sequence(),
        last_offset: header.last_offset(),
        offset_delta: header.last_offset_delta,
        timestamp: header.max_timestamp,
    };
    entry.add_batch(header.producer_epoch, batch);
    match (entry.current_txn_first_offset, header.is_transactional()) {
        (Some(_), false) => {
            return Err(StorageError::InvalidTxnState {
                producer_id: header.producer_id,
            });
        }
        (None, true) => entry.current_txn_first_offset = Some(header.base_offset),
        _ => {}
    }
    Ok(())
}

fn end_transaction(
    entry: &mut ProducerEntry,
    header: &BatchHeader,
    marker: EndTxnMarker,
    origin: AppendOrigin,
) -> Result<Option<CompletedTxn>, StorageError> {
    check_marker_epoch(entry, header, origin)?;
    if entry.coordinator_epoch > marker.coordinator_epoch && origin != AppendOrigin::Replication {
        return Err(StorageError::TransactionCoordinatorFenced {
            producer_id: header.producer_id,
            coordinator_epoch: marker.coordinator_epoch,
            current_epoch: entry.coordinator_epoch,
        });
    }
    entry.set_epoch(header.producer_epoch);
    entry.coordinator_epoch = marker.coordinator_epoch;
    entry.last_timestamp = header.max_timestamp;
    Ok(entry
        .current_txn_first_offset
        .take()
        .map(|first_offset| CompletedTxn {
            producer_id: header.producer_id,
            first_offset,
            last_offset: header.base_offset,
            aborted: !marker.committed,
        }))
}

fn check_epoch(
    entry: &ProducerEntry,
    header: &BatchHeader,
    origin: AppendOrigin,
) -> Result<(), StorageError> {
    if header.producer_epoch < entry.producer_epoch && origin != AppendOrigin::Replication {
        return Err(StorageError::InvalidProducerEpoch {
            producer_id: header.producer_id,
            epoch: header.producer_epoch,
            current_epoch: entry.producer_epoch,
        });
    }
    Ok(())
}

/// A marker's epoch. Under transaction.version 2 it was bumped by the transaction's end, so that the
/// transaction's own epoch is too old (KIP-1228); the marker may come again, which changes nothing.
fn check_marker_epoch(
    entry: &ProducerEntry,
    header: &BatchHeader,
    origin: AppendOrigin,
) -> Result<(), StorageError> {
    let AppendOrigin::Marker {
        bumps_epoch: true, ..
    } = origin
    else {
        return check_epoch(entry, header, origin);
    };
    let same = header.producer_epoch == entry.producer_epoch;
    let again = same && (entry.current_txn_first_offset.is_none() || header.producer_epoch == i16::MAX);
    if header.producer_epoch > entry.producer_epoch || again {
        return Ok(());
    }
    Err(StorageError::InvalidProducerEpoch {
        producer_id: header.producer_id,
        epoch: header.producer_epoch,
        current_epoch: entry.producer_epoch,
    })
}

/// A producer goes on where it stopped, or begins a new epoch at 0. One of which nothing is known (all its
/// batches have been deleted) may begin anywhere.
fn check_sequence(entry: &ProducerEntry, header: &BatchHeader) -> Result<(), StorageError> {
    let (last, first) = (entry.last_sequence(), header.base_sequence);
    let in_order = if entry.producer_epoch == NO_PRODUCER_EPOCH {
        true
    } else if header.producer_epoch != entry.producer_epoch {
        first == 0
    } else {
        i64::from(first) == i64::from(last) + 1 || (first == 0 && last == i32::MAX)
    };
    if in_order {
        return Ok(());
    }
    Err(out_of_order(entry, header))
}

fn out_of_order(entry: &ProducerEntry, header: &BatchHeader) -> StorageError {
    StorageError::OutOfOrderSequence {
        producer_id: header.producer_id,
        sequence: header.base_sequence,
        last_sequence: entry.last_sequence(),
    }
}

#[cfg(test)]
mod tests;
