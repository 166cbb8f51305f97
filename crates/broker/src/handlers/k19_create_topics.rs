//! CreateTopics (key 19): topics with so many partitions, or with partitions on chosen brokers.
//!
//! Versions 2–7. The controller decides; its errors are in `barnabas_metadata::controller`. The answer tells the configs that a new
//! topic has (from version 5).

use std::collections::BTreeMap;

use barnabas_metadata::controller::{ApiError, CreateTopics};
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use barnabas_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, StrBytes};

use crate::broker::Broker;
use crate::request::RequestContext;
use barnabas_config::{Settings, describe};

/// Has the controller create the topics.
pub async fn handle(
    broker: &Broker,
    _: &RequestContext,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let asked = request.topics.clone();
    let outcome = broker.controller.submit(CreateTopics(request)).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(mut response) => {
            let by_name: BTreeMap<_, _> = asked.iter().map(|topic| (&topic.name, topic)).collect();
            for result in response.topics.iter_mut().filter(|result| result.error_code == 0) {
                if let Some(topic) = by_name.get(&result.name) {
                    result.configs = Some(configs(broker, topic));
                }
            }
            response
        }
        Err(error) => refused(&asked, &error),
    }
}

fn refused(topics: &[CreatableTopic], error: &ApiError) -> CreateTopicsResponse {
    let result = |topic: &CreatableTopic| {
        CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(error.code.code())
            .with_error_message(error.wire_message())
            .with_configs(Some(Vec::new()))
    };
    CreateTopicsResponse::default().with_topics(topics.iter().map(result).collect())
}

/// Every config of a new topic, by name.
fn configs(broker: &Broker, topic: &CreatableTopic) -> Vec<CreatableTopicConfigs> {
    let given = topic
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())));
    let given: Settings = given.collect();
    let mut entries = describe::topic_entries(&broker.metadata.layers(), &given);
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let config = |mut entry: describe::ConfigEntry| {
        // What was given is told as it was given.
        if let (false, Some(given)) = (entry.is_sensitive, given.get(&entry.name)) {
            entry.value = Some(given.clone());
        }
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_string(entry.name))
            .with_value(entry.value.map(StrBytes::from_string))
            .with_read_only(entry.read_only)
            .with_config_source(entry.source as i8)
            .with_is_sensitive(entry.is_sensitive)
    };
    entries.into_iter().map(config).collect()
}
