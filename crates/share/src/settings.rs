//! What is set for a share group and matters to its partitions. It may change between any two calls.

use crate::hold::Hold;

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
    /// What Apache Kafka has not.
    pub extensions: Extensions,
}

/// The settings of a share group that Apache Kafka has not, each off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `barnabas.share.redelivery.backoff.ms`: how long a record waits after its first delivery until it is
    /// available again, doubled after each further one; 0 for not at all.
    pub backoff_ms: i64,
    /// `barnabas.share.redelivery.backoff.max.ms`: the longest such wait.
    pub backoff_max_ms: i64,
    /// Whether records may say, or their topic for them, from when on they are to be delivered.
    pub deliver_at: bool,
    /// `barnabas.share.ordering=key`: one record of a key at a time.
    pub key_order: bool,
    /// `barnabas.share.selector`: records that it does not select are passed over.
    pub selects: bool,
}

impl Extensions {
    /// Whether one of them is on.
    pub(crate) fn are_on(&self) -> bool {
        self.backoff_ms > 0 || self.look()
    }

    /// Whether records have to be looked at before they are delivered.
    pub fn look(&self) -> bool {
        self.deliver_at || self.key_order || self.selects
    }

    /// Until when a record that was delivered so often is held back.
    pub(crate) fn hold(&self, deliveries: i16, now_ms: i64) -> Hold {
        if self.backoff_ms <= 0 || deliveries < 1 {
            return Hold::Free;
        }
        let doublings = u32::try_from(deliveries - 1).unwrap_or(0).min(62);
        let wait_ms = self.backoff_ms.saturating_mul(1 << doublings);
        Hold::Until(now_ms.saturating_add(wait_ms.min(self.backoff_max_ms.max(self.backoff_ms))))
    }
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
