//! The listener's thread: it accepts, reads requests and answers them, within limits.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use barnabas_config::http::{HttpAddress, HttpListener};
use barnabas_security::tls::ServerTls;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::node::Node;
use crate::{lags, metrics, registry, routes};

/// Connections at a time; others wait in the socket's queue.
const CONNECTIONS_MAX: usize = 64;
/// Requests of the console that wait for the cluster at a time; each has a thread meanwhile.
const CONSOLE_THREADS_MAX: usize = 12;
/// The head of a request, bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Its lines.
const HEADERS_MAX: usize = 64;
/// So long a head may take to arrive, counted from the end of the answer before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// So long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// So long a connection lives at most; clients connect anew.
const CONNECTION_MAX: Duration = Duration::from_secs(600);
/// So long an answer that is on its way then may take.
const LAST_ANSWER_MAX: Duration = Duration::from_secs(10);
/// Pause after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

struct Bound {
    socket: TcpListener,
    tls: Option<Arc<ServerTls>>,
}

/// The HTTP listener of a node.
pub struct Http {
    /// The node, which is told when it has started.
    pub node: Arc<Node>,
    address: SocketAddr,
    is_secured: bool,
    stopping: CancellationToken,
    thread: JoinHandle<()>,
}

impl Http {
    /// Opens the listener and answers: from now on the process is healthy, though not ready.
    ///
    /// # Errors
    /// The address is in use or can't be had, or the system refuses a thread; an address has TLS, and there
    /// are no keys.
    pub fn start(config: &HttpListener, tls: Option<&Arc<ServerTls>>) -> io::Result<Http> {
        let bound = |address: &HttpAddress| {
            let tls = match (address.tls, tls) {
                (false, _) => None,
                (true, Some(tls)) => Some(tls.clone()),
                (true, None) => return Err(io::Error::other("there are no keys for TLS")),
            };
            let socket = bind((&address.host, address.port))?;
            Ok(Bound { socket, tls })
        };
        let sockets = config
            .addresses
            .iter()
            .map(bound)
            .collect::<io::Result<Vec<Bound>>>()?;
        let address = sockets[0].socket.local_addr()?;
        let is_secured = sockets[0].tls.is_some();
        let (node, stopping) = (Arc::new(Node::default()), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(CONSOLE_THREADS_MAX)
            .enable_all()
            .build()?;
        let (served, stop) = (node.clone(), stopping.clone());
        let thread = std::thread::Builder::new().name("http".to_owned());
        let thread = thread.spawn(move || {
            let serving = async {
                let served = serve(sockets, served);
                stop.run_until_cancelled(served).await
            };
            if let Some(Err(error)) = LocalSet::new().block_on(&runtime, serving) {
                tracing::error!(%error, "the HTTP listener has ended");
            }
            // Nobody waits for what the console still asks.
            runtime.shutdown_background();
        })?;
        Ok(Http {
            node,
            address,
            is_secured,
            stopping,
            thread,
        })
    }

    /// Where it listens, at the first of its addresses.
    pub fn url(&self) -> String {
        let scheme = if self.is_secured { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Ends at once; nobody waits for what is on its way.
    pub fn stop(self) {
        self.stopping.cancel();
        if self.thread.join().is_err() {
            tracing::error!("the thread of the HTTP listener ended by a panic");
        }
    }
}

fn bind(host_and_port: (&str, u16)) -> io::Result<TcpListener> {
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in host_and_port.to_socket_addrs()? {
        match TcpListener::bind(address) {
            Ok(socket) => {
                socket.set_nonblocking(true)?;
                return Ok(socket);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

async fn serve(sockets: Vec<Bound>, node: Arc<Node>) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for Bound { socket, tls } in sockets {
        let socket = tokio::net::TcpListener::from_std(socket)?;
        spawn_local(accept(socket, tls, node.clone(), places.clone()));
    }
    let following = node.clone();
    spawn_local(async move { follow_groups(&following).await });
    let plotting = node.clone();
    spawn_local(async move { plotting.plots.keep(&plotting.requests).await });
    node.history.keep(&node.requests).await;
    Ok(())
}

/// Has the console know how far groups were behind.
async fn follow_groups(node: &Node) {
    let mut turns = tokio::time::interval(lags::STEP);
    loop {
        turns.tick().await;
        let running = node.running();
        let Some(broker) = running.and_then(|running| running.broker.as_ref()) else {
            continue;
        };
        let found = metrics::lags(broker).await;
        node.lags.take(broker.clock.wall_ms(), found);
    }
}

async fn accept(
    socket: tokio::net::TcpListener,
    tls: Option<Arc<ServerTls>>,
    node: Arc<Node>,
    places: Arc<Semaphore>,
) {
    loop {
        let place = places.clone().acquire_owned().await;
        match socket.accept().await {
            Ok((connection, _)) => {
                let (node, tls) = (node.clone(), tls.clone());
                spawn_local(async move {
                    let _place = place;
                    begin(connection, tls, node).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the HTTP listener could not accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn begin(connection: tokio::net::TcpStream, tls: Option<Arc<ServerTls>>, node: Arc<Node>) {
    let from = connection.peer_addr();
    let from = from.map(|address| registry::From(address.ip())).ok();
    let Some(tls) = tls else {
        return converse(connection, from, node).await;
    };
    // Keys may be other ones with the next connection.
    let handshake = TlsAcceptor::from(tls.config()).accept(connection);
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(secured)) => converse(secured, from, node).await,
        Ok(Err(error)) => tracing::debug!(%error, "a handshake with the HTTP listener has failed"),
        Err(_) => {}
    }
}

async fn converse(
    connection: impl AsyncRead + AsyncWrite + Unpin + 'static,
    from: Option<registry::From>,
    node: Arc<Node>,
) {
    let service = service_fn(|mut request: Request<Incoming>| {
        let node = node.clone();
        if let Some(from) = from {
            request.extensions_mut().insert(from);
        }
        async move { Ok::<_, Infallible>(routes::respond(node, request).await) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(connection), service);
    tokio::pin!(conversation);
    let ended = tokio::select! {
        biased;
        ended = conversation.as_mut() => ended,
        () = tokio::time::sleep(CONNECTION_MAX) => {
            conversation.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_ANSWER_MAX, conversation).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection has ended");
    }
}
