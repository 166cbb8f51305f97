//! What a handler knows of the request that it answers.

use std::rc::Rc;

use barnabas_network::ConnectionContext;
use barnabas_protocol::api::ApiKey;

/// One request's context.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The connection's part.
    pub connection: Rc<ConnectionContext>,
    /// Which API is called.
    pub api_key: ApiKey,
    /// In which version.
    pub api_version: i16,
    /// Echoed in the response header.
    pub correlation_id: i32,
    /// What the client calls itself; empty when it doesn't.
    pub client_id: Rc<str>,
}
