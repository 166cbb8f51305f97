//! Histories of whole nodes. Each follows from its seed and is run twice: both runs must have seen the same.
//!
//! `BARNABAS_SIMULATION_SEEDS` says which seeds run: so many, or a range (`1000..2000`) of which each but every hundredth runs once.
//! `BARNABAS_SIMULATION_SEED` runs one alone, once, and shows what the nodes log, up to the level that `RUST_LOG` names.
//! `scripts/simulate` builds for long runs.

mod cluster;
mod three_nodes;
mod user;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use barnabas_network::simulated::Event;
use tracing_subscriber::filter::LevelFilter;

/// Of a range of seeds one in so many runs twice.
const TWICE_ONE_IN: u64 = 100;

fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds to run, and whether one in how many runs twice.
fn seeds(default: u64) -> (Range<u64>, u64) {
    let given: Option<String> = from_environment("BARNABAS_SIMULATION_SEEDS");
    let given = given.unwrap_or_else(|| default.to_string());
    let number = |text: &str| -> u64 { text.parse().expect("seeds are a number or a range of numbers") };
    match given.split_once("..") {
        Some((first, end)) => (number(first)..number(end), TWICE_ONE_IN),
        None => (0..number(&given), 1),
    }
}

/// Runs a history for each of so many seeds, twice unless otherwise asked for or not to be `compared`; answers how many those were,
/// and `None` where somebody asked for one alone.
fn with_seeds(default: u64, compared: bool, run: impl Fn(u64) -> Vec<Event>) -> Option<u64> {
    if let Some(seed) = from_environment("BARNABAS_SIMULATION_SEED") {
        let level = from_environment("RUST_LOG").unwrap_or(LevelFilter::OFF);
        let log = tracing_subscriber::fmt().with_max_level(level).with_test_writer();
        drop(log.try_init());
        println!("{} events", run(seed).len());
        return None;
    }
    let (seeds, twice_one_in) = seeds(default);
    let try_seed = |seed: u64| {
        let first = run(seed);
        if compared && seed.is_multiple_of(twice_one_in) {
            compare(&first, &run(seed));
        }
    };
    let count = seeds.end.saturating_sub(seeds.start);
    let failed: Vec<u64> = seeds
        .filter(|seed| {
            let has_failed = catch_unwind(AssertUnwindSafe(|| try_seed(*seed))).is_err();
            if has_failed {
                println!("seed {seed} has failed");
            }
            has_failed
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {count}: try BARNABAS_SIMULATION_SEED= each of {failed:?}",
        failed.len()
    );
    Some(count)
}

fn compare(first: &[Event], second: &[Event]) {
    let differs = (0..first.len().max(second.len())).find(|&index| first.get(index) != second.get(index));
    if let Some(index) = differs {
        let few = |trace: &[Event]| -> Vec<Event> {
            let some = trace.iter().skip(index.saturating_sub(3));
            some.take(6).cloned().collect()
        };
        panic!("event {index} differs: {:#?} and {:#?}", few(first), few(second));
    }
}
