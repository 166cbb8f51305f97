//! What a handler knows of the request that it answers.

use std::rc::Rc;

use barnabas_metadata::records::BrokerRegistration;
use barnabas_network::ConnectionContext;
use barnabas_protocol::api::ApiKey;
use barnabas_security::KafkaPrincipal;

/// One request's context.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The connection's part.
    pub connection: Rc<ConnectionContext>,
    /// Who the client was when the request began.
    pub principal: Rc<KafkaPrincipal>,
    /// Which API is called.
    pub api_key: ApiKey,
    /// In which version.
    pub api_version: i16,
    /// Echoed in the response header.
    pub correlation_id: i32,
    /// What the client calls itself; empty when it doesn't.
    pub client_id: Rc<str>,
}

/// Where the client of a connection finds `broker`, by its listener of the same name: host and port.
/// `node_id` is this node's.
pub fn endpoint<'a>(
    connection: &'a ConnectionContext,
    node_id: i32,
    broker: &'a BrokerRegistration,
) -> Option<(&'a str, u16)> {
    let endpoint = broker.endpoint(&connection.listener.name)?;
    let host = match &connection.told_host {
        Some(told) if broker.broker_id == node_id => told,
        _ => &endpoint.host,
    };
    Some((host, endpoint.port))
}
