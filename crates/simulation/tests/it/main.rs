//! Histories of whole nodes. Each follows from its seed and is run twice: both runs must have seen the same.
//!
//! `BARNABAS_SIMULATION_SEEDS` says how many seeds run, `BARNABAS_SIMULATION_SEED` runs one alone, once, and shows what the nodes
//! log, up to the level that `RUST_LOG` names.

mod cluster;
mod three_nodes;
mod user;

use std::panic::{AssertUnwindSafe, catch_unwind};

use barnabas_network::simulated::Event;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a history twice for each of so many seeds; answers whether it was for all of them.
fn with_seeds(seeds: u64, run: impl Fn(u64) -> Vec<Event>) -> bool {
    let twice = |seed: u64| {
        let (first, second) = (run(seed), run(seed));
        let differs = (0..first.len().max(second.len())).find(|&index| first.get(index) != second.get(index));
        if let Some(index) = differs {
            let (first, second) = (
                &first[index.saturating_sub(3)..],
                &second[index.saturating_sub(3)..],
            );
            let few = |trace: &[Event]| trace.iter().take(6).cloned().collect::<Vec<_>>();
            panic!("event {index} differs: {:#?} and {:#?}", few(first), few(second));
        }
        first.len()
    };
    if let Some(seed) = from_environment("BARNABAS_SIMULATION_SEED") {
        let level = std::env::var("RUST_LOG")
            .ok()
            .and_then(|level| level.parse().ok());
        let level = level.unwrap_or(tracing_subscriber::filter::LevelFilter::OFF);
        let log = tracing_subscriber::fmt().with_max_level(level).with_test_writer();
        drop(log.try_init());
        println!("{} events", run(seed).len());
        return false;
    }
    let seeds = from_environment("BARNABAS_SIMULATION_SEEDS").unwrap_or(seeds);
    let failed: Vec<u64> = (0..seeds)
        .filter(|seed| catch_unwind(AssertUnwindSafe(|| twice(*seed))).is_err())
        .collect();
    assert!(
        failed.is_empty(),
        "try BARNABAS_SIMULATION_SEED= each of {failed:?}"
    );
    true
}
