//! What configs belong to: topics, brokers, groups and the like, as requests and metadata records name them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of thing a config belongs to; Kafka's `ConfigResource.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(i8)]
pub enum ConfigResourceType {
    /// A topic.
    Topic = 2,
    /// A broker, or with an empty name all brokers.
    Broker = 4,
    /// A broker's loggers. Never in a record, only in requests.
    BrokerLogger = 8,
    /// A client-metrics subscription (KIP-714).
    ClientMetrics = 16,
    /// A group (KIP-848).
    Group = 32,
}

impl ConfigResourceType {
    /// Every type, by ascending code.
    pub const ALL: [ConfigResourceType; 5] = [
        Self::Topic,
        Self::Broker,
        Self::BrokerLogger,
        Self::ClientMetrics,
        Self::Group,
    ];

    /// The type that `code` stands for on the wire.
    pub fn from_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The code on the wire.
    pub fn code(self) -> i8 {
        self as i8
    }

    /// Kafka's name, as its error messages print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "TOPIC",
            Self::Broker => "BROKER",
            Self::BrokerLogger => "BROKER_LOGGER",
            Self::ClientMetrics => "CLIENT_METRICS",
            Self::Group => "GROUP",
        }
    }
}

/// Something that has configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConfigResource {
    /// Its kind.
    pub kind: ConfigResourceType,
    /// Its name: a topic, a broker id, a group. Empty for the default of all brokers.
    pub name: String,
}

impl ConfigResource {
    /// The resource of this kind and name.
    pub fn new(kind: ConfigResourceType, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }

    /// A topic's configs.
    pub fn topic(name: impl Into<String>) -> Self {
        Self::new(ConfigResourceType::Topic, name)
    }

    /// One broker's configs.
    pub fn broker(broker_id: i32) -> Self {
        Self::new(ConfigResourceType::Broker, broker_id.to_string())
    }

    /// The configs of all brokers, which one broker's own configs override.
    pub fn default_broker() -> Self {
        Self::new(ConfigResourceType::Broker, "")
    }

    /// A group's configs.
    pub fn group(name: impl Into<String>) -> Self {
        Self::new(ConfigResourceType::Group, name)
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ConfigResource(type={}, name='{}')",
            self.kind.name(),
            self.name
        )
    }
}
