//! A client metrics subscription's settings (KIP-714): Kafka's `ClientMetricsConfigs.validate`.

use super::Refusal;
use crate::definitions;
use crate::{ConfigException, Settings, Value};

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

#[cfg(test)]
mod tests {
    use super::super::fixture::settings;
    use super::*;
    use barnabas_protocol::error::ErrorCode;

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
}
