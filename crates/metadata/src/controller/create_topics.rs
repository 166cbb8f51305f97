//! CreateTopics (key 19): new topics, their partitions and configs. Kafka's
//! `ReplicationControlManager.createTopics`.

use std::collections::{BTreeMap, BTreeSet};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::create_topics_response::CreatableTopicResult;
use barnabas_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};
use uuid::Uuid;

use serde::{Deserialize, Serialize};

use super::alter_configs::check_configs;
use super::assignment::{self, Assignment};
use super::{
    ApiError, Decide, DecideContext, Decision, RECORDS_MAX, check_deadline, too_many_records, topic_name,
    wire,
};
use crate::image::{ConfigMap, MetadataImage};
use crate::records::{ConfigResource, MetadataRecord};

const PARTITIONS_MAX: i64 = 10_000;

/// Creates topics.
///
/// The reply's `configs` stay empty: the effective configs of a new topic are the broker's to describe. An
/// error is about the whole request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateTopics(#[serde(with = "wire::request")] pub CreateTopicsRequest);

impl Decide for CreateTopics {
    type Reply = Result<CreateTopicsResponse, ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        match create_topics(&self.0, image, ctx) {
            Ok((records, response)) => Decision {
                records,
                reply: Ok(response),
            },
            Err(error) => Decision {
                records: Vec::new(),
                reply: Err(error),
            },
        }
    }
}

fn create_topics(
    request: &CreateTopicsRequest,
    image: &MetadataImage,
    ctx: &mut DecideContext<'_>,
) -> Result<(Vec<MetadataRecord>, CreateTopicsResponse), ApiError> {
    let mut seen = BTreeSet::new();
    let duplicates: BTreeSet<&TopicName> = request
        .topics
        .iter()
        .map(|topic| &topic.name)
        .filter(|name| !seen.insert(*name))
        .collect();
    let single: Vec<&CreatableTopic> = request
        .topics
        .iter()
        .filter(|topic| !duplicates.contains(&topic.name))
        .collect();
    let (prohibited, allowed): (Vec<&CreatableTopic>, Vec<&CreatableTopic>) = single
        .into_iter()
        .partition(|topic| *topic.name.0 == *topic_name::CLUSTER_METADATA_TOPIC_NAME);
    if !allowed.is_empty() {
        check_deadline(request.timeout_ms)?;
    }
    check_partition_total(&allowed, ctx)?;

    let mut records = Vec::new();
    let mut response = CreateTopicsResponse::default();
    for topic in allowed {
        let outcome = create_topic(topic, image, ctx);
        response.topics.push(match outcome {
            Ok(created) => {
                records.extend(created.records);
                created.result
            }
            Err(error) => refused(&topic.name, &error),
        });
        if records.len() > RECORDS_MAX {
            return Err(too_many_records());
        }
    }
    let duplicate = ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
    response
        .topics
        .extend(duplicates.into_iter().map(|name| refused(name, &duplicate)));
    let message = "Creation of internal topic __cluster_metadata is prohibited.";
    let metadata_log = ApiError::new(ErrorCode::InvalidRequest, message);
    response.topics.extend(
        prohibited
            .into_iter()
            .map(|topic| refused(&topic.name, &metadata_log)),
    );
    if request.validate_only {
        records.clear();
    }
    Ok((records, response))
}

fn refused(name: &TopicName, error: &ApiError) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(name.clone())
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
        .with_configs(Some(Vec::new()))
}

fn check_partition_total(topics: &[&CreatableTopic], ctx: &DecideContext<'_>) -> Result<(), ApiError> {
    let partitions = |topic: &CreatableTopic| match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => i64::from(ctx.settings.default_num_partitions),
        (0, number) => i64::from(number.max(0)),
        (number, _) => number as i64,
    };
    if topics.iter().map(|topic| partitions(topic)).sum::<i64>() > PARTITIONS_MAX {
        let message = "Excessively large number of partitions per request.";
        return Err(ApiError::new(ErrorCode::PolicyViolation, message));
    }
    Ok(())
}

struct Created {
    records: Vec<MetadataRecord>,
    result: CreatableTopicResult,
}

fn create_topic(
    topic: &CreatableTopic,
    image: &MetadataImage,
    ctx: &mut DecideContext<'_>,
) -> Result<Created, ApiError> {
    check_name(&topic.name.0, image)?;
    let configs = topic_configs(topic)?;
    let resource = ConfigResource::topic(&*topic.name.0);
    if !configs.is_empty() {
        check_configs(&resource, &configs, image, ctx)?;
    }
    let partitions = if topic.assignments.is_empty() {
        placed_partitions(topic, image, ctx)?
    } else {
        assigned_partitions(topic, image)?
    };

    let topic_id = ctx.random.uuid();
    let mut records = vec![MetadataRecord::Topic {
        name: topic.name.to_string(),
        topic_id,
    }];
    records.extend(configs.into_iter().map(|(name, value)| MetadataRecord::Config {
        resource: resource.clone(),
        name,
        value: Some(value),
    }));
    records.extend(
        (0..)
            .zip(&partitions)
            .map(|(id, partition)| partition.record(topic_id, id, image)),
    );
    let result = result_of(topic, topic_id, &partitions);
    Ok(Created { records, result })
}

fn result_of(topic: &CreatableTopic, topic_id: Uuid, partitions: &[Assignment]) -> CreatableTopicResult {
    let replication_factor = partitions.first().map_or(0, |partition| partition.replicas.len());
    CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_message(None)
        .with_topic_id(topic_id)
        .with_num_partitions(partitions.len() as i32)
        .with_replication_factor(replication_factor as i16)
        .with_configs(Some(Vec::new()))
}

fn check_name(name: &str, image: &MetadataImage) -> Result<(), ApiError> {
    if image.topics.by_name(name).is_some() {
        let message = format!("Topic '{name}' already exists.");
        return Err(ApiError::new(ErrorCode::TopicAlreadyExists, message));
    }
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidTopicException, message);
    if topic_name::has_collision_chars(name)
        && let Some(other) = image
            .topics
            .iter()
            .find(|other| topic_name::collide(&other.name, name))
    {
        return Err(invalid(format!(
            "Topic '{name}' collides with existing topic: {}",
            other.name
        )));
    }
    topic_name::validate(name).map_err(invalid)
}

/// The configs that a new topic is to have; of several values for one name the last counts.
fn topic_configs(topic: &CreatableTopic) -> Result<ConfigMap, ApiError> {
    let unset: Vec<&str> = topic
        .configs
        .iter()
        .filter(|config| config.value.is_none())
        .map(|config| &*config.name)
        .collect();
    if !unset.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", unset.join(","));
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    let set = topic
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())));
    Ok(set.collect())
}

fn assigned_partitions(topic: &CreatableTopic, image: &MetadataImage) -> Result<Vec<Assignment>, ApiError> {
    let invalid_request = |field: &str| {
        let message = format!("A manual partition assignment was specified, but {field} was not set to -1.");
        Err(ApiError::new(ErrorCode::InvalidRequest, message))
    };
    if topic.replication_factor != -1 {
        return invalid_request("replication factor");
    }
    if topic.num_partitions != -1 {
        return invalid_request("numPartitions");
    }
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidReplicaAssignment, message);
    let mut partitions = BTreeMap::new();
    let mut replication_factor = None;
    for assignment in &topic.assignments {
        let id = assignment.partition_index;
        if partitions.contains_key(&id) {
            return Err(invalid(format!(
                "Found multiple manual partition assignments for partition {id}"
            )));
        }
        let replicas: Vec<i32> = assignment.broker_ids.iter().map(|broker| broker.0).collect();
        assignment::validate(&replicas, replication_factor, image)?;
        replication_factor = Some(replicas.len());
        let assigned = Assignment::new(replicas, image).ok_or_else(|| assignment::all_fenced(id))?;
        partitions.insert(id, assigned);
    }
    if !partitions.keys().copied().eq(0..partitions.len() as i32) {
        return Err(invalid(
            "partitions should be a consecutive 0-based integer sequence".to_owned(),
        ));
    }
    Ok(partitions.into_values().collect())
}

fn placed_partitions(
    topic: &CreatableTopic,
    image: &MetadataImage,
    ctx: &mut DecideContext<'_>,
) -> Result<Vec<Assignment>, ApiError> {
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        let message = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
    }
    if topic.num_partitions < -1 || topic.num_partitions == 0 {
        let message = "Number of partitions was set to an invalid non-positive value.";
        return Err(ApiError::new(ErrorCode::InvalidPartitions, message));
    }
    let or_default = |given: i32, default: i32| if given == -1 { default } else { given };
    let partitions = or_default(topic.num_partitions, ctx.settings.default_num_partitions);
    let default_factor = ctx.settings.default_replication_factor;
    let replication_factor = if topic.replication_factor == -1 {
        default_factor
    } else {
        topic.replication_factor
    };
    assignment::place(image, partitions, replication_factor, ctx.random).map_err(|error| {
        let reason = error.message.unwrap_or_default();
        let message = format!("Unable to replicate the partition {replication_factor} time(s): {reason}");
        ApiError::new(ErrorCode::InvalidReplicationFactor, message)
    })
}
