//! Writing the markers of decided transactions: to the logs of partitions that this broker leads, to the
//! groups whose offsets were in the transaction, and through the other brokers to what they lead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_coordinator::{MarkerWork, TRANSACTION_VERSION_2, TopicPartition};
use barnabas_metadata::image::MetadataImage;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use barnabas_protocol::messages::{
    ProducerId, StrBytes, TopicName, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use barnabas_protocol::records::EndTxnMarker;
use tokio::task::{JoinError, JoinSet};

use crate::broker::Broker;
use crate::broker_peers::Purpose;
use barnabas_metadata::internal_topics::CONSUMER_OFFSETS;
use barnabas_replica::partition::append::Pending;
use barnabas_replica::partition::transaction::Marker;

/// The version of WriteTxnMarkers that brokers speak with each other.
const VERSION: i16 = 2;

/// How long is waited before markers are written again that could not be written: longer each time.
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(200);

/// What became of some of a transaction's markers that were not written at once.
type Answered = Vec<(TopicPartition, ErrorCode)>;

/// Writes the markers of a transaction, each until it is written and committed; that of a partition which has
/// another leader meanwhile, at that one. Answers whether all are: no more are written once this broker
/// doesn't coordinate (`leads`) any more, another coordinator has taken over, or the producer has gone on.
pub(super) async fn write_all(broker: &Arc<Broker>, work: &mut MarkerWork, leads: impl Fn() -> bool) -> bool {
    let mut due = std::mem::take(&mut work.partitions);
    let mut later = Vec::new();
    // Most often nothing is waited for, and there is none.
    let mut asked: Option<JoinSet<Answered>> = None;
    let mut backoff = BACKOFF_MIN;
    loop {
        let mut answered = begin(broker, work, std::mem::take(&mut due), &mut asked);
        let is_waiting = asked.as_ref().is_some_and(|asked| !asked.is_empty());
        if answered.is_empty() && later.is_empty() && !is_waiting {
            return true;
        }
        if answered.is_empty() {
            tokio::select! {
                biased;
                () = broker.stopping.cancelled() => return false,
                Some(joined) = next(&mut asked), if is_waiting => match joined {
                    Ok(outcome) => answered = outcome,
                    // The runtime is ending.
                    Err(_) => return false,
                },
                () = tokio::time::sleep(backoff), if !later.is_empty() => {
                    due.append(&mut later);
                    backoff = BACKOFF_MAX.min(backoff * 2);
                }
            }
        }
        if !leads() {
            return false;
        }
        for (place, error) in answered {
            match error {
                ErrorCode::None => {}
                ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced => {
                    let (id, (topic, partition)) = (&*work.transactional_id, &place);
                    tracing::warn!(id, %topic, partition, %error, "a transaction's markers are not written any more");
                    return false;
                }
                error => {
                    let (id, (topic, partition)) = (&*work.transactional_id, &place);
                    tracing::debug!(id, %topic, partition, %error, "a marker is written later");
                    later.push(place);
                }
            }
        }
    }
}

async fn next(asked: &mut Option<JoinSet<Answered>>) -> Option<Result<Answered, JoinError>> {
    asked.as_mut()?.join_next().await
}

/// Writes markers where this broker leads, and has other brokers write the rest. Answers what is refused at
/// once; what must be waited for is `asked`.
fn begin(
    broker: &Arc<Broker>,
    work: &MarkerWork,
    places: Vec<TopicPartition>,
    asked: &mut Option<JoinSet<Answered>>,
) -> Answered {
    let marker = marker_of(work);
    let mut refused = Vec::new();
    let mut elsewhere: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
    for place in places {
        match write(broker, &place.0, place.1, &marker) {
            Ok(None) => {}
            Ok(Some(pending)) => {
                let written = async move {
                    let error = pending.done().await.err().unwrap_or(ErrorCode::None);
                    vec![(place, error)]
                };
                drop(asked.get_or_insert_default().spawn(written));
            }
            Err(error) => match leader(&broker.image(), &place) {
                // A topic that was deleted meanwhile needs no marker.
                None => {}
                Some(leader) if leader >= 0 && leader != broker.node_id => {
                    elsewhere.entry(leader).or_default().push(place);
                }
                Some(_) => refused.push((place, error)),
            },
        }
    }
    for (leader, places) in elsewhere {
        let (broker, request) = (broker.clone(), request_for(work, &places));
        let asked = asked.get_or_insert_default();
        asked.spawn(async move { write_at(&broker, leader, &request, places).await });
    }
    refused
}

fn marker_of(work: &MarkerWork) -> Marker {
    Marker {
        producer_id: work.producer.producer_id,
        producer_epoch: work.producer.producer_epoch,
        end: EndTxnMarker {
            committed: work.commit,
            coordinator_epoch: work.coordinator_epoch,
        },
        bumps_epoch: work.transaction_version >= TRANSACTION_VERSION_2,
    }
}

/// Who leads a partition, -1 for nobody; `None` if there is no such partition.
fn leader(image: &MetadataImage, (topic, partition): &TopicPartition) -> Option<i32> {
    Some(image.topics.partition(topic, *partition)?.leader)
}

/// Has another broker write markers.
async fn write_at(
    broker: &Broker,
    leader: i32,
    request: &WriteTxnMarkersRequest,
    places: Vec<TopicPartition>,
) -> Answered {
    let (image, peers) = (broker.image().clone(), broker.peers());
    let answered = peers
        .ask(&image, leader, Purpose::Markers, VERSION, request)
        .await
        .inspect_err(|error| tracing::debug!(leader, %error, "markers were not written"));
    let error = |place: &TopicPartition| match &answered {
        Ok(answer) => error_of(answer, place),
        Err(_) => ErrorCode::NetworkException,
    };
    let with_error = |place| {
        let error = error(&place);
        (place, error)
    };
    places.into_iter().map(with_error).collect()
}

fn request_for(work: &MarkerWork, places: &[TopicPartition]) -> WriteTxnMarkersRequest {
    let topics = places.chunk_by(|(a, _), (b, _)| a == b).map(|run| {
        WritableTxnMarkerTopic::default()
            .with_name(TopicName(StrBytes::from_string(run[0].0.to_string())))
            .with_partition_indexes(run.iter().map(|(_, partition)| *partition).collect())
    });
    let marker = WritableTxnMarker::default()
        .with_producer_id(ProducerId(work.producer.producer_id))
        .with_producer_epoch(work.producer.producer_epoch)
        .with_transaction_result(work.commit)
        .with_coordinator_epoch(work.coordinator_epoch)
        .with_transaction_version(i8::try_from(work.transaction_version).unwrap_or(0))
        .with_topics(topics.collect());
    WriteTxnMarkersRequest::default().with_markers(vec![marker])
}

/// The answer for one partition; NETWORK_EXCEPTION if there is none.
fn error_of(answer: &WriteTxnMarkersResponse, (topic, partition): &TopicPartition) -> ErrorCode {
    let topics = answer.markers.iter().flat_map(|marker| &marker.topics);
    let mut partitions = topics
        .filter(|answered| *answered.name.0 == **topic)
        .flat_map(|answered| &answered.partitions);
    partitions
        .find(|answered| answered.partition_index == *partition)
        .map_or(ErrorCode::NetworkException, |answered| {
            ErrorCode::from_code(answered.error_code).unwrap_or(ErrorCode::UnknownServerError)
        })
}

/// Writes one marker to a partition that this broker leads; answers what is waited for until it is committed,
/// `None` if it is already. The group coordinator writes those of its own partitions, because they settle its
/// groups' offsets.
///
/// # Errors
/// Those of the partition; those of a group coordinator that is not there, or loading.
pub fn write(
    broker: &Broker,
    topic: &str,
    partition: i32,
    marker: &Marker,
) -> Result<Option<Pending>, ErrorCode> {
    if topic == CONSUMER_OFFSETS {
        return broker.groups().end_transaction(partition, marker);
    }
    let led = broker.partitions().by_name(topic, partition)?;
    Ok(led.append_marker(marker, None, broker.clock.wall_ms())?.pending)
}
