//! The door to the config definitions, which the broker owns.

use barnabas_protocol::error::ErrorCode;

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

/// Why a config is refused, as the client hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Usually `INVALID_CONFIG` or `INVALID_REQUEST`.
    pub code: ErrorCode,
    /// The message, which clients print.
    pub message: String,
}

/// What configs there are and which values they take; the broker implements it over its table of definitions.
pub trait ConfigValidator: Send + Sync {
    /// The kind of a config of this type of resource; `None` when there is no such config.
    fn kind(&self, resource: ConfigResourceType, name: &str) -> Option<ConfigKind>;

    /// The value that a topic's config has when neither the topic nor a dynamic broker config sets it: the broker's static value
    /// under the synonym, else the default. APPEND and SUBTRACT start from it. `None` when there is none.
    fn default_value(&self, resource: ConfigResourceType, name: &str) -> Option<String>;

    /// Checks the whole set of configs that a resource will have: unknown names, types, ranges, combinations
    /// (Kafka's `ControllerConfigurationValidator` and `LogConfig.validate`). `existing` is what is set now.
    fn validate(
        &self,
        resource: &ConfigResource,
        new: &ConfigMap,
        existing: &ConfigMap,
    ) -> Result<(), ConfigError>;
}
