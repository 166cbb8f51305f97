//! The five APIs over the state of share partitions, as one shape: a request names a group and partitions of
//! topics, its answer has a result for each.
//!
//! Both the coordinator, which decides, and the persister, which finds it, work on that shape.

use std::collections::HashMap;
use std::sync::Arc;

use barnabas_coordinator::{
    GroupRefusal, SharePartition, ShareStateRecord, ShareStateShard, ShareWrite, StateBatch,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::*;
use barnabas_security::AclOperation;
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;

/// What a decision gives: records, and the result for one partition.
pub type Decided<R> = Result<(Option<ShareStateRecord>, R), GroupRefusal>;

/// A request over the state of share partitions.
pub trait ShareStateApi: Request<Response: Send> + Default + Send + Sync + 'static {
    /// What it asks of a partition.
    type Ask: Clone + Send + Sync;
    /// What is answered of it.
    type Result: Send;

    /// The newest version, in which brokers speak it with each other.
    const VERSION: i16;

    /// The group, and what is asked.
    fn into_parts(self) -> (Arc<str>, Vec<(Uuid, Self::Ask)>);

    /// Whether Apache Kafka answers nothing at all: but for Initialize, where a topic has no partitions.
    fn is_void(&self) -> bool;

    /// The request that asks this.
    fn from_parts(group: &str, asks: Vec<(Uuid, Self::Ask)>) -> Self;

    /// The results of an answer.
    fn results(response: Self::Response) -> Vec<(Uuid, Self::Result)>;

    /// The answer with these results.
    fn response(results: Vec<(Uuid, Self::Result)>) -> Self::Response;

    /// The index of the partition.
    fn partition(ask: &Self::Ask) -> i32;

    /// The same of a result, with its error.
    fn outcome(result: &Self::Result) -> (i32, ErrorCode);

    /// The result that says an error.
    fn refused(partition: i32, refusal: GroupRefusal) -> Self::Result;

    /// What the coordinator decides.
    ///
    /// # Errors
    /// What the result says then.
    fn decide(
        core: &ShareStateShard,
        of: &SharePartition,
        ask: &Self::Ask,
        exists: bool,
        wall_ms: i64,
    ) -> Decided<Self::Result>;
}

/// Answers a broker that asks this one as the coordinator.
pub async fn serve<A: ShareStateApi>(broker: &Broker, context: &RequestContext, request: A) -> A::Response {
    if !broker.rights(context).on_cluster(AclOperation::ClusterAction) {
        return refuse_all(request, &ErrorCode::ClusterAuthorizationFailed.into());
    }
    if request.is_void() {
        return A::response(Vec::new());
    }
    let image = Arc::clone(&broker.image());
    broker.share_states().answer(&image, request).await
}

/// Answers all that a request asks with one refusal.
pub fn refuse_all<A: ShareStateApi>(request: A, refusal: &GroupRefusal) -> A::Response {
    let (_, asks) = request.into_parts();
    let refused = asks
        .into_iter()
        .map(|(topic_id, ask)| (topic_id, A::refused(A::partition(&ask), refusal.clone())));
    A::response(refused.collect())
}

/// The sentence that Apache Kafka's clients show for an error that says no more.
fn default_message(error: ErrorCode) -> &'static str {
    match error {
        ErrorCode::FencedLeaderEpoch => {
            "The leader epoch in the request is older than the epoch on the broker."
        }
        ErrorCode::FencedStateEpoch => {
            "The coordinator rejected the request because the state epoch did not match."
        }
        ErrorCode::UnknownTopicOrPartition => "This server does not host this topic-partition.",
        ErrorCode::NotCoordinator => "This is not the correct coordinator.",
        ErrorCode::CoordinatorNotAvailable => "The coordinator is not available.",
        ErrorCode::CoordinatorLoadInProgress => {
            "The coordinator is loading and hence can't process requests."
        }
        ErrorCode::ClusterAuthorizationFailed => "Cluster authorization failed.",
        ErrorCode::NetworkException => "The server disconnected before a response was received.",
        other => other.name(),
    }
}

/// Results for the same topic together, as a message has them, by the first of each.
fn by_topic<R>(results: Vec<(Uuid, R)>) -> Vec<(Uuid, Vec<R>)> {
    let mut topics: Vec<(Uuid, Vec<R>)> = Vec::new();
    let mut places = HashMap::new();
    for (topic_id, result) in results {
        let place = *places.entry(topic_id).or_insert(topics.len());
        if place == topics.len() {
            topics.push((topic_id, Vec::new()));
        }
        topics[place].1.push(result);
    }
    topics
}

/// What is the same for all five but for the names of structs.
macro_rules! share_state_api {
    ($request:ident $request_module:ident $topic:ident, $response:ident $response_module:ident $topic_result:ident, $decide:path, $passes_bare_topics:literal) => {
        impl ShareStateApi for $request {
            type Ask = $request_module::PartitionData;
            type Result = $response_module::PartitionResult;

            const VERSION: i16 = $request::VERSIONS.max;

            fn into_parts(self) -> (Arc<str>, Vec<(Uuid, Self::Ask)>) {
                let asks = self.topics.into_iter().flat_map(|topic| {
                    let topic_id = topic.topic_id;
                    topic.partitions.into_iter().map(move |ask| (topic_id, ask))
                });
                (self.group_id.as_str().into(), asks.collect())
            }

            fn is_void(&self) -> bool {
                let mut topics = self.topics.iter();
                !$passes_bare_topics && topics.any(|topic| topic.partitions.is_empty())
            }

            fn from_parts(group: &str, asks: Vec<(Uuid, Self::Ask)>) -> Self {
                let topics = by_topic(asks).into_iter().map(|(topic_id, asks)| {
                    $request_module::$topic::default()
                        .with_topic_id(topic_id)
                        .with_partitions(asks)
                });
                let topics = topics.collect();
                $request::default()
                    .with_group_id(StrBytes::from_string(group.to_owned()).into())
                    .with_topics(topics)
            }

            fn results(response: $response) -> Vec<(Uuid, Self::Result)> {
                let results = response.results.into_iter().flat_map(|topic| {
                    let topic_id = topic.topic_id;
                    topic
                        .partitions
                        .into_iter()
                        .map(move |result| (topic_id, result))
                });
                results.collect()
            }

            fn response(results: Vec<(Uuid, Self::Result)>) -> $response {
                let topics = by_topic(results).into_iter().map(|(topic_id, results)| {
                    $response_module::$topic_result::default()
                        .with_topic_id(topic_id)
                        .with_partitions(results)
                });
                $response::default().with_results(topics.collect())
            }

            fn partition(ask: &Self::Ask) -> i32 {
                ask.partition
            }

            fn outcome(result: &Self::Result) -> (i32, ErrorCode) {
                let error = ErrorCode::from_code(result.error_code);
                (
                    result.partition,
                    error.unwrap_or(ErrorCode::UnknownServerError),
                )
            }

            fn refused(partition: i32, refusal: GroupRefusal) -> Self::Result {
                let message = refusal
                    .message
                    .unwrap_or_else(|| default_message(refusal.code).to_owned());
                $response_module::PartitionResult::default()
                    .with_partition(partition)
                    .with_error_code(refusal.code.code())
                    .with_error_message(Some(StrBytes::from_string(message)))
            }

            fn decide(
                core: &ShareStateShard,
                of: &SharePartition,
                ask: &Self::Ask,
                exists: bool,
                wall_ms: i64,
            ) -> Decided<Self::Result> {
                $decide(core, of, ask, exists, wall_ms)
            }
        }
    };
}

share_state_api!(
    InitializeShareGroupStateRequest initialize_share_group_state_request InitializeStateData,
    InitializeShareGroupStateResponse initialize_share_group_state_response InitializeStateResult,
    initialize,
    true
);
share_state_api!(
    ReadShareGroupStateRequest read_share_group_state_request ReadStateData,
    ReadShareGroupStateResponse read_share_group_state_response ReadStateResult,
    read,
    false
);
share_state_api!(
    WriteShareGroupStateRequest write_share_group_state_request WriteStateData,
    WriteShareGroupStateResponse write_share_group_state_response WriteStateResult,
    write,
    false
);
share_state_api!(
    DeleteShareGroupStateRequest delete_share_group_state_request DeleteStateData,
    DeleteShareGroupStateResponse delete_share_group_state_response DeleteStateResult,
    delete,
    false
);
share_state_api!(
    ReadShareGroupStateSummaryRequest read_share_group_state_summary_request ReadStateSummaryData,
    ReadShareGroupStateSummaryResponse read_share_group_state_summary_response ReadStateSummaryResult,
    summary,
    false
);

fn initialize(
    core: &ShareStateShard,
    of: &SharePartition,
    ask: &initialize_share_group_state_request::PartitionData,
    exists: bool,
    wall_ms: i64,
) -> Decided<initialize_share_group_state_response::PartitionResult> {
    let record = core.initialize(of, ask.state_epoch, ask.start_offset, exists, wall_ms)?;
    let result = initialize_share_group_state_response::PartitionResult::default();
    Ok((Some(record), result.with_partition(of.partition)))
}

fn read(
    core: &ShareStateShard,
    of: &SharePartition,
    ask: &read_share_group_state_request::PartitionData,
    exists: bool,
    wall_ms: i64,
) -> Decided<read_share_group_state_response::PartitionResult> {
    let (record, state) = core.read(of, ask.leader_epoch, exists, wall_ms)?;
    let batch = |batch: &StateBatch| {
        read_share_group_state_response::StateBatch::default()
            .with_first_offset(batch.first_offset)
            .with_last_offset(batch.last_offset)
            .with_delivery_state(batch.delivery_state)
            .with_delivery_count(batch.delivery_count)
    };
    let result = read_share_group_state_response::PartitionResult::default()
        .with_partition(of.partition)
        .with_state_epoch(state.state_epoch)
        .with_start_offset(state.start_offset)
        .with_state_batches(state.batches.iter().map(batch).collect());
    Ok((record, result))
}

fn write(
    core: &ShareStateShard,
    of: &SharePartition,
    ask: &write_share_group_state_request::PartitionData,
    exists: bool,
    wall_ms: i64,
) -> Decided<write_share_group_state_response::PartitionResult> {
    let batch = |batch: &write_share_group_state_request::StateBatch| StateBatch {
        first_offset: batch.first_offset,
        last_offset: batch.last_offset,
        delivery_state: batch.delivery_state,
        delivery_count: batch.delivery_count,
    };
    let write = ShareWrite {
        state_epoch: ask.state_epoch,
        leader_epoch: ask.leader_epoch,
        start_offset: ask.start_offset,
        delivery_complete_count: ask.delivery_complete_count,
        batches: ask.state_batches.iter().map(batch).collect(),
    };
    let record = core.write(of, &write, exists, wall_ms)?;
    let result = write_share_group_state_response::PartitionResult::default();
    Ok((Some(record), result.with_partition(of.partition)))
}

fn delete(
    core: &ShareStateShard,
    of: &SharePartition,
    _: &delete_share_group_state_request::PartitionData,
    exists: bool,
    _: i64,
) -> Decided<delete_share_group_state_response::PartitionResult> {
    let record = core.delete(of, exists)?;
    let result = delete_share_group_state_response::PartitionResult::default();
    Ok((record, result.with_partition(of.partition)))
}

fn summary(
    core: &ShareStateShard,
    of: &SharePartition,
    _: &read_share_group_state_summary_request::PartitionData,
    exists: bool,
    _: i64,
) -> Decided<read_share_group_state_summary_response::PartitionResult> {
    let result =
        read_share_group_state_summary_response::PartitionResult::default().with_partition(of.partition);
    let result = match core.summary(of, exists)? {
        Some(state) => result
            .with_state_epoch(state.state_epoch)
            .with_leader_epoch(state.leader_epoch)
            .with_start_offset(state.start_offset)
            .with_delivery_complete_count(state.delivery_complete_count),
        None => result.with_start_offset(barnabas_coordinator::NO_START_OFFSET),
    };
    Ok((None, result))
}
