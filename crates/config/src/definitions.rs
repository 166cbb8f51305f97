//! The definitions of every broker, topic and group setting of Apache Kafka 4.4.0, and the few of our own.
//!
//! The rows are data (`tables/*.tsv`, printed by `scripts/config-tables` but for `own*.tsv`, whose rows are
//! internal: no client meets what Kafka does not have); this module turns them into
//! [`ConfigKey`]s once per process. Whoever parses, validates or describes a setting starts here.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::rule::Rule;

/// The type of a setting's value, with the wire id that DescribeConfigs uses for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean = 1,
    /// Text, trimmed.
    String = 2,
    /// 32 bits, signed.
    Int = 3,
    /// 16 bits, signed.
    Short = 4,
    /// 64 bits, signed.
    Long = 5,
    /// A floating point number.
    Double = 6,
    /// Items separated by commas.
    List = 7,
    /// The name of a Java class.
    Class = 8,
    /// A secret: never shown.
    Password = 9,
}

impl ConfigType {
    /// The id in DescribeConfigs responses (`DescribeConfigsResponse.json`, ConfigType).
    pub fn wire_id(self) -> i8 {
        self as i8
    }

    /// The name Kafka prints for the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    fn from_table(word: &str) -> Option<Self> {
        Some(match word {
            "boolean" => Self::Boolean,
            "string" => Self::String,
            "int" => Self::Int,
            "short" => Self::Short,
            "long" => Self::Long,
            "double" => Self::Double,
            "list" => Self::List,
            "class" => Self::Class,
            "password" => Self::Password,
            _ => return None,
        })
    }
}

/// How a broker setting may change while the broker runs (KIP-226).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    /// Only by a restart.
    ReadOnly,
    /// For one broker at a time.
    PerBroker,
    /// For one broker or for all of them.
    ClusterWide,
}

/// A broker setting that gives a topic setting its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerSynonym {
    /// The broker setting's name.
    pub name: &'static str,
    /// What its value is multiplied by to get the topic setting's unit (hours to milliseconds: 3,600,000).
    pub factor: i64,
}

/// One setting as Kafka defines it.
#[derive(Debug, Clone)]
pub struct ConfigKey {
    /// The setting's name.
    pub name: &'static str,
    /// The type its value is parsed as.
    pub config_type: ConfigType,
    /// The default in text form, `None` where the default is null or there is none.
    pub default: Option<&'static str>,
    /// The setting must be given: it has no default.
    pub required: bool,
    /// What a parsed value must satisfy.
    pub rule: Rule,
    /// How a broker setting may be updated; `ReadOnly` for topics and groups means nothing.
    pub update: UpdateMode,
    /// Left out of DescribeConfigs.
    pub internal: bool,
    /// For a topic or group setting: the broker settings its default comes from, first found wins.
    pub broker_synonyms: Vec<BrokerSynonym>,
}

impl ConfigKey {
    /// Whether the value is a secret.
    pub fn sensitive(&self) -> bool {
        self.config_type == ConfigType::Password
    }

    fn from_row(row: &'static str) -> Option<Self> {
        let mut cells = row.split('\t');
        let name = cells.next()?;
        let config_type = ConfigType::from_table(cells.next()?)?;
        let default = cells.next()?;
        let rule = Rule::from_table(cells.next().unwrap_or(""))?;
        let last = cells.next().unwrap_or("");
        let (internal, last) = match last.strip_prefix("internal") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, last),
        };
        let (update, is_mode) = match last {
            "per-broker" => (UpdateMode::PerBroker, true),
            "cluster-wide" => (UpdateMode::ClusterWide, true),
            _ => (UpdateMode::ReadOnly, matches!(last, "" | "read-only")),
        };
        Some(Self {
            name,
            config_type,
            default: default.strip_prefix('='),
            required: default == "-",
            rule,
            update,
            internal,
            broker_synonyms: if is_mode {
                Vec::new()
            } else {
                last.split(',').map(synonym).collect()
            },
        })
    }
}

fn synonym(cell: &'static str) -> BrokerSynonym {
    let (name, factor) = cell.split_once('*').unwrap_or((cell, "1"));
    BrokerSynonym {
        name,
        factor: factor.parse().unwrap_or(1),
    }
}

/// All settings of one kind of resource, in the order in which Apache Kafka lists them.
#[derive(Debug)]
pub struct Definitions {
    keys: Vec<ConfigKey>,
    by_name: HashMap<&'static str, usize>,
}

impl Definitions {
    fn parse(table: &'static str) -> Self {
        let keys: Vec<ConfigKey> = table
            .lines()
            .filter(|row| !row.starts_with('#'))
            .map(|row| {
                ConfigKey::from_row(row).expect("invariant: checked-in tables parse, see the test below")
            })
            .collect();
        let by_name = keys
            .iter()
            .enumerate()
            .map(|(index, key)| (key.name, index))
            .collect();
        Self { keys, by_name }
    }

    /// The definition of `name`, if Kafka has one.
    pub fn get(&self, name: &str) -> Option<&ConfigKey> {
        self.by_name.get(name).map(|&index| &self.keys[index])
    }

    /// All definitions in Kafka's listing order, internal ones last.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigKey> + Clone {
        self.keys.iter()
    }
}

static BROKER: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::parse(concat!(
        include_str!("tables/broker.tsv"),
        include_str!("tables/own.tsv")
    ))
});
static TOPIC: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::parse(concat!(
        include_str!("tables/topic.tsv"),
        include_str!("tables/own_topic.tsv")
    ))
});
static GROUP: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::parse(concat!(
        include_str!("tables/group.tsv"),
        include_str!("tables/own_group.tsv")
    ))
});
static CLIENT_METRICS: LazyLock<Definitions> =
    LazyLock::new(|| Definitions::parse("interval.ms\tint\t=300000\nmatch\tlist\t=\nmetrics\tlist\t="));

/// The broker's settings.
pub fn broker() -> &'static Definitions {
    &BROKER
}

/// A topic's settings.
pub fn topic() -> &'static Definitions {
    &TOPIC
}

/// A group's settings (KIP-848, KIP-932, KIP-1071).
pub fn group() -> &'static Definitions {
    &GROUP
}

/// A client metrics subscription's settings (KIP-714).
pub fn client_metrics() -> &'static Definitions {
    &CLIENT_METRICS
}

static REPLICATION_QUOTAS: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::parse(
        "leader.replication.throttled.rate\tlong\t=9223372036854775807\trange 0..\tcluster-wide\n\
         follower.replication.throttled.rate\tlong\t=9223372036854775807\trange 0..\tcluster-wide\n\
         replica.alter.log.dirs.io.max.bytes.per.second\tlong\t=9223372036854775807\trange 0..\tcluster-wide",
    )
});

/// The quotas that exist only as dynamic broker settings.
pub fn replication_quotas() -> &'static Definitions {
    &REPLICATION_QUOTAS
}

/// The definition behind a broker setting's name, which may carry a `listener.name.{listener}.` prefix.
pub fn broker_key(name: &str) -> Option<&'static ConfigKey> {
    broker()
        .get(name)
        .or_else(|| broker().get(listener_base_name(name)?))
}

/// What follows `listener.name.{listener}.` in a per-listener setting's name (KIP-103).
pub fn listener_base_name(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("listener.name.")?;
    rest.split_once('.').map(|(_, base)| base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    #[test]
    fn tables_hold_every_setting_of_kafka_4_4() {
        let listed = |definitions: &Definitions| definitions.iter().filter(|key| !key.internal).count();
        assert_eq!(
            (listed(broker()), listed(topic()), listed(group())),
            (350, 37, 21)
        );
        assert_eq!(listed(client_metrics()), 3);
    }

    #[test]
    fn every_default_is_valid() {
        for key in broker().iter().chain(topic().iter()).chain(group().iter()) {
            if let Some(default) = key.default
                && key.name != "authorizer.class.name"
                && !key.name.starts_with("controller.quorum")
            {
                let value =
                    Value::parse(key, default).unwrap_or_else(|error| panic!("{}: {error}", key.name));
                assert_eq!(value.text().as_deref(), Some(default), "{}", key.name);
            }
        }
    }

    #[test]
    fn every_broker_synonym_exists() {
        let retention = topic().get("retention.ms").unwrap();
        let names: Vec<_> = retention
            .broker_synonyms
            .iter()
            .map(|s| (s.name, s.factor))
            .collect();
        assert_eq!(
            names,
            [
                ("log.retention.ms", 1),
                ("log.retention.minutes", 60_000),
                ("log.retention.hours", 3_600_000)
            ]
        );
        for key in topic().iter().chain(group().iter()) {
            for synonym in &key.broker_synonyms {
                assert!(broker().get(synonym.name).is_some(), "{}", synonym.name);
            }
        }
    }

    #[test]
    fn a_listener_prefix_finds_the_setting_behind_it() {
        assert_eq!(
            broker_key("listener.name.public.ssl.keystore.password")
                .unwrap()
                .name,
            "ssl.keystore.password"
        );
        assert!(broker_key("listener.name.public.nothing").is_none());
    }
}
