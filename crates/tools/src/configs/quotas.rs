//! Quotas of users, clients and addresses.

use barnabas_protocol::java_order::{hash_map_order, java_hash};
use barnabas_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use barnabas_protocol::messages::describe_client_quotas_request::ComponentData;
use barnabas_protocol::messages::{AlterClientQuotasRequest, DescribeClientQuotasRequest};

use super::alter::Changes;
use super::options::Entities;
use crate::client::{Cluster, KafkaError, To, wire};
use crate::console::Console;
use crate::failure::{Outcome, said};
use crate::java;

/// The quotas of users and clients.
pub const OF_USERS: &[&str] = &[
    "producer_byte_rate",
    "consumer_byte_rate",
    "request_percentage",
    "controller_mutation_rate",
];
/// The quota of addresses.
pub const OF_IPS: &str = "connection_creation_rate";

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

/// An entity's parts (type, and name unless it is the default), and its quotas.
type Quotas = (Vec<(String, Option<String>)>, Vec<(String, f64)>);

fn type_name(kind: &str) -> &'static str {
    match kind {
        "users" => "user",
        "clients" => "client-id",
        _ => "ip",
    }
}

fn find(entities: &Entities, cluster: &Cluster) -> Outcome<Vec<Quotas>> {
    if entities.names.len() > entities.types.len() {
        return said("More entity names specified than entity types");
    }
    let components = entities.types.iter().enumerate().map(|(index, kind)| {
        let component = ComponentData::default()
            .with_entity_type(wire(type_name(kind)))
            .with_match(None);
        match entities.names.get(index).map(String::as_str) {
            None => component.with_match_type(ANY),
            Some("") => component.with_match_type(DEFAULT),
            Some(name) => component.with_match_type(EXACT).with_match(Some(wire(name))),
        }
    });
    let request = DescribeClientQuotasRequest::default()
        .with_components(components.collect())
        .with_strict(true);
    let response = cluster.ask(To::Any, "describeClientQuotas", &request)?;
    KafkaError::check(response.error_code, response.error_message.as_deref())?;
    let entries = response.entries.unwrap_or_default();
    let quotas = entries.iter().map(|entry| {
        let name =
            |name: &Option<barnabas_protocol::messages::StrBytes>| name.as_ref().map(ToString::to_string);
        let entity = entry
            .entity
            .iter()
            .map(|part| (part.entity_type.to_string(), name(&part.entity_name)));
        let values = entry
            .values
            .iter()
            .map(|value| (value.key.to_string(), value.value));
        (entity.collect(), values.collect())
    });
    Ok(quotas.collect())
}

/// Shows them.
pub fn describe(entities: &Entities, cluster: &Cluster, console: &mut Console) -> Outcome {
    for (entity, mut values) in find(entities, cluster)? {
        let part = |kind: &str, shown: &str| {
            let (_, name) = entity.iter().find(|(found, _)| found == kind)?;
            Some(match name.as_deref() {
                None | Some("") => format!("the default {shown}"),
                Some(name) => format!("{shown} '{name}'"),
            })
        };
        let parts = [
            part("user", "user-principal"),
            part("client-id", "client-id"),
            part("ip", "ip"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        hash_map_order(&mut values, |(name, _)| java_hash(name));
        let values: Vec<String> = values
            .iter()
            .map(|(name, value)| format!("{name}={}", java::double(*value)))
            .collect();
        console.line(format!(
            "Quota configs for {} are {}",
            parts.join(", "),
            values.join(", ")
        ));
    }
    Ok(())
}

/// Changes them.
pub fn alter(entities: &Entities, cluster: &Cluster, added: &Changes, deleted: &[String]) -> Outcome {
    let known = find(entities, cluster)?
        .into_iter()
        .next()
        .map(|(_, values)| values)
        .unwrap_or_default();
    let unknown: Vec<&str> = deleted
        .iter()
        .filter(|name| known.iter().all(|(known, _)| known != *name))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        return said(format!("Invalid config(s): {}", unknown.join(",")));
    }
    let mut operations = Vec::new();
    for (name, text) in added {
        let Ok(value) = text.trim().parse::<f64>() else {
            return said(format!(
                "Cannot parse quota configuration value for {name}: {text}"
            ));
        };
        operations.push(OpData::default().with_key(wire(name)).with_value(value));
    }
    operations.extend(
        deleted
            .iter()
            .map(|name| OpData::default().with_key(wire(name)).with_remove(true)),
    );
    let entity = entities.types.iter().zip(&entities.names).map(|(kind, name)| {
        EntityData::default()
            .with_entity_type(wire(type_name(kind)))
            .with_entity_name(Some(name).filter(|name| !name.is_empty()).map(|name| wire(name)))
    });
    let entry = EntryData::default()
        .with_entity(entity.collect())
        .with_ops(operations);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let response = cluster.ask(To::Controller, "alterClientQuotas", &request)?;
    let mut entries = response.entries.iter();
    Ok(entries.try_for_each(|entry| KafkaError::check(entry.error_code, entry.error_message.as_deref()))?)
}
