//! `--describe`.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};
use barnabas_protocol::messages::ListConfigResourcesRequest;

use super::options::Entities;
use super::{quotas, scram};
use crate::arguments::Options;
use crate::client::configs::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, ResourceType, Source, TOPIC};
use crate::client::{Cluster, KafkaError, To};
use crate::console::Console;
use crate::failure::Outcome;

/// Shows settings.
pub fn describe(options: &Options, entities: &Entities, cluster: &Cluster, console: &mut Console) -> Outcome {
    let all = options.has("all");
    match entities.kind() {
        "users" | "clients" => {
            quotas::describe(entities, cluster, console)?;
            let of_users = entities.types.iter().all(|kind| kind != "clients");
            if of_users && !entities.names.iter().any(String::is_empty) {
                scram::describe(&entities.names, cluster, console)?;
            }
            Ok(())
        }
        "ips" => quotas::describe(entities, cluster, console),
        _ => resources(entities, all, cluster, console),
    }
}

fn resources(entities: &Entities, all: bool, cluster: &Cluster, console: &mut Console) -> Outcome {
    let kind = entities.kind();
    let singular = entities.singular();
    let names = match entities.names.first() {
        Some(name) => {
            if !all && !exists(kind, name, cluster)? {
                console.line(format!(
                    "The {singular} '{name}' doesn't exist and doesn't have dynamic config."
                ));
                return Ok(());
            }
            vec![name.clone()]
        }
        None => names_of(kind, cluster)?,
    };
    for name in &names {
        let (resource, dynamic) = source(kind, name);
        let to = match name.parse() {
            Ok(id) if resource == BROKER || resource == BROKER_LOGGER => To::Broker(id),
            _ => To::Any,
        };
        let mut entries = cluster.describe_configs(to, resource, name, true)?;
        console.line(if name.is_empty() {
            format!("Default configs for {kind} in the cluster are:")
        } else {
            let which = if all { "All" } else { "Dynamic" };
            format!("{which} configs for {singular} {name} are:")
        });
        entries.retain(|entry| all || entry.source == dynamic);
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in &entries {
            let synonyms = entry.synonyms.iter().map(|(name, value, source)| {
                format!("{}:{name}={}", source.name(), value.as_deref().unwrap_or("null"))
            });
            let synonyms: Vec<String> = synonyms.collect();
            console.line(format!(
                "  {}={} sensitive={} synonyms={{{}}}",
                entry.name,
                entry.shown(),
                entry.is_sensitive,
                synonyms.join(", ")
            ));
        }
    }
    Ok(())
}

/// The resource's type, and where its settings come from that were made at run time.
fn source(kind: &str, name: &str) -> (ResourceType, Source) {
    match kind {
        "topics" => (TOPIC, Source(1)),
        "brokers" if name.is_empty() => (BROKER, Source(3)),
        "brokers" => (BROKER, Source(2)),
        "broker-loggers" => (BROKER_LOGGER, Source(6)),
        "client-metrics" => (CLIENT_METRICS, Source(7)),
        _ => (GROUP, Source(8)),
    }
}

fn exists(kind: &str, name: &str, cluster: &Cluster) -> Outcome<bool> {
    Ok(match kind {
        "topics" => cluster.list_topics()?.iter().any(|topic| topic.name == name),
        "brokers" | "broker-loggers" => {
            let brokers = cluster.brokers("listNodes")?;
            name.is_empty() || brokers.list.iter().any(|broker| broker.id.to_string() == name)
        }
        _ => names_of(kind, cluster)?.iter().any(|found| found == name),
    })
}

fn names_of(kind: &str, cluster: &Cluster) -> Outcome<Vec<String>> {
    Ok(match kind {
        "topics" => {
            let mut names: Vec<String> = cluster
                .list_topics()?
                .into_iter()
                .map(|topic| topic.name)
                .collect();
            hash_map_order(&mut names, |name| java_hash(name));
            names
        }
        "brokers" | "broker-loggers" => {
            let brokers = cluster.brokers("listNodes")?;
            let ids = brokers.list.iter().map(|broker| broker.id.to_string());
            ids.chain([String::new()]).collect()
        }
        "client-metrics" => config_resources(CLIENT_METRICS, cluster)?,
        _ => {
            let mut names: Vec<String> = cluster
                .list_groups(&[], &[])?
                .into_iter()
                .map(|group| group.id)
                .collect();
            match config_resources(GROUP, cluster) {
                Ok(more) => names.extend(more),
                // Older clusters keep no such list, and not everybody may see it.
                Err(error)
                    if error.is(ErrorCode::UnsupportedVersion)
                        || error.is(ErrorCode::ClusterAuthorizationFailed) => {}
                Err(error) => return Err(error.into()),
            }
            let mut seen = std::collections::BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            names
        }
    })
}

/// The names of all resources of a type that have settings.
///
/// # Errors
/// They can't be listed.
pub fn config_resources(kind: ResourceType, cluster: &Cluster) -> Result<Vec<String>, KafkaError> {
    let request = |version| {
        let types = if version >= 1 { vec![kind] } else { Vec::new() };
        ListConfigResourcesRequest::default().with_resource_types(types)
    };
    let (_, response) = cluster.ask_with(To::Any, "listConfigResources", request)?;
    KafkaError::check(response.error_code, None)?;
    Ok(response
        .config_resources
        .iter()
        .map(|resource| resource.resource_name.to_string())
        .collect())
}
