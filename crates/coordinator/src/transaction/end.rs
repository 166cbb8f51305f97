//! EndTxn: the producer's decision, under both ways of speaking; and the decision that is taken from a
//! producer.

use barnabas_protocol::error::ErrorCode;

use super::metadata::LAST_EPOCH;
use super::record::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID, TransactionMetadata};
use super::state::TransactionState;
use super::{Decision, ProducerIdAndEpoch, Refusal, TRANSACTION_VERSION_2, TransactionShard, record};

/// The answer to an EndTxn of the first way, which keeps its epoch.
const NO_PRODUCER: ProducerIdAndEpoch = ProducerIdAndEpoch {
    producer_id: NO_PRODUCER_ID,
    producer_epoch: NO_PRODUCER_EPOCH,
};

impl TransactionShard {
    /// Commits or aborts the producer's transaction. The answer is the producer id and epoch to go on with
    /// (version 5 on).
    ///
    /// # Errors
    /// INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS,
    /// INVALID_TXN_STATE.
    pub fn end_transaction(
        &self,
        transactional_id: &str,
        producer: ProducerIdAndEpoch,
        commit: bool,
        client_transaction_version: i16,
        new_producer_id: Option<i64>,
        wall_ms: i64,
    ) -> Result<Decision<ProducerIdAndEpoch>, Refusal> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest.into());
        }
        let (id, metadata) = self
            .transactions
            .get_key_value(transactional_id)
            .ok_or(ErrorCode::InvalidProducerIdMapping)?;
        if client_transaction_version < TRANSACTION_VERSION_2 {
            let next = metadata.end_keeping_epoch(producer, commit, wall_ms)?;
            let records = next.into_iter().map(|next| record(id, next));
            return Ok((records.collect(), NO_PRODUCER));
        }
        match metadata.end_bumping_epoch(producer, commit)? {
            Ending::Again => Ok((Vec::new(), metadata.producer())),
            Ending::Now => {
                let next_producer_id = metadata.next_producer_id(new_producer_id)?;
                let next = metadata.prepare(commit, client_transaction_version, next_producer_id, wall_ms);
                let answer = next.producer();
                Ok((vec![record(id, next)], answer))
            }
        }
    }
}

/// What an EndTxn of the second way asks for.
enum Ending {
    /// A decision.
    Now,
    /// What was decided before; the answer was lost.
    Again,
}

impl TransactionMetadata {
    fn next_producer_id(&self, new_producer_id: Option<i64>) -> Result<i64, Refusal> {
        if self.is_epoch_exhausted() {
            new_producer_id.ok_or(Refusal::NeedsProducerId)
        } else {
            Ok(NO_PRODUCER_ID)
        }
    }

    /// The abort of an open transaction whose producer is fenced: it timed out, or another was initialized.
    /// Its epoch may be the last one, which no producer is ever given: who is initialized next gets another
    /// producer id.
    pub(super) fn fence(&self, transaction_version: i16, wall_ms: i64) -> TransactionMetadata {
        let bumps_epoch = transaction_version >= TRANSACTION_VERSION_2;
        if bumps_epoch && !self.is_epoch_exhausted() {
            return self.prepare(false, transaction_version, NO_PRODUCER_ID, wall_ms);
        }
        let mut fenced = self.prepare(false, 0, NO_PRODUCER_ID, wall_ms);
        fenced.producer_epoch = self.producer_epoch.saturating_add(1);
        fenced.last_producer_epoch = NO_PRODUCER_EPOCH;
        fenced
    }

    /// transaction.version 0 and 1: the epoch stays, and the same end again is fine. `None` if there is
    /// nothing to decide.
    fn end_keeping_epoch(
        &self,
        producer: ProducerIdAndEpoch,
        commit: bool,
        wall_ms: i64,
    ) -> Result<Option<TransactionMetadata>, ErrorCode> {
        if self.producer_id != producer.producer_id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if self.producer_epoch != producer.producer_epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        match (self.state, commit) {
            (TransactionState::Ongoing, _) => Ok(Some(self.prepare(commit, 0, NO_PRODUCER_ID, wall_ms))),
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => Ok(None),
            (TransactionState::PrepareCommit, true) | (TransactionState::PrepareAbort, false) => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// transaction.version 2: the epoch tells whether it is a new end or the last one again.
    ///
    /// ```text
    ///                      abort              commit
    ///                  again   current    again   current
    ///  Empty           fenced  new        fenced  state      new: decided, the epoch is bumped
    ///  CompleteAbort   ok      new        state   state      state: INVALID_TXN_STATE
    ///  CompleteCommit  state   new        ok      state
    ///  Prepare…        busy    busy       busy    busy       busy: CONCURRENT_TRANSACTIONS, of any epoch
    /// ```
    fn end_bumping_epoch(&self, producer: ProducerIdAndEpoch, commit: bool) -> Result<Ending, ErrorCode> {
        if self.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let epoch = producer.producer_epoch;
        let wrapped = self.previous_producer_id == producer.producer_id
            && epoch == LAST_EPOCH
            && self.producer_epoch == 0;
        let bumped = i32::from(self.producer_epoch) == i32::from(epoch) + 1;
        if self.producer_id != producer.producer_id && !wrapped {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        let is_current = epoch == self.producer_epoch;
        let is_valid = match self.state {
            TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                bumped || wrapped || is_current
            }
            _ => is_current,
        };
        if !is_valid {
            return Err(ErrorCode::ProducerFenced);
        }
        let again = bumped || wrapped;
        match (self.state, commit, again) {
            (TransactionState::Ongoing, _, _)
            | (TransactionState::Empty, false, _)
            | (TransactionState::CompleteCommit | TransactionState::CompleteAbort, false, false) => {
                Ok(Ending::Now)
            }
            (TransactionState::CompleteCommit, true, true)
            | (TransactionState::CompleteAbort, false, true) => Ok(Ending::Again),
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }
}
