//! InitProducerId with a transactional id: the producer's id and epoch; whoever had them before is fenced.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::metadata::LAST_EPOCH;
use super::record::{NO_PRODUCER_EPOCH, TransactionMetadata};
use super::state::TransactionState;
use super::{Decision, ProducerIdAndEpoch, Refusal, TransactionShard, record};

/// An InitProducerId request.
#[derive(Clone, Copy, Debug)]
pub struct InitProducerId<'a> {
    /// The transactional id, not empty.
    pub transactional_id: &'a str,
    /// How long a transaction may take.
    pub timeout_ms: i32,
    /// What the producer was given before, if it goes on after an error (KIP-360).
    pub expected: Option<ProducerIdAndEpoch>,
    /// The cluster's transaction.version.
    pub transaction_version: i16,
}

impl TransactionShard {
    /// Initializes a producer. `new_producer_id` is one that was never given out; it is asked for by
    /// [`Refusal::NeedsProducerId`]. The inner error is for the client, after the records are committed: an
    /// open transaction is aborted first, and the client comes again.
    ///
    /// # Errors
    /// INVALID_TRANSACTION_TIMEOUT, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS.
    pub fn init_producer_id(
        &self,
        request: &InitProducerId<'_>,
        new_producer_id: Option<i64>,
        wall_ms: i64,
    ) -> Result<Decision<Result<ProducerIdAndEpoch, ErrorCode>>, Refusal> {
        self.config.check_timeout(request.timeout_ms)?;
        let Some((id, known)) = self.transactions.get_key_value(request.transactional_id) else {
            let producer_id = new_producer_id.ok_or(Refusal::NeedsProducerId)?;
            let created = TransactionMetadata::new(producer_id, request.timeout_ms, wall_ms);
            let expected = request.expected.map(|expected| expected.producer_epoch);
            let next = created.bump_epoch(request.timeout_ms, expected, wall_ms)?;
            return Ok(initialized(request.transactional_id.into(), next));
        };
        if known.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions.into());
        }
        if request
            .expected
            .is_some_and(|expected| !may_go_on(known, expected))
        {
            return Err(ErrorCode::ProducerFenced.into());
        }
        match known.state {
            TransactionState::Ongoing => {
                let fenced = known.fence(request.transaction_version, wall_ms);
                Ok((vec![record(id, fenced)], Err(ErrorCode::ConcurrentTransactions)))
            }
            _ => {
                let expected = request.expected.map(|expected| expected.producer_epoch);
                let is_current = expected.is_none_or(|epoch| epoch == known.producer_epoch);
                let next = if known.is_epoch_exhausted() && is_current {
                    let producer_id = new_producer_id.ok_or(Refusal::NeedsProducerId)?;
                    known.rotate_producer_id(producer_id, request.timeout_ms, expected.is_some(), wall_ms)
                } else {
                    known.bump_epoch(request.timeout_ms, expected, wall_ms)?
                };
                Ok(initialized(id.clone(), next))
            }
        }
    }
}

fn initialized(
    id: Arc<str>,
    metadata: TransactionMetadata,
) -> Decision<Result<ProducerIdAndEpoch, ErrorCode>> {
    let producer = metadata.producer();
    (vec![record(&id, metadata)], Ok(producer))
}

/// Whether a producer that says who it was may go on: it is the current one (its epoch is looked at when it
/// is bumped), or the one before, whose epochs were used up and which may not have heard of it.
fn may_go_on(known: &TransactionMetadata, expected: ProducerIdAndEpoch) -> bool {
    known.producer_epoch == NO_PRODUCER_EPOCH
        || expected.producer_id == known.producer_id
        || (expected.producer_id == known.previous_producer_id && expected.producer_epoch >= LAST_EPOCH)
}
