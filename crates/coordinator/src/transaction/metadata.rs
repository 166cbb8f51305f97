//! What becomes of a transactional id's metadata: each function gives the next record's content. Nothing
//! changes in place.

use std::collections::BTreeSet;

use barnabas_protocol::error::ErrorCode;

use super::TRANSACTION_VERSION_2;
use super::record::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_TIMESTAMP, TopicPartition, TransactionMetadata};
use super::state::TransactionState;

/// From this epoch on a producer id is used up: the greatest epoch is left to the coordinator, which must
/// always be able to fence a producer.
pub(super) const LAST_EPOCH: i16 = i16::MAX - 1;

impl TransactionMetadata {
    /// A transactional id that nothing is known of.
    pub(super) fn new(producer_id: i64, timeout_ms: i32, wall_ms: i64) -> Self {
        TransactionMetadata {
            producer_id,
            previous_producer_id: NO_PRODUCER_ID,
            next_producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            last_producer_epoch: NO_PRODUCER_EPOCH,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            start_timestamp_ms: NO_TIMESTAMP,
            last_update_timestamp_ms: wall_ms,
            client_transaction_version: 0,
        }
    }

    /// No epoch is left to give.
    pub(super) fn is_epoch_exhausted(&self) -> bool {
        self.producer_epoch >= LAST_EPOCH
    }

    /// The epoch for a producer that initializes itself. `expected` is the epoch it says it has (KIP-360).
    ///
    /// # Errors
    /// PRODUCER_FENCED: another producer has been initialized since.
    pub(super) fn bump_epoch(
        &self,
        timeout_ms: i32,
        expected: Option<i16>,
        wall_ms: i64,
    ) -> Result<TransactionMetadata, ErrorCode> {
        let next = self.producer_epoch.saturating_add(1);
        let (producer_epoch, last_producer_epoch) = match expected {
            None => (next, NO_PRODUCER_EPOCH),
            Some(epoch) if epoch == self.producer_epoch || self.producer_epoch == NO_PRODUCER_EPOCH => {
                (next, self.producer_epoch)
            }
            // It asks again for what it was given; nobody else was initialized, or this would not be known.
            Some(epoch) if epoch == self.last_producer_epoch => {
                (self.producer_epoch, self.last_producer_epoch)
            }
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        Ok(TransactionMetadata {
            producer_epoch,
            last_producer_epoch,
            ..self.initialized(timeout_ms, wall_ms)
        })
    }

    /// A new producer id, because the epochs of this one are used up.
    pub(super) fn rotate_producer_id(
        &self,
        producer_id: i64,
        timeout_ms: i32,
        is_recovering: bool,
        wall_ms: i64,
    ) -> TransactionMetadata {
        TransactionMetadata {
            producer_id,
            producer_epoch: 0,
            last_producer_epoch: if is_recovering {
                self.producer_epoch
            } else {
                NO_PRODUCER_EPOCH
            },
            ..self.initialized(timeout_ms, wall_ms)
        }
    }

    fn initialized(&self, timeout_ms: i32, wall_ms: i64) -> TransactionMetadata {
        TransactionMetadata {
            previous_producer_id: self.producer_id,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            start_timestamp_ms: NO_TIMESTAMP,
            last_update_timestamp_ms: wall_ms,
            ..self.clone()
        }
    }

    /// With further partitions in the transaction, which begins if there is none.
    pub(super) fn add_partitions(
        &self,
        added: impl IntoIterator<Item = TopicPartition>,
        client_transaction_version: i16,
        wall_ms: i64,
    ) -> TransactionMetadata {
        let mut next = self.clone();
        next.previous_producer_id = self.producer_id;
        next.state = TransactionState::Ongoing;
        next.partitions.extend(added);
        if self.state.is_idle() {
            next.start_timestamp_ms = wall_ms;
        }
        next.last_update_timestamp_ms = wall_ms;
        next.client_transaction_version = client_transaction_version;
        next
    }

    /// With the outcome decided. Under transaction.version 2 the epoch is bumped, to `next_producer_id`'s if
    /// it is used up.
    pub(super) fn prepare(
        &self,
        commit: bool,
        client_transaction_version: i16,
        next_producer_id: i64,
        wall_ms: i64,
    ) -> TransactionMetadata {
        let mut next = self.clone();
        next.previous_producer_id = self.producer_id;
        next.next_producer_id = next_producer_id;
        next.state = if commit {
            TransactionState::PrepareCommit
        } else {
            TransactionState::PrepareAbort
        };
        if client_transaction_version >= TRANSACTION_VERSION_2 {
            // At the greatest epoch already there is only the abort of what should not be.
            next.producer_epoch = self.producer_epoch.saturating_add(1);
            next.last_producer_epoch = self.producer_epoch;
        }
        if self.state != TransactionState::Ongoing {
            // An abort without a partition in it.
            next.start_timestamp_ms = wall_ms;
        }
        next.last_update_timestamp_ms = wall_ms;
        next.client_transaction_version = client_transaction_version;
        next
    }

    /// With all markers written.
    pub(super) fn complete(&self, wall_ms: i64) -> TransactionMetadata {
        let mut next = self.clone();
        next.previous_producer_id = self.producer_id;
        next.state = if self.state == TransactionState::PrepareCommit {
            TransactionState::CompleteCommit
        } else {
            TransactionState::CompleteAbort
        };
        if self.client_transaction_version >= TRANSACTION_VERSION_2 && self.next_producer_id != NO_PRODUCER_ID
        {
            next.producer_id = self.next_producer_id;
            next.producer_epoch = 0;
        }
        next.next_producer_id = NO_PRODUCER_ID;
        next.partitions.clear();
        next.last_update_timestamp_ms = wall_ms;
        next
    }
}
