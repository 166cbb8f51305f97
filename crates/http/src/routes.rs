//! What is where.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::body::{Body, answer, text};
use crate::node::Node;
use crate::{api, console, faults, health, metrics, registry};

/// Answers a request.
pub async fn respond(node: Arc<Node>, request: Request<Incoming>) -> Response<Body> {
    if faults::is_here(request.uri().path()) {
        return faults::respond(&node, request).await;
    }
    let path = request.uri().path();
    if registry::is_here(path) {
        return registry::answer(&node, request).await;
    }
    let asked = path.strip_prefix("/console/api/").map(str::to_owned);
    let may_post = asked.is_some() && *request.method() == Method::POST;
    if !may_post && !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here");
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return refused;
    }
    if let Some(asked) = asked {
        return api::answer(node, asked, request).await;
    }
    if console::is_here(path) {
        return console::page(&node, path, request.headers());
    }
    match path {
        // Not for programs: Testcontainers waits until Redpanda's admin API knows nothing of this path.
        "/" if is_browser(&request) => {
            let mut there = text(StatusCode::FOUND, "the console is at /console");
            let place = HeaderValue::from_static("/console");
            there.headers_mut().insert(header::LOCATION, place);
            there
        }
        "/healthz" => text(StatusCode::OK, "ok"),
        "/readyz" => match health::readiness(&node) {
            Ok(()) => text(StatusCode::OK, "ok"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        "/metrics" => {
            let accepted = request.headers().get(header::ACCEPT);
            let format = metrics::Format::accepted(accepted.and_then(|value| value.to_str().ok()));
            let page = metrics::page(&node, format).await;
            answer(StatusCode::OK, format.content_type(), page)
        }
        // Redpanda's, for whoever waits for its container.
        "/v1/status/ready" => match health::readiness(&node) {
            Ok(()) => answer(StatusCode::OK, "application/json", "{\"status\":\"ready\"}"),
            Err(_) => answer(
                StatusCode::SERVICE_UNAVAILABLE,
                "application/json",
                "{\"status\":\"booting\"}",
            ),
        },
        _ => text(
            StatusCode::NOT_FOUND,
            "there are /console, /healthz, /readyz, /metrics and /subjects",
        ),
    }
}

fn is_browser(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get(header::ACCEPT);
    accepted.is_some_and(|accepted| accepted.to_str().is_ok_and(|types| types.contains("text/html")))
}
