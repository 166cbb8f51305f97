//! UnregisterBroker (key 64) at a controller's listener: forgets a broker that won't come back.
//!
//! Version 0. Errors: CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, BROKER_ID_NOT_REGISTERED.

use barnabas_metadata::controller::{ApiError, UnregisterBroker};
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use crate::controller::Controller;

/// Forgets the broker.
pub async fn handle(
    controller: &Controller,
    context: &RequestContext,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let broker_id = request.broker_id.0;
    let forgotten = controller.client.submit(UnregisterBroker { broker_id }).await;
    match forgotten.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(()) => UnregisterBrokerResponse::default().with_error_message(None),
        Err(error) => refused(context, &request, &error),
    }
}

/// The answer with an error.
pub fn refused(
    _: &RequestContext,
    _: &UnregisterBrokerRequest,
    error: &ApiError,
) -> UnregisterBrokerResponse {
    UnregisterBrokerResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
