//! AlterShareGroupOffsets (KIP-932): a share group without members begins its partitions where it is told.
//!
//! Version 0. UNSUPPORTED_VERSION while share.version is 0. Other errors of all: GROUP_AUTHORIZATION_FAILED,
//! INVALID_GROUP_ID,
//! GROUP_ID_NOT_FOUND for a group of another type, NON_EMPTY_GROUP, and the coordinator's own; of a topic's
//! partitions: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, and those of the share coordinator.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use barnabas_coordinator::{GroupRefusal, ShareOffsetsTopic};
use barnabas_metadata::features::SHARE_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_share_group_offsets_request::AlterShareGroupOffsetsRequestTopic;
use barnabas_protocol::messages::alter_share_group_offsets_response::{
    AlterShareGroupOffsetsResponsePartition, AlterShareGroupOffsetsResponseTopic,
};
use barnabas_protocol::messages::{AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, StrBytes};
use barnabas_security::AclOperation;
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::share::group_states;

const UNKNOWN_MESSAGE: &str = "This server does not host this topic-partition.";

/// Answers for every partition that is named.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: AlterShareGroupOffsetsRequest,
) -> AlterShareGroupOffsetsResponse {
    if broker.image().features.level(SHARE_VERSION) == 0 {
        return refused(ErrorCode::UnsupportedVersion.into());
    }
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return refused(ErrorCode::GroupAuthorizationFailed.into());
    }
    if request.group_id.is_empty() {
        return refused(ErrorCode::InvalidGroupId.into());
    }
    let mut topics: Vec<(AlterShareGroupOffsetsRequestTopic, Uuid, bool)> = Vec::new();
    let (mut wanted, mut start_offsets) = (Vec::new(), BTreeMap::new());
    {
        let image = broker.image();
        for topic in by_name(request.topics) {
            let known = image.topics.by_name(&topic.topic_name);
            let may_read = rights.on_topic(AclOperation::Read, &topic.topic_name);
            let topic_id = known.map_or(Uuid::nil(), |known| known.id);
            if let Some(known) = known.filter(|_| may_read) {
                let exists = |index: i32| known.partition(index).is_some();
                let partitions = topic
                    .partitions
                    .iter()
                    .filter(|partition| exists(partition.partition_index));
                let mut indexes = BTreeSet::new();
                for partition in partitions {
                    indexes.insert(partition.partition_index);
                    start_offsets.insert((topic_id, partition.partition_index), partition.start_offset);
                }
                wanted.push(ShareOffsetsTopic {
                    name: known.name.clone(),
                    topic_id,
                    partitions: indexes,
                });
            }
            topics.push((topic, topic_id, may_read));
        }
    }
    let group_id = request.group_id.to_string();
    let planned = broker.groups().request(&group_id, |core, _| {
        Ok(match core.share_alter_offsets(&group_id, &wanted) {
            Ok(outcome) => (outcome.records, Ok(outcome.reply)),
            Err(refusal) => (Vec::new(), Err(refusal)),
        })
    });
    let initialization = match planned
        .await
        .map_err(GroupRefusal::from)
        .and_then(|planned| planned)
    {
        Ok(initialization) => initialization,
        Err(refusal) => return refused(refusal),
    };
    let failed = if initialization.partitions.is_empty() {
        BTreeMap::new()
    } else {
        group_states::begin_at(broker, &group_id, &initialization, &start_offsets).await
    };
    // A topic that can't be altered is there by its partitions only.
    let is_told = |(topic, topic_id, may_read): &(AlterShareGroupOffsetsRequestTopic, Uuid, bool)| {
        (*may_read && !topic_id.is_nil()) || !topic.partitions.is_empty()
    };
    let told = topics.into_iter().filter(is_told);
    let responses = told.map(|(topic, topic_id, may_read)| {
        let partitions = topic.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let error = if !may_read {
                ErrorCode::TopicAuthorizationFailed
            } else if !start_offsets.contains_key(&(topic_id, index)) {
                ErrorCode::UnknownTopicOrPartition
            } else {
                failed.get(&(topic_id, index)).copied().unwrap_or(ErrorCode::None)
            };
            let message = (error == ErrorCode::UnknownTopicOrPartition)
                .then(|| StrBytes::from_static_str(UNKNOWN_MESSAGE));
            AlterShareGroupOffsetsResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(error.code())
                .with_error_message(message)
        });
        AlterShareGroupOffsetsResponseTopic::default()
            .with_partitions(partitions.collect())
            .with_topic_id(topic_id)
            .with_topic_name(topic.topic_name)
    });
    AlterShareGroupOffsetsResponse::default().with_responses(responses.collect())
}

/// Each topic once: the partitions of one that is named again come to those before.
fn by_name(asked: Vec<AlterShareGroupOffsetsRequestTopic>) -> Vec<AlterShareGroupOffsetsRequestTopic> {
    let mut topics: Vec<AlterShareGroupOffsetsRequestTopic> = Vec::with_capacity(asked.len());
    let mut places = HashMap::new();
    for topic in asked {
        let place = *places.entry(topic.topic_name.clone()).or_insert(topics.len());
        match topics.get_mut(place) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => topics.push(topic),
        }
    }
    topics
}

fn refused(refusal: GroupRefusal) -> AlterShareGroupOffsetsResponse {
    let message = match refusal.code {
        ErrorCode::NonEmptyGroup => Some(StrBytes::from_static_str("The group is not empty.")),
        _ => refusal.message.map(StrBytes::from_string),
    };
    AlterShareGroupOffsetsResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(message)
}
