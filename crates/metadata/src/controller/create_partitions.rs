//! CreatePartitions (key 37): more partitions for topics. Kafka's
//! `ReplicationControlManager.createPartitions`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use barnabas_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use barnabas_protocol::messages::{CreatePartitionsRequest, TopicName};

use serde::{Deserialize, Serialize};

use super::api_error::code_and_message;
use super::assignment::{self, Assignment};
use super::{ApiError, Decide, DecideContext, Decision, RECORDS_MAX, check_deadline, wire};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// Adds partitions to topics. An error is about the whole request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreatePartitions(#[serde(with = "wire::request")] pub CreatePartitionsRequest);

impl Decide for CreatePartitions {
    type Reply = Result<Vec<CreatePartitionsTopicResult>, ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let request = self.0;
        let mut counts: BTreeMap<&TopicName, usize> = BTreeMap::new();
        for topic in &request.topics {
            *counts.entry(&topic.name).or_default() += 1;
        }
        let mut results = Vec::new();
        let duplicate = ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
        for (name, _) in counts.iter().filter(|(_, count)| **count > 1) {
            results.push(result_of(name, &Err(duplicate.clone())));
        }
        let single = counts.values().any(|count| *count == 1);
        if let (true, Err(error)) = (single, check_deadline(request.timeout_ms)) {
            return Decision {
                records: Vec::new(),
                reply: Err(error),
            };
        }
        let topics = request.topics.iter().filter(|topic| counts[&topic.name] == 1);
        if let Err(error) = check_total(topics.clone(), image) {
            return Decision {
                records: Vec::new(),
                reply: Err(error),
            };
        }
        let mut records = Vec::new();
        for topic in topics {
            let outcome = create_partitions(topic, image, ctx);
            results.push(result_of(&topic.name, &outcome));
            records.extend(outcome.unwrap_or_default());
        }
        if request.validate_only {
            records.clear();
        }
        Decision {
            records,
            reply: Ok(results),
        }
    }
}

/// One request may add so many partitions in all; nothing is done if it asks for more.
fn check_total<'a>(
    topics: impl Iterator<Item = &'a CreatePartitionsTopic>,
    image: &MetadataImage,
) -> Result<(), ApiError> {
    let additional = |topic: &CreatePartitionsTopic| {
        let existing = image.topics.by_name(&topic.name.0)?.partitions.len() as i64;
        Some((i64::from(topic.count) - existing).max(0))
    };
    if topics.filter_map(additional).sum::<i64>() > RECORDS_MAX as i64 {
        let message = "Excessively large number of additional partitions per request.";
        return Err(ApiError::new(ErrorCode::PolicyViolation, message));
    }
    Ok(())
}

fn result_of(
    name: &TopicName,
    outcome: &Result<Vec<MetadataRecord>, ApiError>,
) -> CreatePartitionsTopicResult {
    let (code, message) = code_and_message(outcome);
    CreatePartitionsTopicResult::default()
        .with_name(name.clone())
        .with_error_code(code)
        .with_error_message(message)
}

fn create_partitions(
    request: &CreatePartitionsTopic,
    image: &MetadataImage,
    ctx: &mut DecideContext<'_>,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let topic = image
        .topics
        .by_name(&request.name.0)
        .ok_or_else(|| ApiError::bare(ErrorCode::UnknownTopicOrPartition))?;
    let existing = topic.partitions.len() as i32;
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidPartitions, message);
    if request.count == existing {
        return Err(invalid(format!("Topic already has {existing} partition(s).")));
    }
    if request.count < existing {
        return Err(invalid(format!(
            "The topic {} currently has {existing} partition(s); {} would not be an increase.",
            &*request.name.0, request.count
        )));
    }
    let additional = request.count - existing;
    let replication_factor = topic
        .partitions
        .first()
        .map_or(0, |partition| partition.replicas.len());
    let assignments = match &request.assignments {
        None => assignment::place(image, additional, replication_factor as i16, ctx.random)?,
        Some(given) if given.len() as i32 != additional => {
            let message = format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                given.len()
            );
            return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        Some(given) => {
            let mut assignments = Vec::with_capacity(given.len());
            for (id, replicas) in (existing..).zip(given) {
                let replicas: Vec<i32> = replicas.broker_ids.iter().map(|broker| broker.0).collect();
                assignment::validate(&replicas, Some(replication_factor), image)?;
                assignments.push(Assignment::new(replicas, image).ok_or_else(|| assignment::all_fenced(id))?);
            }
            assignments
        }
    };
    Ok((existing..)
        .zip(&assignments)
        .map(|(id, assigned)| assigned.record(topic.id, id, image))
        .collect())
}
