//! Rates over windows, and token buckets, as Kafka's sensors measure them (`Rate`, `TokenBucket`).

use std::collections::VecDeque;

/// Over which windows a rate is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How many.
    pub count: usize,
    /// How long each is, milliseconds.
    pub size_ms: i64,
}

impl Windows {
    /// How many of them have passed at least when a rate is measured: all but the one that runs.
    fn full(self) -> i64 {
        (self.count as i64 - 1).max(1)
    }

    /// The same in seconds.
    pub(super) fn full_seconds(self) -> f64 {
        (self.full() * self.size_ms) as f64 / 1000.0
    }

    fn length_ms(self) -> i64 {
        self.count as i64 * self.size_ms
    }
}

/// What was taken in each window.
#[derive(Debug, Default)]
pub struct Rate {
    /// When a window began, and what was taken in it; the oldest first.
    windows: VecDeque<(i64, f64)>,
}

impl Rate {
    /// Counts an amount; a negative one takes back.
    pub fn record(&mut self, windows: Windows, amount: f64, now_ms: i64) {
        match self.windows.back_mut() {
            Some((start_ms, taken)) if now_ms - *start_ms < windows.size_ms => *taken += amount,
            _ => {
                if self.windows.len() >= windows.count {
                    self.windows.pop_front();
                }
                self.windows.push_back((now_ms, amount));
            }
        }
    }

    /// For how many milliseconds nothing must be taken until the rate is `limit` per second again.
    pub fn pause_ms(&mut self, windows: Windows, limit: f64, now_ms: i64) -> i64 {
        let past = windows.length_ms();
        while self
            .windows
            .front()
            .is_some_and(|(start_ms, _)| now_ms - start_ms >= past)
        {
            self.windows.pop_front();
        }
        let Some((oldest_ms, _)) = self.windows.front() else {
            return 0;
        };
        let mut elapsed_ms = now_ms - oldest_ms;
        let passed = elapsed_ms / windows.size_ms;
        // Windows that nobody has seen pass count as empty ones.
        elapsed_ms += (windows.full() - passed).max(0) * windows.size_ms;
        let taken: f64 = self.windows.iter().map(|(_, taken)| taken).sum();
        let rate = taken * 1000.0 / elapsed_ms as f64;
        if rate <= limit {
            return 0;
        }
        ((rate - limit) / limit * elapsed_ms as f64).round() as i64
    }

    /// Whether nothing of it counts any more.
    pub fn has_run_out(&self, windows: Windows, now_ms: i64) -> bool {
        let newest = self.windows.back();
        newest.is_none_or(|(start_ms, _)| now_ms - start_ms >= windows.length_ms())
    }
}

/// Tokens that come at a rate, and are gone with each change; as many as the windows bring are kept.
#[derive(Debug)]
pub struct Bucket {
    tokens: f64,
    limit: f64,
    at_ms: i64,
}

impl Bucket {
    /// With all that it can hold.
    pub fn full(windows: Windows, limit: f64, now_ms: i64) -> Self {
        Bucket {
            tokens: Self::most(windows, limit),
            limit,
            at_ms: now_ms,
        }
    }

    fn most(windows: Windows, limit: f64) -> f64 {
        limit * windows.length_ms() as f64 / 1000.0
    }

    fn now_holds(&self, windows: Windows, limit: f64, now_ms: i64) -> f64 {
        let come = limit * (now_ms - self.at_ms) as f64 / 1000.0;
        (self.tokens + come).min(Self::most(windows, limit))
    }

    /// Whether it holds all that it can.
    pub fn is_full(&self, windows: Windows, now_ms: i64) -> bool {
        self.now_holds(windows, self.limit, now_ms) >= Self::most(windows, self.limit)
    }

    /// For how many milliseconds tokens must come until none is owed.
    pub fn pause_ms(&mut self, windows: Windows, limit: f64, now_ms: i64) -> i64 {
        self.tokens = self.now_holds(windows, limit, now_ms);
        (self.limit, self.at_ms) = (limit, now_ms);
        if self.tokens >= 0.0 {
            return 0;
        }
        (-self.tokens / limit * 1000.0).round() as i64
    }

    /// Takes tokens, even those that it has not.
    pub fn take(&mut self, tokens: f64) {
        self.tokens -= tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows {
        count: 11,
        size_ms: 1000,
    };

    #[test]
    fn a_rate_is_that_of_ten_windows_at_least() {
        let mut rate = Rate::default();
        rate.record(WINDOWS, 10_000.0, 0);
        assert_eq!(rate.pause_ms(WINDOWS, 1000.0, 0), 0);
        rate.record(WINDOWS, 1000.0, 500);
        // 11,000 in 10.5 seconds: half a second too early.
        assert_eq!(rate.pause_ms(WINDOWS, 1000.0, 500), 500);
        assert_eq!(rate.pause_ms(WINDOWS, 1000.0, 1000), 1000);
        assert_eq!(rate.pause_ms(WINDOWS, 1000.0, 10_999), 1);
        assert!(!rate.has_run_out(WINDOWS, 10_999));
        assert_eq!(rate.pause_ms(WINDOWS, 1000.0, 11_000), 0);
        assert!(rate.has_run_out(WINDOWS, 11_000));
    }

    #[test]
    fn what_is_taken_back_was_not_taken() {
        let mut rate = Rate::default();
        rate.record(WINDOWS, 20_000.0, 0);
        assert_eq!(rate.pause_ms(WINDOWS, 1000.0, 0), 10_000);
        rate.record(WINDOWS, -20_000.0, 0);
        assert_eq!(rate.pause_ms(WINDOWS, 1000.0, 0), 0);
    }

    #[test]
    fn a_bucket_fills_up_to_what_the_windows_bring() {
        let mut bucket = Bucket::full(WINDOWS, 2.0, 0);
        assert!(bucket.is_full(WINDOWS, 0));
        bucket.take(24.0);
        assert_eq!(bucket.pause_ms(WINDOWS, 2.0, 0), 1000);
        assert_eq!(bucket.pause_ms(WINDOWS, 2.0, 1000), 0);
        assert!(!bucket.is_full(WINDOWS, 1000));
        assert!(bucket.is_full(WINDOWS, 12_000));
    }
}
