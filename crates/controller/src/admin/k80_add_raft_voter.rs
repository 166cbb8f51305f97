//! AddRaftVoter (key 80): gives a controller a vote that follows already (KIP-853).
//!
//! Versions 0–1; the answer comes when the change is committed, whatever version 1 says. Errors:
//! CLUSTER_AUTHORIZATION_FAILED, INCONSISTENT_CLUSTER_ID, NOT_LEADER_OR_FOLLOWER, INVALID_REQUEST,
//! UNSUPPORTED_VERSION (the settings name the voters), DUPLICATE_VOTER, REQUEST_TIMED_OUT.

use std::time::Duration;

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::{ControllerEndpoint, VoterChange};
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{AddRaftVoterRequest, AddRaftVoterResponse};

use super::raft_voters;
use crate::admin::AdminNode;

/// Adds the voter.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: AddRaftVoterRequest,
) -> AddRaftVoterResponse {
    match add(node, &request).await {
        Ok(()) => AddRaftVoterResponse::default().with_error_message(None),
        Err(error) => refused(context, &request, &error),
    }
}

async fn add(node: &impl AdminNode, request: &AddRaftVoterRequest) -> Result<(), ApiError> {
    raft_voters::check_cluster(node, request.cluster_id.as_deref())?;
    let endpoints = request.listeners.iter().map(|listener| ControllerEndpoint {
        name: listener.name.to_string(),
        host: listener.host.to_string(),
        port: listener.port,
    });
    let (id, directory_id) = (request.voter_id, request.voter_directory_id);
    let voter = raft_voters::voter(node, (id, directory_id), endpoints.collect(), "Add voter")?;
    let patience = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    raft_voters::change(node, VoterChange::Add { id, node: voter }, patience).await
}

/// The answer with an error.
pub fn refused(_: &RequestContext, _: &AddRaftVoterRequest, error: &ApiError) -> AddRaftVoterResponse {
    AddRaftVoterResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
