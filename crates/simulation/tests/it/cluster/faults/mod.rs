//! What goes wrong: a table of faults with their weights. Those of one lane come one after the other, and
//! the lanes run beside each other: a node dies while a link is cut and a partition moves.

mod changes;
mod links;
mod machines;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use barnabas_environment::Random;
use barnabas_simulation::{Machine, World};
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::client::ClusterClient;
use super::{FAULTS, settle};
use Fault::*;

/// How often each thing happened.
pub type Count = BTreeMap<&'static str, usize>;

/// The machines, each for one fault at a time.
pub type Machines = Rc<Vec<Mutex<Machine>>>;

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    CutLink,
    CutOneWay,
    CutOff,
    Split,
    SplitOneWay,
    SlowLink,
    AllSlow,
    Pause,
    WallClock,
    Death,
    PowerCut,
    Stop,
    Wipe,
    FullDisk,
    Reassign,
    CancelReassignment,
    ElectPreferred,
    DeathInReassignment,
}

/// Faults that exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Links,
    Machines,
    Changes,
}

/// Each fault with its name, its lane, its weight there, and how many nodes it takes.
#[rustfmt::skip]
const TABLE: &[(Fault, &str, Lane, u64, usize)] = &[
    (CutLink,             "cut links",                   Lane::Links,    3, 2),
    (CutOneWay,           "links cut one way",           Lane::Links,    3, 2),
    (CutOff,              "nodes cut off",               Lane::Links,    3, 2),
    (Split,               "splits",                      Lane::Links,    2, 3),
    (SplitOneWay,         "splits one way",              Lane::Links,    2, 3),
    (SlowLink,            "slow links",                  Lane::Links,    2, 2),
    (AllSlow,             "other delays",                Lane::Links,    2, 1),
    (Pause,               "pauses",                      Lane::Links,    3, 1),
    (WallClock,           "clock jumps",                 Lane::Links,    1, 1),
    (Death,               "deaths",                      Lane::Machines, 6, 1),
    (PowerCut,            "power cuts",                  Lane::Machines, 4, 1),
    (Stop,                "stops",                       Lane::Machines, 3, 1),
    (Wipe,                "wiped nodes",                 Lane::Machines, 3, 3),
    (FullDisk,            "full disks",                  Lane::Machines, 2, 1),
    (Reassign,            "reassignments",               Lane::Changes,  4, 3),
    (CancelReassignment,  "cancelled reassignments",     Lane::Changes,  1, 3),
    (ElectPreferred,      "elections",                   Lane::Changes,  2, 3),
    (DeathInReassignment, "deaths in a reassignment",    Lane::Changes,  1, 3),
];

/// The name of a fault.
fn name(fault: Fault) -> &'static str {
    let row = TABLE.iter().find(|row| row.0 == fault);
    row.expect("every fault is in the table").1
}

/// The names of the faults that so many nodes are tried with.
pub fn names(nodes: usize) -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(move |row| row.4 <= nodes).map(|row| row.1)
}

/// What the lanes share.
pub struct Shared {
    pub world: World,
    pub nodes: &'static [i32],
    /// Those that keep the metadata.
    pub voters: &'static [i32],
    pub machines: Machines,
    pub count: RefCell<Count>,
    end: Instant,
    /// Somebody waits until all is in sync: no link fails meanwhile.
    calm: Cell<bool>,
    /// How many faults there are now, and how often one has begun.
    under_way: Cell<(usize, usize)>,
    /// Somebody's disk has lost something that the others must keep.
    disk_lost: Cell<bool>,
}

impl Shared {
    pub fn new(
        world: &World,
        (nodes, voters): (&'static [i32], &'static [i32]),
        machines: Machines,
    ) -> Rc<Shared> {
        Rc::new(Shared {
            world: world.clone(),
            nodes,
            voters,
            machines,
            count: RefCell::default(),
            end: Instant::now() + FAULTS,
            calm: Cell::new(false),
            under_way: Cell::new((0, 0)),
            disk_lost: Cell::new(false),
        })
    }
}

/// Lets things go wrong until the time is over; then all machines run, and all links are there.
pub async fn run(shared: &Rc<Shared>, mut client: impl FnMut() -> ClusterClient) {
    let mut lanes = vec![Lane::Links, Lane::Machines];
    if shared.nodes.len() >= 3 {
        lanes.push(Lane::Changes);
    }
    if shared.nodes.len() >= 5 {
        lanes.push(Lane::Machines);
    }
    let mut running = Vec::new();
    for lane in lanes {
        let running_lane = Running {
            shared: shared.clone(),
            random: Random::seeded(shared.world.random.u64()),
            client: client(),
        };
        running.push(spawn_local(running_lane.run(lane)));
    }
    for lane in running {
        lane.await.expect("what the faults expect of the nodes");
    }
    shared.world.network.delay(1..=5);
}

/// A lane.
struct Running {
    shared: Rc<Shared>,
    random: Random,
    client: ClusterClient,
}

impl Running {
    async fn run(mut self, lane: Lane) {
        let nodes = self.shared.nodes.len();
        let faults: Vec<_> = TABLE
            .iter()
            .filter(|row| row.2 == lane && row.4 <= nodes)
            .collect();
        let weights: u64 = faults.iter().map(|row| row.3).sum();
        loop {
            sleep(self.ms(500, 5_000)).await;
            if Instant::now() >= self.shared.end {
                return;
            }
            let mut drawn = self.random.below(weights);
            let row = faults.iter().find(|row| match drawn.checked_sub(row.3) {
                Some(left) => {
                    drawn = left;
                    false
                }
                None => true,
            });
            let fault = row.expect("invariant: the number is below the sum").0;
            let (under_way, begun) = self.shared.under_way.get();
            self.shared.under_way.set((under_way + 1, begun + 1));
            match lane {
                Lane::Links => self.link_fault(fault).await,
                Lane::Machines => self.machine_fault(fault).await,
                Lane::Changes => self.change(fault).await,
            }
            let (under_way, begun) = self.shared.under_way.get();
            self.shared.under_way.set((under_way - 1, begun));
        }
    }

    fn counted(&self, fault: Fault) {
        *self.shared.count.borrow_mut().entry(name(fault)).or_default() += 1;
    }

    fn ms(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.random.below(most - least + 1))
    }

    /// One of the nodes, by its place.
    fn victim(&self) -> usize {
        self.random.below(self.shared.nodes.len() as u64) as usize
    }

    fn address(&self, place: usize) -> IpAddr {
        World::address_of(self.shared.nodes[place])
    }

    /// Whether all replicas of all topics are in sync, as any node sees it.
    async fn all_in_sync(&mut self) -> bool {
        let metadata = self.client.metadata(None, None).await;
        metadata.is_ok_and(|metadata| settle::are_in_sync(&metadata, self.shared.nodes))
    }
}
