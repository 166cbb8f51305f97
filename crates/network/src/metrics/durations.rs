//! How long things take: histograms of threads, their sum, and percentiles.

use std::time::Duration;

use super::Count;

/// Each doubling of a duration has so many buckets: a percentile is off by a fifth at most.
const BUCKETS_OF_OCTAVE: usize = 4;
/// Buckets of a histogram: from a microsecond to beyond an hour.
const BUCKETS: usize = 33 * BUCKETS_OF_OCTAVE;

/// How long something took, each time.
#[derive(Debug)]
pub struct Histogram {
    buckets: [Count; BUCKETS],
    micros: Count,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            buckets: std::array::from_fn(|_| Count::default()),
            micros: Count::default(),
        }
    }
}

impl Histogram {
    /// Counts one; only the thread that owns it may.
    pub fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(micros)].add(1);
        self.micros.add(micros);
    }
}

/// The bucket of a duration in microseconds: its highest bit, and the two behind it.
fn bucket(micros: u64) -> usize {
    let micros = micros.max(1);
    let octave = micros.ilog2() as usize;
    let fraction = if octave >= 2 {
        (micros >> (octave - 2)) as usize & 3
    } else {
        (micros << (2 - octave)) as usize & 3
    };
    (octave * BUCKETS_OF_OCTAVE + fraction).min(BUCKETS - 1)
}

/// The least duration that is beyond a bucket, microseconds.
fn end_of(bucket: usize) -> f64 {
    let octave = (bucket / BUCKETS_OF_OCTAVE) as i32;
    let parts = (bucket % BUCKETS_OF_OCTAVE + 1) as f64 / BUCKETS_OF_OCTAVE as f64;
    2f64.powi(octave) * (1.0 + parts)
}

/// Histograms of threads, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    buckets: Vec<u64>,
    /// How often.
    pub count: u64,
    /// How long in all, microseconds.
    pub micros: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Durations {
            buckets: vec![0; BUCKETS],
            count: 0,
            micros: 0,
        }
    }
}

impl Durations {
    /// Adds a thread's.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            let more = bucket.get();
            *sum += more;
            self.count += more;
        }
        self.micros += histogram.micros.get();
    }

    /// What came since `earlier`.
    pub fn since(&self, earlier: &Durations) -> Durations {
        let buckets = self.buckets.iter().zip(&earlier.buckets);
        Durations {
            buckets: buckets.map(|(now, then)| now.saturating_sub(*then)).collect(),
            count: self.count.saturating_sub(earlier.count),
            micros: self.micros.saturating_sub(earlier.micros),
        }
    }

    /// The duration that this share of all (0 to 1) did not exceed, milliseconds; 0 where there was none.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let wanted = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return end_of(bucket) / 1000.0;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_off_by_a_quarter_at_most() {
        for micros in [1u64, 2, 3, 5, 9, 100, 999, 1_000_000, 3_599_000_000] {
            let histogram = Histogram::default();
            histogram.add(Duration::from_micros(micros));
            let mut sum = Durations::default();
            sum.add(&histogram);
            let told = sum.percentile_ms(0.99) * 1000.0;
            assert!(
                told > micros as f64 && told <= micros as f64 * 2.0,
                "{micros} is told as {told}"
            );
            assert!(
                micros < 8 || told <= micros as f64 * 1.26,
                "{micros} is told as {told}"
            );
        }
    }

    #[test]
    fn percentiles_are_of_what_came_since() {
        let histogram = Histogram::default();
        histogram.add(Duration::from_secs(10));
        let mut before = Durations::default();
        before.add(&histogram);
        for _ in 0..100 {
            histogram.add(Duration::from_millis(1));
        }
        let mut now = Durations::default();
        now.add(&histogram);
        assert!(now.percentile_ms(1.0) > 9000.0);
        let since = now.since(&before);
        assert_eq!((since.count, since.micros), (100, 100_000));
        assert!(since.percentile_ms(1.0) < 1.5);
        assert_eq!(now.since(&now).percentile_ms(0.5), 0.0);
    }
}
