//! What AlterConfigs and IncrementalAlterConfigs have in common: the part that a broker judges before the
//! controller does (Kafka's `ConfigAdminManager`), and putting the two parts of the answer together.

use std::collections::HashMap;

use barnabas_metadata::MetadataError;
use barnabas_metadata::controller::{ApiError, ConfigOutcomes};
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use barnabas_protocol::error::ErrorCode;
use barnabas_security::Rights;

use barnabas_config::{Settings, faults, validate};

use super::AdminNode;
use crate::authorization;

/// What became of one resource.
pub type Outcome = Result<(), ApiError>;

/// An INVALID_REQUEST with this message.
pub fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

/// The resources that are named more than once are refused, each time they are named.
pub fn refuse_repeated(resources: &[(i8, &str)]) -> Vec<Option<Outcome>> {
    let mut counts: HashMap<(i8, &str), usize> = HashMap::new();
    for resource in resources {
        *counts.entry(*resource).or_default() += 1;
    }
    let repeated = |resource| counts.get(resource).is_some_and(|&count| count > 1);
    let refuse = || Err(invalid_request("Each resource must appear at most once."));
    resources
        .iter()
        .map(|resource| repeated(resource).then(refuse))
        .collect()
}

/// Refuses configs named twice and configs without a value that need one.
///
/// # Errors
/// INVALID_REQUEST.
pub fn check_configs<'a>(configs: impl Iterator<Item = (&'a str, bool)> + Clone) -> Outcome {
    let mut names: Vec<&str> = configs.clone().map(|(name, _)| name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid_request("Error due to duplicate config keys"));
    }
    let null: Vec<&str> = configs
        .filter(|(_, lacks_value)| *lacks_value)
        .map(|(name, _)| name)
        .collect();
    if null.is_empty() {
        return Ok(());
    }
    Err(invalid_request(format!(
        "Null value not supported for : {}",
        null.join(", ")
    )))
}

/// A broker's settings can be changed on that broker alone, those of all brokers anywhere.
///
/// # Errors
/// INVALID_REQUEST for the id of another broker, or what is no id.
pub fn check_broker_name(node: &impl AdminNode, name: &str) -> Outcome {
    match name.parse::<i32>() {
        _ if name.is_empty() => Ok(()),
        Ok(id) if id == node.node_id() => Ok(()),
        Ok(id) => Err(invalid_request(format!(
            "Unexpected broker id, expected {}, but received {id}",
            node.node_id()
        ))),
        Err(_) => Err(invalid_request(format!(
            "Node id must be an integer, but it is: {name}"
        ))),
    }
}

/// Checks the whole set of dynamic settings that a broker, or all brokers where `name` is empty, would have.
///
/// # Errors
/// INVALID_REQUEST with what is wrong, as in Apache Kafka; INVALID_CONFIG for fault rules.
pub fn check_broker_settings(node: &impl AdminNode, name: &str, new: &Settings) -> Outcome {
    if let Some(rules) = new.get(faults::SETTING) {
        faults::parse(rules).map_err(|why| ApiError::new(ErrorCode::InvalidConfig, why))?;
    }
    validate::dynamic_broker(&node.layers(), new, !name.is_empty())
        .map_err(|exception| invalid_request(exception.to_string()))?;
    if name.is_empty() {
        return Ok(());
    }
    let layers = node.layers();
    let layers = layers.with_dynamic(layers.dynamic_default().clone(), new.clone());
    node.check_listeners(&layers, new).map_err(invalid_request)
}

/// The resource that the controller changes.
///
/// # Errors
/// INVALID_REQUEST for a kind of resource that it has not.
pub fn controllers_resource(resource_type: i8, name: &str) -> Result<ConfigResource, ApiError> {
    match ConfigResourceType::from_code(resource_type) {
        Some(kind) if kind != ConfigResourceType::BrokerLogger => Ok(ConfigResource::new(kind, name)),
        _ => Err(invalid_request(format!("Unknown resource type {resource_type}"))),
    }
}

/// The resource that the controller changes, where the client may alter it: the controller's part, which
/// comes after a broker has judged.
///
/// # Errors
/// INVALID_REQUEST; TOPIC_, GROUP_ and CLUSTER_AUTHORIZATION_FAILED.
pub fn authorized(rights: Rights<'_>, resource_type: i8, name: &str) -> Result<ConfigResource, ApiError> {
    let changed = controllers_resource(resource_type, name)?;
    authorization::check_altered_configs(rights, changed.kind, name)?;
    Ok(changed)
}

/// What the active controller has answered for a resource.
pub fn answered(error_code: i16, error_message: Option<&str>) -> Outcome {
    let error = ErrorCode::from_code(error_code).unwrap_or(ErrorCode::UnknownServerError);
    match (error, error_message) {
        (ErrorCode::None, _) => Ok(()),
        (error, None) => Err(ApiError::bare(error)),
        (error, Some(message)) => Err(ApiError::new(error, message)),
    }
}

/// The same, as this node's controller has decided.
pub fn decided(
    reply: Result<Result<ConfigOutcomes, ApiError>, MetadataError>,
) -> Result<Vec<Outcome>, ApiError> {
    let outcomes = reply??;
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Puts the controller's outcomes, which are in the order of the request, into the places without one.
pub fn fill_in(outcomes: Vec<Option<Outcome>>, controllers: Result<Vec<Outcome>, ApiError>) -> Vec<Outcome> {
    let mut controllers = controllers.map(Vec::into_iter);
    let next = |outcome: Option<Outcome>| {
        outcome.unwrap_or_else(|| match &mut controllers {
            Ok(outcomes) => outcomes
                .next()
                .unwrap_or_else(|| Err(ApiError::bare(ErrorCode::UnknownServerError))),
            Err(error) => Err(error.clone()),
        })
    };
    outcomes.into_iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_resources_are_refused_wherever_they_are() {
        let outcomes = refuse_repeated(&[(2, "a"), (2, "b"), (4, "a"), (2, "a")]);
        let refused: Vec<bool> = outcomes.iter().map(Option::is_some).collect();
        assert_eq!(refused, [true, false, false, true]);
    }

    #[test]
    fn configs_are_named_once_and_have_values() {
        let message = |configs: &[(&str, bool)]| {
            check_configs(configs.iter().copied())
                .unwrap_err()
                .message
                .unwrap()
        };
        assert_eq!(
            message(&[("a", false), ("b", true), ("a", true)]),
            "Error due to duplicate config keys"
        );
        assert_eq!(
            message(&[("b", true), ("a", true), ("c", false)]),
            "Null value not supported for : b, a"
        );
        assert_eq!(check_configs([("a", false)].into_iter()), Ok(()));
    }

    #[test]
    fn the_controllers_outcomes_fill_the_gaps() {
        let refused = || Err(invalid_request("no"));
        let controllers = Ok(vec![Ok(()), refused()]);
        assert_eq!(
            fill_in(vec![None, Some(Ok(())), None], controllers),
            [Ok(()), Ok(()), refused()]
        );
        assert_eq!(
            fill_in(vec![None, Some(Ok(()))], Err(invalid_request("no"))),
            [refused(), Ok(())]
        );
    }
}
