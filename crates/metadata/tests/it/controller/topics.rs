//! Topics come, grow and go.

use barnabas_metadata::controller::{CreatePartitions, CreateTopics, DeleteTopics};
use barnabas_metadata::records::{ConfigResource, MetadataRecord};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use barnabas_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use barnabas_protocol::messages::delete_topics_request::DeleteTopicState;
use barnabas_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};
use uuid::Uuid;

use super::fixture::{Cluster, broker_ids, text, topic_name};

const TIMEOUT_MS: i32 = 1000;

fn topic(name: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
}

fn assigned(name: &str, partitions: &[(i32, &[i32])]) -> CreatableTopic {
    let assignment = |(index, brokers): &(i32, &[i32])| {
        CreatableReplicaAssignment::default()
            .with_partition_index(*index)
            .with_broker_ids(broker_ids(brokers))
    };
    topic(name, -1, -1).with_assignments(partitions.iter().map(assignment).collect())
}

fn with_config(topic: CreatableTopic, name: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig::default()
        .with_name(text(name))
        .with_value(value.map(text));
    topic.with_configs(vec![config])
}

fn create(topics: Vec<CreatableTopic>) -> CreateTopics {
    CreateTopics(
        CreateTopicsRequest::default()
            .with_topics(topics)
            .with_timeout_ms(TIMEOUT_MS),
    )
}

#[test]
fn a_topic_becomes_records_and_the_reply_tells_its_id() {
    let cluster = Cluster::of_one();
    let decision = cluster.decide(create(vec![with_config(
        topic("orders", 2, 1),
        "retention.ms",
        Some("5"),
    )]));
    let result = &decision.reply.unwrap().topics[0];
    assert_eq!(
        (
            result.error_code,
            result.num_partitions,
            result.replication_factor
        ),
        (0, 2, 1)
    );
    let [
        MetadataRecord::Topic { name, topic_id },
        MetadataRecord::Config { resource, .. },
        MetadataRecord::Partition(first),
        MetadataRecord::Partition(second),
    ] = decision.records.as_slice()
    else {
        panic!("{:?}", decision.records)
    };
    assert_eq!((name.as_str(), *topic_id), ("orders", result.topic_id));
    assert_eq!(*resource, ConfigResource::topic("orders"));
    assert_eq!((first.partition_id, second.partition_id), (0, 1));
    assert_eq!(
        (&first.replicas, &first.isr, first.leader, first.leader_epoch),
        (&vec![1], &vec![1], 1, 0)
    );
    assert_eq!(first.directories, [Uuid::from_u128(1001)]);
}

#[test]
fn what_cannot_be_created_is_refused_with_kafkas_code_and_words() {
    let mut cluster = Cluster::of_one();
    cluster.submit(create(vec![topic("taken.name", 1, 1)])).unwrap();
    let cases = [
        (
            topic("taken.name", 1, 1),
            ErrorCode::TopicAlreadyExists,
            "Topic 'taken.name' already exists.",
        ),
        (
            topic("taken_name", 1, 1),
            ErrorCode::InvalidTopicException,
            "Topic 'taken_name' collides with existing topic: taken.name",
        ),
        (
            topic("", 1, 1),
            ErrorCode::InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed",
        ),
        (
            topic("a", 0, 1),
            ErrorCode::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("a", 1, 0),
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            topic("a", 1, 3),
            ErrorCode::InvalidReplicationFactor,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only \
             1 broker(s) are registered or some brokers have all their log directories cordoned.",
        ),
        (
            with_config(topic("a", 1, 1), "retention.ms", None),
            ErrorCode::InvalidConfig,
            "Null value not supported for topic configs: retention.ms",
        ),
        (
            with_config(topic("a", 1, 1), "retention.ms", Some("x")),
            ErrorCode::InvalidConfig,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            assigned("a", &[(0, &[1])]).with_num_partitions(1),
            ErrorCode::InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            assigned("a", &[(0, &[])]),
            ErrorCode::InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            assigned("a", &[(0, &[2])]),
            ErrorCode::InvalidReplicaAssignment,
            "The manual partition assignment includes broker 2, but no such broker is registered.",
        ),
        (
            assigned("a", &[(0, &[1, 1])]),
            ErrorCode::InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            assigned("a", &[(1, &[1])]),
            ErrorCode::InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            topic("__cluster_metadata", 1, 1),
            ErrorCode::InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
    ];
    for (asked, code, message) in cases {
        let decision = cluster.decide(create(vec![asked]));
        let result = decision.reply.unwrap().topics.remove(0);
        assert_eq!(
            (result.error_code, result.error_message.as_deref()),
            (code.code(), Some(message))
        );
        assert_eq!(decision.records, []);
    }
}

#[test]
fn one_bad_topic_does_not_spoil_the_others_and_duplicates_spoil_each_other() {
    let cluster = Cluster::of_one();
    let asked = vec![
        topic("good", -1, -1),
        topic("twice", 1, 1),
        topic("b d", 1, 1),
        topic("twice", 1, 1),
    ];
    let decision = cluster.decide(create(asked));
    let results = decision.reply.unwrap().topics;
    let codes: Vec<_> = results
        .iter()
        .map(|result| (&*result.name.0, result.error_code))
        .collect();
    assert_eq!(codes, [("good", 0), ("b d", 17), ("twice", 42)]);
    assert_eq!(results[0].num_partitions, 2, "the default");
    assert_eq!(decision.records.len(), 3);
}

#[test]
fn validating_only_answers_and_changes_nothing() {
    let cluster = Cluster::of_one();
    let mut request = create(vec![topic("a", 1, 1)]);
    request.0.validate_only = true;
    let decision = cluster.decide(request);
    assert_eq!(
        (
            decision.reply.unwrap().topics[0].error_code,
            decision.records.len()
        ),
        (0, 0)
    );
}

#[test]
fn requests_that_are_too_large_or_too_late_fail_whole() {
    let cluster = Cluster::of_one();
    let code = |request: CreateTopics| cluster.decide(request).reply.unwrap_err().code;
    assert_eq!(
        code(create(vec![topic("a", 6000, 1), topic("b", 6000, 1)])),
        ErrorCode::PolicyViolation
    );
    assert_eq!(
        code(create(vec![topic("a", 10_000, 1)])),
        ErrorCode::PolicyViolation,
        "10,001 records"
    );
    let mut late = create(vec![topic("a", 1, 1)]);
    late.0.timeout_ms = 0;
    assert_eq!(code(late), ErrorCode::RequestTimedOut);
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut cluster = Cluster::of_one();
    cluster
        .submit(create(vec![topic("a", 1, 1), topic("b", 1, 1), topic("c", 1, 1)]))
        .unwrap();
    let id = |name: &str| cluster.image.topics.by_name(name).unwrap().id;
    let (b, c) = (id("b"), id("c"));
    let named = |name: &str| DeleteTopicState::default().with_name(Some(topic_name(name)));
    let by_id = |id: Uuid| DeleteTopicState::default().with_name(None).with_topic_id(id);
    let unknown = Uuid::from_u128(7);
    let topics = vec![
        named("a"),
        by_id(b),
        named("gone"),
        by_id(unknown),
        by_id(Uuid::nil()),
        named("c").with_topic_id(c),
        named("d"),
        named("d"),
    ];
    let request = DeleteTopicsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(TIMEOUT_MS);
    let mut results: Vec<_> = cluster
        .submit(DeleteTopics(request))
        .unwrap()
        .into_iter()
        .map(|result| {
            (
                result.name.map(|name| name.to_string()),
                result.topic_id,
                result.error_code,
            )
        })
        .collect();
    results.sort();
    let a_name = |name: &str| Some(name.to_owned());
    let mut expected = vec![
        (a_name("a"), Uuid::from_u128(101), 0),
        (a_name("b"), b, 0),
        (
            a_name("gone"),
            Uuid::nil(),
            ErrorCode::UnknownTopicOrPartition.code(),
        ),
        (None, unknown, ErrorCode::UnknownTopicId.code()),
        (None, Uuid::nil(), ErrorCode::InvalidRequest.code()),
        (a_name("c"), c, ErrorCode::InvalidRequest.code()),
        (a_name("d"), Uuid::nil(), ErrorCode::InvalidRequest.code()),
    ];
    expected.sort();
    assert_eq!(results, expected);
    assert_eq!(
        cluster
            .image
            .topics
            .iter()
            .map(|topic| &*topic.name)
            .collect::<Vec<_>>(),
        ["c"]
    );
}

#[test]
fn partitions_are_added_but_never_taken() {
    let mut cluster = Cluster::of_one();
    cluster.submit(create(vec![topic("a", 2, 1)])).unwrap();
    let grow = |count: i32, assignments: Option<Vec<&[i32]>>| {
        let assignment =
            |ids: &&[i32]| CreatePartitionsAssignment::default().with_broker_ids(broker_ids(ids));
        let assignments = assignments.map(|all| all.iter().map(assignment).collect());
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name("a"))
            .with_count(count)
            .with_assignments(assignments);
        CreatePartitions(
            CreatePartitionsRequest::default()
                .with_topics(vec![topic])
                .with_timeout_ms(TIMEOUT_MS),
        )
    };
    let mut answer = |request: CreatePartitions| {
        let result = cluster.submit(request).unwrap().remove(0);
        (
            result.error_code,
            result.error_message.map(|message| message.to_string()),
        )
    };
    assert_eq!(answer(grow(4, None)), (0, None));
    assert_eq!(
        answer(grow(4, None)),
        (37, Some("Topic already has 4 partition(s).".into()))
    );
    let message = "The topic a currently has 4 partition(s); 1 would not be an increase.";
    assert_eq!(answer(grow(1, None)), (37, Some(message.into())));
    let message = "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.";
    assert_eq!(answer(grow(6, Some(vec![&[1]]))), (39, Some(message.into())));
    assert_eq!(answer(grow(5, Some(vec![&[1]]))), (0, None));
    for count in [10_006, i32::MAX] {
        let refused = cluster.submit(grow(count, None)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::PolicyViolation, "{count}");
    }
    assert_eq!(cluster.image.topics.by_name("a").unwrap().partitions.len(), 5);
}
