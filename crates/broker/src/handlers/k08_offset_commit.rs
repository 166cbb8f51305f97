//! OffsetCommit: what a group has read.
//!
//! Versions 2–10; topics by name, from version 10 on by id. Errors of a partition:
//! TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, OFFSET_METADATA_TOO_LARGE, and
//! one for all where the group refuses: GROUP_AUTHORIZATION_FAILED, GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID,
//! FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, and the coordinator's own.

use barnabas_metadata::image::TopicImage;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use barnabas_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use barnabas_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse, StrBytes, TopicName};
use barnabas_security::{AclOperation, Rights};
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on topics are named by their id.
const TOPIC_IDS_SINCE: i16 = 10;

/// Commits the offsets of partitions that exist and answers for all.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    mut request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let mut answers = Answers {
        by_id: context.api_version >= TOPIC_IDS_SINCE,
        topics: Vec::new(),
    };
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        let error = ErrorCode::GroupAuthorizationFailed;
        answers.merge_all(request.topics.iter().map(|topic| refused(topic, error)).collect());
        return OffsetCommitResponse::default().with_topics(answers.topics);
    }
    request.topics = existing(broker, rights, std::mem::take(&mut request.topics), &mut answers);
    if !request.topics.is_empty() {
        let group_id = request.group_id.to_string();
        let committed = broker.groups().request(&group_id, |core, now| {
            let outcome = core.commit_offsets(&request, context.api_version, now)?;
            Ok((outcome.records, outcome.reply))
        });
        match committed.await {
            Ok(topics) => answers.merge_all(topics),
            Err(error) => {
                answers.merge_all(request.topics.iter().map(|topic| refused(topic, error)).collect())
            }
        }
    }
    OffsetCommitResponse::default().with_topics(answers.topics)
}

/// The topics that exist, each with its name, its id and the partitions it has; the rest is answered.
fn existing(
    broker: &Broker,
    rights: Rights<'_>,
    topics: Vec<OffsetCommitRequestTopic>,
    answers: &mut Answers,
) -> Vec<OffsetCommitRequestTopic> {
    let image = broker.image();
    let mut found = Vec::with_capacity(topics.len());
    for mut topic in topics {
        let known = if answers.by_id {
            image.topics.by_id(&topic.topic_id)
        } else {
            image.topics.by_name(&topic.name)
        };
        // By its id a topic has to be known before one can tell whether it may be read.
        let name_of_it = known.map_or(&*topic.name.0, |known| &known.name);
        if (known.is_some() || !answers.by_id) && !rights.on_topic(AclOperation::Read, name_of_it) {
            answers.merge(refused(&topic, ErrorCode::TopicAuthorizationFailed));
            continue;
        }
        let Some(known) = known else {
            let error = if answers.by_id {
                ErrorCode::UnknownTopicId
            } else {
                ErrorCode::UnknownTopicOrPartition
            };
            answers.merge(refused(&topic, error));
            continue;
        };
        name(&mut topic, known);
        let (has, lacks) = std::mem::take(&mut topic.partitions)
            .into_iter()
            .partition::<Vec<_>, _>(|partition| known.partition(partition.partition_index).is_some());
        if !lacks.is_empty() {
            let unknown = topic.clone().with_partitions(lacks);
            answers.merge(refused(&unknown, ErrorCode::UnknownTopicOrPartition));
        }
        if !has.is_empty() {
            found.push(topic.with_partitions(has));
        }
    }
    found
}

fn name(topic: &mut OffsetCommitRequestTopic, known: &TopicImage) {
    topic.topic_id = known.id;
    topic.name = TopicName(StrBytes::from_string(known.name.to_string()));
}

fn refused(topic: &OffsetCommitRequestTopic, error: ErrorCode) -> OffsetCommitResponseTopic {
    let partition = |index: i32| {
        OffsetCommitResponsePartition::default()
            .with_partition_index(index)
            .with_error_code(error.code())
    };
    OffsetCommitResponseTopic::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_partitions(
            topic
                .partitions
                .iter()
                .map(|p| partition(p.partition_index))
                .collect(),
        )
}

/// The answers so far. A topic that has one gets further partitions there, as Kafka merges them.
struct Answers {
    by_id: bool,
    topics: Vec<OffsetCommitResponseTopic>,
}

impl Answers {
    /// Takes over the coordinator's answers: as they are if there are no others.
    fn merge_all(&mut self, topics: Vec<OffsetCommitResponseTopic>) {
        if self.topics.is_empty() {
            self.topics = topics.into_iter().map(|topic| self.identified(topic)).collect();
        } else {
            topics.into_iter().for_each(|topic| self.merge(topic));
        }
    }

    fn merge(&mut self, mut topic: OffsetCommitResponseTopic) {
        let is_same = |other: &&mut OffsetCommitResponseTopic| match self.by_id {
            true => other.topic_id == topic.topic_id,
            false => other.name == topic.name,
        };
        if let Some(known) = self.topics.iter_mut().find(is_same) {
            known.partitions.append(&mut topic.partitions);
            return;
        }
        let topic = self.identified(topic);
        self.topics.push(topic);
    }

    /// A field that the version does not have must not be set.
    fn identified(&self, mut topic: OffsetCommitResponseTopic) -> OffsetCommitResponseTopic {
        match self.by_id {
            true => topic.name = TopicName::default(),
            false => topic.topic_id = Uuid::nil(),
        }
        topic
    }
}
