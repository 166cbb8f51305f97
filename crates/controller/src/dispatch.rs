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

use crate::admin::*;
use crate::authorization;
use crate::controller::Controller;
use crate::handlers::*;

type Start = fn(&Arc<Controller>, RequestContext, &mut [u8]) -> Outcome;

/// One API that is served.
pub struct Api {
    /// Which.
    pub key: ApiKey,
    /// Whether the time that a request takes counts for its client's quota. That of the cluster's nodes
    /// doesn't.
    is_counted: bool,
    start: Start,
}

/// A row: key, how its handler is run.
/// - `raw`: `fn start`, which reads the body and writes the response itself;
/// - `ready`: `fn handle(&Controller, &RequestContext, Request) -> Response`, which waits for nothing;
/// - `admin`: `async fn handle(&impl AdminNode, &RequestContext, Request) -> Response`; later requests of the
///   connection start when it is done. Where the table authorises,
///   `fn refused(&RequestContext, &Request, &ApiError) -> Response` is the answer to who may not;
/// - `read`: the same for a handler that waits for nothing;
/// - `checked ready`, `checked admin`: where `fn is_understood(&Request)` says whether the connection is
///   closed instead;
/// - `decided`: the request is the controller's to decide as it is, for who may do CLUSTER_ACTION;
///   `fn begin(&Controller, &RequestContext, &Request)` is told before, `fn refused(&ApiError) -> Response`
///   answers where it isn't decided.
macro_rules! row {
    ($key:ident, raw $module:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: false,
            start: $module::start,
        }
    };
    ($key:ident, ready $module:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: true,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    ready(&context, &$module::handle(&**controller, &context, request))
                })
            },
        }
    };
    ($key:ident, admin $module:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: true,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    let controller = controller.clone();
                    Outcome::Exclusive(Box::pin(async move {
                        let response = $module::handle(&*controller, &context, request).await;
                        encode(&context, &response)
                    }))
                })
            },
        }
    };
    ($key:ident, admin $module:ident, $operation:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: true,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    if let Err(error) = check(controller, &context, AclOperation::$operation) {
                        return ready(&context, &$module::refused(&context, &request, &error));
                    }
                    let controller = controller.clone();
                    Outcome::Exclusive(Box::pin(async move {
                        let response = $module::handle(&*controller, &context, request).await;
                        encode(&context, &response)
                    }))
                })
            },
        }
    };
    ($key:ident, checked ready $module:ident, $operation:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: true,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    if !$module::is_understood(&request) {
                        return Outcome::Ready(Reply::Close);
                    }
                    match check(controller, &context, AclOperation::$operation) {
                        Ok(()) => ready(&context, &$module::handle(&**controller, &context, request)),
                        Err(error) => ready(&context, &$module::refused(&context, &request, &error)),
                    }
                })
            },
        }
    };
    ($key:ident, checked admin $module:ident, $operation:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: true,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    if !$module::is_understood(&request) {
                        return Outcome::Ready(Reply::Close);
                    }
                    if let Err(error) = check(controller, &context, AclOperation::$operation) {
                        return ready(&context, &$module::refused(&context, &request, &error));
                    }
                    let controller = controller.clone();
                    Outcome::Exclusive(Box::pin(async move {
                        let response = $module::handle(&*controller, &context, request).await;
                        encode(&context, &response)
                    }))
                })
            },
        }
    };
    ($key:ident, read $module:ident, $operation:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: true,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    let allowed = check(controller, &context, AclOperation::$operation);
                    match allowed.and_then(|()| controller.check_active()) {
                        Ok(()) => ready(&context, &$module::handle(&**controller, &context, request)),
                        Err(error) => ready(&context, &$module::refused(&context, &request, &error)),
                    }
                })
            },
        }
    };
    ($key:ident, decided $request:ident, $module:ident) => {
        Api {
            key: ApiKey::$key,
            is_counted: false,
            start: |controller, context, body| {
                read(context, body, |context, request| {
                    if let Err(error) = check(controller, &context, AclOperation::ClusterAction) {
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
    row!(SaslHandshake,                ready k17_sasl_handshake),
    row!(ApiVersions,                  raw k18_api_versions),
    row!(CreateTopics,                 admin k19_create_topics),
    row!(DeleteTopics,                 admin k20_delete_topics),
    row!(DescribeAcls,                 checked ready k29_describe_acls, Describe),
    row!(CreateAcls,                   checked admin k30_create_acls, Alter),
    row!(DeleteAcls,                   checked admin k31_delete_acls, Alter),
    row!(DescribeConfigs,              ready k32_describe_configs),
    row!(AlterConfigs,                 admin k33_alter_configs),
    row!(SaslAuthenticate,             ready k36_sasl_authenticate),
    row!(CreatePartitions,             admin k37_create_partitions),
    row!(CreateDelegationToken,        admin k38_create_delegation_token),
    row!(RenewDelegationToken,         admin k39_renew_delegation_token),
    row!(ExpireDelegationToken,        admin k40_expire_delegation_token),
    row!(ElectLeaders,                 admin k43_elect_leaders, Alter),
    row!(IncrementalAlterConfigs,      admin k44_incremental_alter_configs),
    row!(AlterPartitionReassignments,  admin k45_alter_partition_reassignments, Alter),
    row!(ListPartitionReassignments,   read k46_list_partition_reassignments, Describe),
    row!(AlterClientQuotas,            admin k49_alter_client_quotas, AlterConfigs),
    row!(DescribeUserScramCredentials, read k50_describe_user_scram_credentials, Describe),
    row!(AlterUserScramCredentials,    admin k51_alter_user_scram_credentials, Alter),
    row!(DescribeQuorum,               ready k55_describe_quorum),
    row!(AlterPartition,               decided AlterPartition, k56_alter_partition),
    row!(UpdateFeatures,               admin k57_update_features, Alter),
    row!(Envelope,                     raw k58_envelope),
    row!(DescribeCluster,              ready k60_describe_cluster),
    row!(BrokerRegistration,           decided RegisterBroker, k62_broker_registration),
    row!(BrokerHeartbeat,              decided BrokerHeartbeat, k63_broker_heartbeat),
    row!(UnregisterBroker,             admin k64_unregister_broker, Alter),
    row!(AllocateProducerIds,          decided AllocateProducerIds, k67_allocate_producer_ids),
    row!(ControllerRegistration,       decided RegisterController, k70_controller_registration),
    row!(AssignReplicasToDirs,         decided AssignReplicasToDirs, k73_assign_replicas_to_dirs),
    row!(AddRaftVoter,                 admin k80_add_raft_voter, Alter),
    row!(RemoveRaftVoter,              admin k81_remove_raft_voter, Alter),
    row!(UpdateRaftVoter,              admin k82_update_raft_voter, ClusterAction),
    row!(UnregisterController,         admin k94_unregister_controller, Alter),
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
    let Some(api) = served(header.api_key) else {
        return refuse(format_args!("{name} is not served by controllers"));
    };
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
    run(controller, api, context, &mut frame[body_start..])
}

/// The row of an API that is served.
pub fn served(key: ApiKey) -> Option<&'static Api> {
    let row = APIS.binary_search_by_key(&key, |api| api.key);
    row.ok().map(|row| &APIS[row])
}

/// Runs a request's handler.
pub fn run(controller: &Arc<Controller>, api: &Api, context: RequestContext, body: &mut [u8]) -> Outcome {
    let throttling = &controller.throttling;
    match throttling.begin() {
        Some(began) if api.is_counted => {
            let outcome = (api.start)(controller, context.clone(), body);
            throttling.time(context, throttling.since(Some(began)), outcome)
        }
        _ => (api.start)(controller, context, body),
    }
}

fn check(controller: &Controller, context: &RequestContext, operation: AclOperation) -> Result<(), ApiError> {
    match controller.rights(context).on_cluster(operation) {
        true => Ok(()),
        false => Err(authorization::failed(ErrorCode::ClusterAuthorizationFailed)),
    }
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
