//! AddOffsetsToTxn: a group whose offsets a transaction commits (KIP-98).
//!
//! Versions 0–4. Errors: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, INVALID_REQUEST,
//! INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED (versions 0 and 1 INVALID_PRODUCER_EPOCH),
//! CONCURRENT_TRANSACTIONS, those of the coordinator.

use std::sync::Arc;

use barnabas_coordinator::ProducerIdAndEpoch;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use barnabas_security::{AclOperation, Rights};

use crate::broker::Broker;
use crate::coordinator::internal_topics;
use crate::request::RequestContext;
use barnabas_metadata::internal_topics::CONSUMER_OFFSETS;

/// First version that knows PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

/// Adds the group's partition of `__consumer_offsets` to the transaction.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let error = match add(broker, broker.rights(context), &request).await {
        Ok(()) => ErrorCode::None,
        Err(ErrorCode::ProducerFenced) if context.api_version < FENCED_SINCE => {
            ErrorCode::InvalidProducerEpoch
        }
        Err(error) => error,
    };
    AddOffsetsToTxnResponse::default().with_error_code(error.code())
}

async fn add(
    broker: &Arc<Broker>,
    rights: Rights<'_>,
    request: &AddOffsetsToTxnRequest,
) -> Result<(), ErrorCode> {
    if !rights.on_transactional_id(AclOperation::Write, &request.transactional_id) {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return Err(ErrorCode::GroupAuthorizationFailed);
    }
    internal_topics::ensure(broker, CONSUMER_OFFSETS).await?;
    let partition = broker.groups().partition_of(&request.group_id);
    let partitions = [(Arc::from(CONSUMER_OFFSETS), partition)];
    let id = request.transactional_id.as_str();
    let producer = ProducerIdAndEpoch {
        producer_id: request.producer_id.0,
        producer_epoch: request.producer_epoch,
    };
    broker
        .transactions()
        .request(broker, id, |core, _, wall_ms| {
            Ok(core.add_partitions(id, producer, &partitions, 0, wall_ms)?)
        })
        .await
}
