//! Leaders whose connection has just ended, as the fetchers see it: within moments others will lead, or they
//! are heard again. Who tells clients of leaders may wait for that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// A leader whose connection has ended is asked again by then.
const DISCONNECTED_MS: i64 = 100;
/// Where nobody listens any more the controllers have others lead by then, or there is nobody who could.
const REFUSED_MS: i64 = 1000;

/// See the module. Nothing but one flag is looked at while all leaders answer.
#[derive(Debug, Default)]
pub struct LostLeaders {
    any: AtomicBool,
    brokers: Mutex<BTreeMap<i32, Lost>>,
}

/// Times are of the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Lost {
    since_ms: i64,
    until_ms: i64,
}

impl LostLeaders {
    /// Whether some leader may be lost.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Until when a decision about a broker is worth waiting for; `None` where it is not lost, or for long.
    pub fn until_ms(&self, broker_id: i32, now_ms: i64) -> Option<i64> {
        let brokers = self.brokers.lock();
        let until_ms = brokers.get(&broker_id)?.until_ms;
        (now_ms < until_ms).then_some(until_ms)
    }

    /// The connection to a leader has ended, or could not be made: `refused` says that nobody listens there.
    pub(super) fn lost(&self, broker_id: i32, refused: bool, now_ms: i64) {
        let mut brokers = self.brokers.lock();
        let fresh = Lost {
            since_ms: now_ms,
            until_ms: now_ms,
        };
        let lost = brokers.entry(broker_id).or_insert(fresh);
        let wait_ms = if refused { REFUSED_MS } else { DISCONNECTED_MS };
        lost.until_ms = lost.until_ms.max(lost.since_ms + wait_ms);
        self.any.store(true, Ordering::Relaxed);
    }

    /// A leader has answered, or is followed no more.
    pub(super) fn found(&self, broker_id: i32) {
        if !self.any() {
            return;
        }
        let mut brokers = self.brokers.lock();
        brokers.remove(&broker_id);
        self.any.store(!brokers.is_empty(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_worth_waiting_for_as_long_as_it_may_be_decided() {
        let leaders = LostLeaders::default();
        assert!(!leaders.any());
        leaders.lost(1, false, 1_000);
        assert!(leaders.any());
        assert_eq!(leaders.until_ms(1, 1_000), Some(1_000 + DISCONNECTED_MS));
        assert_eq!(leaders.until_ms(2, 1_000), None);
        leaders.lost(1, true, 1_050);
        leaders.lost(1, false, 1_100);
        leaders.lost(1, true, 1_500);
        assert_eq!(
            leaders.until_ms(1, 1_500),
            Some(1_000 + REFUSED_MS),
            "it counts from the first sign"
        );
        assert_eq!(leaders.until_ms(1, 2_000), None, "nobody waits for ever");
        leaders.found(1);
        assert!(!leaders.any());
        leaders.lost(1, true, 3_000);
        assert_eq!(
            leaders.until_ms(1, 3_000),
            Some(3_000 + REFUSED_MS),
            "it was heard meanwhile"
        );
    }
}
