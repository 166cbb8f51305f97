//! Schemas by their ids, and all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::subjects::Wanted;
use super::{Decided, Params, versions};
use crate::error::{RegistryError, schema_not_found};
use crate::guid::Guid;
use crate::json::{Json, Object, object};
use crate::registry::{Registry, Schema, Uses};
use crate::schema::{formatted, resolve};
use crate::subject::{DEFAULT_CONTEXT, context_of};

type Found<'r> = (i32, &'r Arc<Schema>, &'r Uses);

/// The schema of an id in the context that is asked for, by the address or by a subject.
fn find<'r>(registry: &'r Registry, id: &str, asked: &Params) -> Result<Found<'r>, RegistryError> {
    let number: i32 = id
        .parse()
        .map_err(|_| RegistryError::new(404, "HTTP 404 Not Found"))?;
    let subject = asked.get("subject").map(|subject| asked.qualified(subject));
    let context = subject.as_deref().map_or(asked.context(), context_of);
    let in_context = |context: &str| {
        registry
            .context(context)
            .and_then(|context| context.schema(number))
    };
    let found = in_context(context).or_else(|| {
        // Who names a subject without its context may mean one of another context.
        let named = subject.as_deref().filter(|_| context == DEFAULT_CONTEXT)?;
        let others = registry.contexts().into_iter().filter_map(in_context);
        others.into_iter().find(|(_, uses)| {
            uses.iter()
                .any(|(used, _)| crate::subject::local_name(used) == named)
        })
    });
    let (schema, uses) = found.ok_or_else(|| schema_not_found(Some(number)))?;
    Ok((number, schema, uses))
}

/// A schema.
pub fn by_id(registry: &Registry, id: &str, asked: &Params) -> Result<Decided, RegistryError> {
    let (_, schema, uses) = find(registry, id, asked)?;
    let mut told = schema.describe([]);
    put_guid(&mut told, schema, asked);
    if asked.is("fetchMaxId") {
        let context = uses
            .first()
            .map_or(asked.context(), |(subject, _)| context_of(subject));
        let id_max = registry.context(context).map_or(0, |context| context.id_max());
        told.insert("maxId".to_owned(), id_max.into());
    }
    put_in_format(&mut told, registry, first_of(uses), schema, asked)?;
    Ok(Decided::told(Json::Object(told)))
}

/// Tells a schema's GUID, where who asks may not mind.
pub fn put_guid(told: &mut Object, schema: &Schema, asked: &Params) {
    if asked.tells_all() {
        told.insert("guid".to_owned(), Guid::of(schema).to_string().into());
    }
}

/// The contexts that have the schema of a GUID, with its id in each.
fn find_guid<'r>(registry: &'r Registry, guid: &str) -> Result<Vec<(&'r str, i32)>, RegistryError> {
    let not_found = || RegistryError::new(40403, format!("Schema {} not found", guid.escape_debug()));
    let parsed = Guid::parse(guid).ok_or_else(not_found)?;
    let contexts = registry.contexts().into_iter();
    let found: Vec<_> = contexts
        .filter_map(|name| Some((name, registry.context(name)?.id_of_guid(parsed)?)))
        .collect();
    if found.is_empty() {
        Err(not_found())
    } else {
        Ok(found)
    }
}

/// A schema by its GUID, of any context.
pub fn by_guid(registry: &Registry, guid: &str, asked: &Params) -> Result<Decided, RegistryError> {
    let found = find_guid(registry, guid)?;
    let mut schemas = found
        .iter()
        .filter_map(|(context, id)| registry.context(context)?.schema(*id));
    let (schema, uses) = schemas.next().ok_or_else(|| schema_not_found(None))?;
    let mut told = schema.describe([]);
    told.insert("guid".to_owned(), Guid::of(schema).to_string().into());
    put_in_format(&mut told, registry, first_of(uses), schema, asked)?;
    Ok(Decided::told(Json::Object(told)))
}

/// The contexts that have the schema of a GUID, and its id in each.
pub fn ids_of_guid(registry: &Registry, guid: &str) -> Result<Decided, RegistryError> {
    let found = find_guid(registry, guid)?;
    let told = found
        .into_iter()
        .map(|(context, id)| object([("context", context.into()), ("id", id.into())]));
    Ok(Decided::told(told.collect::<Json>()))
}

/// Only its text.
pub fn text(registry: &Registry, id: &str, asked: &Params) -> Result<Decided, RegistryError> {
    let (_, schema, uses) = find(registry, id, asked)?;
    Ok(Decided::schema(&in_format(
        registry,
        first_of(uses),
        schema,
        asked,
    )?))
}

fn first_of(uses: &Uses) -> &str {
    uses.first().map_or("", |(subject, _)| subject)
}

/// The text of a subject's schema, in the format that is asked for.
///
/// # Errors
/// 42201: it can't be read.
pub fn in_format(
    registry: &Registry,
    subject: &str,
    schema: &Schema,
    asked: &Params,
) -> Result<String, RegistryError> {
    let Some(format) = asked.get("format").filter(|format| !format.is_empty()) else {
        return Ok(schema.text.clone());
    };
    let resolved = resolve(registry, subject, &schema.references).map_err(crate::error::invalid_schema)?;
    formatted(schema, &resolved, format).map_err(crate::error::invalid_schema)
}

/// Has what is told of a schema tell its text in the format that is asked for.
///
/// # Errors
/// As [`in_format`].
pub fn put_in_format(
    told: &mut Object,
    registry: &Registry,
    subject: &str,
    schema: &Schema,
    asked: &Params,
) -> Result<(), RegistryError> {
    let text = in_format(registry, subject, schema, asked)?;
    told.insert("schema".to_owned(), text.into());
    Ok(())
}

/// The versions that have a schema, deleted ones only where they are asked for.
fn uses<'r>(
    registry: &'r Registry,
    id: &str,
    asked: &'r Params,
) -> Result<impl Iterator<Item = (&'r str, i32)>, RegistryError> {
    let (_, _, uses) = find(registry, id, asked)?;
    let deleted = asked.is("deleted");
    let of = asked.get("subject").map(|subject| asked.qualified(subject));
    Ok(uses.iter().filter_map(move |(subject, number)| {
        let version = registry.version(subject, *number)?;
        let is_meant = of.as_deref().is_none_or(|of| of == subject || of.is_empty());
        ((deleted || !version.deleted) && is_meant).then_some((subject.as_str(), *number))
    }))
}

/// The subjects that have it.
pub fn subjects(registry: &Registry, id: &str, asked: &Params) -> Result<Decided, RegistryError> {
    let names: BTreeSet<&str> = uses(registry, id, asked)?.map(|(subject, _)| subject).collect();
    let page = asked.page(names.into_iter())?;
    Ok(Decided::told(page.into_iter().collect::<Json>()))
}

/// The versions of subjects that have it.
pub fn versions(registry: &Registry, id: &str, asked: &Params) -> Result<Decided, RegistryError> {
    let uses = uses(registry, id, asked)?
        .map(|(subject, number)| object([("subject", subject.into()), ("version", number.into())]));
    Ok(Decided::told(Json::Array(asked.page(uses)?)))
}

/// All schemas, version by version.
pub fn list(registry: &Registry, asked: &Params) -> Result<Decided, RegistryError> {
    let (deleted, latest_only) = (asked.is("deleted"), asked.is("latestOnly"));
    let wanted = Wanted::of(asked);
    let subjects = registry.subjects().keys().filter(|subject| wanted.has(subject));
    let all = subjects.flat_map(|subject| {
        let versions = registry.versions(subject, deleted);
        let skipped = if latest_only {
            registry.versions(subject, deleted).count().saturating_sub(1)
        } else {
            0
        };
        versions
            .skip(skipped)
            .map(move |(number, version)| (subject, number, version))
    });
    let page = asked.page(all)?.into_iter();
    let told = page
        .map(|(subject, number, version)| Json::Object(versions::described(subject, number, version, asked)));
    Ok(Decided::told(told.collect::<Json>()))
}
