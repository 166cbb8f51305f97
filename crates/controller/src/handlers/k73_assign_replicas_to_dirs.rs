//! AssignReplicasToDirs (key 73): in which folders a broker's replicas lie. Brokers alone ask it;
//! `barnabas_metadata::controller` decides.
//!
//! CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, and what the decision says.

use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse};

use crate::controller::Controller;

/// Nothing is to be noted.
pub fn begin(_: &Controller, _: &RequestContext, _: &AssignReplicasToDirsRequest) {}

/// The answer where it isn't decided.
pub fn refused(error: &ApiError) -> AssignReplicasToDirsResponse {
    AssignReplicasToDirsResponse::default().with_error_code(error.code.code())
}
