//! Fetch: records of many partitions, from their segment files to the socket.
//!
//! Versions 4–18: sessions (KIP-227), topic ids from 13, long poll with min_bytes and max_wait_ms. Errors of
//! the whole response: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
//! Of a partition: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
//! OFFSET_OUT_OF_RANGE, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH,
//! KAFKA_STORAGE_ERROR.

use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::FetchRequest;
use barnabas_security::AclOperation;
use tokio::time::Instant;
use uuid::Uuid;

use crate::broker::Broker;
use crate::duplicates::keep_last_of_each;
use crate::fetch::nearby::{Nearby, RACK_AWARE_SELECTOR};
use crate::fetch::read::{FetchRead, FetchTargets, Target};
use crate::fetch::response::FetchReply;
use crate::fetch::session::{Answer, FetchKey, FetchPlan, Planned};
use crate::fetch::session_cache::{self, FetchContext, SessionRequest};
use crate::leader_hints;
use crate::request::RequestContext;
use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::decode;
use barnabas_replica::partition::core::FollowerId;
use barnabas_replica::partition::fetch::{FetchPartition, FetchedPartition};
use barnabas_replica::partition::{Isolation, Reader};

/// First version that gives topics by id.
const TOPIC_IDS_SINCE: i16 = 13;
/// First version whose consumers may read from followers (KIP-392).
const FOLLOWER_FETCH_SINCE: i16 = 11;
/// About so many bytes surround the records of a partition in an answer.
const PARTITION_BYTES: usize = 64;
/// How long a follower whose fetch waits for records is left without the news that the high watermark or the
/// log's start has moved. Under load the next records bring it; consumers of an idle follower see what is
/// committed so much later. (In Apache Kafka, which tells with the next records or when the wait is over,
/// up to `replica.fetch.wait.max.ms`.)
const FOLLOWER_LINGER: Duration = Duration::from_millis(10);

/// Answers at once what is there, or parks until enough is.
pub fn start(broker: &Arc<Broker>, context: RequestContext, body: &mut [u8]) -> Outcome {
    let began = broker.throttling().begin();
    let Some(request) = decode::<FetchRequest>(&context, body) else {
        return Outcome::Ready(Reply::Close);
    };
    let mut fetch = match Fetch::open(broker, context, &request) {
        Ok(fetch) => fetch,
        Err(reply) => return Outcome::Ready(reply),
    };
    let read = fetch.targets.read();
    fetch.spent = broker.throttling().since(began);
    if !fetch.is_complete(&read) && !fetch.max_wait.is_zero() {
        return Outcome::Staged(Box::pin(fetch.wait(read)));
    }
    if read.cold().is_none() {
        return Outcome::Ready(fetch.answer(read));
    }
    Outcome::Staged(Box::pin(fetch.answer_loaded(read)))
}

struct Fetch {
    broker: Arc<Broker>,
    reply: FetchReply,
    session: FetchContext,
    targets: FetchTargets,
    /// Whether the session has partitions that need not be read.
    has_others: bool,
    max_wait: Duration,
    /// What its start took; zero while there are no quotas.
    spent: Duration,
}

impl Fetch {
    /// Opens the session and finds the partitions; an error of the whole response is a reply already.
    fn open(broker: &Arc<Broker>, context: RequestContext, request: &FetchRequest) -> Result<Self, Reply> {
        let uses_topic_ids = context.api_version >= TOPIC_IDS_SINCE;
        let reader = reader(request, context.api_version);
        let reply = FetchReply {
            context,
            uses_topic_ids,
        };
        if !session_cache::has_shard(request.session_id) {
            return Err(reply.failure(ErrorCode::UnknownServerError, request));
        }
        let (wanted, forgotten) = asked(request, uses_topic_ids);
        let session = SessionRequest {
            session_id: request.session_id,
            epoch: request.session_epoch,
            uses_topic_ids,
            reader,
            wanted,
            forgotten,
        };
        let opened = broker.fetch_sessions().open(session, broker.clock.monotonic_ms());
        let (session, plan) = opened.map_err(|error| reply.error(error))?;
        let has_others = plan.has_others;
        let targets = find(broker, plan, &reply, reader);
        let finds_any = has_others || targets.iter().any(|target| target.partition.is_ok());
        if !(0..=1).contains(&request.isolation_level) && finds_any {
            // Apache Kafka finds out when it reads, so not while there is nothing to read.
            return Err(reply.failure(ErrorCode::UnknownServerError, request));
        }
        let quota = match reader {
            Reader::Follower(_) => i32::MAX,
            _ => broker.throttling().fetch_bytes_max(&reply.context),
        };
        let max_bytes = request.max_bytes.min(broker.config().fetch_max_bytes).min(quota);
        let targets = FetchTargets {
            targets,
            max_bytes,
            min_bytes: usize::try_from(request.min_bytes.min(max_bytes)).unwrap_or(0),
            reader,
            nearby: nearby(broker, request, &reply.context, reader),
            watch: None,
        };
        Ok(Fetch {
            broker: broker.clone(),
            reply,
            session,
            targets,
            has_others,
            max_wait: Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
            spent: Duration::ZERO,
        })
    }

    fn is_complete(&self, read: &FetchRead) -> bool {
        read.bytes >= self.targets.min_bytes || read.urgent || (self.targets.is_empty() && !self.has_others)
    }

    /// Waits for more than `read`, which the partitions told of changes since: no append is missed in
    /// between. What has not changed is not read again.
    async fn wait(mut self, mut read: FetchRead) -> Reply {
        let watch = match &self.session {
            FetchContext::Incremental { watch, .. } => watch.clone(),
            FetchContext::Sessionless | FetchContext::Full => self.targets.own_watch(),
        };
        let isolation = self.targets.reader.isolation();
        // Made once: each new one takes locks that others share.
        let over = tokio::time::sleep(self.max_wait);
        let broker = self.broker.clone();
        let stopped = broker.stopping.cancelled();
        tokio::pin!(over, stopped);
        loop {
            if self.is_superseded() {
                // The watch is the next one's by now.
                return self.reply.error(ErrorCode::InvalidFetchSessionEpoch);
            }
            let missing_bytes = self.targets.min_bytes - read.bytes;
            let is_over = watch.arm(missing_bytes as i64, isolation)
                && tokio::select! {
                    biased;
                    () = watch.woken() => false,
                    () = &mut over => true,
                    () = &mut stopped => true,
                };
            if self.is_superseded() {
                return self.reply.error(ErrorCode::InvalidFetchSessionEpoch);
            }
            let has_changed = watch.disarm();
            if has_changed || read.bytes > 0 {
                if let Err(error) = self.look_again() {
                    return self.reply.error(error);
                }
                read = self.targets.read();
            }
            if is_over || self.is_complete(&read) {
                return self.answer_loaded(read).await;
            }
            if has_changed && self.is_of_follower() {
                let soon = Instant::now() + FOLLOWER_LINGER;
                if soon < over.deadline() {
                    over.as_mut().reset(soon);
                }
            }
        }
    }

    fn is_of_follower(&self) -> bool {
        matches!(self.targets.reader, Reader::Follower(_))
    }

    /// Whether a follower has sent the next request of the session already: it wants to tell of partitions
    /// that have come or gone, and waits for no records with this one any more.
    fn is_superseded(&self) -> bool {
        match self.session {
            FetchContext::Incremental {
                session_id, epoch, ..
            } if self.is_of_follower() => !self.broker.fetch_sessions().is_latest(session_id, epoch),
            _ => false,
        }
    }

    /// Answers when the records are in the page cache.
    async fn answer_loaded(mut self, read: FetchRead) -> Reply {
        let read = match read.cold() {
            None => read,
            Some(cold) => self.targets.load(read, cold).await,
        };
        self.answer(read)
    }

    /// Takes in what is to be read by now, before it is.
    fn look_again(&mut self) -> Result<(), ErrorCode> {
        if let FetchContext::Incremental {
            session_id, epoch, ..
        } = self.session
        {
            let plan = self.broker.fetch_sessions().plan(session_id, epoch)?;
            self.has_others = plan.has_others;
            self.targets.targets = find(&self.broker, plan, &self.reply, self.targets.reader);
        } else {
            self.targets.notice();
        }
        Ok(())
    }

    /// Encodes what was read, as the session has it.
    fn answer(self, read: FetchRead) -> Reply {
        let Fetch {
            broker,
            reply,
            session,
            targets,
            spent,
            ..
        } = self;
        if !matches!(targets.reader, Reader::Follower(_)) {
            let bytes = read.bytes + PARTITION_BYTES * read.partitions.len();
            let pause_ms = broker.throttling().fetch(&reply.context, bytes, spent);
            if pause_ms > 0 {
                return reply.throttled(&session, pause_ms);
            }
        }
        targets.count(&read, reply.context.connection.metrics());
        let answered = targets
            .targets
            .into_iter()
            .map(|target| target.planned)
            .zip(read.partitions);
        let named = |(planned, fetched): (Planned, _)| (planned.key, fetched);
        let (session_id, mut sent): (i32, Vec<(FetchKey, FetchedPartition)>) = match session {
            FetchContext::Sessionless => (0, answered.map(named).collect()),
            FetchContext::Full => {
                let answered: Vec<_> = answered.collect();
                let remembered = answered
                    .iter()
                    .map(|(planned, fetched)| (planned.key.clone(), planned.request, Answer::of(fetched)));
                let session_id = broker.fetch_sessions().create(
                    reply.uses_topic_ids,
                    targets.reader,
                    remembered,
                    broker.clock.monotonic_ms(),
                    || session_cache::session_id_of(broker.random.u64()),
                );
                (session_id, answered.into_iter().map(named).collect())
            }
            FetchContext::Incremental {
                session_id, epoch, ..
            } => {
                let answered: Vec<_> = answered.collect();
                let answers = answered
                    .iter()
                    .map(|(planned, fetched)| (planned.slot, Answer::of(fetched)));
                match broker.fetch_sessions().answer(session_id, epoch, answers) {
                    Ok(changed) => {
                        let sent = answered.into_iter().zip(changed);
                        let sent = sent.filter_map(|(answer, changed)| changed.then(|| named(answer)));
                        (session_id, sent.collect())
                    }
                    Err(error) => return reply.error(error),
                }
            }
        };
        let mut endpoints = leader_hints::of_fetch(&broker, &reply.context, &mut sent);
        if matches!(targets.reader, Reader::Follower(_)) {
            // Brokers know where brokers are.
            endpoints.clear();
        }
        reply.partitions(session_id, sent, endpoints)
    }
}

/// Who reads: a follower says who it is, and consumers of this version on may read from followers.
fn reader(request: &FetchRequest, version: i16) -> Reader {
    let broker_id = request.replica_id.0.max(request.replica_state.replica_id.0);
    let isolation = match request.isolation_level {
        1 => Isolation::ReadCommitted,
        _ => Isolation::ReadUncommitted,
    };
    if broker_id >= 0 {
        let broker_epoch = request.replica_state.replica_epoch;
        Reader::Follower(FollowerId {
            broker_id,
            broker_epoch,
        })
    } else if version >= FOLLOWER_FETCH_SINCE {
        Reader::ConsumerAnywhere(isolation)
    } else {
        Reader::Consumer(isolation)
    }
}

/// A consumer that says in which rack it is, where that matters.
fn nearby(
    broker: &Broker,
    request: &FetchRequest,
    context: &RequestContext,
    reader: Reader,
) -> Option<Nearby> {
    let has_rack = matches!(reader, Reader::ConsumerAnywhere(_)) && !request.rack_id.is_empty();
    let selects = has_rack && broker.config().replica_selector_class.as_deref() == Some(RACK_AWARE_SELECTOR);
    selects.then(|| Nearby {
        node_id: broker.node_id,
        image: broker.image().clone(),
        rack: request.rack_id.to_string(),
        listener: context.connection.listener.name.clone(),
    })
}

/// Finds the partitions. As in Apache Kafka: first what can be read, then unknown topic ids, then what else
/// is unknown.
fn find(broker: &Broker, plan: FetchPlan, reply: &FetchReply, reader: Reader) -> Vec<Target> {
    let uses_topic_ids = reply.uses_topic_ids;
    let authorizes = !broker.rights(&reply.context).are_unlimited();
    let found = plan.partitions.into_iter().map(|planned| {
        let key = &planned.key;
        let partition = if uses_topic_ids {
            broker.partitions().by_id(&key.topic_id, key.partition)
        } else {
            broker.partitions().by_name(&key.topic, key.partition)
        };
        let partition = if authorizes && !may_read(broker, reply, key, reader) {
            Err(ErrorCode::TopicAuthorizationFailed)
        } else {
            partition
        };
        Target { planned, partition }
    });
    let mut targets: Vec<Target> = found.collect();
    targets.sort_by_key(|target| match target.partition {
        Ok(_) => 0,
        Err(ErrorCode::UnknownTopicId) => 1,
        Err(_) => 2,
    });
    targets
}

/// Whether the client may read a topic, or is a broker. Whether an id stands for a topic everybody may know.
fn may_read(broker: &Broker, reply: &FetchReply, key: &FetchKey, reader: Reader) -> bool {
    let rights = broker.rights(&reply.context);
    if let Reader::Follower(_) = reader {
        return rights.on_cluster(AclOperation::ClusterAction);
    }
    let image = broker.image();
    let name = match reply.uses_topic_ids {
        true => image.topics.by_id(&key.topic_id).map(|topic| &*topic.name),
        false => Some(&*key.topic),
    };
    name.is_none_or(|name| rights.on_topic(AclOperation::Read, name))
}

/// What the request asks for, each partition once, and what its session is to forget.
fn asked(request: &FetchRequest, uses_topic_ids: bool) -> (Vec<Planned>, Vec<FetchKey>) {
    let wanted = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| Planned {
            slot: 0,
            key: key(&topic.topic, topic.topic_id, partition.partition, uses_topic_ids),
            request: FetchPartition {
                fetch_offset: partition.fetch_offset,
                log_start_offset: partition.log_start_offset,
                max_bytes: partition.partition_max_bytes,
                // Any negative epoch stands for none.
                current_leader_epoch: partition.current_leader_epoch.max(-1),
                last_fetched_epoch: partition.last_fetched_epoch,
            },
            interest: None,
        })
    });
    let mut wanted: Vec<Planned> = wanted.collect();
    keep_last_of_each(&mut wanted, |a, b| a.key.cmp(&b.key));
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|&partition| key(&topic.topic, topic.topic_id, partition, uses_topic_ids))
    });
    (wanted, forgotten.collect())
}

fn key(topic: &str, topic_id: Uuid, partition: i32, uses_topic_ids: bool) -> FetchKey {
    FetchKey {
        topic_id: if uses_topic_ids { topic_id } else { Uuid::nil() },
        topic: Arc::from(if uses_topic_ids { "" } else { topic }),
        partition,
    }
}
