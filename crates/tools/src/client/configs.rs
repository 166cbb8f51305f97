//! The settings of a resource, as Kafka's Admin tells of them.

use barnabas_protocol::java_order::{java_hash, sized_hash_map_order};
use barnabas_protocol::messages::DescribeConfigsRequest;
use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_protocol::messages::describe_configs_response::{DescribeConfigsResult, DescribeConfigsSynonym};

use super::{Cluster, KafkaError, To, wire};

/// A kind of resource, by its number in the protocol.
pub type ResourceType = i8;

/// A topic.
pub const TOPIC: ResourceType = 2;
/// A broker, or all of them where the name is empty.
pub const BROKER: ResourceType = 4;
/// The loggers of a broker.
pub const BROKER_LOGGER: ResourceType = 8;
/// A subscription to clients' metrics.
pub const CLIENT_METRICS: ResourceType = 16;
/// A group.
pub const GROUP: ResourceType = 32;

/// Where a setting comes from: `ConfigEntry.ConfigSource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub i8);

impl Source {
    /// Its own default.
    pub const DEFAULT: Source = Source(5);

    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "DYNAMIC_TOPIC_CONFIG",
            2 => "DYNAMIC_BROKER_CONFIG",
            3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            4 => "STATIC_BROKER_CONFIG",
            5 => "DEFAULT_CONFIG",
            6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
            7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
            8 => "DYNAMIC_GROUP_CONFIG",
            _ => "UNKNOWN",
        }
    }
}

/// A setting of a resource.
#[derive(Clone, Debug)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; none where it is secret or unset.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether it is secret.
    pub is_sensitive: bool,
    /// What the value would be without this source, the nearest first: name, value, source.
    pub synonyms: Vec<(String, Option<String>, Source)>,
}

impl ConfigEntry {
    /// The value as Java writes it.
    pub fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or("null")
    }
}

impl Cluster {
    /// The settings of one resource, as [`Cluster::describe_all_configs`] has them.
    ///
    /// # Errors
    /// The resource can't be described, or nobody answers.
    pub fn describe_configs(
        &self,
        to: To,
        kind: ResourceType,
        name: &str,
        synonyms: bool,
    ) -> Result<Vec<ConfigEntry>, KafkaError> {
        let mut all = self.describe_all_configs(to, kind, &[name.to_owned()], synonyms)?;
        all.pop().unwrap_or_else(|| Ok(Vec::new()))
    }

    /// The settings of several resources of a kind, each in the order of Kafka's Admin, or its error.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn describe_all_configs(
        &self,
        to: To,
        kind: ResourceType,
        names: &[String],
        synonyms: bool,
    ) -> Result<Vec<Result<Vec<ConfigEntry>, KafkaError>>, KafkaError> {
        let resource = |name: &String| {
            DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(wire(name))
                .with_configuration_keys(None)
        };
        let request = |version| {
            DescribeConfigsRequest::default()
                .with_resources(names.iter().map(resource).collect())
                .with_include_synonyms(synonyms && version >= 1)
        };
        let (_, response) = self.ask_with(to, "describeConfigs", request)?;
        let of = |name: &String| {
            let result = response
                .results
                .iter()
                .find(|result| result.resource_name.as_str() == name);
            result.map_or_else(|| Ok(Vec::new()), entries)
        };
        Ok(names.iter().map(of).collect())
    }
}

fn synonym(synonym: &DescribeConfigsSynonym) -> (String, Option<String>, Source) {
    let value = synonym.value.as_ref().map(ToString::to_string);
    (synonym.name.to_string(), value, Source(synonym.source))
}

fn entries(result: &DescribeConfigsResult) -> Result<Vec<ConfigEntry>, KafkaError> {
    KafkaError::check(result.error_code, result.error_message.as_deref())?;
    let entries = result.configs.iter().map(|config| ConfigEntry {
        name: config.name.to_string(),
        value: config.value.as_ref().map(ToString::to_string),
        source: Source(config.config_source),
        is_sensitive: config.is_sensitive,
        synonyms: config.synonyms.iter().map(synonym).collect(),
    });
    let mut entries: Vec<ConfigEntry> = entries.collect();
    let room = entries.len();
    sized_hash_map_order(&mut entries, room, |entry| java_hash(&entry.name));
    Ok(entries)
}
