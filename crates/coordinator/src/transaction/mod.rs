//! [`TransactionShard`]: the transactional ids of one partition of `__transaction_state`.
//!
//! ```text
//!            init                add partitions               end                   markers written
//!   (none) ─────────▶ Empty ───────────────────▶ Ongoing ───────────▶ Prepare… ──────────────────▶ Complete…
//!                       ▲                           │ timeout, init             ◀── add partitions, init ──┘
//!                       └──────── init ─────────────┴──▶ PrepareAbort
//! ```
//!
//! The outcome is decided by one record, PrepareCommit or PrepareAbort, and never changes after it: whoever
//! loads the log goes on to write the markers. The shell gets them as [`MarkerWork`] and tells
//! [`TransactionShard::complete`] when all are written.
//!
//! Two ways of speaking live side by side (KIP-890). Clients of transaction.version 0 and 1 add partitions
//! themselves and keep their epoch; those of 2 get a new epoch with every transaction, so that a late message
//! of an earlier one can't join the next.

mod add_partitions;
mod describe;
mod end;
mod expiry;
mod init;
mod metadata;
mod ongoing;
mod record;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;

use self::ongoing::Ongoing;
pub use describe::{TransactionDescription, TransactionFilter};
pub use init::InitProducerId;
pub use record::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID, TopicPartition, TransactionMetadata, TransactionRecord};
pub use state::TransactionState;

/// The transaction.version from which on a transaction's end bumps the epoch (KIP-890).
pub const TRANSACTION_VERSION_2: i16 = 2;

/// The broker's settings that the transaction coordinator reads; the names are Kafka's, with dots as
/// underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionConfig {
    /// `transaction.max.timeout.ms`
    pub transaction_max_timeout_ms: i32,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`
    pub abort_timed_out_interval_ms: i64,
    /// `transactional.id.expiration.ms`
    pub transactional_id_expiration_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`
    pub remove_expired_interval_ms: i64,
    /// `request.timeout.ms`: how long an answer waits for what it rests on to be replicated.
    pub request_timeout_ms: i32,
}

impl TransactionConfig {
    /// What an InitProducerId request's timeout is held to, before the coordinator is looked for.
    ///
    /// # Errors
    /// INVALID_TRANSACTION_TIMEOUT.
    pub fn check_timeout(&self, timeout_ms: i32) -> Result<(), ErrorCode> {
        if (1..=self.transaction_max_timeout_ms).contains(&timeout_ms) {
            Ok(())
        } else {
            Err(ErrorCode::InvalidTransactionTimeout)
        }
    }
}

impl Default for TransactionConfig {
    fn default() -> Self {
        TransactionConfig {
            transaction_max_timeout_ms: 900_000,
            abort_timed_out_interval_ms: 10_000,
            transactional_id_expiration_ms: 604_800_000,
            remove_expired_interval_ms: 3_600_000,
            request_timeout_ms: 30_000,
        }
    }
}

/// A producer and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdAndEpoch {
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
}

/// Why a request was not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client gets this error.
    Error(ErrorCode),
    /// A producer id must be given with the request: ask again with one.
    NeedsProducerId,
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Refusal::Error(error)
    }
}

/// Records to append, and the answer once they are committed.
pub type Decision<R> = (Vec<TransactionRecord>, R);

/// Markers to write because a transaction's outcome is decided. Writing one again does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerWork {
    /// The transactional id.
    pub transactional_id: Arc<str>,
    /// The producer and the epoch that the markers carry.
    pub producer: ProducerIdAndEpoch,
    /// Commit, or abort.
    pub commit: bool,
    /// Leader epoch of the coordinator's partition.
    pub coordinator_epoch: i32,
    /// The transaction.version that the client spoke.
    pub transaction_version: i16,
    /// Where markers belong.
    pub partitions: Vec<TopicPartition>,
}

/// The transactional ids of one partition of `__transaction_state`.
#[derive(Debug)]
pub struct TransactionShard {
    config: TransactionConfig,
    coordinator_epoch: i32,
    transactions: BTreeMap<Arc<str>, TransactionMetadata>,
    /// Those that may time out.
    ongoing: BTreeMap<Arc<str>, Ongoing>,
    /// When timed out transactions are looked for next; `None` while there is none that could be.
    abort_at_ms: Option<i64>,
    /// When expired transactional ids are looked for next.
    expire_at_ms: Option<i64>,
    work: Vec<MarkerWork>,
    loading: bool,
}

impl TransactionShard {
    /// A shard that knows nothing, of a partition that is led in `coordinator_epoch`; it is loading until
    /// [`Self::finish_loading`].
    pub fn new(config: TransactionConfig, coordinator_epoch: i32) -> Self {
        TransactionShard {
            config,
            coordinator_epoch,
            transactions: BTreeMap::new(),
            ongoing: BTreeMap::new(),
            abort_at_ms: None,
            expire_at_ms: None,
            work: Vec::new(),
            loading: true,
        }
    }

    /// What is known of a transactional id.
    pub fn transaction(&self, transactional_id: &str) -> Option<&TransactionMetadata> {
        self.transactions.get(transactional_id)
    }

    /// Applies a record of the log: what loading does with all of them is what the live path does with its
    /// own.
    pub fn replay(&mut self, record: TransactionRecord, now: Now) {
        let id = record.transactional_id;
        let before = self.ongoing.remove(&id);
        let Some(metadata) = record.value else {
            self.transactions.remove(&id);
            return;
        };
        if metadata.state == TransactionState::Ongoing {
            let goes_on = before.filter(|before| before.start_timestamp_ms == metadata.start_timestamp_ms);
            let ongoing = goes_on.unwrap_or_else(|| Ongoing::begun(&metadata, now));
            self.ongoing.insert(id.clone(), ongoing);
        }
        if !self.loading {
            self.note_work(&id, &metadata);
        }
        self.transactions.insert(id, metadata);
        if !self.loading {
            self.schedule(now);
        }
    }

    /// The whole log has been replayed: what was decided and not completed goes on.
    pub fn finish_loading(&mut self, now: Now) {
        self.loading = false;
        let transactions = std::mem::take(&mut self.transactions);
        for (id, metadata) in &transactions {
            self.note_work(id, metadata);
        }
        self.transactions = transactions;
        self.schedule(now);
    }

    fn note_work(&mut self, id: &Arc<str>, metadata: &TransactionMetadata) {
        if metadata.state.is_prepared() {
            self.work.push(MarkerWork {
                transactional_id: id.clone(),
                producer: metadata.producer(),
                commit: metadata.state == TransactionState::PrepareCommit,
                coordinator_epoch: self.coordinator_epoch,
                transaction_version: metadata.client_transaction_version,
                partitions: metadata.partitions.iter().cloned().collect(),
            });
        }
    }

    /// The markers to write for what was decided since the last call, once the records are committed.
    pub fn take_work(&mut self) -> Vec<MarkerWork> {
        std::mem::take(&mut self.work)
    }

    /// All markers of a transaction are written. Nothing happens if it was completed before.
    pub fn complete(
        &self,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
        wall_ms: i64,
    ) -> Vec<TransactionRecord> {
        match self.transactions.get_key_value(transactional_id) {
            Some((id, metadata)) if metadata.state.is_prepared() && metadata.producer() == producer => {
                vec![record(id, metadata.complete(wall_ms))]
            }
            _ => Vec::new(),
        }
    }
}

impl TransactionMetadata {
    /// The producer and its epoch.
    pub fn producer(&self) -> ProducerIdAndEpoch {
        ProducerIdAndEpoch {
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
        }
    }
}

fn record(id: &Arc<str>, metadata: TransactionMetadata) -> TransactionRecord {
    TransactionRecord {
        transactional_id: id.clone(),
        value: Some(metadata),
    }
}
