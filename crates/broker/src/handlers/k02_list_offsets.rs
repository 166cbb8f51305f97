//! ListOffsets: the offset at a time, or at one of the places that negative timestamps stand for.
//!
//! Versions 1–11. Errors of a partition: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION,
//! NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, OFFSET_NOT_AVAILABLE (a new leader that
//! can't tell yet), INVALID_REQUEST for one named twice, UNSUPPORTED_VERSION for a sentinel that the version
//! doesn't know, KAFKA_STORAGE_ERROR; of all: UNKNOWN_SERVER_ERROR for an isolation level that isn't one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::list_offsets_request::ListOffsetsPartition;
use barnabas_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use barnabas_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;
use barnabas_replica::partition::core::FollowerId;
use barnabas_replica::partition::offsets::{FoundOffset, OffsetQuery};
use barnabas_replica::partition::{Isolation, Reader};

/// read_uncommitted and read_committed.
const ISOLATION_LEVELS: RangeInclusive<i8> = 0..=1;
/// The replica id of a consumer.
const CONSUMER: i32 = -1;
/// The replica id of a tool that reads from any replica.
const DEBUGGING: i32 = -2;
/// The offset and timestamp of an answer that has none.
const UNKNOWN: i64 = -1;
/// First version whose clients know OFFSET_NOT_AVAILABLE (KIP-207).
const OFFSET_NOT_AVAILABLE_SINCE: i16 = 5;
/// First version whose answers tell the leader epoch.
const LEADER_EPOCH_SINCE: i16 = 4;

/// Answers every partition that was asked for.
pub fn handle(broker: &Broker, context: &RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let reader = match request.replica_id.0 {
        CONSUMER if request.isolation_level == 1 => Reader::Consumer(Isolation::ReadCommitted),
        CONSUMER => Reader::Consumer(Isolation::ReadUncommitted),
        DEBUGGING => Reader::AnyReplica,
        broker_id => Reader::Follower(FollowerId {
            broker_id,
            broker_epoch: -1,
        }),
    };
    if !ISOLATION_LEVELS.contains(&request.isolation_level) {
        return failure(&request, context.api_version);
    }
    let rights = broker.rights(context);
    let (told, refused): (Vec<_>, Vec<_>) = by_topic(&request)
        .into_iter()
        .map(|(name, wanted)| (name, wanted, rights.on_topic(AclOperation::Describe, name)))
        .partition(|(_, _, may_describe)| *may_describe);
    // Those that the client may not see come last.
    let topics = told
        .into_iter()
        .chain(refused)
        .map(|(name, wanted, may_describe)| {
            let partitions = wanted.into_iter().map(|Wanted { partition, twice }| {
                let version = context.api_version;
                let found = if !may_describe {
                    Err(ErrorCode::TopicAuthorizationFailed)
                } else if twice {
                    Err(ErrorCode::InvalidRequest)
                } else {
                    query(partition.timestamp, version)
                        .and_then(|query| find(broker, name, partition, reader, query))
                };
                answer(partition, version, found)
            });
            ListOffsetsTopicResponse::default()
                .with_name(name.clone())
                .with_partitions(partitions.collect())
        });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Fails every partition as it was asked for.
fn failure(request: &ListOffsetsRequest, version: i16) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(
                partitions
                    .map(|partition| answer(partition, version, Err(ErrorCode::UnknownServerError)))
                    .collect(),
            )
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// A partition that was asked for, once or more often.
struct Wanted<'a> {
    partition: &'a ListOffsetsPartition,
    twice: bool,
}

/// Every topic once and in it every partition once, in the order of the request.
fn by_topic(request: &ListOffsetsRequest) -> Vec<(&TopicName, Vec<Wanted<'_>>)> {
    let mut topics: Vec<(&TopicName, Vec<Wanted<'_>>)> = Vec::new();
    let mut topic_places = HashMap::new();
    let mut places: HashMap<(usize, i32), usize> = HashMap::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let place = *topic_places.entry(&topic.name).or_insert_with(|| {
                topics.push((&topic.name, Vec::new()));
                topics.len() - 1
            });
            let wanted = &mut topics[place].1;
            match places.entry((place, partition.partition_index)) {
                Entry::Occupied(known) => wanted[*known.get()].twice = true,
                Entry::Vacant(unknown) => {
                    unknown.insert(wanted.len());
                    wanted.push(Wanted {
                        partition,
                        twice: false,
                    });
                }
            }
        }
    }
    topics
}

fn find(
    broker: &Broker,
    topic: &str,
    wanted: &ListOffsetsPartition,
    reader: Reader,
    query: OffsetQuery,
) -> Result<Option<FoundOffset>, ErrorCode> {
    let partition = broker.partitions().by_name(topic, wanted.partition_index)?;
    partition.list_offset(query, reader, wanted.current_leader_epoch)
}

/// What a timestamp stands for; each sentinel is known from a version on.
fn query(timestamp: i64, version: i16) -> Result<OffsetQuery, ErrorCode> {
    let (query, since) = match timestamp {
        -1 => (OffsetQuery::Latest, 1),
        -2 => (OffsetQuery::Earliest, 1),
        -3 => (OffsetQuery::MaxTimestamp, 7),
        -4 => (OffsetQuery::Earliest, 8),
        // Nothing is tiered, and nothing waits to be.
        -5 => (OffsetQuery::LatestTiered, 9),
        -6 => (OffsetQuery::EarliestPendingUpload, 11),
        0.. => (OffsetQuery::Timestamp(timestamp), 1),
        _ => return Err(ErrorCode::UnsupportedVersion),
    };
    if version < since {
        Err(ErrorCode::UnsupportedVersion)
    } else {
        Ok(query)
    }
}

fn answer(
    wanted: &ListOffsetsPartition,
    version: i16,
    found: Result<Option<FoundOffset>, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(wanted.partition_index)
        .with_timestamp(UNKNOWN)
        .with_offset(UNKNOWN);
    match found {
        Ok(Some(found)) => {
            let response = response.with_timestamp(found.timestamp).with_offset(found.offset);
            if version < LEADER_EPOCH_SINCE {
                response
            } else {
                response.with_leader_epoch(found.leader_epoch)
            }
        }
        Ok(None) => response,
        // Older clients don't know it, and try the other one again.
        Err(ErrorCode::OffsetNotAvailable) if version < OFFSET_NOT_AVAILABLE_SINCE => {
            response.with_error_code(ErrorCode::LeaderNotAvailable.code())
        }
        Err(error) => response.with_error_code(error.code()),
    }
}
