//! DescribeTransactions (KIP-664): what the coordinator knows of transactional ids.
//!
//! Version 0. Errors of a transactional id: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, INVALID_REQUEST for an
//! empty one, TRANSACTIONAL_ID_NOT_FOUND, those of the coordinator. Topics that the client may not describe
//! are left out.

use std::sync::Arc;

use barnabas_coordinator::TransactionMetadata;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use barnabas_protocol::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, ProducerId, StrBytes, TopicName,
};
use barnabas_security::{AclOperation, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers for every transactional id.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let mut states = Vec::with_capacity(request.transactional_ids.len());
    let rights = broker.rights(context);
    for id in request.transactional_ids {
        let answer = TransactionState::default().with_transactional_id(id.clone());
        let found = if rights.on_transactional_id(AclOperation::Describe, &id) {
            describe(broker, &id).await
        } else {
            Err(ErrorCode::TransactionalIdAuthorizationFailed)
        };
        states.push(match found {
            Ok(metadata) => described(answer, &metadata, rights),
            Err(error) => answer.with_error_code(error.code()),
        });
    }
    DescribeTransactionsResponse::default().with_transaction_states(states)
}

async fn describe(broker: &Arc<Broker>, id: &str) -> Result<TransactionMetadata, ErrorCode> {
    let found = broker.transactions().request(broker, id, |core, _, _| {
        Ok((Vec::new(), core.transaction(id).cloned()))
    });
    found.await?.ok_or(ErrorCode::TransactionalIdNotFound)
}

fn described(
    answer: TransactionState,
    metadata: &TransactionMetadata,
    rights: Rights<'_>,
) -> TransactionState {
    let may_describe = |topic: &str| rights.on_topic(AclOperation::Describe, topic);
    let partitions = metadata.partitions.iter();
    let partitions: Vec<_> = partitions.filter(|(topic, _)| may_describe(topic)).collect();
    let topics = partitions.chunk_by(|a, b| a.0 == b.0).map(|run| {
        TopicData::default()
            .with_topic(TopicName(StrBytes::from_string(run[0].0.to_string())))
            .with_partitions(run.iter().map(|(_, index)| *index).collect())
    });
    answer
        .with_producer_id(ProducerId(metadata.producer_id))
        .with_producer_epoch(metadata.producer_epoch)
        .with_transaction_state(StrBytes::from_static_str(metadata.state.name()))
        .with_transaction_timeout_ms(metadata.timeout_ms)
        .with_transaction_start_time_ms(metadata.start_timestamp_ms)
        .with_topics(topics.collect())
}
