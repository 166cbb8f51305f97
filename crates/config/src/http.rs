//! `barnabas.http.listener`: where health and metrics are.

use std::fmt;

use super::ConfigException;
use super::authorizer;
use super::listeners::NodeListeners;
use super::typed::BrokerConfig;
use barnabas_protocol::security_protocol::SecurityProtocol;

/// Where a node without a file of settings has them.
const BY_DEFAULT: (&str, u16) = ("127.0.0.1", 9644);
/// Says at the command line that there is to be none.
const OFF: &str = "off";

/// Before an address with TLS.
const HTTPS: &str = "https://";
const HTTP: &str = "http://";

/// One address of the HTTP listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAddress {
    /// A host name or an address, an IPv6 address without brackets.
    pub host: String,
    /// The port; 0 lets the system choose one.
    pub port: u16,
    /// It has TLS, with the keys of the listener that is called `http`.
    pub tls: bool,
}

/// Where the HTTP listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpListener {
    /// At least one. The same is at each: Redpanda, say, has ports of their own for registry and proxy.
    pub addresses: Vec<HttpAddress>,
    /// Nobody has asked for it: where the port is in use the node goes without.
    pub by_default: bool,
}

impl fmt::Display for HttpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, HttpAddress { host, port, tls }) in self.addresses.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let scheme = if *tls { HTTPS } else { "" };
            match host.contains(':') {
                true => write!(f, "{comma}{scheme}[{host}]:{port}")?,
                false => write!(f, "{comma}{scheme}{host}:{port}")?,
            }
        }
        Ok(())
    }
}

impl HttpListener {
    /// The listener of a node; `None` where it has none. `by_default` says that the settings leave it open.
    ///
    /// # Errors
    /// It is no `host:port`, or others would reach it past what clients of the broker are held to.
    pub fn of(
        config: &BrokerConfig,
        listeners: &NodeListeners,
        by_default: bool,
    ) -> Result<Option<HttpListener>, ConfigException> {
        if by_default {
            return Ok(Some(HttpListener {
                addresses: vec![HttpAddress {
                    host: BY_DEFAULT.0.to_owned(),
                    port: BY_DEFAULT.1,
                    tls: false,
                }],
                by_default,
            }));
        }
        let given = config.barnabas_http_listener.trim();
        if given.is_empty() || given == OFF {
            return Ok(None);
        }
        let listener = parse(given).ok_or_else(|| {
            ConfigException::new(format!(
                "barnabas.http.listener={given} is not valid: HOST:PORT is expected, such as 127.0.0.1:9644, [::1]:9644 or \
                 https://0.0.0.0:9644"
            ))
        })?;
        let mut all = listeners.broker.iter().chain(&listeners.controller);
        let protected = authorizer::is_standard(config)?
            || all.any(|listener| listener.protocol != SecurityProtocol::Plaintext);
        if protected && !listener.is_loopback() && !config.barnabas_http_allow_remote {
            return Err(ConfigException::new(format!(
                "barnabas.http.listener={given} is refused: others would reach it without logging in, while clients of the \
                 broker have to, or are authorised. Take an address of loopback, or set barnabas.http.allow.remote=true"
            )));
        }
        Ok(Some(listener))
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.addresses.iter().all(|HttpAddress { host, .. }| {
            let address = host.parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        })
    }

    /// Whether an address has TLS.
    pub fn has_tls(&self) -> bool {
        self.addresses.iter().any(|address| address.tls)
    }
}

fn parse(given: &str) -> Option<HttpListener> {
    let addresses = given.split(',').map(|address| parse_address(address.trim()));
    Some(HttpListener {
        addresses: addresses.collect::<Option<_>>()?,
        by_default: false,
    })
}

fn parse_address(given: &str) -> Option<HttpAddress> {
    let secure = given.strip_prefix(HTTPS);
    let bare = secure.unwrap_or_else(|| given.strip_prefix(HTTP).unwrap_or(given));
    let (host, port) = bare.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok().then_some(host)?,
        None => host,
    };
    let is_host = !host.is_empty() && !host.contains(['/', ',', ' ', '[', ']']);
    if !is_host || (bracketed.is_none() && host.contains(':')) {
        return None;
    }
    Some(HttpAddress {
        host: host.to_owned(),
        port,
        tls: secure.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listeners::ListenerConfig;
    use crate::{Layers, Settings};

    fn listener(given: &[(&str, &str)], protocol: SecurityProtocol) -> Result<Option<String>, String> {
        let roles = [
            ("node.id", "1"),
            ("process.roles", "broker"),
            ("controller.listener.names", "C"),
        ];
        let all = roles.iter().chain(given);
        let settings: Settings = all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let config = BrokerConfig::resolve(&Layers::of_static(settings)).unwrap();
        let listeners = NodeListeners {
            broker: vec![ListenerConfig {
                name: "A".to_owned(),
                protocol,
                host: None,
                port: 1,
                advertised_host: None,
                advertised_port: 1,
            }],
            ..NodeListeners::default()
        };
        let by_default = given.iter().all(|(name, _)| *name != "barnabas.http.listener");
        let found = HttpListener::of(&config, &listeners, by_default);
        let found = found.map(|found| found.map(|listener| listener.to_string()));
        found.map_err(|why| why.to_string())
    }

    #[test]
    fn it_is_where_the_settings_say() {
        for (given, expected) in [
            ("", Ok(None)),
            ("off", Ok(None)),
            ("127.0.0.1:0", Ok(Some("127.0.0.1:0"))),
            ("[::1]:9644", Ok(Some("[::1]:9644"))),
            ("0.0.0.0:80", Ok(Some("0.0.0.0:80"))),
            (
                "[::1]:9644, localhost:8081",
                Ok(Some("[::1]:9644,localhost:8081")),
            ),
            ("https://0.0.0.0:9644", Ok(Some("https://0.0.0.0:9644"))),
            (
                "http://127.0.0.1:80,https://[::1]:81",
                Ok(Some("127.0.0.1:80,https://[::1]:81")),
            ),
            ("ftp://host:80", Err(())),
            ("https://host", Err(())),
            ("9644", Err(())),
            ("host:99999", Err(())),
            ("::1:9644", Err(())),
            ("a/b:80", Err(())),
        ] {
            let found = listener(&[("barnabas.http.listener", given)], SecurityProtocol::Plaintext);
            let expected = expected.map(|found: Option<&str>| found.map(str::to_owned));
            assert_eq!(found.map_err(drop), expected, "{given}");
        }
        let found = listener(&[], SecurityProtocol::SaslSsl);
        assert_eq!(found, Ok(Some("127.0.0.1:9644".to_owned())));
    }

    #[test]
    fn nobody_gets_past_the_login_from_elsewhere() {
        let open = ("barnabas.http.listener", "0.0.0.0:9644");
        for (given, protocol, allowed) in [
            (vec![open], SecurityProtocol::Plaintext, true),
            (vec![open], SecurityProtocol::Ssl, false),
            (vec![open], SecurityProtocol::SaslPlaintext, false),
            (
                vec![open, ("authorizer.class.name", authorizer::STANDARD_AUTHORIZER)],
                SecurityProtocol::Plaintext,
                false,
            ),
            (
                vec![open, ("barnabas.http.allow.remote", "true")],
                SecurityProtocol::Ssl,
                true,
            ),
            (
                vec![("barnabas.http.listener", "localhost:9644")],
                SecurityProtocol::Ssl,
                true,
            ),
        ] {
            assert_eq!(
                listener(&given, protocol).is_ok(),
                allowed,
                "{given:?} {protocol:?}"
            );
        }
    }
}
