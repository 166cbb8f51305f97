//! AlterClientQuotas (key 49, KIP-546): sets and removes the quotas of client entities. Kafka's
//! `ClientQuotaControlManager`.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash, sized_hash_map_order};

use serde::{Deserialize, Serialize};

use super::{ApiError, Decide, DecideContext, Decision};
use crate::image::{CLIENT_ID, IP, MetadataImage, QuotaEntity, USER};
use crate::records::MetadataRecord;

/// The parts of an entity, type and name, `None` for the default; each type once.
pub type EntityParts = Vec<(String, Option<String>)>;

/// What a quota's value must be.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Double,
    Long,
    Int,
}

/// The quotas of users and client ids.
const CLIENT_QUOTAS: &[(&str, Kind)] = &[
    ("producer_byte_rate", Kind::Long),
    ("consumer_byte_rate", Kind::Long),
    ("request_percentage", Kind::Double),
    ("controller_mutation_rate", Kind::Double),
];
/// The quotas of addresses.
const IP_QUOTAS: &[(&str, Kind)] = &[("connection_creation_rate", Kind::Int)];

/// Alters quotas; each entity succeeds or fails on its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlterClientQuotas {
    /// What to alter.
    pub alterations: Vec<QuotaAlteration>,
    /// Whether nothing is to be changed.
    pub validate_only: bool,
    /// The names among the addresses that can't be resolved. Looking them up is the shell's affair.
    pub unknown_hosts: BTreeSet<String>,
}

/// What to alter of one entity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuotaAlteration {
    /// The entity as the request names it: a type may stand there twice.
    pub entity: Vec<(String, Option<String>)>,
    /// The quotas by key; `None` removes one.
    pub quotas: Vec<(String, Option<f64>)>,
}

impl Decide for AlterClientQuotas {
    /// An outcome for each entity. Entities, and the parts of one, come in the order of Kafka's hash maps.
    type Reply = Vec<(EntityParts, Result<(), ApiError>)>;

    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let mut records = Vec::new();
        let mut reply: Self::Reply = Vec::new();
        let mut answered = BTreeMap::new();
        for alteration in &self.alterations {
            let parts = parts(&alteration.entity);
            let entity: QuotaEntity = parts.iter().cloned().collect();
            match answered.entry(entity) {
                Entry::Occupied(earlier) => {
                    let (parts, outcome): &mut (_, _) = &mut reply[*earlier.get()];
                    *outcome = Err(ignored(parts));
                }
                Entry::Vacant(first) => {
                    let outcome = self.changes(&parts, first.key(), alteration, image);
                    first.insert(reply.len());
                    reply.push((parts, outcome.map(|changes| records.extend(changes))));
                }
            }
        }
        hash_map_order(&mut reply, |(parts, _)| hash(parts));
        if self.validate_only {
            records.clear();
        }
        Decision { records, reply }
    }
}

impl AlterClientQuotas {
    fn changes(
        &self,
        parts: &EntityParts,
        entity: &QuotaEntity,
        alteration: &QuotaAlteration,
        image: &MetadataImage,
    ) -> Result<Vec<MetadataRecord>, ApiError> {
        let mut keys = BTreeSet::new();
        if !alteration.quotas.iter().all(|(key, _)| keys.insert(key)) {
            // What Apache Kafka says about the key is lost on its way.
            return Err(ignored(parts));
        }
        let mut asked: Vec<_> = alteration.quotas.iter().collect();
        let room = asked.len();
        sized_hash_map_order(&mut asked, room, |(key, _)| java_hash(key));
        let known = self.quotas_of(parts, entity)?;
        let current = image.quotas.get(entity);
        let mut changes = Vec::new();
        for (key, value) in asked {
            if let Some(value) = value {
                check_value(known, key, *value)?;
            }
            if current.and_then(|quotas| quotas.get(key)) != value.as_ref() {
                changes.push(MetadataRecord::ClientQuota {
                    entity: entity.clone().into_iter().collect(),
                    key: key.clone(),
                    value: *value,
                });
            }
        }
        Ok(changes)
    }

    /// The quotas that such an entity may have.
    fn quotas_of(
        &self,
        parts: &EntityParts,
        entity: &QuotaEntity,
    ) -> Result<&'static [(&'static str, Kind)], ApiError> {
        if parts.is_empty() {
            return Err(invalid("Invalid empty client quota entity"));
        }
        for (kind, name) in parts {
            if ![USER, CLIENT_ID, IP].contains(&kind.as_str()) {
                return Err(invalid(format!("Unhandled client quota entity type: {kind}")));
            }
            if name.as_deref() == Some("") {
                return Err(invalid(format!("Empty {kind} not supported")));
            }
        }
        let Some(ip) = entity.get(IP) else {
            return Ok(CLIENT_QUOTAS);
        };
        if entity.len() > 1 {
            return Err(invalid(
                "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
            ));
        }
        match ip {
            Some(ip) if self.unknown_hosts.contains(ip) => {
                Err(invalid(format!("{ip} is not a valid IP or resolvable host.")))
            }
            _ => Ok(IP_QUOTAS),
        }
    }
}

/// The parts in the order of Kafka's hash map, which keeps the last where a request names a type twice.
fn parts(named: &[(String, Option<String>)]) -> EntityParts {
    let names: BTreeMap<&String, &Option<String>> = named.iter().map(|(kind, name)| (kind, name)).collect();
    let mut seen = BTreeSet::new();
    let first = named.iter().filter(|(kind, _)| seen.insert(kind));
    let mut parts: EntityParts = first
        .map(|(kind, _)| (kind.clone(), names[kind].clone()))
        .collect();
    sized_hash_map_order(&mut parts, named.len(), |(kind, _)| java_hash(kind));
    parts
}

/// Kafka's `ClientQuotaEntity.hashCode`.
fn hash(parts: &EntityParts) -> i32 {
    let part =
        |(kind, name): &(String, Option<String>)| java_hash(kind) ^ name.as_deref().map_or(0, java_hash);
    parts.iter().map(part).fold(31, i32::wrapping_add)
}

fn check_value(known: &[(&str, Kind)], key: &str, value: f64) -> Result<(), ApiError> {
    let Some((_, kind)) = known.iter().find(|(name, _)| *name == key) else {
        return Err(invalid(format!("Invalid configuration key {key}")));
    };
    if !value.is_finite() {
        return Err(invalid(format!("Quota {key} must be a finite number")));
    }
    if value <= 0.0 {
        return Err(invalid(format!("Quota {key} must be greater than 0")));
    }
    let (max, name) = match kind {
        Kind::Double => return Ok(()),
        Kind::Long => (i64::MAX as f64, "a LONG"),
        Kind::Int => (f64::from(i32::MAX), "an INT"),
    };
    if value > max {
        return Err(invalid(format!(
            "Proposed value for {key} is too large for {name}."
        )));
    }
    if value % 1.0 > 1e-6 {
        return Err(invalid(format!("{key} cannot be a fractional value.")));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn ignored(parts: &EntityParts) -> ApiError {
    let part =
        |(kind, name): &(String, Option<String>)| format!("{kind}={}", name.as_deref().unwrap_or("null"));
    let parts: Vec<String> = parts.iter().map(part).collect();
    let parts = parts.join(", ");
    invalid(format!(
        "Ignoring duplicate entity ClientQuotaEntity(entries={{{parts}}})"
    ))
}
