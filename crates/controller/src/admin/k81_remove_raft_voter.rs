//! RemoveRaftVoter (key 81): takes the vote of a controller, which may be the active one (KIP-853).
//!
//! Version 0. Errors: CLUSTER_AUTHORIZATION_FAILED, INCONSISTENT_CLUSTER_ID, NOT_LEADER_OR_FOLLOWER,
//! INVALID_REQUEST (the last voter too), UNSUPPORTED_VERSION (the settings name the voters),
//! VOTER_NOT_FOUND, REQUEST_TIMED_OUT.

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::VoterChange;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{RemoveRaftVoterRequest, RemoveRaftVoterResponse};

use super::raft_voters;
use crate::admin::AdminNode;

/// Removes the voter.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: RemoveRaftVoterRequest,
) -> RemoveRaftVoterResponse {
    match remove(node, &request).await {
        Ok(()) => RemoveRaftVoterResponse::default().with_error_message(None),
        Err(error) => refused(context, &request, &error),
    }
}

async fn remove(node: &impl AdminNode, request: &RemoveRaftVoterRequest) -> Result<(), ApiError> {
    raft_voters::check_cluster(node, request.cluster_id.as_deref())?;
    let (id, directory_id) = (request.voter_id, request.voter_directory_id);
    raft_voters::check_key(id, directory_id, "Remove voter")?;
    raft_voters::change(
        node,
        VoterChange::Remove { id, directory_id },
        raft_voters::PATIENCE,
    )
    .await
}

/// The answer with an error.
pub fn refused(_: &RequestContext, _: &RemoveRaftVoterRequest, error: &ApiError) -> RemoveRaftVoterResponse {
    RemoveRaftVoterResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
