//! AlterClientQuotas (key 49): sets and removes the quotas of client entities (KIP-546).
//!
//! Versions 0–1. Errors, each for one entity: CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST. Deviation:
//! quotas are kept and described, not enforced.

use std::collections::BTreeSet;
use std::net::IpAddr;

use barnabas_metadata::controller::{
    AlterClientQuotas, ApiError, EntityParts, QuotaAlteration, code_and_message,
};
use barnabas_metadata::image::IP;
use barnabas_protocol::messages::alter_client_quotas_request;
use barnabas_protocol::messages::alter_client_quotas_response::{EntityData, EntryData};
use barnabas_protocol::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse, StrBytes};

use crate::admin::AdminNode;
use barnabas_network::rpc::RequestContext;

/// Has the controller alter the quotas.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    let alterations: Vec<QuotaAlteration> = request.entries.iter().map(alteration).collect();
    let alter = AlterClientQuotas {
        unknown_hosts: unknown_hosts(&alterations).await,
        alterations,
        validate_only: request.validate_only,
    };
    match node.controllers().submit(alter).await {
        Ok(outcomes) => {
            AlterClientQuotasResponse::default().with_entries(outcomes.iter().map(entry).collect())
        }
        Err(error) => refused(context, &request, &ApiError::from(error)),
    }
}

/// The answer with an error for each entity.
pub fn refused(
    _: &RequestContext,
    request: &AlterClientQuotasRequest,
    error: &ApiError,
) -> AlterClientQuotasResponse {
    let entries = request.entries.iter().map(|asked| {
        let part = |part: &alter_client_quotas_request::EntityData| {
            EntityData::default()
                .with_entity_type(part.entity_type.clone())
                .with_entity_name(part.entity_name.clone())
        };
        EntryData::default()
            .with_error_code(error.code.code())
            .with_error_message(error.wire_message())
            .with_entity(asked.entity.iter().map(part).collect())
    });
    AlterClientQuotasResponse::default().with_entries(entries.collect())
}

fn alteration(entry: &alter_client_quotas_request::EntryData) -> QuotaAlteration {
    let parts = entry.entity.iter().map(|part| {
        let name = part.entity_name.as_ref().map(ToString::to_string);
        (part.entity_type.to_string(), name)
    });
    let quotas = entry
        .ops
        .iter()
        .map(|op| (op.key.to_string(), (!op.remove).then_some(op.value)));
    QuotaAlteration {
        entity: parts.collect(),
        quotas: quotas.collect(),
    }
}

/// The addresses among the entities that are neither an address nor the name of one.
async fn unknown_hosts(alterations: &[QuotaAlteration]) -> BTreeSet<String> {
    let named: BTreeSet<&String> = alterations
        .iter()
        .flat_map(|alteration| &alteration.entity)
        .filter_map(|(kind, name)| name.as_ref().filter(|_| kind == IP))
        .filter(|name| name.parse::<IpAddr>().is_err())
        .collect();
    let mut unknown = BTreeSet::new();
    for name in named {
        if tokio::net::lookup_host((name.as_str(), 0)).await.is_err() {
            unknown.insert(name.clone());
        }
    }
    unknown
}

fn entry((entity, outcome): &(EntityParts, Result<(), ApiError>)) -> EntryData {
    let part = |(kind, name): &(String, Option<String>)| {
        EntityData::default()
            .with_entity_type(StrBytes::from_string(kind.clone()))
            .with_entity_name(name.clone().map(StrBytes::from_string))
    };
    let (code, message) = code_and_message(outcome);
    EntryData::default()
        .with_error_code(code)
        .with_error_message(message)
        .with_entity(entity.iter().map(part).collect())
}
