//! The table of APIs: one row per key of Kafka's that a controller's listener serves. It is the only list of
//! them; ApiVersions is made from it.

use std::rc::Rc;
use std::sync::Arc;

use barnabas_metadata::controller::{ApiError, ControllerRequest, Request};
use barnabas_network::ConnectionContext;
use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::{RequestContext, encode, read, ready};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::header::RequestHeader;
use barnabas_protocol::messages::Encodable;
use barnabas_security::AclOperation;

use crate::controller::Controller;
use crate::handlers::*;

type Start = fn(&Arc<Controller>, RequestContext, &mut [u8]) -> Outcome;

/// One API that is served.
pub struct Api {
    /// Which.
    pub key: ApiKey,
    start: Start,
}

/// A row: key, how its handler is run.
/// - `raw`: `fn start`, which reads the body and writes the response itself;
/// - `ready`: `fn handle(&Controller, &RequestContext, Request) -> Response`, which waits for nothing;
/// - `decided`: the request is the controller's to decide as it is, for who may do CLUSTER_ACTION;
///   `fn begin(&Controller, &RequestContext, &Request)` is told before, `fn refused(&ApiError) -> Response`
///   answers where it isn't decided.
macro_rules! row {
    ($key:ident, raw $module:ident) => {
        Api {
            key: ApiKey::$key,
            start: $module::start,
        }
    };
    ($key:ident, ready $module:ident) => {
        Api {
            key: ApiKey::$key,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    ready(&context, &$module::handle(controller, &context, request))
                })
            },
        }
    };
    ($key:ident, decided $request:ident, $module:ident) => {
        Api {
            key: ApiKey::$key,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    if let Err(error) = check_member(controller, &context) {
                        return ready(&context, &$module::refused(&error));
                    }
                    $module::begin(controller, &context, &request);
                    let asked = barnabas_metadata::controller::$request(request);
                    decided(controller, context, asked, $module::refused)
                })
            },
        }
    };
}

/// Every API of Kafka's that is served, by ascending key.
#[rustfmt::skip]
pub static APIS: &[Api] = &[
    row!(ApiVersions,          raw k18_api_versions),
    row!(DescribeQuorum,       ready k55_describe_quorum),
    row!(AlterPartition,       decided AlterPartition,       k56_alter_partition),
    row!(DescribeCluster,      ready k60_describe_cluster),
    row!(BrokerRegistration,   decided RegisterBroker,       k62_broker_registration),
    row!(BrokerHeartbeat,      decided BrokerHeartbeat,      k63_broker_heartbeat),
    row!(AllocateProducerIds,  decided AllocateProducerIds,  k67_allocate_producer_ids),
    row!(AssignReplicasToDirs, decided AssignReplicasToDirs, k73_assign_replicas_to_dirs),
];

/// Starts the request in `frame`. A header that can't be read, an unknown key or a version out of range
/// closes the connection; ApiVersions alone answers for any version.
pub fn start(controller: &Arc<Controller>, connection: &Rc<ConnectionContext>, frame: &mut [u8]) -> Outcome {
    let refuse = |why: std::fmt::Arguments<'_>| {
        tracing::info!(client = %connection.client_host, "connection closed: {why}");
        Outcome::Ready(Reply::Close)
    };
    let header = match RequestHeader::decode(frame) {
        Ok(header) => header,
        Err(error) => return refuse(format_args!("no request of the Kafka protocol ({error})")),
    };
    let (name, version) = (header.api_key.name(), header.api_version);
    let Ok(row) = APIS.binary_search_by_key(&header.api_key, |api| api.key) else {
        return refuse(format_args!("{name} is not served by controllers"));
    };
    let api = &APIS[row];
    if !api.key.supports(version) && api.key != ApiKey::ApiVersions {
        return refuse(format_args!("{name} is not served in version {version}"));
    }
    let context = RequestContext {
        connection: connection.clone(),
        principal: connection.principal(),
        api_key: api.key,
        api_version: version,
        correlation_id: header.correlation_id,
        client_id: connection.client_id(header.client_id),
    };
    let body_start = header.size;
    (api.start)(controller, context, &mut frame[body_start..])
}

/// Only members of the cluster ask what brokers ask.
fn check_member(controller: &Controller, context: &RequestContext) -> Result<(), ApiError> {
    if controller.rights(context).on_cluster(AclOperation::ClusterAction) {
        return Ok(());
    }
    let message = "Cluster authorization failed.";
    Err(ApiError::new(ErrorCode::ClusterAuthorizationFailed, message))
}

/// Has a request decided that a broker sends, and answers as soon as its records are committed.
fn decided<R>(
    controller: &Arc<Controller>,
    context: RequestContext,
    request: R,
    refused: fn(&ApiError) -> R::Reply,
) -> Outcome
where
    R: Request + 'static,
    R::Reply: Encodable,
{
    let handle = controller.handle.clone();
    let request: ControllerRequest = request.into();
    Outcome::Exclusive(Box::pin(async move {
        let decided = handle.decide(request).await.map_err(ApiError::from);
        let response = decided.and_then(|decided| {
            R::reply_of(decided.reply).ok_or_else(|| ApiError::bare(ErrorCode::UnknownServerError))
        });
        encode(&context, &response.unwrap_or_else(|error| refused(&error)))
    }))
}

/// The keys of Kafka's that are served.
pub fn keys() -> impl Iterator<Item = ApiKey> {
    APIS.iter().map(|api| api.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_of_the_controllers_listener() {
        assert!(APIS.is_sorted_by_key(|api| api.key));
        for key in keys() {
            assert!(key.listeners().controller, "{key}");
        }
    }
}
