//! OffsetFetch: what groups have committed.
//!
//! Versions 1–10: one group with its topics, or all of its topics from version 2 on; several groups from
//! version 8 on; topics by id from version 10 on. Errors of a group: GROUP_AUTHORIZATION_FAILED and those of
//! the coordinator, for each partition in version 1. Errors of a partition: TOPIC_AUTHORIZATION_FAILED,
//! UNKNOWN_TOPIC_ID. UNSTABLE_OFFSET_COMMIT for one that a transaction may yet change, if the client asks for
//! stable ones (version 7 on).

use barnabas_metadata::image::MetadataImage;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use barnabas_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use barnabas_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, StrBytes, TopicName};
use barnabas_security::AclOperation;
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on a request may name several groups (KIP-709).
const GROUPS_SINCE: i16 = 8;
/// From this version on a group has an error code of its own.
const GROUP_ERROR_SINCE: i16 = 2;
/// From this version on topics are named by their id.
const TOPIC_IDS_SINCE: i16 = 10;
/// The offset where nothing was committed.
const NO_OFFSET: i64 = -1;

/// Answers for every group that is named.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    let version = context.api_version;
    if version >= GROUPS_SINCE {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            groups.push(fetch(broker, context, group, request.require_stable).await);
        }
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        });
        topics.collect()
    });
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(request.group_id)
        .with_topics(topics);
    let group = fetch(broker, context, group, request.require_stable).await;
    OffsetFetchResponse::default()
        .with_error_code(if version >= GROUP_ERROR_SINCE {
            group.error_code
        } else {
            0
        })
        .with_topics(group.topics.into_iter().map(old_topic).collect())
}

async fn fetch(
    broker: &Broker,
    context: &RequestContext,
    mut group: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let version = context.api_version;
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Describe, &group.group_id) {
        return failed(group, ErrorCode::GroupAuthorizationFailed, version);
    }
    let by_id = version >= TOPIC_IDS_SINCE;
    let may_describe = |topic: &str| rights.on_topic(AclOperation::Describe, topic);
    let mut unknown = Vec::new();
    if let Some(topics) = group.topics.as_mut().filter(|_| by_id || !rights.are_unlimited()) {
        let image = broker.image();
        topics.retain_mut(|topic| {
            let error = if by_id && !resolve(&image, topic) {
                ErrorCode::UnknownTopicId
            } else if !may_describe(&topic.name) {
                ErrorCode::TopicAuthorizationFailed
            } else {
                return true;
            };
            if by_id {
                topic.name = TopicName::default();
            }
            unknown.push(refused(topic, error));
            false
        });
    }
    let group_id = group.group_id.to_string();
    let fetched = broker.groups().request(&group_id, |core, _| {
        Ok((Vec::new(), core.fetch_offsets(&group, require_stable)))
    });
    match fetched.await {
        Ok(mut answer) => {
            if !rights.are_unlimited() {
                // Of all topics of a group, those that the client may see.
                answer.topics.retain(|topic| may_describe(&topic.name));
            }
            if by_id {
                identify(&broker.image(), &mut answer.topics);
            }
            answer.topics.append(&mut unknown);
            answer
        }
        Err(error) => failed(group, error, version),
    }
}

/// Names a topic by its id; false if there is none.
fn resolve(image: &MetadataImage, topic: &mut OffsetFetchRequestTopics) -> bool {
    let Some(known) = image.topics.by_id(&topic.topic_id) else {
        return false;
    };
    topic.name = TopicName(StrBytes::from_string(known.name.to_string()));
    true
}

/// Gives the topics the ids that the version names them by; one that does not exist any more is left out.
fn identify(image: &MetadataImage, topics: &mut Vec<OffsetFetchResponseTopics>) {
    for topic in topics.iter_mut().filter(|topic| topic.topic_id.is_nil()) {
        topic.topic_id = image
            .topics
            .by_name(&topic.name)
            .map_or(Uuid::nil(), |known| known.id);
    }
    topics.retain(|topic| !topic.topic_id.is_nil());
    // A field that the version does not have must not be set.
    topics
        .iter_mut()
        .for_each(|topic| topic.name = TopicName::default());
}

/// An answer in which the group, or in version 1 each of its partitions, has an error.
fn failed(group: OffsetFetchRequestGroup, error: ErrorCode, version: i16) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_group_id(group.group_id);
    if version >= GROUP_ERROR_SINCE {
        return answer.with_error_code(error.code());
    }
    let topics = group.topics.unwrap_or_default();
    answer.with_topics(topics.iter().map(|topic| refused(topic, error)).collect())
}

fn refused(topic: &OffsetFetchRequestTopics, error: ErrorCode) -> OffsetFetchResponseTopics {
    let partition = |index: &i32| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(*index)
            .with_error_code(error.code())
            .with_committed_offset(NO_OFFSET)
    };
    OffsetFetchResponseTopics::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_partitions(topic.partition_indexes.iter().map(partition).collect())
}

fn old_topic(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partition = |partition: OffsetFetchResponsePartitions| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(partition.error_code)
    };
    OffsetFetchResponseTopic::default()
        .with_name(topic.name)
        .with_partitions(topic.partitions.into_iter().map(partition).collect())
}
