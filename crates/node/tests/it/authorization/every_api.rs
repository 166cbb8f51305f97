//! A call of every API, about what must stay secret.

use super::requests::*;
use super::{administration, share_groups};
use crate::node::Client;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use barnabas_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use barnabas_protocol::messages::describe_producers_request::TopicRequest;
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use barnabas_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use barnabas_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use barnabas_protocol::messages::*;
use uuid::Uuid;

/// Calls every API, by ascending key, and shows the answers.
pub fn call_every_api(client: &mut Client, topic_id: Uuid) -> Vec<(ApiKey, String)> {
    let mut answers = groups_and_records(client);
    answers.extend(transactions(client));
    answers.extend(share_groups::call_every_api(client, topic_id));
    answers.extend(administration::resources(client, topic_id));
    answers.extend(administration::cluster(client));
    answers.sort_by_key(|(key, _)| *key);
    answers
}

fn groups_and_records(client: &mut Client) -> Vec<(ApiKey, String)> {
    let list_offsets = ListOffsetsRequest {
        replica_id: BrokerId(-1),
        topics: vec![ListOffsetsTopic {
            name: topic(),
            partitions: vec![ListOffsetsPartition {
                timestamp: -1,
                current_leader_epoch: -1,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let delete_records = DeleteRecordsTopic::default()
        .with_name(topic())
        .with_partitions(vec![DeleteRecordsPartition::default().with_offset(-1)]);
    let epochs = OffsetForLeaderTopic::default()
        .with_topic(topic())
        .with_partitions(vec![OffsetForLeaderPartition::default()]);
    let producers = TopicRequest::default()
        .with_name(topic())
        .with_partition_indexes(vec![0]);
    let offsets = OffsetDeleteRequestTopic::default()
        .with_name(topic())
        .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
    let heartbeat = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text("m"))
        .with_subscribed_topic_names(Some(vec![topic()]));
    let streams_heartbeat = StreamsGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text("m"));
    let join = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(10_000)
        .with_protocol_type(text("consumer"));
    let sync = SyncGroupRequest::default()
        .with_group_id(group())
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")));
    vec![
        (ApiKey::Produce, ask(client, 12, produce(-1))),
        (ApiKey::Fetch, ask(client, 12, fetch())),
        (ApiKey::ListOffsets, newest(client, list_offsets)),
        (ApiKey::OffsetCommit, ask(client, 9, offset_commit())),
        (ApiKey::OffsetFetch, ask(client, 9, offset_fetch())),
        (
            ApiKey::FindCoordinator,
            newest(client, find_coordinator(0, GROUP)),
        ),
        (ApiKey::JoinGroup, newest(client, join)),
        (
            ApiKey::Heartbeat,
            newest(client, HeartbeatRequest::default().with_group_id(group())),
        ),
        (
            ApiKey::LeaveGroup,
            newest(client, LeaveGroupRequest::default().with_group_id(group())),
        ),
        (ApiKey::SyncGroup, newest(client, sync)),
        (
            ApiKey::SaslHandshake,
            newest(client, SaslHandshakeRequest::default()),
        ),
        (
            ApiKey::SaslAuthenticate,
            newest(client, SaslAuthenticateRequest::default()),
        ),
        (
            ApiKey::DescribeGroups,
            newest(
                client,
                DescribeGroupsRequest::default().with_groups(vec![group()]),
            ),
        ),
        (ApiKey::ListGroups, newest(client, ListGroupsRequest::default())),
        (
            ApiKey::DeleteRecords,
            newest(
                client,
                DeleteRecordsRequest::default().with_topics(vec![delete_records]),
            ),
        ),
        (
            ApiKey::OffsetForLeaderEpoch,
            newest(
                client,
                OffsetForLeaderEpochRequest::default()
                    .with_replica_id(BrokerId(-1))
                    .with_topics(vec![epochs]),
            ),
        ),
        (
            ApiKey::DeleteGroups,
            newest(
                client,
                DeleteGroupsRequest::default().with_groups_names(vec![group()]),
            ),
        ),
        (
            ApiKey::OffsetDelete,
            newest(
                client,
                OffsetDeleteRequest::default()
                    .with_group_id(group())
                    .with_topics(vec![offsets]),
            ),
        ),
        (
            ApiKey::DescribeProducers,
            newest(
                client,
                DescribeProducersRequest::default().with_topics(vec![producers]),
            ),
        ),
        (ApiKey::ConsumerGroupHeartbeat, newest(client, heartbeat)),
        (
            ApiKey::StreamsGroupTopologyDescriptionUpdate,
            newest(
                client,
                StreamsGroupTopologyDescriptionUpdateRequest::default()
                    .with_group_id(group())
                    .with_member_id(text("m")),
            ),
        ),
        (ApiKey::StreamsGroupHeartbeat, newest(client, streams_heartbeat)),
        (
            ApiKey::StreamsGroupDescribe,
            newest(
                client,
                StreamsGroupDescribeRequest::default().with_group_ids(vec![group()]),
            ),
        ),
        (
            ApiKey::ConsumerGroupDescribe,
            newest(
                client,
                ConsumerGroupDescribeRequest::default().with_group_ids(vec![group()]),
            ),
        ),
    ]
}

fn transactions(client: &mut Client) -> Vec<(ApiKey, String)> {
    let marker = WritableTxnMarker {
        producer_id: ProducerId(0),
        topics: vec![WritableTxnMarkerTopic {
            name: topic(),
            partition_indexes: vec![0],
        }],
        ..Default::default()
    };
    vec![
        (ApiKey::InitProducerId, ask(client, 5, init_producer_id(true))),
        (
            ApiKey::AddPartitionsToTxn,
            newest(
                client,
                AddPartitionsToTxnRequest::default()
                    .with_transactions(vec![AddPartitionsToTxnTransaction::default()]),
            ),
        ),
        (
            ApiKey::AddOffsetsToTxn,
            newest(
                client,
                AddOffsetsToTxnRequest::default()
                    .with_transactional_id(transactional_id())
                    .with_group_id(group()),
            ),
        ),
        (
            ApiKey::EndTxn,
            newest(
                client,
                EndTxnRequest::default().with_transactional_id(transactional_id()),
            ),
        ),
        (
            ApiKey::WriteTxnMarkers,
            newest(
                client,
                WriteTxnMarkersRequest {
                    markers: vec![marker],
                },
            ),
        ),
        (ApiKey::TxnOffsetCommit, ask(client, 5, txn_offset_commit())),
        (
            ApiKey::DescribeTransactions,
            newest(
                client,
                DescribeTransactionsRequest::default().with_transactional_ids(vec![transactional_id()]),
            ),
        ),
        (
            ApiKey::ListTransactions,
            newest(client, ListTransactionsRequest::default()),
        ),
    ]
}
