//! Values that lie in files: `KAFKA_X_FILE` names one, as bitnami/kafka has it, and the
//! `KAFKA_SSL_…_CREDENTIALS` and `…_FILENAME` of apache/kafka and cp-kafka name one below /etc/kafka/secrets.

use std::collections::BTreeMap;

use super::names::{self, Meaning};
use super::{CLUSTER_IDS, Given, ReadFile, VariableError};
use crate::definitions;

/// Where the images keep keys and passwords.
const SECRETS: &str = "/etc/kafka/secrets";

/// A variable that names a file below [`SECRETS`], what it gives, and whether that is the file's contents
/// rather than its path.
#[rustfmt::skip]
const BELOW_SECRETS: &[(&str, &str, bool)] = &[
    ("KAFKA_SSL_KEYSTORE_FILENAME", "KAFKA_SSL_KEYSTORE_LOCATION", false),
    ("KAFKA_SSL_KEYSTORE_CREDENTIALS", "KAFKA_SSL_KEYSTORE_PASSWORD", true),
    ("KAFKA_SSL_KEY_CREDENTIALS", "KAFKA_SSL_KEY_PASSWORD", true),
    ("KAFKA_SSL_TRUSTSTORE_FILENAME", "KAFKA_SSL_TRUSTSTORE_LOCATION", false),
    ("KAFKA_SSL_TRUSTSTORE_CREDENTIALS", "KAFKA_SSL_TRUSTSTORE_PASSWORD", true),
];

/// The variables with the values that others name a file for.
///
/// # Errors
/// A file that can't be read.
pub fn resolve(
    given: BTreeMap<String, String>,
    read_file: ReadFile<'_>,
) -> Result<BTreeMap<String, Given>, VariableError> {
    let mut resolved = BTreeMap::new();
    let mut from_files = BTreeMap::new();
    let read = |variable: &str, path: &str| {
        let contents = read_file(path).map_err(|why| VariableError {
            variable: variable.to_owned(),
            value: path.to_owned(),
            why,
            valid: "the path of a file that holds the value",
        })?;
        // A last line's end is the editor's.
        let contents = contents.trim_end_matches(['\n', '\r']).to_owned();
        Ok::<String, VariableError>(contents)
    };
    for (variable, value) in given {
        let below = BELOW_SECRETS.iter().find(|(name, _, _)| *name == variable);
        let (name, value) = if let Some((_, target, is_contents)) = below {
            if value.is_empty() {
                continue;
            }
            let path = format!("{SECRETS}/{value}");
            let value = if *is_contents {
                read(&variable, &path)?
            } else {
                path
            };
            ((*target).to_owned(), value)
        } else if let Some(target) = named_by_file(&variable, &value) {
            (target.to_owned(), read(&variable, &value)?)
        } else {
            let variable_name = variable.clone();
            let given = Given { value, variable };
            resolved.insert(variable_name, given);
            continue;
        };
        from_files.insert(name, Given { value, variable });
    }
    resolved.extend(from_files);
    Ok(resolved)
}

/// The variable whose value lies in the file that this one names.
fn named_by_file<'a>(variable: &'a str, value: &str) -> Option<&'a str> {
    let target = variable.strip_suffix("_FILE").filter(|_| !value.is_empty())?;
    let is_known = |name: &str| match names::meaning(name, "") {
        Meaning::Setting(setting) => definitions::broker_key(&setting).is_some(),
        Meaning::Listen | Meaning::Data | Meaning::Address => true,
        Meaning::Login | Meaning::Certificates => true,
        _ => CLUSTER_IDS.contains(&name),
    };
    // Some settings of Kafka's end in this word themselves.
    (is_known(target) && !is_known(variable)).then_some(target)
}
