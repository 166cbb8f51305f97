//! Connections: framing, order, parking, and what becomes of clients that break the rules.

use std::io::Write;
use std::net::Shutdown;

use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::{
    ApiVersionsRequest, FetchRequest, FindCoordinatorRequest, JoinGroupRequest, ListOffsetsRequest,
    ProduceRequest, StrBytes, TopicName,
};

use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};

use crate::node::{Client, Node, batch};

/// Versions without topic ids.
pub const PRODUCE: i16 = 9;
pub const FETCH: i16 = 12;
pub const LIST_OFFSETS: i16 = 7;
const API_VERSIONS: i16 = 2;
/// A version that gives a member its id at once.
const JOIN_GROUP: i16 = 3;

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

pub fn produce(topic: &str, acks: i16, values: &[&[u8]]) -> ProduceRequest {
    let partition = PartitionProduceData::default()
        .with_index(0)
        .with_records(Some(batch(values)));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![partition]);
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic])
}

pub fn fetch(topic: &str, offset: i64, min_bytes: i32, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_min_bytes(min_bytes)
        .with_max_wait_ms(max_wait_ms)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

pub fn list_offsets(topic: &str, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default()
        .with_partition_index(0)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic])
}

fn end_offset(client: &mut Client, topic: &str) -> i64 {
    client.send(LIST_OFFSETS, &list_offsets(topic, -1));
    client.receive::<ListOffsetsRequest>(LIST_OFFSETS).1.topics[0].partitions[0].offset
}

#[test]
fn pipelined_requests_are_answered_in_order_however_they_arrive() {
    let node = Node::start();
    let mut client = node.connect();
    let mut bytes = Vec::new();
    let mut sent = Vec::new();
    for _ in 0..20 {
        let (frame, correlation_id) = client.frame(API_VERSIONS, &ApiVersionsRequest::default());
        bytes.extend_from_slice(&frame);
        sent.push(correlation_id);
    }
    // Cut at odd places: some writes hold parts of a frame, some hold several.
    for chunk in bytes.chunks(17) {
        client.stream.write_all(chunk).unwrap();
    }
    let received: Vec<i32> = sent
        .iter()
        .map(|_| client.receive::<ApiVersionsRequest>(API_VERSIONS).0)
        .collect();
    assert_eq!(received, sent);
}

#[test]
fn more_requests_at_once_than_may_be_outstanding_are_all_answered() {
    let node = Node::start();
    let mut client = node.connect();
    let (frame, _) = client.frame(API_VERSIONS, &ApiVersionsRequest::default());
    let count = 600;
    client.stream.write_all(&frame.repeat(count)).unwrap();
    for number in 0..count {
        assert!(client.receive_frame().is_some(), "{number} of {count}");
    }
}

#[test]
fn what_was_produced_is_fetched_byte_for_byte_but_for_offset_and_epoch() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    for first in [0, 2] {
        client.send(PRODUCE, &produce("t", -1, &[b"one", b"two"]));
        let (_, response) = client.receive::<ProduceRequest>(PRODUCE);
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!((answer.error_code, answer.base_offset), (0, first));
    }
    client.send(FETCH, &fetch("t", 0, 1, 0));
    let (_, response) = client.receive::<FetchRequest>(FETCH);
    let fetched = &response.responses[0].partitions[0];
    assert_eq!((fetched.error_code, fetched.high_watermark), (0, 4));
    let records = fetched.records.as_ref().unwrap();
    let sent = batch(&[b"one", b"two"]);
    assert_eq!(records.len(), 2 * sent.len());
    assert_eq!(records[..8], 0_i64.to_be_bytes());
    assert_eq!(records[sent.len()..][..8], 2_i64.to_be_bytes());
    assert_eq!(records[16..sent.len()], sent[16..]);
}

#[test]
fn a_parked_fetch_is_woken_by_a_produce_and_does_not_hold_up_its_connection() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut consumer = node.connect();
    let parked = consumer.send(FETCH, &fetch("t", 0, 1, 600_000));
    // The produce comes behind the fetch on the same connection: it must start although the fetch is not answered.
    let produced = consumer.send(PRODUCE, &produce("t", 1, &[b"value"]));
    let (first, response) = consumer.receive::<FetchRequest>(FETCH);
    assert_eq!(first, parked);
    assert!(
        response.responses[0].partitions[0]
            .records
            .as_ref()
            .unwrap()
            .len()
            > 61
    );
    assert_eq!(consumer.receive::<ProduceRequest>(PRODUCE).0, produced);
}

#[test]
fn a_fetch_without_enough_bytes_is_answered_at_its_deadline() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    client.send(FETCH, &fetch("t", 0, 1 << 20, 50));
    let (_, response) = client.receive::<FetchRequest>(FETCH);
    assert_eq!(response.responses[0].partitions[0].error_code, 0);
}

#[test]
fn acks_0_is_not_answered_and_takes_effect() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    client.send(PRODUCE, &produce("t", 0, &[b"value"]));
    assert_eq!(
        end_offset(&mut client, "t"),
        1,
        "the next answer is that of the next request"
    );
}

#[test]
fn a_failed_produce_with_acks_0_closes_the_connection() {
    let node = Node::start();
    let mut client = node.connect();
    client.send(PRODUCE, &produce("unknown", 0, &[b"value"]));
    assert!(client.receive_frame().is_none());
}

#[test]
fn bad_frames_close_the_connection_and_nothing_else() {
    let node = Node::start();
    let bad: [&[u8]; 6] = [
        &[0xff, 0xff, 0xff, 0xff],                             // negative size
        &[0x7f, 0xff, 0xff, 0xff],                             // larger than socket.request.max.bytes
        &[0, 0, 0, 2, 0, 3],                                   // no whole header
        &[0, 0, 0, 10, 3, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff], // unknown API key
        &[0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff],   // version out of range
        &[
            0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff,
        ], // a count that lies
    ];
    let mut witness = node.connect();
    for bytes in bad {
        let mut client = node.connect();
        client.stream.write_all(bytes).unwrap();
        assert!(client.receive_frame().is_none(), "{bytes:?}");
    }
    let sent = witness.send(API_VERSIONS, &ApiVersionsRequest::default());
    assert_eq!(witness.receive::<ApiVersionsRequest>(API_VERSIONS).0, sent);
}

#[test]
fn a_client_that_closes_its_side_still_gets_its_answers() {
    let node = Node::start();
    let mut client = node.connect();
    let sent = client.send(API_VERSIONS, &ApiVersionsRequest::default());
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.receive::<ApiVersionsRequest>(API_VERSIONS).0, sent);
    assert!(client.receive_frame().is_none());
}

#[test]
fn a_stop_answers_parked_fetches_and_keeps_the_records() {
    let node = Node::start();
    node.create_topic("t", 1);
    node.create_topic("empty", 1);
    let mut client = node.connect();
    let parked = client.send(FETCH, &fetch("empty", 0, 1, 600_000));
    let produced = client.send(PRODUCE, &produce("t", -1, &[b"value"]));
    // The record shows that the connection has read what was sent before it.
    let mut other = node.connect();
    while end_offset(&mut other, "t") < 1 {}
    let dir = node.stop();
    assert_eq!(client.receive::<FetchRequest>(FETCH).0, parked);
    assert_eq!(client.receive::<ProduceRequest>(PRODUCE).0, produced);
    assert!(client.receive_frame().is_none());

    let node = Node::start_in(dir, &[]);
    assert_eq!(end_offset(&mut node.connect(), "t"), 1);
}

#[test]
fn the_cluster_keeps_its_id_over_a_restart() {
    let node = Node::start();
    let before = node.broker.image().cluster_id.clone();
    let node = Node::start_in(node.stop(), &[]);
    assert_eq!(node.broker.image().cluster_id, before);
    assert_eq!(before.len(), 22);
}

#[test]
fn an_address_gets_no_more_connections_than_configured() {
    let node = Node::start_in(
        tempfile::TempDir::new().unwrap(),
        &[("max.connections.per.ip", "1")],
    );
    let mut first = node.connect();
    let sent = first.send(API_VERSIONS, &ApiVersionsRequest::default());
    assert_eq!(first.receive::<ApiVersionsRequest>(API_VERSIONS).0, sent);
    assert!(node.connect().receive_frame().is_none());
}

#[test]
fn an_address_may_have_a_limit_of_its_own() {
    let node = Node::start_in(
        tempfile::TempDir::new().unwrap(),
        &[
            ("max.connections.per.ip", "1"),
            ("max.connections.per.ip.overrides", "127.0.0.1:2"),
        ],
    );
    let mut clients = [node.connect(), node.connect()];
    for client in &mut clients {
        let sent = client.send(API_VERSIONS, &ApiVersionsRequest::default());
        assert_eq!(client.receive::<ApiVersionsRequest>(API_VERSIONS).0, sent);
    }
    assert!(node.connect().receive_frame().is_none());
}

/// The error codes of a Produce with one partition for each of `topics`, all with the same records.
fn produce_errors(
    client: &mut Client,
    topics: &[&str],
    acks: i16,
    id: Option<&str>,
    records: &[u8],
) -> Vec<i16> {
    let topic_data = topics.iter().map(|topic| {
        let partition = PartitionProduceData::default()
            .with_index(0)
            .with_records(Some(records.to_vec().into()));
        TopicProduceData::default()
            .with_name(topic_name(topic))
            .with_partition_data(vec![partition])
    });
    let request = ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(10_000)
        .with_transactional_id(id.map(|id| StrBytes::from_string(id.to_owned()).into()))
        .with_topic_data(topic_data.collect());
    client.send(PRODUCE, &request);
    let (_, response) = client.receive::<ProduceRequest>(PRODUCE);
    let answers = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    answers.map(|answer| answer.error_code).collect()
}

#[test]
fn what_is_wrong_with_a_produce_is_told_in_kafkas_order() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    let mut builder = BatchBuilder::new(Compression::None)
        .producer(5, 0, 0)
        .transactional();
    builder.append(&RecordFields::default());
    let transactional = builder.build().unwrap();
    let sound = batch(&[b"value"]);
    let two = [&sound[..], &sound].concat();
    const CORRUPT: i16 = 2;
    const UNKNOWN_TOPIC: i16 = 3;
    const NOT_ENOUGH_REPLICAS: i16 = 19;
    const INVALID_ACKS: i16 = 21;
    const TRANSACTIONAL_ID: i16 = 53;
    const INVALID_RECORD: i16 = 87;
    /// What is wrong, the acks, the transactional id, the records, and the codes of the two partitions.
    type Case<'a> = (&'a str, i16, Option<&'a str>, &'a [u8], [i16; 2]);
    let cases: &[Case<'_>] = &[
        ("sound", -1, None, &sound, [0, UNKNOWN_TOPIC]),
        ("a frame that cannot be", 2, None, &[0; 61], [CORRUPT, CORRUPT]),
        ("acks", 2, None, &sound, [INVALID_ACKS, UNKNOWN_TOPIC]),
        ("two batches", 2, None, &two, [INVALID_RECORD, UNKNOWN_TOPIC]),
        (
            "no transactional id",
            2,
            None,
            &transactional,
            [TRANSACTIONAL_ID, TRANSACTIONAL_ID],
        ),
        (
            "a transaction",
            -1,
            Some("id"),
            &transactional,
            [NOT_ENOUGH_REPLICAS, UNKNOWN_TOPIC],
        ),
    ];
    for (name, acks, id, records, expected) in cases {
        assert_eq!(
            produce_errors(&mut client, &["t", "unknown"], *acks, *id, records),
            expected,
            "{name}"
        );
    }
    assert_eq!(end_offset(&mut client, "t"), 1);
}

#[test]
fn requests_behind_one_that_lets_no_other_start_wait_for_it() {
    let delayed = [("group.initial.rebalance.delay.ms", "300")];
    let node = Node::start_in(tempfile::TempDir::new().unwrap(), &delayed);
    let mut client = node.connect();
    client.send(
        0,
        &FindCoordinatorRequest::default().with_key(StrBytes::from_static_str("g")),
    );
    client.receive::<FindCoordinatorRequest>(0);
    let protocol = JoinGroupRequestProtocol::default().with_name(StrBytes::from_static_str("range"));
    let join = JoinGroupRequest::default()
        .with_group_id(StrBytes::from_static_str("g").into())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol]);
    let joined = client.send(JOIN_GROUP, &join);
    // Each in a packet of its own, while the join waits for more members.
    let behind: Vec<i32> = (0..50)
        .map(|_| client.send(API_VERSIONS, &ApiVersionsRequest::default()))
        .collect();
    let (first, response) = client.receive::<JoinGroupRequest>(JOIN_GROUP);
    assert_eq!((first, response.error_code), (joined, 0));
    let received: Vec<i32> = behind
        .iter()
        .map(|_| client.receive::<ApiVersionsRequest>(API_VERSIONS).0)
        .collect();
    assert_eq!(received, behind);
}

#[test]
fn an_idle_connection_is_closed_and_one_that_waits_for_its_answer_is_not() {
    let idle = [("connections.max.idle.ms", "200")];
    let node = Node::start_in(tempfile::TempDir::new().unwrap(), &idle);
    node.create_topic("t", 1);
    let mut waiting = node.connect();
    let parked = waiting.send(FETCH, &fetch("t", 0, 1, 1_000));
    let mut silent = node.connect();
    assert!(silent.receive_frame().is_none());
    assert_eq!(waiting.receive::<FetchRequest>(FETCH).0, parked);
}

#[test]
fn a_stop_does_not_wait_for_a_client_that_reads_nothing() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    client.send(PRODUCE, &produce("t", 1, &[&[7; 900_000]]));
    client.receive::<ProduceRequest>(PRODUCE);
    // Far more than the sockets' buffers hold.
    for _ in 0..100 {
        client.send(FETCH, &fetch("t", 0, 1, 0));
    }
    let began = std::time::Instant::now();
    node.stop();
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
}
