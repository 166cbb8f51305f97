//! What a handler knows of the request that it answers.

use barnabas_metadata::records::BrokerRegistration;
use barnabas_network::ConnectionContext;
pub use barnabas_network::rpc::RequestContext;

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
