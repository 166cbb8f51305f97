//! What a handler may know of the connection that its request came by.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use barnabas_protocol::security_protocol::SecurityProtocol;
use barnabas_security::KafkaPrincipal;
use barnabas_security::tls::ServerTls;
use tokio::time::Instant;

use crate::SaslAuthentication;
use crate::metrics::ThreadMetrics;

/// A named listener (KIP-103): security protocol and advertised address belong to it.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name, e.g. `PLAINTEXT`.
    pub name: String,
    /// How it is protected.
    pub security_protocol: SecurityProtocol,
    /// Its end of TLS, where the protocol has it.
    pub tls: Option<Arc<ServerTls>>,
    /// Host that clients are told, where they are not told the address by which they came.
    pub advertised_host: String,
    /// Port that clients are told.
    pub advertised_port: u16,
    /// Whether a client is told the address by which it came: the listener has all of the machine's, and none
    /// is advertised.
    pub tells_address: bool,
    /// How clients prove who they are; `None` where they need not.
    pub sasl: Option<Arc<SaslAuthentication>>,
    /// Whoever comes from this address is told this host then. In a container that is the gateway, which
    /// passes on what comes by a published port.
    pub gateway: Option<(IpAddr, String)>,
}

/// Which connection it is, of all that the process has had: the later one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// One of a test's own.
    pub fn numbered(number: u64) -> Self {
        ConnectionId(number)
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// What holds for a connection from its first request to its last.
#[derive(Debug)]
pub struct ConnectionContext {
    /// Its own id.
    pub id: ConnectionId,
    /// The listener it came in by.
    pub listener: Arc<Listener>,
    /// The client's address.
    pub client_host: IpAddr,
    /// The address of this machine that the client is told, where it is the one by which it came.
    pub told_host: Option<String>,
    /// Who the client is.
    principal: RefCell<Rc<KafkaPrincipal>>,
    /// Whether it has proven that by a delegation token.
    has_token: Cell<bool>,
    /// Whether the client is connected to another node, which passes its requests on.
    is_forwarded: bool,
    /// The client id of the last request: a client names itself alike in all of them.
    client_id: RefCell<Rc<str>>,
    /// The client's library and its version, where somebody wants to know.
    client_software: RefCell<Option<Box<(String, String)>>>,
    /// No request starts before.
    paused_until: Cell<Option<Instant>>,
    /// Where its thread counts requests, if it does.
    metrics: Option<Arc<ThreadMetrics>>,
}

impl ConnectionContext {
    /// A connection that has not sent a request yet: nobody knows whose it is.
    /// `reached` is the address of this machine that the client connected to.
    pub fn new(listener: Arc<Listener>, client_host: IpAddr, reached: Option<IpAddr>) -> Self {
        let told_host = match &listener.gateway {
            _ if !listener.tells_address => None,
            Some((gateway, host)) if *gateway == client_host.to_canonical() => Some(host.clone()),
            _ => reached.and_then(told),
        };
        ConnectionContext {
            id: ConnectionId(NEXT_ID.fetch_add(1, Ordering::Relaxed)),
            listener,
            client_host,
            told_host,
            principal: RefCell::new(Rc::new(KafkaPrincipal::anonymous())),
            has_token: Cell::new(false),
            is_forwarded: false,
            client_id: RefCell::new(Rc::from("")),
            client_software: RefCell::new(None),
            paused_until: Cell::new(None),
            metrics: None,
        }
    }

    /// That of a client of the node at the other end, which passes a request on by this connection. Who the
    /// client is, it has proven there.
    pub fn forwarding(&self, client_host: IpAddr) -> Self {
        ConnectionContext {
            id: self.id,
            is_forwarded: true,
            ..ConnectionContext::new(self.listener.clone(), client_host, None)
        }
    }

    /// Has its requests counted.
    pub fn counted_by(self, metrics: Option<Arc<ThreadMetrics>>) -> Self {
        ConnectionContext { metrics, ..self }
    }

    /// The client's library and its version, as it names them; kept where requests are counted.
    pub fn note_client_software(&self, name: &str, version: &str) {
        if self.metrics.is_some() {
            *self.client_software.borrow_mut() = Some(Box::new((name.to_owned(), version.to_owned())));
        }
    }

    /// The same; empty where it has named none.
    pub fn client_software(&self) -> (String, String) {
        self.client_software
            .borrow()
            .as_deref()
            .cloned()
            .unwrap_or_default()
    }

    /// Where its requests are counted; `None` where nobody asks.
    pub fn metrics(&self) -> Option<&ThreadMetrics> {
        self.metrics.as_deref()
    }

    /// Who the client is by now; `User:ANONYMOUS` until it has authenticated.
    pub fn principal(&self) -> Rc<KafkaPrincipal> {
        self.principal.borrow().clone()
    }

    /// The client has authenticated. Requests that have begun stay those of whom it was before.
    pub fn authenticated(&self, principal: KafkaPrincipal) {
        *self.principal.borrow_mut() = Rc::new(principal);
        self.has_token.set(false);
    }

    /// The same, by a delegation token (KIP-48).
    pub fn authenticated_by_token(&self, owner: KafkaPrincipal) {
        self.authenticated(owner);
        self.has_token.set(true);
    }

    /// Whether the client came with a delegation token, which may not ask for others.
    pub fn came_with_token(&self) -> bool {
        self.has_token.get()
    }

    /// Whether the client has sent its request to another node.
    pub fn is_forwarded(&self) -> bool {
        self.is_forwarded
    }

    /// Starts no further request for so long; what is answered leaves all the same.
    pub fn pause_for(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let longest = self.paused_until.get().map_or(until, |before| before.max(until));
        self.paused_until.set(Some(longest));
    }

    /// Until when no request starts; `None` when they may.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        let until = self.paused_until.get()?;
        if Instant::now() < until {
            return Some(until);
        }
        self.paused_until.set(None);
        None
    }

    /// The client's address as Java prints it, which is how groups show their members: a slash, and no short
    /// form of IPv6.
    pub fn java_address(&self) -> String {
        match self.client_host.to_canonical() {
            IpAddr::V4(address) => format!("/{address}"),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h] = address.segments();
                format!("/{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}")
            }
        }
    }

    /// `client_id` to keep, without an allocation when it is that of the request before.
    pub fn client_id(&self, client_id: &str) -> Rc<str> {
        let mut last = self.client_id.borrow_mut();
        if &**last != client_id {
            *last = Rc::from(client_id);
        }
        last.clone()
    }
}

/// The end of a pause; there is one only while a client is over its quota.
pub(crate) async fn resumed(paused_until: Option<Instant>) {
    match paused_until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// An address in the form in which clients are told it. One of a link alone means nothing without the
/// client's own name for the link.
fn told(reached: IpAddr) -> Option<String> {
    match reached.to_canonical() {
        IpAddr::V6(address) if address.is_unicast_link_local() => None,
        address => Some(address.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_is_told_an_address_that_it_can_reach() {
        let address = |text: &str| -> IpAddr { text.parse().expect("the table has addresses") };
        let gateway = Some((address("172.17.0.1"), "localhost".to_owned()));
        for (tells_address, client, told) in [
            (true, "172.17.0.1", Some("localhost")),
            (true, "::ffff:172.17.0.1", Some("localhost")),
            (true, "172.17.0.9", Some("172.17.0.2")),
            (true, "127.0.0.1", Some("172.17.0.2")),
            (false, "172.17.0.1", None),
        ] {
            let listener = Listener {
                name: "PLAINTEXT".to_owned(),
                security_protocol: SecurityProtocol::Plaintext,
                advertised_host: "host".to_owned(),
                advertised_port: 9092,
                tells_address,
                tls: None,
                sasl: None,
                gateway: gateway.clone(),
            };
            let reached = Some(address("172.17.0.2"));
            let connection = ConnectionContext::new(Arc::new(listener), address(client), reached);
            assert_eq!(connection.told_host.as_deref(), told, "{client}");
        }
    }

    #[test]
    fn a_request_keeps_the_principal_that_it_began_with() {
        let listener = Listener {
            name: "SASL".to_owned(),
            security_protocol: SecurityProtocol::SaslPlaintext,
            tls: None,
            advertised_host: "localhost".to_owned(),
            advertised_port: 9092,
            tells_address: false,
            sasl: None,
            gateway: None,
        };
        let connection = ConnectionContext::new(Arc::new(listener), Ipv4Addr::LOCALHOST.into(), None);
        let before = connection.principal();
        connection.authenticated(KafkaPrincipal::user("alice"));
        assert_eq!(*before, KafkaPrincipal::anonymous());
        assert_eq!(*connection.principal(), KafkaPrincipal::user("alice"));
    }
}
