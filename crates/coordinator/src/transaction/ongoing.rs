//! How long a transaction has been going on.
//!
//! Its record holds the wall clock's time of its begin, as Apache Kafka's. Apache Kafka compares that with
//! the wall clock, too; here the monotonic clock decides, so that a clock that is set aborts no transaction
//! and keeps none open.

use barnabas_environment::Now;

use super::record::TransactionMetadata;

/// An ongoing transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ongoing {
    /// What its record says of its begin: another begin is another transaction.
    pub(super) start_timestamp_ms: i64,
    /// The same on the monotonic clock.
    began_ms: i64,
}

impl Ongoing {
    /// A transaction of which this shard hears for the first time. That it has been going on before, under
    /// another coordinator, only the wall clock can tell; it is believed up to the time that the transaction
    /// may take.
    pub(super) fn begun(metadata: &TransactionMetadata, now: Now) -> Ongoing {
        let lasted_ms = now.wall_ms.saturating_sub(metadata.start_timestamp_ms);
        let lasted_ms = lasted_ms.min(i64::from(metadata.timeout_ms)).max(0);
        Ongoing {
            start_timestamp_ms: metadata.start_timestamp_ms,
            began_ms: now.monotonic_ms.saturating_sub(lasted_ms),
        }
    }

    /// Whether it takes longer than `timeout_ms`.
    pub(super) fn is_overdue(self, timeout_ms: i32, now: Now) -> bool {
        now.monotonic_ms.saturating_sub(self.began_ms) > i64::from(timeout_ms)
    }
}
