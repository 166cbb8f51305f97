//! AlterPartition (key 56): the ISRs that a leader asks for. Brokers alone ask it;
//! `barnabas_metadata::controller` decides.
//!
//! CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, and what the decision says.

use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{AlterPartitionRequest, AlterPartitionResponse};

use crate::controller::Controller;

/// Nothing is to be noted.
pub fn begin(_: &Controller, _: &RequestContext, _: &AlterPartitionRequest) {}

/// The answer where it isn't decided.
pub fn refused(error: &ApiError) -> AlterPartitionResponse {
    AlterPartitionResponse::default().with_error_code(error.code.code())
}
