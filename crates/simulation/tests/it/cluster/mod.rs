//! Nodes that are one cluster, with clients that produce idempotently and in transactions, consume at both isolation levels, commit
//! offsets, share partitions in a group, create, delete and move topics. Meanwhile links are cut, split and slow, nodes stand still,
//! die, are stopped, lose power in the middle of a change, or their disks, and come back; disks fill, clocks jump (`faults`).
//!
//! Judged at the end: all that was acknowledged is there once and in order, at every replica; transactions are there as a whole or
//! not at all; nobody read what is not in the final log; all nodes have the same image; and once the faults stop, everybody gets
//! done in time. Watched all the time: epochs and ends of logs never go back, and one leader acts in an epoch (`watch`).

mod client;
mod faults;
mod history;
mod judge;
mod members;
mod producers;
mod readers;
mod settle;
mod topics;
mod watch;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use barnabas_network::simulated::Event;
use barnabas_simulation::World;

use self::faults::Count;
use crate::with_seeds;

const TOPIC: &str = "t";
const PARTITIONS: i32 = 3;
/// How long things go wrong, by the history's own time.
const FAULTS: Duration = Duration::from_secs(60);
/// And how long it may take until all is well again.
const RECOVERY: Duration = Duration::from_secs(300);
/// After so many seeds every fault has been tried.
const ENOUGH_SEEDS: u64 = 100;

fn run(seed: u64, nodes: &'static [i32], voters: &'static [i32], all: &Mutex<Count>) -> Vec<Event> {
    let count = Rc::new(RefCell::new(Count::default()));
    let counted = count.clone();
    let trace = World::run(seed, async |world| {
        history::run(world, nodes, voters, counted).await;
    });
    println!("seed {seed}: {} events, {:?}", trace.len(), count.borrow());
    let mut all = all.lock().expect("nothing panics while it adds");
    for (name, times) in count.borrow().iter() {
        *all.entry(name).or_default() += times;
    }
    trace
}

fn run_all(seeds: u64, nodes: &'static [i32], voters: &'static [i32]) {
    let all = Mutex::new(Count::default());
    // Who waits for raft's metrics (`metadata/quorum/leadership.rs`) is woken in an order by chance, where there are observers.
    let compared = nodes == voters;
    let Some(seeds) = with_seeds(seeds, compared, |seed| run(seed, nodes, voters, &all)) else {
        return;
    };
    let all = all.into_inner().expect("nothing panics while it adds");
    println!("{seeds} seeds with {} nodes: {all:?}", nodes.len());
    let faults = faults::names(nodes.len()).filter(|_| seeds >= ENOUGH_SEEDS);
    for name in history::SEEN.iter().copied().chain(faults) {
        assert!(all.contains_key(name), "no {name} in {all:?}");
    }
}

#[test]
fn a_node_alone_keeps_what_it_has_acknowledged_whatever_happens() {
    run_all(12, &[1], &[1]);
}

#[test]
fn a_cluster_keeps_what_it_has_acknowledged_whatever_happens() {
    run_all(4, &[1, 2, 3], &[1, 2, 3]);
}

#[test]
fn five_nodes_of_which_three_vote_keep_what_they_have_acknowledged_whatever_happens() {
    run_all(2, &[1, 2, 3, 4, 5], &[1, 2, 3]);
}
