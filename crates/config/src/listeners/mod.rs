//! The listeners of a node: `listeners`, `advertised.listeners` and `listener.security.protocol.map` read
//! together (KIP-103), as Kafka's `EndPoint` and `KafkaConfig` do. Those of `controller.listener.names` are
//! the controller's, the others the broker's.

mod oauthbearer;
mod protocols;
mod settings;
mod tls;

use std::fmt;
use std::net::IpAddr;

use barnabas_protocol::security_protocol::SecurityProtocol;

use crate::ConfigException;
use crate::quorum::QuorumSettings;
use crate::typed::BrokerConfig;

pub use oauthbearer::OAUTHBEARER_SETTINGS;
pub use protocols::ListenerProtocol;
pub use settings::ListenerSettings;
pub use tls::TLS_SETTINGS;

use protocols::ProtocolMap;

/// One listener that clients or other nodes may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The name, upper case.
    pub name: String,
    /// How it is protected.
    pub protocol: SecurityProtocol,
    /// Where to listen: a host name or an address; `None` means all interfaces.
    pub host: Option<String>,
    /// The port; 0 lets the system choose one.
    pub port: u16,
    /// What clients are told to connect to; `None` means the address by which they came.
    pub advertised_host: Option<String>,
    /// The port clients are told; 0 means the one that was bound.
    pub advertised_port: u16,
}

/// `NAME://host:port`, as it is set.
impl fmt::Display for ListenerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or_default();
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{host}{close}:{}", self.name, self.port)
    }
}

/// `NAME://host:port`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    name: String,
    host: Option<String>,
    port: u16,
}

/// The listeners of a node, by who answers there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeListeners {
    /// The broker's: for clients and other brokers.
    pub broker: Vec<ListenerConfig>,
    /// The controller's: for other nodes and for tools.
    pub controller: Vec<ListenerConfig>,
    /// By which brokers ask each other.
    pub inter_broker: ListenerProtocol,
    /// By which the controllers are asked: the first of `controller.listener.names`.
    pub to_controllers: ListenerProtocol,
}

/// Reads the listeners of a node with these roles.
///
/// # Errors
/// In Kafka's words: an entry that is not `NAME://host:port`, names or ports used twice, a name without a
/// security protocol, advertised names that are not listened on, a controller's listener at a broker alone or
/// a broker's at a controller alone.
pub fn node_listeners(
    config: &BrokerConfig,
    quorum: &QuorumSettings,
) -> Result<NodeListeners, ConfigException> {
    let listening = parse_all(&config.listeners)?;
    check_distinct(config, &listening)?;
    let is_controllers = |name: &str| {
        let mut names = config.controller_listener_names.iter();
        names.any(|controllers| controllers.eq_ignore_ascii_case(name))
    };
    check_roles(config, quorum, &listening)?;
    let advertised = match &config.advertised_listeners {
        Some(entries) => parse_all(entries)?,
        None => listening.clone(),
    };
    check_advertised(config, &listening, &advertised, is_controllers)?;
    let protocols = ProtocolMap::of(config, listening.iter().map(|endpoint| endpoint.name.as_str()))?;
    let mut listeners = NodeListeners {
        inter_broker: protocols.inter_broker(config)?,
        to_controllers: protocols.to_controllers(config, quorum)?,
        ..NodeListeners::default()
    };
    for endpoint in listening {
        let protocol = protocols.of_listener(&endpoint.name)?;
        let told = advertised.iter().find(|other| other.name == endpoint.name);
        if is_controllers(&endpoint.name) {
            // What is not advertised is told where the voters are told.
            let voter = quorum.voters.get(&config.node_id);
            let told = told.filter(|_| config.advertised_listeners.is_some());
            let (host, port) = match (told, voter) {
                (Some(told), _) => (told.host.clone(), told.port),
                (None, Some(voter)) => (Some(voter.host.clone()), voter.port),
                (None, None) => (endpoint.host.clone(), endpoint.port),
            };
            listeners.controller.push(endpoint.telling(protocol, host, port));
        } else {
            // A listener that is not advertised serves those who know its address.
            let told = told.unwrap_or(&endpoint);
            let (host, port) = (told.host.clone(), told.port);
            listeners.broker.push(endpoint.telling(protocol, host, port));
        }
    }
    if quorum.is_broker && !advertised.iter().any(|endpoint| !is_controllers(&endpoint.name)) {
        return Err(ConfigException::new(
            "requirement failed: There must be at least one broker advertised listener. Perhaps all listeners appear in \
             controller.listener.names?",
        ));
    }
    if quorum.is_broker {
        check_inter_broker(
            &listeners.inter_broker.name,
            config,
            quorum,
            &advertised,
            is_controllers,
        )?;
    }
    Ok(listeners)
}

impl Endpoint {
    fn telling(self, protocol: SecurityProtocol, host: Option<String>, port: u16) -> ListenerConfig {
        ListenerConfig {
            name: self.name,
            protocol,
            host: self.host,
            port: self.port,
            advertised_host: host.filter(|host| !is_wildcard(host)),
            advertised_port: port,
        }
    }
}

fn check_distinct(config: &BrokerConfig, listening: &[Endpoint]) -> Result<(), ConfigException> {
    let ports_of = |port: u16| {
        listening
            .iter()
            .filter(|endpoint| port != 0 && endpoint.port == port)
            .count()
    };
    if listening.iter().any(|endpoint| ports_of(endpoint.port) > 1) {
        return Err(ConfigException::new(format!(
            "requirement failed: Each listener must have a different port, listeners: {}",
            config.listeners.join(",")
        )));
    }
    if let Some(twice) = repeated_name(listening) {
        return Err(ConfigException::new(format!(
            "requirement failed: Each listener must have a different name, listeners: {} ({twice} is there twice)",
            config.listeners.join(",")
        )));
    }
    Ok(())
}

/// Which of the controllers' listeners must be there and which must not.
fn check_roles(
    config: &BrokerConfig,
    quorum: &QuorumSettings,
    listening: &[Endpoint],
) -> Result<(), ConfigException> {
    let names = &config.controller_listener_names;
    let is_open = |name: &String| {
        listening
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(name))
    };
    let open = names.iter().filter(|name| is_open(name)).count();
    let why = match (quorum.is_broker, quorum.is_controller) {
        (true, false) if open > 0 => {
            "controller.listener.names must not contain a value appearing in the 'listeners' configuration when running \
             KRaft with just the broker role"
        }
        (false, true) if open == 0 || open < listening.len() => {
            "The listeners config must only contain KRaft controller listeners from controller.listener.names when \
             process.roles=controller"
        }
        // Nobody else has to find the controller of a node that is a cluster by itself.
        (true, true) if open == 0 && quorum.is_alone() => return Ok(()),
        (true, true) if open == 0 => {
            "controller.listener.names must contain at least one value appearing in the 'listeners' configuration when \
             running the KRaft controller role"
        }
        (_, true) if open < names.len() => {
            "controller.listener.names must only contain values appearing in the 'listeners' configuration when running \
             the KRaft controller role"
        }
        _ => return Ok(()),
    };
    Err(ConfigException::new(format!("requirement failed: {why}")))
}

fn check_advertised(
    config: &BrokerConfig,
    listening: &[Endpoint],
    advertised: &[Endpoint],
    is_controllers: impl Fn(&str) -> bool,
) -> Result<(), ConfigException> {
    for endpoint in advertised {
        if !listening.iter().any(|other| other.name == endpoint.name) && !is_controllers(&endpoint.name) {
            let names: Vec<&str> = listening.iter().map(|other| other.name.as_str()).collect();
            return Err(ConfigException::new(format!(
                "requirement failed: advertised.listeners listener names must be equal to or a subset of the ones \
                 defined in listeners. Found {}. The valid options based on the current configuration are {}",
                endpoint.name,
                names.join(",")
            )));
        }
        let is_told = config.advertised_listeners.is_some();
        if is_told && endpoint.host.as_deref().is_some_and(is_wildcard) {
            return Err(ConfigException::new(format!(
                "advertised.listeners={} is not valid: nobody can connect to {}. Name the host or the address by which \
                 clients reach this machine, or leave the setting out: then each is told the address by which it came",
                config
                    .advertised_listeners
                    .as_deref()
                    .unwrap_or_default()
                    .join(","),
                endpoint.host.as_deref().unwrap_or_default(),
            )));
        }
    }
    Ok(())
}

/// An address to listen on that stands for all of the machine's.
pub fn is_wildcard(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_unspecified())
}

/// A listener for the other brokers that is not there would leave each of them alone.
fn check_inter_broker(
    name: &str,
    config: &BrokerConfig,
    quorum: &QuorumSettings,
    advertised: &[Endpoint],
    is_controllers: impl Fn(&str) -> bool,
) -> Result<(), ConfigException> {
    // Others that might come will have to be told.
    if config.inter_broker_listener_name.is_none() && quorum.is_alone() {
        return Ok(());
    }
    let names: Vec<&str> = advertised
        .iter()
        .map(|endpoint| endpoint.name.as_str())
        .filter(|name| !is_controllers(name))
        .collect();
    if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    Err(ConfigException::new(format!(
        "requirement failed: inter.broker.listener.name must be a listener name defined in advertised.listeners. The \
         valid options based on currently configured listeners are {}",
        names.join(",")
    )))
}

fn repeated_name(endpoints: &[Endpoint]) -> Option<&str> {
    let mut names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    names.sort_unstable();
    names
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
}

fn parse_all(entries: &[String]) -> Result<Vec<Endpoint>, ConfigException> {
    let parse_one = |entry: &String| {
        parse(entry).ok_or_else(|| {
            ConfigException::new(format!(
                "Error creating broker listeners from '[{}]': Unable to parse {entry} to a broker endpoint",
                entries.join(", ")
            ))
        })
    };
    entries.iter().map(parse_one).collect()
}

/// Kafka's pattern is `^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)`.
fn parse(entry: &str) -> Option<Endpoint> {
    let (name, rest) = entry.split_once("://")?;
    let (host, port) = rest.rsplit_once(':')?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    let valid = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-%._:".contains(&b));
    let host = valid.then_some(host)?;
    Some(Endpoint {
        name: name.to_uppercase(),
        host: (!host.is_empty()).then(|| host.to_owned()),
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
