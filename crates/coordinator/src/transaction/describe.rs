//! DescribeTransactions and ListTransactions.

use std::sync::Arc;

use super::{TransactionMetadata, TransactionShard};

/// What ListTransactions asks for; what is empty or `None` asks for all.
#[derive(Clone, Debug, Default)]
pub struct TransactionFilter<'a> {
    /// Names of states.
    pub states: Vec<&'a str>,
    /// Producer ids.
    pub producer_ids: Vec<i64>,
    /// Transactions that have lasted longer than this, milliseconds.
    pub longer_than_ms: Option<i64>,
}

/// A transactional id and what is known of it.
pub type TransactionDescription = (Arc<str>, TransactionMetadata);

impl TransactionShard {
    /// The transactional ids that pass the filter, by id.
    pub fn list(&self, filter: &TransactionFilter<'_>, wall_ms: i64) -> Vec<TransactionDescription> {
        let passes = |metadata: &TransactionMetadata| {
            (filter.producer_ids.is_empty() || filter.producer_ids.contains(&metadata.producer_id))
                && (filter.states.is_empty() || filter.states.contains(&metadata.state.name()))
                && filter
                    .longer_than_ms
                    .is_none_or(|longest| wall_ms.saturating_sub(metadata.start_timestamp_ms) > longest)
        };
        self.transactions
            .iter()
            .filter(|(_, metadata)| passes(metadata))
            .map(|(id, metadata)| (id.clone(), metadata.clone()))
            .collect()
    }
}
