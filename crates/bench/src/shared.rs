//! What the connections of a measurement have in common: its phase, what was counted, how far the tail has
//! been read.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::latency::{Latencies, Percentiles};

/// Where a measurement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Load is on, nothing counts.
    WarmUp,
    /// What is answered counts.
    Measure,
    /// No new requests; those in flight are waited for.
    Drain,
}

/// Connections that do the same are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Produce.
    Produce,
    /// Fetch.
    Fetch,
    /// From the sending of a record to its arrival at a consumer.
    Delivery,
    /// OffsetCommit.
    Commit,
    /// Joining a group, its assignment, leaving it.
    Join,
    /// A transaction, from its first batch to its commit.
    Transaction,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Produce => "produce",
            Class::Fetch => "fetch",
            Class::Delivery => "delivery",
            Class::Commit => "commit",
            Class::Join => "join",
            Class::Transaction => "transaction",
        }
    }
}

/// What was counted of a class.
#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    bytes: u64,
    records: u64,
    latencies: Latencies,
}

/// The counts of a class as they are printed.
#[derive(Debug, Clone, Serialize)]
pub struct ClassReport {
    /// Requests answered.
    pub requests: u64,
    /// Bytes of record batches in them.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
    /// From when a request was sent (closed loop) or due (open loop) to its answer, in microseconds.
    pub latency_us: Option<Percentiles>,
}

/// Consumers that follow a producer, so that neither runs away from the other.
#[derive(Debug)]
pub struct Tail {
    /// Records sent.
    produced: u64,
    /// The next offset of each consumer.
    positions: Vec<u64>,
    /// Records the producer may be ahead of the slowest consumer.
    window: u64,
    /// Offset behind each batch on its way and when it was sent; for the first consumer's delivery times.
    sent: VecDeque<(u64, u64)>,
}

impl Tail {
    /// Nothing sent, nothing read.
    pub fn new(consumers: usize, window: u64) -> Tail {
        Tail {
            produced: 0,
            positions: vec![0; consumers],
            window,
            sent: VecDeque::new(),
        }
    }

    /// Whether the producer may send.
    pub fn is_open(&self) -> bool {
        let slowest = self.positions.iter().copied().min().unwrap_or(self.produced);
        self.produced < slowest + self.window
    }

    /// The producer sends this many records at `now`.
    pub fn send(&mut self, records: u64, now: u64) {
        self.produced += records;
        self.sent.push_back((self.produced, now));
    }

    /// Whether every consumer has everything.
    pub fn is_delivered(&self) -> bool {
        self.positions.iter().all(|position| *position >= self.produced)
    }
}

/// The state the roles of a measurement share.
#[derive(Debug)]
pub struct Shared {
    /// Nanoseconds of the engine's clock.
    pub now: u64,
    /// Where the measurement stands.
    pub phase: Phase,
    /// The consumers that follow a producer, if there are any.
    pub tail: Option<Tail>,
    counts: BTreeMap<Class, Counts>,
    /// Bytes answered (or sent, where nothing is answered) since the measuring began.
    bytes: u64,
}

impl Shared {
    /// At the start of the warm-up.
    pub fn new(tail: Option<Tail>) -> Shared {
        Shared {
            now: 0,
            phase: Phase::WarmUp,
            tail,
            counts: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Counts an answer to what was sent or due at `since`.
    pub fn count(&mut self, class: Class, since: u64, bytes: u64, records: u64) {
        self.count_unanswered(class, bytes, records);
        if self.phase == Phase::Measure {
            let latency = self.now.saturating_sub(since);
            self.counts.entry(class).or_default().latencies.record(latency);
        }
    }

    /// Counts a request that nobody answers, when it is sent.
    pub fn count_unanswered(&mut self, class: Class, bytes: u64, records: u64) {
        if self.phase != Phase::Measure {
            return;
        }
        let counts = self.counts.entry(class).or_default();
        counts.requests += 1;
        counts.bytes += bytes;
        counts.records += records;
        self.bytes += bytes;
    }

    /// A consumer of the tail has everything below `offset`.
    pub fn delivered(&mut self, consumer: usize, offset: u64) {
        let now = self.now;
        let Some(tail) = &mut self.tail else { return };
        tail.positions[consumer] = offset;
        if consumer != 0 {
            return;
        }
        let mut arrived = Vec::new();
        while let Some((end, sent)) = tail.sent.front().copied().filter(|(end, _)| *end <= offset) {
            debug_assert!(end <= offset);
            tail.sent.pop_front();
            arrived.push(sent);
        }
        for sent in arrived {
            if self.phase == Phase::Measure {
                let counts = self.counts.entry(Class::Delivery).or_default();
                counts.requests += 1;
                counts.latencies.record(now.saturating_sub(sent));
            }
        }
    }

    /// Bytes answered since the measuring began.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was counted, by class.
    pub fn report(&self) -> BTreeMap<&'static str, ClassReport> {
        let report = |counts: &Counts| ClassReport {
            requests: counts.requests,
            bytes: counts.bytes,
            records: counts.records,
            latency_us: counts.latencies.percentiles(),
        };
        self.counts
            .iter()
            .map(|(class, counts)| (class.name(), report(counts)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_measured_phase_counts() {
        let mut shared = Shared::new(None);
        shared.now = 5_000;
        shared.count(Class::Produce, 1_000, 10, 1);
        assert!(shared.report().is_empty());
        shared.phase = Phase::Measure;
        shared.count(Class::Produce, 1_000, 10, 1);
        shared.count_unanswered(Class::Produce, 20, 2);
        shared.phase = Phase::Drain;
        shared.count(Class::Produce, 1_000, 10, 1);
        let report = &shared.report()["produce"];
        assert_eq!((report.requests, report.bytes, report.records), (2, 30, 3));
        assert_eq!(report.latency_us.unwrap().count, 1);
    }

    #[test]
    fn the_slowest_consumer_holds_the_producer_back() {
        let mut shared = Shared::new(Some(Tail::new(2, 10)));
        shared.phase = Phase::Measure;
        let tail = shared.tail.as_mut().unwrap();
        tail.send(5, 100);
        assert!(tail.is_open());
        tail.send(5, 200);
        assert!(!tail.is_open());
        shared.now = 1_200;
        shared.delivered(0, 10);
        assert!(
            !shared.tail.as_ref().unwrap().is_open(),
            "the second consumer has nothing yet"
        );
        shared.delivered(1, 5);
        assert!(shared.tail.as_ref().unwrap().is_open());
        assert!(!shared.tail.as_ref().unwrap().is_delivered());
        let delivery = &shared.report()["delivery"];
        assert_eq!(
            delivery.requests, 2,
            "both batches, counted at the first consumer"
        );
        assert!((0.9..1.2).contains(&delivery.latency_us.unwrap().p50));
    }
}
