//! What a person is shown of a share partition: its window, run by run.

use crate::delivery::MemberId;
use crate::partition::SharePartition;
use crate::record_state::RecordState;

/// Consecutive records of one fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The first.
    pub first: i64,
    /// The last, inclusive.
    pub last: i64,
    /// Their state.
    pub state: RecordState,
    /// How often they were delivered.
    pub deliveries: i16,
    /// Who holds them.
    pub member: Option<MemberId>,
    /// When that ends, in milliseconds of the monotonic clock.
    pub until_ms: Option<i64>,
}

impl SharePartition {
    /// The window.
    pub fn in_flight(&self) -> impl Iterator<Item = InFlight> {
        self.window.runs().map(|run| {
            let lock = run.delivery.lock.as_ref();
            InFlight {
                first: run.first,
                last: run.last,
                state: run.delivery.state,
                deliveries: run.delivery.count,
                member: lock.map(|lock| lock.member.clone()),
                until_ms: lock.map(|lock| lock.until_ms),
            }
        })
    }
}
