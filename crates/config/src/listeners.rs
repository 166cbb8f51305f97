//! The listeners of a node: `listeners`, `advertised.listeners` and `listener.security.protocol.map` read
//! together (KIP-103), as Kafka's `EndPoint` and `KafkaConfig` do.

use std::fmt;
use std::net::IpAddr;

use super::ConfigException;
use super::typed::BrokerConfig;

/// One listener that clients may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The name, upper case.
    pub name: String,
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

/// The listeners that brokers and clients use; those of the controller are left out.
///
/// # Errors
/// In Kafka's words: an entry that is not `NAME://host:port`, names or ports used twice, a name without a
/// security protocol, advertised names that are not listened on. In our own: a protocol other than PLAINTEXT.
pub fn broker_listeners(config: &BrokerConfig) -> Result<Vec<ListenerConfig>, ConfigException> {
    let listening = parse_all(&config.listeners)?;
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
    if let Some(twice) = repeated_name(&listening) {
        return Err(ConfigException::new(format!(
            "requirement failed: Each listener must have a different name, listeners: {} ({twice} is there twice)",
            config.listeners.join(",")
        )));
    }
    let is_controller = |name: &str| {
        config
            .controller_listener_names
            .iter()
            .any(|c| c.eq_ignore_ascii_case(name))
    };
    let advertised = match &config.advertised_listeners {
        Some(entries) => parse_all(entries)?,
        None => listening.clone(),
    };
    for endpoint in &advertised {
        if !listening.iter().any(|other| other.name == endpoint.name) && !is_controller(&endpoint.name) {
            let names: Vec<&str> = listening.iter().map(|other| other.name.as_str()).collect();
            return Err(ConfigException::new(format!(
                "requirement failed: advertised.listeners listener names must be equal to or a subset of the ones \
                 defined in listeners. Found {}. The valid options based on the current configuration are {}",
                endpoint.name,
                names.join(",")
            )));
        }
        let told = config.advertised_listeners.is_some() && !is_controller(&endpoint.name);
        if told && endpoint.host.as_deref().is_some_and(is_wildcard) {
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
    check_inter_broker(config, &listening)?;
    let mut listeners = Vec::new();
    for endpoint in listening
        .into_iter()
        .filter(|endpoint| !is_controller(&endpoint.name))
    {
        require_plaintext(&endpoint.name, &config.listener_security_protocol_map)?;
        // A listener that is not advertised serves those who know its address.
        let told = advertised
            .iter()
            .find(|other| other.name == endpoint.name)
            .unwrap_or(&endpoint)
            .clone();
        listeners.push(ListenerConfig {
            name: endpoint.name,
            host: endpoint.host,
            port: endpoint.port,
            advertised_host: told.host.filter(|host| !is_wildcard(host)),
            advertised_port: told.port,
        });
    }
    if listeners.is_empty() {
        return Err(ConfigException::new(
            "requirement failed: There must be at least one broker advertised listener.",
        ));
    }
    Ok(listeners)
}

/// An address to listen on that stands for all of the machine's.
pub fn is_wildcard(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_unspecified())
}

/// A listener for the other brokers that is not there would leave each of them alone.
fn check_inter_broker(config: &BrokerConfig, listening: &[Endpoint]) -> Result<(), ConfigException> {
    let Some(name) = &config.inter_broker_listener_name else {
        return Ok(());
    };
    let names: Vec<&str> = listening.iter().map(|endpoint| endpoint.name.as_str()).collect();
    if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    Err(ConfigException::new(format!(
        "inter.broker.listener.name={name} is not valid: listeners has no such name (valid: {})",
        names.join(", ")
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

fn require_plaintext(name: &str, protocol_map: &str) -> Result<(), ConfigException> {
    let protocol = protocol_map
        .split(',')
        .filter_map(|pair| pair.trim().rsplit_once(':'))
        .find(|(listener, _)| listener.trim().eq_ignore_ascii_case(name))
        .map(|(_, protocol)| protocol.trim());
    match protocol {
        Some("PLAINTEXT") => Ok(()),
        Some(protocol @ ("SSL" | "SASL_PLAINTEXT" | "SASL_SSL")) => Err(ConfigException::new(format!(
            "listener {name} asks for {protocol}, which is not supported yet; only PLAINTEXT listeners are"
        ))),
        Some(other) => Err(ConfigException::value(
            "listener.security.protocol.map",
            other,
            "a protocol is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
        )),
        None => Err(ConfigException::new(format!(
            "No security protocol defined for listener {name}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layers;

    fn read(pairs: &[(&str, &str)]) -> Result<Vec<ListenerConfig>, String> {
        let mut all: Vec<(&str, &str)> = vec![
            ("node.id", "1"),
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
        ];
        all.extend_from_slice(pairs);
        let settings = all
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let config = BrokerConfig::resolve(&Layers::of_static(settings)).unwrap();
        broker_listeners(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn kafkas_stock_listeners_are_read() {
        let listeners = read(&[
            ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
            (
                "advertised.listeners",
                "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
            ),
        ])
        .unwrap();
        let expected = ListenerConfig {
            name: "PLAINTEXT".to_owned(),
            host: None,
            port: 9092,
            advertised_host: Some("localhost".to_owned()),
            advertised_port: 9092,
        };
        assert_eq!(listeners, [expected]);
    }

    #[test]
    fn several_listeners_with_names_of_their_own() {
        let listeners = read(&[
            ("listeners", "inside://[::1]:0,OUTSIDE://0.0.0.0:9094"),
            (
                "advertised.listeners",
                "INSIDE://one.example:1,OUTSIDE://two.example:2",
            ),
            (
                "listener.security.protocol.map",
                "INSIDE:PLAINTEXT, OUTSIDE:PLAINTEXT",
            ),
        ])
        .unwrap();
        let short: Vec<_> = listeners
            .iter()
            .map(|l| (l.name.as_str(), l.host.as_deref(), l.port, l.advertised_port))
            .collect();
        assert_eq!(
            short,
            [
                ("INSIDE", Some("::1"), 0, 1),
                ("OUTSIDE", Some("0.0.0.0"), 9094, 2)
            ]
        );
    }

    #[test]
    fn a_wildcard_advertises_no_host() {
        for host in ["", "0.0.0.0", "[::]", "[0:0::0]"] {
            let listeners = read(&[("listeners", &format!("PLAINTEXT://{host}:9092"))]).unwrap();
            assert_eq!(
                (
                    listeners[0].advertised_host.as_deref(),
                    listeners[0].advertised_port
                ),
                (None, 9092)
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let table: &[(&[(&str, &str)], &str)] = &[
            (
                &[("listeners", "abc")],
                "Error creating broker listeners from '[abc]': Unable to parse abc to a broker endpoint",
            ),
            (
                &[("listeners", "X://:1")],
                "No security protocol defined for listener X",
            ),
            (
                &[("listeners", "SSL://:1")],
                "listener SSL asks for SSL, which is not supported yet; only PLAINTEXT listeners are",
            ),
            (
                &[("advertised.listeners", "PLAINTEXT://[::]:1")],
                "advertised.listeners=PLAINTEXT://[::]:1 is not valid: nobody can connect to ::. Name the host or the \
                 address by which clients reach this machine, or leave the setting out: then each is told the address by \
                 which it came",
            ),
            (
                &[("inter.broker.listener.name", "INSIDE")],
                "inter.broker.listener.name=INSIDE is not valid: listeners has no such name (valid: PLAINTEXT)",
            ),
            (
                &[("listeners", "CONTROLLER://:1")],
                "requirement failed: There must be at least one broker advertised listener.",
            ),
            (
                &[("listeners", "PLAINTEXT://:1,SSL://:1")],
                "requirement failed: Each listener must have a different port, listeners: PLAINTEXT://:1,SSL://:1",
            ),
            (
                &[("advertised.listeners", "OTHER://a:1")],
                "requirement failed: advertised.listeners listener names must be equal to or a subset of the ones \
                 defined in listeners. Found OTHER. The valid options based on the current configuration are PLAINTEXT",
            ),
        ];
        for (pairs, expected) in table {
            assert_eq!(read(pairs).unwrap_err(), *expected);
        }
    }
}
