//! The settings of a resource, as Kafka's Admin tells of them.

use barnabas_protocol::java_order::{java_hash, sized_hash_map_order};
use barnabas_protocol::messages::DescribeConfigsRequest;
use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_protocol::messages::describe_configs_response::DescribeConfigsResult;

use super::{Cluster, KafkaError, To, wire};

/// A kind of resource, by its number in the protocol.
pub type ResourceType = i8;

/// A topic.
pub const TOPIC: ResourceType = 2;
/// Where a setting comes from: `ConfigEntry.ConfigSource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub i8);

impl Source {
    /// Its own default.
    pub const DEFAULT: Source = Source(5);
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
}

impl ConfigEntry {
    /// The value as Java writes it.
    pub fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or("null")
    }
}

impl Cluster {
    /// The settings of several resources of a kind, each in the order of Kafka's Admin, or its error.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn describe_all_configs(
        &self,
        to: To,
        kind: ResourceType,
        names: &[String],
    ) -> Result<Vec<Result<Vec<ConfigEntry>, KafkaError>>, KafkaError> {
        let resource = |name: &String| {
            DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(wire(name))
                .with_configuration_keys(None)
        };
        let request = DescribeConfigsRequest::default().with_resources(names.iter().map(resource).collect());
        let response = self.ask(to, "describeConfigs", &request)?;
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

fn entries(result: &DescribeConfigsResult) -> Result<Vec<ConfigEntry>, KafkaError> {
    KafkaError::check(result.error_code, result.error_message.as_deref())?;
    let entries = result.configs.iter().map(|config| ConfigEntry {
        name: config.name.to_string(),
        value: config.value.as_ref().map(ToString::to_string),
        source: Source(config.config_source),
    });
    let mut entries: Vec<ConfigEntry> = entries.collect();
    let room = entries.len();
    sized_hash_map_order(&mut entries, room, |entry| java_hash(&entry.name));
    Ok(entries)
}
