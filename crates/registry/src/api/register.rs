//! A new version of a subject.

use super::given::Given;
use super::lookup::version_with;
use super::{Decided, Params, compatibility, schemas};
use crate::error::{RegistryError, not_permitted};
use crate::json::{Json, object};
use crate::records::Key;
use crate::registry::{Registry, Schema};
use crate::subject::context_of;

/// Schemas of one subject.
const VERSIONS_MAX: usize = 10_000;

/// POST of a schema to a subject's versions: its id. One that the subject has already is not registered
/// again.
pub fn register(
    registry: &Registry,
    subject: &str,
    asked: &Params,
    body: &[u8],
) -> Result<Decided, RegistryError> {
    let mode = registry.mode_of(subject);
    check_writable(registry, subject)?;
    let given = Given::read(registry, subject, asked, body, !mode.is_import())?;
    if let Some((number, version)) = version_with(registry, subject, &given.schema, false)
        && given.id.is_none_or(|id| id == version.id)
        && given.version.is_none()
    {
        return Ok(Decided::told(told(number, version.id, &version.schema, asked)));
    }
    let number = next_version(registry, subject);
    let context = registry.context(context_of(subject));
    if mode.is_import() {
        return import(registry, subject, given, number, asked);
    }
    let known = context.and_then(|context| context.id(&given.schema));
    if let Some(id) = given.id.filter(|id| known != Some(*id)) {
        return Err(not_permitted(format!(
            "Subject {subject} in context {} is not in import mode, so that id {id} can't be given",
            context_of(subject)
        )));
    }
    if let Some(version) = given.version.filter(|version| *version != number) {
        return Err(RegistryError::new(
            42201,
            format!("Version is not one more than previous version: {version}, not {number}"),
        ));
    }
    if registry.versions(subject, true).count() >= VERSIONS_MAX {
        return Err(not_permitted(format!(
            "Subject {subject} has {VERSIONS_MAX} versions already"
        )));
    }
    compatibility::check(registry, subject, &given.parsed)?;
    let next = context.map_or(0, |context| context.id_max()).checked_add(1);
    let id = known
        .or(next)
        .ok_or_else(|| RegistryError::new(50001, "There are no ids left"))?;
    Ok(written(subject, number, id, &given.schema, asked))
}

/// What is told of a schema that is registered: its id, and all of it where who asks may not mind.
fn told(number: i32, id: i32, schema: &Schema, asked: &Params) -> Json {
    if !asked.tells_all() {
        return object([("id", id.into())]);
    }
    let mut told = schema.describe([("id", id.into()), ("version", number.into())]);
    schemas::put_guid(&mut told, schema, asked);
    Json::Object(told)
}

fn next_version(registry: &Registry, subject: &str) -> i32 {
    let last = registry.versions(subject, true).next_back();
    last.map_or(1, |(number, _)| number.saturating_add(1))
}

/// Ids, and versions if they are given, come from outside; nothing has to fit.
fn import(
    registry: &Registry,
    subject: &str,
    given: Given,
    next: i32,
    asked: &Params,
) -> Result<Decided, RegistryError> {
    let Some(id) = given.id else {
        return Err(not_permitted(format!(
            "Subject {subject} in context {} is in import mode: an id has to be given",
            context_of(subject)
        )));
    };
    let context = registry.context(context_of(subject));
    if let Some((other, _)) = context.and_then(|context| context.schema(id))
        && **other != given.schema
    {
        return Err(not_permitted(format!(
            "Overwrite new schema with id {id} is not permitted."
        )));
    }
    let number = given.version.unwrap_or(next);
    if let Some(there) = registry
        .version(subject, number)
        .filter(|there| !there.deleted && there.id != id)
    {
        return Err(not_permitted(format!(
            "Version {number} of subject {subject} has id {} already",
            there.id
        )));
    }
    Ok(written(subject, number, id, &given.schema, asked))
}

fn written(subject: &str, version: i32, id: i32, schema: &Schema, asked: &Params) -> Decided {
    let key = Key::Schema {
        subject: subject.to_owned(),
        version,
    };
    let record = key.record(Some(value(subject, version, id, schema, false)));
    Decided::done(vec![record], told(version, id, schema, asked))
}

/// The value of [`Key::Schema`].
pub fn value(subject: &str, version: i32, id: i32, schema: &Schema, deleted: bool) -> Json {
    let before = [
        ("subject", subject.into()),
        ("version", version.into()),
        ("id", id.into()),
    ];
    let mut value = schema.describe(before);
    value.insert("deleted".to_owned(), deleted.into());
    Json::Object(value)
}

/// Refuses what changes a subject that nobody may write.
///
/// # Errors
/// 42205.
pub fn check_writable(registry: &Registry, subject: &str) -> Result<(), RegistryError> {
    if registry.mode_of(subject).is_read_only() {
        let context = context_of(subject);
        return Err(not_permitted(format!(
            "Subject {subject} in context {context} is in read-only mode"
        )));
    }
    Ok(())
}
