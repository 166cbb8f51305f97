//! PushTelemetry (key 72): a client's metrics, as OTLP's `MetricsData` (KIP-714).
//!
//! Version 0; offered only where somebody takes metrics. Errors: INVALID_REQUEST without a client's id and
//! after its last push, THROTTLING_QUOTA_EXCEEDED, UNKNOWN_SUBSCRIPTION_ID, UNSUPPORTED_COMPRESSION_TYPE,
//! TELEMETRY_TOO_LARGE, INVALID_RECORD for metrics that can't be read.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::{PushTelemetryRequest, PushTelemetryResponse};
use barnabas_protocol::records::Compression;
use barnabas_protocol::records::compression::decompress;
use uuid::Uuid;

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::telemetry::{Client, Push};

/// What metrics may expand to, bytes.
const EXPANDED_BYTES_MAX: usize = 8 << 20;

/// Judges the push, then gives its metrics on.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: PushTelemetryRequest,
) -> PushTelemetryResponse {
    let answer = PushTelemetryResponse::default();
    match push(broker, context, &request) {
        Ok(()) => answer,
        Err(error) => answer.with_error_code(error.code()),
    }
}

fn push(broker: &Broker, context: &RequestContext, request: &PushTelemetryRequest) -> Result<(), ErrorCode> {
    let telemetry = broker.telemetry.as_ref().ok_or(ErrorCode::UnsupportedVersion)?;
    let id = request.client_instance_id;
    if id.is_nil() || id == Uuid::from_u128(1) {
        return Err(ErrorCode::InvalidRequest);
    }
    let client = client(context, &id);
    let codec = u8::try_from(request.compression_type).ok();
    let compression = codec.and_then(|codec| Compression::from_id(codec).ok());
    let judged = Push {
        subscription_id: request.subscription_id,
        terminating: request.terminating,
        is_known_compression: compression.is_some(),
        bytes: request.metrics.len(),
    };
    let bytes_max = usize::try_from(broker.config().telemetry_max_bytes).unwrap_or(0);
    let now_ms = broker.clock.monotonic_ms();
    telemetry.push(&broker.image(), (id, &client), &judged, bytes_max, now_ms)?;
    let Some(compression) = compression.filter(|_| !request.metrics.is_empty()) else {
        return Ok(());
    };
    let mut metrics = Vec::new();
    let expanded = decompress(compression, &request.metrics, EXPANDED_BYTES_MAX, &mut metrics);
    telemetry.receive(id, &client, expanded.ok().map(|()| metrics.as_slice()))
}

/// What is known of the client.
pub fn client(context: &RequestContext, id: &Uuid) -> Client {
    let software = context.connection.client_software();
    Client {
        instance_id: kafka_uuid::encode(*id),
        client_id: context.client_id.to_string(),
        software_name: software.0,
        software_version: software.1,
        source_address: context.connection.client_host.to_string(),
        source_port: String::new(),
    }
}
