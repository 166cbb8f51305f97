//! What one right opens, and what it doesn't.

use std::time::Instant;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::ConsumerGroupHeartbeatRequest;
use barnabas_security::AclOperation::*;
use barnabas_security::ResourceType;

use super::requests::*;
use super::rules::Rule;
use super::{
    NONE, OF_CLUSTER, OF_GROUP, OF_TOPIC, OF_TRANSACTIONAL_ID, call_lists, cluster_rule, codes, errors,
    group_rule, id_rule, secrets, topic_rule,
};
use crate::node::{Client, PATIENCE};

#[test]
fn lists_hold_what_may_be_described() {
    let (_node, mut client, _, rules) = secrets();
    rules.allow_only(&[topic_rule(Describe), group_rule(Describe), id_rule(Describe)]);
    for answer in call_lists(&mut client) {
        assert!(answer.contains("secret"), "{answer}");
        assert!(!answer.contains("__consumer_offsets"), "{answer}");
    }
}

#[test]
fn producing_takes_write_and_fetching_read() {
    let (_node, mut client, _, rules) = secrets();
    rules.allow_only(&[topic_rule(Write)]);
    assert_eq!(errors(&ask(&mut client, 12, produce(-1))), codes(NONE));
    assert_eq!(errors(&ask(&mut client, 12, fetch())), codes(OF_TOPIC));
    rules.allow_only(&[topic_rule(Read)]);
    assert_eq!(errors(&ask(&mut client, 12, produce(-1))), codes(OF_TOPIC));
    let read = ask(&mut client, 12, fetch());
    assert_eq!(errors(&read), codes(NONE));
    assert!(read.contains("high_watermark: 2,"), "{read}");
    let follower = ask(&mut client, 12, fetch().with_replica_id(2.into()));
    assert_eq!(errors(&follower), codes(OF_TOPIC));
    // Without an answer, the end of the connection is all that can tell.
    client.send(12, &produce(0));
    assert_eq!(client.receive_frame(), None);
}

#[test]
fn a_fetch_session_is_authorised_anew_with_each_request() {
    let (_node, mut client, _, rules) = secrets();
    rules.allow_only(&[topic_rule(Read)]);
    let first = ask(&mut client, 12, fetch().with_session_epoch(0));
    assert_eq!(errors(&first), codes(NONE));
    let session_id: i32 = first
        .split("session_id: ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_ne!(session_id, 0);
    rules.allow_only(&[]);
    let next = fetch()
        .with_session_id(session_id)
        .with_session_epoch(1)
        .with_topics(Vec::new());
    assert_eq!(errors(&ask(&mut client, 12, next)), codes(OF_TOPIC));
}

#[test]
fn an_expression_matches_only_what_may_be_described() {
    let (node, mut client, _, rules) = secrets();
    node.create_topic("secret-2", 1);
    rules.allow_only(&[topic_rule(Describe), group_rule(Read)]);
    let mut heartbeat = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text("m"))
        .with_rebalance_timeout_ms(60_000)
        .with_subscribed_topic_regex(Some(text("secret.*")))
        .with_topic_partitions(Some(Vec::new()));
    let deadline = Instant::now() + PATIENCE;
    let assigned = loop {
        assert!(Instant::now() < deadline, "nothing was assigned");
        client.send(1, &heartbeat);
        let (_, answer) = client.receive::<ConsumerGroupHeartbeatRequest>(1);
        assert_eq!(answer.error_code, 0, "{answer:?}");
        heartbeat = heartbeat.with_member_epoch(answer.member_epoch);
        match answer.assignment {
            Some(assignment) if !assignment.topic_partitions.is_empty() => break assignment.topic_partitions,
            _ => std::thread::yield_now(),
        }
    };
    let image = node.broker.image();
    let names: Vec<&str> = assigned
        .iter()
        .map(|topic| &*image.topics.by_id(&topic.topic_id).unwrap().name)
        .collect();
    assert_eq!(names, [TOPIC]);
}

#[test]
fn a_topic_that_may_not_be_described_may_as_well_not_exist() {
    let (node, mut client, _, rules) = secrets();
    rules.allow_only(&[]);
    let [exists, lacks] = [TOPIC, "lacking-topi"].map(|name| {
        let told = ask(&mut client, 13, metadata(name, true));
        assert_eq!(errors(&told), codes(OF_TOPIC), "{told}");
        told.replace(name, "")
    });
    assert_eq!(exists, lacks);
    // Whoever may describe a topic that lacks must be allowed to create it, or it isn't.
    let lacking = (Describe, ResourceType::Topic, "lacking");
    rules.allow_only(&[lacking]);
    let unknown = &[ErrorCode::UnknownTopicOrPartition];
    assert_eq!(
        errors(&ask(&mut client, 13, metadata("lacking", false))),
        codes(unknown)
    );
    assert_eq!(
        errors(&ask(&mut client, 13, metadata("lacking", true))),
        codes(OF_TOPIC)
    );
    assert!(node.broker.image().topics.by_name("lacking").is_none());
    rules.allow_only(&[lacking, cluster_rule(Create)]);
    assert_eq!(
        errors(&ask(&mut client, 13, metadata("lacking", true))),
        codes(unknown)
    );
    assert!(node.broker.image().topics.by_name("lacking").is_some());
    // READ alone doesn't imply DESCRIBE here: that is the authorizer's business.
    rules.allow_only(&[topic_rule(Describe), topic_rule(Write)]);
    let told = ask(&mut client, 13, metadata(TOPIC, false));
    let bits = 1 << Describe.code() | 1 << Write.code();
    assert!(
        told.contains(&format!("topic_authorized_operations: {bits},")),
        "{told}"
    );
}

#[test]
fn committed_offsets_take_the_group_and_the_topic() {
    let (_node, mut client, _, rules) = secrets();
    rules.allow_only(&[group_rule(Read)]);
    assert_eq!(errors(&ask(&mut client, 9, offset_commit())), codes(OF_TOPIC));
    rules.allow_only(&[group_rule(Read), topic_rule(Read)]);
    assert_eq!(errors(&ask(&mut client, 9, offset_commit())), codes(NONE));
    assert_eq!(errors(&ask(&mut client, 9, offset_fetch())), codes(OF_GROUP));
    rules.allow_only(&[group_rule(Describe)]);
    let all = ask(&mut client, 9, offset_fetch());
    assert_eq!(errors(&all), codes(NONE));
    assert!(!all.contains(TOPIC), "{all}");
}

#[test]
fn coordinators_are_found_by_who_may_describe_what_they_coordinate() {
    let (_node, mut client, _, rules) = secrets();
    rules.allow_only(&[group_rule(Describe)]);
    assert_eq!(
        errors(&ask(&mut client, 6, find_coordinator(0, GROUP))),
        codes(NONE)
    );
    let other = ask(&mut client, 6, find_coordinator(1, TRANSACTIONAL_ID));
    assert_eq!(errors(&other), codes(OF_TRANSACTIONAL_ID));
    assert!(!other.contains("authorization failed"), "{other}");
    let share = ask(
        &mut client,
        6,
        find_coordinator(2, "group:AAAAAAAAAAAAAAAAAAAAAQ:0"),
    );
    assert_eq!(errors(&share), codes(OF_CLUSTER));
    rules.allow_only(&[id_rule(Describe)]);
    let found = ask(&mut client, 6, find_coordinator(1, TRANSACTIONAL_ID));
    assert_eq!(errors(&found), codes(NONE));
}

#[test]
fn topics_are_created_by_the_clusters_right_or_their_own() {
    let (node, mut client, _, rules) = secrets();
    let own = (Create, ResourceType::Topic, "mine");
    rules.allow_only(&[own]);
    let mut both = create_topic("mine");
    both.topics.extend(create_topic("theirs").topics);
    let created = ask(&mut client, 7, both);
    assert_eq!(errors(&created), codes(OF_TOPIC), "{created}");
    assert!(created.contains("Authorization failed."), "{created}");
    assert!(node.broker.image().topics.by_name("mine").is_some());
    assert!(node.broker.image().topics.by_name("theirs").is_none());
    // What it has created it may not look at.
    assert!(created.contains("topic_config_error_code: 29"), "{created}");
    rules.allow_only(&[
        cluster_rule(Create),
        (DescribeConfigs, ResourceType::Topic, "theirs"),
    ]);
    let created = ask(&mut client, 7, create_topic("theirs"));
    assert_eq!(errors(&created), codes(NONE), "{created}");
    assert!(created.contains("retention.ms"), "{created}");
}

#[test]
fn the_name_of_a_deleted_topic_is_told_to_who_may_describe_it() {
    let (node, mut client, topic_id, rules) = secrets();
    let mut delete = |by_name: bool, allowed: &[Rule]| {
        rules.allow_only(allowed);
        ask(
            &mut client,
            6,
            delete_topic(if by_name { Err(TOPIC) } else { Ok(topic_id) }),
        )
    };
    let refused = delete(false, &[]);
    assert_eq!(errors(&refused), codes(OF_TOPIC));
    assert!(!refused.contains(TOPIC), "{refused}");
    assert!(refused.contains("Topic authorization failed."), "{refused}");
    let refused = delete(false, &[topic_rule(Describe)]);
    assert_eq!(errors(&refused), codes(OF_TOPIC));
    assert!(refused.contains(TOPIC), "{refused}");
    // By name both rights are needed, by id one.
    assert_eq!(errors(&delete(true, &[topic_rule(Delete)])), codes(OF_TOPIC));
    assert!(node.broker.image().topics.by_name(TOPIC).is_some());
    assert_eq!(errors(&delete(false, &[topic_rule(Delete)])), codes(NONE));
    assert!(node.broker.image().topics.by_name(TOPIC).is_none());
}

#[test]
fn configs_belong_to_topics_groups_and_the_cluster() {
    let (_node, mut client, _, rules) = secrets();
    let mut all = describe_configs(2, TOPIC);
    all.resources.extend(describe_configs(32, GROUP).resources);
    all.resources.extend(describe_configs(4, "").resources);
    for (rule, expected) in [
        (topic_rule(DescribeConfigs), [OF_GROUP, OF_CLUSTER]),
        (group_rule(DescribeConfigs), [OF_TOPIC, OF_CLUSTER]),
        (cluster_rule(DescribeConfigs), [OF_TOPIC, OF_GROUP]),
    ] {
        rules.allow_only(&[rule]);
        let described = ask(&mut client, 4, all.clone());
        assert_eq!(errors(&described), codes(&expected.concat()), "{described}");
    }
}

#[test]
fn producers_need_an_id_of_their_own_or_any_topic() {
    let (_node, mut client, _, rules) = secrets();
    let transactional = |client: &mut Client| errors(&ask(client, 5, init_producer_id(true)));
    let idempotent = |client: &mut Client| errors(&ask(client, 5, init_producer_id(false)));
    rules.allow_only(&[id_rule(Write)]);
    assert_eq!(transactional(&mut client), codes(NONE));
    assert_eq!(idempotent(&mut client), codes(OF_CLUSTER));
    for rule in [cluster_rule(IdempotentWrite), topic_rule(Write)] {
        rules.allow_only(&[rule]);
        assert_eq!(idempotent(&mut client), codes(NONE), "{rule:?}");
        assert_eq!(transactional(&mut client), codes(OF_TRANSACTIONAL_ID), "{rule:?}");
    }
}

#[test]
fn one_forbidden_topic_keeps_the_others_out_of_a_transaction() {
    let (node, mut client, _, rules) = secrets();
    node.create_topic("other", 1);
    rules.allow_only(&[topic_rule(Write)]);
    let asked = || add_partitions_to_txn(&[TOPIC, "other"]);
    assert_eq!(errors(&ask(&mut client, 3, asked())), codes(OF_TRANSACTIONAL_ID));
    rules.allow_only(&[id_rule(Write), topic_rule(Write)]);
    let expected = [
        ErrorCode::TopicAuthorizationFailed,
        ErrorCode::OperationNotAttempted,
    ];
    assert_eq!(errors(&ask(&mut client, 3, asked())), codes(&expected));
    // No client may write to an internal topic in a transaction, whatever it may do.
    rules.allow_only(&[id_rule(Write), (Write, ResourceType::Topic, "__consumer_offsets")]);
    let internal = add_partitions_to_txn(&["__consumer_offsets"]);
    assert_eq!(errors(&ask(&mut client, 3, internal)), codes(OF_TOPIC));
}

#[test]
fn offsets_in_a_transaction_take_three_rights() {
    let (_node, mut client, _, rules) = secrets();
    let mut told = |allowed: &[Rule]| {
        rules.allow_only(allowed);
        errors(&ask(&mut client, 5, txn_offset_commit()))
    };
    assert_eq!(
        told(&[group_rule(Read), topic_rule(Read)]),
        codes(OF_TRANSACTIONAL_ID)
    );
    assert_eq!(told(&[id_rule(Write), topic_rule(Read)]), codes(OF_GROUP));
    assert_eq!(told(&[id_rule(Write), group_rule(Read)]), codes(OF_TOPIC));
    assert_eq!(
        told(&[id_rule(Write), group_rule(Read), topic_rule(Read)]),
        codes(NONE)
    );
}
