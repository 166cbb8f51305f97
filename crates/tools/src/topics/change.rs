//! Creating, growing and deleting topics.

use std::collections::BTreeSet;

use barnabas_config::{ConfigResource, ConfigResourceType, ControllerRules, Layers, Settings};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use barnabas_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use barnabas_protocol::messages::delete_topics_request::DeleteTopicState;
use barnabas_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
};

use super::{ensure_exists, matching};
use crate::arguments::Options;
use crate::client::{Cluster, KafkaError, To, topic_name, wire};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// What the controller may take for it.
const TIMEOUT_MS: i32 = 30_000;

/// Creates the topic.
pub fn create(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let name = options.value("topic")?.unwrap_or_default();
    let partitions: Option<i32> = options.number("partitions")?;
    let replicas: Option<i32> = options.number("replication-factor")?;
    let assignment = assignment(options)?;
    let configs = configs(options)?;
    if name.contains(['.', '_']) {
        console.line(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could \
             collide. To avoid issues it is best to use either, but not both.",
        );
    }
    let replicas = match replicas {
        None => -1,
        Some(count) => i16::try_from(count)
            .ok()
            .filter(|count| *count >= 1)
            .ok_or_else(|| {
                Failure::Said("The replication factor must be between 1 and 32767 inclusive".to_owned())
            })?,
    };
    if partitions.is_some_and(|count| count < 1) {
        return said("The partitions must be greater than 0");
    }
    if name.is_empty() {
        let unspeakable = "The given topic name '' cannot be represented in a request.";
        return Err(KafkaError::new(ErrorCode::InvalidTopicException, unspeakable).into());
    }
    let configs = configs.into_iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(wire(&name))
            .with_value(Some(wire(&value)))
    });
    let placed = assignment.iter().enumerate().map(|(index, brokers)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index as i32)
            .with_broker_ids(brokers.iter().map(|id| BrokerId(*id)).collect())
    });
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions.unwrap_or(-1))
        .with_replication_factor(replicas)
        .with_assignments(placed.collect())
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(TIMEOUT_MS);
    let created = cluster.retry("createTopics", || {
        let response = cluster.ask(To::Controller, "createTopics", &request)?;
        let check = |topic: &barnabas_protocol::messages::create_topics_response::CreatableTopicResult| {
            KafkaError::check(topic.error_code, topic.error_message.as_deref())
        };
        for_good(response.topics.iter().try_for_each(check))
    });
    match created.and_then(|created| created) {
        Ok(()) => console.line(format!("Created topic {name}.")),
        Err(error) if error.is(ErrorCode::TopicAlreadyExists) && options.has("if-not-exists") => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Only what another controller would do better is asked for again.
fn for_good(answer: Result<(), KafkaError>) -> Result<Result<(), KafkaError>, KafkaError> {
    match answer {
        Err(error) if error.is(ErrorCode::NotController) => Err(error),
        answer => Ok(answer),
    }
}

/// Gives topics more partitions.
pub fn alter(options: &Options, cluster: &Cluster) -> Outcome {
    let partitions: i32 = options.number("partitions")?.unwrap_or_default();
    let assignment = assignment(options)?;
    let topics = matching(options, cluster)?;
    ensure_exists(options, &topics)?;
    if topics.is_empty() {
        return Ok(());
    }
    let known = if assignment.is_empty() {
        Vec::new()
    } else {
        cluster.describe_topics(&topics, 2000)?
    };
    let more = topics.iter().map(|name| {
        let placed = known.iter().find(|topic| topic.name == *name).map(|topic| {
            let added = assignment.iter().skip(topic.partitions.len());
            let added = added.map(|brokers| {
                let ids = brokers.iter().map(|id| BrokerId(*id)).collect();
                CreatePartitionsAssignment::default().with_broker_ids(ids)
            });
            added.collect()
        });
        CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(partitions)
            .with_assignments(placed)
    });
    let request = CreatePartitionsRequest::default()
        .with_topics(more.collect())
        .with_timeout_ms(TIMEOUT_MS);
    let answered = cluster.retry("createPartitions", || {
        let response = cluster.ask(To::Controller, "createPartitions", &request)?;
        let mut results = response.results.iter();
        for_good(
            results.try_for_each(|topic| KafkaError::check(topic.error_code, topic.error_message.as_deref())),
        )
    });
    Ok(answered.and_then(|answered| answered)?)
}

/// Deletes topics.
pub fn delete(options: &Options, cluster: &Cluster) -> Outcome {
    let topics = matching(options, cluster)?;
    ensure_exists(options, &topics)?;
    if topics.is_empty() {
        return Ok(());
    }
    let request = |version| {
        let request = DeleteTopicsRequest::default().with_timeout_ms(TIMEOUT_MS);
        if version >= 6 {
            let state = |name: &String| DeleteTopicState::default().with_name(Some(topic_name(name)));
            request.with_topics(topics.iter().map(state).collect())
        } else {
            request.with_topic_names(topics.iter().map(|name| topic_name(name)).collect())
        }
    };
    let answered = cluster.retry("deleteTopics", || {
        let (_, response) = cluster.ask_with(To::Controller, "deleteTopics", request)?;
        let mut results = response.responses.iter();
        for_good(
            results.try_for_each(|topic| KafkaError::check(topic.error_code, topic.error_message.as_deref())),
        )
    });
    Ok(answered.and_then(|answered| answered)?)
}

/// `--replica-assignment`: the brokers of each partition.
fn assignment(options: &Options) -> Outcome<Vec<Vec<i32>>> {
    let list = options.value("replica-assignment")?.unwrap_or_default();
    let mut partitions: Vec<Vec<i32>> = Vec::new();
    for (index, brokers) in list.split(',').filter(|_| !list.is_empty()).enumerate() {
        let id = |text: &str| {
            let text = text.trim();
            text.parse()
                .map_err(|_| Failure::Said(format!("For input string: \"{text}\"")))
        };
        let brokers: Vec<i32> = brokers.split(':').map(id).collect::<Outcome<_>>()?;
        let mut seen = BTreeSet::new();
        let twice: BTreeSet<i32> = brokers.iter().copied().filter(|id| !seen.insert(*id)).collect();
        if !twice.is_empty() {
            let twice: Vec<String> = twice.iter().map(i32::to_string).collect();
            return said(format!(
                "Partition replica lists may not contain duplicate entries: {}",
                twice.join(",")
            ));
        }
        if partitions
            .first()
            .is_some_and(|first| first.len() != brokers.len())
        {
            return said(format!(
                "Partition {index} has different replication factor: {brokers:?}"
            ));
        }
        partitions.push(brokers);
    }
    Ok(partitions)
}

/// `--config`: the settings, checked as Kafka's tool does before it asks.
fn configs(options: &Options) -> Outcome<Settings> {
    let mut configs = Settings::new();
    for given in options.values("config") {
        let parts: Vec<&str> = given.trim_end_matches('=').split('=').map(str::trim).collect();
        let [name, value] = parts[..] else {
            return said(
                "requirement failed: Invalid topic config: all configs to be added must be in the format \
                 \"key=val\".",
            );
        };
        configs.insert(name.to_owned(), value.to_owned());
    }
    let topic = ConfigResource {
        kind: ConfigResourceType::Topic,
        name: "topic".to_owned(),
    };
    let rules = ControllerRules::new(Layers::of_static(Settings::new()));
    match rules.validate(&topic, &configs) {
        Ok(()) => Ok(configs),
        Err(refusal) => said(refusal.message),
    }
}
