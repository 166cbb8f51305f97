//! How fast replicas that are not in sync are filled (KIP-73): for each topic which replicas are throttled,
//! for the broker how many bytes a second it sends to such replicas and takes as one. Kafka's
//! `ReplicationQuotaManager`.
//!
//! A replica in sync is never throttled, so that producers don't wait for one that is.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use barnabas_config::Layers;
use barnabas_config::effect::{FOLLOWER_REPLICATION_RATE, LEADER_REPLICATION_RATE};
use parking_lot::Mutex;

/// A limit that is changed takes effect at the latest after this time.
const PAUSE_MAX_MS: i64 = 1000;
/// In place of a list: all replicas.
const ALL: &str = "*";

/// The quotas of this broker.
#[derive(Debug)]
pub struct ReplicationQuotas {
    /// This broker.
    pub node_id: i32,
    /// Of what its leaders send (`leader.replication.throttled.rate`).
    pub leader: ReplicationQuota,
    /// Of what its followers take (`follower.replication.throttled.rate`).
    pub follower: ReplicationQuota,
}

impl ReplicationQuotas {
    /// Those of a broker, still without limits. Rates are measured over `count` windows of `size_seconds`
    /// (`replication.quota.window.num`, `replication.quota.window.size.seconds`).
    pub fn new(node_id: i32, (count, size_seconds): (i32, i32)) -> Self {
        let windows = Windows {
            count: usize::try_from(count).unwrap_or(1),
            size_ms: i64::from(size_seconds) * 1000,
        };
        ReplicationQuotas {
            node_id,
            leader: ReplicationQuota::new(windows),
            follower: ReplicationQuota::new(windows),
        }
    }

    /// Takes over the limits in effect.
    pub fn configure(&self, layers: &Layers) {
        let limit = |name| -> Option<i64> { layers.given(name)?.parse().ok() };
        self.leader.limit(limit(LEADER_REPLICATION_RATE));
        self.follower.limit(limit(FOLLOWER_REPLICATION_RATE));
    }
}

/// Which replicas of a topic are throttled, as `leader.replication.throttled.replicas` and its sibling say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ThrottledReplicas {
    /// None.
    #[default]
    Nobody,
    /// Those of all partitions on all brokers.
    Everybody,
    /// These: partition and broker.
    These(Vec<(i32, i32)>),
}

impl ThrottledReplicas {
    /// Reads `*` or a list of `partition:broker`; what is neither names nobody.
    pub fn parse(list: &[String]) -> Self {
        if list.iter().any(|item| item.trim() == ALL) {
            return Self::Everybody;
        }
        let replica = |item: &String| {
            let (partition, broker) = item.trim().split_once(':')?;
            Some((partition.parse().ok()?, broker.parse().ok()?))
        };
        let these: Vec<_> = list.iter().filter_map(replica).collect();
        if these.is_empty() {
            Self::Nobody
        } else {
            Self::These(these)
        }
    }

    /// Whether a broker's replica of a partition is among them.
    pub fn has(&self, partition: i32, broker: i32) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::These(these) => these.contains(&(partition, broker)),
        }
    }
}

/// Over which windows a rate is measured.
#[derive(Clone, Copy, Debug)]
struct Windows {
    count: usize,
    size_ms: i64,
}

/// A rate and its limit. Without a limit nothing is measured, and one flag is all that is looked at.
#[derive(Debug)]
pub struct ReplicationQuota {
    is_limited: AtomicBool,
    measured: Mutex<Measured>,
}

#[derive(Debug)]
struct Measured {
    windows: Windows,
    /// Bytes a second.
    limit: Option<i64>,
    /// When a window began, and what was taken in it; the oldest first.
    taken: VecDeque<(i64, i64)>,
}

impl ReplicationQuota {
    fn new(windows: Windows) -> Self {
        ReplicationQuota {
            is_limited: AtomicBool::new(false),
            measured: Mutex::new(Measured {
                windows,
                limit: None,
                taken: VecDeque::new(),
            }),
        }
    }

    fn limit(&self, limit: Option<i64>) {
        let limit = limit.filter(|limit| *limit < i64::MAX);
        self.measured.lock().limit = limit;
        self.is_limited.store(limit.is_some(), Ordering::Relaxed);
    }

    /// Whether there is a limit at all.
    pub fn is_limited(&self) -> bool {
        self.is_limited.load(Ordering::Relaxed)
    }

    /// Counts bytes of throttled replicas. `now_ms` is of the monotonic clock.
    pub fn record(&self, bytes: usize, now_ms: i64) {
        if bytes == 0 || !self.is_limited() {
            return;
        }
        self.measured
            .lock()
            .record(i64::try_from(bytes).unwrap_or(i64::MAX), now_ms);
    }

    /// For how many milliseconds throttled replicas that are not in sync get nothing; 0 where they may.
    pub fn pause_ms(&self, now_ms: i64) -> i64 {
        match self.is_limited() {
            true => self.measured.lock().pause_ms(now_ms),
            false => 0,
        }
    }
}

impl Measured {
    fn record(&mut self, bytes: i64, now_ms: i64) {
        match self.taken.back_mut() {
            Some((start_ms, taken)) if now_ms - *start_ms < self.windows.size_ms => {
                *taken = taken.saturating_add(bytes);
            }
            _ => {
                if self.taken.len() >= self.windows.count {
                    self.taken.pop_front();
                }
                self.taken.push_back((now_ms, bytes));
            }
        }
    }

    fn pause_ms(&mut self, now_ms: i64) -> i64 {
        let Some(limit) = self.limit else { return 0 };
        let past_ms = self.windows.size_ms * self.windows.count as i64;
        while self
            .taken
            .front()
            .is_some_and(|(start_ms, _)| now_ms - start_ms >= past_ms)
        {
            self.taken.pop_front();
        }
        let Some((oldest_ms, _)) = self.taken.front() else {
            return 0;
        };
        // As Kafka's SimpleRate: over the time since the oldest window began, one window at least.
        let elapsed_ms = (now_ms - oldest_ms).max(self.windows.size_ms);
        let taken: i64 = self
            .taken
            .iter()
            .fold(0, |sum, (_, taken)| sum.saturating_add(*taken));
        let allowed_after_ms = taken.saturating_mul(1000) / limit.max(1);
        (allowed_after_ms - elapsed_ms).clamp(0, PAUSE_MAX_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(limit: i64) -> ReplicationQuota {
        let quota = ReplicationQuota::new(Windows {
            count: 11,
            size_ms: 1000,
        });
        quota.limit(Some(limit));
        quota
    }

    #[test]
    fn what_is_taken_keeps_within_the_limit() {
        let quota = quota(1000);
        let (mut now_ms, mut taken) = (0, 0);
        while now_ms < 30_000 {
            match quota.pause_ms(now_ms) {
                0 => {
                    quota.record(300, now_ms);
                    taken += 300;
                    now_ms += 1;
                }
                pause_ms => now_ms += pause_ms,
            }
        }
        assert!((28_000..36_000).contains(&taken), "{taken} in 30 s of 1,000 B/s");
    }

    #[test]
    fn a_limit_that_is_gone_or_was_never_there_holds_nobody() {
        let quota = quota(1);
        quota.record(1 << 20, 0);
        assert_eq!(quota.pause_ms(0), PAUSE_MAX_MS);
        for limit in [None, Some(i64::MAX)] {
            quota.limit(limit);
            assert!(!quota.is_limited());
            assert_eq!(quota.pause_ms(1), 0);
        }
        quota.limit(Some(1));
        assert_eq!(quota.pause_ms(11_000), 0, "its windows have passed");
    }

    #[test]
    fn nothing_is_taken_under_a_limit_of_nothing_once_something_was() {
        let quota = quota(0);
        assert_eq!(quota.pause_ms(0), 0);
        quota.record(2000, 0);
        assert!(quota.pause_ms(10) > 0);
    }

    #[test]
    fn lists_name_replicas() {
        let parse = |text: &str| {
            let items: Vec<String> = text.split(',').map(str::to_owned).collect();
            ThrottledReplicas::parse(&items)
        };
        for (list, zero_one, one_two) in [
            ("", false, false),
            ("*", true, true),
            ("0:1", true, false),
            ("1:2, 0:3", false, true),
            ("none", false, false),
        ] {
            assert_eq!(parse(list).has(0, 1), zero_one, "{list}");
            assert_eq!(parse(list).has(1, 2), one_two, "{list}");
        }
    }
}
