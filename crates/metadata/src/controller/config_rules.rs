//! Configs judged by the definitions and the static settings of this node.

use barnabas_config::ControllerRules;
use barnabas_protocol::error::ErrorCode;

use super::{ApiError, topic_name};
use crate::image::ConfigMap;
use crate::records::{ConfigResource, ConfigResourceType};

/// Checks the resource's name and the whole set of configs that it will have: unknown names, types, ranges,
/// combinations (Kafka's `ControllerConfigurationValidator`).
pub fn validate_configs(
    rules: &ControllerRules,
    resource: &ConfigResource,
    configs: &ConfigMap,
) -> Result<(), ApiError> {
    if resource.kind == ConfigResourceType::Topic && !resource.name.is_empty() {
        topic_name::validate(&resource.name)
            .map_err(|message| ApiError::new(ErrorCode::InvalidTopicException, message))?;
    }
    rules
        .validate(resource, configs)
        .map_err(|refusal| ApiError::new(refusal.code, refusal.message))
}
