//! ShareFetch (KIP-932): a member of a share group acquires records, and may acknowledge others on the way.
//!
//! Versions 1–2; acquire modes (KIP-1206) and renewals (KIP-1222) from 2 on. UNSUPPORTED_VERSION while
//! share.version is 0. Errors of the whole: INVALID_REQUEST, GROUP_AUTHORIZATION_FAILED,
//! SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH, and SHARE_SESSION_LIMIT_REACHED after the time that
//! the request would have waited. Of a partition: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION,
//! UNKNOWN_TOPIC_ID, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, and what the share coordinator says; of its
//! acknowledgements those of ShareAcknowledge.

use std::sync::Arc;
use std::time::Duration;

use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::decode;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::ShareFetchRequest;
use barnabas_protocol::share_fetch::ShareFetchResponse;
use barnabas_share::AcquireMode;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::share::ShareSettings;
use crate::share::acknowledge::{self, Acknowledged, AcknowledgementBatch, Acknowledgements};
use crate::share::acquire::{Found, Wanted};
use crate::share::fetch::ShareFetch;
use crate::share::request::{Refused, check_member};
use crate::share::response;
use crate::share::sessions::{FINAL_EPOCH, INITIAL_EPOCH, PartitionKey, SessionKey};

/// First version with acquire modes and renewals.
const RENEW_SINCE: i16 = 2;

/// Takes acknowledgements in and acquires what there is at once; parks where more is waited for.
pub fn start(broker: &Arc<Broker>, context: RequestContext, body: &mut [u8]) -> Outcome {
    let began = broker.throttling().begin();
    let Some(request) = decode::<ShareFetchRequest>(&context, body) else {
        return Outcome::Ready(Reply::Close);
    };
    let opened = match open(broker, &context, &request) {
        Ok(opened) => opened,
        Err(refused) if refused.error == ErrorCode::ShareSessionLimitReached => {
            let max_wait = max_wait(&request);
            return Outcome::Staged(Box::pin(refuse_later(broker.clone(), context, refused, max_wait)));
        }
        Err(refused) => return Outcome::Ready(refuse(&context, refused)),
    };
    let Some(mode) = acquire_mode(&request) else {
        return Outcome::Ready(refuse(&context, ErrorCode::UnknownServerError.into()));
    };
    let settings = broker.share_settings(&opened.key.group);
    let acknowledged = acknowledge_all(broker, &context, &request, &opened.key, &settings);
    let mut answer = Answer {
        found: Vec::new(),
        spent: Duration::ZERO,
        opened,
        settings,
        context,
        broker: broker.clone(),
    };
    let is_renewal = answer.context.api_version >= RENEW_SINCE && request.is_renew_ack;
    let interesting = if is_renewal {
        Vec::new()
    } else {
        answer.interesting()
    };
    let mut fetch = ShareFetch::new(
        broker,
        &answer.opened.key.group,
        answer.wanted(&request, mode),
        answer.settings.clone(),
        &interesting,
    );
    let is_complete = fetch.attempt() || max_wait(&request).is_zero() && !fetch.is_cold();
    answer.spent = broker.throttling().since(began);
    if is_complete && acknowledged.is_settled() {
        answer.found.extend(fetch.into_found());
        return Outcome::Ready(answer.reply(acknowledged.ready()));
    }
    Outcome::Staged(Box::pin(async move {
        let found = if is_complete {
            fetch.into_found()
        } else {
            fetch.wait().await
        };
        answer.found.extend(found);
        let outcomes = acknowledged.settled().await;
        answer.reply(outcomes)
    }))
}

/// A request that is let in.
struct Opened {
    key: SessionKey,
    epoch: i32,
    /// What the session has, in the order in which it is served.
    partitions: Vec<PartitionKey>,
}

fn open(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: &ShareFetchRequest,
) -> Result<Opened, Refused> {
    let key = check_member(
        broker,
        context,
        request.group_id.as_ref().map(|id| &***id),
        request.member_id.as_deref(),
    )?;
    if context.api_version >= RENEW_SINCE && request.is_renew_ack {
        check_renewal(request)?;
    }
    let epoch = request.share_session_epoch;
    let topics = request.topics.iter();
    let wanted: Vec<PartitionKey> = topics
        .flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|partition| (topic.topic_id, partition.partition_index))
        })
        .collect();
    let mut sessions = broker.shares().sessions();
    let partitions = match epoch {
        FINAL_EPOCH => {
            sessions.check_open(&key)?;
            Vec::new()
        }
        INITIAL_EPOCH => {
            if has_acknowledgements(request) {
                return Err(ErrorCode::InvalidRequest.into());
            }
            sessions.open(&key, context.connection.id, &wanted)?
        }
        epoch => {
            let forgotten: Vec<PartitionKey> = request
                .forgotten_topics_data
                .iter()
                .flat_map(|topic| {
                    topic
                        .partitions
                        .iter()
                        .map(|partition| (topic.topic_id, *partition))
                })
                .collect();
            sessions.go_on(&key, epoch, &wanted, &forgotten)?
        }
    };
    drop(sessions);
    Ok(Opened {
        key,
        epoch,
        partitions,
    })
}

/// A request that renews locks fetches nothing (KIP-1222).
fn check_renewal(request: &ShareFetchRequest) -> Result<(), Refused> {
    let limits = [
        (request.max_bytes, "max bytes"),
        (request.min_bytes, "min bytes"),
        (request.max_records, "max records"),
        (request.max_wait_ms, "max wait"),
    ];
    match limits.iter().find(|(limit, _)| *limit != 0) {
        None => Ok(()),
        Some((_, name)) => Err(Refused::invalid(&format!("With renewals {name} is 0."))),
    }
}

fn has_acknowledgements(request: &ShareFetchRequest) -> bool {
    let mut partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.any(|partition| !partition.acknowledgement_batches.is_empty())
}

fn acknowledge_all(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: &ShareFetchRequest,
    key: &SessionKey,
    settings: &ShareSettings,
) -> Acknowledged {
    if !has_acknowledgements(request) {
        return Acknowledged::nothing();
    }
    let partitions = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let batches = partition.acknowledgement_batches.iter();
            let batches = batches.map(|batch| AcknowledgementBatch {
                first_offset: batch.first_offset,
                last_offset: batch.last_offset,
                types: batch.acknowledge_types.clone(),
            });
            ((topic.topic_id, partition.partition_index), batches.collect())
        })
    });
    let all = Acknowledgements {
        group: key.group.clone(),
        member: key.member.clone(),
        is_renew: request.is_renew_ack,
        partitions: partitions.collect(),
    };
    acknowledge::take_in(broker, context, all, settings)
}

/// What Apache Kafka does not know it stumbles over.
fn acquire_mode(request: &ShareFetchRequest) -> Option<AcquireMode> {
    match request.share_acquire_mode {
        0 => Some(AcquireMode::BatchOptimized),
        1 => Some(AcquireMode::RecordLimit),
        _ => None,
    }
}

fn max_wait(request: &ShareFetchRequest) -> Duration {
    Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0))
}

fn refuse(context: &RequestContext, refused: Refused) -> Reply {
    let response = ShareFetchResponse {
        error: refused.error,
        error_message: refused.message,
        ..ShareFetchResponse::default()
    };
    response::write(context, &response, &[])
}

/// Refuses after a while, so that a client that finds no place does not try all the time.
async fn refuse_later(
    broker: Arc<Broker>,
    context: RequestContext,
    refused: Refused,
    wait: Duration,
) -> Reply {
    tokio::select! {
        biased;
        () = broker.stopping.cancelled() => {}
        () = tokio::time::sleep(wait) => {}
    }
    refuse(&context, refused)
}

/// What a request is answered.
struct Answer {
    broker: Arc<Broker>,
    context: RequestContext,
    opened: Opened,
    settings: ShareSettings,
    found: Vec<(PartitionKey, Found)>,
    /// What its start took; zero while there are no quotas.
    spent: Duration,
}

impl Answer {
    /// The partitions that are fetched from, another one first each time; what is wrong with the others is
    /// found already.
    fn interesting(&mut self) -> Vec<PartitionKey> {
        let image = self.broker.image();
        let mut interesting = Vec::with_capacity(self.opened.partitions.len());
        for key in &self.opened.partitions {
            let (topic_id, partition) = *key;
            let error = match image.topics.by_id(&topic_id) {
                None => ErrorCode::UnknownTopicId,
                Some(topic) if !acknowledge::may_read(&self.broker, &self.context, &topic.name) => {
                    ErrorCode::TopicAuthorizationFailed
                }
                Some(topic) if topic.partition(partition).is_none() => ErrorCode::UnknownTopicOrPartition,
                Some(_) => {
                    interesting.push(*key);
                    continue;
                }
            };
            self.found.push((*key, Found::failed(error)));
        }
        if !interesting.is_empty() {
            let turn = usize::try_from(self.opened.epoch).unwrap_or(0) % interesting.len();
            interesting.rotate_left(turn);
        }
        interesting
    }

    fn wanted(&self, request: &ShareFetchRequest, mode: AcquireMode) -> Wanted {
        let quota = self.broker.throttling().fetch_bytes_max(&self.context);
        let max_bytes = request
            .max_bytes
            .min(self.broker.config().fetch_max_bytes)
            .min(quota);
        Wanted {
            member: self.opened.key.member.clone(),
            mode,
            batch_size: request.batch_size,
            max_records: request.max_records,
            max_bytes,
            min_bytes: usize::try_from(request.min_bytes.min(max_bytes)).unwrap_or(0),
            max_wait: max_wait(request),
        }
    }

    fn reply(mut self, outcomes: Vec<(PartitionKey, acknowledge::Outcome)>) -> Reply {
        let Opened { key, epoch, .. } = &self.opened;
        if *epoch != INITIAL_EPOCH && *epoch != FINAL_EPOCH {
            let judge = (
                |found: &Found| found.bytes() > 0,
                |found: &Found| found.error != ErrorCode::None,
            );
            let mut sessions = self.broker.shares().sessions();
            if let Err(error) = sessions.keep_told(key, *epoch, &mut self.found, judge) {
                drop(sessions);
                return refuse(&self.context, error.into());
            }
        }
        if *epoch == FINAL_EPOCH {
            let _ = self.broker.shares().close(&self.broker, key);
        }
        let bytes = self.found.iter().map(|(_, found)| found.bytes()).sum();
        // What was acquired is sent all the same: nobody else may have it meanwhile.
        let throttle_time_ms = self.broker.throttling().fetch(&self.context, bytes, self.spent);
        let lock_ms = self.settings.group.record_lock_duration_ms;
        response::answer(
            &self.broker,
            &self.context,
            (throttle_time_ms, lock_ms),
            self.found,
            outcomes,
        )
    }
}
