//! UpdateRaftVoter (key 82) at a controller's listener: a voter listens somewhere else than the list of
//! voters says (KIP-853). Voters of Barnabas say it when they join; this is for who speaks Kafka's message.
//!
//! Version 0. Errors: CLUSTER_AUTHORIZATION_FAILED, INCONSISTENT_CLUSTER_ID, NOT_LEADER_OR_FOLLOWER,
//! INVALID_REQUEST, UNSUPPORTED_VERSION (the settings name the voters), VOTER_NOT_FOUND, REQUEST_TIMED_OUT.

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::{ControllerEndpoint, VoterChange};
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::update_raft_voter_response::CurrentLeader;
use barnabas_protocol::messages::{BrokerId, UpdateRaftVoterRequest, UpdateRaftVoterResponse};

use crate::admin::raft_voters;
use crate::controller::Controller;

/// Updates the voter.
pub async fn handle(
    controller: &Controller,
    context: &RequestContext,
    request: UpdateRaftVoterRequest,
) -> UpdateRaftVoterResponse {
    let response = match update(controller, &request).await {
        Ok(()) => UpdateRaftVoterResponse::default(),
        Err(error) => refused(context, &request, &error),
    };
    let status = controller.handle.status();
    let leader = CurrentLeader::default()
        .with_leader_id(BrokerId(status.leader_id))
        .with_leader_epoch(status.leader_epoch);
    response.with_current_leader(leader)
}

async fn update(controller: &Controller, request: &UpdateRaftVoterRequest) -> Result<(), ApiError> {
    raft_voters::check_cluster(controller, request.cluster_id.as_deref())?;
    let endpoints = request.listeners.iter().map(|listener| ControllerEndpoint {
        name: listener.name.to_string(),
        host: listener.host.to_string(),
        port: listener.port,
    });
    let (id, directory_id) = (request.voter_id, request.voter_directory_id);
    let node = raft_voters::voter(
        controller,
        (id, directory_id),
        endpoints.collect(),
        "Update voter",
    )?;
    raft_voters::change(
        controller,
        VoterChange::Update { id, node },
        raft_voters::PATIENCE,
    )
    .await
}

/// The answer with an error.
pub fn refused(_: &RequestContext, _: &UpdateRaftVoterRequest, error: &ApiError) -> UpdateRaftVoterResponse {
    UpdateRaftVoterResponse::default().with_error_code(error.code.code())
}
