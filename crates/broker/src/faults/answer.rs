//! An answer that says an error, wherever an API's answer has a place for it.

use barnabas_network::response::{Reply, frame_buffer};
use barnabas_network::rpc::{RequestContext, encode};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::header::encode_response_header;
use barnabas_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use barnabas_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use barnabas_protocol::messages::find_coordinator_response::Coordinator;
use barnabas_protocol::messages::leave_group_response::MemberResponse;
use barnabas_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use barnabas_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use barnabas_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use barnabas_protocol::messages::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnResponse, ConsumerGroupHeartbeatResponse, EndTxnResponse,
    FetchResponse, FindCoordinatorResponse, HeartbeatResponse, InitProducerIdResponse, JoinGroupResponse,
    LeaveGroupResponse, ListOffsetsResponse, OffsetCommitResponse, SyncGroupResponse, TopicName,
    TxnOffsetCommitResponse,
};
use barnabas_protocol::produce::{ProducePartitionResponse, ProduceResponse};
use barnabas_protocol::topic_ref::TopicRef;
use bytes::Bytes;
use uuid::Uuid;

use super::subject::{Body, ProducedTopic};

/// From this version on FindCoordinator asks for several keys (KIP-699).
const COORDINATORS_SINCE: i16 = 4;

/// The answer by which a request is refused: as a whole, also where the rule is about one of its partitions.
pub fn error(context: &RequestContext, body: &Body, error: ErrorCode) -> Reply {
    let code = error.code();
    match body {
        // A producer without acknowledgements learns of errors by the end of its connection.
        Body::Produce(0, _) => Reply::Close,
        Body::Produce(_, topics) => produce(context, topics, error),
        Body::Fetch(read) => encode(context, &fetch(context, read, code)),
        Body::ListOffsets(request) => {
            let topics = request.topics.iter().map(|topic| {
                let partitions = topic.partitions.iter().map(|partition| {
                    ListOffsetsPartitionResponse::default()
                        .with_partition_index(partition.partition_index)
                        .with_error_code(code)
                        .with_offset(-1)
                        .with_timestamp(-1)
                });
                ListOffsetsTopicResponse::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions.collect())
            });
            encode(
                context,
                &ListOffsetsResponse::default().with_topics(topics.collect()),
            )
        }
        Body::OffsetCommit(request) => {
            let topics = request.topics.iter().map(|topic| {
                let partitions = topic.partitions.iter().map(|partition| {
                    OffsetCommitResponsePartition::default()
                        .with_partition_index(partition.partition_index)
                        .with_error_code(code)
                });
                OffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_topic_id(topic.topic_id)
                    .with_partitions(partitions.collect())
            });
            encode(
                context,
                &OffsetCommitResponse::default().with_topics(topics.collect()),
            )
        }
        Body::TxnOffsetCommit(request) => {
            let topics = request.topics.iter().map(|topic| {
                let partitions = topic.partitions.iter().map(|partition| {
                    TxnOffsetCommitResponsePartition::default()
                        .with_partition_index(partition.partition_index)
                        .with_error_code(code)
                });
                TxnOffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions.collect())
            });
            encode(
                context,
                &TxnOffsetCommitResponse::default().with_topics(topics.collect()),
            )
        }
        Body::AddPartitionsToTxn(request) => {
            let topics = request.v3_and_below_topics.iter().map(|topic| {
                let partitions = topic.partitions.iter().map(|index| {
                    AddPartitionsToTxnPartitionResult::default()
                        .with_partition_index(*index)
                        .with_partition_error_code(code)
                });
                AddPartitionsToTxnTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_results_by_partition(partitions.collect())
            });
            let response = AddPartitionsToTxnResponse::default();
            encode(
                context,
                &response.with_results_by_topic_v3_and_below(topics.collect()),
            )
        }
        Body::FindCoordinator(request) => {
            let response = FindCoordinatorResponse::default();
            if context.api_version < COORDINATORS_SINCE {
                return encode(context, &response.with_error_code(code).with_node_id((-1).into()));
            }
            let coordinators = request.coordinator_keys.iter().map(|key| {
                Coordinator::default()
                    .with_key(key.clone())
                    .with_node_id((-1).into())
                    .with_port(-1)
                    .with_error_code(code)
            });
            encode(context, &response.with_coordinators(coordinators.collect()))
        }
        Body::LeaveGroup(request) => {
            let members = request.members.iter().map(|member| {
                MemberResponse::default()
                    .with_member_id(member.member_id.clone())
                    .with_group_instance_id(member.group_instance_id.clone())
                    .with_error_code(code)
            });
            let response = LeaveGroupResponse::default().with_error_code(code);
            encode(context, &response.with_members(members.collect()))
        }
        Body::JoinGroup(request) => {
            let response = JoinGroupResponse::default()
                .with_error_code(code)
                .with_generation_id(-1)
                .with_member_id(request.member_id.clone());
            // Old versions have no null here.
            let name =
                (context.api_version < 7).then(|| barnabas_protocol::messages::StrBytes::from_static_str(""));
            encode(context, &response.with_protocol_name(name))
        }
        Body::Heartbeat(_) => encode(context, &HeartbeatResponse::default().with_error_code(code)),
        Body::ConsumerGroupHeartbeat(_) => encode(
            context,
            &ConsumerGroupHeartbeatResponse::default().with_error_code(code),
        ),
        Body::SyncGroup => encode(context, &SyncGroupResponse::default().with_error_code(code)),
        Body::InitProducerId => {
            let response = InitProducerIdResponse::default().with_error_code(code);
            encode(
                context,
                &response.with_producer_id((-1).into()).with_producer_epoch(-1),
            )
        }
        Body::AddOffsetsToTxn => encode(context, &AddOffsetsToTxnResponse::default().with_error_code(code)),
        Body::EndTxn => {
            let response = EndTxnResponse::default().with_error_code(code);
            encode(
                context,
                &response.with_producer_id((-1).into()).with_producer_epoch(-1),
            )
        }
        // No rule says so: they are refused when they are read.
        Body::Metadata | Body::Other => Reply::Close,
    }
}

fn produce(context: &RequestContext, topics: &[ProducedTopic], error: ErrorCode) -> Reply {
    let answers = topics.iter().flat_map(|topic| {
        let named = match topic.id {
            id if id.is_nil() => TopicRef::Name(&topic.name),
            id => TopicRef::Id(id),
        };
        let partitions = topic.partitions.iter();
        partitions.map(move |index| (named, ProducePartitionResponse::error(*index, error)))
    });
    let response = ProduceResponse {
        partitions: answers.collect(),
        ..ProduceResponse::default()
    };
    let mut buffer = frame_buffer(128);
    encode_response_header(
        context.api_key,
        context.api_version,
        context.correlation_id,
        &mut buffer,
    );
    match response.encode(context.api_version, &mut buffer) {
        Ok(()) => Reply::frame(buffer),
        Err(error) => {
            tracing::error!(%error, "could not encode a Produce response");
            Reply::Close
        }
    }
}

/// Without a session, so that the client names everything anew: the session didn't see this request.
fn fetch(context: &RequestContext, read: &[(String, Uuid, i32)], code: i16) -> FetchResponse {
    let by_id = context.api_version >= barnabas_protocol::topic_ref::TOPIC_ID_SINCE;
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    for (name, id, index) in read {
        let partition = PartitionData::default()
            .with_partition_index(*index)
            .with_error_code(code)
            .with_high_watermark(-1)
            .with_records(Some(Bytes::new()));
        let name = TopicName(barnabas_protocol::messages::StrBytes::from_string(name.clone()));
        match topics
            .last_mut()
            .filter(|last| last.topic_id == *id && (by_id || last.topic == name))
        {
            Some(last) => last.partitions.push(partition),
            None => topics.push(
                FetchableTopicResponse::default()
                    .with_topic(if by_id { TopicName::default() } else { name })
                    .with_topic_id(*id)
                    .with_partitions(vec![partition]),
            ),
        }
    }
    FetchResponse::default().with_responses(topics)
}
