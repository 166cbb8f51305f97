//! CreateAcls (key 30) and DeleteAcls (key 31, KIP-140, KIP-290). Kafka's `AclControlManager`, and what its
//! handlers check before it.

use std::collections::{BTreeSet, HashSet};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_acls_request::AclCreation;
use barnabas_protocol::messages::delete_acls_request::DeleteAclsFilter;
use barnabas_protocol::messages::{CreateAclsRequest, DeleteAclsRequest, StrBytes};
use barnabas_security::{
    AclBinding, AclFilter, AclOperation, CLUSTER_NAME, KafkaPrincipal, PatternType, PermissionType,
    ResourceType,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ApiError, Decide, DecideContext, Decision, RECORDS_MAX, too_many_records, wire};
use crate::image::MetadataImage;
use crate::records::{AccessControlEntryRecord, MetadataRecord};

/// Adds entries; each succeeds or fails on its own. One that is there already is no error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateAcls(#[serde(with = "wire::request")] pub CreateAclsRequest);

/// Removes all entries that a filter finds; each filter succeeds or fails on its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteAcls(#[serde(with = "wire::request")] pub DeleteAclsRequest);

impl Decide for CreateAcls {
    /// An outcome for each entry, or an error about all.
    type Reply = Result<Vec<Result<(), ApiError>>, ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let asked: Vec<Result<AclBinding, ApiError>> = self.0.creations.iter().map(binding).collect();
        let wanted: HashSet<&AclBinding> = asked.iter().flatten().collect();
        let existing = image.acls.values().filter_map(|entry| entry.binding());
        let mut existing: HashSet<AclBinding> = existing.filter(|acl| wanted.contains(acl)).collect();
        let mut records = Vec::new();
        let mut outcomes = Vec::with_capacity(asked.len());
        for asked in asked {
            outcomes.push(asked.map(|acl| {
                if existing.insert(acl.clone()) {
                    let entry = AccessControlEntryRecord::new(new_id(image, ctx), acl);
                    records.push(MetadataRecord::AccessControlEntry(entry));
                }
            }));
        }
        if records.len() > RECORDS_MAX {
            let (records, reply) = (Vec::new(), Err(too_many_records()));
            return Decision { records, reply };
        }
        let reply = Ok(outcomes);
        Decision { records, reply }
    }
}

fn new_id(image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Uuid {
    loop {
        let id = ctx.random.uuid();
        if !image.acls.contains_key(&id) {
            return id;
        }
    }
}

impl Decide for DeleteAcls {
    /// What each filter found, which is gone.
    type Reply = Vec<Result<Vec<AccessControlEntryRecord>, ApiError>>;

    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let mut gone = BTreeSet::new();
        let reply = self.0.filters.iter().map(|asked| {
            let found = found(&filter(asked)?, image);
            if gone.len() + found.len() > RECORDS_MAX {
                return Err(too_many_records());
            }
            gone.extend(found.iter().map(|entry| entry.id));
            Ok(found)
        });
        let reply = reply.collect();
        let remove = |id| MetadataRecord::RemoveAccessControlEntry { id };
        Decision {
            records: gone.into_iter().map(remove).collect(),
            reply,
        }
    }
}

/// The entries that a filter finds.
fn found(filter: &AclFilter, image: &MetadataImage) -> Vec<AccessControlEntryRecord> {
    let entries = image.acls.values();
    let matching = entries.filter(|entry| entry.binding().is_some_and(|acl| filter.matches(&acl)));
    matching.map(|entry| (**entry).clone()).collect()
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

/// The entry that is asked for, if there can be one.
fn binding(asked: &AclCreation) -> Result<AclBinding, ApiError> {
    let named = |name: Option<&'static str>| name.unwrap_or("UNKNOWN");
    let resource_type = ResourceType::from_code(asked.resource_type);
    if resource_type == Some(ResourceType::Cluster) && *asked.resource_name != *CLUSTER_NAME {
        return Err(invalid(format!(
            "The only valid name for the CLUSTER resource is {CLUSTER_NAME}"
        )));
    }
    if asked.resource_name.is_empty() {
        return Err(invalid("Invalid empty resource name"));
    }
    let resource_type = match resource_type {
        Some(kind) if kind != ResourceType::Any => kind,
        other => {
            let name = named(other.map(ResourceType::name));
            return Err(invalid(format!("Invalid resourceType {name}")));
        }
    };
    let pattern_type = match PatternType::from_code(asked.resource_pattern_type) {
        Some(kind @ (PatternType::Literal | PatternType::Prefixed)) => kind,
        other => {
            let name = named(other.map(PatternType::name));
            return Err(invalid(format!("Invalid patternType {name}")));
        }
    };
    let operation = match AclOperation::from_code(asked.operation) {
        Some(operation) if operation != AclOperation::Any => operation,
        other => {
            let name = named(other.map(AclOperation::name));
            return Err(invalid(format!("Invalid operation {name}")));
        }
    };
    let permission_type = match PermissionType::from_code(asked.permission_type) {
        Some(kind @ (PermissionType::Deny | PermissionType::Allow)) => kind,
        other => {
            let name = named(other.map(PermissionType::name));
            return Err(invalid(format!("Invalid permissionType {name}")));
        }
    };
    if KafkaPrincipal::parse(&asked.principal).is_err() {
        return Err(invalid(format!(
            "Could not parse principal from `{}` (no colon is present separating the principal type from the principal \
             name)",
            &*asked.principal
        )));
    }
    if asked.host.is_empty() {
        return Err(invalid("Host pattern cannot be null or empty"));
    }
    Ok(AclBinding {
        resource_type,
        resource_name: asked.resource_name.to_string(),
        pattern_type,
        operation,
        principal: asked.principal.to_string(),
        host: asked.host.to_string(),
        permission_type,
    })
}

fn filter(asked: &DeleteAclsFilter) -> Result<AclFilter, ApiError> {
    let text = |part: &Option<StrBytes>| part.as_ref().map(ToString::to_string);
    let pattern = ResourceType::from_code(asked.resource_type_filter)
        .zip(PatternType::from_code(asked.pattern_type_filter));
    let (resource_type, pattern_type) = pattern.ok_or_else(|| invalid("Unknown patternFilter."))?;
    let entry =
        AclOperation::from_code(asked.operation).zip(PermissionType::from_code(asked.permission_type));
    let (operation, permission_type) = entry.ok_or_else(|| invalid("Unknown entryFilter."))?;
    Ok(AclFilter {
        resource_type,
        resource_name: text(&asked.resource_name_filter),
        pattern_type,
        principal: text(&asked.principal_filter),
        host: text(&asked.host_filter),
        operation,
        permission_type,
    })
}
