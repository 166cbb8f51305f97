//! What a node asks of the active controller, wherever that is.

use std::time::{Duration, Instant};

use barnabas_metadata::MetadataError;
use barnabas_metadata::controller::{CreateTopics, RegisterBroker};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::{
    ApiVersionsRequest, BrokerHeartbeatRequest, BrokerId, CreateTopicsRequest, DescribeClusterRequest,
    StrBytes, TopicName, UnregisterBrokerRequest,
};

use crate::lives::{live_broker, registration};
use crate::support::{Cluster, Node, ask, until};

/// Creates a topic over a node's channel; answers its error code.
pub fn create(node: &Node, name: &str) -> Result<i16, MetadataError> {
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(name.to_owned())))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(20_000);
    let created = node.wait(node.client.submit(CreateTopics(request)))?;
    Ok(created.unwrap().topics[0].error_code)
}

#[test]
fn a_change_asked_of_a_follower_has_taken_effect_there_when_it_is_answered() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let follower = &cluster.nodes[&cluster.another(leader)];
    let epoch = live_broker(follower, 1, 9092);
    assert_eq!(create(follower, "a").unwrap(), 0);
    assert!(follower.handle.published().offset() > epoch);
    assert_eq!(follower.handle.image().topics.len(), 1);
    let status = follower.wait(follower.client.status()).unwrap();
    assert_eq!((status.leader_id, status.voters.len()), (leader, 3));
}

#[test]
fn requests_find_the_next_controller_when_the_active_one_is_killed() {
    let mut cluster = Cluster::start();
    let first = cluster.active();
    let follower = cluster.another(first);
    // Where something listens, or the next controller would take the broker for dead.
    let port = cluster.addresses[&follower].port();
    live_broker(&cluster.nodes[&follower], 1, port);
    cluster.take(first).kill();
    let killed = Instant::now();
    assert_eq!(create(&cluster.nodes[&follower], "a").unwrap(), 0);
    assert!(
        killed.elapsed() < Duration::from_secs(5),
        "{:?}",
        killed.elapsed()
    );
}

#[test]
fn without_a_majority_a_request_is_given_up_when_its_time_is_over() {
    let mut cluster = Cluster::start();
    let first = cluster.active();
    cluster.take(cluster.another(first)).kill();
    cluster.take(cluster.another(first)).kill();
    let alone = &cluster.nodes[&first];
    until("the loss of the majority", || {
        (!alone.handle.is_active()).then_some(())
    });
    let request = CreateTopicsRequest::default().with_timeout_ms(300);
    let refused = alone.wait(alone.client.submit(CreateTopics(request)));
    assert!(matches!(refused, Err(MetadataError::TimedOut)), "{refused:?}");
    let refused = alone.wait(alone.handle.submit(RegisterBroker(registration(1, 9092))));
    assert!(
        matches!(refused, Err(MetadataError::NotController { leader_id: None })),
        "{refused:?}"
    );
}

#[test]
fn whoever_asks_another_than_the_active_controller_is_told_so() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let follower = cluster.another(leader);
    live_broker(&cluster.nodes[&leader], 1, 9092);
    let not_controller = ErrorCode::NotController.code();
    let create = |name: &'static str| {
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_static_str(name)))
            .with_num_partitions(1)
            .with_replication_factor(1);
        CreateTopicsRequest::default().with_topics(vec![topic])
    };
    assert_eq!(
        ask(&cluster, follower, &create("a")).topics[0].error_code,
        not_controller
    );
    assert_eq!(ask(&cluster, leader, &create("a")).topics[0].error_code, 0);
    let heartbeat = BrokerHeartbeatRequest::default();
    assert_eq!(ask(&cluster, follower, &heartbeat).error_code, not_controller);
    let stale = ErrorCode::StaleBrokerEpoch.code();
    assert_eq!(
        ask(&cluster, leader, &heartbeat.with_broker_id(BrokerId(1))).error_code,
        stale
    );
    let forget = UnregisterBrokerRequest::default().with_broker_id(BrokerId(1));
    assert_eq!(ask(&cluster, follower, &forget).error_code, not_controller);

    let versions = ask(&cluster, follower, &ApiVersionsRequest::default());
    let keys: Vec<i16> = versions.api_keys.iter().map(|api| api.api_key).collect();
    for key in [18, 19, 20, 32, 33, 44, 55, 56, 60, 62, 63, 67, 73] {
        assert!(keys.contains(&key), "{key}");
    }
    let described = ask(
        &cluster,
        follower,
        &DescribeClusterRequest::default().with_endpoint_type(2),
    );
    let ids: Vec<i32> = described.brokers.iter().map(|node| node.broker_id.0).collect();
    assert_eq!((described.controller_id.0, ids), (leader, vec![1, 2, 3]));
    let brokers = DescribeClusterRequest::default().with_endpoint_type(1);
    let mismatched = ErrorCode::MismatchedEndpointType.code();
    assert_eq!(ask(&cluster, follower, &brokers).error_code, mismatched);
}
