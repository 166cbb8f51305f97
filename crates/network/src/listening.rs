//! A node's way to the network: where it listens and connects.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

#[cfg(any(test, feature = "simulation"))]
use crate::simulated::{SimulatedHost, SimulatedListener, SimulatedStream};
use crate::transport::Transport;

/// The network that a node is in; cheap to clone.
#[derive(Clone, Debug)]
pub enum Network {
    /// The system's.
    System,
    /// One in memory.
    #[cfg(any(test, feature = "simulation"))]
    Simulated(SimulatedHost),
}

/// Settings of a listening socket, which its connections inherit.
#[derive(Debug, Clone, Copy)]
pub struct SocketOptions {
    /// `socket.listen.backlog.size`.
    pub backlog: i32,
    /// `socket.send.buffer.bytes`; `None` leaves it to the system, which adapts it to the connection.
    pub send_buffer_bytes: Option<usize>,
    /// `socket.receive.buffer.bytes`; as above.
    pub receive_buffer_bytes: Option<usize>,
}

impl Network {
    /// Begins to listen; nobody is accepted yet.
    ///
    /// # Errors
    /// The system's, `AddrInUse` above all.
    pub fn listen(&self, address: SocketAddr, options: SocketOptions) -> io::Result<Listening> {
        match self {
            Network::System => bind(address, options).map(Listening::Tcp),
            #[cfg(any(test, feature = "simulation"))]
            Network::Simulated(host) => host.listen(address).map(Listening::Simulated),
        }
    }

    /// Connects to the first address of `host:port` where somebody listens.
    ///
    /// # Errors
    /// The system's, of the last address.
    pub async fn connect_to(&self, host: &str) -> io::Result<Transport> {
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses(host).await? {
            match self.connect(address).await {
                Ok(transport) => return Ok(transport),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Connects to an address, for the runtime that asks.
    ///
    /// # Errors
    /// The system's: nobody listens there, or can't be reached.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<Transport> {
        match self {
            Network::System => {
                let stream = tokio::net::TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Transport::Tcp(stream))
            }
            #[cfg(any(test, feature = "simulation"))]
            Network::Simulated(host) => host.connect(address).await.map(Transport::Simulated),
        }
    }
}

/// The addresses of `host:port`; a name is asked for on a thread of its own.
pub(crate) async fn addresses(host: &str) -> io::Result<Vec<SocketAddr>> {
    match host.parse() {
        Ok(address) => Ok(vec![address]),
        Err(_) => Ok(tokio::net::lookup_host(host).await?.collect()),
    }
}

/// Opens a listening socket, non-blocking, that several addresses of a dual-stack host may share a port with.
fn bind(address: SocketAddr, options: SocketOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // The unspecified IPv6 address takes IPv4 too, as Java's does; a given one only itself.
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(*v6.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(options.backlog)?;
    Ok(socket.into())
}

/// A place where clients may connect, bound to no runtime yet.
#[derive(Debug)]
pub enum Listening {
    /// A socket of the system, non-blocking.
    Tcp(TcpListener),
    /// One of a network in memory.
    #[cfg(any(test, feature = "simulation"))]
    Simulated(SimulatedListener),
}

impl Listening {
    /// Its address, with the port that the system has chosen where none was asked for.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Listening::Tcp(socket) => socket.local_addr(),
            #[cfg(any(test, feature = "simulation"))]
            Listening::Simulated(listener) => Ok(listener.address()),
        }
    }
}

/// A [`Listening`] of a runtime.
pub(crate) enum Accepting {
    Tcp(tokio::net::TcpListener),
    #[cfg(any(test, feature = "simulation"))]
    Simulated(SimulatedListener),
}

impl Accepting {
    pub fn new(listening: Listening) -> io::Result<Self> {
        Ok(match listening {
            Listening::Tcp(socket) => Accepting::Tcp(tokio::net::TcpListener::from_std(socket)?),
            #[cfg(any(test, feature = "simulation"))]
            Listening::Simulated(listener) => Accepting::Simulated(listener),
        })
    }

    /// The next connection and whose it is.
    pub async fn accept(&self) -> io::Result<(Incoming, SocketAddr)> {
        match self {
            Accepting::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((Incoming::Tcp(stream.into_std()?), peer))
            }
            #[cfg(any(test, feature = "simulation"))]
            Accepting::Simulated(listener) => {
                let (stream, peer) = listener.accept().await;
                Ok((Incoming::Simulated(stream), peer))
            }
        }
    }
}

/// A connection on its way to the runtime that serves it.
pub enum Incoming {
    /// A socket of the system, non-blocking.
    Tcp(TcpStream),
    /// One of a network in memory.
    #[cfg(any(test, feature = "simulation"))]
    Simulated(SimulatedStream),
}

impl Incoming {
    /// Gives it to the runtime that asks.
    ///
    /// # Errors
    /// The connection is gone already.
    pub fn into_transport(self) -> io::Result<Transport> {
        match self {
            Incoming::Tcp(stream) => {
                stream.set_nodelay(true)?;
                tokio::net::TcpStream::from_std(stream).map(Transport::Tcp)
            }
            #[cfg(any(test, feature = "simulation"))]
            Incoming::Simulated(stream) => Ok(Transport::Simulated(stream)),
        }
    }
}
