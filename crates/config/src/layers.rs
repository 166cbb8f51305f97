//! The layers a broker setting's value comes from, strongest first: dynamic for this broker, dynamic for all
//! brokers, the file and the command line, the default (KIP-226).
//!
//! The static layer never changes; a metadata delta that touches broker settings builds new layers from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ConfigException;
use super::definitions::{self, ConfigKey, ConfigType};
use super::value::Value;

/// Raw values by name.
pub type Settings = BTreeMap<String, String>;

/// The layers of one broker.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    static_settings: Arc<Settings>,
    dynamic_default: Settings,
    dynamic_broker: Settings,
}

impl Layers {
    /// The layers of a broker without dynamic settings.
    pub fn of_static(static_settings: Settings) -> Self {
        Self {
            static_settings: Arc::new(static_settings),
            ..Self::default()
        }
    }

    /// The same static layer under these dynamic ones.
    pub fn with_dynamic(&self, dynamic_default: Settings, dynamic_broker: Settings) -> Self {
        Self {
            static_settings: self.static_settings.clone(),
            dynamic_default,
            dynamic_broker,
        }
    }

    /// What the file and the command line said.
    pub fn static_settings(&self) -> &Settings {
        &self.static_settings
    }

    /// The dynamic settings of this broker alone.
    pub fn dynamic_broker(&self) -> &Settings {
        &self.dynamic_broker
    }

    /// The dynamic settings of all brokers.
    pub fn dynamic_default(&self) -> &Settings {
        &self.dynamic_default
    }

    /// The strongest value given for `name` in any layer, without defaults.
    pub fn given(&self, name: &str) -> Option<&str> {
        [
            &self.dynamic_broker,
            &self.dynamic_default,
            &*self.static_settings,
        ]
        .into_iter()
        .find_map(|layer| layer.get(name))
        .map(String::as_str)
    }

    /// The parsed value in effect for a broker setting, `None` where it is null.
    ///
    /// # Errors
    /// The given value is not a valid one, or a required setting is missing.
    pub fn effective(&self, key: &ConfigKey) -> Result<Option<Value>, ConfigException> {
        match self.given(key.name).or(key.default) {
            Some(raw) => Value::parse(key, raw).map(Some),
            None if key.required => Err(ConfigException::missing(key.name)),
            None => Ok(None),
        }
    }

    /// The value a topic setting has where the topic does not set it: the first broker synonym with a value
    /// in effect, else the topic setting's own default.
    ///
    /// # Errors
    /// As [`Layers::effective`].
    pub fn topic_default(&self, key: &ConfigKey) -> Result<Option<Value>, ConfigException> {
        for synonym in &key.broker_synonyms {
            let Some(broker_key) = definitions::broker().get(synonym.name) else {
                continue;
            };
            match self.effective(broker_key)? {
                Some(Value::Integer(value)) => {
                    let scaled = if value < 0 {
                        value
                    } else {
                        value.saturating_mul(synonym.factor)
                    };
                    return Ok(Some(Value::Integer(scaled)));
                }
                Some(value) => return Ok(Some(value)),
                None => {}
            }
        }
        key.default.map(|raw| Value::parse(key, raw)).transpose()
    }

    /// The value a group setting has where the group does not set it: the broker's, else its default. Of a
    /// broker's list of assignors that is the first.
    ///
    /// # Errors
    /// As [`Layers::effective`].
    pub fn group_default(&self, key: &ConfigKey) -> Result<Option<Value>, ConfigException> {
        let synonym = key.broker_synonyms.first();
        let broker_key = synonym.and_then(|synonym| definitions::broker().get(synonym.name));
        match broker_key {
            Some(broker_key) => Ok(match self.effective(broker_key)? {
                Some(Value::List(items)) if key.config_type == ConfigType::String => {
                    items.into_iter().next().map(Value::Text)
                }
                value => value,
            }),
            None => key.default.map(|raw| Value::parse(key, raw)).transpose(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::{broker, topic};

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_strongest_layer_wins() {
        let key = broker().get("message.max.bytes").unwrap();
        let layers = Layers::of_static(settings(&[("message.max.bytes", "10")]));
        assert_eq!(
            Layers::default().effective(key),
            Ok(Some(Value::Integer(1_048_588)))
        );
        assert_eq!(layers.effective(key), Ok(Some(Value::Integer(10))));
        let layers = layers.with_dynamic(settings(&[("message.max.bytes", "20")]), Settings::new());
        assert_eq!(layers.effective(key), Ok(Some(Value::Integer(20))));
        let layers = layers.with_dynamic(
            settings(&[("message.max.bytes", "20")]),
            settings(&[("message.max.bytes", "30")]),
        );
        assert_eq!(layers.effective(key), Ok(Some(Value::Integer(30))));
    }

    #[test]
    fn a_topics_default_climbs_the_units() {
        let key = topic().get("retention.ms").unwrap();
        let at = |pairs| Layers::of_static(settings(pairs)).topic_default(key);
        assert_eq!(at(&[]), Ok(Some(Value::Integer(604_800_000))));
        assert_eq!(
            at(&[("log.retention.hours", "2")]),
            Ok(Some(Value::Integer(7_200_000)))
        );
        assert_eq!(
            at(&[("log.retention.hours", "2"), ("log.retention.minutes", "3")]),
            Ok(Some(Value::Integer(180_000)))
        );
        assert_eq!(
            at(&[("log.retention.minutes", "3"), ("log.retention.ms", "-1")]),
            Ok(Some(Value::Integer(-1)))
        );
    }
}
