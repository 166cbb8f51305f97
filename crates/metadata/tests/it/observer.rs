//! Nodes without a vote that follow three voters, in simulated time.

use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::{Environment, Threads};
use barnabas_metadata::MetadataError;
use barnabas_metadata::quorum::{AddressBook, Observer, ObserverOptions, SimulatedDisk};
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{Cluster, End, IDS, LONG};
use crate::support::register;

const OBSERVER: i32 = 9;

fn options(cluster: &Cluster, disk: &SimulatedDisk, cluster_id: &str) -> ObserverOptions {
    ObserverOptions {
        node_id: OBSERVER,
        cluster_id: cluster_id.into(),
        snapshots: disk.metadata().snapshots,
        snapshot_every: 100,
        peers: Arc::new(End {
            wires: cluster.wires.clone(),
            node: OBSERVER,
        }),
        addresses: AddressBook::new(IDS.into_iter().map(|id| (id, id.to_string())).collect()),
        environment: Environment {
            threads: Threads::Runtime,
            ..Environment::system()
        },
    }
}

async fn observe(cluster: &Cluster, disk: &SimulatedDisk) -> Observer {
    let options = options(cluster, disk, "cluster-a");
    let started = Observer::start(options, |_, _| (), std::future::pending());
    timeout(LONG, started).await.unwrap().unwrap()
}

/// Waits until the observer has the image that a voter has; says how long that took.
async fn follows(observer: &Observer, cluster: &Cluster, voter: i32) -> Duration {
    let began = Instant::now();
    let same = async {
        while *observer.image() != *cluster.nodes[&voter].image() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, same).await.unwrap();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_observer_follows_whoever_leads_and_is_known_to_it() {
    let mut cluster = Cluster::start().await;
    let first = cluster.active(&IDS).await;
    register(&cluster.handle(first)).await.unwrap();
    let disk = SimulatedDisk::new();
    let observer = observe(&cluster, &disk).await;
    assert_eq!(*observer.image(), *cluster.nodes[&first].image());
    for number in 0..5 {
        cluster.create(&IDS, &format!("topic-{number}")).await;
        let took = follows(&observer, &cluster, first).await;
        assert!(
            took < Duration::from_millis(10),
            "a change comes at once: {took:?}"
        );
        assert_eq!(observer.published().offset(), observer.image().offset);
    }
    sleep(Duration::from_secs(1)).await;
    let status = cluster.handle(first).status();
    let [known] = &status.observers[..] else {
        panic!("{status:?}")
    };
    assert_eq!(
        (known.node_id, known.log_end_offset),
        (OBSERVER, status.high_watermark)
    );
    assert!(known.last_caught_up_ms > 0 && known.last_fetch_ms >= known.last_caught_up_ms);
    assert_eq!(status.voters.len(), IDS.len());
    for voter in &status.voters {
        assert_eq!(voter.log_end_offset, status.high_watermark, "{voter:?}");
        assert!(
            voter.last_fetch_ms > 0 && voter.last_caught_up_ms > 0,
            "{voter:?}"
        );
    }

    cluster.stop(first).await;
    let rest: Vec<i32> = IDS.into_iter().filter(|id| *id != first).collect();
    let second = cluster.create(&rest, "after").await;
    follows(&observer, &cluster, second).await;
    observer.shutdown().await;
}

/// The log reaches back ten entries: more than that comes as a snapshot, and a restart begins where it was.
#[tokio::test(start_paused = true)]
async fn an_observer_that_was_away_gets_a_snapshot() {
    let cluster = Cluster::start().await;
    let leader = cluster.active(&IDS).await;
    register(&cluster.handle(leader)).await.unwrap();
    for number in 0..220 {
        cluster.create(&IDS, &format!("topic-{number}")).await;
    }
    let disk = SimulatedDisk::new();
    let observer = observe(&cluster, &disk).await;
    assert_eq!(observer.image().topics.len(), 220);
    observer.shutdown().await;

    let snapshots = disk.metadata().snapshots;
    assert!(snapshots.read().unwrap().is_some(), "it is kept");
    cluster.create(&IDS, "later").await;
    let observer = observe(&cluster, &disk).await;
    assert_eq!(*observer.image(), *cluster.nodes[&leader].image());
    observer.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_observer_of_another_cluster_and_one_that_is_given_up_do_not_start() {
    let cluster = Cluster::start().await;
    cluster.active(&IDS).await;
    let disk = SimulatedDisk::new();
    let options = options(&cluster, &disk, "cluster-b");
    let given_up = sleep(Duration::from_secs(30));
    let refused = Observer::start(options, |_, _| (), given_up).await;
    assert!(matches!(refused.err(), Some(MetadataError::ShuttingDown)));
}
