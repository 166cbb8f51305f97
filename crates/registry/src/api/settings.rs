//! `/config` and `/mode`: for all subjects, a context or a subject.

use super::given::body;
use super::{Decided, Params};
use crate::error::{RegistryError, not_permitted, subject_not_found};
use crate::json::{Json, object};
use crate::records::{Key, mode_value};
use crate::registry::Registry;
use crate::settings::{Compatibility, Config, Mode};
use crate::subject::{context_of, local_name};

/// GET of what is set for a subject, or for all.
pub fn config(
    registry: &Registry,
    subject: Option<String>,
    asked: &Params,
) -> Result<Decided, RegistryError> {
    let set = match (&subject, asked.is("defaultToGlobal")) {
        (Some(_), true) => registry.in_effect(subject.as_deref(), |of| registry.config(of)),
        _ => registry.config(subject.as_deref()),
    };
    match (set, &subject) {
        (Some(config), Some(_)) => Ok(Decided::told(config.answer())),
        (Some(config), None) if config.level().is_some() => Ok(Decided::told(config.answer())),
        (None, Some(subject)) if !asked.is("defaultToGlobal") => Err(RegistryError::new(
            40408,
            format!("Subject '{subject}' does not have subject-level compatibility configured"),
        )),
        _ => {
            let mut told = object([("compatibilityLevel", Compatibility::DEFAULT.name().into())]);
            if let (Json::Object(told), Some(Json::Object(others))) = (&mut told, set.map(Config::answer)) {
                told.extend(others);
            }
            Ok(Decided::told(told))
        }
    }
}

/// PUT of a level and what else there is.
pub fn set_config(
    registry: &Registry,
    subject: Option<String>,
    bytes: &[u8],
) -> Result<Decided, RegistryError> {
    let asked = body(bytes)?;
    check_mode(registry, subject.as_deref())?;
    let before = registry.config(subject.as_deref()).cloned().unwrap_or_default();
    let config = before.changed_by(&asked)?;
    if asked.is_empty() {
        Compatibility::named("")?;
    }
    let mut told = asked;
    if let Some(level) = told
        .get_mut("compatibility")
        .filter(|level| level.as_str().is_some())
    {
        *level = config.level().unwrap_or(Compatibility::DEFAULT).name().into();
    }
    let record = Key::Config(subject.clone()).record(Some(config.record(subject.as_deref())));
    Ok(Decided::done(vec![record], Json::Object(told)))
}

/// DELETE of what is set; what was set is answered.
pub fn unset_config(registry: &Registry, subject: Option<String>) -> Result<Decided, RegistryError> {
    check_mode(registry, subject.as_deref())?;
    let before = registry.config(subject.as_deref());
    match (before, &subject) {
        (Some(before), _) => {
            let record = Key::Config(subject).record(None);
            Ok(Decided::done(vec![record], before.answer()))
        }
        (None, Some(subject)) => Err(subject_not_found(subject)),
        (None, None) => {
            let level = Compatibility::DEFAULT.name().into();
            Ok(Decided::told(object([("compatibilityLevel", level)])))
        }
    }
}

/// What nobody may write has its level kept too.
fn check_mode(registry: &Registry, subject: Option<&str>) -> Result<(), RegistryError> {
    let mode = match subject {
        Some(subject) => registry.mode_of(subject),
        None => registry.mode(None).unwrap_or_default(),
    };
    match (mode.is_read_only(), subject) {
        (true, Some(subject)) => {
            let context = context_of(subject);
            Err(not_permitted(format!(
                "Subject {subject} in context {context} is in read-only mode"
            )))
        }
        (true, None) => Err(not_permitted("Context . is in read-only mode")),
        _ => Ok(()),
    }
}

/// GET of a mode.
pub fn mode(registry: &Registry, subject: Option<String>, asked: &Params) -> Result<Decided, RegistryError> {
    let set = match &subject {
        None => Some(registry.mode(None).unwrap_or_default()),
        Some(subject) if asked.is("defaultToGlobal") => Some(registry.mode_of(subject)),
        Some(subject) => registry.mode(Some(subject)),
    };
    let Some(mode) = set else {
        let subject = subject.unwrap_or_default();
        return Err(RegistryError::new(
            40409,
            format!("Subject '{subject}' does not have subject-level mode configured"),
        ));
    };
    Ok(Decided::told(object([("mode", mode.name().into())])))
}

/// PUT of a mode. IMPORT is for what is empty, unless it is forced.
pub fn set_mode(
    registry: &Registry,
    subject: Option<String>,
    asked: &Params,
    bytes: &[u8],
) -> Result<Decided, RegistryError> {
    let given = body(bytes)?;
    let mode = Mode::named(given.get("mode").and_then(Json::as_str).unwrap_or_default())?;
    let before = registry
        .in_effect(subject.as_deref(), |of| registry.mode(of))
        .unwrap_or_default();
    if mode == Mode::Import
        && !before.is_import()
        && !asked.is("force")
        && has_schemas(registry, subject.as_deref())
    {
        return Err(not_permitted("Cannot import since found existing subjects"));
    }
    let value = mode_value(subject.as_deref(), mode.name());
    let record = Key::Mode(subject).record(Some(value));
    Ok(Decided::done(
        vec![record],
        object([("mode", mode.name().into())]),
    ))
}

fn has_schemas(registry: &Registry, of: Option<&str>) -> bool {
    registry.subjects().iter().any(|(subject, versions)| {
        let is_meant = match of {
            None => true,
            Some(of) if local_name(of).is_empty() => context_of(subject) == context_of(of),
            Some(of) => subject == of,
        };
        is_meant && versions.values().any(|version| !version.deleted)
    })
}

/// DELETE of a mode; what it was is answered.
pub fn unset_mode(registry: &Registry, subject: Option<String>) -> Result<Decided, RegistryError> {
    let before = registry.mode(subject.as_deref());
    let Some(before) = before else {
        return match subject {
            Some(subject) => Err(subject_not_found(&subject)),
            None => Ok(Decided::told(object([("mode", Mode::default().name().into())]))),
        };
    };
    let record = Key::Mode(subject).record(None);
    Ok(Decided::done(
        vec![record],
        object([("mode", before.name().into())]),
    ))
}
