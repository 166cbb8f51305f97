//! One history: a cluster, its clients, what goes wrong, and the judgement.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use barnabas_simulation::{Machine, World};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;

use super::client::ClusterClient;
use super::faults::{Count, Shared};
use super::members::Commits;
use super::producers::Fate;
use super::{PARTITIONS, RECOVERY, TOPIC};
use super::{faults, judge, members, producers, readers, settle, topics, watch};

/// What is seen in every history, or nearly.
pub const SEEN: &[&str] = &["committed", "aborted", "read", "group commits", "ends", "batches"];

/// What the nodes are given: internal topics have as many replicas as there are nodes.
fn settings(nodes: &[i32]) -> Vec<(&'static str, &'static str)> {
    let (replicas, in_sync) = if nodes.len() < 3 { ("1", "1") } else { ("3", "2") };
    vec![
        ("log.flush.interval.messages", "1"),
        // Records have one time, and wall clocks are set.
        ("log.message.timestamp.after.max.ms", "9223372036854775807"),
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

/// See the module; adds to `count` how often each thing happened.
pub async fn run(world: World, nodes: &'static [i32], voters: &'static [i32], count: Rc<RefCell<Count>>) {
    let who = format!("seed {}", world.seed);
    let machine = |node: &i32| Machine::in_cluster(&world, *node, voters, &settings(nodes));
    let mut machines: Vec<Machine> = nodes.iter().map(machine).collect();
    start_all(&mut machines).await;
    let mut number = 0;
    let mut client = || {
        number += 1;
        ClusterClient::new(&world, number, nodes)
    };
    let replicas = nodes.len().min(3) as i16;
    topics::create(&mut client(), TOPIC, PARTITIONS, replicas).await;

    let machines: faults::Machines = Rc::new(machines.into_iter().map(Mutex::new).collect());
    let (done, read) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let names = ["i1", "i2"];
    let idempotent = names.map(|name| spawn_local(producers::idempotent(client(), name.to_owned(), 60)));
    let ids = ["x1", "x2"];
    let transactional = ids.map(|name| spawn_local(producers::transactional(client(), name.to_owned(), 25)));
    let consumers = [false, true].map(|level| spawn_local(readers::consume(client(), level, read.clone())));
    let commits = spawn_local(readers::commit(client(), "g".to_owned(), 60));
    let group_commits = Rc::new(RefCell::new(Commits::default()));
    let members = ["m1", "m2"].map(|id| {
        let member = members::member(client(), id.to_owned(), group_commits.clone(), done.clone());
        spawn_local(member)
    });
    let churn = spawn_local(topics::churn(client(), replicas, done.clone()));
    let ends = spawn_local(watch::ends(client(), nodes, read.clone()));
    let logs = spawn_local(watch::logs(who.clone(), machines.clone(), read.clone()));
    let shared = Shared::new(&world, (nodes, voters), machines.clone());
    faults::run(&shared, &mut client).await;
    let mut seen = shared.count.take();
    drop(shared);

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
    for task in members {
        *seen.entry("group commits").or_default() += within(&who, "a member", task).await;
    }
    read.set(true);
    let mut was_read = Vec::new();
    for task in consumers {
        was_read.push(within(&who, "a consumer", task).await);
    }
    *seen.entry("ends").or_default() += within(&who, "who watches ends", ends).await;
    *seen.entry("batches").or_default() += within(&who, "who watches logs", logs).await;

    let mut last = client();
    let metadata = settle::settled(&who, &mut last, nodes).await;
    let machines = Rc::into_inner(machines).expect("nobody else has the machines any more");
    let mut machines: Vec<Machine> = machines.into_iter().map(Mutex::into_inner).collect();
    settle::images_are_equal(&who, &machines).await;
    judge::replicas_are_equal(&who, &machines, &metadata);
    let logs = judge::read_final(&who, &machines);
    for (name, written) in names.iter().zip(&written) {
        judge::idempotent(&who, name, written, &logs);
    }
    for (name, transactions) in ids.iter().zip(&transactions) {
        judge::transactional(&who, name, transactions, &logs);
        let is_committed = |transaction: &&producers::Transaction| transaction.fate == Fate::Committed;
        let unknown = transactions
            .iter()
            .any(|transaction| transaction.fate == Fate::Unknown);
        let expected = transactions.iter().rfind(is_committed);
        let expected = expected.map_or(-1, |last| last.number as i64);
        let offset = readers::committed(&mut last, name).await;
        assert!(
            offset == expected || unknown && offset > expected,
            "{who}: {name}: {offset} of {expected}"
        );
        let committed = transactions.iter().filter(is_committed).count();
        *seen.entry("committed").or_default() += committed;
        *seen.entry("aborted").or_default() += transactions.len() - committed;
    }
    assert_eq!(readers::committed(&mut last, "g").await, last_commit, "{who}");
    members::judge(&mut last, &group_commits.take()).await;
    for (level, read) in [false, true].into_iter().zip(&was_read) {
        judge::readers(&who, level, read, &logs);
        *seen.entry("read").or_default() += read.len();
    }
    for machine in &mut machines {
        machine.stop().await;
    }
    *count.borrow_mut() = seen;
}

async fn within<T>(who: &str, what: &str, task: JoinHandle<T>) -> T {
    let ended = timeout(RECOVERY, task).await;
    let ended = ended.unwrap_or_else(|_| panic!("{who}: {what} does not get done"));
    ended.unwrap_or_else(|error| panic!("{who}: {what}: {error}"))
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
