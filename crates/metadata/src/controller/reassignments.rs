//! AlterPartitionReassignments (key 45) and ListPartitionReassignments (key 46), KIP-455.
//! Kafka's `ReplicationControlManager`; a reassignment is completed by the ISR changes that follow it.

use std::collections::BTreeSet;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_partition_reassignments_request::ReassignablePartition;
use barnabas_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use barnabas_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use barnabas_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use barnabas_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerId,
    ListPartitionReassignmentsRequest, StrBytes, TopicName,
};

use serde::{Deserialize, Serialize};

use super::api_error::code_and_message;
use super::partition_change::{Election, Moved, PartitionChange, TopicRules};
use super::{ApiError, Decide, DecideContext, Decision, assignment, check_deadline, fence, wire};
use crate::image::{MetadataImage, PartitionImage, TopicImage};
use crate::records::MetadataRecord;

/// Starts and cancels reassignments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlterPartitionReassignments(
    #[serde(with = "wire::request")] pub AlterPartitionReassignmentsRequest,
);

impl Decide for AlterPartitionReassignments {
    type Reply = Result<AlterPartitionReassignmentsResponse, ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let request = self.0;
        if request.topics.is_empty() {
            // An empty message, where otherwise there is none.
            let response =
                AlterPartitionReassignmentsResponse::default().with_error_message(Some(StrBytes::default()));
            return Decision {
                records: Vec::new(),
                reply: Ok(response),
            };
        }
        if let Err(error) = check_deadline(request.timeout_ms) {
            return Decision {
                records: Vec::new(),
                reply: Err(error),
            };
        }
        let resize = request.allow_replication_factor_change;
        let mut records = Vec::new();
        let mut response = AlterPartitionReassignmentsResponse::default()
            .with_error_message(None)
            .with_allow_replication_factor_change(resize);
        for topic in request.topics {
            let alter = |partition: &ReassignablePartition| {
                let outcome = reassign(&topic.name.0, partition, resize, image, ctx);
                let (code, message) = code_and_message(&outcome);
                records.extend(outcome.ok().flatten());
                ReassignablePartitionResponse::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(code)
                    .with_error_message(message)
            };
            let partitions = topic.partitions.iter().map(alter).collect();
            let answer = ReassignableTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions);
            response.responses.push(answer);
        }
        Decision {
            records,
            reply: Ok(response),
        }
    }
}

fn reassign(
    topic_name: &str,
    target: &ReassignablePartition,
    resize: bool,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<Option<MetadataRecord>, ApiError> {
    let unknown = |message: String| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = image.topics.by_name(topic_name);
    let topic = topic.ok_or_else(|| unknown(format!("Unable to find a topic named {topic_name}.")))?;
    let index = target.partition_index;
    let partition = topic.partition(index);
    let partition =
        partition.ok_or_else(|| unknown(format!("Unable to find partition {topic_name}:{index}.")))?;
    let (rules, node_id) = fence::rules(ctx);
    let rules = TopicRules::of(topic, image, rules, node_id);
    let mut change = PartitionChange::new(image, partition, rules, Moved::default());
    match &target.replicas {
        None => cancel(&mut change, topic_name, index, partition, rules)?,
        Some(replicas) => {
            let replicas: Vec<i32> = replicas.iter().map(|broker| broker.0).collect();
            assignment::validate(&replicas, None, image)?;
            move_to(&mut change, partition, replicas, resize)?;
        }
    }
    Ok(change.build(topic.id, index))
}

/// Back to the replicas before. The list in force less the added ones counts, not the order of old.
fn cancel(
    change: &mut PartitionChange<'_>,
    topic: &str,
    index: i32,
    partition: &PartitionImage,
    rules: TopicRules,
) -> Result<(), ApiError> {
    if !partition.is_reassigning() {
        return Err(ApiError::bare(ErrorCode::NoReassignmentInProgress));
    }
    let stays = |id: &i32| !partition.adding_replicas.contains(id);
    change.replicas.retain(stays);
    change.isr.retain(stays);
    change.adding.clear();
    change.removing.clear();
    if change.isr.is_empty() && rules.election() != Election::Unclean {
        let message = format!(
            "Unable to revert partition assignment for {topic}:{index} because it would require an unclean leader election."
        );
        return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    Ok(())
}

/// Towards `target`; what is there and not in it is removed once the rest is in sync.
fn move_to(
    change: &mut PartitionChange<'_>,
    partition: &PartitionImage,
    target: Vec<i32>,
    resize: bool,
) -> Result<(), ApiError> {
    if !resize {
        let staying = partition
            .replicas
            .iter()
            .filter(|id| !partition.removing_replicas.contains(id));
        let staying = staying.collect::<BTreeSet<_>>().len();
        if staying != target.len() {
            let message = format!(
                "The replication factor is changed from {staying} to {}",
                target.len()
            );
            return Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
        }
    }
    let is_settled = |id: &i32| partition.replicas.contains(id) && !partition.adding_replicas.contains(id);
    let mut adding: Vec<i32> = target.iter().copied().filter(|id| !is_settled(id)).collect();
    let mut removing: Vec<i32> = partition
        .replicas
        .iter()
        .copied()
        .filter(|id| !target.contains(id))
        .collect();
    adding.sort_unstable();
    removing.sort_unstable();
    change.replicas = target;
    change.replicas.extend(&removing);
    change.adding = adding;
    change.removing = removing;
    Ok(())
}

/// The reassignments under way: of all topics, or of the partitions named; topics without any are left out.
/// As in Apache Kafka the request's timeout means nothing here.
pub fn list_partition_reassignments(
    image: &MetadataImage,
    request: &ListPartitionReassignmentsRequest,
) -> Vec<OngoingTopicReassignment> {
    let Some(topics) = &request.topics else {
        let of_topic = |topic: &Arc<TopicImage>| ongoing(topic, 0..topic.partitions.len() as i32);
        return image.topics.iter().filter_map(of_topic).collect();
    };
    let of_topic = |asked: &ListPartitionReassignmentsTopics| {
        ongoing(
            image.topics.by_name(&asked.name.0)?,
            asked.partition_indexes.iter().copied(),
        )
    };
    topics.iter().filter_map(of_topic).collect()
}

fn ongoing(topic: &TopicImage, partitions: impl Iterator<Item = i32>) -> Option<OngoingTopicReassignment> {
    let ids = |of: &[i32]| of.iter().copied().map(BrokerId).collect();
    let partitions: Vec<_> = partitions
        .filter_map(|index| {
            let partition = topic
                .partition(index)
                .filter(|partition| partition.is_reassigning())?;
            let answer = OngoingPartitionReassignment::default()
                .with_partition_index(index)
                .with_replicas(ids(&partition.replicas))
                .with_adding_replicas(ids(&partition.adding_replicas))
                .with_removing_replicas(ids(&partition.removing_replicas));
            Some(answer)
        })
        .collect();
    let name = TopicName(StrBytes::from_string(topic.name.to_string()));
    let answer = OngoingTopicReassignment::default().with_name(name);
    (!partitions.is_empty()).then(|| answer.with_partitions(partitions))
}
