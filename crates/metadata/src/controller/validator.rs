//! The door to the config definitions.

use barnabas_config::{ConfigKind, ControllerRules};
use barnabas_protocol::error::ErrorCode;

use super::{ApiError, topic_name};
use crate::image::ConfigMap;
use crate::records::{ConfigResource, ConfigResourceType};

/// What configs there are and which values they take.
pub trait ConfigValidator: Send + Sync {
    /// The kind of a config of this type of resource; `None` when there is no such config.
    fn kind(&self, resource: ConfigResourceType, name: &str) -> Option<ConfigKind>;

    /// The default of a config in its definition, which APPEND and SUBTRACT start from when the resource doesn't set it.
    /// `None` when there is none.
    fn default_value(&self, resource: ConfigResourceType, name: &str) -> Option<String>;

    /// Checks the resource's name and the whole set of configs that it will have: unknown names, types, ranges, combinations
    /// (Kafka's `ControllerConfigurationValidator`). `existing` is what is set now.
    fn validate(
        &self,
        resource: &ConfigResource,
        new: &ConfigMap,
        existing: &ConfigMap,
    ) -> Result<(), ApiError>;
}

impl ConfigValidator for ControllerRules {
    fn kind(&self, resource: ConfigResourceType, name: &str) -> Option<ConfigKind> {
        self.kind(resource, name)
    }

    fn default_value(&self, resource: ConfigResourceType, name: &str) -> Option<String> {
        self.default_value(resource, name)
    }

    fn validate(
        &self,
        resource: &ConfigResource,
        new: &ConfigMap,
        _existing: &ConfigMap,
    ) -> Result<(), ApiError> {
        if resource.kind == ConfigResourceType::Topic && !resource.name.is_empty() {
            topic_name::validate(&resource.name)
                .map_err(|message| ApiError::new(ErrorCode::InvalidTopicException, message))?;
        }
        self.validate(resource, new)
            .map_err(|refusal| ApiError::new(refusal.code, refusal.message))
    }
}
