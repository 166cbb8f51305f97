//! Freeing disk space while a node runs: retention, DeleteRecords, deleted topics.

use std::path::Path;
use std::time::{Duration, Instant};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use barnabas_protocol::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FetchRequest, ListOffsetsRequest,
    ProduceRequest, StrBytes, TopicName,
};
use tempfile::TempDir;

use crate::connections::{FETCH, LIST_OFFSETS, PRODUCE, fetch, list_offsets, produce};
use crate::node::{Client, Node};

pub const EARLIEST: i64 = -2;

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn create(client: &mut Client, name: &str, configs: &[(&str, &str)]) {
    assert_eq!(try_create(client, name, configs), 0);
}

pub fn create_error(client: &mut Client, name: &str) -> i16 {
    try_create(client, name, &[])
}

fn try_create(client: &mut Client, name: &str, configs: &[(&str, &str)]) -> i16 {
    let config = |(name, value): &(&str, &str)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    };
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(1)
        .with_replication_factor(1)
        .with_configs(configs.iter().map(config).collect());
    client.send(
        7,
        &CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000),
    );
    client.receive::<CreateTopicsRequest>(7).1.topics[0].error_code
}

pub fn produce_each(client: &mut Client, topic: &str, values: &[&[u8]]) {
    for value in values {
        client.send(PRODUCE, &produce(topic, -1, &[value]));
        let response = client.receive::<ProduceRequest>(PRODUCE).1;
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }
}

/// Low watermark and error code.
pub fn delete_records(client: &mut Client, topic: &str, partition: i32, offset: i64) -> (i64, i16) {
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(partition)
        .with_offset(offset);
    let topic = DeleteRecordsTopic::default()
        .with_name(TopicName(text(topic)))
        .with_partitions(vec![partition]);
    client.send(
        2,
        &DeleteRecordsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000),
    );
    let response = client.receive::<DeleteRecordsRequest>(2).1;
    let result = &response.topics[0].partitions[0];
    (result.low_watermark, result.error_code)
}

pub fn earliest(client: &mut Client, topic: &str) -> i64 {
    client.send(LIST_OFFSETS, &list_offsets(topic, EARLIEST));
    client.receive::<ListOffsetsRequest>(LIST_OFFSETS).1.topics[0].partitions[0].offset
}

pub fn fetch_error(client: &mut Client, topic: &str, offset: i64) -> i16 {
    client.send(FETCH, &fetch(topic, offset, 0, 0));
    client.receive::<FetchRequest>(FETCH).1.responses[0].partitions[0].error_code
}

pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn old_segments_go_and_their_files_a_moment_later() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("t-0");
    let node = Node::start_in(dir, &[("log.retention.check.interval.ms", "20")]);
    let mut client = node.connect();
    let settings = [
        ("retention.ms", "-1"),
        ("segment.bytes", "1048576"),
        ("file.delete.delay.ms", "600000"),
    ];
    create(&mut client, "t", &settings);
    // Each fills more than half of a segment; their records are of 1970.
    let large = vec![7; 600_000];
    produce_each(&mut client, "t", &[&large, &large, &large]);
    assert_eq!(earliest(&mut client, "t"), 0);
    crate::run_time::set(&mut client, 2, "t", "retention.ms", "1000");
    eventually("all segments go", || earliest(&mut client, "t") == 3);
    let code = ErrorCode::OffsetOutOfRange.code();
    assert_eq!(fetch_error(&mut client, "t", 2), code);
    assert_eq!(fetch_error(&mut client, "t", 3), 0);
    eventually("the files are marked", || {
        names(&folder)
            .iter()
            .filter(|name| name.ends_with(".log.deleted"))
            .count()
            == 3
    });
    produce_each(&mut client, "t", &[b"x"]);
    crate::run_time::set(&mut client, 2, "t", "retention.ms", "-1");
    drop(client);

    // What waits for its removal at a clean stop goes after the next start.
    let node = Node::start_in(node.stop(), &[]);
    eventually("nothing is left over", || {
        !names(&folder).iter().any(|name| name.ends_with(".deleted"))
    });
    let mut client = node.connect();
    // The last record may have gone with the others before the setting changed.
    assert!(earliest(&mut client, "t") >= 3);
    assert_eq!(fetch_error(&mut client, "t", 2), code);
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let node = Node::start();
    let mut client = node.connect();
    create(&mut client, "t", &[]);
    create(&mut client, "compacted", &[("cleanup.policy", "compact")]);
    create(&mut client, "both", &[("cleanup.policy", "compact,delete")]);
    produce_each(&mut client, "t", &[b"a", b"b", b"c", b"d"]);
    let out_of_range = (-1, ErrorCode::OffsetOutOfRange.code());
    let cases = [
        ("t", 0, 2, (2, 0)),
        ("t", 0, 1, (2, 0)),
        ("t", 0, 5, out_of_range),
        ("t", 0, -2, out_of_range),
        ("t", 0, -1, (4, 0)),
        ("t", 1, 0, (-1, ErrorCode::UnknownTopicOrPartition.code())),
        ("nope", 0, 0, (-1, ErrorCode::UnknownTopicOrPartition.code())),
        (
            "__consumer_offsets",
            0,
            0,
            (-1, ErrorCode::UnknownTopicOrPartition.code()),
        ),
        ("compacted", 0, 0, (-1, ErrorCode::PolicyViolation.code())),
        ("both", 0, -1, (0, 0)),
    ];
    for (topic, partition, offset, expected) in cases {
        let answer = delete_records(&mut client, topic, partition, offset);
        assert_eq!(answer, expected, "{topic}-{partition} up to {offset}");
    }
    assert_eq!(earliest(&mut client, "t"), 4);
    produce_each(&mut client, "t", &[b"e"]);
    assert_eq!(delete_records(&mut client, "t", 0, 5), (5, 0));
    drop(client);
    let node = Node::start_in(node.stop(), &[]);
    assert_eq!(earliest(&mut node.connect(), "t"), 5);
}

#[test]
fn deleted_records_stay_deleted_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let copy = TempDir::new().unwrap();
    let data = dir.path().to_owned();
    let node = Node::start_in(dir, &[]);
    let mut client = node.connect();
    create(&mut client, "t", &[]);
    produce_each(&mut client, "t", &[b"a", b"b", b"c"]);
    assert_eq!(delete_records(&mut client, "t", 0, 2), (2, 0));
    // What a crash at this moment would leave.
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(data.join("."))
        .arg(copy.path())
        .status();
    assert!(copied.unwrap().success());
    drop((client, node));
    let node = Node::start_in(copy, &[]);
    let mut client = node.connect();
    assert_eq!(earliest(&mut client, "t"), 2);
    assert_eq!(
        fetch_error(&mut client, "t", 1),
        ErrorCode::OffsetOutOfRange.code()
    );
}

#[test]
fn a_deleted_topic_frees_its_space_after_the_delay() {
    for (delay_ms, kept) in [("0", false), ("600000", true)] {
        let dir = TempDir::new().unwrap();
        let path = dir.path().to_owned();
        let node = Node::start_in(dir, &[("log.segment.delete.delay.ms", delay_ms)]);
        let mut client = node.connect();
        create(&mut client, "t", &[]);
        produce_each(&mut client, "t", &[b"a"]);
        let delete = DeleteTopicsRequest::default()
            .with_topic_names(vec![TopicName(text("t"))])
            .with_timeout_ms(10_000);
        client.send(4, &delete);
        assert_eq!(
            client.receive::<DeleteTopicsRequest>(4).1.responses[0].error_code,
            0
        );
        assert!(!path.join("t-0").exists());
        let renamed = || {
            names(&path)
                .iter()
                .any(|name| name.starts_with("t-0.") && name.ends_with("-delete"))
        };
        if kept {
            assert!(renamed());
        } else {
            eventually("the folder goes", || !renamed());
        }
        drop(client);
        let node = Node::start_in(node.stop(), &[]);
        eventually("a start removes what is left over", || !renamed());
        drop(node);
    }
}
