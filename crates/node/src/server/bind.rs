//! Opening the sockets of listeners, before anything else is done: a port in use is the likeliest reason not
//! to start.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use barnabas_config::{Layers, ListenerConfig};
use barnabas_network::{Listener, Listening, Network, SocketOptions};

use super::error::StartError;
use super::gateway;
use super::tls::NodeTls;

/// Buffer sizes are set only where they are configured: Apache Kafka's default of 100 KiB would keep the
/// system from adapting them.
pub fn socket_options(layers: &Layers, backlog: i32) -> SocketOptions {
    let bytes = |name| layers.given(name).and_then(|bytes| bytes.trim().parse().ok());
    SocketOptions {
        backlog,
        send_buffer_bytes: bytes("socket.send.buffer.bytes"),
        receive_buffer_bytes: bytes("socket.receive.buffer.bytes"),
    }
}

/// A listener with its open sockets.
pub struct Bound {
    /// What there is to know of it.
    pub listener: Arc<Listener>,
    /// One for each address.
    pub sockets: Vec<Listening>,
}

/// Opens the sockets of all listeners.
///
/// # Errors
/// One is in use, or can't be had, or lacks what TLS needs.
pub fn bind(
    network: &Network,
    (layers, tls): (&Layers, &mut NodeTls),
    listeners: &[ListenerConfig],
    options: SocketOptions,
) -> Result<Vec<Bound>, StartError> {
    let gateway_host = layers
        .given("barnabas.gateway.host")
        .filter(|host| !host.is_empty());
    let gateway = gateway_host.and_then(|host| Some((gateway::gateway()?, host.to_owned())));
    listeners
        .iter()
        .map(|config| {
            let tls = tls.server(layers, config)?;
            let (port, sockets) =
                bind_one(network, config, options).map_err(|source| StartError::Listen {
                    name: config.name.clone(),
                    address: format!("{}:{}", config.host.as_deref().unwrap_or("*"), config.port),
                    source,
                })?;
            let listener = Listener {
                name: config.name.clone(),
                security_protocol: config.protocol,
                tls,
                advertised_host: config.advertised_host.clone().unwrap_or_else(host_name),
                tells_address: config.advertised_host.is_none(),
                sasl: None,
                gateway: gateway.clone(),
                advertised_port: if config.advertised_port == 0 {
                    port
                } else {
                    config.advertised_port
                },
            };
            Ok(Bound {
                listener: Arc::new(listener),
                sockets,
            })
        })
        .collect()
}

/// Opens a listener's sockets, one for each address of its host, all on one port. Families of addresses that
/// the machine has switched off are passed over.
fn bind_one(
    network: &Network,
    config: &ListenerConfig,
    options: SocketOptions,
) -> io::Result<(u16, Vec<Listening>)> {
    let at = |ip: IpAddr| SocketAddr::new(ip, config.port);
    let addresses: Vec<SocketAddr> = match config.host.as_deref() {
        // Whatever the hosts file says: clients may try either.
        Some("localhost") => vec![at(Ipv4Addr::LOCALHOST.into()), at(Ipv6Addr::LOCALHOST.into())],
        Some(host) => (host, config.port).to_socket_addrs()?.collect(),
        None => vec![at(Ipv6Addr::UNSPECIFIED.into()), at(Ipv4Addr::UNSPECIFIED.into())],
    };
    let mut port = config.port;
    let mut sockets: Vec<Listening> = Vec::new();
    let mut missing = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for mut address in addresses {
        address.set_port(port);
        match network.listen(address, options) {
            Ok(socket) => {
                port = socket.address()?.port();
                sockets.push(socket);
                if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
                    break;
                }
            }
            Err(error) if is_family_missing(&error) => missing = error,
            // The system chose a port for the first address that the second one has not free.
            Err(error) if config.port == 0 && !sockets.is_empty() => missing = error,
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        Err(missing)
    } else {
        Ok((port, sockets))
    }
}

fn is_family_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
