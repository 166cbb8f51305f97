//! DescribeCluster (key 60) at a controller's listener: the controllers (KIP-919).
//!
//! Versions 1–2; version 0 has no endpoint type and asks for brokers. Errors: MISMATCHED_ENDPOINT_TYPE for
//! the brokers, UNSUPPORTED_ENDPOINT_TYPE for a type that doesn't exist.

use std::collections::BTreeSet;

use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use barnabas_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse, StrBytes};
use barnabas_security::NOT_ASKED;

use crate::controller::Controller;

/// `EndpointType.BROKER`.
const BROKERS: i8 = 1;
/// `EndpointType.CONTROLLER`.
const CONTROLLERS: i8 = 2;

/// Answers from what the controllers have registered, and from the addresses of the voters.
pub fn handle(
    controller: &Controller,
    context: &RequestContext,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    match request.endpoint_type {
        CONTROLLERS => {}
        BROKERS => {
            return refused(
                ErrorCode::MismatchedEndpointType,
                "The request was sent to an endpoint of type CONTROLLER, but we wanted an endpoint of type BROKER".into(),
            );
        }
        other => {
            let message = format!("Unsupported endpoint type {other}");
            return refused(ErrorCode::UnsupportedEndpointType, message);
        }
    }
    let image = controller.handle.image();
    let listener = &*context.connection.listener.name;
    let answer = |id: i32, host: &str, port: u16| {
        DescribeClusterBroker::default()
            .with_broker_id(BrokerId(id))
            .with_host(StrBytes::from_string(host.to_owned()))
            .with_port(port.into())
    };
    // Those that have yet to register are where the settings or the list of voters say.
    let voters = controller.handle.status().voters;
    let voters = voters.iter().map(|voter| voter.node_id);
    let ids: BTreeSet<i32> = image.controllers.keys().copied().chain(voters).collect();
    let controllers = ids.into_iter().filter_map(|id| {
        let registered = image.controllers.get(&id);
        let endpoint = registered.and_then(|of| of.endpoints.iter().find(|at| *at.listener == *listener));
        match endpoint {
            Some(endpoint) => Some(answer(id, &endpoint.host, endpoint.port)),
            None => controller
                .endpoint(id)
                .map(|(host, port)| answer(id, &host, port)),
        }
    });
    let operations = match request.include_cluster_authorized_operations {
        true => controller.rights(context).cluster_operations(),
        false => NOT_ASKED,
    };
    DescribeClusterResponse::default()
        .with_endpoint_type(CONTROLLERS)
        .with_cluster_id(StrBytes::from_string(image.cluster_id.to_string()))
        .with_controller_id(BrokerId(controller.handle.leader_id().unwrap_or(-1)))
        .with_brokers(controllers.collect())
        .with_cluster_authorized_operations(operations)
}

fn refused(code: ErrorCode, message: String) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_endpoint_type(CONTROLLERS)
        .with_error_code(code.code())
        .with_error_message(Some(StrBytes::from_string(message)))
}
