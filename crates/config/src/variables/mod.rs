//! Settings from environment variables, as the images of apache/kafka, confluentinc/cp-kafka, bitnami/kafka
//! and wurstmeister/kafka take them, all of them at once: a compose file written for one works unchanged.
//!
//! Pure: the variables and the way to read a file are arguments. `load` puts the result over a file and below
//! the command line. For one setting the weakest comes first: `KAFKA_X`, `KAFKA_CFG_X`, either with `_FILE`.

mod addresses;
mod certificates;
mod logins;
mod names;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;

pub use self::addresses::listeners_of_advertised;
pub use self::logins::ScramUser;
use self::names::Meaning;
use crate::start_topics::{self, StartTopic};
use crate::{definitions, properties, unknown};

/// A value and the variable that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The value.
    pub value: String,
    /// The variable's name.
    pub variable: String,
}

/// What the environment asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    /// Settings by their names.
    pub settings: BTreeMap<String, Given>,
    /// The id of the cluster that a node without data founds or belongs to; one with data keeps its own.
    pub cluster_id: Option<Given>,
    /// Topics of `KAFKA_CREATE_TOPICS`.
    pub topics: Vec<StartTopic>,
    /// Users that a cluster founded by this node begins with.
    pub users: Vec<ScramUser>,
    /// `BARNABAS_LISTEN`: where to listen if nothing else says it.
    pub listen: Option<String>,
    /// `BARNABAS_DATA`: where to keep data if nothing else says it.
    pub data: Option<String>,
    /// What the user should know of variables that are passed over: a line for each reason.
    pub notes: Vec<String>,
}

/// A variable that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={value} is not valid: {why} (valid: {valid})")]
pub struct VariableError {
    /// The variable.
    pub variable: String,
    /// Its value, unless that is a secret.
    pub value: String,
    /// What is wrong.
    pub why: String,
    /// What would be right.
    pub valid: &'static str,
}

/// Reads a file that a variable names; the error says why it can't be read.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Cluster ids, the strongest first.
const CLUSTER_IDS: [&str; 3] = ["CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"];
const LOGIN_CONFIG: &str = "java.security.auth.login.config";
/// No id is longer; Kafka's own have 22 letters.
const CLUSTER_ID_MAX: usize = 255;

impl Variables {
    /// What `variables` ask for.
    ///
    /// # Errors
    /// The first that can't be used.
    pub fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        read_file: ReadFile<'_>,
    ) -> Result<Variables, VariableError> {
        let mut given = BTreeMap::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| names::is_ours(name)) else {
                continue;
            };
            let value = value.into_string().map_err(|raw| VariableError {
                variable: name.to_owned(),
                value: raw.to_string_lossy().into_owned(),
                why: "it is not UTF-8".to_owned(),
                valid: "text in UTF-8",
            })?;
            given.insert(name.to_owned(), value);
        }
        let mut found = Variables::default();
        let given = secrets::resolve(given, read_file)?;
        found.take_cluster_id(&given)?;
        let mut passed_over = PassedOver::default();
        let mut legacy = BTreeMap::new();
        let (mut logins, mut certificates) = (BTreeMap::new(), BTreeMap::new());
        let separators = given.get("KAFKA_CREATE_TOPICS_SEPARATOR");
        let separators = separators.map_or(",", |given| given.value.as_str());
        // KAFKA_CFG_X wins over KAFKA_X.
        let is_bitnamis = |name: &str| name.starts_with("KAFKA_CFG_");
        let mut ordered: Vec<_> = given.iter().collect();
        ordered.sort_by_key(|(name, _)| is_bitnamis(name));
        for (name, given) in ordered {
            match names::meaning(name, &given.value) {
                Meaning::Setting(setting) => found.take_setting(&setting, given)?,
                Meaning::Listen => found.listen = Some(given.value.clone()),
                Meaning::Data => found.data = Some(given.value.clone()),
                Meaning::Topics => found.topics = topics(given, separators)?,
                Meaning::JavaOptions => found.take_java_options(given)?,
                Meaning::Address => {
                    legacy.insert(name.as_str(), given);
                }
                Meaning::Login => {
                    logins.insert(name.as_str(), given);
                }
                Meaning::Certificates => {
                    certificates.insert(name.as_str(), given);
                }
                Meaning::ZooKeeper => passed_over.zookeeper.push(given.variable.clone()),
                Meaning::Confluent => passed_over.confluent.push(given.variable.clone()),
                Meaning::Unknown => passed_over.unknown.push(given.variable.clone()),
                Meaning::Nothing => {}
            }
        }
        addresses::take(&legacy, &mut found)?;
        logins::take(&logins, &mut found)?;
        certificates::take(&certificates, read_file, &mut found)?;
        found.notes.extend(passed_over.notes());
        Ok(found)
    }

    /// Each property that the variable makes: more than one where its value has several lines, as there.
    fn take_setting(&mut self, setting: &str, given: &Given) -> Result<(), VariableError> {
        let text = ascii(&format!("{setting}={}", given.value));
        let pairs = properties::parse(text.as_bytes()).map_err(|_| VariableError {
            variable: given.variable.clone(),
            value: shown(setting, &given.value),
            why: "\\u is not followed by four hexadecimal digits".to_owned(),
            valid: "a value as in a properties file, where a backslash is written \\\\",
        })?;
        for (name, mut value) in pairs {
            // Modules end the list with a comma, which the lists of Kafka's files no longer may.
            if matches!(name.as_str(), "listeners" | "advertised.listeners") {
                value = value.trim_end_matches([',', ' ']).to_owned();
            }
            let variable = given.variable.clone();
            self.settings.insert(name, Given { value, variable });
        }
        Ok(())
    }

    /// The file with a JAAS configuration, which the images take as an option of the JVM.
    fn take_java_options(&mut self, given: &Given) -> Result<(), VariableError> {
        let mut words = given.value.split_whitespace();
        let option = words.find_map(|word| {
            word.strip_prefix("-D")?
                .strip_prefix(LOGIN_CONFIG)?
                .strip_prefix('=')
        });
        let Some(file) = option else { return Ok(()) };
        let value = file.to_owned();
        let variable = given.variable.clone();
        self.take_setting(LOGIN_CONFIG, &Given { value, variable })
    }

    fn take_cluster_id(&mut self, given: &BTreeMap<String, Given>) -> Result<(), VariableError> {
        let ids = CLUSTER_IDS.iter().filter_map(|name| given.get(*name));
        let Some(id) = ids.into_iter().find(|id| !id.value.trim().is_empty()) else {
            return Ok(());
        };
        let value = id.value.trim().to_owned();
        if value.len() > CLUSTER_ID_MAX || !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(VariableError {
                variable: id.variable.clone(),
                value: short(&value),
                why: "it is no cluster id".to_owned(),
                valid: "letters, digits, - and _, such as barnabas random-uuid prints",
            });
        }
        let variable = id.variable.clone();
        self.cluster_id = Some(Given { value, variable });
        Ok(())
    }

    /// Names and values of the settings.
    pub fn named_values(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let settings = self.settings.iter();
        settings.map(|(name, given)| (name.clone(), given.value.clone()))
    }

    /// The cluster's id, if one is given.
    pub fn new_cluster_id(&self) -> Option<String> {
        self.cluster_id.as_ref().map(|given| given.value.clone())
    }

    /// Which variables, with their values, gave the settings that `text` names.
    pub fn behind(&self, text: &str) -> Vec<String> {
        let is_named = |name: &str| {
            let part_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            text.match_indices(name).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                // A full stop that ends a sentence ends a name too.
                let mut after = text[at + name.len()..].chars();
                let goes_on = match after.next() {
                    Some('.') => after.next().is_some_and(part_of_a_name),
                    other => other.is_some_and(part_of_a_name),
                };
                !before.is_some_and(part_of_a_name) && !goes_on
            })
        };
        let named = self.settings.iter().filter(|(name, _)| is_named(name));
        named
            .map(|(name, given)| format!("{}={}", given.variable, shown(name, &given.value)))
            .collect()
    }
}

fn topics(given: &Given, separators: &str) -> Result<Vec<StartTopic>, VariableError> {
    start_topics::parse_create_topics(&given.value, separators).map_err(|why| VariableError {
        variable: given.variable.clone(),
        value: short(&given.value),
        why,
        valid: "NAME:PARTITIONS:REPLICAS[:CLEANUP_POLICY], several separated by commas",
    })
}

/// Variables without an effect of which the user should know.
#[derive(Default)]
struct PassedOver {
    zookeeper: Vec<String>,
    confluent: Vec<String>,
    unknown: Vec<String>,
}

impl PassedOver {
    fn notes(mut self) -> Vec<String> {
        let mut notes = Vec::new();
        for list in [&mut self.zookeeper, &mut self.confluent, &mut self.unknown] {
            list.sort();
        }
        if !self.zookeeper.is_empty() {
            notes.push(format!(
                "without effect: {} (ZooKeeper is gone since Apache Kafka 4; this node keeps its metadata itself, and \
                 KAFKA_CONTROLLER_QUORUM_VOTERS makes several nodes one cluster)",
                self.zookeeper.join(", ")
            ));
        }
        if !self.confluent.is_empty() {
            notes.push(format!(
                "without effect: {} (they belong to Confluent's own server)",
                self.confluent.join(", ")
            ));
        }
        let own = || names::OWN.iter().copied();
        notes.extend(
            self.unknown
                .iter()
                .map(|name| match unknown::nearest(name, own()) {
                    Some(meant) => format!("unknown variable: {name} (did you mean {meant}?)"),
                    None => format!("unknown variable: {name}"),
                }),
        );
        notes
    }
}

/// The value as an error may show it.
fn shown(setting: &str, value: &str) -> String {
    let secret = definitions::broker_key(setting).is_some_and(definitions::ConfigKey::sensitive)
        || setting.ends_with("sasl.jaas.config");
    if secret {
        "[hidden]".to_owned()
    } else {
        short(value)
    }
}

/// So much of a value is shown.
const SHOWN_MAX: usize = 200;

fn short(value: &str) -> String {
    match value.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The text with escapes for what ISO 8859-1 can't say, which properties are read as.
fn ascii(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut units = [0; 2];
    for letter in text.chars() {
        if letter.is_ascii() {
            escaped.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                escaped += &format!("\\u{unit:04x}");
            }
        }
    }
    escaped
}
