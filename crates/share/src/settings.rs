//! What is set for a share group and matters to its partitions. It may change between any two calls.

/// The group configs of a share group, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `share.partition.max.record.locks`: how many records may be between start and end offset.
    pub max_record_locks: i32,
    /// `share.delivery.count.limit`: a record that was delivered so often is not delivered again.
    pub delivery_count_limit: i16,
    /// `share.record.lock.duration.ms`: how long a member may work on a record.
    pub record_lock_duration_ms: i32,
    /// `share.renew.acknowledge.enable`: whether members may prolong their locks (KIP-1222).
    pub renew_acknowledge_enable: bool,
    /// Whether records that are given up go to a dead letter topic first (KIP-1191).
    pub dead_letters: bool,
}

/// Records are delivered in smaller portions at the earliest after so many deliveries.
const LEAST_THROTTLE_DELIVERIES: i16 = 2;

impl GroupSettings {
    /// From so many deliveries on records come in ever smaller portions: one that nobody can digest must not
    /// use up the deliveries of its neighbours.
    pub(crate) fn throttle_from(&self) -> i16 {
        // Half, rounded up.
        let half = self.delivery_count_limit / 2 + self.delivery_count_limit % 2;
        half.max(LEAST_THROTTLE_DELIVERIES)
    }

    /// Whether a record with this count is delivered alone: it has one delivery left, of more than two.
    pub(crate) fn is_last_delivery(&self, count: i16) -> bool {
        self.delivery_count_limit > 2 && count == self.delivery_count_limit - 1
    }
}
