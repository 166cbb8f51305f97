//! DescribeQuorum (key 55): who leads the metadata quorum, and how far its voters are (KIP-595).
//!
//! Versions 0–2. Errors of the whole: CLUSTER_AUTHORIZATION_FAILED. Errors of a partition:
//! UNKNOWN_TOPIC_OR_PARTITION for all that are asked for, unless it is the one partition of
//! `__cluster_metadata`.

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::controller::topic_name::CLUSTER_METADATA_TOPIC_NAME;
use barnabas_metadata::features;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_quorum_request::TopicData as AskedTopic;
use barnabas_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use barnabas_protocol::messages::{BrokerId, DescribeQuorumRequest, DescribeQuorumResponse, StrBytes};

use crate::broker::Broker;
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
            _ => unknown(&request.topics, version),
        },
        topics => unknown(topics, version),
    }
}

/// The answer with an error.
pub fn refused(
    context: &RequestContext,
    _: &DescribeQuorumRequest,
    error: &ApiError,
) -> DescribeQuorumResponse {
    let response = DescribeQuorumResponse::default().with_error_code(error.code.code());
    match context.api_version {
        NODES_SINCE.. => response.with_error_message(error.wire_message()),
        _ => response,
    }
}

fn unknown(topics: &[AskedTopic], version: i16) -> DescribeQuorumResponse {
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
    // Voters that the configuration names are known by their ids alone.
    let with_directories = image.features.level(features::KRAFT_VERSION) > 0;
    let now = if version >= TIMES_SINCE {
        broker.clock.wall_ms()
    } else {
        -1
    };
    let voters = status.voters.iter().map(|(id, log_end_offset)| {
        let state = ReplicaState::default()
            .with_replica_id(BrokerId(*id))
            .with_log_end_offset(*log_end_offset)
            .with_last_fetch_timestamp(now)
            .with_last_caught_up_timestamp(now);
        let directory = image.brokers.get(id).and_then(|broker| broker.log_dirs.first());
        match directory {
            Some(directory) if version >= NODES_SINCE && with_directories => {
                state.with_replica_directory_id(*directory)
            }
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
        Node::default()
            .with_node_id(BrokerId(*id))
            .with_listeners(controller_listener(broker, *id).into_iter().collect())
    });
    response.with_nodes(nodes.collect())
}

/// Where a voter is reached: at the address that the voters' list has for it, or its own controller listener.
fn controller_listener(broker: &Broker, voter: i32) -> Option<Listener> {
    let config = broker.config();
    let name = config.controller_listener_names.first()?;
    let layers = broker.metadata.layers();
    let in_list = layers
        .given("controller.quorum.voters")
        .into_iter()
        .flat_map(|voters| voters.split(','));
    let listed = in_list.filter_map(|entry| {
        let (id, address) = entry.trim().split_once('@')?;
        (id.parse() == Ok(voter)).then_some(address)
    });
    let own = config.listeners.iter().filter_map(|listener| {
        let (of, address) = listener.split_once("://")?;
        of.eq_ignore_ascii_case(name).then_some(address)
    });
    let (host, port) = listed.chain(own).next()?.rsplit_once(':')?;
    let answer = Listener::default()
        .with_name(StrBytes::from_string(name.clone()))
        .with_host(StrBytes::from_string(host.to_owned()))
        .with_port(port.parse().ok()?);
    Some(answer)
}
