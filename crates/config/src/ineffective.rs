//! Settings of Kafka's that have no effect here, and what becomes of whoever gives one a value: nothing, a
//! warning, or no start. `tables/ineffective.tsv` decides setting by setting.
//!
//! A file that asks for protection must not start a node without it, and no setting may be passed over that
//! changes what a cluster means. The same holds at run time.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::ConfigException;
use super::definitions;
use super::effect;
use super::layers::Settings;

/// What becomes of a setting without effect that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: nobody would notice the difference.
    Silent,
    /// It is told at the start.
    Warned,
    /// The node does not start.
    Refused,
}

/// A setting without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ineffective {
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why it has no effect.
    pub why: &'static str,
    /// The value with which it asks for nothing, where it has one.
    harmless: Option<&'static str>,
}

impl Ineffective {
    /// Whether the setting asks for nothing with this value.
    fn is_harmless(&self, value: &str) -> bool {
        let value = value.trim();
        value.is_empty() || self.harmless.is_some_and(|harmless| harmless == value)
    }
}

struct Row {
    pattern: &'static str,
    ineffective: Ineffective,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let lines = include_str!("tables/ineffective.tsv").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| rows(line).expect("invariant: the checked-in table parses, see the test below"))
        .collect()
});

fn rows(line: &'static str) -> Option<Vec<Row>> {
    let mut cells = line.split('\t');
    let verdict = match cells.next()? {
        "silent" => Verdict::Silent,
        "warned" => Verdict::Warned,
        "refused" => Verdict::Refused,
        _ => return None,
    };
    let (names, why) = (cells.next()?, cells.next()?);
    let row = |name: &'static str| {
        let (pattern, harmless) = match name.split_once('=') {
            Some((pattern, value)) => (pattern, Some(value)),
            None => (name, None),
        };
        Row {
            pattern,
            ineffective: Ineffective {
                verdict,
                why,
                harmless,
            },
        }
    };
    Some(names.split(' ').map(row).collect())
}

fn matches(pattern: &str, name: &str) -> bool {
    if let Some(family) = pattern.strip_suffix('*') {
        name.starts_with(family)
    } else if let Some(family) = pattern.strip_prefix('*') {
        name.ends_with(family)
    } else {
        name == pattern
    }
}

fn find(name: &str) -> Option<Ineffective> {
    ROWS.iter()
        .find(|row| matches(row.pattern, name))
        .map(|row| row.ineffective)
}

/// The row of a broker setting that has no effect, by a name that may carry a listener's prefix; `None` where
/// it has one, or is unknown.
pub fn of_broker(name: &str) -> Option<Ineffective> {
    if effect::of_broker(name) {
        return None;
    }
    let Some(base) = definitions::listener_base_name(name) else {
        return find(name);
    };
    // A mechanism may follow the listener: listener.name.{listener}.{mechanism}.sasl.jaas.config (KIP-103,
    // KIP-342).
    let of_mechanism = || base.split_once('.').and_then(|(_, base)| find(base));
    find(base).or_else(of_mechanism).or_else(|| {
        definitions::broker().get(base).map(|_| Ineffective {
            verdict: Verdict::Warned,
            why: "it counts for the whole broker, not for a listener of its own",
            harmless: None,
        })
    })
}

/// Refuses settings that ask for what is not there.
///
/// Those of a listener that is not in `listeners` ask for nothing.
///
/// # Errors
/// The first such setting, with why it is refused and what to do.
pub fn refuse<'a>(
    given: impl IntoIterator<Item = (&'a String, &'a String)>,
    listeners: &str,
) -> Result<(), ConfigException> {
    for (name, value) in given {
        let Some(row) = of_broker(name).filter(|row| row.verdict == Verdict::Refused) else {
            continue;
        };
        if row.is_harmless(value) || !concerns_a_listener(name, listeners) {
            continue;
        }
        let secret = definitions::broker_key(name).is_some_and(definitions::ConfigKey::sensitive)
            || name.ends_with("sasl.jaas.config");
        let value = if secret { "[hidden]" } else { value.trim() };
        let instead = match row.harmless {
            Some(harmless) if !harmless.is_empty() => format!(", or set it to {harmless},"),
            _ => String::new(),
        };
        return Err(ConfigException::new(format!(
            "{name}={value} is refused: {}. Remove it{instead} to go without",
            row.why
        )));
    }
    Ok(())
}

fn concerns_a_listener(name: &str, listeners: &str) -> bool {
    let Some(rest) = name.strip_prefix("listener.name.") else {
        return true;
    };
    let wanted = rest.split('.').next().unwrap_or(rest);
    let names = listeners
        .split(',')
        .filter_map(|entry| entry.trim().split_once("://"));
    names
        .into_iter()
        .any(|(name, _)| name.eq_ignore_ascii_case(wanted))
}

/// What the start says about settings without effect: a sentence for each reason.
pub fn warnings(given: &Settings) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in given {
        match of_broker(name) {
            Some(row) if row.verdict == Verdict::Warned && !row.is_harmless(value) => {
                by_reason.entry(row.why).or_default().push(name);
            }
            _ => {}
        }
    }
    by_reason
        .into_iter()
        .map(|(why, names)| format!("without effect: {} ({why})", names.join(", ")))
        .collect()
}

/// Those that are given and that the start says nothing about.
pub fn silent(given: &Settings) -> Vec<String> {
    let is_silent = |name: &&String| of_broker(name).is_some_and(|row| row.verdict == Verdict::Silent);
    given.keys().filter(is_silent).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_without_effect_has_a_row_and_no_other() {
        let without: Vec<&str> = definitions::broker()
            .iter()
            .map(|key| key.name)
            .filter(|name| !effect::of_broker(name) && find(name).is_none())
            .collect();
        assert!(
            without.is_empty(),
            "decide in tables/ineffective.tsv what becomes of them: {without:?}"
        );
        let with: Vec<&str> = ROWS
            .iter()
            .map(|row| row.pattern)
            .filter(|pattern| effect::of_broker(pattern))
            .collect();
        assert!(with.is_empty(), "they have an effect: {with:?}");
    }

    #[test]
    fn every_row_is_read_and_every_value_that_asks_for_nothing_is_valid() {
        for row in ROWS.iter() {
            assert!(!row.ineffective.why.is_empty(), "{}", row.pattern);
            let known = definitions::broker().get(row.pattern);
            if let (Some(key), Some(harmless)) = (known, row.ineffective.harmless)
                && !harmless.is_empty()
            {
                assert_eq!(key.default, Some(harmless), "{}", row.pattern);
            }
        }
        let defaults = definitions::broker()
            .iter()
            .filter_map(|key| Some((key.name.to_owned(), key.default?.to_owned())));
        let defaults: Settings = defaults.collect();
        assert_eq!(refuse(&defaults, "PLAINTEXT://:1"), Ok(()));
    }

    fn refusal(name: &str, value: &str) -> Option<String> {
        let given = Settings::from([(name.to_owned(), value.to_owned())]);
        let refused = refuse(&given, "INSIDE://:1,PLAINTEXT://:2");
        refused.err().map(|exception| exception.to_string())
    }

    #[test]
    fn who_asks_for_protection_is_refused() {
        let table = [
            ("principal.builder.class", "my.Builder"),
            ("client.quota.callback.class", "my.Quotas"),
            ("create.topic.policy.class.name", "my.Policy"),
            ("alter.config.policy.class.name", "my.Policy"),
            ("ssl.engine.factory.class", "my.Factory"),
            ("listener.name.inside.ssl.engine.factory.class", "my.Factory"),
            ("sasl.login.class", "my.Login"),
            (
                "listener.name.inside.plain.sasl.login.callback.handler.class",
                "my.Handler",
            ),
            ("remote.log.storage.system.enable", "true"),
        ];
        for (name, value) in table {
            let said = refusal(name, value).unwrap_or_else(|| panic!("{name}={value} is taken"));
            assert!(
                said.starts_with(&format!("{name}=")) && !said.contains("secret "),
                "{said}"
            );
        }
        assert_eq!(
            refusal("remote.log.storage.system.enable", "true").unwrap(),
            "remote.log.storage.system.enable=true is refused: tiered storage is not supported. Remove it, or set it to \
             false, to go without"
        );
    }

    #[test]
    fn who_asks_for_nothing_is_not() {
        for (name, value) in [
            ("ssl.protocol", "TLSv1.3"),
            ("listener.name.other.ssl.engine.factory.class", "my.Factory"),
            ("ssl.client.auth", "required"),
            ("num.io.threads", "8"),
            ("listener.name.inside.plain.sasl.jaas.config", "secret"),
            ("listener.name.inside.sasl.enabled.mechanisms", "PLAIN"),
            ("no.such", "1"),
        ] {
            assert_eq!(refusal(name, value), None, "{name}={value}");
        }
    }

    #[test]
    fn warnings_say_why() {
        let given = [
            "metrics.num.samples",
            "metric.reporters",
            "num.io.threads",
            "listener.name.x.max.connections",
        ];
        let given = given.map(|name| (name.to_owned(), "5".to_owned()));
        assert_eq!(
            warnings(&given.into()),
            [
                "without effect: listener.name.x.max.connections (it counts for the whole broker, not for a listener of its \
                 own)",
                "without effect: metric.reporters, metrics.num.samples (metrics are read over HTTP (barnabas.http.listener))",
            ]
        );
    }
}
