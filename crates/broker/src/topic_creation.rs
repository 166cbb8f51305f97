//! Topics that are created because somebody asks for them: by naming them in Metadata, or as a member of a
//! streams group that needs them. Kafka's `AutoTopicCreationManager`.

use std::rc::Rc;

use barnabas_controller::admin::{AdminNode, k19_create_topics};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, StrBytes, TopicName};

use crate::broker::Broker;
use crate::request::RequestContext;
use barnabas_config::{BrokerConfig, Settings};
use barnabas_metadata::internal_topics;

/// Creates topics with the settings that fit them. When it returns, those that could be created are in the
/// image; why the others couldn't goes to the log only, as whoever asked will find them missing.
pub async fn create_topics(broker: &Broker, context: &RequestContext, names: impl IntoIterator<Item = &str>) {
    let topics: Vec<CreatableTopic> = {
        let (config, layers) = (broker.config(), broker.metadata.layers());
        names
            .into_iter()
            .map(|name| creatable(name, &config, layers.static_settings()))
            .collect()
    };
    if topics.is_empty() {
        return;
    }
    for topic in &create_for(broker, context, topics).await.topics {
        if topic.error_code == 0 {
            let (topic, partitions) = (&*topic.name.0, topic.num_partitions);
            tracing::info!(topic, partitions, "created, since a client asked for it");
            continue;
        }
        // Somebody else was quicker: what was wanted is there.
        if topic.error_code != ErrorCode::TopicAlreadyExists.code() {
            let reason = topic.error_message.as_deref().unwrap_or_default();
            tracing::warn!(topic = &*topic.name.0, reason, "a topic could not be created");
        }
    }
}

/// Creates internal topics of a Kafka Streams application. When it returns, those that could be created are
/// in the image; the others come back, each with why.
pub async fn create_internal_topics(
    broker: &Broker,
    context: &RequestContext,
    topics: Vec<CreatableTopic>,
) -> Vec<(String, String)> {
    let response = create_for(broker, context, topics).await;
    // Somebody else may have been quicker: what was wanted is there then.
    let fine = [ErrorCode::None.code(), ErrorCode::TopicAlreadyExists.code()];
    let refused = response
        .topics
        .iter()
        .filter(|topic| !fine.contains(&topic.error_code));
    refused
        .map(|topic| {
            let reason = topic.error_message.as_deref().unwrap_or_default();
            (topic.name.to_string(), reason.to_owned())
        })
        .collect()
}

/// Asks as the client would: it is authorised, and what is created counts for its quota.
async fn create_for(
    broker: &Broker,
    context: &RequestContext,
    topics: Vec<CreatableTopic>,
) -> CreateTopicsResponse {
    let connection = &context.connection;
    let asked = RequestContext {
        // Whoever didn't ask for a topic isn't paused for it.
        connection: Rc::new(connection.forwarding(connection.client_host)),
        api_key: ApiKey::CreateTopics,
        api_version: ApiKey::CreateTopics.max_version(),
        ..context.clone()
    };
    let request = CreateTopicsRequest::default().with_topics(topics);
    match broker.forwarded(&asked, &request).await {
        Some(answer) => answer.unwrap_or_else(|error| k19_create_topics::refused(&asked, &request, &error)),
        None => k19_create_topics::handle(broker, &asked, request).await,
    }
}

fn creatable(name: &str, config: &BrokerConfig, given: &Settings) -> CreatableTopic {
    if let Some(topic) = internal_topics::creatable(name, config) {
        return topic;
    }
    // What the broker's file doesn't say, the controller's defaults do.
    let partitions = given
        .contains_key("num.partitions")
        .then_some(config.num_partitions);
    let factor = given
        .contains_key("default.replication.factor")
        .then_some(config.default_replication_factor);
    CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(name.to_owned())))
        .with_num_partitions(partitions.unwrap_or(-1))
        .with_replication_factor(factor.and_then(|factor| i16::try_from(factor).ok()).unwrap_or(-1))
}
