//! What a parsed value must satisfy: Kafka's `ConfigDef` validators, read from the tables' rule column.
//!
//! A rule is a word and its arguments: `range 1..`, `one_of a,b`, `non_empty_list a,b`. The messages are
//! Kafka's, for clients show them.

use super::ConfigException;
use super::faults;
use super::iso_duration::is_iso_duration;
use super::selector::Selector;
use super::value::{Value, java_double};

/// A selector that is longer is not shown in an error about it.
const SHOWN_BYTES_MAX: usize = 1024;

/// A validator.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Anything.
    Any,
    /// A number within bounds, both inclusive.
    Range {
        /// The least value, as the table spells it.
        min: Option<&'static str>,
        /// The greatest value.
        max: Option<&'static str>,
    },
    /// One of these words.
    OneOf(Vec<&'static str>),
    /// One of these words, in any case.
    OneOfIgnoringCase(Vec<&'static str>),
    /// A string of at least one character.
    NonEmpty,
    /// A string that is there.
    NonNull,
    /// A list without empty items (repeated ones are dropped when it is read).
    List {
        /// Whether the list may have no item.
        may_be_empty: bool,
        /// The words an item may be; empty means any.
        valid: Vec<&'static str>,
    },
    /// -1 or 1 to 9.
    GzipLevel,
    /// `*` or `partition:broker` pairs.
    ThrottledReplicas,
    /// `earliest`, `latest` or `by_duration:` with an ISO 8601 duration (KIP-932, KIP-1106).
    ShareOffsetReset,
    /// `host:port` items.
    QuorumBootstrapServers,
    /// `id@host:port` items.
    QuorumVoters,
    /// Fault rules.
    Faults,
    /// A selector over records, or nothing.
    Selector,
}

impl Rule {
    /// Reads a rule cell of a table.
    pub(super) fn from_table(cell: &'static str) -> Option<Self> {
        let (word, rest) = cell.split_once(' ').unwrap_or((cell, ""));
        let words = || {
            if rest.is_empty() {
                Vec::new()
            } else {
                rest.split(',').collect()
            }
        };
        Some(match word {
            "" => Self::Any,
            "range" => {
                let (min, max) = rest.split_once("..")?;
                let bound = |text: &'static str| (!text.is_empty()).then_some(text);
                Self::Range {
                    min: bound(min),
                    max: bound(max),
                }
            }
            "one_of" => Self::OneOf(words()),
            "one_of_ignoring_case" => Self::OneOfIgnoringCase(words()),
            "non_empty" => Self::NonEmpty,
            "non_null" => Self::NonNull,
            "list" | "nullable_list" => Self::List {
                may_be_empty: true,
                valid: words(),
            },
            "non_empty_list" | "nullable_non_empty_list" => Self::List {
                may_be_empty: false,
                valid: words(),
            },
            "gzip_level" => Self::GzipLevel,
            "throttled_replicas" => Self::ThrottledReplicas,
            "share_offset_reset" => Self::ShareOffsetReset,
            "quorum_bootstrap_servers" => Self::QuorumBootstrapServers,
            "quorum_voters" => Self::QuorumVoters,
            "faults" => Self::Faults,
            "selector" => Self::Selector,
            _ => return None,
        })
    }

    /// Checks `value` of the setting `name`.
    ///
    /// # Errors
    /// Kafka's message for a value that breaks the rule.
    pub fn check(&self, name: &str, value: &Value) -> Result<(), ConfigException> {
        match (self, value) {
            (Self::Range { min, max }, _) => check_range(name, value, *min, *max),
            (Self::OneOf(valid), Value::Text(text)) => check_one_of(name, text, valid),
            (Self::OneOfIgnoringCase(valid), Value::Text(text)) => {
                if valid.iter().any(|word| word.eq_ignore_ascii_case(text)) {
                    return Ok(());
                }
                let words = valid.join(", ");
                Err(ConfigException::value(
                    name,
                    text,
                    &format!("String must be one of (case insensitive): {words}"),
                ))
            }
            (Self::NonEmpty, Value::Text(text)) if text.is_empty() => {
                Err(ConfigException::value(name, text, "String must be non-empty"))
            }
            (Self::List { may_be_empty, valid }, Value::List(items)) => {
                check_list(name, items, *may_be_empty, valid)
            }
            (Self::GzipLevel, Value::Integer(level)) if !matches!(level, -1 | 1..=9) => {
                Err(ConfigException::value(
                    name,
                    &level.to_string(),
                    "Value must be between 1 and 9 or equal to -1",
                ))
            }
            (Self::ThrottledReplicas, Value::List(items)) => check_throttled_replicas(name, items),
            (Self::ShareOffsetReset, Value::Text(text)) => check_share_offset_reset(name, text),
            (Self::QuorumBootstrapServers, Value::List(items)) => check_bootstrap_servers(name, items),
            (Self::QuorumVoters, Value::List(items)) => check_voters(name, items),
            (Self::Selector, Value::Text(text)) if !text.is_empty() => match Selector::parse(text) {
                Ok(_) => Ok(()),
                // A client need not have all of it back.
                Err(why) if text.len() > SHOWN_BYTES_MAX => Err(ConfigException::new(format!(
                    "Invalid value for configuration {name}: {why}"
                ))),
                Err(why) => Err(ConfigException::value(name, text, &why.to_string())),
            },
            (Self::Faults, Value::Text(text)) => match faults::parse(text) {
                Ok(_) => Ok(()),
                Err(why) => Err(ConfigException::value(name, text, &why)),
            },
            _ => Ok(()),
        }
    }

    /// The rule in words for the documentation of a setting, empty for [`Rule::Any`].
    pub fn describe(&self) -> String {
        match self {
            Self::Any | Self::NonNull => String::new(),
            Self::Range { min, max } => match (min, max) {
                (Some(min), Some(max)) => format!("from {min} to {max}"),
                (Some(min), None) => format!("at least {min}"),
                (None, Some(max)) => format!("at most {max}"),
                (None, None) => String::new(),
            },
            Self::OneOf(valid) | Self::OneOfIgnoringCase(valid) => format!("one of {}", valid.join(", ")),
            Self::NonEmpty => "a non-empty string".to_owned(),
            Self::List { valid, .. } if valid.is_empty() => "a list".to_owned(),
            Self::List { valid, .. } => format!("a list of {}", valid.join(", ")),
            Self::GzipLevel => "from 1 to 9, or -1".to_owned(),
            Self::ThrottledReplicas => "* or a list of partition:broker".to_owned(),
            Self::Faults => faults::SYNTAX.to_owned(),
            Self::Selector => "a condition over headers, key, topic and timestamp, as JMS has it".to_owned(),
            Self::ShareOffsetReset => "latest, earliest or by_duration:PnDTnHnMn.nS".to_owned(),
            Self::QuorumBootstrapServers => "a list of host:port".to_owned(),
            Self::QuorumVoters => "a list of id@host:port".to_owned(),
        }
    }
}

fn check_range(
    name: &str,
    value: &Value,
    min: Option<&'static str>,
    max: Option<&'static str>,
) -> Result<(), ConfigException> {
    // Kafka compares as doubles as well.
    let (number, shown) = match value {
        Value::Integer(number) => (*number as f64, number.to_string()),
        Value::Double(number) => (*number, java_double(*number)),
        _ => return Ok(()),
    };
    let bound = |text: &str| text.parse::<f64>().unwrap_or(0.0);
    if let Some(min) = min
        && number < bound(min)
    {
        return Err(ConfigException::value(
            name,
            &shown,
            &format!("Value must be at least {min}"),
        ));
    }
    if let Some(max) = max
        && number > bound(max)
    {
        return Err(ConfigException::value(
            name,
            &shown,
            &format!("Value must be no more than {max}"),
        ));
    }
    Ok(())
}

fn check_one_of(name: &str, text: &str, valid: &[&str]) -> Result<(), ConfigException> {
    if valid.contains(&text) {
        return Ok(());
    }
    Err(ConfigException::value(
        name,
        text,
        &format!("String must be one of: {}", valid.join(", ")),
    ))
}

fn check_list(
    name: &str,
    items: &[String],
    may_be_empty: bool,
    valid: &[&str],
) -> Result<(), ConfigException> {
    if items.is_empty() && !may_be_empty {
        let words = if valid.is_empty() {
            "any non-empty value".to_owned()
        } else {
            format!("[{}]", valid.join(", "))
        };
        return Err(ConfigException::new(format!(
            "Configuration '{name}' must not be empty. Valid values include: {words}"
        )));
    }
    let mut sorted: Vec<&String> = items.iter().collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ConfigException::new(format!(
            "Configuration '{name}' values must not be duplicated."
        )));
    }
    for item in items {
        if item.is_empty() {
            return Err(ConfigException::new(format!(
                "Configuration '{name}' values must not be empty."
            )));
        }
        if !valid.is_empty() {
            check_one_of(name, item, valid)?;
        }
    }
    Ok(())
}

fn check_throttled_replicas(name: &str, items: &[String]) -> Result<(), ConfigException> {
    let pair = |item: &str| {
        item.split_once(':').is_some_and(|(partition, broker)| {
            let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            number(partition) && number(broker)
        })
    };
    let joined = items.join(",");
    if joined == "*" || items.iter().all(|item| item.is_empty() || pair(item)) {
        return Ok(());
    }
    Err(ConfigException::value(
        name,
        &format!("[{}]", items.join(", ")),
        &format!(
            "{name} must be the literal '*' or a list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],..."
        ),
    ))
}

fn check_share_offset_reset(name: &str, text: &str) -> Result<(), ConfigException> {
    let by_duration = text.strip_prefix("by_duration:").is_some_and(is_iso_duration);
    if text == "latest" || text == "earliest" || by_duration {
        return Ok(());
    }
    Err(ConfigException::value(
        name,
        text,
        &format!(
            "Invalid value `{text}` for configuration {name}. The value must be either 'earliest', 'latest' or of \
             the format 'by_duration:<PnDTnHnMn.nS>'."
        ),
    ))
}

fn is_host_and_port(entry: &str) -> bool {
    let host_and_port = entry.rsplit_once(':');
    host_and_port.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn check_bootstrap_servers(name: &str, items: &[String]) -> Result<(), ConfigException> {
    match items.iter().find(|item| !is_host_and_port(item)) {
        None => Ok(()),
        Some(item) => Err(ConfigException::new(format!(
            "Failed to parse host name from {item} for the configuration {name}. Each entry should be in the form \
             \"{{host}}:{{port}}\""
        ))),
    }
}

fn check_voters(name: &str, items: &[String]) -> Result<(), ConfigException> {
    const FORM: &str = "Each entry should be in the form `{id}@{host}:{port}`.";
    for item in items {
        let Some((id, endpoint)) = item.split_once('@') else {
            return Err(ConfigException::new(format!(
                "Invalid configuration value for {name}. {FORM}"
            )));
        };
        if id.parse::<i32>().is_err() {
            return Err(ConfigException::new(format!(
                "Failed to parse voter ID as an integer from {id}"
            )));
        }
        if !is_host_and_port(endpoint) {
            return Err(ConfigException::new(format!(
                "Failed to parse host name from entry {item} for the configuration {name}. {FORM}"
            )));
        }
        if endpoint == "0.0.0.0:0" {
            return Err(ConfigException::new("Host string (0.0.0.0) is not routeable"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
