//! Transactional appends and the transaction coordinator (KIP-890): before a producer's first batch of a
//! transaction in a partition the coordinator is asked whether the partition is in the transaction, or, by a
//! client of transaction.version 2, told that it is.
//!
//! Called by Produce and by TxnOffsetCommit. Whoever goes on with an open transaction asks nobody. The
//! coordinator is whoever leads the transactional id's partition of `__transaction_state`: this broker, or
//! another, which is asked by AddPartitionsToTxn.

use std::sync::Arc;
use std::time::Duration;

use barnabas_coordinator::{ProducerIdAndEpoch, TRANSACTION_VERSION_2, TopicPartition, partition_for};
use barnabas_metadata::image::MetadataImage;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use barnabas_protocol::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, ProducerId, StrBytes, TopicName, TransactionalId,
};

use crate::broker::Broker;
use crate::broker_peers::Purpose;
use barnabas_metadata::internal_topics::TRANSACTION_STATE;

/// How long a client of transaction.version 2 waits for its last transaction to be complete, and how often
/// that is looked for (`add.partitions.to.txn.retry.backoff.max.ms` and `.ms`, internal to Kafka).
const RETRY_MAX: Duration = Duration::from_millis(100);
const RETRY_BACKOFF: Duration = Duration::from_millis(20);
/// The version of AddPartitionsToTxn that brokers speak with each other.
const VERSION: i16 = 5;

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
/// each. While nobody can be asked that is COORDINATOR_NOT_AVAILABLE, and NETWORK_EXCEPTION where who was
/// asked has not answered.
pub async fn ask(
    broker: &Arc<Broker>,
    transactional_id: &str,
    producer: ProducerIdAndEpoch,
    partitions: &[TopicPartition],
    support: TransactionSupport,
) -> Vec<ErrorCode> {
    let mut waited = Duration::ZERO;
    let answers = loop {
        let answers = ask_once(broker, transactional_id, producer, partitions, support).await;
        let is_busy = support == TransactionSupport::AddPartition
            && answers.contains(&ErrorCode::ConcurrentTransactions);
        if !is_busy || waited >= RETRY_MAX {
            break answers;
        }
        tokio::time::sleep(RETRY_BACKOFF).await;
        waited += RETRY_BACKOFF;
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

async fn ask_once(
    broker: &Arc<Broker>,
    id: &str,
    producer: ProducerIdAndEpoch,
    partitions: &[TopicPartition],
    support: TransactionSupport,
) -> Vec<ErrorCode> {
    let alike = |error| vec![error; partitions.len()];
    let transactions = broker.transactions();
    if !transactions.coordinates(id) {
        let image = broker.image().clone();
        let Some(coordinator) = coordinator_of(&image, id).filter(|id| *id != broker.node_id) else {
            return alike(ErrorCode::CoordinatorNotAvailable);
        };
        let request = request_for(id, producer, partitions, support);
        let answered = broker
            .peers()
            .ask(&image, coordinator, Purpose::Verification, VERSION, &request);
        return match answered.await {
            Ok(answer) => partitions.iter().map(|place| error_of(&answer, place)).collect(),
            Err(error) => {
                tracing::debug!(id, coordinator, %error, "partitions of a transaction were not verified");
                alike(ErrorCode::NetworkException)
            }
        };
    }
    if support == TransactionSupport::AddPartition {
        let added = transactions.request(broker, id, |core, _, wall_ms| {
            Ok(core.add_partitions(id, producer, partitions, TRANSACTION_VERSION_2, wall_ms)?)
        });
        return alike(added.await.err().unwrap_or(ErrorCode::None));
    }
    let asked = transactions.request(broker, id, |core, _, _| {
        Ok((Vec::new(), core.verify_partitions(id, producer, partitions)?))
    });
    asked.await.unwrap_or_else(alike)
}

/// The broker that leads the partition of a transactional id; `None` while nobody does.
fn coordinator_of(image: &MetadataImage, transactional_id: &str) -> Option<i32> {
    let topic = image.topics.by_name(TRANSACTION_STATE)?;
    let count = i32::try_from(topic.partitions.len()).ok()?;
    let partition = topic.partition(partition_for(transactional_id, count))?;
    image
        .alive_broker(partition.leader)
        .map(|leader| leader.broker_id)
}

fn request_for(
    transactional_id: &str,
    producer: ProducerIdAndEpoch,
    partitions: &[TopicPartition],
    support: TransactionSupport,
) -> AddPartitionsToTxnRequest {
    let topics = partitions.chunk_by(|(a, _), (b, _)| a == b).map(|run| {
        AddPartitionsToTxnTopic::default()
            .with_name(TopicName(StrBytes::from_string(run[0].0.to_string())))
            .with_partitions(run.iter().map(|(_, partition)| *partition).collect())
    });
    let transaction = AddPartitionsToTxnTransaction::default()
        .with_transactional_id(TransactionalId(StrBytes::from_string(
            transactional_id.to_owned(),
        )))
        .with_producer_id(ProducerId(producer.producer_id))
        .with_producer_epoch(producer.producer_epoch)
        .with_verify_only(support != TransactionSupport::AddPartition)
        .with_topics(topics.collect());
    AddPartitionsToTxnRequest::default().with_transactions(vec![transaction])
}

/// What another broker has said of one partition.
fn error_of(answer: &AddPartitionsToTxnResponse, (topic, partition): &TopicPartition) -> ErrorCode {
    if answer.error_code == ErrorCode::ClusterAuthorizationFailed.code() {
        // That is the brokers' affair, and not to be told to a client.
        return ErrorCode::InvalidTxnState;
    }
    let transactions = answer.results_by_transaction.iter();
    let topics = transactions.flat_map(|transaction| &transaction.topic_results);
    let mut partitions = topics
        .filter(|answered| *answered.name.0 == **topic)
        .flat_map(|answered| &answered.results_by_partition);
    let answered = partitions
        .find(|answered| answered.partition_index == *partition)
        .and_then(|answered| ErrorCode::from_code(answered.partition_error_code));
    match answered {
        // This broker leads the partition: the coordinator has not heard of it yet.
        Some(ErrorCode::UnknownTopicOrPartition | ErrorCode::OperationNotAttempted) => {
            ErrorCode::CoordinatorNotAvailable
        }
        Some(error) => error,
        None => ErrorCode::UnknownServerError,
    }
}

/// Whether the same question may be answered differently later.
pub fn is_retriable(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::ConcurrentTransactions
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::NotCoordinator
    )
}
