//! `kafka-producer-perf-test`: Kafka's `ProducerPerformance`.

mod options;
mod stats;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::options::{Keys, Load, Payloads};
use self::stats::Stats;
use crate::client::Cluster;
use crate::client::new_record::NewRecord;
use crate::client::produce::Producer;
use crate::console::Console;
use crate::failure::Outcome;

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
    let mut stats = Stats::new(load.records, load.interval, false);
    let mut steady: Option<Stats> = None;
    let began = Instant::now();
    let mut waiting = Vec::new();
    for index in 0..load.records {
        if load.warmup > 0 && index == load.warmup {
            steady = Some(Stats::new(load.records - load.warmup, load.interval, true));
            stats.is_silent = true;
        }
        let record = record(&load, index, &mut random);
        waiting.push((
            Instant::now(),
            record.value.as_ref().map_or(0, Vec::len),
            steady.is_some(),
        ));
        let is_full = producer.add(&load.topic, None, record)?;
        let early = load.throughput.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64((index + 1) as f64 / rate).saturating_sub(began.elapsed())
        });
        if is_full || !early.is_zero() {
            flush(&mut producer, &mut waiting, &mut stats, steady.as_mut(), console)?;
            std::thread::sleep(early);
        }
    }
    flush(&mut producer, &mut waiting, &mut stats, steady.as_mut(), console)?;
    stats.print_total(console);
    if let Some(steady) = &mut steady {
        steady.print_total(console);
    }
    Ok(())
}

/// When a record was handed over, its size, and whether the warm-up was over.
type Waiting = (Instant, usize, bool);

fn flush(
    producer: &mut Producer<'_>,
    waiting: &mut Vec<Waiting>,
    stats: &mut Stats,
    mut steady: Option<&mut Stats>,
    console: &mut Console,
) -> Outcome {
    for (records, outcome) in producer.flush()? {
        if let Err(error) = outcome {
            console.error(format!("{} records were not written: {error}", records.len()));
        }
    }
    let now = Instant::now();
    for (handed, size, is_steady) in waiting.drain(..) {
        let latency = now.duration_since(handed).as_millis() as u32;
        stats.record(latency, size, now, console);
        if let Some(steady) = steady.as_deref_mut().filter(|_| is_steady) {
            steady.record(latency, size, now, console);
        }
    }
    console.flush();
    Ok(())
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
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    NewRecord {
        key: key.map(|key| key.to_string().into_bytes()),
        value: Some(value),
        headers: Vec::new(),
        timestamp: now.as_millis() as i64,
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
