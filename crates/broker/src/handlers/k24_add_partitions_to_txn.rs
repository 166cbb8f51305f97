//! AddPartitionsToTxn: partitions that a transaction writes to (KIP-98), or, from version 4 on, whether they are in it (KIP-890).
//!
//! Versions 0–5. Up to version 3 a client asks for one transaction; from version 4 on brokers ask for several. Errors of a
//! partition: UNKNOWN_TOPIC_OR_PARTITION, then OPERATION_NOT_ATTEMPTED for the others; INVALID_REQUEST,
//! INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED (versions 0 and 1 INVALID_PRODUCER_EPOCH), CONCURRENT_TRANSACTIONS,
//! TRANSACTION_ABORTABLE for a partition that is not in the transaction, those of the coordinator.

use std::sync::Arc;

use barnabas_coordinator::{ProducerIdAndEpoch, TRANSACTION_VERSION_2, TopicPartition};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use barnabas_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use barnabas_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on a request holds several transactions, and is a broker's.
const BATCHES_SINCE: i16 = 4;
/// First version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

/// Answers for every partition of every transaction.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let version = context.api_version;
    if version < BATCHES_SINCE {
        let transaction = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(request.v3_and_below_transactional_id)
            .with_producer_id(request.v3_and_below_producer_id)
            .with_producer_epoch(request.v3_and_below_producer_epoch)
            .with_topics(request.v3_and_below_topics);
        let result = answer(broker, version, transaction).await;
        return AddPartitionsToTxnResponse::default()
            .with_results_by_topic_v3_and_below(result.topic_results);
    }
    let mut results = Vec::with_capacity(request.transactions.len());
    for transaction in request.transactions {
        results.push(answer(broker, version, transaction).await);
    }
    AddPartitionsToTxnResponse::default().with_results_by_transaction(results)
}

async fn answer(
    broker: &Arc<Broker>,
    version: i16,
    transaction: AddPartitionsToTxnTransaction,
) -> AddPartitionsToTxnResult {
    let partitions = partitions(&transaction.topics);
    let errors = match unknown(broker, &partitions) {
        Some(errors) => errors,
        None => ask(broker, version, &transaction, &partitions).await,
    };
    let mut errors = errors.into_iter();
    let topics = transaction.topics.iter().map(|topic| {
        let results = topic.partitions.iter().map(|&index| {
            let error = errors.next().unwrap_or(ErrorCode::UnknownServerError);
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(index)
                .with_partition_error_code(error.code())
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(results.collect())
    });
    AddPartitionsToTxnResult::default()
        .with_topic_results(topics.collect())
        .with_transactional_id(transaction.transactional_id)
}

fn partitions(topics: &[AddPartitionsToTxnTopic]) -> Vec<TopicPartition> {
    let mut partitions = Vec::new();
    for topic in topics {
        let name: Arc<str> = topic.name.as_str().into();
        partitions.extend(topic.partitions.iter().map(|index| (name.clone(), *index)));
    }
    partitions
}

/// The errors of all partitions if one does not exist.
fn unknown(broker: &Broker, partitions: &[TopicPartition]) -> Option<Vec<ErrorCode>> {
    let image = broker.image();
    let error = |(topic, index): &TopicPartition| match image.topics.partition(topic, *index) {
        Some(_) => ErrorCode::OperationNotAttempted,
        None => ErrorCode::UnknownTopicOrPartition,
    };
    let errors: Vec<ErrorCode> = partitions.iter().map(error).collect();
    errors
        .contains(&ErrorCode::UnknownTopicOrPartition)
        .then_some(errors)
}

async fn ask(
    broker: &Arc<Broker>,
    version: i16,
    transaction: &AddPartitionsToTxnTransaction,
    partitions: &[TopicPartition],
) -> Vec<ErrorCode> {
    let id = transaction.transactional_id.as_str();
    let producer = ProducerIdAndEpoch {
        producer_id: transaction.producer_id.0,
        producer_epoch: transaction.producer_epoch,
    };
    let client_version = if version >= BATCHES_SINCE {
        TRANSACTION_VERSION_2
    } else {
        0
    };
    let answered = broker.transactions().request(broker, id, |core, _, now_ms| {
        if transaction.verify_only {
            return Ok((Vec::new(), core.verify_partitions(id, producer, partitions)?));
        }
        let (records, ()) = core.add_partitions(id, producer, partitions, client_version, now_ms)?;
        Ok((records, vec![ErrorCode::None; partitions.len()]))
    });
    match answered.await {
        Ok(errors) => errors,
        Err(ErrorCode::ProducerFenced) if version < FENCED_SINCE => {
            vec![ErrorCode::InvalidProducerEpoch; partitions.len()]
        }
        Err(error) => vec![error; partitions.len()],
    }
}
