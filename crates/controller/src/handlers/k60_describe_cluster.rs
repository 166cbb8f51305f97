//! DescribeCluster (key 60) at a controller's listener: the controllers (KIP-919).
//!
//! Versions 1–2; version 0 has no endpoint type and asks for brokers. Errors: MISMATCHED_ENDPOINT_TYPE for
//! the brokers, UNSUPPORTED_ENDPOINT_TYPE for a type that doesn't exist.

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

/// Answers from the addresses of the voters.
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
    let controllers = controller.controllers.keys().filter_map(|id| {
        let (host, port) = controller.endpoint(*id)?;
        let answer = DescribeClusterBroker::default()
            .with_broker_id(BrokerId(*id))
            .with_host(StrBytes::from_string(host.to_owned()))
            .with_port(port.into());
        Some(answer)
    });
    let operations = match request.include_cluster_authorized_operations {
        true => controller.rights(context).cluster_operations(),
        false => NOT_ASKED,
    };
    DescribeClusterResponse::default()
        .with_endpoint_type(CONTROLLERS)
        .with_cluster_id(StrBytes::from_string(
            controller.handle.image().cluster_id.to_string(),
        ))
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
