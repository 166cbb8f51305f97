//! Who joins the ISR, who leaves it, and how far the high watermark goes meanwhile.

use barnabas_protocol::error::ErrorCode;

use super::super::{AliveBroker, Assignment, FollowerId, FollowerLog, Moved};
use super::*;

const LAG_MAX_MS: i64 = 100;

fn alive(broker_epochs: &[(i32, i64)]) -> Vec<AliveBroker> {
    let alive = broker_epochs
        .iter()
        .map(|&(broker_id, broker_epoch)| AliveBroker {
            broker_id,
            broker_epoch,
            shutting_down: false,
        });
    alive.collect()
}

/// Of a partition with replicas on the brokers 1, 2 and 3, which have registered as 11, 12 and 13.
fn assignment(leader_epoch: i32, partition_epoch: i32, isr: &[i32]) -> Assignment {
    Assignment {
        leader: 1,
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch,
        replicas: vec![1, 2, 3],
        isr: isr.to_vec(),
        alive: alive(&[(2, 12), (3, 13)]),
    }
}

/// On broker 1, which leads in epoch 5 and needs one in sync; its log ends at 10 and is committed up to 8.
fn core(isr: &[i32]) -> PartitionCore {
    PartitionCore::new(1, assignment(5, 7, isr), 1, (10, 8), 0)
}

fn fetch(core: &mut PartitionCore, broker_id: i32, end_offset: i64, now_ms: i64) -> Result<Moved, ErrorCode> {
    let follower = FollowerId {
        broker_id,
        broker_epoch: 10 + i64::from(broker_id),
    };
    let has = FollowerLog {
        end_offset,
        start_offset: 0,
    };
    core.fetched_by(follower, has, at(now_ms))
}

fn at(now_ms: i64) -> LagTime {
    LagTime {
        now_ms,
        max_ms: LAG_MAX_MS,
    }
}

fn committed(partition_epoch: i32, isr: &[i32]) -> IsrAnswer {
    IsrAnswer::Committed {
        leader_epoch: LeaderEpoch(5),
        partition_epoch,
        isr: isr.to_vec(),
    }
}

#[test]
fn a_follower_joins_with_all_that_is_committed_and_was_there_when_the_epoch_began() {
    let mut core = core(&[1, 2]);
    for (end_offset, joins) in [(7, false), (9, false), (10, true), (10, true)] {
        let moved = fetch(&mut core, 3, end_offset, 1).unwrap();
        assert_eq!(moved.joins, joins, "{end_offset}: the epoch began at 10");
    }
    let change = core.propose_joins().unwrap().clone();
    assert_eq!(
        change.isr,
        [(1, -1), (2, -1), (3, 13)],
        "broker 2 has not fetched"
    );
    assert_eq!((change.leader_epoch, change.partition_epoch), (LeaderEpoch(5), 7));
    assert!(core.propose_joins().is_none(), "one question at a time");
    assert!(!fetch(&mut core, 3, 10, 2).unwrap().joins);
    core.isr_answered(&change, committed(8, &[1, 2, 3]));
    assert_eq!(core.isr(), [1, 2, 3]);
    assert!(core.propose_joins().is_none(), "nobody is left");
}

#[test]
fn who_comes_while_another_is_asked_for_is_not_forgotten() {
    let mut core = core(&[1]);
    fetch(&mut core, 2, 10, 1).unwrap();
    let change = core.propose_joins().unwrap().clone();
    assert!(!fetch(&mut core, 3, 10, 2).unwrap().joins && !core.has_joins());
    core.isr_answered(&change, committed(8, &[1, 2]));
    assert!(core.has_joins());
    assert_eq!(core.propose_joins().unwrap().isr, [(1, -1), (2, 12), (3, 13)]);
}

#[test]
fn who_is_not_what_has_registered_or_is_about_to_stop_does_not_join() {
    let cases = [
        (alive(&[]), false, "fenced"),
        (alive(&[(3, 13)]), true, "alive"),
        (alive(&[(3, 12)]), false, "the metadata is behind"),
        (
            vec![AliveBroker {
                broker_id: 3,
                broker_epoch: 13,
                shutting_down: true,
            }],
            false,
            "it stops",
        ),
    ];
    for (alive, joins, why) in cases {
        let mut core = core(&[1, 2]);
        core.brokers_changed(&alive);
        assert_eq!(fetch(&mut core, 3, 10, 1).unwrap().joins, joins, "{why}");
        assert_eq!(core.propose_joins().is_some(), joins, "{why}");
    }
}

#[test]
fn a_fetch_of_an_earlier_registration_changes_nothing() {
    let mut core = core(&[1, 2]);
    core.brokers_changed(&alive(&[(2, 99)]));
    assert_eq!(fetch(&mut core, 2, 10, 1), Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(core.high_watermark(), 8);
}

#[test]
fn until_the_answer_the_high_watermark_waits_for_both_isrs() {
    let mut core = core(&[1, 2]);
    fetch(&mut core, 2, 10, 1).unwrap();
    assert_eq!(core.high_watermark(), 10);
    fetch(&mut core, 3, 10, 1).unwrap();
    let change = core.propose_joins().unwrap().clone();
    core.appended(12);
    fetch(&mut core, 2, 12, 2).unwrap();
    assert_eq!(core.high_watermark(), 10, "broker 3 may be in the ISR by now");
    assert!(!core.isr_answered(&change, IsrAnswer::Outdated));
    assert_eq!(core.high_watermark(), 10, "still nobody knows");
    assert!(core.propose_joins().is_none(), "the metadata has to come first");
    // It comes: somebody else has changed the partition before.
    core.brokers_changed(&alive(&[(2, 12)]));
    core.assign(
        Assignment {
            alive: alive(&[(2, 12)]),
            ..assignment(5, 8, &[1, 2])
        },
        3,
    );
    assert_eq!(core.high_watermark(), 12);
    assert!(!core.isr_answered(&change, committed(9, &[1, 2, 3])), "too late");
    assert_eq!(core.isr(), [1, 2]);
}

#[test]
fn the_high_watermark_waits_for_those_that_could_join_until_they_stop() {
    let mut core = core(&[1, 2]);
    fetch(&mut core, 3, 10, 1).unwrap();
    core.appended(12);
    fetch(&mut core, 2, 12, 2).unwrap();
    assert_eq!(
        core.high_watermark(),
        10,
        "broker 3 keeps up, though it is not in the ISR"
    );
    assert!(
        !core.look_at_followers(at(LAG_MAX_MS)),
        "and may be late for so long"
    );
    assert!(core.look_at_followers(at(LAG_MAX_MS + 2)));
    assert_eq!(core.high_watermark(), 12);
}

#[test]
fn who_has_not_kept_up_leaves() {
    let mut core = core(&[1, 2, 3]);
    core.look_at_followers(at(LAG_MAX_MS));
    assert!(
        core.propose_leaves().is_none(),
        "they were in sync when the epoch began"
    );
    fetch(&mut core, 2, 10, LAG_MAX_MS).unwrap();
    core.appended(20);
    // It is behind, but was at the leader's end at the fetch before.
    fetch(&mut core, 2, 12, LAG_MAX_MS + 50).unwrap();
    core.look_at_followers(at(2 * LAG_MAX_MS));
    let change = core.propose_leaves().unwrap().clone();
    assert_eq!(change.isr, [(1, -1), (2, 12)]);
    assert_eq!(
        core.high_watermark(),
        8,
        "broker 3 is in the ISR until the controller says otherwise"
    );
    assert!(!core.isr_answered(&change, IsrAnswer::Refused));
    let change = core.propose_leaves().unwrap().clone();
    assert!(core.isr_answered(&change, committed(8, &[1, 2])));
    assert_eq!(core.high_watermark(), 12);
    // Metadata that is older than the answer changes nothing.
    core.assign(assignment(5, 7, &[1, 2, 3]), 0);
    assert_eq!(core.isr(), [1, 2]);
    core.look_at_followers(at(3 * LAG_MAX_MS));
    assert_eq!(core.propose_leaves().unwrap().isr, [(1, -1)]);
}

#[test]
fn a_new_epoch_begins_without_a_question() {
    let mut core = core(&[1, 2]);
    fetch(&mut core, 3, 10, 1).unwrap();
    let change = core.propose_joins().unwrap().clone();
    core.assign(assignment(6, 8, &[1, 2]), 2);
    assert!(!core.isr_answered(&change, committed(9, &[1, 2, 3])));
    assert_eq!(core.isr(), [1, 2]);
    assert!(core.propose_joins().is_none(), "nobody has fetched in this epoch");
}

#[test]
fn who_was_not_alive_at_its_last_fetch_joins_once_it_is() {
    let mut core = core(&[1, 3]);
    core.brokers_changed(&alive(&[(3, 13)]));
    let moved = fetch(&mut core, 2, 10, 1).unwrap();
    assert!(!moved.joins && !core.has_joins());
    // It fetches no more of a partition that nobody writes to.
    core.brokers_changed(&alive(&[(2, 12), (3, 13)]));
    assert!(core.has_joins());
    assert!(core.propose_joins().is_some());
    assert!(!core.has_joins());
}
