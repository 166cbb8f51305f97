//! BrokerRegistration (key 62): a broker that starts. Brokers alone ask it; `barnabas_metadata::controller`
//! decides.
//!
//! CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, and what the decision says.

use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{BrokerRegistrationRequest, BrokerRegistrationResponse};

use crate::controller::Controller;

/// Nothing is to be noted.
pub fn begin(_: &Controller, _: &RequestContext, _: &BrokerRegistrationRequest) {}

/// The answer where it isn't decided.
pub fn refused(error: &ApiError) -> BrokerRegistrationResponse {
    BrokerRegistrationResponse::default().with_error_code(error.code.code())
}
