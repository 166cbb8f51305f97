//! The answers of DescribeConfigs: every setting of a resource with its value, where that comes from, and its
//! synonyms.
//!
//! Entries come in the order in which Apache Kafka lists them. A listed synonym chain starts at the setting's
//! own name: a value that came from `log.retention.hours` shows as the default of `log.retention.ms` (Kafka
//! drops what precedes).

use std::collections::BTreeSet;

use super::definitions::{self, BrokerSynonym, ConfigKey, Definitions, UpdateMode};
use super::layers::{Layers, Settings};
use super::value::Value;

/// Where a value comes from; the ids of `DescribeConfigsResponse.json`, ConfigSource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    /// The topic's own.
    Topic = 1,
    /// Dynamic, this broker's.
    DynamicBroker = 2,
    /// Dynamic, all brokers'.
    DynamicDefaultBroker = 3,
    /// The file or the command line.
    StaticBroker = 4,
    /// Kafka's default.
    Default = 5,
    /// The level a logger was set to.
    DynamicBrokerLogger = 6,
    /// A client metrics subscription's own.
    ClientMetrics = 7,
    /// The group's own.
    Group = 8,
}

/// A name under which a setting has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The name.
    pub name: String,
    /// The value, `None` for a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
}

/// One setting of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The setting's name.
    pub name: String,
    /// The value in effect, `None` for null and for a secret.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is a secret.
    pub is_sensitive: bool,
    /// Whether AlterConfigs refuses it.
    pub read_only: bool,
    /// The wire id of its type; 0 for a setting Kafka does not know.
    pub config_type: i8,
    /// Every value given for it, strongest first.
    pub synonyms: Vec<ConfigSynonym>,
}

impl ConfigEntry {
    /// A sentence about the setting, made from its definition; `None` for a setting Kafka does not know.
    pub fn documentation(&self) -> Option<String> {
        let tables = [
            definitions::broker(),
            definitions::topic(),
            definitions::group(),
            definitions::client_metrics(),
        ];
        let key = tables.iter().find_map(|table| table.get(&self.name))?;
        let mut text = format!("Type: {}", key.config_type.name().to_lowercase());
        if let Some(default) = key.default {
            text.push_str(&format!("; default: {default}"));
        }
        let rule = key.rule.describe();
        if !rule.is_empty() {
            text.push_str(&format!("; valid: {rule}"));
        }
        Some(text)
    }
}

/// The settings that an answer lists: an internal one shows, before all others, where somebody has set it.
fn listed(
    definitions: &Definitions,
    is_given: impl Fn(&ConfigKey) -> bool,
) -> impl Iterator<Item = &ConfigKey> {
    let keys = definitions.iter();
    let given = keys.clone().filter(move |key| key.internal && is_given(key));
    given.chain(keys.filter(|key| !key.internal))
}

/// The settings of a topic that has set `overrides`.
pub fn topic_entries(layers: &Layers, overrides: &Settings) -> Vec<ConfigEntry> {
    let entry = |key: &ConfigKey| {
        let mut synonyms = match key.broker_synonyms.first() {
            Some(BrokerSynonym { name, .. }) => broker_synonyms(layers, name, false),
            None => Vec::new(),
        };
        let value = match overrides.get(key.name) {
            Some(raw) => {
                let value = shown(key, raw);
                let own = ConfigSynonym {
                    name: key.name.to_owned(),
                    value: value.clone(),
                    source: ConfigSource::Topic,
                };
                synonyms.insert(0, own);
                value
            }
            None => layers
                .topic_default(key)
                .ok()
                .flatten()
                .and_then(|value| value.text()),
        };
        entry_of(key, value, synonyms, false)
    };
    listed(definitions::topic(), |key| overrides.contains_key(key.name))
        .map(entry)
        .collect()
}

/// The settings of a group that has set `overrides`.
pub fn group_entries(layers: &Layers, overrides: &Settings) -> Vec<ConfigEntry> {
    let entry = |key: &ConfigKey| {
        let mut synonyms = match key.broker_synonyms.first() {
            Some(BrokerSynonym { name, .. }) => broker_synonyms(layers, name, false),
            None => vec![ConfigSynonym {
                name: key.name.to_owned(),
                value: key.default.map(str::to_owned),
                source: ConfigSource::Default,
            }],
        };
        let value = match overrides.get(key.name) {
            Some(raw) => {
                let value = shown(key, raw);
                let own = ConfigSynonym {
                    name: key.name.to_owned(),
                    value: value.clone(),
                    source: ConfigSource::Group,
                };
                synonyms.insert(0, own);
                value
            }
            None => layers
                .group_default(key)
                .ok()
                .flatten()
                .and_then(|value| value.text()),
        };
        entry_of(key, value, synonyms, false)
    };
    let is_given = |key: &ConfigKey| {
        let mut of_broker = key.broker_synonyms.iter();
        overrides.contains_key(key.name) || of_broker.any(|synonym| layers.given(synonym.name).is_some())
    };
    listed(definitions::group(), is_given).map(entry).collect()
}

/// The settings of a client metrics subscription that has set `overrides`.
pub fn client_metrics_entries(overrides: &Settings) -> Vec<ConfigEntry> {
    let entry = |key: &ConfigKey| {
        let own = overrides.get(key.name).map(|raw| ConfigSynonym {
            name: key.name.to_owned(),
            value: shown(key, raw),
            source: ConfigSource::ClientMetrics,
        });
        let value = match &own {
            Some(own) => own.value.clone(),
            None => key.default.map(str::to_owned),
        };
        entry_of(key, value, own.into_iter().collect(), false)
    };
    definitions::client_metrics().iter().map(entry).collect()
}

/// Whether Kafka defines a setting, and does not hand it to its authorizer as it is: what it doesn't define
/// it doesn't show.
fn is_kafkas(name: &str) -> bool {
    !["super.users", "allow.everyone.if.no.acl.found"].contains(&name)
}

/// The settings of this broker: all that Kafka knows, and what else the file, the command line or an
/// AlterConfigs named.
pub fn broker_entries(layers: &Layers) -> Vec<ConfigEntry> {
    let is_given = |key: &ConfigKey| layers.given(key.name).is_some();
    let known = listed(definitions::broker(), is_given).filter(|key| is_kafkas(key.name));
    let known = known.map(|key| {
        // Kafka shows node.id as broker.id as well.
        let source_key = if key.name == "broker.id" {
            definitions::broker().get("node.id").unwrap_or(key)
        } else {
            key
        };
        let value = layers
            .effective(source_key)
            .ok()
            .flatten()
            .and_then(|value| value.text());
        let mut synonyms = broker_synonyms(layers, key.name, true);
        if key.name == "broker.id" && layers.given("broker.id").is_none() {
            let own = ConfigSynonym {
                name: key.name.to_owned(),
                value: value.clone(),
                source: ConfigSource::StaticBroker,
            };
            synonyms.insert(0, own);
        }
        entry_of(key, value, synonyms, key.update == UpdateMode::ReadOnly)
    });
    let given = [
        layers.dynamic_broker(),
        layers.dynamic_default(),
        layers.static_settings(),
    ];
    let names: BTreeSet<&String> = given.into_iter().flat_map(Settings::keys).collect();
    let unknown = names
        .into_iter()
        .filter(|name| definitions::broker().get(name).is_none() || !is_kafkas(name))
        .map(|name| {
            let synonyms = broker_synonyms(layers, name, true);
            // A setting of one listener is of the kind that it overrides; Kafka calls it read-only, though it
            // is not.
            match definitions::broker_key(name).filter(|key| is_kafkas(key.name)) {
                Some(key) => {
                    let value = synonyms.first().and_then(|given| given.value.clone());
                    ConfigEntry {
                        name: name.clone(),
                        ..entry_of(key, value, synonyms, true)
                    }
                }
                None => ConfigEntry {
                    read_only: !is_kafkas(name),
                    ..undefined_entry(name, synonyms)
                },
            }
        });
    known.chain(unknown).collect()
}

/// The dynamic settings of all brokers, which DescribeConfigs answers for the broker without a name.
pub fn cluster_entries(layers: &Layers) -> Vec<ConfigEntry> {
    let entry = |(name, raw): (&String, &String)| {
        let own = |value| {
            vec![ConfigSynonym {
                name: name.clone(),
                value,
                source: ConfigSource::DynamicDefaultBroker,
            }]
        };
        match definitions::broker_key(name) {
            Some(key) => {
                let value = shown(key, raw);
                ConfigEntry {
                    name: name.clone(),
                    ..entry_of(key, value.clone(), own(value), false)
                }
            }
            None => undefined_entry(name, own(None)),
        }
    };
    layers.dynamic_default().iter().map(entry).collect()
}

fn entry_of(
    key: &ConfigKey,
    value: Option<String>,
    synonyms: Vec<ConfigSynonym>,
    read_only: bool,
) -> ConfigEntry {
    ConfigEntry {
        name: key.name.to_owned(),
        value,
        source: synonyms
            .first()
            .map_or(ConfigSource::Default, |synonym| synonym.source),
        is_sensitive: key.sensitive(),
        read_only,
        config_type: key.config_type.wire_id(),
        synonyms,
    }
}

/// A setting without a definition: Kafka takes it for a secret.
fn undefined_entry(name: &str, synonyms: Vec<ConfigSynonym>) -> ConfigEntry {
    ConfigEntry {
        name: name.to_owned(),
        value: None,
        source: synonyms
            .first()
            .map_or(ConfigSource::Default, |synonym| synonym.source),
        is_sensitive: true,
        read_only: false,
        config_type: 0,
        synonyms,
    }
}

/// The value as shown; what cannot be parsed (a setting of an older version) is shown as it is.
fn shown(key: &ConfigKey, raw: &str) -> Option<String> {
    match Value::parse(key, raw) {
        Ok(value) => value.text(),
        Err(_) if key.sensitive() => None,
        Err(_) => Some(raw.to_owned()),
    }
}

/// All values given for a broker setting and the settings it stands for, layer by layer, from its own name
/// on.
fn broker_synonyms(layers: &Layers, name: &str, with_listener_prefix: bool) -> Vec<ConfigSynonym> {
    let names = names_of(name, with_listener_prefix);
    let mut synonyms = Vec::new();
    let layer_values = [
        (layers.dynamic_broker(), ConfigSource::DynamicBroker),
        (layers.dynamic_default(), ConfigSource::DynamicDefaultBroker),
        (layers.static_settings(), ConfigSource::StaticBroker),
    ];
    for (layer, source) in layer_values {
        for synonym in &names {
            if let Some(raw) = layer.get(*synonym) {
                // Kafka shows what was given here, not what it was parsed to.
                let secret =
                    !is_kafkas(synonym) || definitions::broker_key(synonym).is_none_or(ConfigKey::sensitive);
                let value = (!secret).then(|| raw.clone());
                synonyms.push(ConfigSynonym {
                    name: (*synonym).to_owned(),
                    value,
                    source,
                });
            }
        }
    }
    for synonym in &names {
        if let Some(key) = definitions::broker().get(synonym)
            && let Some(default) = key.default
            && is_kafkas(synonym)
        {
            let value = (!key.sensitive()).then(|| default.to_owned());
            synonyms.push(ConfigSynonym {
                name: (*synonym).to_owned(),
                value,
                source: ConfigSource::Default,
            });
        }
    }
    synonyms
        .into_iter()
        .skip_while(|synonym| synonym.name != name)
        .collect()
}

/// A broker setting's name and the others that mean the same in other units, or without a listener's prefix.
fn names_of(name: &str, with_listener_prefix: bool) -> Vec<&str> {
    match name {
        "log.roll.ms" | "log.roll.hours" => vec!["log.roll.ms", "log.roll.hours"],
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => vec!["log.roll.jitter.ms", "log.roll.jitter.hours"],
        "log.flush.interval.ms" => vec!["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => {
            vec!["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        }
        _ => match definitions::listener_base_name(name) {
            Some(base) if with_listener_prefix => vec![name, base],
            _ => vec![name],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn layers() -> Layers {
        Layers::of_static(settings(&[
            ("node.id", "1"),
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
            ("log.retention.hours", "168"),
            ("log.segment.bytes", "1073741824"),
            ("own.plugin.password", "hush"),
            ("super.users", "User:root"),
            ("log.initial.task.delay.ms", "5"),
        ]))
        .with_dynamic(settings(&[("min.insync.replicas", "1")]), Settings::new())
    }

    fn line(entry: &ConfigEntry) -> String {
        let synonyms: Vec<String> = entry
            .synonyms
            .iter()
            .map(|s| {
                format!(
                    "{}={}@{}",
                    s.name,
                    s.value.as_deref().unwrap_or("null"),
                    s.source as i8
                )
            })
            .collect();
        let value = entry.value.as_deref().unwrap_or("null");
        format!(
            "{value} {} {} {} {}",
            entry.source as i8,
            entry.read_only,
            entry.config_type,
            synonyms.join(" ")
        )
    }

    fn find(entries: &[ConfigEntry], name: &str) -> String {
        line(entries.iter().find(|entry| entry.name == name).unwrap())
    }

    /// Every line is what Apache Kafka 4.4.0 answered with these settings.
    #[test]
    fn topic_entries_read_as_kafkas() {
        let own = settings(&[("retention.ms", "1000"), ("cleanup.policy", "compact, delete")]);
        let entries = topic_entries(&layers(), &own);
        let table = [
            (
                "compression.type",
                "producer 5 false 2 compression.type=producer@5",
            ),
            ("remote.storage.enable", "false 5 false 1 "),
            (
                "min.insync.replicas",
                "1 3 false 3 min.insync.replicas=1@3 min.insync.replicas=1@5",
            ),
            (
                "cleanup.policy",
                "compact,delete 1 false 7 cleanup.policy=compact,delete@1 log.cleanup.policy=delete@5",
            ),
            ("flush.ms", "9223372036854775807 5 false 5 "),
            (
                "segment.bytes",
                "1073741824 4 false 3 log.segment.bytes=1073741824@4 log.segment.bytes=1073741824@5",
            ),
            ("retention.ms", "1000 1 false 5 retention.ms=1000@1"),
            ("segment.ms", "604800000 5 false 5 "),
            ("leader.replication.throttled.replicas", " 5 false 7 "),
        ];
        for (name, expected) in table {
            assert_eq!(find(&entries, name), expected, "{name}");
        }
        assert_eq!(entries[0].name, "compression.type");
    }

    #[test]
    fn an_internal_setting_of_a_topic_shows_where_it_is_set() {
        let name = "internal.segment.bytes";
        let listed = |own: &Settings| {
            topic_entries(&layers(), own)
                .iter()
                .any(|entry| entry.name == name)
        };
        assert!(!listed(&Settings::new()));
        assert!(listed(&settings(&[(name, "1000")])));
    }

    #[test]
    fn a_setting_of_one_listener_is_of_the_kind_it_overrides() {
        let own = settings(&[
            ("listener.name.internal.ssl.truststore.type", "PKCS12"),
            ("listener.name.internal.ssl.keystore.password", "hush"),
        ]);
        let entries = broker_entries(&layers().with_dynamic(Settings::new(), own));
        let shown = find(&entries, "listener.name.internal.ssl.truststore.type");
        assert!(shown.starts_with("PKCS12 2 true 2 "), "{shown}");
        let secret = find(&entries, "listener.name.internal.ssl.keystore.password");
        assert!(secret.starts_with("null "), "{secret}");
    }

    #[test]
    fn broker_entries_read_as_kafkas() {
        let entries = broker_entries(&layers());
        let table = [
            ("node.id", "1 4 true 3 node.id=1@4"),
            ("broker.id", "1 4 true 3 broker.id=1@4 broker.id=-1@5"),
            (
                "log.retention.hours",
                "168 4 true 3 log.retention.hours=168@4 log.retention.hours=168@5",
            ),
            ("log.retention.ms", "null 5 false 5 "),
            (
                "log.initial.task.delay.ms",
                "5 4 true 5 log.initial.task.delay.ms=5@4 log.initial.task.delay.ms=30000@5",
            ),
            ("ssl.keystore.password", "null 5 false 9 "),
            ("own.plugin.password", "null 4 false 0 own.plugin.password=null@4"),
            ("super.users", "null 4 true 0 super.users=null@4"),
            ("log.roll.hours", "168 5 true 3 log.roll.hours=168@5"),
        ];
        for (name, expected) in table {
            assert_eq!(find(&entries, name), expected, "{name}");
        }
        assert_eq!(entries.len(), 353);
        assert_eq!(
            find(&cluster_entries(&layers()), "min.insync.replicas"),
            "1 3 false 3 min.insync.replicas=1@3"
        );
    }

    #[test]
    fn group_entries_read_as_kafkas() {
        let entries = group_entries(&layers(), &settings(&[("consumer.session.timeout.ms", "50000")]));
        let table = [
            (
                "consumer.session.timeout.ms",
                "50000 8 false 3 consumer.session.timeout.ms=50000@8 group.consumer.session.timeout.ms=45000@5",
            ),
            (
                "share.auto.offset.reset",
                "latest 5 false 2 share.auto.offset.reset=latest@5",
            ),
            (
                "share.delivery.count.limit",
                "5 5 false 3 group.share.delivery.count.limit=5@5",
            ),
        ];
        for (name, expected) in table {
            assert_eq!(find(&entries, name), expected, "{name}");
        }
    }

    #[test]
    fn documentation_is_made_from_the_definition() {
        let entries = topic_entries(&layers(), &Settings::new());
        let compression = entries
            .iter()
            .find(|entry| entry.name == "compression.lz4.level")
            .unwrap();
        assert_eq!(
            compression.documentation().unwrap(),
            "Type: int; default: 9; valid: from 1 to 17"
        );
    }
}
