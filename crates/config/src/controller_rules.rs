//! The definitions as the controller asks for them: Kafka's `ControllerConfigurationValidator`.
//!
//! The controller judges by the static settings of its own node; the broker has checked dynamic broker
//! settings before it forwards them (`validate::dynamic_broker`).

use barnabas_protocol::error::ErrorCode;

use super::definitions::{self, ConfigKey, ConfigType};
use super::layers::{Layers, Settings};
use super::resource::{ConfigResource, ConfigResourceType};
use super::validate::{self, Refusal};

/// How a config's value is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigKind {
    /// One value.
    Scalar,
    /// Values between commas; APPEND and SUBTRACT work on it.
    List,
}

/// The rules of one node's controller.
#[derive(Debug, Clone)]
pub struct ControllerRules {
    layers: Layers,
}

impl ControllerRules {
    /// Rules that take defaults and bounds from `layers`.
    pub fn new(layers: Layers) -> Self {
        Self { layers }
    }
}

fn key_of(resource: ConfigResourceType, name: &str) -> Option<&'static ConfigKey> {
    match resource {
        ConfigResourceType::Topic => definitions::topic().get(name),
        ConfigResourceType::Broker => definitions::broker().get(name),
        ConfigResourceType::Group => definitions::group().get(name),
        ConfigResourceType::ClientMetrics => definitions::client_metrics().get(name),
        ConfigResourceType::BrokerLogger => None,
    }
}

impl ControllerRules {
    /// The kind of a config of this type of resource; `None` when there is no such config.
    pub fn kind(&self, resource: ConfigResourceType, name: &str) -> Option<ConfigKind> {
        let key = key_of(resource, name)?;
        Some(if key.config_type == ConfigType::List {
            ConfigKind::List
        } else {
            ConfigKind::Scalar
        })
    }

    /// The default of a config in its definition, which APPEND and SUBTRACT start from when the resource
    /// doesn't set it. `None` when there is none.
    pub fn default_value(&self, resource: ConfigResourceType, name: &str) -> Option<String> {
        key_of(resource, name)?.default.map(str::to_owned)
    }

    /// The value of a broker setting by this node's file and command line, or its default.
    pub fn static_broker_value(&self, name: &str) -> Option<String> {
        let given = self.layers.static_settings().get(name).cloned();
        given.or_else(|| self.default_value(ConfigResourceType::Broker, name))
    }

    /// Checks the resource's name (a topic's only for being there) and the whole set of configs that it will
    /// have: unknown names, types, ranges, combinations.
    ///
    /// # Errors
    /// The refusal that the client hears.
    pub fn validate(&self, resource: &ConfigResource, new: &Settings) -> Result<(), Refusal> {
        let name = resource.name.as_str();
        let refuse = |message: &str| {
            Err(Refusal {
                code: ErrorCode::InvalidRequest,
                message: message.to_owned(),
            })
        };
        match resource.kind {
            ConfigResourceType::Topic if name.is_empty() => {
                refuse("Default topic resources are not allowed.")
            }
            ConfigResourceType::Topic => validate::topic(&self.layers, new),
            ConfigResourceType::Broker if name.is_empty() => Ok(()),
            ConfigResourceType::Broker => match name.parse::<i32>() {
                Err(_) => refuse("Unable to parse broker name as a base 10 number."),
                Ok(id) if id < 0 => refuse("Invalid negative broker ID."),
                Ok(_) => Ok(()),
            },
            ConfigResourceType::Group if name.is_empty() => {
                refuse("Default group resources are not allowed.")
            }
            ConfigResourceType::Group => validate::group(&self.layers, new),
            ConfigResourceType::ClientMetrics => validate::client_metrics(name, new),
            ConfigResourceType::BrokerLogger => refuse("Unknown resource type BROKER_LOGGER"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pairs: &[(&str, &str)]) -> ControllerRules {
        let settings = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        ControllerRules::new(Layers::of_static(settings))
    }

    #[test]
    fn lists_take_appends_and_start_from_the_definitions_default() {
        let rules = rules(&[("log.cleanup.policy", "compact")]);
        let kind = |name| rules.kind(ConfigResourceType::Topic, name);
        assert_eq!(kind("cleanup.policy"), Some(ConfigKind::List));
        assert_eq!(kind("retention.ms"), Some(ConfigKind::Scalar));
        assert_eq!(kind("nope"), None);
        let default = rules.default_value(ConfigResourceType::Topic, "cleanup.policy");
        assert_eq!(default.as_deref(), Some("delete"));
    }

    #[test]
    fn resources_are_named_rightly() {
        let message = |kind, name: &str| {
            let resource = ConfigResource::new(kind, name);
            rules(&[])
                .validate(&resource, &Settings::new())
                .unwrap_err()
                .message
        };
        assert_eq!(
            message(ConfigResourceType::Topic, ""),
            "Default topic resources are not allowed."
        );
        assert_eq!(
            message(ConfigResourceType::Broker, "x"),
            "Unable to parse broker name as a base 10 number."
        );
        assert_eq!(
            message(ConfigResourceType::Broker, "-1"),
            "Invalid negative broker ID."
        );
        assert_eq!(
            message(ConfigResourceType::ClientMetrics, ""),
            "Subscription name can't be empty"
        );
    }
}
