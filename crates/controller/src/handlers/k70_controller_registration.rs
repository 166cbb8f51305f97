//! ControllerRegistration (key 70): a controller that starts. Controllers alone ask it;
//! `barnabas_metadata::controller` decides.
//!
//! Version 0. CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, and what the decision says.

use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{ControllerRegistrationRequest, ControllerRegistrationResponse};

use crate::controller::Controller;

/// Nothing is to be noted.
pub fn begin(_: &Controller, _: &RequestContext, _: &ControllerRegistrationRequest) {}

/// The answer where it isn't decided.
pub fn refused(error: &ApiError) -> ControllerRegistrationResponse {
    ControllerRegistrationResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
