//! The door to the config definitions, which the broker owns.

use super::ApiError;
use crate::image::ConfigMap;
use crate::records::{ConfigResource, ConfigResourceType};

/// How a config's value is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigKind {
    /// One value.
    Scalar,
    /// Values between commas; APPEND and SUBTRACT work on it.
    List,
}

/// What configs there are and which values they take; the broker implements it over its table of definitions.
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
