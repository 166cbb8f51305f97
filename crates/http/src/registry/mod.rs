//! The schema registry's paths: who may ask, what came in and what goes out. What is decided is decided in
//! the crate `registry`, on what `kept` has read of the topic.

mod kept;

pub use kept::Kept;

use std::net::IpAddr;

use barnabas_broker::broker::Broker;
use barnabas_broker::schemas_topic::SCHEMAS_TOPIC;
use barnabas_registry::error::RegistryError;
use barnabas_registry::{Answer, Call, Method};
use barnabas_security::{AclOperation, KafkaPrincipal, Requester, ResourceType, Rights};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};
use hyper::{Request, Response, StatusCode};

use crate::api::access;
use crate::body::{self, Body};
use crate::node::Node;

/// What clients of Confluent's registry expect.
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// By this header a client says that it reads over what it does not know.
const TELL_ALL: &str = "confluent-accept-unknown-properties";
/// The body of a request, bytes: a record of the topic is not larger either.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct From(pub IpAddr);

/// Whether a path is the registry's.
pub fn is_here(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(
        first,
        "subjects" | "schemas" | "compatibility" | "config" | "mode" | "contexts"
    ) || path.starts_with("/v1/metadata/")
}

/// Answers a request.
pub async fn answer(node: &Node, request: Request<Incoming>) -> Response<Body> {
    let answered = match decided(node, request).await {
        Ok(answered) => answered,
        Err(error) => Answer::of_error(&error),
    };
    let content_type = if answered.is_schema {
        "application/json"
    } else {
        CONTENT_TYPE
    };
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    body::answer(status, content_type, answered.body)
}

async fn decided(node: &Node, request: Request<Incoming>) -> Result<Answer, RegistryError> {
    let method = match *request.method() {
        hyper::Method::GET | hyper::Method::HEAD => Method::Get,
        hyper::Method::POST => Method::Post,
        hyper::Method::PUT => Method::Put,
        hyper::Method::DELETE => Method::Delete,
        _ => return Err(RegistryError::new(405, "HTTP 405 Method Not Allowed")),
    };
    let running = node.running();
    let broker = running.and_then(|running| running.broker.as_ref());
    let Some((running, broker)) = running.zip(broker) else {
        return Err(RegistryError::new(503, "There is no broker here, or not yet"));
    };
    let (head, incoming) = request.into_parts();
    check_page(broker, &head.headers)?;
    check_content_type(&head.headers, method)?;
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let mut call = Call {
        method,
        path,
        query,
        body: &[],
        cluster_id: &running.cluster_id,
        tells_all: head.headers.get(TELL_ALL).is_some_and(|value| value == "true"),
    };
    let from = head.extensions.get::<From>().copied();
    let only_reads = call.only_reads();
    check_rights(broker, from, only_reads)?;
    let bytes = body::read(incoming, BODY_BYTES_MAX).await;
    let bytes = bytes.map_err(|why| RegistryError::new(413, why))?;
    call.body = &bytes;
    node.schemas.answer(broker, &call).await
}

/// Browsers are answered as the console answers them: under our own names, and for no other site. What else
/// asks is no page.
fn check_page(broker: &Broker, headers: &HeaderMap) -> Result<(), RegistryError> {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    if !agent.is_some_and(|agent| agent.starts_with("Mozilla/")) {
        return Ok(());
    }
    let own = broker
        .listeners
        .iter()
        .map(|listener| listener.advertised_host.clone());
    let checked = access::check(&hyper::Method::GET, headers, &own.collect::<Vec<_>>());
    checked.map_err(|_| RegistryError::new(403, "This is answered to pages of this node only"))
}

/// A form of another site's page can't send such a body: a browser asks before it does, and is refused.
fn check_content_type(headers: &HeaderMap, method: Method) -> Result<(), RegistryError> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return match method {
            Method::Get | Method::Delete => Ok(()),
            _ => Err(RegistryError::new(415, "HTTP 415 Unsupported Media Type")),
        };
    };
    let given = given.to_str().unwrap_or_default();
    let kind = given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_known = kind.starts_with("application/vnd.schemaregistry")
        || matches!(&*kind, "application/json" | "application/octet-stream");
    match is_known || method == Method::Get {
        true => Ok(()),
        false => Err(RegistryError::new(415, "HTTP 415 Unsupported Media Type")),
    }
}

/// Nobody logs in here: to the authorizer it is an anonymous client of the topic. Where clients of the broker
/// have to say who they are and no authorizer says what the others may, they may nothing.
fn check_rights(broker: &Broker, from: Option<From>, only_reads: bool) -> Result<(), RegistryError> {
    let principal = KafkaPrincipal::anonymous();
    let refused = |why: &str| Err(RegistryError::new(403, why));
    let Some(From(host)) = from else {
        return refused("Nobody knows where this comes from");
    };
    let requester = Requester {
        principal: &principal,
        host: host.to_canonical(),
        request: "SchemaRegistry",
    };
    let rights = Rights::new(&*broker.authorizer, requester);
    if rights.are_unlimited() {
        let is_secured =
            |listener: &barnabas_network::Listener| listener.sasl.is_some() || listener.tls.is_some();
        return match broker.listeners.iter().any(|listener| is_secured(listener)) {
            true => refused("The broker's listeners are secured, and nobody can log in to the registry yet"),
            false => Ok(()),
        };
    }
    let operation = if only_reads {
        AclOperation::Read
    } else {
        AclOperation::Write
    };
    match rights.on(operation, ResourceType::Topic, SCHEMAS_TOPIC) {
        true => Ok(()),
        false => refused("User is denied operation on this server: it takes rights on the topic _schemas"),
    }
}
