//! EndTxn: a producer commits or aborts its transaction (KIP-98).
//!
//! Versions 0–5; from version 5 on the answer holds the producer id and epoch of the next transaction
//! (KIP-890). Errors: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING,
//! PRODUCER_FENCED (versions 0 and 1 INVALID_PRODUCER_EPOCH), INVALID_TXN_STATE, CONCURRENT_TRANSACTIONS,
//! those of the coordinator.

use std::sync::Arc;

use barnabas_coordinator::{ProducerIdAndEpoch, TRANSACTION_VERSION_2};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{EndTxnRequest, EndTxnResponse, ProducerId};
use barnabas_security::AclOperation;

use crate::broker::Broker;
use crate::request::RequestContext;

/// From this version on a client bumps its epoch with every transaction.
const EPOCH_BUMP_SINCE: i16 = 5;
/// First version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

/// Has the coordinator decide.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: EndTxnRequest,
) -> EndTxnResponse {
    let rights = broker.rights(context);
    if !rights.on_transactional_id(AclOperation::Write, &request.transactional_id) {
        let error = ErrorCode::TransactionalIdAuthorizationFailed;
        return EndTxnResponse::default().with_error_code(error.code());
    }
    let bumps_epoch = context.api_version >= EPOCH_BUMP_SINCE;
    let client_version = if bumps_epoch { TRANSACTION_VERSION_2 } else { 0 };
    let id = request.transactional_id.as_str();
    let producer = ProducerIdAndEpoch {
        producer_id: request.producer_id.0,
        producer_epoch: request.producer_epoch,
    };
    let ended = broker
        .transactions()
        .request(broker, id, |core, new_producer_id, wall_ms| {
            core.end_transaction(
                id,
                producer,
                request.committed,
                client_version,
                new_producer_id,
                wall_ms,
            )
        });
    let error = match ended.await {
        Ok(next) if bumps_epoch => {
            return EndTxnResponse::default()
                .with_producer_id(ProducerId(next.producer_id))
                .with_producer_epoch(next.producer_epoch);
        }
        Ok(_) => ErrorCode::None,
        Err(ErrorCode::ProducerFenced) if context.api_version < FENCED_SINCE => {
            ErrorCode::InvalidProducerEpoch
        }
        Err(error) => error,
    };
    EndTxnResponse::default().with_error_code(error.code())
}
