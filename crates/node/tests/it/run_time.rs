//! What changes while a node runs: settings altered by a client, files written in the background.

use std::time::{Duration, Instant};

use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use barnabas_protocol::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, ProduceRequest, StrBytes,
};
use tempfile::TempDir;

use crate::connections::{PRODUCE, produce};
use crate::node::{Client, Node};

const BROKER: i8 = 4;
const TOPIC: i8 = 2;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn set(client: &mut Client, kind: i8, resource: &str, name: &str, value: &str) {
    let config = AlterableConfig::default()
        .with_name(text(name))
        .with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(resource))
        .with_configs(vec![config]);
    client.send(
        1,
        &IncrementalAlterConfigsRequest::default().with_resources(vec![resource]),
    );
    let (_, response) = client.receive::<IncrementalAlterConfigsRequest>(1);
    assert_eq!(
        (
            response.responses[0].error_code,
            &response.responses[0].error_message
        ),
        (0, &None)
    );
}

/// A setting's value and source.
fn described(client: &mut Client, kind: i8, resource: &str, name: &str) -> (String, i8) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(resource))
        .with_configuration_keys(Some(vec![text(name)]));
    client.send(
        4,
        &DescribeConfigsRequest::default().with_resources(vec![resource]),
    );
    let (_, response) = client.receive::<DescribeConfigsRequest>(4);
    let config = &response.results[0].configs[0];
    (config.value.as_ref().unwrap().to_string(), config.config_source)
}

#[test]
fn settings_change_at_run_time_and_stay_over_a_restart() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    assert_eq!(
        described(&mut client, TOPIC, "t", "max.message.bytes"),
        ("1048588".to_owned(), 5)
    );
    set(&mut client, BROKER, "", "message.max.bytes", "2000");
    assert_eq!(
        described(&mut client, TOPIC, "t", "max.message.bytes"),
        ("2000".to_owned(), 3)
    );
    set(&mut client, BROKER, "1", "message.max.bytes", "3000");
    assert_eq!(
        described(&mut client, TOPIC, "t", "max.message.bytes"),
        ("3000".to_owned(), 2)
    );
    assert_eq!(
        described(&mut client, BROKER, "1", "message.max.bytes"),
        ("3000".to_owned(), 2)
    );

    // The setting has its effect: a batch beyond it is refused with MESSAGE_TOO_LARGE.
    let large = produce("t", 1, &[&[7; 3500]]);
    client.send(PRODUCE, &large);
    let error = client.receive::<ProduceRequest>(PRODUCE).1.responses[0].partition_responses[0].error_code;
    assert_eq!(error, 10);
    set(&mut client, TOPIC, "t", "max.message.bytes", "4000");
    client.send(PRODUCE, &large);
    let error = client.receive::<ProduceRequest>(PRODUCE).1.responses[0].partition_responses[0].error_code;
    assert_eq!(error, 0);
    drop(client);

    let node = Node::start_in(node.stop(), &[]);
    let mut client = node.connect();
    assert_eq!(
        described(&mut client, TOPIC, "t", "max.message.bytes"),
        ("4000".to_owned(), 1)
    );
    assert_eq!(
        described(&mut client, BROKER, "1", "message.max.bytes"),
        ("3000".to_owned(), 2)
    );
}

#[test]
fn checkpoints_follow_while_the_node_runs() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("replication-offset-checkpoint");
    let node = Node::start_in(dir, &[("replica.high.watermark.checkpoint.interval.ms", "20")]);
    node.create_topic("t", 1);
    let mut client = node.connect();
    client.send(PRODUCE, &produce("t", -1, &[b"a", b"b"]));
    client.receive::<ProduceRequest>(PRODUCE);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        if written.lines().any(|line| line == "t 0 2") {
            break;
        }
        assert!(Instant::now() < deadline, "the checkpoint is {written:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_flush_messages_asks_for_is_on_disk_before_the_answer() {
    let node = Node::start_in(TempDir::new().unwrap(), &[("log.flush.interval.messages", "1")]);
    node.create_topic("t", 1);
    let partition = node.broker.partitions().by_name("t", 0).unwrap();
    std::thread::scope(|scope| {
        for producer in 0..8 {
            let (node, partition) = (&node, &partition);
            scope.spawn(move || {
                let mut client = node.connect();
                let acks = if producer % 2 == 0 { 1 } else { -1 };
                for _ in 0..10 {
                    client.send(PRODUCE, &produce("t", acks, &[b"a", b"b"]));
                    let (_, answer) = client.receive::<ProduceRequest>(PRODUCE);
                    let answer = &answer.responses[0].partition_responses[0];
                    assert_eq!(answer.error_code, 0);
                    let durable = partition.with_log(|log, _| log.recovery_point()).unwrap();
                    assert!(durable >= answer.base_offset + 2, "{durable} after {answer:?}");
                }
            });
        }
    });
    // Nobody sees what a power cut could take back.
    let (durable, high_watermark) = partition
        .with_log(|log, high_watermark| (log.recovery_point(), high_watermark))
        .unwrap();
    assert_eq!((durable, high_watermark), (160, 160));
}

#[test]
fn every_so_many_records_are_flushed_and_the_others_do_not_wait() {
    let node = Node::start_in(TempDir::new().unwrap(), &[("log.flush.interval.messages", "3")]);
    node.create_topic("t", 1);
    let partition = node.broker.partitions().by_name("t", 0).unwrap();
    let mut client = node.connect();
    let mut durable = Vec::new();
    for _ in 0..7 {
        client.send(PRODUCE, &produce("t", 1, &[b"a"]));
        client.receive::<ProduceRequest>(PRODUCE);
        durable.push(partition.with_log(|log, _| log.recovery_point()).unwrap());
    }
    assert_eq!(durable, [0, 0, 3, 3, 3, 6, 6]);
}
