//! StreamsGroupTopologyDescriptionUpdate (KIP-1331): a member that was asked for it describes its topology.
//!
//! Version 0. UNSUPPORTED_VERSION while streams.version is 0 or
//! group.coordinator.rebalance.protocols lacks the protocol. Other errors: GROUP_AUTHORIZATION_FAILED,
//! INVALID_REQUEST, UNKNOWN_MEMBER_ID, STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED for a description that is
//! too large, and the coordinator's own. Apache Kafka needs a plugin for this; here the coordinator keeps
//! descriptions in memory.

use barnabas_coordinator::GroupRefusal;
use barnabas_metadata::features::STREAMS_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    StrBytes, StreamsGroupTopologyDescriptionUpdateRequest, StreamsGroupTopologyDescriptionUpdateResponse,
};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers when it is known to whoever describes the group.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: StreamsGroupTopologyDescriptionUpdateRequest,
) -> StreamsGroupTopologyDescriptionUpdateResponse {
    if !broker.has_groups(STREAMS_VERSION) {
        return refused(ErrorCode::UnsupportedVersion.into());
    }
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return refused(ErrorCode::GroupAuthorizationFailed.into());
    }
    let answered = broker.groups().request(&request.group_id, |core, _| {
        Ok(match core.update_streams_description(&request) {
            Ok(outcome) => (outcome.records, outcome.reply),
            Err(refusal) => (Vec::new(), Err(refusal)),
        })
    });
    match answered.await {
        Ok(Ok(())) => StreamsGroupTopologyDescriptionUpdateResponse::default(),
        Ok(Err(refusal)) => refused(refusal),
        Err(error) => refused(error.into()),
    }
}

fn refused(refusal: GroupRefusal) -> StreamsGroupTopologyDescriptionUpdateResponse {
    StreamsGroupTopologyDescriptionUpdateResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(refusal.message.map(StrBytes::from_string))
}
