//! AddPartitionsToTxn: partitions that a transaction writes to (KIP-98), or, from version 4 on, whether they are in it (KIP-890).
//!
//! Versions 0–5. Up to version 3 a client asks for one transaction; from version 4 on brokers ask for several. Errors of a
//! partition: UNKNOWN_TOPIC_OR_PARTITION, then OPERATION_NOT_ATTEMPTED for the others; INVALID_REQUEST,
//! INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED (versions 0 and 1 INVALID_PRODUCER_EPOCH), CONCURRENT_TRANSACTIONS,
//! TRANSACTION_ABORTABLE for a partition that is not in the transaction, those of the coordinator.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_coordinator::{ProducerIdAndEpoch, TRANSACTION_VERSION_2, TopicPartition};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use barnabas_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use barnabas_protocol::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, StrBytes, TopicName,
};

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
    let topics = match unknown(broker, &partitions) {
        Some(topics) => topics,
        None => {
            let answer = ask(broker, version, &transaction, &partitions).await;
            let error = |place: &TopicPartition| match &answer {
                Ok(not_in_transaction) if not_in_transaction.contains(place) => {
                    ErrorCode::TransactionAbortable
                }
                Ok(_) => ErrorCode::None,
                Err(error) => *error,
            };
            // Verified are partitions; added are topics, whether they name any or not.
            let answered =
                |topic: &&AddPartitionsToTxnTopic| !transaction.verify_only || !topic.partitions.is_empty();
            let topics = transaction.topics.iter().filter(answered).map(|topic| {
                let name: Arc<str> = topic.name.as_str().into();
                let results = topic.partitions.iter().map(|&index| {
                    let error = error(&(name.clone(), index));
                    result(index, error)
                });
                AddPartitionsToTxnTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_results_by_partition(results.collect())
            });
            topics.collect()
        }
    };
    AddPartitionsToTxnResult::default()
        .with_topic_results(topics)
        .with_transactional_id(transaction.transactional_id)
}

fn result(index: i32, error: ErrorCode) -> AddPartitionsToTxnPartitionResult {
    AddPartitionsToTxnPartitionResult::default()
        .with_partition_index(index)
        .with_partition_error_code(error.code())
}

/// The partitions that are named, each once, and those of a topic together.
fn partitions(topics: &[AddPartitionsToTxnTopic]) -> Vec<TopicPartition> {
    let named = topics.iter().flat_map(|topic| {
        let name: Arc<str> = topic.name.as_str().into();
        topic.partitions.iter().map(move |index| (name.clone(), *index))
    });
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The answer for all partitions if one does not exist: no other is added either.
fn unknown(broker: &Broker, partitions: &[TopicPartition]) -> Option<Vec<AddPartitionsToTxnTopicResult>> {
    let image = broker.image();
    let exists = |(topic, index): &TopicPartition| image.topics.partition(topic, *index).is_some();
    if partitions.iter().all(exists) {
        return None;
    }
    let topics = partitions.chunk_by(|a, b| a.0 == b.0).map(|run| {
        let results = run.iter().map(|place| {
            let error = if exists(place) {
                ErrorCode::OperationNotAttempted
            } else {
                ErrorCode::UnknownTopicOrPartition
            };
            result(place.1, error)
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(TopicName(StrBytes::from_string(run[0].0.to_string())))
            .with_results_by_partition(results.collect())
    });
    Some(topics.collect())
}

/// Adds the partitions, or verifies them: those that are not in the transaction come back.
async fn ask(
    broker: &Arc<Broker>,
    version: i16,
    transaction: &AddPartitionsToTxnTransaction,
    partitions: &[TopicPartition],
) -> Result<Vec<TopicPartition>, ErrorCode> {
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
    let answered = broker.transactions().request(broker, id, |core, _, wall_ms| {
        if transaction.verify_only {
            let errors = core.verify_partitions(id, producer, partitions)?;
            let lacking = partitions
                .iter()
                .zip(errors)
                .filter(|(_, error)| *error != ErrorCode::None);
            return Ok((Vec::new(), lacking.map(|(place, _)| place.clone()).collect()));
        }
        let (records, ()) = core.add_partitions(id, producer, partitions, client_version, wall_ms)?;
        Ok((records, Vec::new()))
    });
    match answered.await {
        Err(ErrorCode::ProducerFenced) if version < FENCED_SINCE => Err(ErrorCode::InvalidProducerEpoch),
        answer => answer,
    }
}
