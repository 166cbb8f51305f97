//! What was measured.

use std::time::{Duration, Instant};

use crate::console::Console;

/// So many latencies are kept at most.
const SAMPLES_MAX: u64 = 500_000;

/// Counts and latencies, in all and since the last report.
pub struct Stats {
    began: Instant,
    sampling: u64,
    interval: Duration,
    latencies: Vec<u32>,
    total: Sum,
    window: Sum,
    window_began: Instant,
    is_steady: bool,
    /// Whether reports are left out.
    pub is_silent: bool,
}

#[derive(Default)]
struct Sum {
    count: u64,
    bytes: u64,
    latency: u64,
    max: u32,
}

impl Sum {
    fn add(&mut self, latency: u32, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
        self.latency += u64::from(latency);
        self.max = self.max.max(latency);
    }

    /// Records and megabytes (2^20 bytes) a second, and the mean latency.
    fn rates(&self, elapsed: Duration) -> (f64, f64, f64) {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let megabytes = self.bytes as f64 / seconds / (1024.0 * 1024.0);
        (
            self.count as f64 / seconds,
            megabytes,
            self.latency as f64 / self.count.max(1) as f64,
        )
    }
}

impl Stats {
    /// Nothing yet of `records`.
    pub fn new(records: u64, interval: Duration, is_steady: bool) -> Self {
        Stats {
            began: Instant::now(),
            sampling: (records / records.clamp(1, SAMPLES_MAX)).max(1),
            interval,
            latencies: Vec::new(),
            total: Sum::default(),
            window: Sum::default(),
            window_began: Instant::now(),
            is_steady,
            is_silent: false,
        }
    }

    /// A record was written. Reports when it is time.
    pub fn record(&mut self, latency_ms: u32, bytes: usize, now: Instant, console: &mut Console) {
        if self.total.count.is_multiple_of(self.sampling) {
            self.latencies.push(latency_ms);
        }
        self.total.add(latency_ms, bytes);
        self.window.add(latency_ms, bytes);
        let elapsed = now.saturating_duration_since(self.window_began);
        if elapsed < self.interval {
            return;
        }
        if self.is_steady && self.total.count == self.window.count {
            console.line("In steady state.");
        }
        if !self.is_silent {
            let (records, megabytes, mean) = self.window.rates(elapsed);
            console.line(format!(
                "{} records sent, {records:.1} records/sec ({megabytes:.2} MB/sec), {mean:.1} ms avg latency, {:.1} ms \
                 max latency.",
                self.window.count,
                f64::from(self.window.max)
            ));
        }
        self.window = Sum::default();
        self.window_began = now;
    }

    /// Reports all of it.
    pub fn print_total(&mut self, console: &mut Console) {
        let (records, megabytes, mean) = self.total.rates(self.began.elapsed());
        self.latencies.sort_unstable();
        let percentile = |share: f64| {
            let index = (share * self.latencies.len() as f64) as usize;
            self.latencies.get(index).copied().unwrap_or_default()
        };
        console.line(format!(
            "{}{} records sent, {records:.6} records/sec ({megabytes:.2} MB/sec), {mean:.2} ms avg latency, {:.2} ms max \
             latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
            self.total.count,
            if self.is_steady { " steady state" } else { "" },
            f64::from(self.total.max),
            percentile(0.5),
            percentile(0.95),
            percentile(0.99),
            percentile(0.999)
        ));
    }
}
