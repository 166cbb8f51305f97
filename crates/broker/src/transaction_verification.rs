//! Transactional appends and the transaction coordinator (KIP-890): before a producer's first batch of a
//! transaction in a partition the coordinator is asked whether the partition is in the transaction, or, by a
//! client of transaction.version 2, told that it is.
//!
//! Called by Produce and by TxnOffsetCommit. Whoever goes on with an open transaction asks nobody.

use std::sync::Arc;
use std::time::Duration;

use barnabas_coordinator::{ProducerIdAndEpoch, TRANSACTION_VERSION_2, TopicPartition};
use barnabas_protocol::error::ErrorCode;

use crate::broker::Broker;

/// How long a client of transaction.version 2 waits for its last transaction to be complete, and how often
/// that is looked for (`add.partitions.to.txn.retry.backoff.max.ms` and `.ms`, internal to Kafka).
const RETRY_MAX: Duration = Duration::from_millis(100);
const RETRY_BACKOFF: Duration = Duration::from_millis(20);

/// What a client's version of Produce or TxnOffsetCommit lets it be told, and have done for it
/// (Kafka's `TransactionSupportedOperation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionSupport {
    /// It adds partitions itself, and knows old errors only.
    DefaultError,
    /// It adds partitions itself, and knows TRANSACTION_ABORTABLE.
    GenericError,
    /// Its partitions are added for it.
    AddPartition,
}

/// Asks the coordinator about, or tells it of, the partitions of a producer's transaction: an answer for
/// each. While nobody can be asked that is COORDINATOR_NOT_AVAILABLE.
pub async fn ask(
    broker: &Arc<Broker>,
    transactional_id: &str,
    producer: ProducerIdAndEpoch,
    partitions: &[TopicPartition],
    support: TransactionSupport,
) -> Vec<ErrorCode> {
    if !broker.transactions().has_topic() {
        return vec![ErrorCode::CoordinatorNotAvailable; partitions.len()];
    }
    let answers = if support == TransactionSupport::AddPartition {
        vec![add(broker, transactional_id, producer, partitions).await; partitions.len()]
    } else {
        let asked = broker
            .transactions()
            .request(broker, transactional_id, |core, _, _| {
                let answers = core.verify_partitions(transactional_id, producer, partitions)?;
                Ok((Vec::new(), answers))
            });
        asked.await.unwrap_or_else(|error| vec![error; partitions.len()])
    };
    let told = |error| match error {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::TransactionAbortable if support == TransactionSupport::DefaultError => {
            ErrorCode::InvalidTxnState
        }
        other => other,
    };
    answers.into_iter().map(told).collect()
}

async fn add(
    broker: &Arc<Broker>,
    transactional_id: &str,
    producer: ProducerIdAndEpoch,
    partitions: &[TopicPartition],
) -> ErrorCode {
    let mut waited = Duration::ZERO;
    loop {
        let added = broker
            .transactions()
            .request(broker, transactional_id, |core, _, wall_ms| {
                let version = TRANSACTION_VERSION_2;
                Ok(core.add_partitions(transactional_id, producer, partitions, version, wall_ms)?)
            });
        match added.await {
            Ok(()) => return ErrorCode::None,
            Err(ErrorCode::ConcurrentTransactions) if waited < RETRY_MAX => {
                tokio::time::sleep(RETRY_BACKOFF).await;
                waited += RETRY_BACKOFF;
            }
            Err(error) => return error,
        }
    }
}

/// Whether the same question may be answered differently later.
pub fn is_retriable(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::ConcurrentTransactions
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
    )
}
