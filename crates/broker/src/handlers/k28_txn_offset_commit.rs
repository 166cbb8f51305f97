//! TxnOffsetCommit: offsets of a group that count when a transaction commits (KIP-98).
//!
//! Versions 0–6; from version 5 on the group's partition is added to the transaction by the broker (KIP-890),
//! from version 6 on topics are named by their ids (KIP-1319). Errors of a partition:
//! TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, OFFSET_METADATA_TOO_LARGE, and
//! one for all where the group or the transaction coordinator refuses or the client may not:
//! TRANSACTIONAL_ID_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND,
//! STALE_MEMBER_EPOCH (both ILLEGAL_GENERATION before version 6), UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
//! INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, CONCURRENT_TRANSACTIONS, and the
//! coordinators' own.

use std::sync::Arc;

use barnabas_coordinator::ProducerIdAndEpoch;
use barnabas_coordinator::runtime::client_error;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use barnabas_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use barnabas_protocol::messages::{StrBytes, TopicName, TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use barnabas_security::{AclOperation, Rights};
use barnabas_storage::{ProducerSequence, VerificationGuard};

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::transaction_verification::{self, TransactionSupport};
use barnabas_metadata::internal_topics::CONSUMER_OFFSETS;

/// First version whose client knows TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 4;
/// First version whose client leaves it to the broker to add the partition to its transaction.
const IMPLICIT_SINCE: i16 = 5;
/// From this version on topics are named by their id.
const TOPIC_IDS_SINCE: i16 = 6;
/// First version whose client takes COORDINATOR_LOAD_IN_PROGRESS well (KAFKA-7296).
const LOAD_IN_PROGRESS_SINCE: i16 = 2;

/// Commits the offsets of partitions that exist and answers for all.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    mut request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let rights = broker.rights(context);
    let forbidden = if !rights.on_transactional_id(AclOperation::Write, &request.transactional_id) {
        Some(ErrorCode::TransactionalIdAuthorizationFailed)
    } else if !rights.on_group(AclOperation::Read, &request.group_id) {
        Some(ErrorCode::GroupAuthorizationFailed)
    } else {
        None
    };
    if let Some(error) = forbidden {
        let topics = request.topics.iter().map(|topic| refused(topic, error));
        return TxnOffsetCommitResponse::default().with_topics(topics.collect());
    }
    let mut answers = Answers {
        by_id: context.api_version >= TOPIC_IDS_SINCE,
        topics: Vec::new(),
    };
    request.topics = existing(broker, rights, std::mem::take(&mut request.topics), &mut answers);
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
        answers.merge_all(committed);
    }
    TxnOffsetCommitResponse::default().with_topics(answers.topics)
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
    broker
        .groups()
        .request_in_transaction(group_id, batch, guard, |core, now| {
            let outcome = core.commit_offsets_in_transaction(request, version, now)?;
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
    let support = match version {
        IMPLICIT_SINCE.. => TransactionSupport::AddPartition,
        ABORTABLE_SINCE => TransactionSupport::GenericError,
        _ => TransactionSupport::DefaultError,
    };
    let groups = broker.groups();
    let bumps_epoch = support == TransactionSupport::AddPartition;
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
    let answers =
        transaction_verification::ask(broker, &request.transactional_id, producer, &partitions, support)
            .await;
    match answers.first().copied().unwrap_or(ErrorCode::UnknownServerError) {
        ErrorCode::None => Ok(Some(guard)),
        error => {
            if !transaction_verification::is_retriable(error) {
                groups.end_verification(&request.group_id, batch.producer_id);
            }
            Err(client_error(error))
        }
    }
}

/// The topics that exist, each with its name, its id and the partitions it has; the rest is answered.
fn existing(
    broker: &Broker,
    rights: Rights<'_>,
    topics: Vec<TxnOffsetCommitRequestTopic>,
    answers: &mut Answers,
) -> Vec<TxnOffsetCommitRequestTopic> {
    let image = broker.image();
    let mut found = Vec::with_capacity(topics.len());
    for mut topic in topics {
        let (known, error) = if answers.by_id {
            (image.topics.by_id(&topic.topic_id), ErrorCode::UnknownTopicId)
        } else {
            let known = image.topics.by_name(&topic.name);
            (known, ErrorCode::UnknownTopicOrPartition)
        };
        // By its id a topic has to be known before one can tell whether it may be read.
        let name_of_it = known.map_or(&*topic.name.0, |known| &known.name);
        if (known.is_some() || !answers.by_id) && !rights.on_topic(AclOperation::Read, name_of_it) {
            answers.merge(refused(&topic, ErrorCode::TopicAuthorizationFailed));
            continue;
        }
        let Some(known) = known else {
            answers.merge(refused(&topic, error));
            continue;
        };
        topic.topic_id = known.id;
        topic.name = TopicName(StrBytes::from_string(known.name.to_string()));
        let (has, lacks) = std::mem::take(&mut topic.partitions)
            .into_iter()
            .partition::<Vec<_>, _>(|partition| known.partition(partition.partition_index).is_some());
        if !lacks.is_empty() {
            let unknown = topic.clone().with_partitions(lacks);
            answers.merge(refused(&unknown, ErrorCode::UnknownTopicOrPartition));
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
        .with_topic_id(topic.topic_id)
        .with_partitions(partitions.collect())
}

/// The answers so far. A topic that has one gets further partitions there, as Kafka merges them.
struct Answers {
    by_id: bool,
    topics: Vec<TxnOffsetCommitResponseTopic>,
}

impl Answers {
    /// Takes over the coordinator's answers: as they are if there are no others.
    fn merge_all(&mut self, topics: Vec<TxnOffsetCommitResponseTopic>) {
        if self.topics.is_empty() {
            self.topics = topics;
        } else {
            topics.into_iter().for_each(|topic| self.merge(topic));
        }
    }

    fn merge(&mut self, mut topic: TxnOffsetCommitResponseTopic) {
        let is_same = |other: &&mut TxnOffsetCommitResponseTopic| match self.by_id {
            true => other.topic_id == topic.topic_id,
            false => other.name == topic.name,
        };
        match self.topics.iter_mut().find(is_same) {
            Some(known) => known.partitions.append(&mut topic.partitions),
            None => self.topics.push(topic),
        }
    }
}
