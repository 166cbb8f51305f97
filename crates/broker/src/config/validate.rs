//! What CreateTopics and the AlterConfigs requests may ask: the checks of Kafka's `LogConfig`, `GroupConfig`,
//! `ClientMetricsConfigs`, `DynamicBrokerConfig` and `KafkaConfig` over whole sets of settings.
//!
//! Called by the controller through [`super::ConfigRules`] (topics, groups, client metrics), by the AlterConfigs
//! handlers (brokers) and at start.

use barnabas_protocol::error::ErrorCode;

use super::ConfigException;
use super::definitions::{self, ConfigKey, ConfigType, UpdateMode};
use super::layers::{Layers, Settings};
use super::value::Value;

/// Why a set of settings is refused, as the client hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `INVALID_CONFIG` or `INVALID_REQUEST`.
    pub code: ErrorCode,
    /// Kafka's words.
    pub message: String,
}

impl From<ConfigException> for Refusal {
    fn from(exception: ConfigException) -> Self {
        Self {
            code: ErrorCode::InvalidConfig,
            message: exception.to_string(),
        }
    }
}

impl Refusal {
    fn request(message: String) -> Self {
        Self {
            code: ErrorCode::InvalidRequest,
            message,
        }
    }
}

/// Checks the whole set of settings a topic will have.
///
/// # Errors
/// An unknown name, a bad value, or values that contradict each other.
pub fn topic(layers: &Layers, new: &Settings) -> Result<(), Refusal> {
    unknown_name(new, definitions::topic(), "Unknown topic config name")?;
    for (name, raw) in new {
        if let Some(key) = definitions::topic().get(name) {
            Value::parse(key, raw)?;
        }
    }
    let long = |name: &str| -> Result<i64, ConfigException> {
        let Some(key) = definitions::topic().get(name) else {
            return Ok(0);
        };
        let value = match new.get(name) {
            Some(raw) => Some(Value::parse(key, raw)?),
            None => layers.topic_default(key)?,
        };
        Ok(if let Some(Value::Integer(number)) = value {
            number
        } else {
            0
        })
    };
    let (least, most) = (long("min.compaction.lag.ms")?, long("max.compaction.lag.ms")?);
    if least > most {
        return Err(ConfigException::new(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        ))
        .into());
    }
    if new
        .get("remote.storage.enable")
        .is_some_and(|raw| raw.trim().eq_ignore_ascii_case("true"))
    {
        return Err(ConfigException::new(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        )
        .into());
    }
    Ok(())
}

/// The bounds a broker sets for group settings: the group's setting, then the broker's least and greatest.
const GROUP_BOUNDS: &[(&str, Option<&str>, Option<&str>)] = &[
    (
        "consumer.heartbeat.interval.ms",
        Some("group.consumer.min.heartbeat.interval.ms"),
        Some("group.consumer.max.heartbeat.interval.ms"),
    ),
    (
        "consumer.session.timeout.ms",
        Some("group.consumer.min.session.timeout.ms"),
        Some("group.consumer.max.session.timeout.ms"),
    ),
    (
        "consumer.assignment.interval.ms",
        Some("group.consumer.min.assignment.interval.ms"),
        Some("group.consumer.max.assignment.interval.ms"),
    ),
    (
        "share.heartbeat.interval.ms",
        Some("group.share.min.heartbeat.interval.ms"),
        Some("group.share.max.heartbeat.interval.ms"),
    ),
    (
        "share.session.timeout.ms",
        Some("group.share.min.session.timeout.ms"),
        Some("group.share.max.session.timeout.ms"),
    ),
    (
        "share.record.lock.duration.ms",
        Some("group.share.min.record.lock.duration.ms"),
        Some("group.share.max.record.lock.duration.ms"),
    ),
    (
        "share.delivery.count.limit",
        Some("group.share.min.delivery.count.limit"),
        Some("group.share.max.delivery.count.limit"),
    ),
    (
        "share.partition.max.record.locks",
        Some("group.share.min.partition.max.record.locks"),
        Some("group.share.max.partition.max.record.locks"),
    ),
    (
        "share.assignment.interval.ms",
        Some("group.share.min.assignment.interval.ms"),
        Some("group.share.max.assignment.interval.ms"),
    ),
    (
        "streams.heartbeat.interval.ms",
        Some("group.streams.min.heartbeat.interval.ms"),
        Some("group.streams.max.heartbeat.interval.ms"),
    ),
    (
        "streams.session.timeout.ms",
        Some("group.streams.min.session.timeout.ms"),
        Some("group.streams.max.session.timeout.ms"),
    ),
    (
        "streams.num.standby.replicas",
        None,
        Some("group.streams.max.standby.replicas"),
    ),
    (
        "streams.assignment.interval.ms",
        Some("group.streams.min.assignment.interval.ms"),
        Some("group.streams.max.assignment.interval.ms"),
    ),
];

/// Checks the whole set of settings a group will have.
///
/// # Errors
/// An unknown name, a bad value, or one outside the broker's bounds.
pub fn group(layers: &Layers, new: &Settings) -> Result<(), Refusal> {
    unknown_name(new, definitions::group(), "Unknown group config name")?;
    let integer = |key: Option<&ConfigKey>, group_key: bool| -> Result<i64, ConfigException> {
        let Some(key) = key else { return Ok(0) };
        let value = match new.get(key.name) {
            Some(raw) if group_key => Some(Value::parse(key, raw)?),
            _ if group_key => layers.group_default(key)?,
            _ => layers.effective(key)?,
        };
        Ok(if let Some(Value::Integer(number)) = value {
            number
        } else {
            0
        })
    };
    for (name, raw) in new {
        if let Some(key) = definitions::group().get(name) {
            Value::parse(key, raw)?;
        }
    }
    for (name, least, most) in GROUP_BOUNDS {
        let value = integer(definitions::group().get(name), true)?;
        if let Some(least) = least
            && value < integer(definitions::broker().get(least), false)?
        {
            return Err(
                ConfigException::new(format!("{name} must be greater than or equal to {least}")).into(),
            );
        }
        if let Some(most) = most
            && value > integer(definitions::broker().get(most), false)?
        {
            return Err(ConfigException::new(format!("{name} must be less than or equal to {most}")).into());
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let (session, heartbeat) = (
            format!("{kind}.session.timeout.ms"),
            format!("{kind}.heartbeat.interval.ms"),
        );
        if integer(definitions::group().get(&session), true)?
            <= integer(definitions::group().get(&heartbeat), true)?
        {
            return Err(ConfigException::new(format!("{session} must be greater than {heartbeat}")).into());
        }
    }
    Ok(())
}

/// The keys a client metrics subscription may match on (KIP-714).
const MATCH_KEYS: &[&str] = &[
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Checks the whole set of settings a client metrics subscription will have.
///
/// # Errors
/// An empty name, an unknown setting, a bad value.
pub fn client_metrics(subscription: &str, new: &Settings) -> Result<(), Refusal> {
    if subscription.is_empty() {
        return Err(Refusal::request("Subscription name can't be empty".to_owned()));
    }
    for name in new.keys() {
        if definitions::client_metrics().get(name).is_none() {
            return Err(Refusal::request(format!(
                "Unknown client metrics configuration: {name}"
            )));
        }
    }
    for (name, raw) in new {
        let Some(key) = definitions::client_metrics().get(name) else {
            continue;
        };
        match Value::parse(key, raw)? {
            Value::Integer(interval) if !(100..=3_600_000).contains(&interval) => {
                return Err(Refusal::request(format!(
                    "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
                )));
            }
            Value::List(patterns) if name == "match" => {
                for pattern in patterns {
                    let known = pattern
                        .split_once('=')
                        .is_some_and(|(key, regex)| MATCH_KEYS.contains(&key.trim()) && !regex.contains('='));
                    if !known {
                        return Err(ConfigException::new(format!(
                            "Illegal client matching pattern: {pattern}"
                        ))
                        .into());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks the whole set of dynamic settings one broker (`per_broker`) or all brokers will have, over `layers`.
///
/// # Errors
/// Kafka's message; AlterConfigs answers it with `INVALID_REQUEST`.
pub fn dynamic_broker(layers: &Layers, new: &Settings, per_broker: bool) -> Result<(), ConfigException> {
    let names_where = |wrong: &dyn Fn(&str) -> bool| -> Vec<&str> {
        new.keys()
            .map(String::as_str)
            .filter(|name| wrong(name))
            .collect()
    };
    let fails = |why: &str, names: Vec<&str>| {
        if names.is_empty() {
            Ok(())
        } else {
            Err(ConfigException::new(format!("{why}: [{}]", names.join(", "))))
        }
    };
    let update = |name: &str| definitions::broker_key(name).map(|key| key.update);
    fails(
        "Cannot update these configs dynamically",
        names_where(&|name| update(name) == Some(UpdateMode::ReadOnly)),
    )?;
    fails(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        names_where(&|name| name.starts_with("ssl.") && update(name) == Some(UpdateMode::PerBroker)),
    )?;
    for (name, raw) in new {
        if let Some(key) =
            definitions::broker_key(name).or_else(|| definitions::replication_quotas().get(name))
        {
            Value::parse(key, raw)?;
        }
    }
    if !per_broker {
        fails(
            "Cannot update these configs at default cluster level, broker id must be specified",
            names_where(&|name| {
                definitions::listener_base_name(name).is_some() || update(name) == Some(UpdateMode::PerBroker)
            }),
        )?;
    }
    let candidate = if per_broker {
        layers.with_dynamic(layers.dynamic_default().clone(), new.clone())
    } else {
        layers.with_dynamic(new.clone(), layers.dynamic_broker().clone())
    };
    broker(&candidate)?;
    thread_counts(layers, &candidate)
}

/// Settings that size a pool of threads.
const THREAD_COUNTS: &[&str] = &[
    "num.io.threads",
    "num.network.threads",
    "background.threads",
    "num.replica.fetchers",
    "remote.log.reader.threads",
    "remote.log.manager.copier.thread.pool.size",
    "remote.log.manager.expiration.thread.pool.size",
];

/// Kafka lets a thread count at most double or halve at a time.
fn thread_counts(before: &Layers, after: &Layers) -> Result<(), ConfigException> {
    for name in [
        "num.io.threads",
        "num.network.threads",
        "background.threads",
        "num.replica.fetchers",
    ] {
        let (old, new) = (integer(before, name)?, integer(after, name)?);
        let complaint = if new > old.saturating_mul(2) {
            format!("value should not be greater than double the current value {old}")
        } else if new < old / 2 {
            format!("value should be at least half the current value {old}")
        } else {
            continue;
        };
        return Err(ConfigException::new(format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation \
             failed for {name}={new}, {complaint} for configuration Invalid dynamic configuration"
        )));
    }
    Ok(())
}

fn integer(layers: &Layers, name: &str) -> Result<i64, ConfigException> {
    let Some(key) = definitions::broker().get(name) else {
        return Ok(0);
    };
    Ok(if let Some(Value::Integer(number)) = layers.effective(key)? {
        number
    } else {
        0
    })
}

/// Checks that a broker's settings fit together (`KafkaConfig.validateValues`), each of them included.
///
/// # Errors
/// A bad value, or what does not fit together.
pub fn broker(layers: &Layers) -> Result<(), ConfigException> {
    for key in definitions::broker().iter() {
        layers.effective(key)?;
    }
    let requirement = |holds: bool, message: &str| {
        if holds {
            Ok(())
        } else {
            Err(ConfigException::new(format!("requirement failed: {message}")))
        }
    };
    let long = |name: &str| integer(layers, name);
    if layers.given("broker.id").is_some() {
        let same = long("broker.id")? == long("node.id")?;
        requirement(same, "You must set `node.id` to the same value as `broker.id`.")?;
    }
    let given = |name: &str| layers.given(name).is_some();
    requirement(
        !given("log.roll.ms") || long("log.roll.ms")? >= 1,
        "log.roll.ms must be greater than or equal to 1",
    )?;
    requirement(
        !given("log.roll.jitter.ms") || long("log.roll.jitter.ms")? >= 0,
        "log.roll.jitter.ms must be greater than or equal to 0",
    )?;
    requirement(
        !given("log.retention.ms") || long("log.retention.ms")? != 0,
        "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
    )?;
    // Zero threads is a division by zero in Kafka.
    let threads = long("log.cleaner.threads")?.max(1);
    requirement(
        long("log.cleaner.dedupe.buffer.size")? / threads > 1024 * 1024,
        "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
    )?;
    let queued = long("queued.max.request.bytes")?;
    requirement(
        queued <= 0 || queued >= long("socket.request.max.bytes")?,
        "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
    )
}

fn unknown_name(
    new: &Settings,
    known: &definitions::Definitions,
    message: &str,
) -> Result<(), ConfigException> {
    match new.keys().find(|name| known.get(name).is_none()) {
        Some(name) => Err(ConfigException::new(format!("{message}: {name}"))),
        None => Ok(()),
    }
}

/// Whether AlterConfigs may append to and subtract from a setting: it is a list.
pub fn is_list(key: &ConfigKey) -> bool {
    key.config_type == ConfigType::List
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
        ]))
    }

    #[test]
    fn a_topics_settings_are_checked_as_a_whole() {
        let table = [
            (
                &[("nope", "1"), ("segment.bytes", "1")][..],
                "Unknown topic config name: nope",
            ),
            (
                &[("min.compaction.lag.ms", "5"), ("max.compaction.lag.ms", "3")],
                "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (3)",
            ),
            (
                &[("remote.storage.enable", "true")],
                "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
                 storage.",
            ),
            (
                &[("retention.ms", "x"), ("segment.bytes", "1")],
                "Invalid value x for configuration retention.ms: Not a number of type LONG",
            ),
        ];
        for (pairs, expected) in table {
            let refusal = topic(&layers(), &settings(pairs)).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.message.as_str()),
                (ErrorCode::InvalidConfig, expected)
            );
        }
        assert_eq!(
            topic(
                &layers(),
                &settings(&[("cleanup.policy", ""), ("retention.ms", " -1 ")])
            ),
            Ok(())
        );
    }

    #[test]
    fn a_groups_settings_stay_within_the_brokers_bounds() {
        let message = |pairs| group(&layers(), &settings(pairs)).unwrap_err().message;
        assert_eq!(
            message(&[("consumer.session.timeout.ms", "5000")]),
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"
        );
        assert_eq!(
            message(&[("streams.num.standby.replicas", "5000")]),
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"
        );
        assert_eq!(message(&[("nope", "")]), "Unknown group config name: nope");
        assert_eq!(
            group(&layers(), &settings(&[("consumer.session.timeout.ms", "50000")])),
            Ok(())
        );
    }

    #[test]
    fn client_metrics_settings_have_codes_of_two_kinds() {
        let refusal = |pairs| client_metrics("sub", &settings(pairs)).unwrap_err();
        assert_eq!(refusal(&[("nope", "1")]).code, ErrorCode::InvalidRequest);
        assert_eq!(refusal(&[("interval.ms", "0")]).code, ErrorCode::InvalidRequest);
        assert_eq!(
            refusal(&[("match", "foo=bar")]).message,
            "Illegal client matching pattern: foo=bar"
        );
        assert_eq!(
            client_metrics("sub", &settings(&[("match", "client_id=x")])),
            Ok(())
        );
    }

    #[test]
    fn dynamic_broker_settings_are_refused_in_kafkas_words() {
        let message = |name, value, per_broker| {
            dynamic_broker(&layers(), &settings(&[(name, value)]), per_broker)
                .unwrap_err()
                .to_string()
        };
        let table = [
            (
                "log.retention.hours",
                "1",
                true,
                "Cannot update these configs dynamically: [log.retention.hours]",
            ),
            (
                "ssl.keystore.location",
                "1",
                true,
                "These security configs can be dynamically updated only per-listener using the listener prefix: \
                 [ssl.keystore.location]",
            ),
            (
                "listener.name.plaintext.nope",
                "1",
                false,
                "Cannot update these configs at default cluster level, broker id must be specified: \
                 [listener.name.plaintext.nope]",
            ),
            (
                "log.retention.ms",
                "0",
                true,
                "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
            ),
            (
                "num.io.threads",
                "100",
                true,
                "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation \
                 failed for num.io.threads=100, value should not be greater than double the current value 8 for \
                 configuration Invalid dynamic configuration",
            ),
            (
                "principal.builder.class",
                "abc",
                true,
                "Invalid value abc for configuration principal.builder.class: Class abc could not be found.",
            ),
        ];
        for (name, value, per_broker, expected) in table {
            assert_eq!(message(name, value, per_broker), expected);
        }
        for (name, value, per_broker) in [
            ("message.max.bytes", "0", false),
            ("nope", "1", false),
            ("sasl.jaas.config", "x", true),
        ] {
            assert_eq!(
                dynamic_broker(&layers(), &settings(&[(name, value)]), per_broker),
                Ok(())
            );
        }
    }
}
