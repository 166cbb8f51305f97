//! IncrementalAlterConfigs (KIP-339): sets, deletes, appends to and subtracts from single settings; for
//! loggers, sets their levels (KIP-412).
//!
//! Versions 0–1. Errors of a resource: CLUSTER_, TOPIC_ and GROUP_AUTHORIZATION_FAILED, INVALID_REQUEST,
//! INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION and what else the controller answers; UNKNOWN_SERVER_ERROR for
//! an operation that does not exist.

use barnabas_metadata::controller::{AlterConfigOp, ApiError, IncrementalAlterConfigs, code_and_message};
use barnabas_metadata::records::ConfigResourceType;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use barnabas_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use barnabas_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use barnabas_security::Rights;

use super::AdminNode;
use super::config_changes::{
    Outcome, answered, authorized, check_broker_name, check_broker_settings, check_configs,
    controllers_resource, decided, fill_in, invalid_request, refuse_repeated,
};
use crate::{authorization, logging};
use barnabas_config::Settings;
use barnabas_config::definitions::{self, ConfigType};
use barnabas_network::rpc::RequestContext;

/// The codes of `AlterConfigOp.OpType`.
mod op {
    pub const SET: i8 = 0;
    pub const DELETE: i8 = 1;
    pub const APPEND: i8 = 2;
    pub const SUBTRACT: i8 = 3;
}

/// The one logger there is.
const ROOT_LOGGER: &str = "root";

/// Judges and does what is this node's, then has the controller change the rest.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let named: Vec<(i8, &str)> = request
        .resources
        .iter()
        .map(|resource| (resource.resource_type, &*resource.resource_name))
        .collect();
    let mut outcomes = refuse_repeated(&named);
    let mut left = Vec::new();
    for (resource, outcome) in request.resources.iter().zip(&mut outcomes) {
        if outcome.is_none() {
            match judge(node, node.rights(context), resource, request.validate_only) {
                Ok(true) => left.push(resource.clone()),
                Ok(false) => *outcome = Some(Ok(())),
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
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

/// Has the controller change what is its own.
async fn changed(
    node: &impl AdminNode,
    context: &RequestContext,
    request: IncrementalAlterConfigsRequest,
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
                resources.push((changed, resource.configs.iter().map(operation).collect()));
                None
            }
            Err(error) => Some(Err(error)),
        });
    }
    let asked = IncrementalAlterConfigs {
        resources,
        validate_only: request.validate_only,
    };
    let controllers = decided(node.controllers().submit(asked).await);
    Ok(fill_in(outcomes, controllers))
}

fn operation(config: &AlterableConfig) -> (String, AlterConfigOp) {
    let value = config.value.as_ref().map(ToString::to_string);
    let operation = match config.config_operation {
        op::SET => AlterConfigOp::Set(value),
        op::DELETE => AlterConfigOp::Delete,
        op::APPEND => AlterConfigOp::Append(value.unwrap_or_default()),
        op::SUBTRACT => AlterConfigOp::Subtract(value.unwrap_or_default()),
        other => AlterConfigOp::Unknown(other),
    };
    (config.name.to_string(), operation)
}

/// Does this node's part for a resource; answers whether the controller has one.
fn judge(
    node: &impl AdminNode,
    rights: Rights<'_>,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<bool, ApiError> {
    let lacks_value =
        |config: &AlterableConfig| config.config_operation != op::DELETE && config.value.is_none();
    check_configs(
        resource
            .configs
            .iter()
            .map(|config| (&*config.name, lacks_value(config))),
    )?;
    let name = &*resource.resource_name;
    if ConfigResourceType::from_code(resource.resource_type) == Some(ConfigResourceType::BrokerLogger) {
        authorization::check_altered_configs(rights, ConfigResourceType::BrokerLogger, name)?;
        alter_loggers(node, name, &resource.configs, validate_only)?;
        return Ok(false);
    }
    let changed = controllers_resource(resource.resource_type, name)?;
    if changed.kind == ConfigResourceType::Broker && node.is_broker() {
        check_broker_name(node, name)?;
        let image = node.image();
        let mut settings = image
            .configs
            .get(&changed)
            .map(|map| (**map).clone())
            .unwrap_or_default();
        apply(&resource.configs, &mut settings)?;
        check_broker_settings(node, name, &settings)?;
    }
    Ok(true)
}

/// Applies the operations to a broker's dynamic settings, to see what they would be. As in Apache Kafka an
/// unknown operation is named before the first is applied.
fn apply(configs: &[AlterableConfig], settings: &mut Settings) -> Outcome {
    let known = [op::SET, op::DELETE, op::APPEND, op::SUBTRACT];
    let mut operations = configs.iter().map(|config| config.config_operation);
    if let Some(unknown) = operations.find(|operation| !known.contains(operation)) {
        return Err(invalid_request(format!("Unknown operations type {unknown}")));
    }
    configs.iter().try_for_each(|config| apply_one(config, settings))
}

fn apply_one(config: &AlterableConfig, settings: &mut Settings) -> Outcome {
    let name = &*config.name;
    let value = config.value.as_deref().unwrap_or_default();
    let word = match config.config_operation {
        op::SET => {
            settings.insert(name.to_owned(), value.to_owned());
            return Ok(());
        }
        op::DELETE => {
            settings.remove(name);
            return Ok(());
        }
        op::APPEND => "append",
        _ => "subtract",
    };
    let invalid = |message| Err(ApiError::new(ErrorCode::InvalidConfig, message));
    let Some(key) = definitions::broker().get(name) else {
        return invalid(format!("Unknown config name: {name}"));
    };
    if key.config_type != ConfigType::List {
        return invalid(format!(
            "Config value {word} is not allowed for config key: {name}"
        ));
    }
    let current = settings
        .get(name)
        .map(String::as_str)
        .or(key.default)
        .unwrap_or_default();
    let mut items: Vec<&str> = current.split(',').filter(|item| !item.is_empty()).collect();
    for item in value.split(',') {
        let found = items.iter().position(|have| *have == item);
        match found {
            None if config.config_operation == op::APPEND => items.push(item),
            Some(index) if config.config_operation == op::SUBTRACT => drop(items.remove(index)),
            _ => {}
        }
    }
    let joined = items.join(",");
    settings.insert(name.to_owned(), joined);
    Ok(())
}

fn alter_loggers(
    node: &impl AdminNode,
    name: &str,
    configs: &[AlterableConfig],
    validate_only: bool,
) -> Outcome {
    match name.parse::<i32>() {
        Ok(id) if id == node.node_id() => {}
        Ok(id) => {
            return Err(invalid_request(format!(
                "Unexpected node id. Expected {}, but received {id}",
                node.node_id()
            )));
        }
        Err(_) => {
            return Err(invalid_request(format!(
                "Node id must be an integer, but it is: {name}"
            )));
        }
    }
    for config in configs {
        check_logger(config)?;
    }
    if !validate_only && let Some(level) = configs.iter().find_map(|config| config.value.as_deref()) {
        logging::set_root_level(level);
    }
    Ok(())
}

fn check_logger(config: &AlterableConfig) -> Outcome {
    let logger = &*config.name;
    let invalid_config = |message| Err(ApiError::new(ErrorCode::InvalidConfig, message));
    let exists = logger == ROOT_LOGGER;
    match config.config_operation {
        op::SET | op::DELETE if !exists => invalid_config(format!("Logger {logger} does not exist!")),
        op::SET => {
            let level = config.value.as_deref().unwrap_or_default();
            if logging::LEVELS.contains(&level) {
                return Ok(());
            }
            invalid_config(format!(
                "Cannot set the log level of {logger} to {level} as it is not a supported log level. Valid log levels \
                 are {}",
                logging::LEVELS.join(", ")
            ))
        }
        op::DELETE => Err(invalid_request(
            "Removing the log level of the root logger is not allowed",
        )),
        op::APPEND => Err(invalid_request(
            "APPEND operation is not allowed for the BROKER_LOGGER resource",
        )),
        op::SUBTRACT => Err(invalid_request(
            "SUBTRACT operation is not allowed for the BROKER_LOGGER resource",
        )),
        other => Err(invalid_request(format!(
            "Unknown operation type {other} is not allowed for the BROKER_LOGGER resource"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::messages::StrBytes;

    use super::*;

    fn config(name: &str, operation: i8, value: &str) -> AlterableConfig {
        AlterableConfig::default()
            .with_name(StrBytes::from_string(name.to_owned()))
            .with_config_operation(operation)
            .with_value(Some(StrBytes::from_string(value.to_owned())))
    }

    #[test]
    fn operations_change_a_brokers_settings() {
        let mut settings = Settings::new();
        let changes = [
            config("log.cleanup.policy", op::APPEND, "compact,delete"),
            config("message.max.bytes", op::SET, "5"),
            config("nope", op::SET, "1"),
            config("nope", op::DELETE, ""),
        ];
        apply(&changes, &mut settings).unwrap();
        assert_eq!(settings["log.cleanup.policy"], "delete,compact");
        assert_eq!((settings["message.max.bytes"].as_str(), settings.len()), ("5", 2));
        let subtracted = config("log.cleanup.policy", op::SUBTRACT, "delete");
        apply(&[subtracted], &mut settings).unwrap();
        assert_eq!(settings["log.cleanup.policy"], "compact");
    }

    #[test]
    fn operations_that_make_no_sense_are_refused_in_kafkas_words() {
        let nope = || config("nope", op::APPEND, "5");
        let table = [
            (
                vec![config("message.max.bytes", op::SUBTRACT, "5")],
                "Config value subtract is not allowed for config key: message.max.bytes",
            ),
            (vec![nope()], "Unknown config name: nope"),
            (
                vec![nope(), config("retention.ms", 9, "5")],
                "Unknown operations type 9",
            ),
        ];
        for (changes, expected) in table {
            let error = apply(&changes, &mut Settings::new()).unwrap_err();
            assert_eq!(error.message.as_deref(), Some(expected));
        }
    }

    #[test]
    fn loggers_take_levels_only() {
        let table = [
            (
                config("kafka", op::SET, "INFO"),
                Some("Logger kafka does not exist!"),
            ),
            (
                config("root", op::DELETE, ""),
                Some("Removing the log level of the root logger is not allowed"),
            ),
            (
                config("root", op::APPEND, "INFO"),
                Some("APPEND operation is not allowed for the BROKER_LOGGER resource"),
            ),
            (
                config("root", op::SET, "info"),
                Some(
                    "Cannot set the log level of root to info as it is not a supported log level. Valid log levels are \
                     DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
                ),
            ),
            (
                config("root", 9, "INFO"),
                Some("Unknown operation type 9 is not allowed for the BROKER_LOGGER resource"),
            ),
        ];
        for (change, expected) in table {
            assert_eq!(check_logger(&change).unwrap_err().message.as_deref(), expected);
        }
        assert_eq!(check_logger(&config("root", op::SET, "TRACE")), Ok(()));
    }
}
