//! WriteTxnMarkers: ends transactions in partitions; sent by transaction coordinators, and by tools that
//! abort a hanging one.
//!
//! Versions 1–2. Errors of a partition: CLUSTER_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION,
//! INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED, NOT_LEADER_OR_FOLLOWER (also where the group
//! coordinator of a partition of `__consumer_offsets` is not there or loading), NOT_ENOUGH_REPLICAS,
//! REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR; UNKNOWN_SERVER_ERROR for a negative producer id or epoch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_coordinator::TRANSACTION_VERSION_2;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use barnabas_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use barnabas_protocol::messages::{ProducerId, TopicName, WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use barnabas_protocol::records::EndTxnMarker;
use barnabas_security::AclOperation;
use tokio::time::{Instant, timeout_at};

use crate::broker::Broker;
use crate::coordinator::markers;
use crate::request::RequestContext;
use barnabas_replica::partition::append::Pending;
use barnabas_replica::partition::transaction::Marker;

/// The transaction.version that only replication may write without.
const UNKNOWN_TRANSACTION_VERSION: i8 = -1;

/// From the first version on: clients only have tools for it.
pub const SENT_BY_BROKERS_SINCE: i16 = 1;

/// What became of the partitions of a producer, or is waited for.
type Results = BTreeMap<(TopicName, i32), Result<Option<Pending>, ErrorCode>>;

/// Writes every marker, and then waits for all of them. A producer that is named twice is answered once, with
/// its last results.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    let rights = broker.rights(context);
    let authorized = rights.on_cluster(AclOperation::Alter) || rights.on_cluster(AclOperation::ClusterAction);
    let mut results: BTreeMap<i64, Results> = BTreeMap::new();
    for asked in &request.markers {
        if asked
            .topics
            .iter()
            .any(|topic| !topic.partition_indexes.is_empty())
        {
            let producer = results.entry(asked.producer_id.0).or_default();
            write(broker, asked, authorized, producer);
        }
    }
    let patience = Duration::from_millis(u64::try_from(broker.config().request_timeout_ms).unwrap_or(0));
    let deadline = Instant::now() + patience;
    let mut answers = Vec::with_capacity(results.len());
    for (producer_id, results) in results {
        let mut errors = Vec::with_capacity(results.len());
        for (place, written) in results {
            let error = match written {
                Ok(None) => ErrorCode::None,
                Ok(Some(pending)) => committed(pending, deadline).await,
                Err(error) => told(error),
            };
            errors.push((place, error));
        }
        let answer = WritableTxnMarkerResult::default()
            .with_producer_id(ProducerId(producer_id))
            .with_topics(by_topic(errors));
        answers.push(answer);
    }
    WriteTxnMarkersResponse::default().with_markers(answers)
}

async fn committed(pending: Pending, deadline: Instant) -> ErrorCode {
    match timeout_at(deadline, pending.done()).await {
        Ok(done) => done.err().map_or(ErrorCode::None, told),
        Err(_) => ErrorCode::RequestTimedOut,
    }
}

/// Whoever sends markers knows leaders, and nothing of group coordinators.
fn told(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::CoordinatorNotAvailable
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::NotCoordinator => ErrorCode::NotLeaderOrFollower,
        other => other,
    }
}

fn write(broker: &Broker, asked: &WritableTxnMarker, authorized: bool, results: &mut Results) {
    let marker = Marker {
        producer_id: asked.producer_id.0,
        producer_epoch: asked.producer_epoch,
        end: EndTxnMarker {
            committed: asked.transaction_result,
            coordinator_epoch: asked.coordinator_epoch,
        },
        bumps_epoch: i16::from(asked.transaction_version) >= TRANSACTION_VERSION_2,
    };
    // No batch can be made for such a producer, and Apache Kafka asks for no reason.
    let is_impossible = marker.producer_id < 0 || marker.producer_epoch < 0;
    for topic in &asked.topics {
        for &index in &topic.partition_indexes {
            let written = if !authorized {
                Err(ErrorCode::ClusterAuthorizationFailed)
            } else if is_impossible {
                Err(ErrorCode::UnknownServerError)
            } else {
                write_one(broker, &topic.name, index, &marker, asked.transaction_version)
            };
            results.insert((topic.name.clone(), index), written);
        }
    }
}

fn write_one(
    broker: &Broker,
    topic: &str,
    index: i32,
    marker: &Marker,
    version: i8,
) -> Result<Option<Pending>, ErrorCode> {
    if version == UNKNOWN_TRANSACTION_VERSION && broker.partitions().by_name(topic, index).is_ok() {
        return Err(ErrorCode::UnknownServerError);
    }
    markers::write(broker, topic, index, marker)
}

fn by_topic(results: Vec<((TopicName, i32), ErrorCode)>) -> Vec<WritableTxnMarkerTopicResult> {
    let topics = results.chunk_by(|((a, _), _), ((b, _), _)| a == b).map(|run| {
        let partitions = run.iter().map(|((_, index), error)| {
            WritableTxnMarkerPartitionResult::default()
                .with_partition_index(*index)
                .with_error_code(error.code())
        });
        WritableTxnMarkerTopicResult::default()
            .with_name(run[0].0.0.clone())
            .with_partitions(partitions.collect())
    });
    topics.collect()
}
