//! `/console/api/…`: what the console's pages show and change, as JSON.
//!
//! ```text
//! access (whose pages, who logs in) ─→ door (a client of the cluster, as that user) ─→ one of TABLE ─→ JSON
//! ```
//!
//! What is asked waits for the cluster on a thread of its own, of which there are few; they end when nobody
//! asks. A GET changes nothing. A POST changes something and comes from a page of ours.

pub mod access;
mod access_lists;
mod asked;
mod brokers;
mod clients;
mod decoding;
pub mod door;
mod failure;
mod filter;
mod group_changes;
mod groups;
mod letters;
mod log_cleaner;
mod messages;
mod overview;
mod share;
mod shown;
mod tail;
mod topic_changes;
mod topics;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use barnabas_tools::client::Cluster;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{self, Body};
use crate::node::Node;
use asked::Asked;
use door::Door;
use failure::Failure;

/// The largest body of a request, bytes.
const BODY_BYTES_MAX: usize = 2 << 20;

/// So long it may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What is asked, by whom, and of whom.
pub struct Asking {
    /// The cluster, as who asks sees it.
    cluster: Cluster,
    node: Arc<Node>,
    asked: Asked,
    user: Option<String>,
}

type Answer = fn(&Asking) -> Result<Value, Failure>;

/// What may be asked.
const GETS: &[(&str, Answer)] = &[
    ("session", overview::session),
    ("overview", overview::answer),
    ("topics", topics::list),
    ("topic", topics::one),
    ("configs", topics::configs),
    ("messages", messages::answer),
    ("groups", groups::list),
    ("group", groups::one),
    ("letters", letters::topics),
    ("letters/of", letters::of),
    ("broker", brokers::one),
    ("dirs", brokers::folders),
    ("cleaner", log_cleaner::answer),
    ("transactions", transactions::list),
    ("acls", access_lists::acls),
    ("users", access_lists::users),
    ("quotas", access_lists::quotas),
    ("clients", clients::list),
    ("plots", clients::plots),
];

/// What may be changed.
const POSTS: &[(&str, Answer)] = &[
    ("topics/create", topic_changes::create),
    ("topics/grow", topic_changes::grow),
    ("topics/delete", topic_changes::delete),
    ("topics/empty", topic_changes::empty),
    ("configs/alter", topic_changes::alter),
    ("produce", topic_changes::produce),
    ("groups/reset", group_changes::reset),
    ("groups/delete", group_changes::delete),
    ("groups/forget", group_changes::forget),
    ("letters/redrive", letters::take_back),
    ("transactions/abort", transactions::abort),
    ("transactions/fence", transactions::fence),
    ("acls/create", access_lists::create_acl),
    ("acls/delete", access_lists::delete_acl),
    ("users/set", access_lists::set_user),
    ("users/delete", access_lists::delete_user),
    ("quotas/set", access_lists::set_quotas),
];

/// Answers a request to `/console/api/` and `path`.
pub async fn answer(node: Arc<Node>, path: String, request: Request<Incoming>) -> Response<Body> {
    match respond(node, &path, request).await {
        Ok(response) => response,
        Err(failure) => refusal(&failure),
    }
}

/// Asks who it is.
pub fn log_in() -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, "log in as a user of the cluster")
}

/// What a failure looks like to a browser.
pub fn refusal(failure: &Failure) -> Response<Body> {
    let mut refused = body::answer(failure.status, "application/json", failure.body().to_string());
    if failure.status == StatusCode::UNAUTHORIZED {
        let basic = HeaderValue::from_static("Basic realm=\"Barnabas\", charset=\"UTF-8\"");
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    refused
}

async fn respond(node: Arc<Node>, path: &str, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let (head, incoming) = request.into_parts();
    let door = guard(&node, &head.method, &head.headers)?.clone();
    let is_change = head.method == Method::POST;
    let known = |table: &[(&str, Answer)]| {
        let found = table.iter().find(|(name, _)| *name == path);
        found.map(|(_, answer)| *answer)
    };
    let wanted = known(if is_change { POSTS } else { GETS });
    let is_tail = path == "tail" && !is_change;
    if wanted.is_none() && !is_tail {
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("there is no {path} here"),
        ));
    }
    let asked = if is_change {
        let body = tokio::time::timeout(BODY_TIMEOUT, body::read(incoming, BODY_BYTES_MAX)).await;
        let body = body.map_err(|_| {
            Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                "the request takes too long to arrive",
            )
        })?;
        let body = body.map_err(|why| Failure::new(StatusCode::PAYLOAD_TOO_LARGE, why))?;
        Asked::of_json(&body)?
    } else {
        Asked::of_query(head.uri.query().unwrap_or_default())
    };
    let seen = head
        .headers
        .get("last-event-id")
        .and_then(|seen| seen.to_str().ok());
    let seen = seen.map(str::to_owned);
    let who = access::credentials(&head.headers).filter(|_| door.asks_for_login());
    let begin = move || {
        let cluster = door.enter(who.as_ref())?;
        let user = who.map(|who| who.user);
        Ok::<_, Failure>(Asking {
            cluster,
            node,
            asked,
            user,
        })
    };
    let Some(wanted) = wanted else {
        return tail::answer(begin, seen);
    };
    let working = tokio::task::spawn_blocking(move || wanted(&begin()?));
    match working.await {
        Ok(found) => Ok(body::answer(
            StatusCode::OK,
            "application/json",
            found?.to_string(),
        )),
        Err(_) => Err(Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request has failed",
        )),
    }
}

/// The door, for a request that may come to it.
///
/// # Errors
/// It comes from another site, or the node has no console at the moment.
pub fn guard<'n>(node: &'n Node, method: &Method, headers: &header::HeaderMap) -> Result<&'n Door, Failure> {
    let unavailable = |why: &str| Failure::new(StatusCode::SERVICE_UNAVAILABLE, why);
    let running = node
        .running()
        .ok_or_else(|| unavailable("the node is starting"))?;
    let broker = running.broker.as_ref();
    let broker = broker.ok_or_else(|| unavailable("this node is a controller alone: ask a broker"))?;
    let hosts = broker
        .listeners
        .iter()
        .map(|listener| listener.advertised_host.clone());
    access::check(method, headers, &hosts.collect::<Vec<_>>())?;
    Ok(&running.door)
}

/// What is done when there is nothing to say.
fn done() -> Result<Value, Failure> {
    Ok(json!({ "done": true }))
}
