//! DescribeTopicPartitions (key 75): topics and their partitions in pages (KIP-966).
//!
//! Version 0. Topics come sorted by name; the answer ends after so many partitions, and a cursor says where
//! to go on. Errors of a topic: TOPIC_AUTHORIZATION_FAILED where it is asked for by name,
//! UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION; of all topics: INVALID_REQUEST for a cursor that fits
//! none.

use std::collections::BTreeSet;

use barnabas_metadata::controller::topic_name;
use barnabas_metadata::image::{PartitionImage, TopicImage};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use barnabas_protocol::messages::{
    BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, StrBytes, TopicName,
};
use barnabas_security::{AclOperation, ResourceType};

use crate::broker::Broker;
use crate::request::{RequestContext, offline_replicas};

/// Answers from the latest image.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = broker.image();
    let (first, first_partition) = match &request.cursor {
        Some(cursor) => (&*cursor.topic_name.0, cursor.partition_index),
        None => ("", 0),
    };
    let all = request.topics.is_empty();
    let names: BTreeSet<&str> = match all {
        true => image
            .topics
            .iter()
            .map(|topic| &*topic.name)
            .filter(|name| *name >= first)
            .collect(),
        false => request
            .topics
            .iter()
            .map(|topic| &*topic.name.0)
            .filter(|name| *name >= first)
            .collect(),
    };
    if request.cursor.is_some() && (first_partition < 0 || (!all && !names.contains(first))) {
        return refused(&request, ErrorCode::InvalidRequest);
    }
    // Apache Kafka can't say what one may do with a topic without a name, and says so for all.
    if names.contains("") {
        return refused(&request, ErrorCode::UnknownServerError);
    }
    let rights = broker.rights(context);
    let (names, forbidden): (Vec<&str>, Vec<&str>) = names
        .into_iter()
        .partition(|name| rights.on_topic(AclOperation::Describe, name));
    let page = broker
        .config()
        .max_request_partition_size_limit
        .min(request.response_partition_limit)
        .max(1);
    let mut left = usize::try_from(page).unwrap_or(1);
    let mut response = DescribeTopicPartitionsResponse::default();
    let operations = |name: &str| rights.operations(ResourceType::Topic, name);
    for name in names {
        if left == 0 {
            response.next_cursor = Some(cursor(name, 0));
            break;
        }
        let Some(topic) = image.topics.by_name(name) else {
            response
                .topics
                .push(missing(name).with_topic_authorized_operations(operations(name)));
            continue;
        };
        let start = if name == first { first_partition } else { 0 };
        let described = describe(
            broker,
            &context.connection.listener.name,
            topic,
            usize::try_from(start).unwrap_or(0),
            left,
        )
        .with_topic_authorized_operations(operations(name));
        // Apache Kafka counts in 32 bits: behind the greatest index of all its next cursor is negative.
        let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        let end = start.wrapping_add(left as i32).min(partitions);
        left -= described.partitions.len();
        response.topics.push(described);
        if end < partitions {
            response.next_cursor = Some(cursor(name, end));
            break;
        }
    }
    // Of all topics, those that the client may not see are left out.
    response.topics.extend(
        forbidden
            .into_iter()
            .filter(|_| !all)
            .map(|name| error_of(name, ErrorCode::TopicAuthorizationFailed)),
    );
    response
}

fn error_of(name: &str, error: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(topic_name_of(name)))
}

fn refused(request: &DescribeTopicPartitionsRequest, error: ErrorCode) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter().map(|topic| {
        DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(topic.name.clone()))
            .with_error_code(error.code())
    });
    DescribeTopicPartitionsResponse::default().with_topics(topics.collect())
}

fn cursor(topic: &str, partition: i32) -> Cursor {
    Cursor::default()
        .with_topic_name(topic_name_of(topic))
        .with_partition_index(partition)
}

fn topic_name_of(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn missing(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = match topic_name::validate(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    error_of(name, error).with_is_internal(topic_name::is_internal(name))
}

fn describe(
    broker: &Broker,
    listener: &str,
    topic: &TopicImage,
    start: usize,
    count: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let numbered = (0..).zip(&topic.partitions).skip(start).take(count);
    let image = broker.image();
    let partitions = numbered.map(|(index, partition)| {
        let offline_here = broker.partitions().is_offline(&topic.id, index);
        let reachable = |id: i32| {
            let alive = image.alive_broker(id);
            alive.is_some_and(|alive| alive.endpoint(listener).is_some())
                && !(offline_here && id == broker.node_id)
        };
        let mut offline = offline_replicas(&image, partition, listener);
        if offline_here && !offline.contains(&broker.node_id) {
            offline.push(broker.node_id);
        }
        describe_partition(reachable, offline, index, partition)
    });
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(topic_name_of(&topic.name)))
        .with_topic_id(topic.id)
        .with_is_internal(topic_name::is_internal(&topic.name))
        .with_partitions(partitions.collect())
}

fn describe_partition(
    reachable: impl Fn(i32) -> bool,
    offline: Vec<i32>,
    index: i32,
    partition: &PartitionImage,
) -> DescribeTopicPartitionsResponsePartition {
    let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
    // A leader that can't be reached isn't an error here, it is only not named.
    let leader = if reachable(partition.leader) {
        partition.leader
    } else {
        -1
    };
    DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(BrokerId(leader))
        .with_leader_epoch(partition.leader_epoch)
        .with_replica_nodes(ids(&partition.replicas))
        .with_isr_nodes(ids(&partition.isr))
        .with_eligible_leader_replicas(Some(ids(&partition.eligible_leader_replicas)))
        .with_last_known_elr(Some(ids(&partition.last_known_elr)))
        .with_offline_replicas(ids(&offline))
}
