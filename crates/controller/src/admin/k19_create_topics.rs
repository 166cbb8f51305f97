//! CreateTopics (key 19): topics with so many partitions, or with partitions on chosen brokers.
//!
//! Versions 2–7. The controller decides; its errors are in `barnabas_metadata::controller`;
//! TOPIC_AUTHORIZATION_FAILED, THROTTLING_QUOTA_EXCEEDED. The answer tells the configs that a new topic has
//! (from version 5).

use std::collections::{BTreeMap, HashMap};

use barnabas_metadata::controller::{ApiError, CreateTopics, topic_name};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use barnabas_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, StrBytes, TopicName};
use barnabas_security::{AclOperation, Rights};

use super::AdminNode;
use super::mutations::{Mutations, created};
use barnabas_config::{Settings, describe};
use barnabas_network::rpc::RequestContext;

/// First version whose clients know of THROTTLING_QUOTA_EXCEEDED.
const STRICT_SINCE: i16 = 6;

/// Has the controller create the topics.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    mut request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let rights = node.rights(context);
    let mut forbidden = take_forbidden(&mut request, rights);
    let mut mutations = Mutations::new(node, context, STRICT_SINCE);
    forbidden.extend(take_throttled(&mut request, node, &mut mutations));
    let throttle_time_ms = mutations.throttle_time_ms();
    let asked = request.topics.clone();
    let outcome = node.controllers().submit(CreateTopics(request)).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(mut response) => {
            let by_name: BTreeMap<_, _> = asked.iter().map(|topic| (&topic.name, topic)).collect();
            for result in response.topics.iter_mut().filter(|result| result.error_code == 0) {
                if !rights.on_topic(AclOperation::DescribeConfigs, &result.name) {
                    *result = without_configs(result);
                } else if let Some(topic) = by_name.get(&result.name) {
                    result.configs = Some(configs(node, topic));
                }
            }
            response.topics.extend(forbidden);
            response.with_throttle_time_ms(throttle_time_ms)
        }
        Err(error) => {
            let mut response = all_refused(&asked, &error);
            response.topics.extend(forbidden);
            response.with_throttle_time_ms(throttle_time_ms)
        }
    }
}

/// Takes the topics out that the client may not create. Those that are named twice stay, for the controller
/// to refuse.
fn take_forbidden(request: &mut CreateTopicsRequest, rights: Rights<'_>) -> Vec<CreatableTopicResult> {
    if rights.on_cluster(AclOperation::Create) {
        return Vec::new();
    }
    let mut times: HashMap<TopicName, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let forbidden = |topic: &mut CreatableTopic| {
        times[&topic.name] == 1
            && *topic.name.0 != *topic_name::CLUSTER_METADATA_TOPIC_NAME
            && !rights.on_topic(AclOperation::Create, &topic.name)
    };
    let refused = |topic: CreatableTopic| {
        CreatableTopicResult::default()
            .with_name(topic.name)
            .with_error_code(ErrorCode::TopicAuthorizationFailed.code())
            .with_error_message(Some(StrBytes::from_static_str("Authorization failed.")))
            .with_configs(Some(Vec::new()))
    };
    request.topics.extract_if(.., forbidden).map(refused).collect()
}

/// Takes the topics out for which the client's quota has nothing left.
fn take_throttled<N: AdminNode>(
    request: &mut CreateTopicsRequest,
    node: &N,
    mutations: &mut Mutations<'_, N>,
) -> Vec<CreatableTopicResult> {
    let mut throttled = Vec::new();
    request
        .topics
        .retain(|topic| match mutations.take(created(topic, node)) {
            Ok(()) => true,
            Err(error) => {
                throttled.extend(all_refused(std::slice::from_ref(topic), &error).topics);
                false
            }
        });
    throttled
}

/// The result for a client that may not see the configs of what it has created.
fn without_configs(result: &CreatableTopicResult) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(result.name.clone())
        .with_topic_id(result.topic_id)
        .with_error_message(result.error_message.clone())
        .with_topic_config_error_code(ErrorCode::TopicAuthorizationFailed.code())
        .with_configs(Some(Vec::new()))
}

/// The answer with an error for each topic.
pub fn refused(_: &RequestContext, request: &CreateTopicsRequest, error: &ApiError) -> CreateTopicsResponse {
    all_refused(&request.topics, error)
}

fn all_refused(topics: &[CreatableTopic], error: &ApiError) -> CreateTopicsResponse {
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
fn configs(node: &impl AdminNode, topic: &CreatableTopic) -> Vec<CreatableTopicConfigs> {
    let given = topic
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())));
    let given: Settings = given.collect();
    let mut entries = describe::topic_entries(&node.layers(), &given);
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
