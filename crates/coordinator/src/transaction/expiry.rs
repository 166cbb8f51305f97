//! What time does: transactions that take too long are aborted, transactional ids that nobody uses are
//! forgotten.

use std::sync::Arc;

use super::{TransactionRecord, TransactionShard, record};
use barnabas_environment::Now;

impl TransactionShard {
    /// Call [`Self::on_timer`] at this time; `None` if there is nothing to wait for.
    pub fn next_deadline(&self) -> Option<i64> {
        self.abort_at_ms.into_iter().chain(self.expire_at_ms).min()
    }

    /// Looks for what is due, at the intervals that the configuration gives.
    pub fn on_timer(&mut self, transaction_version: i16, now: Now) -> Vec<TransactionRecord> {
        let mut records = Vec::new();
        if self.abort_at_ms.is_some_and(|at_ms| at_ms <= now.monotonic_ms) {
            self.abort_at_ms = None;
            records = self.timed_out(transaction_version, now);
        }
        if self.expire_at_ms.is_some_and(|at_ms| at_ms <= now.monotonic_ms) {
            self.expire_at_ms = None;
            records.extend(self.expired(now.wall_ms));
        }
        self.schedule(now);
        records
    }

    pub(super) fn schedule(&mut self, now: Now) {
        if self.abort_at_ms.is_none() && !self.ongoing.is_empty() {
            self.abort_at_ms = Some(
                now.monotonic_ms
                    .saturating_add(self.config.abort_timed_out_interval_ms),
            );
        }
        if self.expire_at_ms.is_none() && !self.transactions.is_empty() {
            self.expire_at_ms = Some(
                now.monotonic_ms
                    .saturating_add(self.config.remove_expired_interval_ms),
            );
        }
    }

    fn timed_out(&self, transaction_version: i16, now: Now) -> Vec<TransactionRecord> {
        let overdue = self.ongoing.iter().filter_map(|(id, ongoing)| {
            let metadata = self.transactions.get(id)?;
            ongoing
                .is_overdue(metadata.timeout_ms, now)
                .then_some((id, metadata))
        });
        overdue
            .map(|(id, metadata)| record(id, metadata.fence(transaction_version, now.wall_ms)))
            .collect()
    }

    fn expired(&self, wall_ms: i64) -> Vec<TransactionRecord> {
        let last_used_ms = wall_ms.saturating_sub(self.config.transactional_id_expiration_ms);
        let tombstone = |id: &Arc<str>| TransactionRecord {
            transactional_id: id.clone(),
            value: None,
        };
        self.transactions
            .iter()
            .filter(|(_, metadata)| {
                metadata.state.is_idle() && metadata.last_update_timestamp_ms <= last_used_ms
            })
            .map(|(id, _)| tombstone(id))
            .collect()
    }
}
