//! DeleteShareGroupState (KIP-932): forgets share partitions.
//!
//! Version 0. Errors of a partition: CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST,
//! UNKNOWN_TOPIC_OR_PARTITION, and the coordinator's own.

use std::sync::Arc;

use barnabas_protocol::messages::{DeleteShareGroupStateRequest, DeleteShareGroupStateResponse};

use crate::broker::Broker;
use crate::coordinator::share_state_api;
use crate::request::RequestContext;

/// From the first version on: no client sends it.
pub const SENT_BY_BROKERS_SINCE: i16 = 0;

/// Answers when what was decided is committed.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DeleteShareGroupStateRequest,
) -> DeleteShareGroupStateResponse {
    share_state_api::serve(broker, context, request).await
}
