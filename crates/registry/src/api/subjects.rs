//! The subjects there are.

use super::{Decided, Params};
use crate::error::{RegistryError, subject_not_found};
use crate::json::Json;
use crate::registry::Registry;
use crate::subject::DEFAULT_CONTEXT;

/// Their names, as many as are asked for.
pub fn list(registry: &Registry, asked: &Params) -> Result<Decided, RegistryError> {
    let (deleted, deleted_only) = (asked.is("deleted"), asked.is("deletedOnly"));
    let wanted = Wanted::of(asked);
    let names = registry.subjects().iter().filter(|(name, versions)| {
        let is_gone = versions.values().all(|version| version.deleted);
        wanted.has(name)
            && if deleted_only {
                is_gone
            } else {
                deleted || !is_gone
            }
    });
    let page = asked.page(names.map(|(name, _)| name.as_str()))?;
    Ok(Decided::told(page.into_iter().collect::<Json>()))
}

/// Which subjects a list is asked of: by the beginning of their names, of all contexts unless the address
/// names one.
pub struct Wanted(String);

impl Wanted {
    /// What is asked.
    pub fn of(asked: &Params) -> Wanted {
        let prefix = asked.get("subjectPrefix").unwrap_or_default();
        let prefix = match (prefix, asked.context()) {
            (prefix, DEFAULT_CONTEXT) => prefix.strip_prefix(":*:").unwrap_or(prefix).to_owned(),
            (prefix, _) => asked.qualified(prefix),
        };
        Wanted(prefix)
    }

    /// Whether this one is meant.
    pub fn has(&self, subject: &str) -> bool {
        subject.starts_with(&self.0)
    }
}

/// The subject that a name stands for: another one where it is an alias.
pub fn real(registry: &Registry, name: String) -> String {
    let alias = registry.config(Some(&name)).and_then(|config| config.alias());
    alias.map_or(name, str::to_owned)
}

/// Refuses a subject that has no versions.
///
/// # Errors
/// 40401.
pub fn check(registry: &Registry, subject: &str, deleted: bool) -> Result<(), RegistryError> {
    match registry.versions(subject, deleted).next() {
        Some(_) => Ok(()),
        None => Err(subject_not_found(subject)),
    }
}
