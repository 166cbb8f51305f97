//! Topics at the start: what is missing is created before the node says that it is ready, what exists is left
//! alone or, where that is asked for, brought to what is given.
//!
//! Everything is asked of the controller without effect first: of a list with a mistake nothing is done.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_broker::broker::Broker;
use barnabas_config::load::StartSettings;
use barnabas_config::start_topics::StartTopic;
use barnabas_config::{ConfigResource, Layers, Settings, validate};
use barnabas_metadata::controller::{AlterConfigs, CreatePartitions, CreateTopics, topic_name};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, StrBytes, TopicName};
use tokio::time::{Instant, sleep};

/// So long the other brokers of a cluster may take to come, whose replicas are asked for.
const BROKERS_WITHIN: Duration = Duration::from_secs(60);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
const TIMEOUT_MS: i32 = 30_000;

/// What is wanted, and how.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The topics.
    pub topics: Vec<StartTopic>,
    /// Whether what exists is changed.
    pub apply: bool,
    /// Whether other brokers may still come that replicas are for.
    pub waits_for_brokers: bool,
}

impl Wanted {
    /// The topics of these settings, of a list without a mistake that can be seen before the node is.
    ///
    /// # Errors
    /// A sentence about the first topic that can't be had.
    pub fn of(settings: &mut StartSettings, apply: bool) -> Result<Self, String> {
        let wanted = Wanted {
            topics: std::mem::take(&mut settings.topics),
            apply,
            waits_for_brokers: !settings.quorum.is_alone(),
        };
        let mut folders = settings.data_dirs.iter();
        let is_founded = folders.any(|folder| folder.join("meta.properties").exists());
        check(&wanted, &settings.layers, is_founded)?;
        Ok(wanted)
    }
}

/// Finds mistakes that the list alone shows, before anything is written; `is_founded` says whether this node
/// has worked before.
fn check(wanted: &Wanted, layers: &Layers, is_founded: bool) -> Result<(), String> {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for topic in &wanted.topics {
        let refused = |why: String| format!("topic {} could not be created: {why}", topic.name);
        topic_name::validate(&topic.name).map_err(refused)?;
        // As Apache Kafka: dots and underscores are one in the names of metrics.
        if let Some(other) = names.insert(topic.name.replace('.', "_"), &topic.name) {
            return Err(refused(match other == topic.name {
                true => "it is in the list twice".to_owned(),
                false => format!("Topic '{}' collides with existing topic: {other}", topic.name),
            }));
        }
        let configs: Settings = topic.configs.iter().cloned().collect();
        validate::topic(layers, &configs).map_err(|refusal| refused(refusal.message))?;
        // What is there already may have come to be with other brokers.
        let replicas = topic.replicas.filter(|replicas| *replicas > 1);
        if let Some(replicas) = replicas.filter(|_| !is_founded && !wanted.waits_for_brokers) {
            return Err(refused(format!(
                "Unable to replicate the partition {replicas} time(s): there is this broker alone"
            )));
        }
    }
    Ok(())
}

/// Has all topics in the image when it returns.
///
/// # Errors
/// A sentence about the first that can't be had.
pub async fn have(broker: &Broker, wanted: &Wanted) -> Result<(), String> {
    if wanted.topics.is_empty() {
        return Ok(());
    }
    let exists = |topic: &&StartTopic| broker.image().topics.by_name(&topic.name).is_some();
    let (existing, missing): (Vec<&StartTopic>, Vec<&StartTopic>) = wanted.topics.iter().partition(exists);
    if wanted.apply {
        change(broker, &existing, true).await?;
    }
    create_when_possible(broker, &missing, wanted.waits_for_brokers).await?;
    if wanted.apply {
        change(broker, &existing, false).await?;
    }
    Ok(())
}

async fn create_when_possible(broker: &Broker, topics: &[&StartTopic], waits: bool) -> Result<(), String> {
    if topics.is_empty() {
        return Ok(());
    }
    let deadline = Instant::now() + BROKERS_WITHIN;
    let mut told = false;
    loop {
        match create(broker, topics, true).await {
            Ok(()) => return create(broker, topics, false).await.map_err(|refused| refused.why),
            Err(refused) if waits && refused.may_pass && Instant::now() < deadline => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!("waiting for other brokers: {}", refused.why);
                }
                sleep(ASK_AGAIN_AFTER).await;
            }
            Err(refused) => return Err(refused.why),
        }
    }
}

struct Refused {
    why: String,
    /// Whether it is for want of brokers that may come.
    may_pass: bool,
}

impl Refused {
    fn finally(why: String) -> Self {
        Refused { why, may_pass: false }
    }
}

async fn create(broker: &Broker, topics: &[&StartTopic], validate_only: bool) -> Result<(), Refused> {
    let request = CreateTopicsRequest::default()
        .with_topics(topics.iter().map(|topic| creatable(topic)).collect())
        .with_timeout_ms(TIMEOUT_MS)
        .with_validate_only(validate_only);
    let answer = broker.controller.submit(CreateTopics(request)).await;
    let response = answer
        .map_err(|error| Refused::finally(format!("topics could not be created: {error}")))?
        .map_err(|error| Refused::finally(format!("topics could not be created: {}", error)))?;
    // The other nodes of a cluster have the same list, and somebody is first.
    let is_there = [0, ErrorCode::TopicAlreadyExists.code()];
    let refused = response
        .topics
        .iter()
        .find(|topic| !is_there.contains(&topic.error_code));
    if let Some(topic) = refused {
        let reason = topic.error_message.as_deref().unwrap_or("the controller refuses");
        return Err(Refused {
            why: format!("topic {} could not be created: {reason}", &*topic.name.0),
            may_pass: topic.error_code == ErrorCode::InvalidReplicationFactor.code(),
        });
    }
    if !validate_only {
        for topic in &response.topics {
            let (topic, partitions) = (&*topic.name.0, topic.num_partitions);
            tracing::info!(topic, partitions, "created, as the settings ask for it");
        }
    }
    Ok(())
}

fn creatable(topic: &StartTopic) -> CreatableTopic {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let config = |(name, value): &(String, String)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    };
    CreatableTopic::default()
        .with_name(TopicName(text(&topic.name)))
        .with_num_partitions(topic.partitions.unwrap_or(-1))
        .with_replication_factor(topic.replicas.unwrap_or(-1))
        .with_configs(topic.configs.iter().map(config).collect())
}

/// Gives topics exactly the settings of the list, and the partitions that they lack.
async fn change(broker: &Broker, topics: &[&StartTopic], validate_only: bool) -> Result<(), String> {
    let image = broker.image();
    let mut grown = Vec::new();
    for topic in topics {
        let Some(existing) = image.topics.by_name(&topic.name) else {
            continue;
        };
        let count = i32::try_from(existing.partitions.len()).unwrap_or(i32::MAX);
        match topic.partitions {
            Some(wanted) if wanted < count => {
                return Err(format!(
                    "topic {} has {count} partitions, and partitions cannot be taken away to make it {wanted}",
                    topic.name
                ));
            }
            Some(wanted) if wanted > count => {
                let name = TopicName(StrBytes::from_string(topic.name.clone()));
                let asked = CreatePartitionsTopic::default()
                    .with_name(name)
                    .with_count(wanted);
                grown.push(asked.with_assignments(None));
            }
            _ => {}
        }
    }
    drop(image);
    let resources = topics.iter().map(|topic| {
        let configs = topic
            .configs
            .iter()
            .map(|(name, value)| (name.clone(), Some(value.clone())));
        (ConfigResource::topic(&topic.name), configs.collect())
    });
    let request = AlterConfigs {
        resources: resources.collect(),
        validate_only,
    };
    let failed = |why: &dyn std::fmt::Display| format!("topics could not be changed: {why}");
    let answer = broker
        .controller
        .submit(request)
        .await
        .map_err(|error| failed(&error))?;
    for (resource, outcome) in answer.map_err(|error| failed(&error))? {
        outcome.map_err(|error| format!("topic {} could not be changed: {}", resource.name, error))?;
    }
    if grown.is_empty() {
        return Ok(());
    }
    let request = CreatePartitionsRequest::default()
        .with_topics(grown)
        .with_timeout_ms(TIMEOUT_MS)
        .with_validate_only(validate_only);
    let answer = broker
        .controller
        .submit(CreatePartitions(request))
        .await
        .map_err(|error| failed(&error))?;
    for result in answer.map_err(|error| failed(&error))? {
        if result.error_code != 0 {
            let reason = result
                .error_message
                .as_deref()
                .unwrap_or("the controller refuses");
            return Err(format!(
                "topic {} gets no more partitions: {reason}",
                &*result.name.0
            ));
        }
    }
    Ok(())
}
