//! Whether a schema fits to those that a subject has.

use super::given::{Given, kept};
use super::{Decided, Params, versions};
use crate::error::RegistryError;
use crate::json::{Json, Object};
use crate::registry::{Registry, Version};
use crate::schema::Parsed;
use crate::settings::Compatibility;

/// Texts that are read to compare one schema with those of its subject.
const COMPARED_BYTES_MAX: usize = 32 << 20;

/// With one version, by the level in effect.
pub fn with_one(
    registry: &Registry,
    subject: &str,
    version: &str,
    asked: &Params,
    body: &[u8],
) -> Result<Decided, RegistryError> {
    let number = versions::number(version)?;
    let against = match versions::find(registry, subject, version, false) {
        Ok(found) => vec![found],
        // Everything fits to a subject that has nothing.
        Err(_) if number.is_none() => Vec::new(),
        Err(error) => return Err(error),
    };
    decide(registry, subject, against, asked, body)
}

/// With the versions that the level in effect names.
pub fn with_all(
    registry: &Registry,
    subject: &str,
    asked: &Params,
    body: &[u8],
) -> Result<Decided, RegistryError> {
    let against = those_that_count(registry, subject, registry.compatibility(subject));
    decide(registry, subject, against, asked, body)
}

fn decide(
    registry: &Registry,
    subject: &str,
    against: Vec<(i32, &Version)>,
    asked: &Params,
    body: &[u8],
) -> Result<Decided, RegistryError> {
    let given = Given::read(registry, subject, asked, body, true)?;
    let level = registry.compatibility(subject);
    let why = incompatibilities(registry, subject, &given.parsed, &against, level)?;
    let mut told = Object::new();
    told.insert("is_compatible".to_owned(), why.is_empty().into());
    if asked.is("verbose") {
        told.insert("messages".to_owned(), why.into_iter().collect::<Json>());
    }
    Ok(Decided::told(Json::Object(told)))
}

/// The versions that a new schema has to fit to, the latest first.
pub fn those_that_count<'r>(
    registry: &'r Registry,
    subject: &str,
    level: Compatibility,
) -> Vec<(i32, &'r Version)> {
    let all = registry.versions(subject, false).rev();
    let count = match level {
        Compatibility {
            backward: false,
            forward: false,
            ..
        } => 0,
        Compatibility { transitive: true, .. } => usize::MAX,
        _ => 1,
    };
    all.take(count).collect()
}

/// Why a schema does not fit to versions of a subject, in the words of people; nothing if it does.
///
/// # Errors
/// 42201: what is kept can't be read.
pub fn incompatibilities(
    registry: &Registry,
    subject: &str,
    new: &Parsed,
    against: &[(i32, &Version)],
    level: Compatibility,
) -> Result<Vec<String>, RegistryError> {
    if !level.backward && !level.forward {
        return Ok(Vec::new());
    }
    let mut bytes = COMPARED_BYTES_MAX;
    for (number, version) in against {
        let old = kept(registry, subject, &version.schema, &mut bytes)?;
        let mut why = Vec::new();
        if level.backward {
            why.extend(new.reads(&old).iter().map(ToString::to_string));
        }
        if level.forward {
            let swapped = old.reads(new);
            why.extend(swapped.iter().map(|why| why.from_old_to_new().to_string()));
        }
        if !why.is_empty() {
            why.push(format!("{{oldSchemaVersion: {number}}}"));
            why.push(format!("{{oldSchema: '{}'}}", version.schema.text));
            why.push(format!("{{compatibility: '{}'}}", level.name()));
            return Ok(why);
        }
    }
    Ok(Vec::new())
}

/// Refuses a schema that does not fit.
///
/// # Errors
/// 409.
pub fn check(registry: &Registry, subject: &str, new: &Parsed) -> Result<(), RegistryError> {
    let level = registry.compatibility(subject);
    let against = those_that_count(registry, subject, level);
    let why = incompatibilities(registry, subject, new, &against, level)?;
    if why.is_empty() {
        return Ok(());
    }
    Err(RegistryError::new(
        409,
        format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
            why.join(", ")
        ),
    ))
}
