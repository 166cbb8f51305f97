//! OffsetDelete: offsets go that a group committed for topics it does not read.
//!
//! Version 0. Errors of the whole: GROUP_AUTHORIZATION_FAILED, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND,
//! NON_EMPTY_GROUP, and the coordinator's own. Errors of a partition: TOPIC_AUTHORIZATION_FAILED,
//! UNKNOWN_TOPIC_OR_PARTITION, GROUP_SUBSCRIBED_TO_TOPIC.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::offset_delete_request::OffsetDeleteRequestPartition;
use barnabas_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use barnabas_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// Deletes the offsets of partitions that exist and answers for all.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    mut request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Delete, &request.group_id) {
        let error = ErrorCode::GroupAuthorizationFailed;
        return OffsetDeleteResponse::default().with_error_code(error.code());
    }
    let mut answers: Vec<OffsetDeleteResponseTopic> = Vec::new();
    {
        let image = broker.image();
        request.topics.retain_mut(|topic| {
            let may_read = rights.on_topic(AclOperation::Read, &topic.name);
            let exists = |partition: &OffsetDeleteRequestPartition| {
                let partition = image.topics.partition(&topic.name, partition.partition_index);
                may_read && partition.is_some()
            };
            let (has, lacks) = std::mem::take(&mut topic.partitions)
                .into_iter()
                .partition::<Vec<_>, _>(exists);
            topic.partitions = has;
            if !lacks.is_empty() || !may_read || image.topics.by_name(&topic.name).is_none() {
                let error = if may_read {
                    ErrorCode::UnknownTopicOrPartition
                } else {
                    ErrorCode::TopicAuthorizationFailed
                };
                let unknown = OffsetDeleteResponsePartition::default().with_error_code(error.code());
                let lacks = lacks
                    .iter()
                    .map(|p| unknown.clone().with_partition_index(p.partition_index));
                let answer = OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
                merge(&mut answers, answer.with_partitions(lacks.collect()));
            }
            !topic.partitions.is_empty()
        });
    }
    let deleted = broker.groups().request(&request.group_id, |core, _| {
        let outcome = core.delete_offsets(&request)?;
        Ok((outcome.records, outcome.reply))
    });
    let error = match deleted.await {
        Ok(topics) => {
            // The coordinator's answers stay as they are if there are no others.
            if answers.is_empty() {
                answers = topics;
            } else {
                topics.into_iter().for_each(|topic| merge(&mut answers, topic));
            }
            return OffsetDeleteResponse::default().with_topics(answers);
        }
        Err(_) if request.group_id.is_empty() => ErrorCode::InvalidGroupId,
        Err(error) => error,
    };
    OffsetDeleteResponse::default().with_error_code(error.code())
}

/// A topic that has an answer gets further partitions there, as Kafka merges them.
fn merge(answers: &mut Vec<OffsetDeleteResponseTopic>, mut topic: OffsetDeleteResponseTopic) {
    match answers.iter_mut().find(|known| known.name == topic.name) {
        Some(known) => known.partitions.append(&mut topic.partitions),
        None => answers.push(topic),
    }
}
