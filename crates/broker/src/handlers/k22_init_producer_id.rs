//! InitProducerId: an id under which a producer's batches are told apart from their duplicates (KIP-98).
//!
//! Versions 0–5. Deviation: transactions are not served yet, so a transactional id is refused with
//! UNSUPPORTED_VERSION, which clients report at once. Errors else: INVALID_REQUEST for an empty transactional id
//! and for a producer id without its epoch or the other way round,
//! COORDINATOR_NOT_AVAILABLE while the controller can't be asked.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Stands for no producer id yet.
const NO_PRODUCER_ID: ProducerId = ProducerId(-1);
/// Stands for no producer epoch yet.
const NO_PRODUCER_EPOCH: i16 = -1;

/// Gives a new id with epoch 0.
pub async fn handle(
    broker: &Broker,
    _context: &RequestContext,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    match request.transactional_id {
        Some(id) if id.is_empty() => return error(ErrorCode::InvalidRequest),
        Some(_) => return error(ErrorCode::UnsupportedVersion),
        None => {}
    }
    let epoch_missing = request.producer_epoch == NO_PRODUCER_EPOCH;
    if (request.producer_id == NO_PRODUCER_ID) != epoch_missing {
        return error(ErrorCode::InvalidRequest);
    }
    let broker_epoch = broker
        .image()
        .brokers
        .get(&broker.node_id)
        .map_or(-1, |this| this.broker_epoch);
    match broker
        .producer_ids
        .next(&broker.controller, broker.node_id, broker_epoch)
        .await
    {
        Ok(id) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(0),
        Err(cause) => {
            tracing::warn!(%cause, "no block of producer ids");
            error(ErrorCode::CoordinatorNotAvailable)
        }
    }
}

fn error(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(NO_PRODUCER_ID)
        .with_producer_epoch(NO_PRODUCER_EPOCH)
}
