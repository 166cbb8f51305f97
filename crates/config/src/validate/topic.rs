//! A topic's settings: Kafka's `LogConfig.validate`.

use super::{Refusal, unknown_name};
use crate::definitions;
use crate::{ConfigException, Layers, Settings, Value};

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

#[cfg(test)]
mod tests {
    use barnabas_protocol::error::ErrorCode;

    use super::super::fixture::{layers, settings};
    use super::*;

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
}
