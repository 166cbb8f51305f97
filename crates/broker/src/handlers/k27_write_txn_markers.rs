//! WriteTxnMarkers: ends transactions in partitions; sent by transaction coordinators, and by tools that abort a hanging one.
//!
//! Versions 1–2. Errors of a partition: UNKNOWN_TOPIC_OR_PARTITION, INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED,
//! NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR, and for `__consumer_offsets` those of the group coordinator.

use std::sync::Arc;

use barnabas_coordinator::TRANSACTION_VERSION_2;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use barnabas_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use barnabas_protocol::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use barnabas_storage::EndTxnMarker;

use crate::broker::Broker;
use crate::coordinator::markers;
use crate::partition::transaction::Marker;
use crate::request::RequestContext;

/// Writes every marker.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    let mut results = Vec::with_capacity(request.markers.len());
    for asked in &request.markers {
        results.push(write(broker, asked).await);
    }
    WriteTxnMarkersResponse::default().with_markers(results)
}

async fn write(broker: &Broker, asked: &WritableTxnMarker) -> WritableTxnMarkerResult {
    let marker = Marker {
        producer_id: asked.producer_id.0,
        producer_epoch: asked.producer_epoch,
        end: EndTxnMarker {
            committed: asked.transaction_result,
            coordinator_epoch: asked.coordinator_epoch,
        },
        bumps_epoch: i16::from(asked.transaction_version) >= TRANSACTION_VERSION_2,
    };
    let mut topics = Vec::with_capacity(asked.topics.len());
    for topic in &asked.topics {
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for &index in &topic.partition_indexes {
            let error = match markers::write(broker, &topic.name, index, &marker) {
                Ok(None) => ErrorCode::None,
                Ok(Some(committed)) => match committed.await {
                    Ok(Ok(())) => ErrorCode::None,
                    Ok(Err(error)) => error,
                    Err(_) => ErrorCode::NotLeaderOrFollower,
                },
                Err(error) => error,
            };
            partitions.push(
                WritableTxnMarkerPartitionResult::default()
                    .with_partition_index(index)
                    .with_error_code(error.code()),
            );
        }
        topics.push(
            WritableTxnMarkerTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    WritableTxnMarkerResult::default()
        .with_producer_id(asked.producer_id)
        .with_topics(topics)
}
