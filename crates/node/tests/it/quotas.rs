//! Client quotas: what a client is told that has taken too much, and for how long its connection pauses.

use std::time::{Duration, Instant};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use barnabas_protocol::messages::{AlterClientQuotasRequest, ListGroupsRequest};

use crate::authorization::requests::{TOPIC, ask, create_topic, fetch, produce, text};
use crate::node::{Client, Node};

/// Sets a quota of whoever has not said who it is.
fn set_quota(client: &mut Client, key: &str, value: f64) {
    let user = EntityData::default()
        .with_entity_type(text("user"))
        .with_entity_name(Some(text("ANONYMOUS")));
    let op = OpData::default().with_key(text(key)).with_value(value);
    let entry = EntryData::default().with_entity(vec![user]).with_ops(vec![op]);
    let answer = ask(
        client,
        1,
        AlterClientQuotasRequest::default().with_entries(vec![entry]),
    );
    assert!(answer.contains("error_code: 0"), "{answer}");
}

fn throttle_time_ms(answer: &str) -> u64 {
    let rest = answer.split("throttle_time_ms: ").nth(1).unwrap();
    rest[..rest.find([',', ' ', '}']).unwrap()].parse().unwrap()
}

/// Asks until an answer says that the client pauses.
fn until_throttled(mut asked: impl FnMut() -> String) -> (String, u64) {
    for _ in 0..200 {
        let answer = asked();
        let pause_ms = throttle_time_ms(&answer);
        if pause_ms > 0 {
            return (answer, pause_ms);
        }
    }
    panic!("never throttled");
}

/// The next answer comes when the pause is over, and not before.
fn assert_paused(client: &mut Client, pause_ms: u64) {
    let asked = Instant::now();
    ask(client, 5, ListGroupsRequest::default());
    let waited = asked.elapsed();
    assert!(
        waited + Duration::from_millis(50) >= Duration::from_millis(pause_ms),
        "{waited:?} of {pause_ms} ms"
    );
}

#[test]
fn who_produces_too_much_is_told_and_pauses() {
    let node = Node::start();
    node.create_topic(TOPIC, 1);
    let mut client = node.connect();
    set_quota(&mut client, "producer_byte_rate", 100.0);
    let (answer, pause_ms) = until_throttled(|| ask(&mut client, 12, produce(-1)));
    assert!(pause_ms < 5000 && answer.contains("error_code: 0"), "{answer}");
    assert_paused(&mut client, pause_ms);
    // Nobody else pauses, and without the quota nobody.
    let mut other = node.connect();
    assert_eq!(
        throttle_time_ms(&ask(&mut other, 5, ListGroupsRequest::default())),
        0
    );
}

#[test]
fn who_fetches_too_much_gets_no_records_and_pauses() {
    let node = Node::start();
    node.create_topic(TOPIC, 1);
    let mut client = node.connect();
    ask(&mut client, 12, produce(-1));
    set_quota(&mut client, "consumer_byte_rate", 100.0);
    let full = ask(&mut client, 12, fetch());
    assert!(full.contains("high_watermark: 1,"), "{full}");
    let (answer, pause_ms) = until_throttled(|| ask(&mut client, 12, fetch()));
    assert!(answer.contains("responses: []"), "{answer}");
    assert_paused(&mut client, pause_ms);
}

#[test]
fn requests_that_take_too_long_in_all_pause_a_second_at_most() {
    let node = Node::start();
    let mut client = node.connect();
    set_quota(&mut client, "request_percentage", 0.0001);
    let (_, pause_ms) = until_throttled(|| ask(&mut client, 5, ListGroupsRequest::default()));
    assert!((1..=1000).contains(&pause_ms), "{pause_ms}");
    assert_paused(&mut client, pause_ms);
}

#[test]
fn changes_of_metadata_are_refused_to_who_knows_of_it_and_slowed_down_for_others() {
    let node = Node::start();
    let mut client = node.connect();
    set_quota(&mut client, "controller_mutation_rate", 0.5);
    let mut created = |version: i16, name: &str, partitions: i32| {
        let mut request = create_topic(name);
        request.topics[0].num_partitions = partitions;
        ask(&mut client, version, request)
    };
    // Five and a half may come at once, and what they are exceeded by is owed.
    assert_eq!(throttle_time_ms(&created(7, "first", 6)), 0);
    let refused = created(7, "second", 1);
    assert!(
        refused.contains(&format!(
            "error_code: {}",
            ErrorCode::ThrottlingQuotaExceeded.code()
        )),
        "{refused}"
    );
    assert!((1..=1000).contains(&throttle_time_ms(&refused)), "{refused}");
    assert!(node.broker.image().topics.by_name("second").is_none());
    let slowed = created(5, "third", 1);
    assert!(
        throttle_time_ms(&slowed) > 0 && node.broker.image().topics.by_name("third").is_some(),
        "{slowed}"
    );
}
