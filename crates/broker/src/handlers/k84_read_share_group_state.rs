//! ReadShareGroupState (KIP-932): the state of share partitions, for the broker that leads them.
//!
//! Version 0. Errors of a partition: CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST, FENCED_LEADER_EPOCH,
//! UNKNOWN_TOPIC_OR_PARTITION, and the coordinator's own.

use std::sync::Arc;

use barnabas_protocol::messages::{ReadShareGroupStateRequest, ReadShareGroupStateResponse};

use crate::broker::Broker;
use crate::coordinator::share_state_api;
use crate::request::RequestContext;

/// From the first version on: no client sends it.
pub const SENT_BY_BROKERS_SINCE: i16 = 0;

/// Answers when what was decided is committed.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: ReadShareGroupStateRequest,
) -> ReadShareGroupStateResponse {
    share_state_api::serve(broker, context, request).await
}
