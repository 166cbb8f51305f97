//! Followers that follow, join the ISR and follow another leader, and consumers that read from them.
//!
//! Fetches of followers wait for ten minutes: whatever happens before the deadline of a test happened because
//! somebody was told.

use std::time::Duration;

use barnabas_metadata::records::PartitionChangeRecord;
use barnabas_network::Network;
use barnabas_network::client::NodeClient;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::metadata_request::MetadataRequestTopic;
use barnabas_protocol::messages::{
    FetchRequest, FetchResponse, MetadataRequest, MetadataResponse, TopicName,
};
use barnabas_protocol::records::compression::Compression;
use barnabas_protocol::records::{BatchBuilder, RecordFields};
use barnabas_replica::partition::append::{AppendAs, RequiredAcks};
use barnabas_storage::{AppendOrigin, Verified};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::support::{Controller, Node, until};

const TOPIC: u128 = 7;

/// Three brokers, and a topic that the first one leads.
async fn three() -> (Controller, [Node; 3]) {
    let controller = Controller::default();
    let nodes = [1, 2, 3].map(|id| Node::start(id, &controller));
    controller.create_topic("t", TOPIC, &[1, 2, 3]);
    until("all in sync", || controller.isr("t") == [1, 2, 3]).await;
    (controller, nodes)
}

/// Appends a batch with acks=all and waits until it is committed.
async fn produce(node: &Node, topic: &str) {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.append(&RecordFields {
        value: Some(b"value"),
        ..RecordFields::default()
    });
    let how = AppendAs {
        origin: AppendOrigin::Client,
        acks: RequiredAcks::All,
        leader_epoch: None,
        end_offset: None,
        verified: Verified::NotAsked,
        now_ms: 1_000,
    };
    let appended = node.partition(topic).append(&mut builder.build().unwrap(), &how);
    if let Some(pending) = appended.unwrap().pending {
        let done = tokio::time::timeout(Duration::from_secs(30), pending.done());
        done.await.expect("it is committed in time").unwrap();
    }
}

async fn all_have(nodes: &[Node], topic: &str, end: i64) {
    for node in nodes {
        let what = format!("{end} on node {}", node.id);
        until(&what, || node.ends(topic) == (end, end)).await;
    }
}

fn content(node: &Node, topic: &str) -> Vec<u8> {
    let partition = node.partition(topic);
    let (start, _) = partition.offsets();
    partition.read(start, 1 << 20).unwrap().to_vec().unwrap()
}

#[tokio::test]
async fn followers_join_and_soon_know_what_is_committed() {
    let (_controller, nodes) = three().await;
    for end in 1..=20 {
        produce(&nodes[0], "t").await;
        if end % 5 == 0 {
            all_have(&nodes, "t", end).await;
        }
    }
    for follower in &nodes[1..] {
        assert_eq!(content(follower, "t"), content(&nodes[0], "t"));
    }
}

#[tokio::test]
async fn a_broker_that_comes_later_joins() {
    let controller = Controller::default();
    let early = [1, 2].map(|id| Node::start(id, &controller));
    controller.create_topic("t", TOPIC, &[1, 2, 3]);
    until("those in sync that are there", || controller.isr("t") == [1, 2]).await;
    produce(&early[0], "t").await;
    // It knows what it follows before it knows that it is registered.
    let late = Node::start(3, &controller);
    until("all in sync", || controller.isr("t") == [1, 2, 3]).await;
    all_have(&[late], "t", 1).await;
}

#[tokio::test]
async fn a_partition_that_comes_later_does_not_wait_for_the_fetch_that_is_parked() {
    let (controller, nodes) = three().await;
    produce(&nodes[0], "t").await;
    all_have(&nodes, "t", 1).await;
    for id in 0..5 {
        let name = format!("later-{id}");
        controller.create_topic(&name, 100 + id, &[1, 3, 2]);
        until("all in sync", || controller.isr(&name) == [1, 2, 3]).await;
        produce(&nodes[0], &name).await;
        all_have(&nodes, &name, 1).await;
    }
}

#[tokio::test]
async fn followers_turn_to_another_leader_and_give_up_what_it_does_not_have() {
    let (controller, nodes) = three().await;
    produce(&nodes[0], "t").await;
    all_have(&nodes, "t", 1).await;
    let change = PartitionChangeRecord {
        isr: Some(vec![3]),
        leader: Some(3),
        ..PartitionChangeRecord::default()
    };
    controller.change(TOPIC, change);
    until("all in sync again", || controller.isr("t") == [1, 2, 3]).await;
    produce(&nodes[2], "t").await;
    all_have(&nodes, "t", 2).await;
    for node in &nodes[..2] {
        assert_eq!(content(node, "t"), content(&nodes[2], "t"));
    }
}

#[tokio::test]
async fn a_replica_that_is_taken_away_is_deleted_and_one_that_is_added_is_made() {
    let (controller, nodes) = three().await;
    produce(&nodes[0], "t").await;
    controller.change(
        TOPIC,
        PartitionChangeRecord {
            replicas: Some(vec![1, 2]),
            directories: Some(vec![Uuid::nil(); 2]),
            isr: Some(vec![1, 2]),
            ..PartitionChangeRecord::default()
        },
    );
    let gone = nodes[2].replicas.partitions().by_name("t", 0).err();
    assert_eq!(gone, Some(ErrorCode::NotLeaderOrFollower));
    produce(&nodes[0], "t").await;
    controller.change(
        TOPIC,
        PartitionChangeRecord {
            replicas: Some(vec![1, 2, 3]),
            directories: Some(vec![Uuid::nil(); 3]),
            ..PartitionChangeRecord::default()
        },
    );
    until("it is in sync", || controller.isr("t") == [1, 2, 3]).await;
    all_have(&nodes, "t", 2).await;
}

async fn fetch(node: &Node, epoch: i32) -> FetchResponse {
    let client = NodeClient::new(Network::System, &node.address, "test", &Handle::current());
    let partition = FetchPartition::default()
        .with_current_leader_epoch(epoch)
        .with_fetch_offset(0)
        .with_log_start_offset(-1)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic_id(Uuid::from_u128(TOPIC))
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_session_epoch(-1)
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic]);
    let answered = client.call(17, &request, Duration::from_secs(30)).await;
    answered.unwrap()
}

#[tokio::test]
async fn consumers_read_from_followers_and_learn_who_leads() {
    let (controller, nodes) = three().await;
    produce(&nodes[0], "t").await;
    all_have(&nodes, "t", 1).await;
    let response = fetch(&nodes[1], 0).await;
    let found = &response.responses[0].partitions[0];
    assert_eq!((found.error_code, found.high_watermark), (0, 1));
    let records = found.records.as_ref().map(|records| records.to_vec());
    assert_eq!(records, Some(content(&nodes[0], "t")));
    // Who knows of an earlier leader only is told of the new one.
    let change = PartitionChangeRecord {
        leader: Some(2),
        ..PartitionChangeRecord::default()
    };
    controller.change(TOPIC, change);
    let response = fetch(&nodes[0], 0).await;
    let found = &response.responses[0].partitions[0];
    assert_eq!(found.error_code, ErrorCode::FencedLeaderEpoch.code());
    assert_eq!(
        (
            found.current_leader.leader_id.0,
            found.current_leader.leader_epoch
        ),
        (2, 1)
    );
    let endpoint = &response.node_endpoints[0];
    assert_eq!(format!("{}:{}", &*endpoint.host, endpoint.port), nodes[1].address);
}

#[tokio::test]
async fn metadata_does_not_name_a_leader_that_has_just_died() {
    let (controller, [first, second, _third]) = three().await;
    drop(first);
    until("the loss is seen", || second.replicas.lost_leaders().any()).await;
    let client = NodeClient::new(Network::System, &second.address, "c", &Handle::current());
    let asked = tokio::spawn(async move {
        let topic = MetadataRequestTopic::default().with_name(Some(TopicName("t".into())));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        client.call(12, &request, Duration::from_secs(30)).await.unwrap()
    });
    tokio::pin!(asked);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut asked).await;
    assert!(early.is_err(), "it waits for who leads next");
    controller.change(
        TOPIC,
        PartitionChangeRecord {
            leader: Some(2),
            isr: Some(vec![2, 3]),
            ..PartitionChangeRecord::default()
        },
    );
    let response: MetadataResponse = asked.await.unwrap();
    assert_eq!(response.topics[0].partitions[0].leader_id.0, 2);
}
