//! ListTransactions (KIP-664): the transactional ids of this broker, by state, producer id, duration (version
//! 1, KIP-994) and a pattern of the id (version 2, KIP-1152).
//!
//! Versions 0–2. Errors: COORDINATOR_LOAD_IN_PROGRESS, INVALID_REGULAR_EXPRESSION. States that don't exist
//! are named in the answer; transactional ids that the client may not describe are left out.

use std::sync::Arc;

use barnabas_coordinator::{TransactionFilter, TransactionState as State, re2};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::list_transactions_response::TransactionState;
use barnabas_protocol::messages::{
    ListTransactionsRequest, ListTransactionsResponse, ProducerId, StrBytes, TransactionalId,
};
use barnabas_security::ResourceType;
use regex::Regex;

use crate::broker::Broker;
use crate::request::RequestContext;

/// Lists what passes all filters.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let pattern = match pattern(request.transactional_id_pattern.as_ref()) {
        Ok(pattern) => pattern,
        Err(error) => return ListTransactionsResponse::default().with_error_code(error.code()),
    };
    let filters = request.state_filters.iter().map(StrBytes::as_str);
    let (known, unknown): (Vec<&str>, Vec<&str>) = filters.partition(|name| State::is_known(name));
    let filter = TransactionFilter {
        // With nothing but unknown states there is nothing to list.
        states: if known.is_empty() { unknown.clone() } else { known },
        producer_ids: request.producer_id_filters.iter().map(|id| id.0).collect(),
        longer_than_ms: Some(request.duration_filter).filter(|duration_ms| *duration_ms >= 0),
    };
    let unknown = unknown
        .into_iter()
        .map(|name| StrBytes::from_string(name.to_owned()));
    let answer = ListTransactionsResponse::default().with_unknown_state_filters(unknown.collect());
    match broker
        .transactions()
        .request_all(|core, wall_ms| core.list(&filter, wall_ms))
        .await
    {
        Ok(listed) => {
            let listed = listed.into_iter().flatten();
            let passing =
                listed.filter(|(id, _)| pattern.as_ref().is_none_or(|pattern| pattern.is_match(id)));
            let rights = broker.rights(context);
            let visible = passing.filter(|(id, _)| rights.to_see(ResourceType::TransactionalId, id));
            let states = visible.map(|(id, metadata)| {
                TransactionState::default()
                    .with_transactional_id(TransactionalId(StrBytes::from_string(id.to_string())))
                    .with_producer_id(ProducerId(metadata.producer_id))
                    .with_transaction_state(StrBytes::from_static_str(metadata.state.name()))
            });
            answer.with_transaction_states(states.collect())
        }
        Err(error) => ListTransactionsResponse::default().with_error_code(error.code()),
    }
}

/// The pattern that a whole transactional id must match; none is empty or null.
fn pattern(pattern: Option<&StrBytes>) -> Result<Option<Regex>, ErrorCode> {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else {
        return Ok(None);
    };
    re2::compile(pattern)
        .map(Some)
        .map_err(|_| ErrorCode::InvalidRegularExpression)
}
