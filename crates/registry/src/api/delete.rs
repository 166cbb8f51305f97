//! Deleting: softly first, so that ids are still found, then for good.

use super::register::{check_writable, value};
use super::{Decided, Params, subjects, versions};
use crate::error::{RegistryError, subject_not_found, version_not_found};
use crate::json::Json;
use crate::records::{Key, TopicRecord, delete_subject_value};
use crate::registry::Registry;

/// All versions of a subject.
pub fn subject(registry: &Registry, subject: &str, asked: &Params) -> Result<Decided, RegistryError> {
    check_writable(registry, subject)?;
    let permanent = asked.is("permanent");
    subjects::check(registry, subject, true)?;
    let left: Vec<i32> = registry
        .versions(subject, false)
        .map(|(number, _)| number)
        .collect();
    match (permanent, left.last()) {
        (false, None) => {
            return Err(RegistryError::new(
                40404,
                format!("Subject '{subject}' was soft deleted.Set permanent=true to delete permanently"),
            ));
        }
        (true, Some(_)) => {
            return Err(RegistryError::new(
                40405,
                format!("Subject '{subject}' was not deleted first before being permanently deleted"),
            ));
        }
        _ => {}
    }
    let all: Vec<i32> = registry
        .versions(subject, true)
        .map(|(number, _)| number)
        .collect();
    for number in &all {
        check_unreferenced(registry, subject, *number)?;
    }
    let (gone, mut records) = match left.last() {
        Some(last) => {
            let key = Key::DeleteSubject(subject.to_owned());
            (
                left.clone(),
                vec![key.record(Some(delete_subject_value(subject, *last)))],
            )
        }
        None => {
            let records = all
                .iter()
                .map(|version| schema_key(subject, *version).record(None));
            (all.clone(), records.collect())
        }
    };
    records.extend(without_settings(registry, subject));
    Ok(Decided::done(records, gone.into_iter().collect::<Json>()))
}

/// One version.
pub fn version(
    registry: &Registry,
    subject: &str,
    given: &str,
    asked: &Params,
) -> Result<Decided, RegistryError> {
    check_writable(registry, subject)?;
    let permanent = asked.is("permanent");
    let number = versions::number(given)?;
    subjects::check(registry, subject, true).map_err(|_| subject_not_found(subject))?;
    let number = number.or_else(|| Some(registry.versions(subject, permanent).next_back()?.0));
    let found = number.and_then(|number| Some((number, registry.version(subject, number)?)));
    let (number, version) = found.ok_or_else(|| version_not_found(given))?;
    let refused = |code: u32, what: &str| {
        RegistryError::new(code, format!("Subject '{subject}' Version {number} {what}"))
    };
    match (permanent, version.deleted) {
        (false, true) => {
            let what = "was soft deleted.Set permanent=true to delete permanently";
            return Err(refused(40406, what));
        }
        (true, false) => {
            return Err(refused(
                40407,
                "was not deleted first before being permanently deleted",
            ));
        }
        _ => {}
    }
    check_unreferenced(registry, subject, number)?;
    let key = schema_key(subject, number);
    let mut records = vec![match permanent {
        true => key.record(None),
        false => key.record(Some(value(subject, number, version.id, &version.schema, true))),
    }];
    if registry
        .versions(subject, false)
        .all(|(other, _)| other == number)
    {
        records.extend(without_settings(registry, subject));
    }
    Ok(Decided::done(records, number))
}

fn schema_key(subject: &str, version: i32) -> Key {
    Key::Schema {
        subject: subject.to_owned(),
        version,
    }
}

/// A subject that has no versions left has no settings.
fn without_settings(registry: &Registry, subject: &str) -> Vec<TopicRecord> {
    let of = Some(subject.to_owned());
    let config = registry
        .config(Some(subject))
        .map(|_| Key::Config(of.clone()).record(None));
    let mode = registry.mode(Some(subject)).map(|_| Key::Mode(of).record(None));
    mode.into_iter().chain(config).collect()
}

fn check_unreferenced(registry: &Registry, subject: &str, version: i32) -> Result<(), RegistryError> {
    if registry.referenced_by(subject, version).next().is_none() {
        return Ok(());
    }
    Err(RegistryError::new(
        42206,
        format!(
            "One or more references exist to the schema {{magic=1,keytype=SCHEMA,subject={subject},version={version}}}."
        ),
    ))
}
