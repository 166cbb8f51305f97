//! The versions of a subject.

use std::collections::BTreeSet;

use super::{Decided, Params, schemas, subjects};
use crate::error::{RegistryError, version_not_found};
use crate::json::{Json, Object};
use crate::registry::{Registry, Version};

/// Their numbers.
pub fn list(registry: &Registry, subject: &str, asked: &Params) -> Result<Decided, RegistryError> {
    let (deleted, deleted_only) = (asked.is("deleted"), asked.is("deletedOnly"));
    subjects::check(registry, subject, deleted || deleted_only)?;
    let versions = registry.versions(subject, deleted || deleted_only);
    let versions = versions.filter(|(_, version)| !deleted_only || version.deleted);
    let page = asked.page(versions.map(|(number, _)| number))?;
    Ok(Decided::told(page.into_iter().collect::<Json>()))
}

/// A version in an address; `None` for the latest.
///
/// # Errors
/// 42202: it is neither a number from 1 on nor `latest`.
pub fn number(given: &str) -> Result<Option<i32>, RegistryError> {
    if matches!(given, "latest" | "-1") {
        return Ok(None);
    }
    match given.parse() {
        Ok(number @ 1..) => Ok(Some(number)),
        _ => Err(RegistryError::new(
            42202,
            format!(
                "The specified version '{}' is not a valid version id. Allowed values are between [1, 2^31-1] and the \
                 string \"latest\"",
                given.escape_debug()
            ),
        )),
    }
}

/// The version that is meant.
///
/// # Errors
/// 42202, 40401, 40402.
pub fn find<'r>(
    registry: &'r Registry,
    subject: &str,
    given: &str,
    deleted: bool,
) -> Result<(i32, &'r Version), RegistryError> {
    let asked = number(given)?;
    let found = match asked {
        None => registry.versions(subject, deleted).next_back(),
        Some(number) => {
            let version = registry
                .version(subject, number)
                .filter(|version| deleted || !version.deleted);
            version.map(|version| (number, version))
        }
    };
    if found.is_none() {
        subjects::check(registry, subject, deleted)?;
    }
    found.ok_or_else(|| version_not_found(asked.map_or("latest".to_owned(), |number| number.to_string())))
}

/// What is told of a version.
pub fn described(subject: &str, number: i32, version: &Version, asked: &Params) -> Object {
    let before = [
        ("subject", subject.into()),
        ("version", number.into()),
        ("id", version.id.into()),
    ];
    let mut told = version.schema.describe(before);
    schemas::put_guid(&mut told, &version.schema, asked);
    told
}

/// One version.
pub fn get(
    registry: &Registry,
    subject: &str,
    given: &str,
    asked: &Params,
) -> Result<Decided, RegistryError> {
    let (number, version) = find(registry, subject, given, asked.is("deleted"))?;
    let mut told = described(subject, number, version, asked);
    if version.deleted {
        told.insert("deleted".to_owned(), true.into());
    }
    schemas::put_in_format(&mut told, registry, subject, &version.schema, asked)?;
    Ok(Decided::told(Json::Object(told)))
}

/// The text of one version.
pub fn schema(
    registry: &Registry,
    subject: &str,
    given: &str,
    asked: &Params,
) -> Result<Decided, RegistryError> {
    let (_, version) = find(registry, subject, given, asked.is("deleted"))?;
    let text = schemas::in_format(registry, subject, &version.schema, asked)?;
    Ok(Decided::schema(&text))
}

/// The ids of the schemas that name a version.
pub fn referenced_by(registry: &Registry, subject: &str, given: &str) -> Result<Decided, RegistryError> {
    let (number, _) = find(registry, subject, given, true)?;
    let from = registry.referenced_by(subject, number);
    let ids: BTreeSet<i32> = from.map(|(_, _, version)| version.id).collect();
    Ok(Decided::told(ids.into_iter().collect::<Json>()))
}
