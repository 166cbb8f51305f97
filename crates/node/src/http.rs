//! The HTTP listener beside a node: it answers from before the node's start to its end.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use barnabas_config::faults;
use barnabas_config::files;
use barnabas_config::http::HttpListener;
use barnabas_config::load::StartSettings;
use barnabas_config::{Layers, ListenerConfig, SecurityProtocol, Settings};
use barnabas_http::{Door, Http, Running, Way};
use barnabas_network::client::Connector;
use barnabas_network::{Listener, Network};
use barnabas_security::sasl::SaslMechanism;
use barnabas_security::tls::{ClientTls, ServerTls, TlsError};

use crate::secure::AUTHORITY;
use crate::server::Server;

/// By this name its settings of TLS may be its own: `listener.name.http.ssl.…`.
const LISTENER: &str = "HTTP";

/// Opens it where the settings say; `None` where they say that there is none, or where nobody has asked
/// for it and its port is in use.
///
/// # Errors
/// It was asked for and can't be had.
pub fn start(config: Option<&HttpListener>, tls: Option<&Arc<ServerTls>>) -> Result<Option<Http>, String> {
    let Some(config) = config else { return Ok(None) };
    match Http::start(config, tls) {
        Ok(http) => Ok(Some(http)),
        Err(error) if config.by_default => {
            match error.kind() {
                ErrorKind::AddrInUse => tracing::info!(
                    "{config} is in use: there is no console here (--http HOST:PORT has them elsewhere)"
                ),
                _ => tracing::warn!(%error, "{config} can't be had: there is no console"),
            }
            Ok(None)
        }
        Err(error) => Err(format!("barnabas.http.listener={config}: {error}")),
    }
}

/// Its TLS, where an address has it: as that of a listener of Kafka's that is called HTTP.
///
/// # Errors
/// Its settings or stores can't be used.
pub fn tls(settings: &StartSettings) -> Result<Option<Arc<ServerTls>>, String> {
    let Some(config) = settings.http.as_ref().filter(|config| config.has_tls()) else {
        return Ok(None);
    };
    let tls = ServerTls::read(LISTENER, SecurityProtocol::Ssl, &settings.layers, &files::read);
    let tls = tls.map_err(|error| format!("barnabas.http.listener={config}: {error}"))?;
    Ok(Some(Arc::new(tls)))
}

/// Says where it is.
pub fn announce(http: Option<&Http>) {
    if let Some(http) = http {
        tracing::info!("the console is at {}/console, metrics at /metrics", http.url());
    }
}

/// What the settings say of how the console gets into the cluster.
pub struct Entrance {
    listeners: Vec<ListenerConfig>,
    inter_broker: String,
    layers: Layers,
    /// What `--secure` has made for clients to trust.
    authority: Option<PathBuf>,
}

impl Entrance {
    /// By the settings of a start.
    pub fn of(settings: &StartSettings) -> Entrance {
        Entrance {
            listeners: settings.listeners.clone(),
            inter_broker: settings.inter_broker.name.clone(),
            layers: settings.layers.clone(),
            authority: Some(settings.data_dir.join(AUTHORITY)).filter(|path| path.exists()),
        }
    }

    /// The listener that the console is a client of: one with SASL where there is such, else one where nobody
    /// has to prove anything. That of the brokers comes first, since all of them reach each other by it.
    fn door(&self, server: &Server) -> Door {
        let listeners = server.broker().map_or(&[][..], |broker| &broker.listeners);
        let mut listeners: Vec<&Arc<Listener>> = listeners.iter().collect();
        listeners.sort_by_key(|listener| listener.name != self.inter_broker);
        let with_login = listeners
            .iter()
            .map(|listener| (listener, mechanisms(listener)))
            .find(|(_, mechanisms)| !mechanisms.is_empty());
        if let Some((listener, mechanisms)) = with_login {
            return match self.way(server.node_id(), listener) {
                Ok(way) => Door::Login(way, mechanisms),
                Err(error) => {
                    tracing::warn!(%error, "the console can't get in by the listener {}", listener.name);
                    Door::Closed("the console needs ssl.truststore.location to trust this node's listener")
                }
            };
        }
        let is_open = |listener: &&Arc<Listener>| listener.security_protocol == SecurityProtocol::Plaintext;
        match listeners.first() {
            Some(first) if listeners.iter().all(is_open) => {
                Door::Open(Way::plain(server.node_id(), self.address(first)))
            }
            _ => Door::Closed(
                "clients of this node prove who they are by certificates or tokens alone: for the console it needs a \
                 listener with PLAIN or SCRAM",
            ),
        }
    }

    fn way(&self, node_id: i32, listener: &Listener) -> Result<Way, TlsError> {
        if listener.security_protocol == SecurityProtocol::SaslPlaintext {
            return Ok(Way::plain(node_id, self.address(listener)));
        }
        // Without the node's own key: nobody is to be taken for the node.
        let is_ours = |name: &str| !name.contains("ssl.keystore") && !name.contains("ssl.key.");
        let known = self.layers.static_settings().iter();
        let mut settings: Settings = known
            .filter(|(name, _)| is_ours(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let trusts = settings.keys().any(|name| name.contains("ssl.truststore."));
        if let Some(authority) = self.authority.as_ref().filter(|_| !trusts) {
            let location = authority.display().to_string();
            settings.insert("ssl.truststore.type".to_owned(), "PEM".to_owned());
            settings.insert("ssl.truststore.location".to_owned(), location);
        }
        let tls = ClientTls::read(
            &listener.name,
            listener.security_protocol,
            &Layers::of_static(settings),
            &files::read,
        )?;
        Ok(Way {
            node_id,
            // By the name that the certificate has.
            address: match listener.tells_address {
                true => format!("localhost:{}", listener.advertised_port),
                false => format!("{}:{}", listener.advertised_host, listener.advertised_port),
            },
            connector: Connector::from(Network::System).with_tls(Arc::new(tls)),
        })
    }

    /// Where the listener is on this machine.
    fn address(&self, listener: &Listener) -> String {
        let config = self.listeners.iter().find(|config| config.name == listener.name);
        let port = config.map_or(0, |config| config.port);
        let port = if port == 0 { listener.advertised_port } else { port };
        match config
            .and_then(|config| config.host.as_deref())
            .unwrap_or_default()
        {
            "" | "0.0.0.0" | "::" | "[::]" => format!("127.0.0.1:{port}"),
            host if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
            host => format!("{host}:{port}"),
        }
    }
}

/// Those by which a person can log in, the strongest first.
fn mechanisms(listener: &Listener) -> Vec<SaslMechanism> {
    let Some(sasl) = &listener.sasl else {
        return Vec::new();
    };
    let names = sasl.sasl.mechanisms().iter();
    let known = names.filter_map(|name| SaslMechanism::from_name(name));
    let mut mechanisms: Vec<SaslMechanism> = known.filter(|mechanism| mechanism.takes_password()).collect();
    mechanisms.sort_by(|a, b| b.cmp(a));
    mechanisms
}

/// What it is told of a node that has started.
pub fn running(server: &Server, entrance: &Entrance) -> Running {
    Running {
        node_id: server.node_id(),
        cluster_id: server.cluster_id().to_owned(),
        broker: server.broker().cloned(),
        takes_faults: entrance.layers.static_settings().contains_key(faults::SETTING),
        controller: server.controller(),
        door: entrance.door(server),
    }
}
