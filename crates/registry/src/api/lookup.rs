//! Whether a subject has a schema.

use super::given::Given;
use super::{Decided, Params, schemas, subjects, versions};
use crate::error::{RegistryError, schema_not_found};
use crate::json::Json;
use crate::registry::{Registry, Schema, Version};

/// The version of a subject that has just this schema; the latest, if there are several. Where metadata and
/// rules are not given, those of the version do not count.
pub fn version_with<'r>(
    registry: &'r Registry,
    subject: &str,
    schema: &Schema,
    deleted: bool,
) -> Option<(i32, &'r Version)> {
    let mut versions = registry.versions(subject, deleted).rev();
    versions.find(|(_, version)| {
        let kept = &*version.schema;
        let open = schema.metadata.is_empty() && schema.rule_set.is_empty();
        *kept == *schema
            || open
                && (kept.schema_type, &kept.text, &kept.references)
                    == (schema.schema_type, &schema.text, &schema.references)
    })
}

/// POST of a schema to a subject: its id and version.
pub fn lookup(
    registry: &Registry,
    subject: &str,
    asked: &Params,
    body: &[u8],
) -> Result<Decided, RegistryError> {
    let deleted = asked.is("deleted");
    subjects::check(registry, subject, deleted)?;
    let given = Given::read(registry, subject, asked, body, false)?;
    let found = version_with(registry, subject, &given.schema, deleted);
    let (number, version) = found.ok_or_else(|| schema_not_found(None))?;
    let mut told = versions::described(subject, number, version, asked);
    schemas::put_in_format(&mut told, registry, subject, &version.schema, asked)?;
    Ok(Decided::told(Json::Object(told)))
}
