//! The quorum over the controllers' listeners.

use std::time::{Duration, Instant};

use barnabas_metadata::MetadataError;
use barnabas_metadata::controller::UnregisterBroker;
use barnabas_metadata::quorum::QuorumTiming;

use crate::channel::create;
use crate::lives::live_broker;
use crate::support::{Cluster, LONG, until};

/// Asks for something that any controller has to decide.
fn ask(cluster: &Cluster, id: i32) -> Result<(), MetadataError> {
    let node = &cluster.nodes[&id];
    let asked = node.handle.submit(UnregisterBroker { broker_id: 9 });
    node.wait(asked).map(|_| ())
}

#[test]
fn voters_elect_over_their_listeners_and_outlive_a_killed_leader() {
    let mut cluster = Cluster::start();
    let first = cluster.active();
    ask(&cluster, first).unwrap();
    let follower = cluster.another(first);
    let refused = ask(&cluster, follower);
    assert!(
        matches!(refused, Err(MetadataError::NotController { leader_id }) if leader_id == Some(first)),
        "{refused:?}"
    );
    cluster.take(first).kill();
    let killed = Instant::now();
    let second = cluster.active();
    ask(&cluster, second).unwrap();
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    cluster.restart(&[first]);
    assert_eq!(cluster.active(), second);
}

#[test]
fn the_rest_goes_on_when_a_leader_stops() {
    let mut cluster = Cluster::start();
    let first = cluster.active();
    ask(&cluster, first).unwrap();
    cluster.take(first).stop();
    // Before it goes, another one leads.
    let knows = |id: &i32| {
        cluster.nodes[id]
            .handle
            .leader_id()
            .is_some_and(|leader| leader != first)
    };
    assert!(cluster.nodes.keys().any(knows));
    let second = cluster.active();
    ask(&cluster, second).unwrap();
}

#[test]
fn a_voter_that_was_away_for_long_gets_a_snapshot() {
    let mut cluster = Cluster::with_snapshots_every(20);
    let leader = cluster.active();
    live_broker(&cluster.nodes[&leader], 1, 9092);
    let away = cluster.another(leader);
    cluster.take(away).kill();
    for number in 0..70 {
        assert_eq!(
            create(&cluster.nodes[&leader], &format!("topic-{number}")).unwrap(),
            0
        );
    }
    cluster.restart(&[away]);
    let image = |id| cluster.nodes[&id].handle.image();
    until("the same image", || (image(away) == image(leader)).then_some(()));
    assert_eq!(image(away).topics.len(), 70);
}

#[test]
fn a_leader_whose_connections_break_is_heard_by_others_before_its_next_heartbeat() {
    let patient = QuorumTiming {
        heartbeat: 10 * LONG,
        fetch_timeout: 40 * LONG,
        ..QuorumTiming::default()
    };
    let cluster = Cluster::of(1000, patient);
    let leader = cluster.active();
    let followers: Vec<_> = cluster
        .relays
        .iter()
        .filter(|(id, _)| **id != leader)
        .map(|(_, relay)| relay)
        .collect();
    for _ in 0..3 {
        for relay in &followers {
            let before = relay.made();
            relay.cut();
            until("another connection", || (relay.made() > before).then_some(()));
        }
    }
    ask(&cluster, leader).unwrap();
}
