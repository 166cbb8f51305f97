//! DescribeQuorum (key 55): who leads the metadata quorum, and how far its voters are (KIP-595).
//!
//! Versions 0–2. Errors of a partition: UNKNOWN_TOPIC_OR_PARTITION for all that are asked for, unless it is the one partition of
//! `__cluster_metadata`.

use barnabas_metadata::controller::topic_name::CLUSTER_METADATA_TOPIC_NAME;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_quorum_request::TopicData as AskedTopic;
use barnabas_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use barnabas_protocol::messages::{BrokerId, DescribeQuorumRequest, DescribeQuorumResponse, StrBytes};

use crate::broker::{Broker, now_ms};
use crate::request::RequestContext;

/// First version with the voters' times.
const TIMES_SINCE: i16 = 1;
/// First version with messages, directory ids and the voters' endpoints.
const NODES_SINCE: i16 = 2;
const UNKNOWN_MESSAGE: &str = "This server does not host this topic-partition.";

/// Answers with how the quorum stands.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let version = context.api_version;
    match request.topics.as_slice() {
        [topic] if *topic.topic_name.0 == *CLUSTER_METADATA_TOPIC_NAME => match topic.partitions.as_slice() {
            [partition] if partition.partition_index == 0 => answer(broker, version, topic),
            _ => refused(&request.topics, version),
        },
        topics => refused(topics, version),
    }
}

fn refused(topics: &[AskedTopic], version: i16) -> DescribeQuorumResponse {
    let message = (version >= NODES_SINCE).then(|| StrBytes::from_static_str(UNKNOWN_MESSAGE));
    let topic = |topic: &AskedTopic| {
        let partitions = topic.partitions.iter().map(|partition| {
            PartitionData::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(ErrorCode::UnknownTopicOrPartition.code())
                .with_error_message(message.clone())
        });
        TopicData::default()
            .with_topic_name(topic.topic_name.clone())
            .with_partitions(partitions.collect())
    };
    DescribeQuorumResponse::default().with_topics(topics.iter().map(topic).collect())
}

fn answer(broker: &Broker, version: i16, topic: &AskedTopic) -> DescribeQuorumResponse {
    let status = broker.controller.status();
    let image = broker.image();
    let now = if version >= TIMES_SINCE { now_ms() } else { -1 };
    let voters = status.voters.iter().map(|(id, log_end_offset)| {
        let state = ReplicaState::default()
            .with_replica_id(BrokerId(*id))
            .with_log_end_offset(*log_end_offset)
            .with_last_fetch_timestamp(now)
            .with_last_caught_up_timestamp(now);
        let directory = image.brokers.get(id).and_then(|broker| broker.log_dirs.first());
        match directory {
            Some(directory) if version >= NODES_SINCE => state.with_replica_directory_id(*directory),
            _ => state,
        }
    });
    let partition = PartitionData::default()
        .with_leader_id(BrokerId(status.leader_id))
        .with_leader_epoch(status.leader_epoch)
        .with_high_watermark(status.high_watermark)
        .with_current_voters(voters.collect());
    let answer = TopicData::default()
        .with_topic_name(topic.topic_name.clone())
        .with_partitions(vec![partition]);
    let response = DescribeQuorumResponse::default().with_topics(vec![answer]);
    if version < NODES_SINCE {
        return response;
    }
    let nodes = status.voters.iter().map(|(id, _)| {
        let endpoints = image
            .brokers
            .get(id)
            .map(|broker| broker.endpoints.as_slice())
            .unwrap_or_default();
        let listener = |endpoint: &barnabas_metadata::records::BrokerEndpoint| {
            Listener::default()
                .with_name(StrBytes::from_string(endpoint.listener.clone()))
                .with_host(StrBytes::from_string(endpoint.host.clone()))
                .with_port(endpoint.port)
        };
        Node::default()
            .with_node_id(BrokerId(*id))
            .with_listeners(endpoints.iter().map(listener).collect())
    });
    response.with_nodes(nodes.collect())
}
