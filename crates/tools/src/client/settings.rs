//! What a client is told: properties as Kafka's clients take them.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;
use std::time::Duration;

use super::KafkaError;
use super::secure::Secure;

/// A client's properties by name.
pub type Properties = BTreeMap<String, String>;

/// What this client goes by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `bootstrap.servers` or `bootstrap.controllers`, `host:port` each.
    pub bootstrap: Vec<String>,
    /// Whether those are controllers.
    pub of_controllers: bool,
    /// `client.id`.
    pub client_id: String,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`.
    pub api_timeout: Duration,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// How connections are secured.
    pub secure: Secure,
}

impl Settings {
    /// Reads a client's properties.
    ///
    /// # Errors
    /// A value makes no sense, or asks for what this client can't do.
    pub fn of(properties: &Properties) -> Result<Settings, KafkaError> {
        let secure = Secure::of(properties)?;
        let millis = |name: &str, default: u64| match properties.get(name) {
            None => Ok(Duration::from_millis(default)),
            Some(text) => text.trim().parse().map(Duration::from_millis).map_err(|_| {
                KafkaError::plain(format!(
                    "Invalid value {text} for configuration {name}: Not a number of type INT"
                ))
            }),
        };
        let of_controllers = properties.contains_key("bootstrap.controllers");
        let name = if of_controllers {
            "bootstrap.controllers"
        } else {
            "bootstrap.servers"
        };
        let bootstrap = properties.get(name).map_or("", String::as_str);
        let servers = bootstrap
            .split(',')
            .map(str::trim)
            .filter(|server| !server.is_empty());
        let bootstrap: Vec<String> = servers.map(host_and_port).collect::<Result<_, _>>()?;
        let (bootstrap, unknown): (Vec<_>, Vec<_>) =
            bootstrap.into_iter().partition(|server| resolves(server));
        for server in unknown {
            let host = server.rsplit_once(':').map_or("", |(host, _)| host);
            eprintln!("{server} of bootstrap.servers is passed over: there is no address of {host}");
        }
        if bootstrap.is_empty() {
            return Err(KafkaError::plain(
                "No resolvable bootstrap urls given in bootstrap.servers",
            ));
        }
        Ok(Settings {
            bootstrap,
            of_controllers,
            client_id: properties
                .get("client.id")
                .cloned()
                .unwrap_or_else(|| "adminclient-1".to_owned()),
            request_timeout: millis("request.timeout.ms", 30_000)?,
            api_timeout: millis("default.api.timeout.ms", 60_000)?,
            retry_backoff: millis("retry.backoff.ms", 100)?,
            secure,
        })
    }
}

fn resolves(server: &str) -> bool {
    server
        .to_socket_addrs()
        .is_ok_and(|mut addresses| addresses.next().is_some())
}

/// `host:port` of a bootstrap server, which may be written `PROTOCOL://host:port`.
fn host_and_port(server: &str) -> Result<String, KafkaError> {
    let address = server.split_once("://").map_or(server, |(_, address)| address);
    let invalid = || KafkaError::plain(format!("Invalid url in bootstrap.servers: {server}"));
    let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
    let is_host = !host.is_empty() && host.starts_with('[') == host.contains(':');
    match port.parse::<u16>() {
        Ok(_) if is_host => Ok(address.to_owned()),
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let properties = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::of(&properties.collect()).map_err(|error| error.message)
    }

    #[test]
    fn addresses_are_read_as_kafkas_clients_do() {
        let servers = of(&[(
            "bootstrap.servers",
            "127.0.0.1:1, PLAINTEXT://127.0.0.2:2,[::1]:3",
        )])
        .unwrap()
        .bootstrap;
        assert_eq!(servers, ["127.0.0.1:1", "127.0.0.2:2", "[::1]:3"]);
        for wrong in ["a", "a:x", "a:99999", "::1:1", ":1"] {
            let said = of(&[("bootstrap.servers", wrong)]).unwrap_err();
            assert_eq!(said, format!("Invalid url in bootstrap.servers: {wrong}"));
        }
        let none = "No resolvable bootstrap urls given in bootstrap.servers";
        assert_eq!(of(&[("bootstrap.servers", ",")]).unwrap_err(), none);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let said = of(&[("bootstrap.servers", "127.0.0.1:1"), ("request.timeout.ms", "x")]);
        assert_eq!(
            said.unwrap_err(),
            "Invalid value x for configuration request.timeout.ms: Not a number of type INT"
        );
    }
}
