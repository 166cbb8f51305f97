//! Latencies in an HDR histogram, and what is said of them.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Nanoseconds beyond which all count the same: a minute.
const LARGEST: u64 = 60_000_000_000;
/// Three digits hold.
const DIGITS: u8 = 3;

/// Collects latencies.
#[derive(Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, Serialize, PartialEq)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// One in ten is above.
    pub p90: f64,
    /// One in a hundred is above.
    pub p99: f64,
    /// One in a thousand is above.
    pub p999: f64,
    /// The largest.
    pub max: f64,
}

impl Latencies {
    /// None yet.
    pub fn new() -> Latencies {
        let histogram = Histogram::new_with_bounds(1, LARGEST, DIGITS);
        Latencies {
            histogram: histogram.expect("invariant: constant bounds that fit"),
        }
    }

    /// Adds one, in nanoseconds.
    pub fn record(&mut self, nanos: u64) {
        self.histogram.saturating_record(nanos.max(1));
    }

    /// Forgets all, at the end of a warm-up.
    pub fn clear(&mut self) {
        self.histogram.reset();
    }

    /// The percentiles, unless there are no latencies.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile| self.histogram.value_at_quantile(quantile) as f64 / 1000.0;
        (!self.histogram.is_empty()).then(|| Percentiles {
            count: self.histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.histogram.max() as f64 / 1000.0,
        })
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_known_values() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentiles(), None);
        for micros in 1..=1000u64 {
            latencies.record(micros * 1000);
        }
        let percentiles = latencies.percentiles().unwrap();
        let close = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.002;
        assert!(
            close(percentiles.p50, 500.0) && close(percentiles.p99, 990.0),
            "{percentiles:?}"
        );
        assert!(
            close(percentiles.p999, 999.0) && close(percentiles.max, 1000.0),
            "{percentiles:?}"
        );
        latencies.clear();
        assert_eq!(latencies.percentiles(), None);
    }

    #[test]
    fn what_is_too_large_still_counts() {
        let mut latencies = Latencies::new();
        latencies.record(u64::MAX);
        latencies.record(0);
        assert_eq!(latencies.percentiles().unwrap().count, 2);
    }
}
