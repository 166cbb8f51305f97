//! Holds all cleaners together to a rate: whoever comes is told how long to wait. Pure.

use std::time::{Duration, Instant};

/// Bytes that may go at once, in time at the full rate: nobody waits for less.
const BURST: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug, Default)]
pub struct Throttle {
    /// When all that went so far would have gone at the rate.
    paid: Option<Instant>,
}

impl Throttle {
    /// Notes `bytes` at the time `now`; answers how long to wait before the next ones.
    pub fn wait_for(&mut self, bytes: usize, bytes_per_second: f64, now: Instant) -> Duration {
        let cost =
            Duration::try_from_secs_f64(bytes as f64 / bytes_per_second.max(1.0)).unwrap_or(Duration::ZERO);
        let paid = self.paid.map_or(now, |paid| paid.max(now)) + cost;
        self.paid = Some(paid);
        let ahead = paid.saturating_duration_since(now);
        if ahead > BURST { ahead } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_no_rate_is_no_wait() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        let mut now = start;
        for _ in 0..100 {
            now += throttle.wait_for(50_000, 1_000_000.0, now);
        }
        let took = (now - start).as_secs_f64();
        assert!((4.8..=5.0).contains(&took), "5 MB at 1 MB/s took {took} s");
        assert_eq!(
            Throttle::default().wait_for(1 << 30, f64::MAX, now),
            Duration::ZERO
        );
    }
}
