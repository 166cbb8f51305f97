//! AddPartitionsToTxn: partitions that a transaction writes to (KIP-98), or, from version 4 on, whether they
//! are in it (KIP-890).
//!
//! Versions 0–5. Up to version 3 a client asks for one transaction; from version 4 on brokers ask for
//! several. Errors of the whole: CLUSTER_AUTHORIZATION_FAILED (version 4 on). Errors of a partition:
//! TRANSACTIONAL_ID_AUTHORIZATION_FAILED and TOPIC_AUTHORIZATION_FAILED (up to version 3; also for an
//! internal topic), UNKNOWN_TOPIC_OR_PARTITION, then OPERATION_NOT_ATTEMPTED for the others; INVALID_REQUEST,
//! INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED (versions 0 and 1 INVALID_PRODUCER_EPOCH),
//! CONCURRENT_TRANSACTIONS, TRANSACTION_ABORTABLE for a partition that is not in the transaction, those of
//! the coordinator.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_coordinator::{ProducerIdAndEpoch, TRANSACTION_VERSION_2, TopicPartition};
use barnabas_metadata::controller::topic_name;
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
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on a request holds several transactions, and is a broker's.
pub const SENT_BY_BROKERS_SINCE: i16 = 4;
/// First version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

/// Answers for every partition of every transaction.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let version = context.api_version;
    if version < SENT_BY_BROKERS_SINCE {
        let transaction = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(request.v3_and_below_transactional_id)
            .with_producer_id(request.v3_and_below_producer_id)
            .with_producer_epoch(request.v3_and_below_producer_epoch)
            .with_topics(request.v3_and_below_topics);
        let rights = broker.rights(context);
        let id = &transaction.transactional_id;
        let result = if rights.on_transactional_id(AclOperation::Write, id) {
            answer(broker, context, transaction).await
        } else {
            let error = ErrorCode::TransactionalIdAuthorizationFailed;
            answer_alike(transaction, |_| error)
        };
        return AddPartitionsToTxnResponse::default()
            .with_results_by_topic_v3_and_below(result.topic_results);
    }
    if !broker.rights(context).on_cluster(AclOperation::ClusterAction) {
        let error = ErrorCode::ClusterAuthorizationFailed;
        return AddPartitionsToTxnResponse::default().with_error_code(error.code());
    }
    let mut results = Vec::with_capacity(request.transactions.len());
    for transaction in request.transactions {
        results.push(answer(broker, context, transaction).await);
    }
    AddPartitionsToTxnResponse::default().with_results_by_transaction(results)
}

async fn answer(
    broker: &Arc<Broker>,
    context: &RequestContext,
    transaction: AddPartitionsToTxnTransaction,
) -> AddPartitionsToTxnResult {
    let partitions = partitions(&transaction.topics);
    if let Some(topics) = unusable(broker, context, &partitions) {
        return AddPartitionsToTxnResult::default()
            .with_topic_results(topics)
            .with_transactional_id(transaction.transactional_id);
    }
    let answer = ask(broker, context.api_version, &transaction, &partitions).await;
    answer_alike(transaction, |place| match &answer {
        Ok(not_in_transaction) if not_in_transaction.contains(place) => ErrorCode::TransactionAbortable,
        Ok(_) => ErrorCode::None,
        Err(error) => *error,
    })
}

/// An answer for every partition as it was asked for.
fn answer_alike(
    transaction: AddPartitionsToTxnTransaction,
    error: impl Fn(&TopicPartition) -> ErrorCode,
) -> AddPartitionsToTxnResult {
    // Verified are partitions; added are topics, whether they name any or not.
    let answered =
        |topic: &&AddPartitionsToTxnTopic| !transaction.verify_only || !topic.partitions.is_empty();
    let topics = transaction.topics.iter().filter(answered).map(|topic| {
        let name: Arc<str> = topic.name.as_str().into();
        let partitions = topic.partitions.iter();
        let results = partitions.map(|&index| result(index, error(&(name.clone(), index))));
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(results.collect())
    });
    AddPartitionsToTxnResult::default()
        .with_topic_results(topics.collect())
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

/// The answer for all partitions if one may not be written to or does not exist: no other is added either. A
/// broker that asks has authorised its client itself.
fn unusable(
    broker: &Broker,
    context: &RequestContext,
    partitions: &[TopicPartition],
) -> Option<Vec<AddPartitionsToTxnTopicResult>> {
    let image = broker.image();
    let rights = broker.rights(context);
    let is_client = context.api_version < SENT_BY_BROKERS_SINCE;
    let errors = partitions.iter().map(|(topic, index)| {
        let may_write = || !topic_name::is_internal(topic) && rights.on_topic(AclOperation::Write, topic);
        if is_client && !may_write() {
            ErrorCode::TopicAuthorizationFailed
        } else if image.topics.partition(topic, *index).is_none() {
            ErrorCode::UnknownTopicOrPartition
        } else {
            ErrorCode::None
        }
    });
    let errors: Vec<ErrorCode> = errors.collect();
    if errors.iter().all(|error| *error == ErrorCode::None) {
        return None;
    }
    let told = |error| match error {
        ErrorCode::None => ErrorCode::OperationNotAttempted,
        error => error,
    };
    let answers: Vec<_> = partitions.iter().zip(errors).collect();
    let topics = answers.chunk_by(|(a, _), (b, _)| a.0 == b.0).map(|run| {
        let results = run.iter().map(|(place, error)| result(place.1, told(*error)));
        AddPartitionsToTxnTopicResult::default()
            .with_name(TopicName(StrBytes::from_string(run[0].0.0.to_string())))
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
    let client_version = if version >= SENT_BY_BROKERS_SINCE {
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
