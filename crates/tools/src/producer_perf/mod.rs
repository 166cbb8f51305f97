//! `kafka-producer-perf-test`: Kafka's `ProducerPerformance`.

mod options;
mod stats;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::options::{Keys, Load, Payloads};
use self::stats::Stats;
use crate::client::Cluster;
use crate::client::in_flight::{InFlight, Settled};
use crate::client::new_record::NewRecord;
use crate::client::produce::Producer;
use crate::console::Console;
use crate::failure::Outcome;

/// `max.in.flight.requests.per.connection` of Kafka's producer.
const IN_FLIGHT_MAX: usize = 5;

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let load = options::parse(arguments, console)?;
    let cluster = Cluster::new(&load.properties)?;
    let mut producer = Producer::new(&cluster, load.settings.clone(), load.seed as u32);
    if load.warmup > 0 {
        console.line(format!(
            "Warmup first {} records. Steady state results will print after the complete test summary.",
            load.warmup
        ));
    }
    let mut random = SplitMix(load.seed);
    let mut measured = Measured {
        stats: Stats::new(load.records, load.interval, false),
        steady: None,
    };
    let mut in_flight = InFlight::default();
    let began = Instant::now();
    for index in 0..load.records {
        if load.warmup > 0 && index == load.warmup {
            in_flight.start(&mut producer)?;
            measured.take(in_flight.settle(&mut producer, 0, None)?, console);
            measured.steady = Some(Stats::new(load.records - load.warmup, load.interval, true));
            measured.stats.is_silent = true;
        }
        let record = record(&load, index, &mut random);
        let is_full = producer.add(&load.topic, None, record)?;
        let early = load.throughput.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64((index + 1) as f64 / rate).saturating_sub(began.elapsed())
        });
        if is_full || !early.is_zero() {
            in_flight.start(&mut producer)?;
            let settled = in_flight.settle(&mut producer, IN_FLIGHT_MAX, None)?;
            measured.take(settled, console);
        }
        if !early.is_zero() {
            let until = Instant::now() + early;
            measured.take(in_flight.settle(&mut producer, 0, Some(early))?, console);
            cluster.pause(until.saturating_duration_since(Instant::now()));
        }
    }
    in_flight.start(&mut producer)?;
    measured.take(in_flight.settle(&mut producer, 0, None)?, console);
    measured.stats.print_total(console);
    if let Some(steady) = &mut measured.steady {
        steady.print_total(console);
    }
    Ok(())
}

/// What has been measured, of all and since the warm-up.
struct Measured {
    stats: Stats,
    steady: Option<Stats>,
}

impl Measured {
    /// Counts what has become of batches. Latencies are differences of times in whole milliseconds, as in
    /// Kafka's tool: cut off like that, they are right on the average.
    fn take(&mut self, settled: Vec<Settled>, console: &mut Console) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        for (at, (records, outcome)) in settled {
            if let Err(error) = outcome {
                console.error(format!("{} records were not written: {error}", records.len()));
                continue;
            }
            let answered = since_epoch(clock - now.duration_since(at));
            for record in records {
                let latency = answered.saturating_sub(record.timestamp).max(0) as u32;
                let size = record.value.as_ref().map_or(0, Vec::len);
                self.stats.record(latency, size, at, console);
                if let Some(steady) = &mut self.steady {
                    steady.record(latency, size, at, console);
                }
            }
        }
        console.flush();
    }
}

fn since_epoch(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

fn record(load: &Load, index: u64, random: &mut SplitMix) -> NewRecord {
    let value = match &load.payloads {
        Payloads::Size(size) => (0..*size).map(|_| b'A' + random.below(26) as u8).collect(),
        Payloads::Given(payloads) => payloads[random.below(payloads.len() as u64) as usize].clone(),
        Payloads::Numbers => index.to_string().into_bytes(),
    };
    let key = match load.keys {
        Keys::None => None,
        Keys::Range(range) => Some(index % range),
        Keys::Random(range) => Some(random.below(range)),
    };
    NewRecord {
        key: key.map(|key| key.to_string().into_bytes()),
        value: Some(value),
        headers: Vec::new(),
        timestamp: since_epoch(SystemTime::now()),
    }
}

/// Steele, Lea and Flood's generator: what a payload is made of need not be good, but quick.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
