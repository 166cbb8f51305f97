//! What the core decides, with one replica and with several.

use super::*;

const NOW: LagTime = LagTime {
    now_ms: 1_000,
    max_ms: 100,
};

/// Of a partition with replicas on the brokers 1, 2 and 3.
fn assignment(leader: i32, leader_epoch: i32, isr: &[i32]) -> Assignment {
    Assignment {
        leader,
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: 0,
        replicas: vec![1, 2, 3],
        isr: isr.to_vec(),
        alive: vec![],
    }
}

/// On broker 1, which needs `min_insync_replicas`.
fn core(assignment: Assignment, min_insync_replicas: i32, ends: (i64, i64)) -> PartitionCore {
    PartitionCore::new(1, assignment, min_insync_replicas, ends, NOW.now_ms)
}

fn log(start_offset: i64, end_offset: i64) -> FollowerLog {
    FollowerLog {
        end_offset,
        start_offset,
    }
}

fn by(broker_id: i32) -> FollowerId {
    FollowerId {
        broker_id,
        broker_epoch: -1,
    }
}

fn moves_high_watermark(core: &mut PartitionCore, replica_id: i32, end_offset: i64) -> bool {
    core.fetched_by(by(replica_id), log(0, end_offset), NOW)
        .unwrap()
        .high_watermark
}

#[test]
fn the_high_watermark_follows_the_log_of_a_leader_alone_in_its_isr() {
    let mut core = core(assignment(1, 0, &[1]), 1, (5, 0));
    assert_eq!(
        core.high_watermark(),
        5,
        "what was in the log at the start is committed"
    );
    assert!(core.appended(8));
    assert_eq!(core.high_watermark(), 8);
    assert!(!core.appended(8));
}

#[test]
fn the_high_watermark_is_never_behind_the_end_of_a_log_that_was_cut() {
    let core = core(assignment(1, 0, &[1]), 1, (4, 5));
    assert_eq!(core.high_watermark(), 4);
}

#[test]
fn the_high_watermark_is_the_least_end_of_those_in_sync() {
    let mut core = core(assignment(1, 0, &[1, 2, 3]), 2, (5, 3));
    assert!(!core.appended(8), "no follower has said what it has");
    assert!(!moves_high_watermark(&mut core, 2, 8));
    assert!(moves_high_watermark(&mut core, 3, 6));
    assert_eq!(core.high_watermark(), 6);
    assert!(
        core.assign(assignment(1, 0, &[1, 2]), NOW.now_ms),
        "the slowest is out of sync"
    );
    assert_eq!(core.high_watermark(), 8);
    assert!(!moves_high_watermark(&mut core, 3, 4), "it never goes back");
    assert!(
        !moves_high_watermark(&mut core, 2, 9),
        "nor beyond the leader's log"
    );
    assert_eq!(core.high_watermark(), 8);
}

#[test]
fn with_too_few_in_sync_nothing_is_committed() {
    let mut core = core(assignment(1, 0, &[1]), 2, (5, 3));
    assert!(!core.has_enough_in_sync());
    assert!(!core.appended(8));
    assert_eq!(core.high_watermark(), 3);
    assert!(core.configure(1), "one is enough now");
    assert!(core.has_enough_in_sync());
    assert_eq!(core.high_watermark(), 8);
}

#[test]
fn more_replicas_than_there_are_need_not_be_in_sync() {
    let alone = Assignment {
        replicas: vec![1],
        ..assignment(1, 0, &[1])
    };
    let core = core(alone, 2, (5, 3));
    assert!(core.has_enough_in_sync());
    assert_eq!(core.high_watermark(), 5);
}

#[test]
fn a_new_leader_knows_nothing_of_what_followers_had_before() {
    let mut core = core(assignment(1, 0, &[1, 2]), 1, (5, 3));
    assert!(moves_high_watermark(&mut core, 2, 5));
    core.assign(assignment(2, 1, &[1, 2]), NOW.now_ms);
    assert_eq!(
        core.fetched_by(by(2), log(0, 9), NOW),
        Err(ErrorCode::NotLeaderOrFollower)
    );
    core.assign(assignment(1, 2, &[1, 2]), NOW.now_ms);
    assert!(!core.appended(9));
    assert_eq!(core.high_watermark(), 5);
    assert!(moves_high_watermark(&mut core, 2, 9));
}

#[test]
fn only_who_holds_a_replica_follows() {
    let mut core = core(assignment(1, 0, &[1, 2]), 1, (5, 3));
    for stranger in [-1, 1, 4] {
        assert_eq!(
            core.fetched_by(by(stranger), log(0, 5), NOW),
            Err(ErrorCode::NotLeaderOrFollower)
        );
    }
}

#[test]
fn the_low_watermark_is_the_least_start_of_those_alive() {
    let mut core = core(assignment(1, 0, &[1, 2, 3]), 1, (9, 9));
    let all = |_| true;
    assert_eq!(core.low_watermark(5, all), -1, "no follower has said what it has");
    assert!(core.fetched_by(by(2), log(4, 9), NOW).unwrap().log_start);
    assert!(core.fetched_by(by(3), log(2, 9), NOW).unwrap().log_start);
    assert_eq!(core.low_watermark(5, all), 2);
    assert_eq!(core.low_watermark(5, |id| id != 3), 4);
    assert!(!core.fetched_by(by(3), log(2, 9), NOW).unwrap().log_start);
    assert!(core.fetched_by(by(3), log(7, 9), NOW).unwrap().log_start);
    assert_eq!(core.low_watermark(5, |id| id != 2), 5);
}

#[test]
fn a_follower_moves_nothing_and_says_so() {
    let mut core = core(assignment(2, 4, &[1, 2]), 1, (5, 3));
    assert!(!core.appended(8));
    assert_eq!(core.check_leader(), Err(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn a_write_of_an_earlier_reign_is_refused() {
    let mut core = core(assignment(1, 4, &[1]), 1, (0, 0));
    assert_eq!(core.check_leader_since(LeaderEpoch(4)), Ok(()));
    core.assign(assignment(2, 5, &[1, 2]), NOW.now_ms);
    assert!(core.check_leader_since(LeaderEpoch(5)).is_err(), "another leads");
    core.assign(assignment(1, 6, &[1, 2]), NOW.now_ms);
    assert!(core.check_leader_since(LeaderEpoch(4)).is_err());
    assert_eq!(core.check_leader_since(LeaderEpoch(6)), Ok(()));
}

#[test]
fn epochs_of_clients_are_compared_with_the_current_one() {
    let core = core(assignment(1, 4, &[1]), 1, (0, 0));
    let cases = [
        (-1, Ok(())),
        (4, Ok(())),
        (3, Err(ErrorCode::FencedLeaderEpoch)),
        (5, Err(ErrorCode::UnknownLeaderEpoch)),
    ];
    for (epoch, expected) in cases {
        assert_eq!(core.check_epoch(LeaderEpoch(epoch)), expected, "{epoch}");
    }
}
