//! AlterConfigs: replaces all dynamic settings of topics, brokers, groups and client metrics subscriptions.
//!
//! Versions 0–2. Errors of a resource: CLUSTER_, TOPIC_ and GROUP_AUTHORIZATION_FAILED, INVALID_REQUEST,
//! INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION and what else the controller answers.

use barnabas_metadata::controller::{AlterConfigs, ApiError, code_and_message};
use barnabas_metadata::records::ConfigResourceType;
use barnabas_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use barnabas_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use barnabas_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::AdminNode;
use super::config_changes::{
    Outcome, answered, authorized, check_broker_name, check_broker_settings, check_configs,
    controllers_resource, decided, fill_in, refuse_repeated,
};
use barnabas_config::Settings;
use barnabas_network::rpc::RequestContext;

/// Judges what is a broker's to judge, then has the controller change the rest.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let named: Vec<(i8, &str)> = request
        .resources
        .iter()
        .map(|resource| (resource.resource_type, &*resource.resource_name))
        .collect();
    let mut outcomes = refuse_repeated(&named);
    let mut left = Vec::new();
    for (resource, outcome) in request.resources.iter().zip(&mut outcomes) {
        if outcome.is_none() {
            match check(node, resource) {
                Ok(()) => left.push(resource.clone()),
                Err(error) => *outcome = Some(Err(error)),
            }
        }
    }
    let controllers = match left.is_empty() {
        true => Ok(Vec::new()),
        false => changed(node, context, request.clone().with_resources(left)).await,
    };
    let outcomes = fill_in(outcomes, controllers);
    let responses = request
        .resources
        .iter()
        .zip(&outcomes)
        .map(|(resource, outcome)| {
            let (error_code, error_message) = code_and_message(outcome);
            AlterConfigsResourceResponse::default()
                .with_error_code(error_code)
                .with_error_message(error_message)
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
        });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// Has the controller change what is its own.
async fn changed(
    node: &impl AdminNode,
    context: &RequestContext,
    request: AlterConfigsRequest,
) -> Result<Vec<Outcome>, ApiError> {
    if let Some(answer) = node.forwarded(context, &request).await {
        let responses = answer?.responses.into_iter();
        return Ok(responses
            .map(|resource| answered(resource.error_code, resource.error_message.as_deref()))
            .collect());
    }
    let mut resources = Vec::new();
    let mut outcomes = Vec::new();
    for resource in &request.resources {
        let (kind, name) = (resource.resource_type, &*resource.resource_name);
        outcomes.push(match authorized(node.rights(context), kind, name) {
            Ok(changed) => {
                resources.push((changed, resource.configs.iter().map(setting).collect()));
                None
            }
            Err(error) => Some(Err(error)),
        });
    }
    let asked = AlterConfigs {
        resources,
        validate_only: request.validate_only,
    };
    let controllers = decided(node.controllers().submit(asked).await);
    Ok(fill_in(outcomes, controllers))
}

fn setting(config: &AlterableConfig) -> (String, Option<String>) {
    let value = config.value.as_ref().map(ToString::to_string);
    (config.name.to_string(), value)
}

fn check(node: &impl AdminNode, resource: &AlterConfigsResource) -> Outcome {
    check_configs(
        resource
            .configs
            .iter()
            .map(|config| (&*config.name, config.value.is_none())),
    )?;
    let changed = controllers_resource(resource.resource_type, &resource.resource_name)?;
    if changed.kind != ConfigResourceType::Broker || !node.is_broker() {
        return Ok(());
    }
    check_broker_name(node, &changed.name)?;
    let values = resource.configs.iter().map(|config| {
        (
            config.name.to_string(),
            config.value.clone().unwrap_or_default().to_string(),
        )
    });
    check_broker_settings(node, &changed.name, &values.collect::<Settings>())
}
