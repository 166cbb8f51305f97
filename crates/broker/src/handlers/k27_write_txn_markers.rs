//! WriteTxnMarkers: ends transactions in partitions; sent by transaction coordinators, and by tools that
//! abort a hanging one.
//!
//! Versions 1–2. Errors of a partition: CLUSTER_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION,
//! INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED, NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS,
//! KAFKA_STORAGE_ERROR, and for `__consumer_offsets` those of the group coordinator; UNKNOWN_SERVER_ERROR for
//! a negative producer id or epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_coordinator::TRANSACTION_VERSION_2;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use barnabas_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use barnabas_protocol::messages::{ProducerId, TopicName, WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use barnabas_protocol::records::EndTxnMarker;
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::coordinator::markers;
use crate::request::RequestContext;
use barnabas_replica::partition::transaction::Marker;

/// The transaction.version that only replication may write without.
const UNKNOWN_TRANSACTION_VERSION: i8 = -1;

/// What became of the partitions of a producer.
type Results = BTreeMap<(TopicName, i32), ErrorCode>;

/// Writes every marker. A producer that is named twice is answered once, with its last results.
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
            if authorized {
                write(broker, asked, producer).await;
            } else {
                refuse(asked, producer);
            }
        }
    }
    let answers = results.into_iter().map(|(producer_id, results)| {
        WritableTxnMarkerResult::default()
            .with_producer_id(ProducerId(producer_id))
            .with_topics(by_topic(results))
    });
    WriteTxnMarkersResponse::default().with_markers(answers.collect())
}

fn refuse(asked: &WritableTxnMarker, results: &mut Results) {
    for topic in &asked.topics {
        let partitions = topic.partition_indexes.iter();
        results.extend(partitions.map(|&index| {
            let place = (topic.name.clone(), index);
            (place, ErrorCode::ClusterAuthorizationFailed)
        }));
    }
}

async fn write(broker: &Broker, asked: &WritableTxnMarker, results: &mut Results) {
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
            let error = if is_impossible {
                ErrorCode::UnknownServerError
            } else {
                write_one(broker, &topic.name, index, &marker, asked.transaction_version).await
            };
            results.insert((topic.name.clone(), index), error);
        }
    }
}

async fn write_one(broker: &Broker, topic: &str, index: i32, marker: &Marker, version: i8) -> ErrorCode {
    if version == UNKNOWN_TRANSACTION_VERSION && broker.partitions().by_name(topic, index).is_ok() {
        return ErrorCode::UnknownServerError;
    }
    match markers::write(broker, topic, index, marker) {
        Ok(None) => ErrorCode::None,
        Ok(Some(pending)) => pending.done().await.err().unwrap_or(ErrorCode::None),
        Err(error) => error,
    }
}

fn by_topic(results: Results) -> Vec<WritableTxnMarkerTopicResult> {
    let results: Vec<_> = results.into_iter().collect();
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
