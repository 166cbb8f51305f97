//! Writing a batch of dead letters: to the log of a partition that this broker leads, or through the broker
//! that does. All in-sync replicas have it when it counts.

use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::{ProduceRequest, StrBytes, TopicName};
use barnabas_replica::partition::append::{AppendAs, RequiredAcks};
use barnabas_storage::validate::validate;
use barnabas_storage::{AppendOrigin, Verified};

use super::destination::Destination;
use crate::broker::Broker;
use crate::broker_peers::produced;

/// The version of Produce that brokers ask each other in: the last that names topics.
const VERSION: i16 = 12;
const ACKS_ALL: i16 = -1;

/// Writes a batch and waits until it is committed.
///
/// # Errors
/// Those of a Produce; NETWORK_EXCEPTION if the leader has not answered, REQUEST_TIMED_OUT if the replicas
/// have not.
pub async fn produce(
    broker: &Broker,
    destination: &Destination,
    mut batch: Vec<u8>,
) -> Result<(), ErrorCode> {
    let timeout_ms = broker.config().request_timeout_ms;
    if destination.leader != broker.node_id {
        return ask(broker, destination, batch, timeout_ms).await;
    }
    let partition = broker
        .partitions()
        .by_name(&destination.topic, destination.partition)?;
    let how = AppendAs {
        origin: AppendOrigin::Client,
        acks: RequiredAcks::All,
        leader_epoch: None,
        end_offset: None,
        verified: Verified::NotAsked,
        now_ms: broker.clock.wall_ms(),
    };
    let pending = {
        let (id, settings) = (partition.id(), partition.settings());
        let valid = validate(
            &mut batch,
            &id.topic,
            id.partition,
            &settings.validation,
            how.now_ms,
            how.origin,
        );
        let mut valid = valid.map_err(|rejection| rejection.error_code)?;
        partition.append(valid.bytes_mut(), &how)?.pending
    };
    let Some(pending) = pending else { return Ok(()) };
    let patience = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    tokio::time::timeout(patience, pending.done())
        .await
        .unwrap_or(Err(ErrorCode::RequestTimedOut))
}

async fn ask(
    broker: &Broker,
    destination: &Destination,
    batch: Vec<u8>,
    timeout_ms: i32,
) -> Result<(), ErrorCode> {
    let partition = PartitionProduceData::default()
        .with_index(destination.partition)
        .with_records(Some(batch.into()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(destination.topic.clone())))
        .with_partition_data(vec![partition]);
    let request = ProduceRequest::default()
        .with_acks(ACKS_ALL)
        .with_timeout_ms(timeout_ms)
        .with_topic_data(vec![topic]);
    match produced(&destination.ask(broker, VERSION, &request).await?) {
        ErrorCode::None => Ok(()),
        error => Err(error),
    }
}

/// Whether the topic takes no such records, whoever leads it and whatever its state.
pub fn is_final(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::InvalidRecord | ErrorCode::InvalidTimestamp | ErrorCode::CorruptMessage
    )
}

/// Whether this answer says that the batch is not in the log.
pub fn is_refusal(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::TopicAuthorizationFailed
            | ErrorCode::ClusterAuthorizationFailed
            | ErrorCode::LeaderNotAvailable
    )
}
