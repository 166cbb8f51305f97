//! What a setting says for one listener (KIP-103): `listener.name.{listener}.{setting}` first, then the
//! setting without the prefix; for one of a SASL mechanism `listener.name.{listener}.{mechanism}.{setting}`.

use crate::layers::Layers;
use crate::value::Value;
use crate::{ConfigException, definitions};

/// The settings as they are for one listener. A value with the listener's prefix wins over one without it in
/// whichever layer either is, as with Kafka's `valuesWithPrefixOverride`.
#[derive(Debug, Clone)]
pub struct ListenerSettings<'a> {
    layers: &'a Layers,
    prefix: String,
}

impl<'a> ListenerSettings<'a> {
    /// Those of the listener of this name, in any case of letters.
    pub fn new(layers: &'a Layers, listener: &str) -> Self {
        ListenerSettings {
            layers,
            prefix: format!("listener.name.{}.", listener.to_lowercase()),
        }
    }

    /// The name of `key` with the listener's prefix, as messages tell it.
    pub fn prefixed(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The value given for the listener alone.
    pub fn given_own(&self, key: &str) -> Option<&'a str> {
        self.layers.given(&self.prefixed(key))
    }

    /// The value given for the listener, or for all.
    pub fn given(&self, key: &str) -> Option<&'a str> {
        self.given_own(key).or_else(|| self.layers.given(key))
    }

    /// The name by which the value of `key` is given: with the prefix or without.
    pub fn name_given(&self, key: &str) -> String {
        let own = self.prefixed(key);
        if self.layers.given(&own).is_some() {
            own
        } else {
            key.to_owned()
        }
    }

    /// The value given for a SASL mechanism of the listener, or for the mechanism on all listeners. What
    /// counts without the mechanism's prefix differs from setting to setting.
    pub fn given_of_mechanism(&self, mechanism: &str, key: &str) -> Option<&'a str> {
        self.given(&format!("{}.{key}", mechanism.to_lowercase()))
    }

    /// The parsed value in effect: given, or the default of a broker's setting; `None` where it is null.
    ///
    /// # Errors
    /// The given value is not a valid one.
    pub fn effective(&self, key: &str) -> Result<Option<Value>, ConfigException> {
        let Some(definition) = definitions::broker().get(key) else {
            return Ok(None);
        };
        match self.given(key).or(definition.default) {
            Some(raw) => Value::parse(definition, raw).map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_listeners_own_value_comes_first_and_a_mechanisms_has_a_place_of_its_own() {
        let layers = Layers::of_static(settings(&[
            ("ssl.client.auth", "none"),
            ("listener.name.outside.ssl.client.auth", "required"),
            ("sasl.jaas.config", "all"),
            ("listener.name.outside.plain.sasl.jaas.config", "own"),
            ("scram-sha-256.sasl.jaas.config", "scram"),
        ]))
        .with_dynamic(settings(&[("ssl.client.auth", "requested")]), Settings::new());
        let outside = ListenerSettings::new(&layers, "OUTSIDE");
        let inside = ListenerSettings::new(&layers, "inside");
        assert_eq!(outside.given("ssl.client.auth"), Some("required"));
        assert_eq!(inside.given("ssl.client.auth"), Some("requested"));
        assert_eq!(inside.given_own("ssl.client.auth"), None);
        assert_eq!(inside.name_given("ssl.client.auth"), "ssl.client.auth");
        assert_eq!(
            outside.name_given("ssl.client.auth"),
            "listener.name.outside.ssl.client.auth"
        );
        let jaas = "sasl.jaas.config";
        assert_eq!(outside.given_of_mechanism("PLAIN", jaas), Some("own"));
        assert_eq!(inside.given_of_mechanism("PLAIN", jaas), None);
        assert_eq!(outside.given_of_mechanism("SCRAM-SHA-256", jaas), Some("scram"));
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let layers = Layers::of_static(settings(&[("listener.name.x.ssl.client.auth", "nope")]));
        let x = ListenerSettings::new(&layers, "X");
        assert!(x.effective("ssl.client.auth").is_err());
        let y = ListenerSettings::new(&layers, "Y");
        assert_eq!(
            y.effective("ssl.client.auth"),
            Ok(Some(Value::Text("none".into())))
        );
        assert_eq!(y.effective("ssl.keystore.location"), Ok(None));
    }
}
