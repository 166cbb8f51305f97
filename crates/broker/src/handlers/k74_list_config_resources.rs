//! ListConfigResources (KIP-1142): the names of what has settings, by kind. Version 0 is
//! ListClientMetricsResources.
//!
//! Versions 0–1. Errors: CLUSTER_AUTHORIZATION_FAILED, UNSUPPORTED_VERSION for a kind that can't be listed.

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::records::ConfigResourceType;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::list_config_resources_response::ConfigResource;
use barnabas_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse, StrBytes};

use crate::broker::Broker;
use crate::request::RequestContext;

/// First version that lists more than client metrics subscriptions and says what is what.
const KINDS_SINCE: i16 = 1;

/// Lists the kinds asked for, all of them where none is named.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let listable = match context.api_version {
        ..KINDS_SINCE => &[ConfigResourceType::ClientMetrics][..],
        KINDS_SINCE.. => &ConfigResourceType::ALL,
    };
    let asked: Option<Vec<ConfigResourceType>> = request
        .resource_types
        .iter()
        .map(|&code| ConfigResourceType::from_code(code).filter(|kind| listable.contains(kind)))
        .collect();
    let Some(asked) = asked else {
        return ListConfigResourcesResponse::default().with_error_code(ErrorCode::UnsupportedVersion.code());
    };
    let mut resources = Vec::new();
    // Kafka lists the kinds from the last to the first.
    for kind in listable
        .iter()
        .rev()
        .filter(|kind| asked.is_empty() || asked.contains(kind))
    {
        for name in names(broker, *kind) {
            let mut resource = ConfigResource::default().with_resource_name(StrBytes::from_string(name));
            if context.api_version >= KINDS_SINCE {
                resource.resource_type = kind.code();
            }
            resources.push(resource);
        }
    }
    ListConfigResourcesResponse::default().with_config_resources(resources)
}

/// The answer with an error.
pub fn refused(
    _: &RequestContext,
    _: &ListConfigResourcesRequest,
    error: &ApiError,
) -> ListConfigResourcesResponse {
    ListConfigResourcesResponse::default().with_error_code(error.code.code())
}

fn names(broker: &Broker, kind: ConfigResourceType) -> Vec<String> {
    let image = broker.image();
    match kind {
        ConfigResourceType::Topic => {
            let mut names: Vec<String> = image.topics.iter().map(|topic| topic.name.to_string()).collect();
            names.sort_unstable();
            names
        }
        ConfigResourceType::Broker | ConfigResourceType::BrokerLogger => {
            image.brokers.keys().map(ToString::to_string).collect()
        }
        ConfigResourceType::ClientMetrics | ConfigResourceType::Group => {
            image.configs.names(kind).into_iter().map(str::to_owned).collect()
        }
    }
}
