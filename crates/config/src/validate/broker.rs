//! A broker's settings: Kafka's `DynamicBrokerConfig` and `KafkaConfig.validateValues`.

use crate::definitions::{self, UpdateMode};
use crate::limits::has_address;
use crate::{ConfigException, Layers, Settings, Value, ineffective};

/// Checks the whole set of dynamic settings one broker (`per_broker`) or all brokers will have, over
/// `layers`.
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
    thread_counts(layers, &candidate)?;
    // What was taken by a release that took more must not keep other settings from changing.
    let before = if per_broker {
        layers.dynamic_broker()
    } else {
        layers.dynamic_default()
    };
    let changed = new
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    ineffective::refuse(changed, layers.given("listeners").unwrap_or_default())
}

/// Settings that size a pool of threads.
const THREAD_COUNTS: &[&str] = &[
    "num.io.threads",
    "num.network.threads",
    "background.threads",
    "num.replica.fetchers",
    "num.recovery.threads.per.data.dir",
    "remote.log.reader.threads",
    "remote.log.manager.copier.thread.pool.size",
    "remote.log.manager.expiration.thread.pool.size",
];

/// Another such setting, of which Kafka's cleaner speaks in its own words.
const CLEANER_THREADS: &str = "log.cleaner.threads";

/// Kafka lets a thread count at most double or halve at a time.
fn thread_counts(before: &Layers, after: &Layers) -> Result<(), ConfigException> {
    for name in THREAD_COUNTS.iter().chain([&CLEANER_THREADS]) {
        let (old, new) = (integer(before, name)?, integer(after, name)?);
        let grows = new > old.saturating_mul(2);
        if !grows && new >= old / 2 {
            continue;
        }
        let complaint = match (*name == CLEANER_THREADS, grows) {
            (true, true) => {
                format!("Log cleaner threads cannot be increased to more than double the current value {old}")
            }
            (true, false) => {
                format!("Log cleaner threads cannot be reduced to less than half the current value {old}")
            }
            (false, _) => {
                let bound = if grows {
                    "not be greater than double"
                } else {
                    "be at least half"
                };
                format!(
                    "Dynamic thread count update validation failed for {name}={new}, value should {bound} the current \
                     value {old}"
                )
            }
        };
        return Err(ConfigException::new(format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: {complaint} for configuration Invalid \
             dynamic configuration"
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
    let threads = long(CLEANER_THREADS)?;
    if threads == 0 {
        // What Kafka says, dividing the buffer among no threads.
        return Err(ConfigException::new("/ by zero"));
    }
    requirement(
        long("log.cleaner.dedupe.buffer.size")? / threads > 1024 * 1024,
        "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
    )?;
    let fetch_wait = long("replica.fetch.wait.max.ms")?;
    requirement(
        fetch_wait <= long("replica.socket.timeout.ms")?,
        "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket \
         timeouts",
    )?;
    requirement(
        fetch_wait <= long("replica.lag.time.max.ms")?,
        "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent \
         changes in ISR",
    )?;
    check_cordoned(layers)?;
    check_connection_overrides(layers.given(CONNECTION_OVERRIDES).unwrap_or_default())?;
    let queued = long("queued.max.request.bytes")?;
    requirement(
        queued <= 0 || queued >= long("socket.request.max.bytes")?,
        "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
    )
}

/// `cordoned.log.dirs` names data folders of this broker, or all by `*` alone.
fn check_cordoned(layers: &Layers) -> Result<(), ConfigException> {
    const CORDONED: &str = "cordoned.log.dirs";
    let list = |name: &str| -> Result<Option<Vec<String>>, ConfigException> {
        let key = definitions::broker().get(name);
        match key.map(|key| layers.effective(key)).transpose()?.flatten() {
            Some(Value::List(items)) => Ok(Some(items)),
            _ => Ok(None),
        }
    };
    let cordoned = list(CORDONED)?.unwrap_or_default();
    if cordoned.iter().any(|path| path == "*") {
        return if cordoned.len() == 1 {
            Ok(())
        } else {
            Err(ConfigException::new(format!(
                "requirement failed: When {CORDONED} is set to *, it must not contain other values"
            )))
        };
    }
    let own = match list("log.dirs")? {
        Some(own) => own,
        None => list("log.dir")?.unwrap_or_default(),
    };
    let missing: Vec<&str> = cordoned
        .iter()
        .filter(|path| !own.contains(path))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ConfigException::new(format!(
        "requirement failed: All entries in {CORDONED} must be present in log.dirs or log.dir. Missing entries : {}",
        missing.join(", ")
    )))
}

const CONNECTION_OVERRIDES: &str = "max.connections.per.ip.overrides";

/// Checks `address:count` pairs, in the words of Java's `substring` and `parseInt`, which is where Kafka
/// fails.
fn check_connection_overrides(overrides: &str) -> Result<(), ConfigException> {
    for pair in overrides
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let Some((address, count)) = pair.rsplit_once(':') else {
            return Err(ConfigException::new(format!(
                "Error parsing configuration property '{CONNECTION_OVERRIDES}': begin 0, end -1, length {}",
                pair.encode_utf16().count()
            )));
        };
        if count.trim().parse::<i32>().is_err() {
            return Err(ConfigException::new(format!(
                "Error parsing configuration property '{CONNECTION_OVERRIDES}': For input string: \"{}\"",
                count.trim()
            )));
        }
        if !has_address(address) {
            return Err(ConfigException::new(format!(
                "{CONNECTION_OVERRIDES}={overrides} is not valid: {address} is no address, and no host of this name is found"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{layers, settings};
    use super::*;

    #[test]
    fn dynamic_broker_settings_are_refused_in_kafkas_words() {
        let message = |name, value, per_broker| {
            dynamic_broker(&layers(), &settings(&[(name, value)]), per_broker)
                .unwrap_err()
                .to_string()
        };
        let table = [
            (
                "cordoned.log.dirs",
                "*,/a",
                true,
                "requirement failed: When cordoned.log.dirs is set to *, it must not contain other values",
            ),
            (
                "cordoned.log.dirs",
                "/nowhere,/else",
                true,
                "requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. \
                 Missing entries : /nowhere, /else",
            ),
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
                "num.recovery.threads.per.data.dir",
                "5",
                false,
                "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation \
                 failed for num.recovery.threads.per.data.dir=5, value should not be greater than double the current \
                 value 2 for configuration Invalid dynamic configuration",
            ),
            (
                "background.threads",
                "4",
                false,
                "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation \
                 failed for background.threads=4, value should be at least half the current value 10 for configuration \
                 Invalid dynamic configuration",
            ),
            (
                "log.cleaner.threads",
                "3",
                true,
                "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads cannot be increased \
                 to more than double the current value 1 for configuration Invalid dynamic configuration",
            ),
            ("log.cleaner.threads", "0", false, "/ by zero"),
            (
                "max.connections.per.ip.overrides",
                "bad",
                false,
                "Error parsing configuration property 'max.connections.per.ip.overrides': begin 0, end -1, length 3",
            ),
            (
                "max.connections.per.ip.overrides",
                "127.0.0.1:5,no host:5",
                false,
                "max.connections.per.ip.overrides=127.0.0.1:5,no host:5 is not valid: no host is no address, and no host of \
                 this name is found",
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
        let more_cleaners = layers().with_dynamic(Settings::new(), settings(&[("log.cleaner.threads", "4")]));
        assert_eq!(
            dynamic_broker(&more_cleaners, &Settings::new(), true)
                .unwrap_err()
                .to_string(),
            "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads cannot be reduced to \
             less than half the current value 4 for configuration Invalid dynamic configuration"
        );
        for (name, value, per_broker) in [
            ("log.cleaner.threads", "2", true),
            ("message.max.bytes", "0", false),
            ("nope", "1", false),
            ("listener.name.other.ssl.keystore.location", "x", true),
        ] {
            assert_eq!(
                dynamic_broker(&layers(), &settings(&[(name, value)]), per_broker),
                Ok(())
            );
        }
    }
}
