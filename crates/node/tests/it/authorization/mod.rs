//! Every API asks whether the client may: what it is told that may nothing, and that may one thing.

mod acls;
mod administration;
mod every_api;
pub mod requests;
mod rights;
mod rules;
mod share_groups;

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_broker::dispatch::{APIS, Authorization};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_security::AclOperation::{self, *};
use barnabas_security::{CLUSTER_NAME, ResourceType};
use uuid::Uuid;

use self::every_api::call_every_api;
use self::requests::*;
use self::rules::{Rule, Rules};
use crate::node::{Client, Node};

const NONE: &[ErrorCode] = &[];
const OF_TOPIC: &[ErrorCode] = &[ErrorCode::TopicAuthorizationFailed];
const OF_GROUP: &[ErrorCode] = &[ErrorCode::GroupAuthorizationFailed];
const OF_CLUSTER: &[ErrorCode] = &[ErrorCode::ClusterAuthorizationFailed];
/// Where nobody has to authenticate nobody may.
const OF_SASL: &[ErrorCode] = &[ErrorCode::IllegalSaslState];
/// Nor ask for tokens.
const OF_TOKENS: &[ErrorCode] = &[ErrorCode::DelegationTokenRequestNotAllowed];
const OF_TRANSACTIONAL_ID: &[ErrorCode] = &[ErrorCode::TransactionalIdAuthorizationFailed];

/// What each API answers to who may nothing; without an error it leaves out whatever there is.
#[rustfmt::skip]
const DENIED: &[(ApiKey, &[ErrorCode])] = &[
    (ApiKey::Produce, OF_TOPIC),
    (ApiKey::Fetch, OF_TOPIC),
    (ApiKey::ListOffsets, OF_TOPIC),
    (ApiKey::Metadata, NONE),
    (ApiKey::OffsetCommit, OF_GROUP),
    (ApiKey::OffsetFetch, OF_GROUP),
    (ApiKey::FindCoordinator, OF_GROUP),
    (ApiKey::JoinGroup, OF_GROUP),
    (ApiKey::Heartbeat, OF_GROUP),
    (ApiKey::LeaveGroup, OF_GROUP),
    (ApiKey::SyncGroup, OF_GROUP),
    (ApiKey::DescribeGroups, OF_GROUP),
    (ApiKey::ListGroups, NONE),
    (ApiKey::SaslHandshake, OF_SASL),
    (ApiKey::ApiVersions, NONE),
    (ApiKey::CreateTopics, OF_TOPIC),
    (ApiKey::DeleteTopics, OF_TOPIC),
    (ApiKey::DeleteRecords, OF_TOPIC),
    (ApiKey::InitProducerId, OF_TRANSACTIONAL_ID),
    (ApiKey::OffsetForLeaderEpoch, OF_TOPIC),
    (ApiKey::AddPartitionsToTxn, OF_CLUSTER),
    (ApiKey::AddOffsetsToTxn, OF_TRANSACTIONAL_ID),
    (ApiKey::EndTxn, OF_TRANSACTIONAL_ID),
    (ApiKey::WriteTxnMarkers, OF_CLUSTER),
    (ApiKey::TxnOffsetCommit, OF_TRANSACTIONAL_ID),
    (ApiKey::DescribeAcls, OF_CLUSTER),
    (ApiKey::CreateAcls, OF_CLUSTER),
    (ApiKey::DeleteAcls, OF_CLUSTER),
    (ApiKey::DescribeConfigs, OF_TOPIC),
    (ApiKey::AlterConfigs, OF_TOPIC),
    (ApiKey::AlterReplicaLogDirs, OF_CLUSTER),
    (ApiKey::DescribeLogDirs, OF_CLUSTER),
    (ApiKey::SaslAuthenticate, OF_SASL),
    (ApiKey::CreatePartitions, OF_TOPIC),
    (ApiKey::CreateDelegationToken, OF_TOKENS),
    (ApiKey::RenewDelegationToken, OF_TOKENS),
    (ApiKey::ExpireDelegationToken, OF_TOKENS),
    (ApiKey::DescribeDelegationToken, OF_TOKENS),
    (ApiKey::DeleteGroups, OF_GROUP),
    (ApiKey::ElectLeaders, OF_CLUSTER),
    (ApiKey::IncrementalAlterConfigs, OF_TOPIC),
    (ApiKey::AlterPartitionReassignments, OF_CLUSTER),
    (ApiKey::ListPartitionReassignments, OF_CLUSTER),
    (ApiKey::OffsetDelete, OF_GROUP),
    (ApiKey::DescribeClientQuotas, OF_CLUSTER),
    (ApiKey::AlterClientQuotas, OF_CLUSTER),
    (ApiKey::DescribeUserScramCredentials, OF_CLUSTER),
    (ApiKey::AlterUserScramCredentials, OF_CLUSTER),
    (ApiKey::DescribeQuorum, OF_CLUSTER),
    (ApiKey::UpdateFeatures, OF_CLUSTER),
    (ApiKey::DescribeCluster, NONE),
    (ApiKey::DescribeProducers, OF_TOPIC),
    (ApiKey::UnregisterBroker, OF_CLUSTER),
    (ApiKey::DescribeTransactions, OF_TRANSACTIONAL_ID),
    (ApiKey::ListTransactions, NONE),
    (ApiKey::ConsumerGroupHeartbeat, OF_GROUP),
    (ApiKey::ConsumerGroupDescribe, OF_GROUP),
    (ApiKey::GetTelemetrySubscriptions, NONE),
    (ApiKey::PushTelemetry, &[ErrorCode::InvalidRequest]),
    (ApiKey::ListConfigResources, OF_CLUSTER),
    (ApiKey::DescribeTopicPartitions, NONE),
    (ApiKey::ShareGroupHeartbeat, OF_GROUP),
    (ApiKey::ShareGroupDescribe, OF_GROUP),
    (ApiKey::ShareFetch, OF_GROUP),
    (ApiKey::ShareAcknowledge, OF_GROUP),
    (ApiKey::AddRaftVoter, OF_CLUSTER),
    (ApiKey::RemoveRaftVoter, OF_CLUSTER),
    (ApiKey::InitializeShareGroupState, OF_CLUSTER),
    (ApiKey::ReadShareGroupState, OF_CLUSTER),
    (ApiKey::WriteShareGroupState, OF_CLUSTER),
    (ApiKey::DeleteShareGroupState, OF_CLUSTER),
    (ApiKey::ReadShareGroupStateSummary, OF_CLUSTER),
    (ApiKey::StreamsGroupHeartbeat, OF_GROUP),
    (ApiKey::StreamsGroupDescribe, OF_GROUP),
    (ApiKey::DescribeShareGroupOffsets, OF_GROUP),
    (ApiKey::AlterShareGroupOffsets, OF_GROUP),
    (ApiKey::DeleteShareGroupOffsets, OF_GROUP),
    (ApiKey::StreamsGroupTopologyDescriptionUpdate, OF_GROUP),
    (ApiKey::UnregisterController, OF_CLUSTER),
];

/// The errors in an answer that was shown: whatever ends in `error_code`.
fn errors(answer: &str) -> BTreeSet<i16> {
    let codes = answer.split("error_code: ").skip(1).map(|rest| {
        let end = rest.find([',', ' ', '}']).unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    });
    codes.filter(|code| *code != 0).collect()
}

fn codes(errors: &[ErrorCode]) -> BTreeSet<i16> {
    errors.iter().map(|error| error.code()).collect()
}

/// A node with a topic with records, a group with an offset and a transactional id; its id of the topic, and its rules.
fn secrets() -> (Node, Client, Uuid, Arc<Rules>) {
    let rules = Rules::open();
    let node = Node::start_authorized(rules.clone());
    node.create_topic(TOPIC, 1);
    let mut client = node.connect();
    for answer in [
        ask(&mut client, 12, produce(-1)),
        ask(&mut client, 6, find_coordinator(0, GROUP)),
        ask(&mut client, 6, find_coordinator(1, TRANSACTIONAL_ID)),
        ask(&mut client, 9, offset_commit()),
        ask(&mut client, 5, init_producer_id(true)),
    ] {
        assert_eq!(errors(&answer), codes(NONE), "{answer}");
    }
    let topic_id = node.broker.image().topics.by_name(TOPIC).unwrap().id;
    (node, client, topic_id, rules)
}

fn topic_rule(operation: AclOperation) -> Rule {
    (operation, ResourceType::Topic, TOPIC)
}

fn group_rule(operation: AclOperation) -> Rule {
    (operation, ResourceType::Group, GROUP)
}

fn id_rule(operation: AclOperation) -> Rule {
    (operation, ResourceType::TransactionalId, TRANSACTIONAL_ID)
}

fn cluster_rule(operation: AclOperation) -> Rule {
    (operation, ResourceType::Cluster, CLUSTER_NAME)
}

#[test]
fn who_may_nothing_is_told_nothing_and_changes_nothing() {
    let served: Vec<ApiKey> = APIS.iter().map(|api| api.key).collect();
    let expected: Vec<ApiKey> = DENIED.iter().map(|(key, _)| *key).collect();
    assert_eq!(served, expected, "an API without an expectation");

    let (node, mut client, topic_id, rules) = secrets();
    let visible = call_lists(&mut client);
    assert!(
        visible.iter().all(|answer| answer.contains("secret")),
        "{visible:#?}"
    );
    rules.allow_only(&[]);
    let metadata_offset = node.broker.image().offset;
    let partition = node.broker.partitions().by_name(TOPIC, 0).unwrap();
    let log = partition.offsets();

    let answers = call_every_api(&mut client, topic_id);
    let called: Vec<ApiKey> = answers.iter().map(|(key, _)| *key).collect();
    assert_eq!(called, served, "an API that wasn't called");
    for ((key, answer), (_, expected)) in answers.iter().zip(DENIED) {
        assert_eq!(errors(answer), codes(expected), "{}: {answer}", key.name());
        if expected.is_empty() {
            assert!(!answer.contains("secret"), "{}: {answer}", key.name());
        }
        let operations = answer.split("authorized_operations: ").skip(1);
        for told in operations {
            let nothing = told.starts_with("-2147483648") || told.starts_with('0');
            assert!(nothing, "{}: {answer}", key.name());
        }
    }
    assert_eq!(
        node.broker.image().offset,
        metadata_offset,
        "the metadata changed"
    );
    assert_eq!(partition.offsets(), log, "the log changed");
    rules.allow_only(&[group_rule(Describe), topic_rule(Describe)]);
    let committed = ask(&mut client, 9, offset_fetch());
    assert!(committed.contains("committed_offset: 1,"), "{committed}");
}

#[test]
fn a_right_to_the_cluster_opens_the_apis_whose_rows_ask_for_it() {
    for operation in [Alter, AlterConfigs, Describe, DescribeConfigs] {
        let (_node, mut client, topic_id, rules) = secrets();
        rules.allow_only(&[cluster_rule(operation)]);
        let answers = call_every_api(&mut client, topic_id);
        let mut opened = 0;
        for (api, (key, answer)) in APIS.iter().zip(answers) {
            assert!(api.key == key && key.listeners().broker, "{}", key.name());
            let Authorization::Cluster(asked) = api.authorization else {
                continue;
            };
            let refused = errors(&answer).is_superset(&codes(OF_CLUSTER));
            assert_eq!(
                refused,
                asked != operation,
                "{operation:?}, {}: {answer}",
                key.name()
            );
            opened += usize::from(!refused);
        }
        assert_ne!(opened, 0, "{operation:?}");
    }
}

/// The answers that list what there is.
fn call_lists(client: &mut Client) -> Vec<String> {
    use barnabas_protocol::messages::*;
    vec![
        ask(client, 13, MetadataRequest::default().with_topics(None)),
        ask(client, 5, ListGroupsRequest::default()),
        ask(client, 2, ListTransactionsRequest::default()),
        ask(
            client,
            0,
            DescribeTopicPartitionsRequest::default().with_response_partition_limit(100),
        ),
    ]
}
