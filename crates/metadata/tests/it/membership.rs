//! Voters that come and go, in simulated time: controllers join a quorum, get a vote, lose it, lose their
//! disks and leaders, while links are cut and power fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use barnabas_environment::Random;
use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::VoterChange;
use barnabas_protocol::error::ErrorCode;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::cluster::LONG;
use crate::membership_world::{PATIENCE, World, keys, voter};
use crate::support::create;

fn code(changed: Result<(), ApiError>) -> ErrorCode {
    changed.map_or_else(|error| error.code, |()| ErrorCode::None)
}

#[tokio::test(start_paused = true)]
async fn one_voter_becomes_three_and_the_first_goes() {
    let mut world = World::standalone().await;
    world.create("a").await;
    for id in [2, 3] {
        world.new_machine(id, id as u128);
        world.join(id).await;
        let observers = world.handle(1).status().observers;
        assert_eq!(
            observers
                .iter()
                .map(|observer| observer.node_id)
                .collect::<Vec<_>>(),
            [id],
            "it follows without a vote"
        );
        assert_eq!(code(world.add(id).await), ErrorCode::None);
    }
    world.agree(1, &[(1, 1), (2, 2), (3, 3)]).await;
    assert_eq!(
        world.handle(2).addresses().address(3).as_deref(),
        Some("host-3:9093"),
        "the list says where"
    );
    // The leader removes itself, and follows without a vote from then on.
    assert_eq!(world.active(&[1, 2, 3]).await, 1);
    assert_eq!(code(world.remove(1, 1).await), ErrorCode::None);
    let next = world.active(&[2, 3]).await;
    world.create("b").await;
    world.agree(2, &[(2, 2), (3, 3)]).await;
    assert_eq!(world.handle(1).leader_id(), Some(next));
    // And may have a vote again.
    assert_eq!(code(world.add(1).await), ErrorCode::None);
    world.stop(next).await;
    world.create("c").await;
    world.agree(3, &[(1, 1), (2, 2), (3, 3)]).await;
    // The list outlives the restart of all.
    for id in world.ids() {
        world.stop(id).await;
    }
    let mut starting = Vec::new();
    for id in [1, 2, 3] {
        starting.push((id, world.open(id, BTreeMap::new()).await));
    }
    for (id, opened) in starting {
        world
            .nodes
            .insert(id, timeout(LONG, opened.caught_up()).await.unwrap().unwrap());
    }
    world.create("d").await;
    world.agree(4, &[(1, 1), (2, 2), (3, 3)]).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_with_kafkas_errors() {
    let mut world = World::standalone().await;
    world.new_machine(2, 2);
    assert_eq!(code(world.remove(2, 2).await), ErrorCode::VoterNotFound);
    assert_eq!(code(world.remove(1, 9).await), ErrorCode::VoterNotFound);
    assert_eq!(
        code(world.remove(1, 1).await),
        ErrorCode::InvalidRequest,
        "the last one"
    );
    let refused = world.add(1).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::DuplicateVoter);
    let key = "ReplicaKey(id=1, directoryId=AAAAAAAAAAAAAAAAAAAAAQ)";
    let message = format!("The voter id for {key} is already part of the set of voters [{key}].");
    assert_eq!(refused.message, Some(message));
    // Nobody is there to catch up.
    assert_eq!(code(world.add(2).await), ErrorCode::RequestTimedOut);
    let node = voter(2, 2);
    let update = world.change(VoterChange::Update { id: 2, node }).await;
    assert_eq!(code(update), ErrorCode::VoterNotFound);
    // Two at a time are one too many.
    world.join(2).await;
    let handle = world.handle(1);
    let directory_id = Uuid::from_u128(9);
    let wrong = VoterChange::Add {
        id: 2,
        node: voter(2, 9),
    };
    let other = VoterChange::Remove { id: 2, directory_id };
    let (first, second) = tokio::join!(
        handle.change_voters(wrong, PATIENCE),
        handle.change_voters(other, PATIENCE)
    );
    assert_eq!(code(second.unwrap()), ErrorCode::RequestTimedOut);
    assert_eq!(
        code(first.unwrap()),
        ErrorCode::RequestTimedOut,
        "another directory"
    );
}

#[tokio::test(start_paused = true)]
async fn voters_that_settings_name_stay() {
    let mut world = World {
        level: 0,
        ..World::default()
    };
    world.new_machine(1, 1);
    let opened = world.open(1, [(1, voter(1, 1))].into()).await;
    world.nodes.insert(1, opened.caught_up().await.unwrap());
    world.new_machine(2, 2);
    assert_eq!(code(world.add(2).await), ErrorCode::UnsupportedVersion);
    assert_eq!(code(world.remove(1, 1).await), ErrorCode::UnsupportedVersion);
}

#[tokio::test(start_paused = true)]
async fn a_node_with_another_disk_is_another_voter() {
    let mut world = World::of(&[1, 2, 3]).await;
    world.create("a").await;
    let away = world
        .ids()
        .into_iter()
        .find(|id| !world.handle(*id).is_active())
        .unwrap();
    let rest: Vec<i32> = world.ids().into_iter().filter(|id| *id != away).collect();
    world.stop(away).await;
    world.new_machine(away, 10);
    // It may not follow in the place of the one that has voted, nor vote for anybody.
    let opened = world.open(away, BTreeMap::new()).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(opened.handle().status().leader_id, -1);
    let leader = world.active(&rest).await;
    let other = rest.iter().copied().find(|id| *id != leader).unwrap();
    world.wires.cut(leader, [other]);
    sleep(Duration::from_secs(20)).await;
    assert!(!world.handle(leader).is_active(), "one of three is no majority");
    assert!(!world.handle(other).is_active(), "nor is one with an empty disk");
    world.wires.heal();

    assert_eq!(code(world.remove(away, away as u128).await), ErrorCode::None);
    world
        .nodes
        .insert(away, timeout(LONG, opened.caught_up()).await.unwrap().unwrap());
    assert_eq!(code(world.add(away).await), ErrorCode::None);
    world.create("b").await;
    let mut expected: Vec<(i32, u128)> = rest.iter().map(|id| (*id, *id as u128)).collect();
    expected.push((away, 10));
    expected.sort_unstable();
    world.agree(2, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn who_joins_by_itself_takes_the_place_of_its_old_disk() {
    let mut world = World::of(&[1, 2, 3]).await;
    world.auto_join = true;
    let away = world
        .ids()
        .into_iter()
        .find(|id| !world.handle(*id).is_active())
        .unwrap();
    world.stop(away).await;
    world.create("a").await;
    world.new_machine(away, 10);
    world.join(away).await;
    world.new_machine(4, 4);
    world.join(4).await;
    let mut expected: Vec<(i32, u128)> = vec![(1, 1), (2, 2), (3, 3), (4, 4)];
    expected.retain(|(id, _)| *id != away);
    expected.push((away, 10));
    expected.sort_unstable();
    world.agree(1, &expected).await;
}

/// Whatever was answered is there at the end, and no epoch had two leaders, whatever became of links, power,
/// disks and votes meanwhile.
#[tokio::test(start_paused = true)]
async fn changes_of_the_voters_survive_faults() {
    for seed in 1..=6 {
        history(seed).await;
    }
}

async fn history(seed: u64) {
    let random = Random::seeded(seed);
    let mut world = World::of(&[1, 2, 3]).await;
    let mut answered = BTreeSet::new();
    let mut led: BTreeMap<i32, i32> = BTreeMap::new();
    let mut directory = 100;
    for round in 0..14 {
        let ids = world.ids();
        let one = ids[random.below(ids.len() as u64) as usize];
        match random.below(6) {
            0 => world.wires.cut(one, (1..=4).filter(|id| *id != one)),
            1 => {
                // The power fails, wherever a change is.
                world.machines[&one].disk.power_off();
                world.wires.disconnect(one);
                drop(world.nodes.remove(&one).unwrap().shutdown().await);
                world.machines[&one].disk.power_on();
                let opened = world.open(one, BTreeMap::new()).await;
                world.wires.heal();
                world
                    .nodes
                    .insert(one, timeout(LONG, opened.caught_up()).await.unwrap().unwrap());
            }
            2 if !world.machines.contains_key(&4) => {
                directory += 1;
                world.new_machine(4, directory);
                world.wires.heal();
                world.join(4).await;
            }
            2 | 3 => {
                // Begun, and perhaps never ended.
                let handle = world.handle(one);
                let (id, node) = (4, voter(4, directory));
                let change = VoterChange::Add { id, node };
                drop(
                    timeout(
                        Duration::from_millis(random.below(40)),
                        handle.change_voters(change, PATIENCE),
                    )
                    .await,
                );
            }
            _ => {
                let handle = world.handle(one);
                let voters = keys(&handle);
                let (id, gone) = voters[random.below(voters.len() as u64) as usize];
                if voters.len() > 2 {
                    let directory_id = Uuid::from_u128(gone);
                    let change = VoterChange::Remove { id, directory_id };
                    drop(
                        timeout(
                            Duration::from_millis(random.below(40)),
                            handle.change_voters(change, PATIENCE),
                        )
                        .await,
                    );
                }
            }
        }
        for (id, node) in &world.nodes {
            let handle = node.handle();
            if handle.is_active() {
                let epoch = handle.status().leader_epoch;
                assert_eq!(
                    *led.entry(epoch).or_insert(*id),
                    *id,
                    "seed {seed}: two leaders of epoch {epoch}"
                );
            }
            let name = format!("{round}-{id}");
            let created = timeout(Duration::from_millis(200), create(&handle, [name.clone()])).await;
            if matches!(created, Ok(Ok(ref made)) if *made == [true]) {
                answered.insert(name);
            }
        }
        sleep(Duration::from_millis(random.below(1500))).await;
    }
    world.wires.heal();
    world.create("last").await;
    let leader = world.active(&world.ids()).await;
    let same = async {
        while world
            .nodes
            .values()
            .any(|node| *node.image() != *world.nodes[&leader].image())
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        timeout(LONG, same).await.is_ok(),
        "seed {seed}: the images differ"
    );
    for node in world.nodes.values() {
        let image = node.image();
        let lost = answered.iter().find(|name| image.topics.by_name(name).is_none());
        assert_eq!(lost, None, "seed {seed}");
    }
    for (_, node) in std::mem::take(&mut world.nodes) {
        drop(node.shutdown().await);
    }
}
