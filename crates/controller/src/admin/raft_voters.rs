//! What the requests have in common that change the voters (KIP-853).

use std::time::Duration;

use barnabas_metadata::MetadataError;
use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::{ControllerEndpoint, VoterChange, VoterNode};
use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::AdminNode;

/// A change takes no longer, whatever a client says.
const PATIENCE_MAX: Duration = Duration::from_secs(60);
/// For requests that don't say how long they wait.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Nobody has more listeners.
const ENDPOINTS_MAX: usize = 64;

/// INCONSISTENT_CLUSTER_ID, where a request is for another cluster.
pub fn check_cluster(node: &impl AdminNode, cluster_id: Option<&str>) -> Result<(), ApiError> {
    match cluster_id {
        Some(named) if *named != *node.image().cluster_id => {
            Err(ApiError::bare(ErrorCode::InconsistentClusterId))
        }
        _ => Ok(()),
    }
}

/// The controller that a request is about, by its directory and its listeners: that one first by which
/// controllers ask each other.
pub fn voter(
    node: &impl AdminNode,
    (id, directory_id): (i32, Uuid),
    mut endpoints: Vec<ControllerEndpoint>,
    request: &str,
) -> Result<VoterNode, ApiError> {
    check_key(id, directory_id, request)?;
    let invalid = |why: String| ApiError::new(ErrorCode::InvalidRequest, why);
    if endpoints.len() > ENDPOINTS_MAX {
        return Err(invalid(format!("{request} request has too many listeners")));
    }
    let layers = node.layers();
    let names = layers.given("controller.listener.names").unwrap_or_default();
    let default = names.split(',').next().unwrap_or_default().trim();
    let is_default = |endpoint: &ControllerEndpoint| endpoint.name.eq_ignore_ascii_case(default);
    match endpoints.iter().position(is_default) {
        Some(first) => endpoints.swap(0, first),
        None => {
            let listed: Vec<String> = endpoints
                .iter()
                .map(|endpoint| format!("{}://{}", endpoint.name, endpoint.address()))
                .collect();
            return Err(invalid(format!(
                "{request} request didn't include the endpoint ([{}]) for the default listener {default}",
                listed.join(", ")
            )));
        }
    }
    Ok(VoterNode {
        directory_id,
        endpoints,
    })
}

/// INVALID_REQUEST, where no voter can be meant.
pub fn check_key(id: i32, directory_id: Uuid, request: &str) -> Result<(), ApiError> {
    match id < 0 || directory_id.is_nil() {
        true => Err(ApiError::new(
            ErrorCode::InvalidRequest,
            format!("{request} request didn't include a valid voter"),
        )),
        false => Ok(()),
    }
}

/// Has the active controller change the voters. At a controller that isn't it the answer is
/// NOT_LEADER_OR_FOLLOWER, as raft's requests have it; a broker looks for it.
pub async fn change(node: &impl AdminNode, change: VoterChange, patience: Duration) -> Result<(), ApiError> {
    let patience = patience.min(PATIENCE_MAX);
    match node.controllers().change_voters(change, patience).await {
        Ok(changed) => changed,
        Err(MetadataError::NotController { .. }) => Err(ApiError::bare(ErrorCode::NotLeaderOrFollower)),
        Err(error) => Err(error.into()),
    }
}
