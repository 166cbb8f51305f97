//! What is where.

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::body::{Body, answer, text};
use crate::node::Node;
use crate::{health, metrics};

/// Answers a request.
pub async fn respond(node: &Node, request: Request<Incoming>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here");
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return refused;
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "ok"),
        "/readyz" => match health::readiness(node) {
            Ok(()) => text(StatusCode::OK, "ok"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        "/metrics" => {
            let accepted = request.headers().get(header::ACCEPT);
            let format = metrics::Format::accepted(accepted.and_then(|value| value.to_str().ok()));
            let page = metrics::page(node, format).await;
            answer(StatusCode::OK, format.content_type(), page)
        }
        _ => text(StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics"),
    }
}
