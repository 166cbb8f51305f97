//! Which security protocol each listener has: `listener.security.protocol.map`, and the listener by which
//! brokers ask each other (`inter.broker.listener.name`, or that of `security.inter.broker.protocol`).

use std::collections::BTreeMap;

use barnabas_protocol::security_protocol::SecurityProtocol;

use crate::quorum::QuorumSettings;
use crate::typed::BrokerConfig;
use crate::{ConfigException, definitions};

const MAP: &str = "listener.security.protocol.map";

/// A listener that other nodes have, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenerProtocol {
    /// The name, upper case.
    pub name: String,
    /// How it is protected.
    pub protocol: SecurityProtocol,
}

/// Kafka's `effectiveListenerSecurityProtocolMap`, by names in upper case.
pub(super) struct ProtocolMap(BTreeMap<String, SecurityProtocol>);

impl ProtocolMap {
    /// Reads the map of a node that listens by these names.
    ///
    /// # Errors
    /// An entry is not `NAME:PROTOCOL`, or there is no such protocol.
    pub fn of<'a>(
        config: &BrokerConfig,
        mut listening: impl Iterator<Item = &'a str>,
    ) -> Result<ProtocolMap, ConfigException> {
        let text = config.listener_security_protocol_map.as_str();
        let mut map = parse(text)?;
        let is_protected = |name: &str| matches!(name, "SSL" | "SASL_SSL" | "SASL_PLAINTEXT");
        let controllers: Vec<String> = config
            .controller_listener_names
            .iter()
            .map(|name| name.to_uppercase())
            .collect();
        // As long as nobody maps names or asks for protection, a controller's listener may have any name.
        if is_default(text)
            && !listening.any(is_protected)
            && !controllers.iter().any(|name| is_protected(name))
        {
            for name in controllers {
                map.insert(name, SecurityProtocol::Plaintext);
            }
        }
        Ok(ProtocolMap(map))
    }

    /// The protocol of a listener of this node's own.
    ///
    /// # Errors
    /// It has none.
    pub fn of_listener(&self, name: &str) -> Result<SecurityProtocol, ConfigException> {
        self.0
            .get(name)
            .copied()
            .ok_or_else(|| ConfigException::new(format!("No security protocol defined for listener {name}")))
    }

    /// By which brokers ask each other.
    ///
    /// # Errors
    /// The listener that is named has no protocol, or there is no such protocol.
    pub fn inter_broker(&self, config: &BrokerConfig) -> Result<ListenerProtocol, ConfigException> {
        let Some(name) = &config.inter_broker_listener_name else {
            let protocol = parse_protocol(
                "security.inter.broker.protocol",
                &config.security_inter_broker_protocol,
            )?;
            let name = protocol.name().to_owned();
            return Ok(ListenerProtocol { name, protocol });
        };
        let name = name.to_uppercase();
        let protocol = self.0.get(&name).copied().ok_or_else(|| {
            ConfigException::new(format!(
                "Listener with name {name} defined in inter.broker.listener.name not found in {MAP}."
            ))
        })?;
        Ok(ListenerProtocol { name, protocol })
    }

    /// By which the controllers are asked.
    ///
    /// # Errors
    /// One of their listeners has no protocol. A node that is a cluster by itself needs none.
    pub fn to_controllers(
        &self,
        config: &BrokerConfig,
        quorum: &QuorumSettings,
    ) -> Result<ListenerProtocol, ConfigException> {
        let mut first = None;
        for name in &config.controller_listener_names {
            let name = name.to_uppercase();
            let protocol = match self.0.get(&name) {
                Some(protocol) => *protocol,
                None if quorum.is_alone() => continue,
                None => {
                    return Err(ConfigException::new(format!(
                        "Controller listener with name {name} defined in controller.listener.names not found in {MAP}  \
                         (an explicit security mapping for each controller listener is required if {MAP} is non-empty, \
                         or if there are security protocols other than PLAINTEXT in use)"
                    )));
                }
            };
            first.get_or_insert(ListenerProtocol { name, protocol });
        }
        Ok(first.unwrap_or_default())
    }
}

impl BrokerConfig {
    /// The listener by which brokers ask each other, upper case: `inter.broker.listener.name`, or that of
    /// `security.inter.broker.protocol`.
    pub fn inter_broker_listener(&self) -> String {
        let named = self.inter_broker_listener_name.as_ref();
        named
            .unwrap_or(&self.security_inter_broker_protocol)
            .to_uppercase()
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, SecurityProtocol>, ConfigException> {
    let mut map = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, protocol) = entry
            .rsplit_once(':')
            .ok_or_else(|| ConfigException::value(MAP, text, "an entry is NAME:PROTOCOL"))?;
        let protocol = parse_protocol(MAP, protocol.trim())?;
        map.insert(name.trim().to_uppercase(), protocol);
    }
    Ok(map)
}

fn parse_protocol(setting: &str, name: &str) -> Result<SecurityProtocol, ConfigException> {
    SecurityProtocol::from_name(name).ok_or_else(|| {
        let why = "a protocol is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL";
        ConfigException::value(setting, name, why)
    })
}

fn is_default(map: &str) -> bool {
    let key = definitions::broker().get(MAP);
    key.is_some_and(|key| key.default == Some(map))
}
