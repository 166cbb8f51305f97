//! DescribeClientQuotas (key 48): the quotas of the client entities that a filter matches (KIP-546).
//!
//! Versions 0–1. Errors: CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST for a filter that makes no sense,
//! UNSUPPORTED_VERSION for an unknown entity type.

use std::collections::BTreeMap;

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::image::{CLIENT_ID, IP, QuotaEntity, QuotaFilter, QuotaMatch, USER};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash, sized_hash_map_order};
use barnabas_protocol::messages::describe_client_quotas_request::ComponentData;
use barnabas_protocol::messages::describe_client_quotas_response::{EntityData, EntryData, ValueData};
use barnabas_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse, StrBytes};

use crate::broker::Broker;
use crate::request::RequestContext;

const MATCH_EXACT: i8 = 0;
const MATCH_DEFAULT: i8 = 1;
const MATCH_SPECIFIED: i8 = 2;

/// Lists the entities and their quotas.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    match filter(&request) {
        Ok(filter) => {
            let image = broker.image();
            let matching = image.quotas.iter().filter(|(entity, _)| filter.matches(entity));
            let entry = |(entity, quotas): (&QuotaEntity, _)| {
                EntryData::default()
                    .with_entity(entity_data(entity))
                    .with_values(values(quotas))
            };
            DescribeClientQuotasResponse::default()
                .with_error_message(Some(StrBytes::default()))
                .with_entries(Some(matching.map(entry).collect()))
        }
        Err(error) => refused(context, &request, &error).with_error_message(error.wire_message()),
    }
}

/// The answer with an error, without its text.
pub fn refused(
    _: &RequestContext,
    _: &DescribeClientQuotasRequest,
    error: &ApiError,
) -> DescribeClientQuotasResponse {
    DescribeClientQuotasResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(None)
        .with_entries(None)
}

fn entity_data(entity: &QuotaEntity) -> Vec<EntityData> {
    let part = |(kind, name): (&String, &Option<String>)| {
        EntityData::default()
            .with_entity_type(StrBytes::from_string(kind.clone()))
            .with_entity_name(name.clone().map(StrBytes::from_string))
    };
    entity.iter().map(part).collect()
}

/// The values in the order in which Apache Kafka's hash map has them once one request has set them all:
/// clients have come to compare it.
fn values(quotas: &BTreeMap<String, f64>) -> Vec<ValueData> {
    let mut values: Vec<_> = quotas.iter().collect();
    hash_map_order(&mut values, |(key, _)| java_hash(key));
    sized_hash_map_order(&mut values, 0, |(key, _)| java_hash(key));
    let value = |(key, value): (&String, &f64)| {
        ValueData::default()
            .with_key(StrBytes::from_string(key.clone()))
            .with_value(*value)
    };
    values.into_iter().map(value).collect()
}

fn filter(request: &DescribeClientQuotasRequest) -> Result<QuotaFilter, ApiError> {
    let mut filter = QuotaFilter {
        strict: request.strict,
        ..QuotaFilter::default()
    };
    for component in &request.components {
        let kind = component.entity_type.to_string();
        if kind.is_empty() {
            return Err(invalid("Invalid empty entity type."));
        }
        if filter.parts.contains_key(&kind) {
            let message = format!("Entity type {kind} cannot appear more than once in the filter.");
            return Err(invalid(message));
        }
        if ![IP, USER, CLIENT_ID].contains(&kind.as_str()) {
            let message = format!("Unsupported entity type {kind}");
            return Err(ApiError::new(ErrorCode::UnsupportedVersion, message));
        }
        filter.parts.insert(kind, wanted(component)?);
    }
    if filter.parts.contains_key(IP) && filter.parts.len() > 1 {
        return Err(invalid(
            "Invalid entity filter component combination. IP filter component should not be used with user or clientId \
             filter component.",
        ));
    }
    Ok(filter)
}

fn wanted(component: &ComponentData) -> Result<QuotaMatch, ApiError> {
    let name = component._match.as_ref().map(ToString::to_string);
    match (component.match_type, name) {
        (MATCH_EXACT, Some(name)) => Ok(QuotaMatch::Exact(Some(name))),
        (MATCH_EXACT, None) => Err(invalid(
            "Request specified MATCH_TYPE_EXACT, but set match string to null.",
        )),
        (MATCH_DEFAULT, None) => Ok(QuotaMatch::Exact(None)),
        (MATCH_SPECIFIED, None) => Ok(QuotaMatch::Any),
        (MATCH_DEFAULT, Some(_)) => Err(invalid(
            "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.",
        )),
        (MATCH_SPECIFIED, Some(_)) => Err(invalid(
            "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.",
        )),
        (unknown, _) => Err(invalid(format!("Unknown match type {unknown}"))),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(parts: &[(&str, i8, Option<&str>)]) -> Result<QuotaFilter, ErrorCode> {
        let component = |(kind, match_type, name): &(&str, i8, Option<&str>)| {
            ComponentData::default()
                .with_entity_type(StrBytes::from_string((*kind).to_owned()))
                .with_match_type(*match_type)
                .with_match(name.map(|name| StrBytes::from_string(name.to_owned())))
        };
        let request =
            DescribeClientQuotasRequest::default().with_components(parts.iter().map(component).collect());
        filter(&request).map_err(|error| error.code)
    }

    #[test]
    fn values_come_in_the_order_of_kafkas_hash_map() {
        let order = |keys: &[&str]| {
            let quotas = keys.iter().map(|key| ((*key).to_owned(), 1.0)).collect();
            let values = values(&quotas);
            let keys: Vec<_> = values.iter().map(|value| value.key.to_string()).collect();
            keys.join(" ")
        };
        let all = [
            "consumer_byte_rate",
            "controller_mutation_rate",
            "producer_byte_rate",
            "request_percentage",
        ];
        assert_eq!(
            order(&all),
            "producer_byte_rate consumer_byte_rate controller_mutation_rate request_percentage"
        );
        assert_eq!(
            order(&[all[0], all[2], all[3]]),
            "consumer_byte_rate request_percentage producer_byte_rate"
        );
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        let invalid = [
            &[("", MATCH_EXACT, Some("a"))][..],
            &[("user", MATCH_EXACT, None)],
            &[("user", MATCH_DEFAULT, Some("a"))],
            &[("user", MATCH_SPECIFIED, Some("a"))],
            &[("user", 3, None)],
            &[("user", MATCH_DEFAULT, None), ("user", MATCH_SPECIFIED, None)],
            &[("user", MATCH_DEFAULT, None), ("ip", MATCH_SPECIFIED, None)],
        ];
        for parts in invalid {
            assert_eq!(asked(parts), Err(ErrorCode::InvalidRequest), "{parts:?}");
        }
        assert_eq!(
            asked(&[("group", MATCH_DEFAULT, None)]),
            Err(ErrorCode::UnsupportedVersion)
        );
        let both = asked(&[
            ("user", MATCH_EXACT, Some("a")),
            ("client-id", MATCH_DEFAULT, None),
        ])
        .unwrap();
        assert_eq!(both.parts["user"], QuotaMatch::Exact(Some("a".into())));
        assert_eq!(both.parts["client-id"], QuotaMatch::Exact(None));
    }
}
