//! The schemas that a schema names, and those that they name: found once each, within limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reference;
use crate::registry::{Registry, Schema};
use crate::subject::{context_of, normal, qualified};

/// Schemas that one schema may reach.
const REACHED_MAX: usize = 500;
/// Their texts, bytes.
const REACHED_BYTES_MAX: usize = 8 << 20;
/// References from one to the next.
const DEPTH_MAX: usize = 64;

/// A schema that another one names.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The name that it goes by.
    pub name: String,
    /// The schema.
    pub schema: Arc<Schema>,
}

/// All that `references` reach, each after what it names itself. One that is reached under several names
/// comes once for each.
///
/// # Errors
/// What is not there, or too much, in words.
pub fn resolve(
    registry: &Registry,
    subject: &str,
    references: &[Reference],
) -> Result<Vec<Resolved>, String> {
    let mut found = Found {
        registry,
        bytes: 0,
        seen: BTreeMap::new(),
        all: Vec::new(),
    };
    found.add(context_of(subject), references, 0)?;
    Ok(found.all)
}

struct Found<'a> {
    registry: &'a Registry,
    bytes: usize,
    /// Subject, version and name; whether all that it names has been found.
    seen: BTreeMap<(String, i32, String), bool>,
    all: Vec<Resolved>,
}

impl Found<'_> {
    fn add(&mut self, context: &str, references: &[Reference], depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("references go deeper than {DEPTH_MAX} schemas"));
        }
        for reference in references {
            let subject = in_context(context, &reference.subject)?;
            let key = (subject, reference.version, reference.name.clone());
            match self.seen.get(&key) {
                Some(true) => continue,
                Some(false) => return Err(format!("'{}' names itself", reference.name)),
                None => {}
            }
            let version = match reference.version {
                -1 => self
                    .registry
                    .versions(&key.0, false)
                    .next_back()
                    .map(|(_, version)| version),
                number => self.registry.version(&key.0, number),
            };
            let Some(schema) = version.map(|version| version.schema.clone()) else {
                let Reference {
                    name,
                    subject,
                    version,
                } = reference;
                return Err(format!(
                    "No schema reference found for subject \"{subject}\" and version {version} (as \"{name}\")"
                ));
            };
            self.bytes += schema.text.len();
            if self.seen.len() >= REACHED_MAX || self.bytes > REACHED_BYTES_MAX {
                return Err("references reach too many schemas".to_owned());
            }
            self.seen.insert(key.clone(), false);
            self.add(context_of(&key.0), &schema.references, depth + 1)?;
            self.seen.insert(key, true);
            let name = reference.name.clone();
            self.all.push(Resolved { name, schema });
        }
        Ok(())
    }
}

/// A subject that is named from within a context lies there, unless it says where it lies.
pub(crate) fn in_context(context: &str, subject: &str) -> Result<String, String> {
    let subject = match subject.starts_with(":.") {
        true => subject.to_owned(),
        false => qualified(context, subject),
    };
    normal(&subject).map_err(|error| error.message)
}
