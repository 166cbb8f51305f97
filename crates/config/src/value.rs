//! A setting's value, parsed by its type as Apache Kafka's `ConfigDef` does: trimmed, then read strictly.
//!
//! Called by whoever accepts a value (the configuration file, CreateTopics, AlterConfigs) and by the typed
//! views.

use std::collections::HashSet;

use super::ConfigException;
use super::definitions::{ConfigKey, ConfigType};
use super::rule::Rule;

/// A parsed value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A boolean.
    Boolean(bool),
    /// A short, an int or a long; the type's range has been checked.
    Integer(i64),
    /// A double.
    Double(f64),
    /// A string or a class name.
    Text(String),
    /// A password.
    Secret(String),
    /// A list.
    List(Vec<String>),
}

impl Value {
    /// Reads `raw` as `key`'s type and checks `key`'s rule.
    ///
    /// # Errors
    /// What Kafka's `ConfigException` says about the value.
    pub fn parse(key: &ConfigKey, raw: &str) -> Result<Self, ConfigException> {
        let mut value = Self::read(key.name, key.config_type, raw)?;
        if let (Value::List(items), Rule::List { .. }) = (&mut value, &key.rule) {
            drop_repeated(items);
        }
        if key.config_type == ConfigType::Class
            && let Value::Text(class) = &value
            && key.default != Some(class)
        {
            return Err(ConfigException::value(
                key.name,
                class,
                &format!("Class {class} could not be found."),
            ));
        }
        key.rule.check(key.name, &value)?;
        Ok(value)
    }

    fn read(name: &str, config_type: ConfigType, raw: &str) -> Result<Self, ConfigException> {
        // Java's String.trim: everything up to U+0020.
        let text = raw.trim_matches(|c| c <= ' ');
        let not_a_number =
            || ConfigException::value(name, raw, &format!("Not a number of type {}", config_type.name()));
        let integer = |min: i64, max: i64| {
            text.parse::<i64>()
                .ok()
                .filter(|n| (min..=max).contains(n))
                .map(Self::Integer)
                .ok_or_else(not_a_number)
        };
        match config_type {
            ConfigType::Boolean if text.eq_ignore_ascii_case("true") => Ok(Self::Boolean(true)),
            ConfigType::Boolean if text.eq_ignore_ascii_case("false") => Ok(Self::Boolean(false)),
            ConfigType::Boolean => Err(ConfigException::value(
                name,
                raw,
                "Expected value to be either true or false",
            )),
            ConfigType::Short => integer(i64::from(i16::MIN), i64::from(i16::MAX)),
            ConfigType::Int => integer(i64::from(i32::MIN), i64::from(i32::MAX)),
            ConfigType::Long => integer(i64::MIN, i64::MAX),
            // Java reads a type suffix as part of the number.
            ConfigType::Double => {
                let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
                digits.parse().map(Self::Double).map_err(|_| not_a_number())
            }
            ConfigType::String | ConfigType::Class => Ok(Self::Text(text.to_owned())),
            ConfigType::Password => Ok(Self::Secret(text.to_owned())),
            ConfigType::List if text.is_empty() => Ok(Self::List(Vec::new())),
            ConfigType::List => Ok(Self::List(
                text.split(',').map(|item| item.trim().to_owned()).collect(),
            )),
        }
    }

    /// The value as DescribeConfigs shows it; `None` for a secret.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Boolean(value) => Some(value.to_string()),
            Self::Integer(value) => Some(value.to_string()),
            Self::Double(value) => Some(java_double(*value)),
            Self::Text(value) => Some(value.clone()),
            Self::Secret(_) => None,
            Self::List(items) => Some(items.join(",")),
        }
    }
}

/// Kafka forgives items that are repeated where a list must not repeat them.
fn drop_repeated(items: &mut Vec<String>) {
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(item.clone()));
}

/// A double in the form of Java's `Double.toString`: `0.5`, `1.0`, `1.0E7`.
pub(super) fn java_double(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&magnitude) || !value.is_finite() {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::{broker, topic};

    fn message(name: &str, raw: &str) -> String {
        let key = topic().get(name).or_else(|| broker().get(name)).unwrap();
        Value::parse(key, raw).unwrap_err().to_string()
    }

    #[test]
    fn bad_values_are_described_in_kafkas_words() {
        let table = [
            (
                "retention.ms",
                "soon",
                "Invalid value soon for configuration retention.ms: Not a number of type LONG",
            ),
            (
                "segment.bytes",
                "3000000000",
                "Invalid value 3000000000 for configuration segment.bytes: Not a number of type INT",
            ),
            (
                "segment.bytes",
                "14",
                "Invalid value 14 for configuration segment.bytes: Value must be at least 1048576",
            ),
            (
                "compression.lz4.level",
                "18",
                "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
            ),
            (
                "min.cleanable.dirty.ratio",
                "2",
                "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
            ),
            (
                "preallocate",
                "yes",
                "Invalid value yes for configuration preallocate: Expected value to be either true or false",
            ),
        ];
        for (name, raw, expected) in table {
            assert_eq!(message(name, raw), expected);
        }
    }

    #[test]
    fn values_are_trimmed_and_shown_as_kafka_shows_them() {
        let show = |name, raw| {
            Value::parse(topic().get(name).unwrap(), raw)
                .unwrap()
                .text()
                .unwrap()
        };
        assert_eq!(show("cleanup.policy", " compact , delete "), "compact,delete");
        assert_eq!(show("cleanup.policy", ""), "");
        assert_eq!(show("cleanup.policy", "delete,compact,delete"), "delete,compact");
        assert_eq!(show("preallocate", " TRUE "), "true");
        assert_eq!(show("min.cleanable.dirty.ratio", "1"), "1.0");
        assert_eq!(show("retention.ms", "+5"), "5");
    }

    #[test]
    fn doubles_read_as_in_java() {
        let table = [
            (0.5, "0.5"),
            (1.0, "1.0"),
            (1e7, "1.0E7"),
            (f64::MAX, "1.7976931348623157E308"),
            (1e-4, "1.0E-4"),
        ];
        for (value, text) in table {
            assert_eq!(java_double(value), text);
        }
    }
}
