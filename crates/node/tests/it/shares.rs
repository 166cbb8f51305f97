//! Share groups on a node: sessions, records acquired and settled, locks that end, and what a restart keeps.

mod first_answer;

use std::time::{Duration, Instant};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_share_group_offsets_request::AlterShareGroupOffsetsRequestTopic;
use barnabas_protocol::messages::initialize_share_group_state_request::{InitializeStateData, PartitionData};
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::read_share_group_state_request::{self, ReadStateData};
use barnabas_protocol::messages::share_acknowledge_request::{
    AcknowledgePartition, AcknowledgeTopic, AcknowledgementBatch as Acknowledged,
};
use barnabas_protocol::messages::share_fetch_request::{
    AcknowledgementBatch, FetchPartition, FetchTopic, ForgottenTopic,
};
use barnabas_protocol::messages::{
    AlterShareGroupOffsetsRequest, DeleteGroupsRequest, GroupId, InitializeShareGroupStateRequest,
    ProduceRequest, ReadShareGroupStateRequest, Request, ShareAcknowledgeRequest, ShareFetchRequest,
    ShareFetchResponse, StrBytes, TopicName,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::node::{Client, Node, batch};

/// kafka-protocol reads this one; 2 is answered the same.
const FETCH: i16 = 1;
const ACKNOWLEDGE: i16 = 2;
const TOPIC: &str = "tasks";
const GROUP: &str = "workers";

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn call<R: Request>(client: &mut Client, version: i16, request: &R) -> R::Response {
    client.send(version, request);
    client.receive::<R>(version).1
}

/// A member with its connection, and the epoch of its next request.
struct Member {
    client: Client,
    id: &'static str,
    topic_id: Uuid,
    epoch: i32,
    max_wait_ms: i32,
}

/// Acquired records as text, and the error.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    error: i16,
    acknowledge_error: i16,
    acquired: String,
    record_bytes: usize,
}

impl Member {
    fn join(node: &Node, id: &'static str) -> Member {
        Member {
            client: node.connect(),
            id,
            topic_id: topic_id(node),
            epoch: 0,
            max_wait_ms: 0,
        }
    }

    fn request(&mut self, acknowledged: &[(i64, i64, i8)]) -> ShareFetchRequest {
        let batches = acknowledged.iter().map(|(first, last, kind)| {
            AcknowledgementBatch::default()
                .with_first_offset(*first)
                .with_last_offset(*last)
                .with_acknowledge_types(vec![*kind])
        });
        let is_asked = self.epoch == 0 || !acknowledged.is_empty();
        let partition = FetchPartition::default().with_acknowledgement_batches(batches.collect());
        let topic = FetchTopic::default()
            .with_topic_id(self.topic_id)
            .with_partitions(vec![partition]);
        let request = ShareFetchRequest::default()
            .with_group_id(Some(GroupId(text(GROUP))))
            .with_member_id(Some(text(self.id)))
            .with_share_session_epoch(self.epoch)
            .with_max_wait_ms(self.max_wait_ms)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_max_records(500)
            .with_batch_size(500)
            .with_topics(if is_asked { vec![topic] } else { Vec::new() });
        self.epoch += 1;
        request
    }

    fn fetch(&mut self, acknowledged: &[(i64, i64, i8)]) -> Told {
        let request = self.request(acknowledged);
        told(&call(&mut self.client, FETCH, &request))
    }

    /// Fetches until there is something: at first the state of the share partition is read.
    fn fetch_some(&mut self) -> Told {
        self.max_wait_ms = 5_000;
        let told = self.fetch(&[]);
        self.max_wait_ms = 0;
        told
    }

    fn acknowledge(&mut self, first: i64, last: i64, types: &[i8]) -> i16 {
        let batch = Acknowledged::default()
            .with_first_offset(first)
            .with_last_offset(last)
            .with_acknowledge_types(types.to_vec());
        let partition = AcknowledgePartition::default().with_acknowledgement_batches(vec![batch]);
        let topic = AcknowledgeTopic::default()
            .with_topic_id(self.topic_id)
            .with_partitions(vec![partition]);
        let request = ShareAcknowledgeRequest::default()
            .with_group_id(Some(GroupId(text(GROUP))))
            .with_member_id(Some(text(self.id)))
            .with_share_session_epoch(self.epoch)
            .with_is_renew_ack(types.contains(&4))
            .with_topics(vec![topic]);
        self.epoch += 1;
        let response = call(&mut self.client, ACKNOWLEDGE, &request);
        match response.responses.first() {
            Some(topic) => topic.partitions[0].error_code,
            None => response.error_code,
        }
    }
}

fn told(response: &ShareFetchResponse) -> Told {
    let partition = response.responses.first().map(|topic| &topic.partitions[0]);
    let acquired = partition.iter().flat_map(|partition| &partition.acquired_records);
    let acquired = acquired.map(|records| {
        let (first, last) = (records.first_offset, records.last_offset);
        format!("{first}-{last}x{}", records.delivery_count)
    });
    Told {
        error: partition.map_or(response.error_code, |partition| partition.error_code),
        acknowledge_error: partition.map_or(0, |partition| partition.acknowledge_error_code),
        acquired: acquired.collect::<Vec<_>>().join(" "),
        record_bytes: partition
            .and_then(|partition| partition.records.as_ref())
            .map_or(0, |records| records.len()),
    }
}

fn topic_id(node: &Node) -> Uuid {
    let image = node.broker.image();
    image.topics.by_name(TOPIC).expect("the topic is there").id
}

/// A node with a topic, and a share group that begins with its first record.
fn node(settings: &[(&str, &str)]) -> Node {
    let node = Node::start_in(TempDir::new().unwrap(), settings);
    node.create_topic(TOPIC, 1);
    let partition = PartitionData::default().with_state_epoch(1).with_start_offset(0);
    let topic = InitializeStateData::default()
        .with_topic_id(topic_id(&node))
        .with_partitions(vec![partition]);
    let request = InitializeShareGroupStateRequest::default()
        .with_group_id(text(GROUP))
        .with_topics(vec![topic]);
    // The topic with the states is made when somebody looks for its coordinator; here the persister does.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut client = node.connect();
        ensure_states(&mut client);
        let response = call(&mut client, 0, &request);
        match response.results[0].partitions[0].error_code {
            0 => return node,
            error => assert!(Instant::now() < deadline, "the state is not initialized: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Has the topic of the states made.
fn ensure_states(client: &mut Client) {
    ensure_coordinator(client, 2, &format!("{GROUP}:AAAAAAAAAAAAAAAAAAAAAA:0"));
}

fn ensure_coordinator(client: &mut Client, key_type: i8, key: &str) {
    use barnabas_protocol::messages::FindCoordinatorRequest;
    let request = FindCoordinatorRequest::default()
        .with_key_type(key_type)
        .with_coordinator_keys(vec![text(key)]);
    call(client, 6, &request);
}

/// Produces records of 100 bytes, so many in a batch.
fn produce(node: &Node, batches: &[usize]) {
    for count in batches {
        let values: Vec<&[u8]> = vec![&[7; 100]; *count];
        let partition = PartitionProduceData::default().with_records(Some(batch(&values)));
        let topic = TopicProduceData::default()
            .with_name(TopicName(text(TOPIC)))
            .with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(5_000)
            .with_topic_data(vec![topic]);
        let response = call(&mut node.connect(), 9, &request);
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }
}

#[test]
fn records_are_acquired_settled_and_given_back() {
    let node = node(&[]);
    produce(&node, &[5, 5]);
    let (mut a, mut b) = (Member::join(&node, "a"), Member::join(&node, "b"));
    let first = a.fetch_some();
    assert_eq!((first.error, &*first.acquired), (0, "0-9x1"));
    assert!(first.record_bytes > 1000);
    assert_eq!(b.fetch(&[]).acquired, "");
    // Two of them back, one not worth it; the rest on the way to the next.
    assert_eq!(a.acknowledge(0, 3, &[1, 2, 2, 3]), 0);
    assert_eq!(b.fetch_some().acquired, "1-2x2");
    let next = a.fetch(&[(4, 9, 1)]);
    assert_eq!((next.acknowledge_error, next.record_bytes), (0, 0));
    assert_eq!(a.acknowledge(1, 2, &[1]), ErrorCode::InvalidRecordState.code());
    assert_eq!(b.acknowledge(1, 2, &[1]), 0);
    produce(&node, &[1]);
    assert_eq!(b.fetch_some().acquired, "10-10x1");
}

#[test]
fn a_parked_fetch_hears_of_records_and_of_what_comes_back() {
    let node = node(&[]);
    let (mut a, mut b) = (Member::join(&node, "a"), Member::join(&node, "b"));
    a.max_wait_ms = 60_000;
    let request = a.request(&[]);
    a.client.send(FETCH, &request);
    produce(&node, &[3]);
    let response = a.client.receive::<ShareFetchRequest>(FETCH).1;
    assert_eq!(told(&response).acquired, "0-2x1");
    b.max_wait_ms = 60_000;
    let request = b.request(&[]);
    b.client.send(FETCH, &request);
    assert_eq!(a.acknowledge(0, 1, &[2]), 0);
    let response = b.client.receive::<ShareFetchRequest>(FETCH).1;
    assert_eq!(told(&response).acquired, "0-1x2");
    // A connection that ends gives back what its member holds.
    let request = b.request(&[]);
    b.client.send(FETCH, &request);
    drop(a);
    let response = b.client.receive::<ShareFetchRequest>(FETCH).1;
    assert_eq!(told(&response).acquired, "2-2x2");
}

#[test]
fn locks_end_and_are_renewed() {
    let lock = [
        ("group.share.min.record.lock.duration.ms", "1000"),
        ("group.share.record.lock.duration.ms", "1000"),
    ];
    let node = node(&lock);
    produce(&node, &[2]);
    let (mut a, mut b) = (Member::join(&node, "a"), Member::join(&node, "b"));
    assert_eq!(a.fetch_some().acquired, "0-1x1");
    let began = Instant::now();
    let mut got = b.fetch_some();
    assert_eq!(got.acquired, "0-1x2");
    assert!(
        began.elapsed() > Duration::from_millis(500),
        "the lock held for a while"
    );
    assert_eq!(a.acknowledge(0, 1, &[1]), ErrorCode::InvalidRecordState.code());
    // One of the two is renewed until the other has gone.
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        assert_eq!(b.acknowledge(0, 0, &[4]), 0);
        a.max_wait_ms = 100;
        got = a.fetch(&[]);
        if !got.acquired.is_empty() {
            break;
        }
    }
    assert_eq!(got.acquired, "1-1x3");
    assert_eq!(b.acknowledge(0, 0, &[1]), 0);
}

#[test]
fn what_was_answered_is_kept_over_a_restart() {
    let node = node(&[]);
    produce(&node, &[4]);
    let mut a = Member::join(&node, "a");
    assert_eq!(a.fetch_some().acquired, "0-3x1");
    assert_eq!(a.acknowledge(0, 3, &[1, 2, 1, 2]), 0);
    let node = Node::start_in(node.stop(), &[]);
    let mut a = Member::join(&node, "a");
    assert_eq!(a.fetch_some().acquired, "1-1x2 3-3x2");
    assert_eq!(a.acknowledge(1, 1, &[1]), 0);
    assert_eq!(a.acknowledge(3, 3, &[1]), 0);
    produce(&node, &[1]);
    assert_eq!(a.fetch_some().acquired, "4-4x1");
}

#[test]
fn requests_are_refused_as_by_apache_kafka() {
    let node = node(&[("group.share.max.share.sessions", "1")]);
    produce(&node, &[2]);
    let mut a = Member::join(&node, "a");
    a.epoch = 4;
    assert_eq!(a.fetch(&[]).error, ErrorCode::ShareSessionNotFound.code());
    a.epoch = 0;
    assert_eq!(
        a.acknowledge(0, 0, &[1]),
        ErrorCode::InvalidShareSessionEpoch.code()
    );
    a.epoch = 0;
    assert_eq!(a.fetch(&[(0, 0, 1)]).error, ErrorCode::InvalidRequest.code());
    a.epoch = 0;
    assert_eq!(a.fetch_some().acquired, "0-1x1");
    a.epoch = 7;
    assert_eq!(a.fetch(&[]).error, ErrorCode::InvalidShareSessionEpoch.code());
    let mut b = Member::join(&node, "b");
    assert_eq!(b.fetch(&[]).error, ErrorCode::ShareSessionLimitReached.code());
    a.epoch = 1;
    let wrong: [(i64, i64, &[i8]); 6] = [
        (1, 0, &[1]),
        (0, 1, &[]),
        (0, 1, &[1, 1, 1]),
        (0, 1, &[5]),
        (0, 1, &[-1]),
        (0, i64::MAX, &[1]),
    ];
    for (first, last, types) in wrong {
        assert_eq!(
            a.acknowledge(first, last, types),
            ErrorCode::InvalidRequest.code(),
            "{first}-{last} {types:?}"
        );
    }
    a.topic_id = Uuid::from_u128(5);
    assert_eq!(a.acknowledge(0, 0, &[1]), ErrorCode::UnknownTopicId.code());
    a.topic_id = topic_id(&node);
    // Nothing is fetched any more of what is forgotten.
    let forgotten = ForgottenTopic::default()
        .with_topic_id(a.topic_id)
        .with_partitions(vec![0]);
    assert_eq!(a.acknowledge(0, 1, &[2]), 0);
    let request = a.request(&[]).with_forgotten_topics_data(vec![forgotten]);
    assert_eq!(told(&call(&mut a.client, FETCH, &request)).acquired, "");
    a.epoch = -1;
    assert_eq!(a.fetch(&[]).error, 0);
    assert_eq!(b.fetch(&[]).error, ErrorCode::ShareSessionNotFound.code());
    b.epoch = 0;
    assert_eq!(b.fetch_some().acquired, "0-1x2");
}

#[test]
fn a_topic_without_partitions_is_what_it_is_to_apache_kafka() {
    let node = node(&[]);
    let mut client = node.connect();
    ensure_states(&mut client);
    ensure_coordinator(&mut client, 0, "new");
    // It makes no group, and is not told of where it can't be altered.
    let alter = |topic: &str| {
        let topic = AlterShareGroupOffsetsRequestTopic::default().with_topic_name(TopicName(text(topic)));
        AlterShareGroupOffsetsRequest::default()
            .with_group_id(GroupId(text("new")))
            .with_topics(vec![topic])
    };
    let altered = call(&mut client, 0, &alter("absent"));
    assert_eq!((altered.error_code, altered.responses.len()), (0, 0));
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text("new"))]);
    let deleted = call(&mut client, 2, &delete);
    assert_eq!(deleted.results[0].error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(call(&mut client, 0, &alter(TOPIC)).responses.len(), 1);

    // Among others, it is passed over where states are initialized; all else is then not answered.
    let topic = topic_id(&node);
    let partition = PartitionData::default().with_start_offset(3);
    let bare = InitializeStateData::default().with_topic_id(Uuid::from_u128(1));
    let named = InitializeStateData::default()
        .with_topic_id(topic)
        .with_partitions(vec![partition]);
    let request = InitializeShareGroupStateRequest::default()
        .with_group_id(text("new"))
        .with_topics(vec![bare, named]);
    let initialized = call(&mut client, 0, &request);
    assert_eq!(initialized.results.len(), 1);
    assert_eq!(initialized.results[0].partitions[0].error_code, 0);
    let bare = ReadStateData::default().with_topic_id(Uuid::from_u128(1));
    let named = ReadStateData::default()
        .with_topic_id(topic)
        .with_partitions(vec![read_share_group_state_request::PartitionData::default()]);
    let request = ReadShareGroupStateRequest::default()
        .with_group_id(text("new"))
        .with_topics(vec![bare, named]);
    assert!(call(&mut client, 0, &request).results.is_empty());
}
