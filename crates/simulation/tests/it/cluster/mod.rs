//! Nodes that are one cluster, with clients that produce idempotently and in transactions, consume at both isolation levels, commit
//! offsets, create and delete topics. Meanwhile links are cut (one way too) and slow, nodes are cut off, die, are stopped, lose
//! power in the middle of a change, and come back.
//!
//! Judged at the end: all that was acknowledged is there once and in order, at every replica; transactions are there as a whole or
//! not at all; nobody read what is not in the final log; all nodes say the same of the metadata; and once the faults stop, everybody
//! gets done in time.
//!
//! Power goes only where no other replica has lost it since all were in sync: an acknowledgement is a promise of the replicas in
//! sync, not of their disks, as in Apache Kafka. A process may die anywhere at any time, since its disk keeps what it wrote.

mod client;
mod judge;
mod producers;
mod readers;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use barnabas_environment::Random;
use barnabas_network::simulated::Event;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use barnabas_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, MetadataResponse, TopicName};
use barnabas_simulation::{Machine, World};
use barnabas_storage::disk::simulated::Loss;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use self::client::{ClusterClient, To, text};
use crate::with_seeds;

const TOPIC: &str = "t";
const PARTITIONS: i32 = 3;
const SEEDS: u64 = 12;
const CLUSTER_SEEDS: u64 = 6;
const CREATE_TOPICS: i16 = 5;
const DELETE_TOPICS: i16 = 4;
/// How long things go wrong, by the history's own time.
const FAULTS: Duration = Duration::from_secs(60);
/// And how long it may take until all is well again.
const RECOVERY: Duration = Duration::from_secs(300);

/// What the nodes are given: internal topics have as many replicas as there are nodes.
fn settings(nodes: &[i32]) -> Vec<(&'static str, &'static str)> {
    let (replicas, in_sync) = if nodes.len() < 3 { ("1", "1") } else { ("3", "2") };
    vec![
        ("log.flush.interval.messages", "1"),
        ("min.insync.replicas", in_sync),
        ("offsets.topic.num.partitions", "3"),
        ("offsets.topic.replication.factor", replicas),
        ("transaction.state.log.num.partitions", "3"),
        ("transaction.state.log.replication.factor", replicas),
        ("transaction.state.log.min.isr", in_sync),
        (
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            "2000",
        ),
    ]
}

/// How often something happened.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    cut_links: usize,
    cut_one_way: usize,
    cut_off: usize,
    deaths: usize,
    power_cuts: usize,
    stops: usize,
    committed: usize,
    aborted: usize,
    read: usize,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.cut_links += other.cut_links;
        self.cut_one_way += other.cut_one_way;
        self.cut_off += other.cut_off;
        self.deaths += other.deaths;
        self.power_cuts += other.power_cuts;
        self.stops += other.stops;
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.read += other.read;
    }

    fn has_tried_everything(&self, nodes: &[i32]) -> bool {
        let links = [self.cut_links, self.cut_one_way, self.cut_off];
        let happened = [
            self.deaths,
            self.power_cuts,
            self.stops,
            self.committed,
            self.aborted,
            self.read,
        ];
        happened.iter().all(|times| *times > 0) && (nodes.len() == 1 || links.iter().all(|times| *times > 0))
    }
}

struct Faults {
    world: World,
    nodes: &'static [i32],
    random: Random,
    machines: Vec<Machine>,
    watcher: ClusterClient,
    count: Count,
}

impl Faults {
    fn ms(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.random.below(most - least + 1))
    }

    /// Lets things go wrong until the time is over; then all machines run, and all links are there.
    async fn run(mut self) -> (Vec<Machine>, Count) {
        let end = Instant::now() + FAULTS;
        while Instant::now() < end {
            sleep(self.ms(500, 5_000)).await;
            let count = self.nodes.len();
            let victim = self.random.below(count as u64) as usize;
            let other = (victim + 1 + self.random.below(count as u64) as usize) % count;
            let (one, two) = (self.machines[victim].address(), self.machines[other].address());
            let network = self.world.network.clone();
            match self.random.below(8) {
                0 if other != victim => {
                    self.count.cut_links += 1;
                    network.cut(one, two);
                    sleep(self.ms(100, 15_000)).await;
                    network.mend(one, two);
                }
                1 if other != victim => {
                    self.count.cut_one_way += 1;
                    network.cut_one_way(one, two);
                    sleep(self.ms(100, 15_000)).await;
                    network.mend(one, two);
                }
                2 => {
                    self.count.cut_off += 1;
                    let others = self.nodes.iter().map(|node| World::address_of(*node));
                    let others: Vec<_> = others.filter(|other| *other != one).collect();
                    others.iter().for_each(|other| network.cut(one, *other));
                    sleep(self.ms(100, 20_000)).await;
                    others.iter().for_each(|other| network.mend(one, *other));
                }
                3 | 4 => {
                    self.count.deaths += 1;
                    self.machines[victim].lose_power(Loss::Nothing).await;
                    sleep(self.ms(0, 5_000)).await;
                    self.machines[victim].start().await;
                }
                5 => {
                    if !self.all_in_sync().await {
                        continue;
                    }
                    self.count.power_cuts += 1;
                    self.machines[victim].cut_power_after(self.random.below(60) as usize);
                    for _ in 0..100 {
                        if !self.machines[victim].has_power() {
                            break;
                        }
                        sleep(self.ms(1, 50)).await;
                    }
                    sleep(self.ms(0, 2_000)).await;
                    self.machines[victim].lose_power(Loss::Some).await;
                    sleep(self.ms(0, 5_000)).await;
                    self.machines[victim].start().await;
                    // The promise is kept by those that have it: nobody else may lose it now.
                    while !self.all_in_sync().await && Instant::now() < end {
                        sleep(Duration::from_millis(200)).await;
                    }
                }
                6 => {
                    self.count.stops += 1;
                    let was_well = self.all_in_sync().await;
                    self.machines[victim].stop().await;
                    sleep(self.ms(0, 3_000)).await;
                    if was_well && count > 1 {
                        self.all_are_led_without(self.nodes[victim]).await;
                    }
                    self.machines[victim].start().await;
                }
                _ => network.delay(1..=1 + self.random.below(20)),
            }
        }
        self.world.network.delay(1..=5);
        (self.machines, self.count)
    }

    /// Who stops has given away what it led.
    async fn all_are_led_without(&mut self, stopped: i32) {
        let others = self.nodes.iter().filter(|node| **node != stopped);
        for node in others {
            // The connection may be one to a process that has ended since.
            let mut metadata = self.watcher.metadata(Some(*node), None).await;
            if metadata.is_err() {
                metadata = self.watcher.metadata(Some(*node), None).await;
            }
            let metadata = metadata.expect("who runs answers while nothing else goes wrong");
            let mut partitions = metadata.topics.iter().flat_map(|topic| &topic.partitions);
            assert!(
                partitions.all(|partition| ![-1, stopped].contains(&partition.leader_id.0)),
                "seed {}: {node} knows no leader since {stopped} has stopped: {:#?}",
                self.world.seed,
                summary(&metadata)
            );
        }
    }

    /// Whether all replicas of all topics are in sync, as any node sees it.
    async fn all_in_sync(&mut self) -> bool {
        match self.watcher.metadata(None, None).await {
            Ok(metadata) => are_in_sync(&metadata, self.nodes),
            Err(_) => false,
        }
    }
}

fn are_in_sync(metadata: &MetadataResponse, nodes: &[i32]) -> bool {
    let mut partitions = metadata.topics.iter().flat_map(|topic| &topic.partitions);
    metadata.brokers.len() == nodes.len()
        && partitions.all(|partition| {
            partition.leader_id.0 >= 0 && partition.isr_nodes.len() == partition.replica_nodes.len()
        })
}

/// Creates topics and deletes them.
async fn churn(mut client: ClusterClient, replicas: i16, done: Rc<Cell<bool>>) {
    let mut number = 0;
    while !done.get() {
        let name = format!("churn-{number}");
        number += 1;
        create(&mut client, &name, 2, replicas).await;
        sleep(Duration::from_millis(client.random.below(2_000))).await;
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![TopicName(text(&name))])
            .with_timeout_ms(3_000);
        let mut tries = 0;
        loop {
            tries += 1;
            let answered = client.try_ask(To::Any, DELETE_TOPICS, &request).await;
            let code = answered.ok().map(|response| response.responses[0].error_code);
            // An answer that was lost may have been that it is gone.
            let gone = ErrorCode::UnknownTopicOrPartition.code();
            if code == Some(0) || code == Some(gone) && tries > 1 {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn create(client: &mut ClusterClient, name: &str, partitions: i32, replicas: i16) {
    let unclean = CreatableTopicConfig::default()
        .with_name(text("unclean.leader.election.enable"))
        .with_value(Some(text("false")));
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
        .with_configs(vec![unclean]);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(3_000);
    loop {
        let answered = client.try_ask(To::Any, CREATE_TOPICS, &request).await;
        let code = answered.ok().map(|response| response.topics[0].error_code);
        if [0, ErrorCode::TopicAlreadyExists.code()]
            .map(Some)
            .contains(&code)
        {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// What all nodes say of the topics once they say the same, and all is in sync.
async fn settled(who: &str, client: &mut ClusterClient, nodes: &[i32]) -> MetadataResponse {
    let mut said = Vec::new();
    for _ in 0..300 {
        said.clear();
        for node in nodes {
            said.extend(client.metadata(Some(*node), None).await);
        }
        let topics = |metadata: &MetadataResponse| metadata.topics.clone();
        let same = said.windows(2).all(|pair| topics(&pair[0]) == topics(&pair[1]));
        let in_sync = said.iter().all(|metadata| are_in_sync(metadata, nodes));
        if said.len() == nodes.len() && same && in_sync {
            return said.remove(0);
        }
        sleep(Duration::from_millis(500)).await;
    }
    panic!(
        "{who}: the nodes don't come to terms: {:#?}",
        said.iter().map(summary).collect::<Vec<_>>()
    )
}

/// The brokers, and of each partition leader, epoch and who is in sync.
fn summary(metadata: &MetadataResponse) -> (Vec<i32>, Vec<String>) {
    let brokers = metadata.brokers.iter().map(|broker| broker.node_id.0);
    let topics = metadata.topics.iter().map(|topic| {
        let name = topic
            .name
            .as_ref()
            .map(|name| name.to_string())
            .unwrap_or_default();
        let partitions = topic.partitions.iter().map(|partition| {
            let in_sync: Vec<i32> = partition.isr_nodes.iter().map(|id| id.0).collect();
            format!(
                "{} in {}: {in_sync:?}",
                partition.leader_id.0, partition.leader_epoch
            )
        });
        format!("{name}: {}", partitions.collect::<Vec<_>>().join(", "))
    });
    (brokers.collect(), topics.collect())
}

async fn within<T>(who: &str, what: &str, task: JoinHandle<T>) -> T {
    let ended = timeout(RECOVERY, task).await;
    let ended = ended.unwrap_or_else(|_| panic!("{who}: {what} does not get done"));
    ended.unwrap_or_else(|error| panic!("{who}: {what}: {error}"))
}

async fn history(world: World, nodes: &'static [i32], count: Rc<RefCell<Count>>) {
    let who = format!("seed {}", world.seed);
    let mut machines: Vec<Machine> = nodes
        .iter()
        .map(|node| Machine::in_cluster(&world, *node, nodes, &settings(nodes)))
        .collect();
    start_all(&mut machines).await;
    let mut number = 0;
    let mut client = || {
        number += 1;
        ClusterClient::new(&world, number, nodes)
    };
    let replicas = nodes.len() as i16;
    create(&mut client(), TOPIC, PARTITIONS, replicas).await;

    let (done, read) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let names = ["i1", "i2"];
    let idempotent = names.map(|name| spawn_local(producers::idempotent(client(), name.to_owned(), 60)));
    let ids = ["x1", "x2"];
    let transactional = ids.map(|name| spawn_local(producers::transactional(client(), name.to_owned(), 25)));
    let consumers = [false, true].map(|level| spawn_local(readers::consume(client(), level, read.clone())));
    let commits = spawn_local(readers::commit(client(), "g".to_owned(), 60));
    let churn = spawn_local(churn(client(), replicas, done.clone()));
    let faults = Faults {
        world: world.clone(),
        nodes,
        random: Random::seeded(world.random.u64()),
        machines,
        watcher: client(),
        count: Count::default(),
    };
    let (mut machines, mut seen) = faults.run().await;

    done.set(true);
    within(&who, "the churn", churn).await;
    let mut written = Vec::new();
    for task in idempotent {
        written.push(within(&who, "an idempotent producer", task).await);
    }
    let mut transactions = Vec::new();
    for task in transactional {
        transactions.push(within(&who, "a transactional producer", task).await);
    }
    let last_commit = within(&who, "the commits", commits).await;
    read.set(true);
    let mut was_read = Vec::new();
    for task in consumers {
        was_read.push(within(&who, "a consumer", task).await);
    }

    let mut last = client();
    let metadata = settled(&who, &mut last, nodes).await;
    for topic in &metadata.topics {
        let name = topic.name.as_ref().expect("a topic has a name");
        judge::replicas_are_equal(&who, &machines, name, topic.partitions.len() as i32);
    }
    let logs = judge::read_final(&who, &machines[0]);
    for (name, written) in names.iter().zip(&written) {
        judge::idempotent(&who, name, written, &logs);
    }
    for (name, transactions) in ids.iter().zip(&transactions) {
        judge::transactional(&who, name, transactions, &logs);
        let is_committed =
            |transaction: &&producers::Transaction| transaction.fate == producers::Fate::Committed;
        let unknown = transactions
            .iter()
            .any(|transaction| transaction.fate == producers::Fate::Unknown);
        let expected = transactions
            .iter()
            .rfind(is_committed)
            .map_or(-1, |last| last.number as i64);
        let offset = readers::committed(&mut last, name).await;
        assert!(
            offset == expected || unknown && offset > expected,
            "{who}: {name}: {offset} of {expected}"
        );
        seen.committed += transactions.iter().filter(is_committed).count();
        seen.aborted += transactions.len() - transactions.iter().filter(is_committed).count();
    }
    assert_eq!(readers::committed(&mut last, "g").await, last_commit, "{who}");
    for (level, read) in [false, true].into_iter().zip(&was_read) {
        judge::readers(&who, level, read, &logs);
        seen.read += read.len();
    }
    for machine in &mut machines {
        machine.stop().await;
    }
    count.borrow_mut().add(&seen);
}

/// Starts all nodes at once: a node alone has no quorum.
async fn start_all(machines: &mut Vec<Machine>) {
    let starting = machines.drain(..).map(|mut machine| {
        spawn_local(async move {
            machine.start().await;
            machine
        })
    });
    let starting: Vec<_> = starting.collect();
    for started in starting {
        machines.push(started.await.expect("the node starts"));
    }
}

fn run(seed: u64, nodes: &'static [i32], all: &Mutex<Count>) -> Vec<Event> {
    let count = Rc::new(RefCell::new(Count::default()));
    let counted = count.clone();
    let trace = World::run(seed, async |world| history(world, nodes, counted).await);
    println!("seed {seed}: {} events, {:?}", trace.len(), count.borrow());
    all.lock()
        .expect("nothing panics while it adds")
        .add(&count.borrow());
    trace
}

fn run_all(seeds: u64, nodes: &'static [i32]) {
    let all = Mutex::new(Count::default());
    if with_seeds(seeds, |seed| run(seed, nodes, &all)) {
        let all = all.into_inner().expect("nothing panics while it adds");
        assert!(all.has_tried_everything(nodes), "{all:?}");
    }
}

#[test]
fn a_node_alone_keeps_what_it_has_acknowledged_whatever_happens() {
    run_all(SEEDS, &[1]);
}

#[test]
fn a_cluster_keeps_what_it_has_acknowledged_whatever_happens() {
    run_all(CLUSTER_SEEDS, &[1, 2, 3]);
}
