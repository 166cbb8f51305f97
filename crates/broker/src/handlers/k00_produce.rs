//! Produce: records from the connection's buffer to the logs, in place.
//!
//! Versions 3–13. Answered when the leader has the records (acks=1; on disk where `flush.messages` says so),
//! when all in-sync replicas have them (acks=all), or never (acks=0: an error closes the connection, which is
//! all a client can notice). Errors of a partition: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION,
//! UNKNOWN_TOPIC_ID, NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, those of validation
//! (`barnabas_storage::validate`) and of idempotent producers, INVALID_REQUIRED_ACKS, INVALID_TOPIC_EXCEPTION
//! for coordinators' topics, REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR. Of all partitions at once:
//! CORRUPT_MESSAGE for a first batch whose size or magic cannot be, TRANSACTIONAL_ID_AUTHORIZATION_FAILED for
//! transactional batches without a transactional id that the client may write with.
//!
//! Of transactional batches (see [`transactional`]): INVALID_TXN_STATE, TRANSACTION_ABORTABLE,
//! INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH, CONCURRENT_TRANSACTIONS.
//! Of a broker's batch for one offset (`OnlyAt`): OPERATION_NOT_ATTEMPTED where the log ends elsewhere.
//!
//! Deviation: records that are null are refused with INVALID_RECORD; Apache Kafka never answers.

mod topic_name;
mod transactional;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::header::encode_response_header;
use barnabas_protocol::produce::{
    ProducePartition, ProducePartitionResponse, ProduceRequest, ProduceResponse, RecordError, TopicRef,
};
use barnabas_security::{AclOperation, Rights};
use barnabas_storage::AppendOrigin;
use barnabas_storage::validate::{self, Rejection};
use tokio::time::Instant;

use self::topic_name::TopicName;
use self::transactional::Verdicts;
use crate::broker::Broker;
use crate::duplicates::keep_last_of_each;
use crate::leader_hints;
use crate::request::RequestContext;
use barnabas_network::metrics::TopicCounts;
use barnabas_network::response::{Outcome, Reply, frame_buffer};
use barnabas_replica::partition::Partition;
use barnabas_replica::partition::append::{AppendAs, Appended, Pending, RequiredAcks, outcome_of};
use barnabas_replica::partition::core::LeaderEpoch;

/// acks: all in-sync replicas.
const ACKS_ALL: i16 = -1;
/// acks: no answer.
const ACKS_NONE: i16 = 0;

/// Appends every partition's records; what is left to wait for is the high watermark. A transaction's first
/// batch in a partition waits for the transaction coordinator, which on this broker has answered before it is
/// waited for.
pub fn start(broker: &Arc<Broker>, context: RequestContext, body: &mut [u8]) -> Outcome {
    let version = context.api_version;
    let bytes = body.len();
    let Ok(mut request) = ProduceRequest::parse(version, body) else {
        return Outcome::Ready(Reply::Close);
    };
    // An id that the client may not write with is none.
    let rights = broker.rights(&context);
    request.transactional_id = request
        .transactional_id
        .filter(|id| rights.on_transactional_id(AclOperation::Write, id));
    let Some(transactional_id) = request.transactional_id else {
        return produce(broker, (context, bytes), &mut request, &Verdicts::off());
    };
    if !broker.config().transaction_partition_verification_enable && version < transactional::IMPLICIT_SINCE {
        return produce(broker, (context, bytes), &mut request, &Verdicts::off());
    }
    let mut verifying = match transactional::begin(broker, &context, &request, transactional_id) {
        Ok(Some(verifying)) => verifying,
        Ok(None) => return produce(broker, (context, bytes), &mut request, &Verdicts::default()),
        Err(error) => return produce(broker, (context, bytes), &mut request, &Verdicts::refused(error)),
    };
    match verifying.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verdicts) => produce(broker, (context, bytes), &mut request, &verdicts),
        Poll::Pending => {
            let (broker, mut body) = (broker.clone(), body.to_vec());
            Outcome::Exclusive(Box::pin(async move {
                let verdicts = verifying.await;
                let Ok(mut request) = ProduceRequest::parse(version, &mut body) else {
                    return Reply::Close;
                };
                match produce(&broker, (context, bytes), &mut request, &verdicts) {
                    Outcome::Ready(reply) => reply,
                    Outcome::Staged(reply) | Outcome::Exclusive(reply) => reply.await,
                }
            }))
        }
    }
}

fn produce(
    broker: &Arc<Broker>,
    (context, bytes): (RequestContext, usize),
    request: &mut ProduceRequest<'_>,
    verdicts: &Verdicts,
) -> Outcome {
    let acks = request.acks;
    keep_last_of_each(&mut request.partitions, |a, b| {
        (a.topic, a.index).cmp(&(b.topic, b.index))
    });
    let refused = refuse_all(request);
    let now_ms = broker.clock.wall_ms();
    let mut answers = Vec::with_capacity(request.partitions.len());
    let mut waiting = Vec::new();
    for partition in &mut request.partitions {
        let appended = match &refused {
            Some(rejection) => Err(Refused::before_the_log(rejection.clone())),
            None => append(broker, &context, partition, acks, verdicts, now_ms),
        };
        let answer = match appended {
            Ok(Produced { answer, pending, .. }) => {
                waiting.extend(pending.map(|pending| (answers.len(), pending)));
                answer
            }
            Err(refused) => answer_of(partition.index, refused),
        };
        answers.push((partition.topic, answer));
    }
    // A client that goes on without an answer pauses, too.
    let pause_ms = broker.throttling().produce(&context, bytes);
    if acks == ACKS_NONE {
        let failed = answers.iter().any(|(_, answer)| answer.error != ErrorCode::None);
        return Outcome::Ready(if failed { Reply::Close } else { Reply::Nothing });
    }
    if waiting.is_empty() {
        return Outcome::Ready(encode(broker, &context, answers, pause_ms));
    }
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let (topics, mut answers): (Vec<TopicName>, Vec<_>) = answers
        .into_iter()
        .map(|(topic, answer)| (TopicName::of(topic), answer))
        .unzip();
    let broker = broker.clone();
    Outcome::Staged(Box::pin(async move {
        let mut fail = |place: usize, error| {
            answers[place] = ProducePartitionResponse::error(answers[place].index, error);
        };
        let mut committing = Vec::new();
        for (place, pending) in waiting {
            match pending.flushed().await {
                Ok(committed) => committing.extend(committed.map(|committed| (place, committed))),
                Err(error) => fail(place, error),
            }
        }
        // Time counts from here, as it does where the append itself flushes.
        let deadline = Instant::now() + timeout;
        for (place, committed) in committing {
            match tokio::time::timeout_at(deadline, outcome_of(committed)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => fail(place, error),
                Err(_) => fail(place, ErrorCode::RequestTimedOut),
            }
        }
        encode(
            &broker,
            &context,
            topics.iter().map(TopicName::as_ref).zip(answers).collect(),
            pause_ms,
        )
    }))
}

/// What makes the whole request fail before anything is appended.
fn refuse_all(request: &ProduceRequest<'_>) -> Option<Rejection> {
    let mut records = request
        .partitions
        .iter()
        .filter_map(|partition| partition.records.as_deref());
    match records.try_fold(false, |found, records| {
        Ok(found || validate::starts_transactional(records)?)
    }) {
        Ok(true) if request.transactional_id.is_none() => {
            Some(rejection(ErrorCode::TransactionalIdAuthorizationFailed))
        }
        Ok(_) => None,
        Err(rejection) => Some(rejection),
    }
}

/// A partition's records are in its log.
struct Produced {
    answer: ProducePartitionResponse,
    /// What the answer waits for; `None` if nothing.
    pending: Option<Pending>,
    /// What was written.
    counts: TopicCounts,
}

/// A partition's records are not in its log.
struct Refused {
    rejection: Rejection,
    /// The log's first offset, -1 where Apache Kafka doesn't tell it.
    log_start_offset: i64,
}

impl Refused {
    fn before_the_log(rejection: Rejection) -> Self {
        Refused {
            rejection,
            log_start_offset: -1,
        }
    }

    /// Refused by the partition: its log's start is told unless the error is one of the expected ones.
    fn by_the_partition(rejection: Rejection, log_start_offset: i64) -> Self {
        let expected = matches!(
            rejection.error_code,
            ErrorCode::UnknownTopicOrPartition
                | ErrorCode::NotLeaderOrFollower
                | ErrorCode::MessageTooLarge
                | ErrorCode::RecordListTooLarge
                | ErrorCode::CorruptMessage
                | ErrorCode::KafkaStorageError
        );
        Refused {
            rejection,
            log_start_offset: if expected { -1 } else { log_start_offset },
        }
    }
}

fn append(
    broker: &Broker,
    context: &RequestContext,
    produced: &mut ProducePartition<'_>,
    acks: i16,
    verdicts: &Verdicts,
    now_ms: i64,
) -> Result<Produced, Refused> {
    let only_at = produced.only_at;
    let (partition, records) = check(broker, context, produced, acks).map_err(Refused::before_the_log)?;
    let verified = verdicts.of(&partition, records);
    let verified = verified.map_err(Refused::before_the_log)?;
    let how = AppendAs {
        origin: AppendOrigin::Client,
        acks: match acks {
            ACKS_NONE => RequiredAcks::None,
            ACKS_ALL => RequiredAcks::All,
            _ => RequiredAcks::Leader,
        },
        leader_epoch: only_at.map(|at| LeaderEpoch(at.leader_epoch)),
        end_offset: only_at.map(|at| at.offset),
        verified,
        now_ms,
    };
    let written = write(&partition, records, &how);
    if let Some(metrics) = context.connection.metrics() {
        let refused = TopicCounts::REFUSED_PRODUCE;
        let counts = written.as_ref().map_or(refused, |written| written.counts);
        metrics.of_topic(&partition.id().topic_id, &counts);
    }
    written
}

/// All that can be told before the log is asked.
fn check<'r>(
    broker: &Broker,
    context: &RequestContext,
    produced: &'r mut ProducePartition<'_>,
    acks: i16,
) -> Result<(Arc<Partition>, &'r mut [u8]), Rejection> {
    let partition = find(broker, broker.rights(context), produced).map_err(rejection)?;
    let records = produced
        .records
        .as_deref_mut()
        .ok_or(rejection(ErrorCode::InvalidRecord))?;
    validate::check_produce(context.api_version, records)?;
    if !(ACKS_ALL..=1).contains(&acks) {
        return Err(rejection(ErrorCode::InvalidRequiredAcks));
    }
    topic_name::check_open(&partition.id().topic, context).map_err(rejection)?;
    Ok((partition, records))
}

/// Validates the records and appends them.
fn write(partition: &Partition, records: &mut [u8], how: &AppendAs) -> Result<Produced, Refused> {
    let id = partition.id();
    let settings = partition.settings();
    let validation = &settings.validation;
    let valid = validate::validate(
        records,
        &id.topic,
        id.partition,
        validation,
        how.now_ms,
        how.origin,
    );
    let appended = match valid {
        Ok(mut batch) => partition.append(batch.bytes_mut(), how),
        Err(invalid) => {
            // Who doesn't lead, or has too few in sync, doesn't look at the records.
            return Err(match partition.check_append(how) {
                Ok(log_start_offset) => Refused::by_the_partition(invalid, log_start_offset),
                Err(refused) => Refused::by_the_partition(rejection(refused.error), refused.log_start_offset),
            });
        }
    };
    let Appended { info, pending } = appended
        .map_err(|refused| Refused::by_the_partition(rejection(refused.error), refused.log_start_offset))?;
    let answer = ProducePartitionResponse {
        index: id.partition,
        error: ErrorCode::None,
        base_offset: info.base_offset,
        log_append_time_ms: info.log_append_time,
        log_start_offset: info.log_start_offset,
        record_errors: Vec::new(),
        error_message: None,
        current_leader: None,
    };
    let messages = match info.duplicate {
        true => 0,
        false => info.last_offset - info.base_offset + 1,
    };
    let counts = TopicCounts::produced(messages, info.bytes);
    Ok(Produced {
        answer,
        pending,
        counts,
    })
}

fn find(
    broker: &Broker,
    rights: Rights<'_>,
    produced: &ProducePartition<'_>,
) -> Result<Arc<Partition>, ErrorCode> {
    if !rights.are_unlimited() {
        let image = broker.image();
        let name = match &produced.topic {
            TopicRef::Name(name) => Some(*name),
            TopicRef::Id(id) => image.topics.by_id(id).map(|topic| &*topic.name),
        };
        if name.is_some_and(|name| !rights.on_topic(AclOperation::Write, name)) {
            return Err(ErrorCode::TopicAuthorizationFailed);
        }
    }
    match produced.topic {
        TopicRef::Name(name) => broker.partitions().by_name(name, produced.index),
        TopicRef::Id(id) => broker.partitions().by_id(&id, produced.index),
    }
}

fn rejection(error_code: ErrorCode) -> Rejection {
    Rejection {
        error_code,
        message: None,
        record_errors: Vec::new(),
    }
}

fn answer_of(index: i32, refused: Refused) -> ProducePartitionResponse {
    let Refused {
        rejection,
        log_start_offset,
    } = refused;
    let record_errors = rejection.record_errors.into_iter();
    ProducePartitionResponse {
        log_start_offset,
        error_message: rejection.message,
        record_errors: record_errors
            .map(|error| RecordError {
                batch_index: error.batch_index,
                message: Some(error.message),
            })
            .collect(),
        ..ProducePartitionResponse::error(index, rejection.error_code)
    }
}

fn encode(
    broker: &Broker,
    context: &RequestContext,
    mut partitions: Vec<(TopicRef<'_>, ProducePartitionResponse)>,
    throttle_time_ms: i32,
) -> Reply {
    let node_endpoints = leader_hints::of_produce(broker, context, &mut partitions);
    let response = ProduceResponse {
        partitions,
        node_endpoints,
        throttle_time_ms,
    };
    let mut buffer = frame_buffer(128);
    encode_response_header(
        context.api_key,
        context.api_version,
        context.correlation_id,
        &mut buffer,
    );
    match response.encode(context.api_version, &mut buffer) {
        Ok(()) => Reply::frame(buffer),
        Err(error) => {
            tracing::error!(%error, "could not encode a Produce response");
            Reply::Close
        }
    }
}
