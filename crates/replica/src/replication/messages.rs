//! A follower's Fetch and its answer, from and to what the core knows.

use barnabas_config::BrokerConfig;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};
use barnabas_protocol::messages::{BrokerId, FetchRequest, FetchResponse};

use super::exchange::{Ask, PartitionAnswer, TopicIdPartition};

/// The newest version, as between Apache Kafka's brokers.
pub const FETCH_VERSION: i16 = 18;

/// The request of a follower that has registered under `broker_epoch`.
pub fn fetch_request(ask: &Ask, config: &BrokerConfig, broker_epoch: i64) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (key, asked) in &ask.partitions {
        let partition = FetchPartition::default()
            .with_partition(key.partition)
            .with_current_leader_epoch(asked.leader_epoch.0)
            .with_fetch_offset(asked.position.end_offset)
            .with_last_fetched_epoch(asked.position.last_epoch)
            .with_log_start_offset(asked.position.start_offset)
            .with_partition_max_bytes(config.replica_fetch_max_bytes);
        match topics.last_mut().filter(|topic| topic.topic_id == key.topic_id) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(
                FetchTopic::default()
                    .with_topic_id(key.topic_id)
                    .with_partitions(vec![partition]),
            ),
        }
    }
    let mut forgotten: Vec<ForgottenTopic> = Vec::new();
    for key in &ask.forgotten {
        match forgotten
            .last_mut()
            .filter(|topic| topic.topic_id == key.topic_id)
        {
            Some(topic) => topic.partitions.push(key.partition),
            None => forgotten.push(
                ForgottenTopic::default()
                    .with_topic_id(key.topic_id)
                    .with_partitions(vec![key.partition]),
            ),
        }
    }
    let state = ReplicaState::default()
        .with_replica_id(BrokerId(config.node_id))
        .with_replica_epoch(broker_epoch);
    FetchRequest::default()
        .with_replica_state(state)
        .with_max_wait_ms(if ask.waits {
            config.replica_fetch_wait_max_ms
        } else {
            0
        })
        .with_min_bytes(config.replica_fetch_min_bytes)
        .with_max_bytes(config.replica_fetch_response_max_bytes)
        .with_session_id(ask.session_id)
        .with_session_epoch(ask.session_epoch)
        .with_topics(topics)
        .with_forgotten_topics_data(forgotten)
}

/// The parts of an answer.
pub fn answers(response: FetchResponse) -> Vec<PartitionAnswer> {
    let topics = response.responses.into_iter();
    let answers = topics.flat_map(|topic| {
        let topic_id = topic.topic_id;
        topic.partitions.into_iter().map(move |partition| {
            let diverging = (
                partition.diverging_epoch.epoch,
                partition.diverging_epoch.end_offset,
            );
            PartitionAnswer {
                key: TopicIdPartition {
                    topic_id,
                    partition: partition.partition_index,
                },
                error: ErrorCode::from_code(partition.error_code).unwrap_or(ErrorCode::UnknownServerError),
                high_watermark: partition.high_watermark,
                log_start_offset: partition.log_start_offset,
                diverging: (diverging.1 >= 0).then_some(diverging),
                records: partition.records.unwrap_or_default(),
            }
        })
    });
    answers.collect()
}
