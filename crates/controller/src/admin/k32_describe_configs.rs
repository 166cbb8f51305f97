//! DescribeConfigs: the settings of topics, brokers, loggers, groups and client metrics subscriptions.
//!
//! Versions 1–4. Errors of a resource: CLUSTER_, TOPIC_ and GROUP_AUTHORIZATION_FAILED,
//! INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST for another broker's id, an empty
//! name or a kind of resource that is unknown. Deviations: documentation is our own; the only logger is
//! `root`.

use barnabas_metadata::controller::{ApiError, topic_name};
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_configs_request::DescribeConfigsResource;
use barnabas_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use barnabas_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse, StrBytes};
use barnabas_security::{AclOperation, Rights};

use super::AdminNode;
use crate::authorization::check_configs;
use crate::logging;
use barnabas_config::Settings;
use barnabas_config::describe::{self, ConfigEntry, ConfigSource};
use barnabas_network::rpc::RequestContext;

/// First version with types and documentation.
const TYPES_SINCE: i16 = 3;

/// Describes every resource that is named.
pub fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let shape = Shape {
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
        types: context.api_version >= TYPES_SINCE,
    };
    // Kafka's broker refuses the whole request for one resource of a kind that it does not know.
    let known =
        |resource: &DescribeConfigsResource| ConfigResourceType::from_code(resource.resource_type).is_some();
    let understood = request.resources.iter().all(known);
    let rights = node.rights(context);
    let authorized = |resource: &&DescribeConfigsResource| {
        let kind = ConfigResourceType::from_code(resource.resource_type);
        let operation = AclOperation::DescribeConfigs;
        kind.is_none_or(|kind| check_configs(rights, operation, kind, &resource.resource_name).is_ok())
    };
    let (told, refused): (Vec<_>, Vec<_>) = request.resources.iter().partition(authorized);
    // Those that the client may not see come last.
    let results = told.into_iter().chain(refused).map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        let entries = if understood {
            entries(node, rights, resource)
        } else {
            Err(unknown_kind())
        };
        match entries {
            Ok(entries) => {
                let asked = |entry: &ConfigEntry| is_asked_for(resource, &entry.name);
                result.with_error_message(Some(StrBytes::default())).with_configs(
                    entries
                        .into_iter()
                        .filter(asked)
                        .map(|entry| shape.show(entry))
                        .collect(),
                )
            }
            Err(error) => result
                .with_error_code(error.code.code())
                .with_error_message(Some(StrBytes::from_string(error.message.unwrap_or_default()))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// An empty list of names asks for all, as null does.
fn is_asked_for(resource: &DescribeConfigsResource, name: &str) -> bool {
    match resource.configuration_keys.as_deref() {
        None | Some([]) => true,
        Some(names) => names.iter().any(|asked| &**asked == name),
    }
}

fn entries(
    node: &impl AdminNode,
    rights: Rights<'_>,
    resource: &DescribeConfigsResource,
) -> Result<Vec<ConfigEntry>, ApiError> {
    let name = &*resource.resource_name;
    if let Some(kind) = ConfigResourceType::from_code(resource.resource_type) {
        check_configs(rights, AclOperation::DescribeConfigs, kind, name)?;
    }
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidRequest, message));
    let image = node.image();
    let own = |kind| -> Settings {
        image
            .configs
            .get(&ConfigResource::new(kind, name))
            .map(|map| (**map).clone())
            .unwrap_or_default()
    };
    let layers = node.layers();
    match ConfigResourceType::from_code(resource.resource_type) {
        Some(ConfigResourceType::Topic) => {
            topic_name::validate(name)
                .map_err(|message| ApiError::new(ErrorCode::InvalidTopicException, message))?;
            if image.topics.by_name(name).is_none() {
                return Err(ApiError::bare(ErrorCode::UnknownTopicOrPartition));
            }
            Ok(describe::topic_entries(&layers, &own(ConfigResourceType::Topic)))
        }
        Some(ConfigResourceType::Broker) if name.is_empty() => Ok(describe::cluster_entries(&layers)),
        Some(ConfigResourceType::Broker) => match broker_id(name)? {
            id if id == node.node_id() => Ok(describe::broker_entries(&layers)),
            id => invalid(format!(
                "Unexpected broker id, expected {} or empty string, but received {id}",
                node.node_id()
            )),
        },
        Some(ConfigResourceType::BrokerLogger) if name.is_empty() => {
            invalid("Broker id must not be empty".to_owned())
        }
        Some(ConfigResourceType::BrokerLogger) => match broker_id(name)? {
            id if id == node.node_id() => Ok(vec![root_logger()]),
            id => invalid(format!(
                "Unexpected broker id, expected {} but received {id}",
                node.node_id()
            )),
        },
        Some(ConfigResourceType::ClientMetrics) if name.is_empty() => {
            invalid("Client metrics subscription name must not be empty".to_owned())
        }
        Some(ConfigResourceType::ClientMetrics) => Ok(describe::client_metrics_entries(&own(
            ConfigResourceType::ClientMetrics,
        ))),
        Some(ConfigResourceType::Group) if name.is_empty() => {
            invalid("Group name must not be empty".to_owned())
        }
        Some(ConfigResourceType::Group) => {
            Ok(describe::group_entries(&layers, &own(ConfigResourceType::Group)))
        }
        None => Err(unknown_kind()),
    }
}

fn unknown_kind() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidRequest,
        "This most likely occurs because of a request being malformed by the client library or the message was sent to an \
         incompatible broker. See the broker logs for more details.",
    )
}

fn broker_id(name: &str) -> Result<i32, ApiError> {
    name.parse().map_err(|_| {
        ApiError::new(
            ErrorCode::InvalidRequest,
            format!("Broker id must be an integer, but it is: {name}"),
        )
    })
}

fn root_logger() -> ConfigEntry {
    ConfigEntry {
        name: "root".to_owned(),
        value: Some(logging::root_level()),
        source: ConfigSource::DynamicBrokerLogger,
        is_sensitive: false,
        read_only: false,
        config_type: 0,
        synonyms: Vec::new(),
    }
}

/// What a response may and should hold of an entry.
struct Shape {
    synonyms: bool,
    documentation: bool,
    types: bool,
}

impl Shape {
    fn show(&self, entry: ConfigEntry) -> DescribeConfigsResourceResult {
        let documentation = match entry.source {
            ConfigSource::DynamicBrokerLogger => Some(String::new()),
            _ if self.documentation => entry.documentation(),
            _ => None,
        };
        let mut result = DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_string(entry.name))
            .with_value(entry.value.map(StrBytes::from_string))
            .with_read_only(entry.read_only)
            .with_config_source(entry.source as i8)
            .with_is_sensitive(entry.is_sensitive);
        if self.synonyms {
            let synonym = |synonym: describe::ConfigSynonym| {
                DescribeConfigsSynonym::default()
                    .with_name(StrBytes::from_string(synonym.name))
                    .with_value(synonym.value.map(StrBytes::from_string))
                    .with_source(synonym.source as i8)
            };
            result.synonyms = entry.synonyms.into_iter().map(synonym).collect();
        }
        if self.types {
            result.config_type = entry.config_type;
            result.documentation = documentation.map(StrBytes::from_string);
        }
        result
    }
}
