//! DescribeCluster (key 60): the brokers that are alive, as Metadata tells them, without the topics (KIP-700,
//! KIP-919).
//!
//! Versions 0–2. Errors: UNSUPPORTED_ENDPOINT_TYPE for an endpoint type that doesn't exist,
//! MISMATCHED_ENDPOINT_TYPE for the controllers' one, which this listener doesn't serve.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use barnabas_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse, StrBytes};
use barnabas_security::NOT_ASKED;

use crate::broker::Broker;
use crate::request::{RequestContext, endpoint};

/// `EndpointType.BROKER`.
const BROKERS: i8 = 1;
/// `EndpointType.CONTROLLER`.
const CONTROLLERS: i8 = 2;

/// Answers from the latest image.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            return refused(
                ErrorCode::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER".into(),
            );
        }
        other => {
            let message = format!("Unsupported endpoint type {other}");
            return refused(ErrorCode::UnsupportedEndpointType, message);
        }
    }
    let image = broker.image();
    let this_node = broker.node_id;
    let shown = image
        .brokers
        .values()
        .filter(|broker| !broker.fenced || request.include_fenced_brokers);
    let brokers = shown.filter_map(|broker| {
        let (host, port) = endpoint(&context.connection, this_node, broker)?;
        let answer = DescribeClusterBroker::default()
            .with_broker_id(BrokerId(broker.broker_id))
            .with_host(StrBytes::from_string(host.to_owned()))
            .with_port(port.into())
            .with_rack(broker.rack.clone().map(StrBytes::from_string))
            .with_is_fenced(broker.fenced);
        Some(answer)
    });
    let controller = image
        .brokers
        .values()
        .find(|broker| !broker.fenced)
        .map_or(-1, |broker| broker.broker_id);
    let operations = match request.include_cluster_authorized_operations {
        true => broker.rights(context).cluster_operations(),
        false => NOT_ASKED,
    };
    DescribeClusterResponse::default()
        .with_cluster_id(StrBytes::from_string(image.cluster_id.to_string()))
        .with_controller_id(BrokerId(controller))
        .with_brokers(brokers.collect())
        .with_cluster_authorized_operations(operations)
}

fn refused(code: ErrorCode, message: String) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_error_code(code.code())
        .with_error_message(Some(StrBytes::from_string(message)))
}
