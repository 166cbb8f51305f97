//! DescribeShareGroupOffsets (KIP-932): where share groups stand in their partitions, and how much lies
//! ahead.
//!
//! Versions 0–1 (1: the lag, KIP-1226). UNSUPPORTED_VERSION while share.version is 0. Errors of a group:
//! GROUP_AUTHORIZATION_FAILED, and the coordinator's own; of a partition: TOPIC_AUTHORIZATION_FAILED, and
//! those of the share coordinator.

use std::sync::Arc;

use barnabas_coordinator::{GroupRefusal, NO_START_OFFSET, ShareGroupOffsets, ShareOffsetsTopic};
use barnabas_metadata::features::SHARE_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_share_group_offsets_request::{
    DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsRequestTopic,
};
use barnabas_protocol::messages::describe_share_group_offsets_response::{
    DescribeShareGroupOffsetsResponseGroup, DescribeShareGroupOffsetsResponsePartition,
    DescribeShareGroupOffsetsResponseTopic,
};
use barnabas_protocol::messages::read_share_group_state_summary_request::{
    PartitionData, ReadStateSummaryData,
};
use barnabas_protocol::messages::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, ReadShareGroupStateSummaryRequest,
    StrBytes, read_share_group_state_summary_response,
};
use barnabas_security::AclOperation;
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::share::{lag, persister};

/// Answers for every group that is named.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DescribeShareGroupOffsetsRequest,
) -> DescribeShareGroupOffsetsResponse {
    let has_share_groups = broker.image().features.level(SHARE_VERSION) > 0;
    let mut groups = Vec::with_capacity(request.groups.len());
    for asked in request.groups {
        let described = if !has_share_groups {
            Err(ErrorCode::UnsupportedVersion.into())
        } else if !broker
            .rights(context)
            .on_group(AclOperation::Describe, &asked.group_id)
        {
            Err(ErrorCode::GroupAuthorizationFailed.into())
        } else {
            describe(broker, context, &asked).await
        };
        let answer = DescribeShareGroupOffsetsResponseGroup::default().with_group_id(asked.group_id);
        groups.push(match described {
            Ok(topics) => answer.with_topics(topics),
            Err(refusal) => answer
                .with_error_code(refusal.code.code())
                .with_error_message(refusal.message.map(StrBytes::from_string)),
        });
    }
    DescribeShareGroupOffsetsResponse::default().with_groups(groups)
}

async fn describe(
    broker: &Arc<Broker>,
    context: &RequestContext,
    asked: &DescribeShareGroupOffsetsRequestGroup,
) -> Result<Vec<DescribeShareGroupOffsetsResponseTopic>, GroupRefusal> {
    let wanted: ShareGroupOffsets = match &asked.topics {
        None => {
            let known = broker.groups().request(&asked.group_id, |core, _| {
                Ok((Vec::new(), core.share_offsets(&asked.group_id)))
            });
            known.await?
        }
        // Of named topics nobody asks what kind of group it is, as in Apache Kafka: there is no offset then.
        Some(topics) => {
            let image = broker.image();
            let topic = |topic: &DescribeShareGroupOffsetsRequestTopic| {
                let name: Arc<str> = topic.topic_name.as_str().into();
                let topic_id = image.topics.by_name(&name).map_or(Uuid::nil(), |topic| topic.id);
                ShareOffsetsTopic {
                    name,
                    topic_id,
                    partitions: topic.partitions.iter().copied().collect(),
                }
            };
            topics.iter().map(topic).collect()
        }
    };
    let rights = broker.rights(context);
    let (visible, hidden): (Vec<_>, Vec<_>) = wanted
        .into_iter()
        .partition(|topic| rights.on_topic(AclOperation::Describe, &topic.name));
    // Apache Kafka's persister knows no group without a name; without a topic that is there nobody asks it.
    if asked.group_id.is_empty() && visible.iter().any(|topic| !topic.topic_id.is_nil()) {
        return Err(ErrorCode::UnknownServerError.into());
    }
    let mut answer = stand(broker, &asked.group_id, visible).await;
    // Who asks for all is not told of what it may not see.
    if asked.topics.is_some() {
        answer.extend(hidden.into_iter().map(|topic| {
            answer_topic(&topic, |index| {
                failed(index, ErrorCode::TopicAuthorizationFailed, None)
            })
        }));
    }
    Ok(answer)
}

/// Where a group stands in the partitions of these topics.
async fn stand(
    broker: &Arc<Broker>,
    group_id: &str,
    topics: ShareGroupOffsets,
) -> Vec<DescribeShareGroupOffsetsResponseTopic> {
    let known = topics.iter().filter(|topic| !topic.topic_id.is_nil());
    let asked = known.map(|topic| {
        let partition = |index: &i32| {
            PartitionData::default()
                .with_partition(*index)
                .with_leader_epoch(-1)
        };
        ReadStateSummaryData::default()
            .with_topic_id(topic.topic_id)
            .with_partitions(topic.partitions.iter().map(partition).collect())
    });
    let request = ReadShareGroupStateSummaryRequest::default()
        .with_group_id(StrBytes::from_string(group_id.to_owned()))
        .with_topics(asked.collect());
    let summaries = persister::read_summary(broker, request).await.results;
    let mut answer = Vec::with_capacity(topics.len());
    for topic in topics {
        let summaries = summaries
            .iter()
            .filter(|summary| summary.topic_id == topic.topic_id);
        let summaries: Vec<_> = summaries.flat_map(|summary| &summary.partitions).collect();
        let mut ends = lag::ends_of(broker, &topic, &summaries).await;
        answer.push(answer_topic(&topic, |index| {
            let summary = summaries.iter().find(|summary| summary.partition == index);
            summary.map_or_else(
                || {
                    DescribeShareGroupOffsetsResponsePartition::default()
                        .with_partition_index(index)
                        .with_start_offset(NO_START_OFFSET)
                },
                |summary| partition(index, summary, ends.remove(&index)),
            )
        }));
    }
    answer
}

fn partition(
    index: i32,
    summary: &read_share_group_state_summary_response::PartitionResult,
    end_offset: Option<i64>,
) -> DescribeShareGroupOffsetsResponsePartition {
    if let Some(error) = ErrorCode::from_code(summary.error_code).filter(|error| *error != ErrorCode::None) {
        return failed(index, error, summary.error_message.clone());
    }
    let lag = end_offset
        .filter(|_| summary.start_offset != NO_START_OFFSET && summary.delivery_complete_count >= 0)
        .map(|end_offset| {
            let ahead = end_offset.wrapping_sub(summary.start_offset);
            ahead.wrapping_sub(i64::from(summary.delivery_complete_count))
        });
    DescribeShareGroupOffsetsResponsePartition::default()
        .with_partition_index(index)
        .with_start_offset(summary.start_offset)
        .with_leader_epoch(summary.leader_epoch)
        .with_lag(lag.unwrap_or(-1))
}

fn failed(
    index: i32,
    error: ErrorCode,
    message: Option<StrBytes>,
) -> DescribeShareGroupOffsetsResponsePartition {
    DescribeShareGroupOffsetsResponsePartition::default()
        .with_partition_index(index)
        .with_error_code(error.code())
        .with_error_message(message)
}

fn answer_topic(
    topic: &ShareOffsetsTopic,
    partition: impl FnMut(i32) -> DescribeShareGroupOffsetsResponsePartition,
) -> DescribeShareGroupOffsetsResponseTopic {
    DescribeShareGroupOffsetsResponseTopic::default()
        .with_topic_name(StrBytes::from_string(topic.name.to_string()).into())
        .with_topic_id(topic.topic_id)
        .with_partitions(topic.partitions.iter().copied().map(partition).collect())
}
