//! Requests about what must stay secret.

use crate::node::{Client, batch};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::delete_topics_request::DeleteTopicState;
use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::metadata_request::MetadataRequestTopic;
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use barnabas_protocol::messages::*;
use std::fmt::Debug;
use uuid::Uuid;

/// A topic that exists.
pub const TOPIC: &str = "secret-topic";
/// A group that exists.
pub const GROUP: &str = "secret-group";
/// A transactional id that exists.
pub const TRANSACTIONAL_ID: &str = "secret-id";

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn topic() -> TopicName {
    TopicName(text(TOPIC))
}

pub fn group() -> GroupId {
    GroupId(text(GROUP))
}

pub fn transactional_id() -> TransactionalId {
    TransactionalId(text(TRANSACTIONAL_ID))
}

/// Sends a request and shows the answer.
pub fn ask<R: Request>(client: &mut Client, version: i16, request: R) -> String
where
    R::Response: Debug,
{
    client.send(version, &request);
    format!("{:?}", client.receive::<R>(version).1)
}

/// The same in the newest version.
pub fn newest<R: Request>(client: &mut Client, request: R) -> String
where
    R::Response: Debug,
{
    let version = ApiKey::from_key(R::KEY).unwrap().max_version();
    ask(client, version, request)
}

pub fn produce(acks: i16) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_records(Some(batch(&[b"mine"])));
    let topic = TopicProduceData::default()
        .with_name(topic())
        .with_partition_data(vec![partition]);
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic])
}

pub fn fetch() -> FetchRequest {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic())
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic])
}

pub fn create_topic(name: &str) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(1)
        .with_replication_factor(1);
    CreateTopicsRequest::default()
        .with_timeout_ms(10_000)
        .with_topics(vec![topic])
}

pub fn delete_topic(named: Result<Uuid, &str>) -> DeleteTopicsRequest {
    let topic = match named {
        Ok(id) => DeleteTopicState::default().with_name(None).with_topic_id(id),
        Err(name) => DeleteTopicState::default().with_name(Some(TopicName(text(name)))),
    };
    DeleteTopicsRequest::default()
        .with_timeout_ms(10_000)
        .with_topics(vec![topic])
}

pub fn metadata(name: &str, create: bool) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(TopicName(text(name))));
    MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(create)
        .with_include_topic_authorized_operations(true)
}

pub fn find_coordinator(key_type: i8, key: &str) -> FindCoordinatorRequest {
    FindCoordinatorRequest::default()
        .with_key_type(key_type)
        .with_coordinator_keys(vec![text(key)])
}

pub fn offset_commit() -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        committed_offset: 1,
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: topic(),
        partitions: vec![partition],
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: group(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

/// All topics of the group.
pub fn offset_fetch() -> OffsetFetchRequest {
    let group = OffsetFetchRequestGroup {
        group_id: group(),
        topics: None,
        ..Default::default()
    };
    OffsetFetchRequest {
        groups: vec![group],
        ..Default::default()
    }
}

pub fn init_producer_id(transactional: bool) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(transactional.then(transactional_id))
        .with_transaction_timeout_ms(10_000)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1)
}

pub fn add_partitions_to_txn(topics: &[&str]) -> AddPartitionsToTxnRequest {
    let topic = |name: &&str| {
        add_partitions_to_txn_request::AddPartitionsToTxnTopic::default()
            .with_name(TopicName(text(name)))
            .with_partitions(vec![0])
    };
    AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(transactional_id())
        .with_v3_and_below_topics(topics.iter().map(topic).collect())
}

pub fn txn_offset_commit() -> TxnOffsetCommitRequest {
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(topic())
        .with_partitions(vec![TxnOffsetCommitRequestPartition::default()]);
    TxnOffsetCommitRequest::default()
        .with_transactional_id(transactional_id())
        .with_group_id(group())
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

pub fn describe_configs(resource_type: i8, name: &str) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(resource_type)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(vec![text("retention.ms")]));
    DescribeConfigsRequest::default().with_resources(vec![resource])
}
