//! `/faults`: the rules of docs/FAULTS.md, one after the other, for tests that turn them on and off.
//!
//! ```text
//! GET    /faults           what there is, and how often each has applied
//! POST   /faults           adds the rules of the body       PUT /faults   the same in place of all
//! DELETE /faults           takes away all                   DELETE /faults/2   the second
//! POST   /faults/release   lets go whoever is held; the rules stay
//! ```
//!
//! Only where the node was started with rules, even none (`--fault seed=1`), and only for programs: what a
//! browser sends from a page, of whatever origin, is refused.

use barnabas_broker::faults::Faults;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::api::door::Door;
use crate::body::{self, Body, answer, text};
use crate::node::Node;

const PATH: &str = "/faults";
/// The longest body, bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Whether a path is one of these.
pub fn is_here(path: &str) -> bool {
    path.strip_prefix(PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request to one of these paths.
pub async fn respond(node: &Node, request: Request<Incoming>) -> Response<Body> {
    if is_of_page(request.headers()) {
        return text(
            StatusCode::FORBIDDEN,
            "fault rules are for programs, not for pages",
        );
    }
    let Some(running) = node.running() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "starting");
    };
    let Some(broker) = running.broker.as_ref().filter(|_| running.takes_faults) else {
        return text(
            StatusCode::FORBIDDEN,
            "faults are off: start the node with rules, or with --fault seed=1",
        );
    };
    // Whoever has to log in gives them as an administrator, by kafka-configs.sh.
    if !matches!(running.door, Door::Open(_)) {
        return text(
            StatusCode::FORBIDDEN,
            "clients of this node log in: rules are given by barnabas.faults",
        );
    }
    let faults = broker.metadata.faults();
    let path = request.uri().path()[PATH.len()..].trim_matches('/').to_owned();
    let method = request.method().clone();
    match act(faults, &method, &path, request).await {
        Ok(()) => answer(StatusCode::OK, "application/json", shown(faults)),
        Err((status, why)) => text(status, &why),
    }
}

async fn act(
    faults: &Faults,
    method: &Method,
    path: &str,
    request: Request<Incoming>,
) -> Result<(), (StatusCode, String)> {
    let refused = |why: String| (StatusCode::BAD_REQUEST, why);
    match (method, path) {
        (&Method::GET | &Method::HEAD, "") => Ok(()),
        (&Method::POST | &Method::PUT, "") => {
            let rules = body::read(request.into_body(), BODY_BYTES_MAX).await;
            let rules = rules.map_err(|why| refused(why.to_owned()))?;
            let rules =
                String::from_utf8(rules).map_err(|_| refused("the rules are not UTF-8".to_owned()))?;
            let rules = rules.trim();
            let taken = match *method {
                Method::PUT => faults.set(rules),
                _ => faults.add(rules),
            };
            taken.map_err(refused)
        }
        (&Method::DELETE, "") => faults.set("").map_err(refused),
        (&Method::POST, "release") => {
            faults.release();
            Ok(())
        }
        (&Method::DELETE, place) => {
            let place = place.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            match place.is_some_and(|place| faults.remove(place)) {
                true => Ok(()),
                false => Err((StatusCode::NOT_FOUND, "there is no such rule".to_owned())),
            }
        }
        _ => Err((
            StatusCode::METHOD_NOT_ALLOWED,
            "there are GET, POST, PUT and DELETE /faults, DELETE /faults/N and POST /faults/release"
                .to_owned(),
        )),
    }
}

fn shown(faults: &Faults) -> String {
    let rules = faults.rules().into_iter();
    let rules =
        rules.map(|rule| json!({"rule": rule.rule, "matched": rule.matched, "applied": rule.applied}));
    let all = json!({
        "rules": rules.collect::<Vec<_>>(),
        "seed": faults.seed(),
        "held": faults.held(),
    });
    format!("{all}\n")
}

/// Whether a browser says that a page has sent it.
fn is_of_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != b"none")
}
