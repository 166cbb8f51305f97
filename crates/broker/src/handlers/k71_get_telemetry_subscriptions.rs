//! GetTelemetrySubscriptions (key 71): which metrics a client is asked to push (KIP-714).
//!
//! Version 0; offered only where somebody takes metrics. Errors: THROTTLING_QUOTA_EXCEEDED for a client
//! that asks again before its interval is over.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse, StrBytes,
};
use uuid::Uuid;

use super::k72_push_telemetry::client;
use crate::broker::Broker;
use crate::request::RequestContext;

/// Zstandard, LZ4, gzip, snappy: the best first.
const COMPRESSION_TYPES: [i8; 4] = [4, 3, 1, 2];

/// Gives a client without an id one.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: GetTelemetrySubscriptionsRequest,
) -> GetTelemetrySubscriptionsResponse {
    let answer = GetTelemetrySubscriptionsResponse::default();
    let Some(telemetry) = &broker.telemetry else {
        return answer.with_error_code(ErrorCode::UnsupportedVersion.code());
    };
    let id = match request.client_instance_id {
        id if id.is_nil() || id == Uuid::from_u128(1) => broker.random.uuid(),
        id => id,
    };
    let client = client(context, &id);
    let asked = telemetry.get(&broker.image(), id, &client, broker.clock.monotonic_ms());
    match asked {
        Ok((subscription_id, wanted)) => answer
            .with_client_instance_id(id)
            .with_subscription_id(subscription_id)
            .with_accepted_compression_types(COMPRESSION_TYPES.to_vec())
            .with_push_interval_ms(wanted.interval_ms)
            .with_telemetry_max_bytes(broker.config().telemetry_max_bytes)
            .with_delta_temporality(true)
            .with_requested_metrics(wanted.metrics.into_iter().map(StrBytes::from_string).collect()),
        Err(error) => answer.with_error_code(error.code()),
    }
}
