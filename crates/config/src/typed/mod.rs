//! Typed views of the settings: what the rest of the broker reads, one field per setting that has an effect.
//!
//! A view is resolved whole from [`Layers`] (and a topic's own settings) whenever one of them changes, and
//! shared as an `Arc`; reading a field costs nothing. A setting that is not a field here has no effect yet,
//! and whoever gives it a value is warned (see `effect`).

use super::ConfigException;
use super::value::Value;

/// A field's type and how it comes out of a parsed value.
trait FromValue: Sized {
    fn from_value(value: Option<Value>) -> Option<Self>;
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl FromValue for $t {
            fn from_value(value: Option<Value>) -> Option<Self> {
                match value { Some(Value::Integer(n)) => n.try_into().ok(), _ => None }
            }
        }
    )*};
}
integers!(i16, i32, i64);

impl FromValue for bool {
    fn from_value(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Boolean(flag)) = value {
            Some(flag)
        } else {
            None
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Double(number)) = value {
            Some(number)
        } else {
            None
        }
    }
}

impl FromValue for String {
    fn from_value(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Text(text)) = value {
            Some(text)
        } else {
            None
        }
    }
}

/// A setting's value that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl FromValue for Secret {
    fn from_value(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Secret(text)) = value {
            Some(Secret(text))
        } else {
            None
        }
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: Option<Value>) -> Option<Self> {
        match value {
            Some(Value::List(items)) => Some(items),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Option<Value>) -> Option<Self> {
        Some(value.and_then(|value| T::from_value(Some(value))))
    }
}

fn field<T: FromValue>(name: &str, value: Option<Value>) -> Result<T, ConfigException> {
    T::from_value(value).ok_or_else(|| ConfigException::missing(name))
}

/// Declares a view: its fields, the settings behind them, and how it is resolved.
macro_rules! view {
    ($(#[$meta:meta])* $view:ident of $key:path { $($(#[doc = $doc:literal])* $field:ident: $t:ty = $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $view { $($(#[doc = $doc])* #[doc = concat!("\n\nSetting: `", $name, "`.")] pub $field: $t,)* }

        impl $view {
            /// The settings that have an effect.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];
            /// What they mean, in the same order.
            pub(crate) const MEANINGS: &'static [&'static str] = &[$(concat!($($doc),*),)*];

            fn from_values(
                value_of: impl Fn(&ConfigKey) -> Result<Option<Value>, ConfigException>,
            ) -> Result<Self, ConfigException> {
                Ok(Self { $($field: {
                    let key = $key().get($name).ok_or_else(|| ConfigException::missing($name))?;
                    field($name, value_of(key)?)?
                },)* })
            }
        }
    };
}

mod broker;
mod topic;

pub use broker::BrokerConfig;
pub use topic::TopicConfig;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layers, Settings};

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn layers(more: &[(&str, &str)]) -> Layers {
        let mut all = settings(&[
            ("node.id", "1"),
            ("process.roles", "broker"),
            ("controller.listener.names", "CONTROLLER"),
        ]);
        all.extend(settings(more));
        Layers::of_static(all)
    }

    #[test]
    fn a_broker_view_has_kafkas_defaults() {
        let view = BrokerConfig::resolve(&layers(&[])).unwrap();
        assert_eq!(
            (
                view.node_id,
                view.num_partitions,
                view.offsets_topic_num_partitions
            ),
            (1, 1, 50)
        );
        assert_eq!(view.socket_request_max_bytes, 104_857_600);
        assert_eq!((view.log_dirs, view.broker_rack), (None, None));
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = BrokerConfig::resolve(&Layers::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Missing required configuration \"node.id\" which has no default value."
        );
    }

    #[test]
    fn a_topic_view_takes_overrides_then_the_brokers_then_its_own_defaults() {
        let layers = layers(&[("log.segment.bytes", "2097152"), ("log.roll.hours", "1")]);
        let plain = TopicConfig::resolve(&layers, &Settings::new()).unwrap();
        assert_eq!((plain.segment_bytes, plain.segment_ms), (2_097_152, 3_600_000));
        assert_eq!(plain.flush_ms, i64::MAX);
        let own = TopicConfig::resolve(&layers, &settings(&[("segment.bytes", "1048576")])).unwrap();
        assert_eq!(own.segment_bytes, 1_048_576);
    }
}
