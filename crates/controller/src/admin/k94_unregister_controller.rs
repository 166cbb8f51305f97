//! UnregisterController (key 94): forgets a controller that won't come back.
//!
//! Version 0. Errors: CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, UNSUPPORTED_VERSION,
//! CONTROLLER_ID_NOT_REGISTERED.

use barnabas_metadata::controller::{ApiError, UnregisterController};
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{UnregisterControllerRequest, UnregisterControllerResponse};

use crate::admin::AdminNode;

/// Forgets the controller.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: UnregisterControllerRequest,
) -> UnregisterControllerResponse {
    let controller_id = request.controller_id;
    let forgotten = node
        .controllers()
        .submit(UnregisterController { controller_id })
        .await;
    match forgotten.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(()) => UnregisterControllerResponse::default().with_error_message(None),
        Err(error) => refused(context, &request, &error),
    }
}

/// The answer with an error.
pub fn refused(
    _: &RequestContext,
    _: &UnregisterControllerRequest,
    error: &ApiError,
) -> UnregisterControllerResponse {
    UnregisterControllerResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
