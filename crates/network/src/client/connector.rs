//! How a node connects to others by one of their listeners: the network, and the listener's protocol on top.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use barnabas_security::tls::ClientTls;
use rustls::pki_types::ServerName;

use super::login::ClientSasl;
use crate::transport::Tls;
use crate::{Network, Transport};

/// See the module; cheap to clone. Of a [`Network`] alone it is one in the open.
#[derive(Clone, Debug)]
pub struct Connector {
    network: Network,
    tls: Option<Arc<ClientTls>>,
    sasl: Option<Arc<ClientSasl>>,
}

/// A connection by which requests may be sent.
pub struct Opened {
    /// Its bytes.
    pub transport: Transport,
    /// How long requests are taken; `None` where that has no end.
    pub session: Option<Duration>,
}

impl From<Network> for Connector {
    fn from(network: Network) -> Self {
        Connector {
            network,
            tls: None,
            sasl: None,
        }
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

    /// Connections by which this node logs in.
    #[must_use]
    pub fn with_sasl(self, sasl: Arc<ClientSasl>) -> Self {
        Connector {
            sasl: Some(sasl),
            ..self
        }
    }

    /// Connects to an address of `host`, for the runtime that asks, up to where requests may be sent.
    ///
    /// # Errors
    /// Nobody listens there, or can't be reached; it is not who it should be, or doesn't trust this node.
    pub async fn connect(&self, address: SocketAddr, host: &str) -> io::Result<Opened> {
        let mut transport = self.open(address, host).await?;
        let login = self.log_in(&mut transport, host).await;
        let session =
            login.inspect_err(|error| tracing::warn!(%address, %error, "this node could not log in"))?;
        Ok(Opened { transport, session })
    }

    /// Logs in, or does it anew before a session ends, where that is needed; nothing else may be outstanding.
    /// Answers how long the session is, if it ends.
    ///
    /// # Errors
    /// The other node refuses, or is not trusted; the transport's.
    pub async fn log_in(&self, transport: &mut Transport, host: &str) -> io::Result<Option<Duration>> {
        match &self.sasl {
            Some(sasl) => sasl.log_in(transport, host).await,
            None => Ok(None),
        }
    }

    async fn open(&self, address: SocketAddr, host: &str) -> io::Result<Transport> {
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
