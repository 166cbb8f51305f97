//! Three nodes, each a cluster of its own, with a user each. Their machines lose power and are stopped, the links to them are
//! cut. What was acknowledged stays.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Mutex;
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
const SEEDS: u64 = 20;
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

/// How often something happened.
#[derive(Debug, Default)]
struct Count {
    power_cuts: usize,
    cuts_amid_changes: usize,
    cuts_at_starts: usize,
    stops: usize,
    cut_links: usize,
    seen: Seen,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.power_cuts += other.power_cuts;
        self.cuts_amid_changes += other.cuts_amid_changes;
        self.cuts_at_starts += other.cuts_at_starts;
        self.stops += other.stops;
        self.cut_links += other.cut_links;
        self.seen.add(other.seen);
    }

    fn has_tried_everything(&self) -> bool {
        let happened = [
            self.power_cuts,
            self.cuts_amid_changes,
            self.cuts_at_starts,
            self.stops,
            self.cut_links,
            self.seen.retries,
            self.seen.commits,
            self.seen.fetched,
        ];
        happened.iter().all(|times| *times > 0)
    }
}

fn loss(random: &Random) -> Loss {
    [Loss::Nothing, Loss::AllUnsynced, Loss::Some][random.below(3) as usize]
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
        match random.below(7) {
            0 => {
                count.borrow_mut().cut_links += 1;
                let (one, other) = (machine.address(), World::address_of_client(node));
                world.network.cut(one, other);
                sleep(ms(1, 40_000)).await;
                world.network.mend(one, other);
            }
            1 => {
                count.borrow_mut().power_cuts += 1;
                machine.lose_power(loss(&random)).await;
                sleep(ms(0, 3_000)).await;
                machine.start().await;
            }
            2 | 4 => {
                count.borrow_mut().cuts_amid_changes += 1;
                machine.cut_power_after(random.below(40) as usize);
                for _ in 0..100 {
                    if !machine.has_power() {
                        break;
                    }
                    sleep(ms(1, 100)).await;
                }
                // Some clients wait for a long time.
                sleep(ms(0, 10_000)).await;
                machine.lose_power(loss(&random)).await;
                machine.start().await;
            }
            5 => {
                count.borrow_mut().cuts_at_starts += 1;
                machine.lose_power(loss(&random)).await;
                machine.cut_power_after(random.below(60) as usize);
                machine.start().await;
                machine.lose_power(loss(&random)).await;
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

fn run(seed: u64, all: &Mutex<Count>) -> Vec<Event> {
    let count = Rc::new(RefCell::new(Count::default()));
    let counted = count.clone();
    let trace = World::run(seed, async |world| {
        let ended = timeout(LIMIT, history(world, counted)).await;
        ended.unwrap_or_else(|_| panic!("seed {seed}: the history does not end"));
    });
    println!("seed {seed}: {} events, {:?}", trace.len(), count.borrow());
    all.lock()
        .expect("nothing panics while it adds")
        .add(&count.borrow());
    trace
}

#[test]
fn what_was_acknowledged_outlives_power_cuts_and_the_same_seed_gives_the_same_trace() {
    let all = Mutex::new(Count::default());
    if with_seeds(SEEDS, true, |seed| run(seed, &all)).is_some() {
        let all = all.into_inner().expect("nothing panics while it adds");
        assert!(all.has_tried_everything(), "{all:?}");
    }
}
