//! TxnOffsetCommit: offsets of a group that count when a transaction commits (KIP-98).
//!
//! Versions 0–5; from version 5 on the group's partition is added to the transaction by the broker (KIP-890). Errors of a
//! partition: UNKNOWN_TOPIC_OR_PARTITION, OFFSET_METADATA_TOO_LARGE, and one for all where the group or the transaction coordinator
//! refuses: INVALID_GROUP_ID, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH,
//! INVALID_TXN_STATE, CONCURRENT_TRANSACTIONS, and the coordinators' own.

use std::sync::Arc;

use barnabas_coordinator::ProducerIdAndEpoch;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use barnabas_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use barnabas_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use barnabas_storage::{ProducerSequence, VerificationGuard};
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::verification::{self, Speech};
use barnabas_metadata::internal_topics::CONSUMER_OFFSETS;

/// First version whose client knows TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 4;
/// First version whose client leaves it to the broker to add the partition to its transaction.
const IMPLICIT_SINCE: i16 = 5;
/// First version whose client takes COORDINATOR_LOAD_IN_PROGRESS well (KAFKA-7296).
const LOAD_IN_PROGRESS_SINCE: i16 = 2;

/// Commits the offsets of partitions that exist and answers for all.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    mut request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let mut answers = Vec::new();
    request.topics = existing(broker, std::mem::take(&mut request.topics), &mut answers);
    if !request.topics.is_empty() {
        let committed = match commit(broker, context.api_version, &request).await {
            Ok(topics) => topics,
            Err(error) => {
                let is_unknown = error == ErrorCode::CoordinatorLoadInProgress
                    && context.api_version < LOAD_IN_PROGRESS_SINCE;
                let told = if is_unknown {
                    ErrorCode::CoordinatorNotAvailable
                } else {
                    error
                };
                request.topics.iter().map(|topic| refused(topic, told)).collect()
            }
        };
        if answers.is_empty() {
            answers = committed;
        } else {
            committed.into_iter().for_each(|topic| merge(&mut answers, topic));
        }
    }
    TxnOffsetCommitResponse::default().with_topics(answers)
}

async fn commit(
    broker: &Arc<Broker>,
    version: i16,
    request: &TxnOffsetCommitRequest,
) -> Result<Vec<TxnOffsetCommitResponseTopic>, ErrorCode> {
    let group_id = request.group_id.as_str();
    if group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let batch = ProducerSequence {
        producer_id: request.producer_id.0,
        producer_epoch: request.producer_epoch,
        base_sequence: -1,
    };
    let guard = verify(broker, version, request, batch).await?;
    let image = broker.image().clone();
    let topic_id = |name: &str| image.topics.by_name(name).map_or(Uuid::nil(), |topic| topic.id);
    broker
        .groups()
        .request_in_transaction(group_id, batch, guard, |core, now| {
            let outcome = core.commit_offsets_in_transaction(request, topic_id, now)?;
            Ok((outcome.records, outcome.reply))
        })
        .await
}

/// Has the transaction coordinator say that the group's partition is in the transaction.
async fn verify(
    broker: &Arc<Broker>,
    version: i16,
    request: &TxnOffsetCommitRequest,
    batch: ProducerSequence,
) -> Result<Option<VerificationGuard>, ErrorCode> {
    let speech = match version {
        IMPLICIT_SINCE.. => Speech::AddsImplicitly,
        ABORTABLE_SINCE => Speech::KnowsAbortable,
        _ => Speech::Old,
    };
    let groups = broker.groups();
    let bumps_epoch = speech == Speech::AddsImplicitly;
    let Some(guard) = groups.begin_verification(&request.group_id, batch, bumps_epoch)? else {
        return Ok(None);
    };
    if !broker.config().transaction_partition_verification_enable && !bumps_epoch {
        return Ok(Some(guard));
    }
    let producer = ProducerIdAndEpoch {
        producer_id: batch.producer_id,
        producer_epoch: batch.producer_epoch,
    };
    let partitions = [(
        Arc::from(CONSUMER_OFFSETS),
        groups.partition_of(&request.group_id),
    )];
    let answers = verification::ask(broker, &request.transactional_id, producer, &partitions, speech).await;
    match answers.first().copied().unwrap_or(ErrorCode::UnknownServerError) {
        ErrorCode::None => Ok(Some(guard)),
        error => {
            if !verification::is_retriable(error) {
                groups.end_verification(&request.group_id, batch.producer_id);
            }
            Err(error)
        }
    }
}

/// The topics that exist, with the partitions they have; the rest is answered.
fn existing(
    broker: &Broker,
    topics: Vec<TxnOffsetCommitRequestTopic>,
    answers: &mut Vec<TxnOffsetCommitResponseTopic>,
) -> Vec<TxnOffsetCommitRequestTopic> {
    let image = broker.image();
    let mut found = Vec::with_capacity(topics.len());
    for mut topic in topics {
        let (has, lacks) = std::mem::take(&mut topic.partitions)
            .into_iter()
            .partition::<Vec<_>, _>(|partition| {
                image
                    .topics
                    .partition(&topic.name, partition.partition_index)
                    .is_some()
            });
        if !lacks.is_empty() {
            let unknown = topic.clone().with_partitions(lacks);
            merge(answers, refused(&unknown, ErrorCode::UnknownTopicOrPartition));
        }
        if !has.is_empty() {
            found.push(topic.with_partitions(has));
        }
    }
    found
}

fn refused(topic: &TxnOffsetCommitRequestTopic, error: ErrorCode) -> TxnOffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| {
        TxnOffsetCommitResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_error_code(error.code())
    });
    TxnOffsetCommitResponseTopic::default()
        .with_name(topic.name.clone())
        .with_partitions(partitions.collect())
}

/// A topic that has an answer gets further partitions there, as Kafka merges them.
fn merge(answers: &mut Vec<TxnOffsetCommitResponseTopic>, mut topic: TxnOffsetCommitResponseTopic) {
    match answers.iter_mut().find(|known| known.name == topic.name) {
        Some(known) => known.partitions.append(&mut topic.partitions),
        None => answers.push(topic),
    }
}
