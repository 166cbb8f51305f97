//! How a node connects to others by one of their listeners: the network, and the listener's protocol on top.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use barnabas_security::tls::ClientTls;
use rustls::pki_types::ServerName;

use crate::transport::Tls;
use crate::{Network, Transport};

/// See the module; cheap to clone. Of a [`Network`] alone it is one in the open.
#[derive(Clone, Debug)]
pub struct Connector {
    network: Network,
    tls: Option<Arc<ClientTls>>,
}

impl From<Network> for Connector {
    fn from(network: Network) -> Self {
        Connector { network, tls: None }
    }
}

impl Connector {
    /// Connections that speak TLS.
    #[must_use]
    pub fn with_tls(self, tls: Arc<ClientTls>) -> Self {
        Connector {
            tls: Some(tls),
            ..self
        }
    }

    /// Connects to an address of `host`, for the runtime that asks, up to where requests may be sent.
    ///
    /// # Errors
    /// Nobody listens there, or can't be reached; it is not who it should be, or doesn't trust this node.
    pub async fn connect(&self, address: SocketAddr, host: &str) -> io::Result<Transport> {
        let transport = self.network.connect(address).await?;
        match (&self.tls, transport) {
            (None, transport) => Ok(transport),
            (Some(tls), Transport::Tcp(stream)) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let mut stream = Tls::client(stream, tls.config(), name)?;
                stream
                    .handshake()
                    .await
                    .inspect_err(|error| tracing::warn!(%address, %error, "TLS handshake failed"))?;
                Ok(Transport::Tls(Box::new(stream)))
            }
            (Some(_), _) => Err(io::Error::other("TLS needs a socket of the system")),
        }
    }
}
