//! Where dead letters go, and whether they may.

use barnabas_metadata::controller::CreateTopics;
use barnabas_metadata::image::MetadataImage;
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::{CreateTopicsRequest, Request, StrBytes, TopicName};

use crate::broker::Broker;
use crate::broker_peers::Purpose;
use crate::share::ShareSettings;
use crate::share::held::ShareKey;

/// A topic takes dead letters if this is set for it.
const ENABLED: &str = "errors.deadletterqueue.group.enable";
/// Bytes of a batch where the topic's limit is not known here: Apache Kafka's own default.
const BYTES_MAX: usize = 1024 * 1024;

/// A partition that takes dead letters.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its topic.
    pub topic: String,
    /// Its index: that of the record's partition, as far as the topic has so many.
    pub partition: i32,
    /// The broker that leads it.
    pub leader: i32,
    /// Bytes of a batch.
    pub bytes_max: usize,
    /// Whether dead letters have the keys and values of the records.
    pub copies: bool,
}

impl Destination {
    /// Asks the broker that leads the partition.
    ///
    /// # Errors
    /// NETWORK_EXCEPTION if it has not answered.
    pub async fn ask<R: Request>(
        &self,
        broker: &Broker,
        version: i16,
        request: &R,
    ) -> Result<R::Response, ErrorCode> {
        let (image, peers) = (broker.image().clone(), broker.peers());
        let asked = peers.ask(&image, self.leader, Purpose::DeadLetters, version, request);
        asked.await.map_err(|_| ErrorCode::NetworkException)
    }
}

/// Why there is no destination.
pub enum Unusable {
    /// It may be there later.
    Now(String),
    /// What is set makes it so: Apache Kafka gives the dead letters up.
    AsSet(String),
}

/// Where the dead letters of a share partition go. A topic that is missing is created, if that is allowed.
///
/// # Errors
/// There is none, now or as things are set.
pub async fn of(broker: &Broker, key: &ShareKey, settings: &ShareSettings) -> Result<Destination, Unusable> {
    let as_set = |reason: &str| Err(Unusable::AsSet(reason.to_owned()));
    let Some(topic) = &settings.dead_letter_topic else {
        return as_set("the group has no dead letter topic any more");
    };
    let (prefix, creates) = {
        let config = broker.config();
        (
            config.errors_deadletterqueue_topic_name_prefix.clone(),
            config.errors_deadletterqueue_auto_create_topics_enable,
        )
    };
    if topic.starts_with("__") {
        return as_set("the dead letter topic's name begins with __");
    }
    if !topic.starts_with(&prefix) {
        return as_set(
            "the dead letter topic's name does not begin with errors.deadletterqueue.topic.name.prefix",
        );
    }
    if broker.image().topics.by_name(topic).is_none() {
        if !creates {
            return as_set(
                "there is no dead letter topic, and errors.deadletterqueue.auto.create.topics.enable is false",
            );
        }
        create(broker, topic).await?;
    }
    let image = broker.image().clone();
    if !is_enabled(&image, topic) {
        return as_set("errors.deadletterqueue.group.enable of the dead letter topic is false");
    }
    let found = image.topics.by_name(topic);
    let count = found.map_or(0, |found| found.partitions.len());
    let index = i32::try_from(count)
        .ok()
        .and_then(|count| key.partition.checked_rem(count));
    let partition = index.and_then(|index| image.topics.partition(topic, index));
    let (Some(index), Some(partition)) = (index, partition) else {
        return Err(Unusable::Now(format!("{topic} has no partitions yet")));
    };
    if image.alive_broker(partition.leader).is_none() && partition.leader != broker.node_id {
        return Err(Unusable::Now(format!("{topic}-{index} has no leader")));
    }
    let bytes_max = match broker.partitions().by_name(topic, index) {
        Ok(local) => local.settings().config.max_message_bytes,
        Err(_) => i32::try_from(BYTES_MAX).unwrap_or(i32::MAX),
    };
    Ok(Destination {
        topic: topic.clone(),
        partition: index,
        leader: partition.leader,
        bytes_max: usize::try_from(bytes_max).unwrap_or(0).min(BYTES_MAX),
        copies: settings.dead_letters_copy,
    })
}

fn is_enabled(image: &MetadataImage, topic: &str) -> bool {
    let resource = ConfigResource::new(ConfigResourceType::Topic, topic);
    let own = image.configs.get(&resource).and_then(|own| own.get(ENABLED));
    own.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

async fn create(broker: &Broker, topic: &str) -> Result<(), Unusable> {
    let config = |name: &'static str, value: &'static str| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_static_str(value)))
    };
    let creatable = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_configs(vec![
            config(ENABLED, "true"),
            config("message.timestamp.type", "CreateTime"),
        ]);
    let request = CreateTopicsRequest::default().with_topics(vec![creatable]);
    let later = |reason: String| Err(Unusable::Now(format!("{topic} was not created: {reason}")));
    let response = match broker.controller.submit(CreateTopics(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return later(error.to_string()),
        Err(error) => return later(error.to_string()),
    };
    let fine = [ErrorCode::None.code(), ErrorCode::TopicAlreadyExists.code()];
    match response.topics.first() {
        Some(created) if fine.contains(&created.error_code) => {
            tracing::info!(topic, "created for dead letters");
            Ok(())
        }
        Some(refused) => later(refused.error_message.as_deref().unwrap_or_default().to_owned()),
        None => later("the controller says nothing".to_owned()),
    }
}
