//! DescribeQuorum (key 55), as brokers and controllers answer it: who leads the metadata quorum, and how far
//! its voters and observers are (KIP-595).
//!
//! Errors of a partition: UNKNOWN_TOPIC_OR_PARTITION for all that are asked for, unless it is the one
//! partition of `__cluster_metadata`.

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::controller::topic_name::CLUSTER_METADATA_TOPIC_NAME;
use barnabas_metadata::quorum::{ControllerEndpoint, ReplicaStatus};
use barnabas_metadata::{MetadataImage, QuorumStatus, features};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_quorum_request::TopicData as AskedTopic;
use barnabas_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use barnabas_protocol::messages::{BrokerId, DescribeQuorumRequest, DescribeQuorumResponse, StrBytes};

/// First version with the replicas' times.
const TIMES_SINCE: i16 = 1;
/// First version with messages, directory ids and the voters' endpoints.
const NODES_SINCE: i16 = 2;
const UNKNOWN_MESSAGE: &str = "This server does not host this topic-partition.";

/// What is told of the quorum.
pub struct Described<'a> {
    /// How it stands.
    pub status: &'a QuorumStatus,
    /// The metadata, for directory ids.
    pub image: &'a MetadataImage,
    /// Where a voter is reached.
    pub listener: &'a dyn Fn(i32) -> Option<Listener>,
}

/// The topic that is asked for, if it is the quorum's and nothing else.
pub fn asked_topic(request: &DescribeQuorumRequest) -> Option<&AskedTopic> {
    let [topic] = request.topics.as_slice() else {
        return None;
    };
    let of_quorum = *topic.topic_name.0 == *CLUSTER_METADATA_TOPIC_NAME;
    let [partition] = topic.partitions.as_slice() else {
        return None;
    };
    (of_quorum && partition.partition_index == 0).then_some(topic)
}

/// The answer to who may not ask, or can't be told.
pub fn refused(version: i16, error: &ApiError) -> DescribeQuorumResponse {
    let response = DescribeQuorumResponse::default().with_error_code(error.code.code());
    match version {
        NODES_SINCE.. => response.with_error_message(error.wire_message()),
        _ => response,
    }
}

/// The answer to who asks for anything else.
pub fn unknown(request: &DescribeQuorumRequest, version: i16) -> DescribeQuorumResponse {
    let message = StrBytes::from_static_str(UNKNOWN_MESSAGE);
    failed(request, version, ErrorCode::UnknownTopicOrPartition, message)
}

/// The answer with an error for each partition.
pub fn failed(
    request: &DescribeQuorumRequest,
    version: i16,
    error: ErrorCode,
    message: StrBytes,
) -> DescribeQuorumResponse {
    let message = (version >= NODES_SINCE).then_some(message);
    let topic = |topic: &AskedTopic| {
        let partitions = topic.partitions.iter().map(|partition| {
            PartitionData::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error.code())
                .with_error_message(message.clone())
        });
        TopicData::default()
            .with_topic_name(topic.topic_name.clone())
            .with_partitions(partitions.collect())
    };
    DescribeQuorumResponse::default().with_topics(request.topics.iter().map(topic).collect())
}

/// How the quorum stands.
pub fn answer(version: i16, topic: &AskedTopic, described: &Described<'_>) -> DescribeQuorumResponse {
    let Described { status, image, .. } = described;
    // Voters that the configuration names are known by their ids alone.
    let with_directories = image.features.level(features::KRAFT_VERSION) > 0;
    let state = |replica: &ReplicaStatus, with_directory: bool| {
        let id = replica.node_id;
        let state = ReplicaState::default()
            .with_replica_id(BrokerId(id))
            .with_log_end_offset(replica.log_end_offset);
        let state = match version {
            TIMES_SINCE.. => state
                .with_last_fetch_timestamp(replica.last_fetch_ms)
                .with_last_caught_up_timestamp(replica.last_caught_up_ms),
            _ => state,
        };
        let told = Some(replica.directory_id).filter(|directory| !directory.is_nil());
        let of_broker = || image.brokers.get(&id)?.log_dirs.first().copied();
        match told.or_else(of_broker) {
            Some(directory) if version >= NODES_SINCE && with_directory => {
                state.with_replica_directory_id(directory)
            }
            _ => state,
        }
    };
    let voters = status.voters.iter().map(|voter| state(voter, with_directories));
    // Observers say themselves where their metadata lie.
    let observers = status.observers.iter().map(|observer| state(observer, true));
    let partition = PartitionData::default()
        .with_leader_id(BrokerId(status.leader_id))
        .with_leader_epoch(status.leader_epoch)
        .with_high_watermark(status.high_watermark)
        .with_current_voters(voters.collect())
        .with_observers(observers.collect());
    let answer = TopicData::default()
        .with_topic_name(topic.topic_name.clone())
        .with_partitions(vec![partition]);
    let response = DescribeQuorumResponse::default().with_topics(vec![answer]);
    if version < NODES_SINCE {
        return response;
    }
    let nodes = status.voters.iter().map(|voter| {
        let listeners = match status.endpoints.get(&voter.node_id) {
            Some(endpoints) => endpoints.iter().map(listener).collect(),
            None => (described.listener)(voter.node_id).into_iter().collect(),
        };
        Node::default()
            .with_node_id(BrokerId(voter.node_id))
            .with_listeners(listeners)
    });
    response.with_nodes(nodes.collect())
}

fn listener(endpoint: &ControllerEndpoint) -> Listener {
    Listener::default()
        .with_name(StrBytes::from_string(endpoint.name.clone()))
        .with_host(StrBytes::from_string(endpoint.host.clone()))
        .with_port(endpoint.port)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn replica(
        node_id: i32,
        log_end_offset: i64,
        last_fetch_ms: i64,
        last_caught_up_ms: i64,
    ) -> ReplicaStatus {
        ReplicaStatus {
            node_id,
            log_end_offset,
            last_fetch_ms,
            last_caught_up_ms,
            ..ReplicaStatus::unheard(node_id)
        }
    }

    #[test]
    fn each_version_tells_what_it_has_fields_for() {
        let status = QuorumStatus {
            leader_id: 1,
            leader_epoch: 7,
            high_watermark: 40,
            voters: vec![replica(1, 42, 900, 900), replica(2, 40, 800, 700)],
            observers: vec![replica(5, 39, 850, -1)],
            endpoints: BTreeMap::new(),
        };
        let image = MetadataImage::default();
        let listener = |id: i32| Some(Listener::default().with_port(9000 + id as u16));
        let described = Described {
            status: &status,
            image: &image,
            listener: &listener,
        };
        for (version, times, ports) in [
            (0, [(-1, -1), (-1, -1), (-1, -1)], vec![]),
            (1, [(900, 900), (800, 700), (850, -1)], vec![]),
            (2, [(900, 900), (800, 700), (850, -1)], vec![9001, 9002]),
        ] {
            let response = answer(version, &AskedTopic::default(), &described);
            let partition = &response.topics[0].partitions[0];
            let replicas: Vec<&ReplicaState> = partition
                .current_voters
                .iter()
                .chain(&partition.observers)
                .collect();
            let ends: Vec<(i32, i64)> = replicas
                .iter()
                .map(|state| (state.replica_id.0, state.log_end_offset))
                .collect();
            assert_eq!(ends, [(1, 42), (2, 40), (5, 39)], "v{version}");
            let told: Vec<(i64, i64)> = replicas
                .iter()
                .map(|state| (state.last_fetch_timestamp, state.last_caught_up_timestamp))
                .collect();
            assert_eq!(told, times, "v{version}");
            let listeners = response.nodes.iter().flat_map(|node| &node.listeners);
            assert_eq!(
                listeners.map(|listener| listener.port).collect::<Vec<u16>>(),
                ports
            );
        }
    }
}
