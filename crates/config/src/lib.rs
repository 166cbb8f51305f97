//! The broker's configuration: Kafka's names, types, defaults and rules, where values come from, and typed
//! views.
//!
//! `definitions` is what Kafka 4.4.0 knows; `load` reads file, environment (`variables`) and command line
//! into [`Settings`]; [`Layers`] puts the dynamic settings of the metadata image over them; [`BrokerConfig`]
//! and [`TopicConfig`] are what handlers and cores read; `describe` answers DescribeConfigs; `validate` is
//! the judge of what AlterConfigs and CreateTopics ask.

pub mod authorizer;
mod controller_rules;
pub mod definitions;
pub mod describe;
mod dynamic;
pub mod effect;
pub mod explain;
pub mod faults;
pub mod files;
pub mod http;
mod ineffective;
mod iso_duration;
mod layers;
mod limits;
mod listeners;
pub mod load;
pub mod paths;
pub mod properties;
mod providers;
mod quorum;
pub mod redpanda;
mod resource;
mod rule;
pub mod selector;
pub mod start_topics;
mod typed;
mod unknown;
pub mod validate;
mod value;
pub mod variables;
mod yaml;

pub use barnabas_protocol::security_protocol::SecurityProtocol;
pub use controller_rules::{ConfigKind, ControllerRules};
pub use dynamic::DynamicBrokerConfig;
pub use iso_duration::iso_duration_ms;
pub use layers::{Layers, Settings};
pub use limits::connection_overrides;
pub use listeners::{ListenerConfig, ListenerProtocol, ListenerSettings, NodeListeners, TLS_SETTINGS};
pub use quorum::{Address, QuorumSettings};
pub use resource::{ConfigResource, ConfigResourceType};
pub use rule::Rule;
pub use typed::{BrokerConfig, TopicConfig};
pub use unknown::nearest;
pub use value::Value;

/// A value that a setting cannot have, in the words of Kafka's exception of the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigException(String);

impl ConfigException {
    /// An exception with a message of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A bad value and what is wrong with it.
    pub fn value(name: &str, value: &str, why: &str) -> Self {
        Self(format!("Invalid value {value} for configuration {name}: {why}"))
    }

    fn missing(name: &str) -> Self {
        Self(format!(
            "Missing required configuration \"{name}\" which has no default value."
        ))
    }
}
