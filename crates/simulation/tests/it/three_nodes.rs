//! Three nodes, each a cluster of its own, with a user each. Their machines lose power and are stopped, the links to them are
//! cut. What was acknowledged stays.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use barnabas_environment::Random;
use barnabas_network::simulated::Event;
use barnabas_simulation::{Machine, World};
use barnabas_storage::disk::simulated::Loss;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::user::{Seen, User};
use crate::with_seeds;

const NODES: i32 = 3;
const SEEDS: u64 = 12;
/// No history takes longer, by its own time.
const LIMIT: Duration = Duration::from_secs(3600);

/// An append is acknowledged when it is on disk.
const SETTINGS: &[(&str, &str)] = &[
    ("log.flush.interval.messages", "1"),
    ("offsets.topic.num.partitions", "3"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.num.partitions", "3"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
];

#[derive(Default)]
struct Count {
    power_cuts: usize,
    stops: usize,
    cut_links: usize,
    seen: Seen,
}

/// What happens to a machine until its user is done.
async fn fate(world: World, node: i32, done: Rc<Cell<bool>>, count: Rc<RefCell<Count>>) -> Machine {
    let random = Random::seeded(world.random.u64());
    let mut machine = Machine::new(&world, node, SETTINGS);
    let ms = |least: u64, most: u64| Duration::from_millis(least + random.below(most - least + 1));
    sleep(ms(0, 200)).await;
    machine.start().await;
    while !done.get() {
        sleep(ms(200, 4_000)).await;
        match random.below(5) {
            0 => {
                count.borrow_mut().cut_links += 1;
                let (one, other) = (machine.address(), World::address_of_client(node));
                world.network.cut(one, other);
                sleep(ms(1, 40_000)).await;
                world.network.mend(one, other);
            }
            1 | 2 => {
                count.borrow_mut().power_cuts += 1;
                let losses = [Loss::Nothing, Loss::AllUnsynced, Loss::Some];
                machine.lose_power(losses[random.below(3) as usize]).await;
                sleep(ms(0, 3_000)).await;
                machine.start().await;
            }
            3 => {
                count.borrow_mut().stops += 1;
                machine.stop().await;
                sleep(ms(0, 3_000)).await;
                machine.start().await;
            }
            _ => world.network.delay(1..=1 + random.below(30)),
        }
    }
    machine
}

async fn history(world: World, count: Rc<RefCell<Count>>) {
    let mut lives = Vec::new();
    for node in 1..=NODES {
        let done = Rc::new(Cell::new(false));
        let fate = spawn_local(fate(world.clone(), node, done.clone(), count.clone()));
        let mut user = User::new(&world, node);
        lives.push(spawn_local(async move {
            user.work().await;
            done.set(true);
            let mut machine = fate.await.expect("the machine's fate is no panic");
            // Nothing goes on meanwhile: all of it was acknowledged.
            machine.lose_power(Loss::AllUnsynced).await;
            machine.start().await;
            user.check_all().await;
            machine.stop().await;
            machine.start().await;
            user.check_all().await;
            machine.stop().await;
            user.seen
        }));
    }
    for life in lives {
        let seen = life.await.expect("the user saw what it should");
        count.borrow_mut().seen.add(seen);
    }
}

fn run(seed: u64) -> Vec<Event> {
    let count = Rc::new(RefCell::new(Count::default()));
    let counted = count.clone();
    let trace = World::run(seed, async |world| {
        let ended = timeout(LIMIT, history(world, counted)).await;
        ended.unwrap_or_else(|_| panic!("seed {seed}: the history does not end"));
    });
    let count = count.borrow();
    let happened = [
        count.power_cuts,
        count.stops,
        count.cut_links,
        count.seen.retries,
        count.seen.commits,
        count.seen.fetched,
    ];
    println!("seed {seed}: {} events, {happened:?}", trace.len());
    let most = happened.iter().filter(|times| **times > 0).count();
    assert!(
        most + 1 >= happened.len(),
        "seed {seed} tries little: {happened:?}"
    );
    trace
}

#[test]
fn what_was_acknowledged_outlives_power_cuts_and_the_same_seed_gives_the_same_trace() {
    with_seeds(SEEDS, run);
}
