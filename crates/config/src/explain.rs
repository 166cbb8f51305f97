//! What a setting means, in a few lines for people: `barnabas config`.

use std::fmt::Write;

use super::definitions::{self, ConfigKey, Definitions, UpdateMode};
use super::effect;
use super::ineffective::{self, Verdict};
use super::listeners::{OAUTHBEARER_SETTINGS, TLS_SETTINGS};
use super::resource::ConfigResourceType;
use super::typed::{BrokerConfig, TopicConfig};
use super::unknown;

/// All broker settings that have an effect, by name, with meaning and default, as a configuration file in
/// which everything is commented out.
pub fn list() -> String {
    let mut keys: Vec<&ConfigKey> = definitions::broker()
        .iter()
        .filter(|key| effect::of_broker(key.name) && !key.internal)
        .collect();
    keys.sort_unstable_by_key(|key| key.name);
    let mut text = String::new();
    for key in keys {
        let (name, default) = (key.name, key.default.unwrap_or_default());
        // A string takes any write.
        let _ = writeln!(text, "# {}\n#{name}={default}\n", meaning_of_broker(name));
    }
    text
}

/// What there is to say about a setting of a broker, a topic or a group.
///
/// # Errors
/// There is no such setting: the sentence says which was meant.
pub fn one(name: &str) -> Result<String, String> {
    let mut text = String::new();
    if let Some(key) = definitions::broker_key(name) {
        text += &of_broker(name, key);
    }
    if let Some(key) = definitions::topic().get(name) {
        text += &of_topic(key);
    }
    let others: [(&str, ConfigResourceType, &Definitions); 2] = [
        ("a group", ConfigResourceType::Group, definitions::group()),
        (
            "a subscription to client metrics",
            ConfigResourceType::ClientMetrics,
            definitions::client_metrics(),
        ),
    ];
    for (of, kind, settings) in others {
        if let Some(key) = settings.get(name) {
            let effect = if effect::has_effect(kind, name) {
                "yes"
            } else {
                "none yet"
            };
            text += &about(
                name,
                of,
                "",
                key,
                &[("changes", "at run time"), ("effect", effect)],
            );
        }
    }
    match (text.is_empty(), ineffective::of_broker(name)) {
        (false, _) => Ok(text),
        // Settings that Kafka hands to its plug-ins are in no table of its own.
        (true, Some(row)) => Ok(format!(
            "{name} (a setting of a broker)\n  effect   {}\n",
            verdict(&row)
        )),
        (true, None) => Err(unknown::describe(name)),
    }
}

fn of_broker(name: &str, key: &ConfigKey) -> String {
    let effect = match ineffective::of_broker(name) {
        Some(row) => verdict(&row),
        None => "yes".to_owned(),
    };
    let at_run_time = effect::has_effect(ConfigResourceType::Broker, key.name);
    let changes = match key.update {
        UpdateMode::PerBroker if at_run_time => "at run time, for one broker",
        UpdateMode::ClusterWide if at_run_time => "at run time, for one broker or for all",
        _ => "at a start",
    };
    let topic = definitions::topic()
        .iter()
        .find(|topic| topic.broker_synonyms.iter().any(|synonym| synonym.name == name));
    let mut more = vec![("changes", changes), ("effect", effect.as_str())];
    if let Some(topic) = topic {
        more.push(("topics", topic.name));
    }
    about(name, "a broker", meaning_of_broker(key.name), key, &more)
}

fn of_topic(key: &ConfigKey) -> String {
    let effect = if effect::has_effect(ConfigResourceType::Topic, key.name) {
        "yes"
    } else {
        "none yet"
    };
    let synonyms: Vec<&str> = key.broker_synonyms.iter().map(|synonym| synonym.name).collect();
    let brokers = synonyms.join(", ");
    let mut more = vec![("changes", "at run time"), ("effect", effect)];
    if !brokers.is_empty() {
        more.push(("brokers", brokers.as_str()));
    }
    about(key.name, "a topic", meaning_of_topic(key.name), key, &more)
}

fn about(name: &str, of: &str, meaning: &str, key: &ConfigKey, more: &[(&str, &str)]) -> String {
    let mut text = format!("{name} (a setting of {of})\n");
    let kind = key.config_type.name().to_lowercase();
    let default = match key.default {
        Some("") => "nothing",
        Some(default) => default,
        None if key.required => "none: it must be given in a file of Apache Kafka's",
        None => "null",
    };
    let valid = key.rule.describe();
    let facts = [
        ("", meaning),
        ("type", kind.as_str()),
        ("default", default),
        ("valid", valid.as_str()),
    ];
    for (word, fact) in facts.iter().chain(more).filter(|(_, fact)| !fact.is_empty()) {
        // A string takes any write.
        let _ = match *word {
            "" => writeln!(text, "  {fact}"),
            word => writeln!(text, "  {word:<8} {fact}"),
        };
    }
    text
}

fn verdict(row: &ineffective::Ineffective) -> String {
    match row.verdict {
        Verdict::Silent | Verdict::Warned => format!("none: {}", row.why),
        Verdict::Refused => format!("refused: {}", row.why),
    }
}

fn meaning_of_broker(name: &str) -> &'static str {
    let of_topics = || {
        let topic = definitions::topic()
            .iter()
            .find(|key| key.broker_synonyms.iter().any(|synonym| synonym.name == name))?;
        Some(meaning_of_topic(topic.name))
    };
    let own = meaning(BrokerConfig::NAMES, BrokerConfig::MEANINGS, name);
    own.or_else(|| {
        RAW.iter()
            .chain(TLS_SETTINGS)
            .chain(OAUTHBEARER_SETTINGS)
            .find(|(raw, _)| *raw == name)
            .map(|(_, meaning)| *meaning)
    })
    .or_else(of_topics)
    .unwrap_or_default()
}

fn meaning_of_topic(name: &str) -> &'static str {
    meaning(TopicConfig::NAMES, TopicConfig::MEANINGS, name).unwrap_or_default()
}

fn meaning(names: &[&str], meanings: &[&'static str], name: &str) -> Option<&'static str> {
    let at = names.iter().position(|known| *known == name)?;
    meanings.get(at).map(|meaning| meaning.trim())
}

/// Settings with an effect that no view has.
const RAW: &[(&str, &str)] = &[
    (
        "barnabas.gateway.host",
        "What clients are told that come from the machine's gateway, as those of a container's published port do, where \
         nothing is advertised.",
    ),
    ("broker.id", "The old name of node.id."),
    (
        "config.providers",
        "The names of providers of values that lie elsewhere: in files, folders and environment variables.",
    ),
    (
        "unclean.leader.election.enable",
        "Whether a replica that is not in sync may lead where nobody else is left.",
    ),
    (
        "socket.send.buffer.bytes",
        "The send buffer of a connection, bytes; left to the system unless given.",
    ),
    (
        "socket.receive.buffer.bytes",
        "The receive buffer of a connection, bytes; left to the system unless given.",
    ),
    (
        "group.consumer.min.heartbeat.interval.ms",
        "The least heartbeat interval a consumer group may set, milliseconds.",
    ),
    (
        "group.consumer.max.heartbeat.interval.ms",
        "The greatest heartbeat interval a consumer group may set, milliseconds.",
    ),
    (
        "group.consumer.min.session.timeout.ms",
        "The least session timeout a consumer group may set, milliseconds.",
    ),
    (
        "group.consumer.max.session.timeout.ms",
        "The greatest session timeout a consumer group may set, milliseconds.",
    ),
    (
        "group.consumer.min.assignment.interval.ms",
        "The least assignment interval a consumer group may set, milliseconds.",
    ),
    (
        "group.consumer.max.assignment.interval.ms",
        "The greatest assignment interval a consumer group may set, milliseconds.",
    ),
    (
        "sasl.enabled.mechanisms",
        "The SASL mechanisms of listeners that have SASL.",
    ),
    (
        "sasl.kerberos.service.name",
        "The name of the service that nodes are to Kerberos: the first part of their principals.",
    ),
    (
        "sasl.kerberos.principal.to.local.rules",
        "By which rules a principal of Kerberos becomes the name of a user; the first that fits counts.",
    ),
    (
        "connections.max.reauth.ms",
        "How long a client that has authenticated by SASL may go on without doing it again, milliseconds; 0 means for ever.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_with_an_effect_has_a_meaning() {
        let without: Vec<&str> = definitions::broker()
            .iter()
            .map(|key| key.name)
            .filter(|name| effect::of_broker(name) && meaning_of_broker(name).is_empty())
            .collect();
        assert!(without.is_empty(), "{without:?}");
        for name in TopicConfig::NAMES {
            assert!(!meaning_of_topic(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn settings_are_explained() {
        assert_eq!(
            one("num.partitions").unwrap(),
            "num.partitions (a setting of a broker)\n  Partitions of a topic created without a count.\n  type     int\n  \
             default  1\n  valid    at least 1\n  changes  at a start\n  effect   yes\n"
        );
        let topic = one("retention.ms").unwrap();
        assert!(
            topic.contains("(a setting of a topic)") && topic.contains("brokers  log.retention.ms, "),
            "{topic}"
        );
        assert!(one("log.retention.ms").unwrap().contains("topics   retention.ms"));
        assert!(
            one("num.io.threads")
                .unwrap()
                .contains("effect   none: num.network.threads")
        );
        assert!(
            one("client.quota.callback.class")
                .unwrap()
                .contains("effect   refused: quota callbacks")
        );
        assert!(one("consumer.session.timeout.ms").unwrap().contains("of a group"));
        let error = one("num.partition").unwrap_err();
        assert_eq!(
            error,
            "unknown setting: num.partition (did you mean num.partitions?)"
        );
    }

    #[test]
    fn the_list_is_a_file_that_sets_nothing() {
        let list = list();
        assert_eq!(crate::properties::parse(list.as_bytes()), Ok(Vec::new()));
        assert!(
            list.contains("#num.partitions=1\n") && !list.contains("#num.io.threads"),
            "{list}"
        );
    }
}
