//! Brokers and controllers as they register.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A registered broker: what it registered as, and what has changed since. The image keeps these too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerRegistration {
    /// The broker's id.
    pub broker_id: i32,
    /// The broker's epoch; every registration has a greater one.
    pub broker_epoch: i64,
    /// The id of the process, new at every start.
    pub incarnation_id: Uuid,
    /// Where clients and brokers reach it.
    pub endpoints: Vec<BrokerEndpoint>,
    /// The feature levels it can run.
    #[serde(default)]
    pub features: Vec<BrokerFeature>,
    /// The rack, if one is configured.
    #[serde(default)]
    pub rack: Option<String>,
    /// Whether the broker may not lead or be in an ISR yet.
    #[serde(default)]
    pub fenced: bool,
    /// Whether the broker is shutting down.
    #[serde(default)]
    pub in_controlled_shutdown: bool,
    /// The ids of its log directories.
    #[serde(default)]
    pub log_dirs: Vec<Uuid>,
    /// Those of them that get no new partitions (KIP-1066).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cordoned_log_dirs: Vec<Uuid>,
}

impl BrokerRegistration {
    /// The endpoint that this broker advertises for a listener.
    pub fn endpoint(&self, listener: &str) -> Option<&BrokerEndpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.listener == listener)
    }

    /// Whether a replica that lies in this log directory is online, as far as the controller has heard. Ids
    /// below a hundred name no directory: it is lost, or not known yet.
    pub fn has_online_dir(&self, directory: &Uuid) -> bool {
        const LOST: u128 = 1;
        const RESERVED_UNTIL: u128 = 100;
        match directory.as_u128() {
            LOST => false,
            reserved if reserved < RESERVED_UNTIL => true,
            _ => self.log_dirs.is_empty() || self.log_dirs.contains(directory),
        }
    }
}

/// An advertised endpoint of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerEndpoint {
    /// The listener's name, such as `PLAINTEXT`.
    pub listener: String,
    /// The advertised host.
    pub host: String,
    /// The advertised port.
    pub port: u16,
    /// Kafka's id of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

impl BrokerEndpoint {
    /// `host:port`, as who connects takes it.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The levels of a feature that a broker can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerFeature {
    /// The feature's name.
    pub name: String,
    /// The least level.
    pub min_supported_version: i16,
    /// The greatest level.
    pub max_supported_version: i16,
}

/// What has changed of a registered broker; `None` where nothing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerRegistrationChange {
    /// The broker.
    pub broker_id: i32,
    /// The epoch under which it is registered.
    pub broker_epoch: i64,
    /// Whether the broker is fenced now.
    #[serde(default)]
    pub fenced: Option<bool>,
    /// Whether the broker is shutting down now.
    #[serde(default)]
    pub in_controlled_shutdown: Option<bool>,
    /// The ids of its log directories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_dirs: Option<Vec<Uuid>>,
    /// The log directories that get no new partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

/// A registered controller (KIP-919).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerRegistration {
    /// The controller's id.
    pub controller_id: i32,
    /// The id of the process, new at every start.
    pub incarnation_id: Uuid,
    /// Where brokers and controllers reach it.
    pub endpoints: Vec<BrokerEndpoint>,
    /// The feature levels it can run.
    #[serde(default)]
    pub features: Vec<BrokerFeature>,
}
