//! InitProducerId: an id under which a producer's batches are told apart from their duplicates (KIP-98), and
//! with a transactional id the epoch that fences whoever had it before.
//!
//! Versions 0–5 (6, two-phase commit, is not stable in Apache Kafka 4.4). Errors:
//! TRANSACTIONAL_ID_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED without a transactional id,
//! INVALID_REQUEST for an empty transactional id and for a producer id without its epoch or the other way
//! round, INVALID_TRANSACTION_TIMEOUT, PRODUCER_FENCED (up to version 3 INVALID_PRODUCER_EPOCH),
//! CONCURRENT_TRANSACTIONS while an open transaction is aborted, those of the transaction coordinator,
//! COORDINATOR_NOT_AVAILABLE while the controller can't be asked.

use std::sync::Arc;

use barnabas_coordinator::{InitProducerId, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, ProducerIdAndEpoch};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use barnabas_security::{AclOperation, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;

/// First version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 4;

/// Gives a new id with epoch 0, or the transactional id's with the next epoch.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let producer = match initialize(broker, broker.rights(context), request).await {
        Ok(producer) => producer,
        Err(ErrorCode::ProducerFenced) if context.api_version < FENCED_SINCE => {
            return failed(ErrorCode::InvalidProducerEpoch);
        }
        Err(error) => return failed(error),
    };
    InitProducerIdResponse::default()
        .with_producer_id(ProducerId(producer.producer_id))
        .with_producer_epoch(producer.producer_epoch)
}

async fn initialize(
    broker: &Arc<Broker>,
    rights: Rights<'_>,
    request: InitProducerIdRequest,
) -> Result<ProducerIdAndEpoch, ErrorCode> {
    match &request.transactional_id {
        Some(id) if !rights.on_transactional_id(AclOperation::Write, id) => {
            return Err(ErrorCode::TransactionalIdAuthorizationFailed);
        }
        None if !rights.to_write_idempotently() => return Err(ErrorCode::ClusterAuthorizationFailed),
        _ => {}
    }
    let expected = match (request.producer_id.0, request.producer_epoch) {
        (NO_PRODUCER_ID, NO_PRODUCER_EPOCH) => None,
        (NO_PRODUCER_ID, _) | (_, NO_PRODUCER_EPOCH) => return Err(ErrorCode::InvalidRequest),
        (producer_id, producer_epoch) => Some(ProducerIdAndEpoch {
            producer_id,
            producer_epoch,
        }),
    };
    let Some(transactional_id) = request.transactional_id else {
        return Ok(ProducerIdAndEpoch {
            producer_id: broker.next_producer_id().await?,
            producer_epoch: 0,
        });
    };
    if transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    let transactions = broker.transactions();
    transactions
        .config()
        .check_timeout(request.transaction_timeout_ms)?;
    let asked = InitProducerId {
        transactional_id: &transactional_id,
        timeout_ms: request.transaction_timeout_ms,
        expected,
        transaction_version: transactions.transaction_version(),
    };
    transactions
        .request(broker, &transactional_id, |core, new_producer_id, wall_ms| {
            core.init_producer_id(&asked, new_producer_id, wall_ms)
        })
        .await?
}

fn failed(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(ProducerId(NO_PRODUCER_ID))
        .with_producer_epoch(NO_PRODUCER_EPOCH)
}
