//! Voters that start again: how long they wait for a leader, in simulated time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, IDS};
use crate::support::register;

#[tokio::test(start_paused = true)]
async fn voters_that_start_together_again_miss_their_leader_sooner_than_ones_that_followed_it() {
    let mut cluster = Cluster::start().await;
    let leader = cluster.active(&IDS).await;
    register(&cluster.handle(leader)).await.unwrap();
    cluster.create(&IDS, "a").await;
    for id in IDS {
        cluster.stop(id).await;
    }
    let began = Instant::now();
    cluster.start_nodes(&IDS).await;
    cluster.active(&IDS).await;
    let took = began.elapsed();
    assert!(took < Duration::from_millis(550), "{took:?}");
    cluster.agree(&IDS, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_has_just_started_helps_nobody_depose_a_leader() {
    let mut cluster = Cluster::start().await;
    let leader = cluster.active(&IDS).await;
    register(&cluster.handle(leader)).await.unwrap();
    let epoch = cluster.epoch(leader);
    let others: Vec<i32> = IDS.into_iter().filter(|id| *id != leader).collect();
    cluster.wires.cut(others[0], [leader]);
    for _ in 0..5 {
        sleep(Duration::from_secs(5)).await;
        cluster.stop(others[1]).await;
        cluster.start_nodes(&others[1..]).await;
    }
    cluster.wires.heal();
    cluster.agree(&IDS, 0).await;
    assert_eq!(cluster.active(&IDS).await, leader);
    assert_eq!(cluster.epoch(leader), epoch);
}
