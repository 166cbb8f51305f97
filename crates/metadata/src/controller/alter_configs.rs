//! AlterConfigs (key 33) and IncrementalAlterConfigs (key 44), once the broker has sorted out what is its
//! own. Kafka's `ConfigurationControlManager`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash};

use serde::{Deserialize, Serialize};

use super::{
    ApiError, ConfigKind, Decide, DecideContext, Decision, RECORDS_MAX, too_many_records, validate_configs,
};
use crate::image::{ConfigMap, MetadataImage};
use crate::records::{ConfigResource, ConfigResourceType, MetadataRecord};

const VALUE_LENGTH_MAX: usize = i16::MAX as usize;
const ELIGIBLE_LEADER_REPLICAS: &str = "eligible.leader.replicas.version";
const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// A config's value; `None` deletes it.
pub type ConfigValue = Option<String>;

/// What becomes of each resource, in the order of the request.
pub type ConfigOutcomes = Vec<(ConfigResource, Result<(), ApiError>)>;

/// One change of one config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlterConfigOp {
    /// Sets the value; `None` as DELETE does.
    Set(Option<String>),
    /// Back to the default.
    Delete,
    /// Adds the items to a list.
    Append(String),
    /// Takes the items from a list.
    Subtract(String),
    /// A code that no operation has.
    Unknown(i8),
}

/// Replaces the configs of resources by those given: what isn't named is deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlterConfigs {
    /// Each resource once, each config once.
    pub resources: Vec<(ConfigResource, Vec<(String, ConfigValue)>)>,
    /// Whether to change nothing.
    pub validate_only: bool,
}

/// Changes some configs of resources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncrementalAlterConfigs {
    /// Each resource once, each config once, as they were asked for.
    pub resources: Vec<(ConfigResource, Vec<(String, AlterConfigOp)>)>,
    /// Whether to change nothing.
    pub validate_only: bool,
}

impl Decide for AlterConfigs {
    type Reply = Result<ConfigOutcomes, ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        decide(self.resources, self.validate_only, |resource, configs| {
            let existing = image.configs.get(resource).cloned().unwrap_or_default();
            let given: BTreeMap<String, Option<String>> = configs.into_iter().collect();
            let missing = existing.keys().filter(|name| !given.contains_key(*name));
            let deleted: Vec<(String, Option<String>)> = missing.map(|name| (name.clone(), None)).collect();
            let changes = given
                .into_iter()
                .filter(|(name, value)| matters(resource, existing.get(name), value.as_ref()));
            alter_resource(resource, changes.chain(deleted).collect(), image, ctx)
        })
    }
}

impl Decide for IncrementalAlterConfigs {
    type Reply = Result<ConfigOutcomes, ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        decide(self.resources, self.validate_only, |resource, operations| {
            let existing = image.configs.get(resource).cloned().unwrap_or_default();
            let mut changes = Vec::with_capacity(operations.len());
            let mut operations = operations;
            hash_map_order(&mut operations, |(name, _)| java_hash(name));
            for (name, operation) in operations {
                let current = existing.get(&name);
                let value = operate(resource, &name, operation, current, ctx)?;
                if matters(resource, current, value.as_ref()) {
                    changes.push((name, value));
                }
            }
            alter_resource(resource, changes, image, ctx)
        })
    }
}

/// Decides resource by resource: one that fails changes nothing, the others do. An UNKNOWN_SERVER_ERROR is
/// the whole request's.
fn decide<T>(
    resources: Vec<(ConfigResource, T)>,
    validate_only: bool,
    mut alter: impl FnMut(&ConfigResource, T) -> Result<Vec<MetadataRecord>, ApiError>,
) -> Decision<Result<ConfigOutcomes, ApiError>> {
    let mut records = Vec::new();
    let mut outcomes = Vec::with_capacity(resources.len());
    for (resource, asked) in resources {
        let outcome = alter(&resource, asked).map(|of_resource| records.extend(of_resource));
        match outcome {
            Err(error) if error.code == ErrorCode::UnknownServerError => return refused(error),
            outcome => outcomes.push((resource, outcome)),
        }
    }
    if records.len() > RECORDS_MAX {
        return refused(too_many_records());
    }
    if validate_only {
        records.clear();
    }
    Decision {
        records,
        reply: Ok(outcomes),
    }
}

/// The request fails as a whole.
fn refused(error: ApiError) -> Decision<Result<ConfigOutcomes, ApiError>> {
    Decision {
        records: Vec::new(),
        reply: Err(error),
    }
}

/// Whether a change needs a record. A broker's do always: setting a config again makes the broker reload it.
fn matters(resource: &ConfigResource, current: Option<&String>, value: Option<&String>) -> bool {
    current != value || resource.kind == ConfigResourceType::Broker
}

/// The value after an operation; `None` when the config isn't set any more.
fn operate(
    resource: &ConfigResource,
    name: &str,
    operation: AlterConfigOp,
    current: Option<&String>,
    ctx: &DecideContext<'_>,
) -> Result<Option<String>, ApiError> {
    let (word, items) = match &operation {
        AlterConfigOp::Set(value) => return Ok(value.clone()),
        AlterConfigOp::Delete => return Ok(None),
        AlterConfigOp::Append(items) => ("APPEND", items),
        AlterConfigOp::Subtract(items) => ("SUBTRACT", items),
        // Apache Kafka's controller falls over the whole request, if no operation before it is refused.
        AlterConfigOp::Unknown(_) => return Err(ApiError::bare(ErrorCode::UnknownServerError)),
    };
    if ctx.rules.kind(resource.kind, name) != Some(ConfigKind::List) {
        let message = format!("Can't {word} to key {name} because its type is not LIST.");
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    let start = current
        .cloned()
        .or_else(|| ctx.rules.default_value(resource.kind, name))
        .unwrap_or_default();
    let mut list: Vec<&str> = start.split(',').filter(|item| !item.is_empty()).collect();
    for item in java_split(items) {
        let found = list.iter().position(|have| *have == item);
        match (&operation, found) {
            (AlterConfigOp::Append(_), None) => list.push(item),
            (AlterConfigOp::Subtract(_), Some(index)) => drop(list.remove(index)),
            _ => {}
        }
    }
    Ok(Some(list.join(",")))
}

/// The items between commas as Java's `String.split` gives them: empty ones at the end are dropped, unless
/// there is nothing else.
fn java_split(items: &str) -> impl Iterator<Item = &str> {
    let trimmed = items.trim_end_matches(',');
    let nothing = trimmed.is_empty() && !items.is_empty();
    trimmed.split(',').filter(move |_| !nothing)
}

/// The records for the changes of one resource, once its whole set of configs has been checked.
fn alter_resource(
    resource: &ConfigResource,
    changes: Vec<(String, Option<String>)>,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let existing = image.configs.get(resource).cloned().unwrap_or_default();
    let mut all: ConfigMap = (*existing).clone();
    for (name, value) in &changes {
        check_change(resource, name, value.as_deref(), image)?;
        match value {
            Some(value) => all.insert(name.clone(), value.clone()),
            None => all.remove(name),
        };
    }
    validate_configs(ctx.rules, resource, &all)?;
    check_existence(resource, image)?;
    let record = |(name, value)| MetadataRecord::Config {
        resource: resource.clone(),
        name,
        value,
    };
    Ok(changes.into_iter().map(record).collect())
}

/// Checks the configs of a resource that is being created.
pub(super) fn check_configs(
    resource: &ConfigResource,
    configs: &ConfigMap,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<(), ApiError> {
    for (name, value) in configs {
        check_change(resource, name, Some(value), image)?;
    }
    validate_configs(ctx.rules, resource, configs)
}

fn check_change(
    resource: &ConfigResource,
    name: &str,
    value: Option<&str>,
    image: &MetadataImage,
) -> Result<(), ApiError> {
    let invalid = |message: &str| Err(ApiError::new(ErrorCode::InvalidConfig, message));
    let elr = image.features.level(ELIGIBLE_LEADER_REPLICAS) > 0;
    if elr && resource.kind == ConfigResourceType::Broker && name == MIN_INSYNC_REPLICAS {
        if !resource.name.is_empty() {
            return invalid("Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
        }
        if value.is_none() {
            return invalid("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
        }
    }
    if value.is_some_and(|value| value.encode_utf16().count() > VALUE_LENGTH_MAX) {
        return invalid(
            "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
        );
    }
    Ok(())
}

fn check_existence(resource: &ConfigResource, image: &MetadataImage) -> Result<(), ApiError> {
    let name = &resource.name;
    match resource.kind {
        ConfigResourceType::Topic if image.topics.by_name(name).is_none() => {
            let message = format!("The topic '{name}' does not exist.");
            Err(ApiError::new(ErrorCode::UnknownTopicOrPartition, message))
        }
        ConfigResourceType::Broker if !name.is_empty() => match name.parse::<i32>() {
            Ok(id) if !image.brokers.contains_key(&id) && !image.controllers.contains_key(&id) => {
                Err(ApiError::new(
                    ErrorCode::BrokerIdNotRegistered,
                    format!("No node with id {id} found."),
                ))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
