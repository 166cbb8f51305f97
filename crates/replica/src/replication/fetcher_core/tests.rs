//! What is asked of a leader, and what comes of its answers.

use bytes::Bytes;
use uuid::Uuid;

use super::*;

const SESSION: i32 = 77;
const BACKOFF_MAX_MS: i64 = 1_000;

fn key(partition: i32) -> TopicIdPartition {
    TopicIdPartition {
        topic_id: Uuid::from_u128(1),
        partition,
    }
}

fn at(end_offset: i64) -> FollowerPosition {
    FollowerPosition {
        end_offset,
        last_epoch: 3,
        start_offset: 0,
    }
}

const EPOCH: LeaderEpoch = LeaderEpoch(5);

fn asked(end_offset: i64) -> Asked {
    Asked {
        leader_epoch: EPOCH,
        position: at(end_offset),
    }
}

fn answer(partition: i32, error: ErrorCode) -> PartitionAnswer {
    PartitionAnswer {
        key: key(partition),
        error,
        high_watermark: 8,
        log_start_offset: 0,
        diverging: None,
        records: Bytes::from_static(b"records"),
    }
}

/// One that follows partitions whose logs end at 10.
fn follows(partitions: &[i32]) -> FetcherCore {
    let mut core = FetcherCore::new(BACKOFF_MAX_MS);
    partitions
        .iter()
        .for_each(|&partition| follow(&mut core, partition));
    core
}

fn follow(core: &mut FetcherCore, partition: i32) {
    core.follow(key(partition), EPOCH);
    assert_eq!(core.unplaced(), [(key(partition), EPOCH)]);
    core.done(key(partition), EPOCH, Ok(at(10)), 0);
    assert_eq!(core.unplaced(), []);
}

/// As [`follows`], with a session in which a Fetch is on its way.
fn parked(partitions: &[i32]) -> FetcherCore {
    let mut core = follows(partitions);
    assert_eq!(core.next_fetch(0).unwrap().session_epoch, 0);
    assert_eq!(core.answered(SESSION, Vec::new(), 0), []);
    let ask = core.next_fetch(0).unwrap();
    assert_eq!((ask.session_epoch, ask.waits, ask.partitions.len()), (1, true, 0));
    core
}

#[test]
fn a_session_begins_with_everything_and_goes_on_with_what_has_changed() {
    let mut core = follows(&[0, 1]);
    let ask = core.next_fetch(0).unwrap();
    assert_eq!(ask.partitions, [(key(0), asked(10)), (key(1), asked(10))]);
    assert_eq!((ask.session_id, ask.session_epoch, ask.waits), (0, 0, false));
    assert_eq!(
        core.next_fetch(0),
        None,
        "whether there is a session is not known yet"
    );
    let works = core.answered(SESSION, vec![answer(1, ErrorCode::None)], 0);
    let append = Work::Append(answer(1, ErrorCode::None));
    assert_eq!(works, [(key(1), asked(10), append)]);
    core.done(key(1), EPOCH, Ok(at(12)), 0);
    let ask = core.next_fetch(0).unwrap();
    assert_eq!(ask.partitions, [(key(1), asked(12))]);
    assert_eq!((ask.session_id, ask.session_epoch, ask.waits), (SESSION, 1, true));
    assert_eq!(core.next_fetch(0), None, "it is parked");
}

#[test]
fn who_has_taken_what_it_may_is_left_alone_for_a_while() {
    let mut core = parked(&[0, 1]);
    core.answered(SESSION, vec![answer(1, ErrorCode::None)], 0);
    core.pause(key(1), EPOCH, 500);
    core.done(key(1), EPOCH, Ok(at(12)), 0);
    let ask = core.next_fetch(0).unwrap();
    assert_eq!((ask.partitions, ask.forgotten), (vec![], vec![key(1)]));
    assert_eq!(core.next_due_ms(), Some(500));
    assert_eq!(core.next_fetch(499), None);
    assert_eq!(core.next_fetch(500).unwrap().partitions, [(key(1), asked(12))]);
}

#[test]
fn a_leader_without_room_for_a_session_is_asked_for_everything() {
    let mut core = follows(&[0]);
    assert!(!core.next_fetch(0).unwrap().waits);
    core.answered(0, Vec::new(), 0);
    for _ in 0..2 {
        let ask = core.next_fetch(0).unwrap();
        assert_eq!((ask.session_epoch, ask.waits, ask.partitions.len()), (0, true, 1));
        core.answered(0, Vec::new(), 0);
    }
}

#[test]
fn who_comes_and_goes_does_not_wait_for_the_fetch_that_is_parked() {
    let mut core = parked(&[0, 1]);
    follow(&mut core, 2);
    core.forget(key(1));
    let ask = core.next_fetch(0).unwrap();
    assert_eq!(ask.partitions, [(key(2), asked(10))]);
    assert_eq!((ask.forgotten, ask.session_epoch), (vec![key(1)], 2));
    follow(&mut core, 3);
    assert_eq!(core.next_fetch(0), None, "two are on their way");
    // The leader says that the first is superseded.
    core.refused(ErrorCode::InvalidFetchSessionEpoch, 0);
    assert_eq!(core.next_fetch(0).unwrap().partitions, [(key(3), asked(10))]);
    assert_eq!(
        core.answered(SESSION, vec![answer(2, ErrorCode::None)], 0).len(),
        1
    );
}

#[test]
fn an_answer_for_a_place_where_a_partition_is_no_more_is_nobodys() {
    let mut core = parked(&[0, 1, 2]);
    follow(&mut core, 3);
    core.next_fetch(0).unwrap();
    // Both answers bring the same records of partition 0.
    assert_eq!(
        core.answered(SESSION, vec![answer(0, ErrorCode::None)], 0).len(),
        1
    );
    core.done(key(0), EPOCH, Ok(at(12)), 0);
    core.forget(key(1));
    core.follow(key(2), LeaderEpoch(6));
    let all = [0, 1, 2]
        .map(|partition| answer(partition, ErrorCode::None))
        .to_vec();
    assert_eq!(core.answered(SESSION, all, 0), []);
    core.done(key(2), EPOCH, Ok(at(99)), 0);
    assert_eq!(
        core.unplaced(),
        [(key(2), LeaderEpoch(6))],
        "done for an earlier leader"
    );
}

#[test]
fn an_answer_to_an_earlier_fetch_brings_no_records_for_a_later_one() {
    let mut core = parked(&[0]);
    follow(&mut core, 1);
    core.next_fetch(0).unwrap();
    core.answered(SESSION, vec![answer(0, ErrorCode::None)], 0);
    core.done(key(0), EPOCH, Ok(at(12)), 0);
    assert_eq!(core.next_fetch(0).unwrap().partitions, [(key(0), asked(12))]);
    // The second was answered before the leader knew of the third: with the same records again.
    let works = core.answered(SESSION, vec![answer(0, ErrorCode::None)], 0);
    let of_itself = PartitionAnswer {
        records: Bytes::new(),
        ..answer(0, ErrorCode::None)
    };
    assert_eq!(works, [(key(0), asked(12), Work::Append(of_itself))]);
    core.done(key(0), EPOCH, Ok(at(12)), 0);
    let works = core.answered(SESSION, vec![answer(0, ErrorCode::None)], 0);
    assert_eq!(
        works,
        [(key(0), asked(12), Work::Append(answer(0, ErrorCode::None)))]
    );
}

#[test]
fn an_error_of_an_earlier_epoch_is_not_one_of_the_next() {
    let mut core = parked(&[0, 1]);
    core.follow(key(0), LeaderEpoch(6));
    core.done(key(0), LeaderEpoch(6), Ok(at(10)), 0);
    core.next_fetch(0).unwrap();
    assert_eq!(
        core.answered(SESSION, vec![answer(0, ErrorCode::FencedLeaderEpoch)], 0),
        []
    );
    let works = core.answered(SESSION, vec![answer(0, ErrorCode::None)], 0);
    assert_eq!(works.len(), 1, "it is still followed");
}

#[test]
fn each_error_has_its_way_out() {
    enum Then {
        Works(Work),
        After(i64),
        Metadata,
    }
    let diverging = PartitionAnswer {
        diverging: Some((2, 6)),
        ..answer(0, ErrorCode::None)
    };
    let cases = [
        (diverging, Then::Works(Work::Truncate((2, 6)))),
        (
            answer(0, ErrorCode::OffsetOutOfRange),
            Then::Works(Work::FindRange),
        ),
        (answer(0, ErrorCode::FencedLeaderEpoch), Then::Metadata),
        (
            answer(0, ErrorCode::UnknownLeaderEpoch),
            Then::After(BACKOFF_FIRST_MS),
        ),
        (
            answer(0, ErrorCode::NotLeaderOrFollower),
            Then::After(BACKOFF_FIRST_MS),
        ),
        (
            answer(0, ErrorCode::UnknownTopicId),
            Then::After(BACKOFF_FIRST_MS),
        ),
        (
            answer(0, ErrorCode::InconsistentTopicId),
            Then::After(BACKOFF_FIRST_MS),
        ),
        (
            answer(0, ErrorCode::KafkaStorageError),
            Then::After(BACKOFF_FIRST_MS),
        ),
        (
            answer(0, ErrorCode::CorruptMessage),
            Then::After(BACKOFF_FIRST_MS),
        ),
    ];
    for (answer, then) in cases {
        let error = answer.error;
        let mut core = parked(&[0, 1]);
        let works = core.answered(SESSION, vec![answer], 100);
        let forgets = core.next_fetch(100).map(|ask| ask.forgotten);
        match then {
            Then::Works(work) => assert_eq!(works, [(key(0), asked(10), work)]),
            Then::After(wait_ms) => {
                assert_eq!((works, forgets), (vec![], Some(vec![key(0)])), "{error}");
                assert_eq!(core.next_due_ms(), Some(100 + wait_ms));
                assert_eq!(core.next_fetch(100 + wait_ms - 1), None);
                let again = core.next_fetch(100 + wait_ms).unwrap();
                assert_eq!(again.partitions, [(key(0), asked(10))], "{error}");
            }
            Then::Metadata => {
                assert_eq!((works, forgets), (vec![], Some(vec![key(0)])), "{error}");
                assert_eq!(core.next_due_ms(), None);
                core.follow(key(0), LeaderEpoch(6));
                assert_eq!(core.unplaced(), [(key(0), LeaderEpoch(6))]);
            }
        }
    }
}

#[test]
fn what_fails_here_waits_is_looked_at_again_or_is_left_alone() {
    for (error, again) in [
        (ErrorCode::UnknownServerError, true),
        (ErrorCode::CorruptMessage, true),
        (ErrorCode::KafkaStorageError, false),
        (ErrorCode::FencedLeaderEpoch, false),
        (ErrorCode::UnknownTopicOrPartition, false),
    ] {
        let mut core = parked(&[0]);
        core.answered(SESSION, vec![answer(0, ErrorCode::None)], 0);
        core.done(key(0), EPOCH, Err(error), 0);
        assert_eq!(core.next_fetch(0), None, "nothing is left to be asked for");
        assert_eq!(core.next_due_ms().is_some(), again, "{error}");
        assert_eq!(core.next_fetch(BACKOFF_FIRST_MS), None, "its log comes first");
        assert_eq!(core.unplaced().len(), usize::from(again), "{error}");
    }
}

#[test]
fn waits_grow_until_something_comes() {
    let mut core = follows(&[0]);
    core.next_fetch(0).unwrap();
    core.answered(SESSION, Vec::new(), 0);
    let (mut now_ms, mut waits) = (0, Vec::new());
    for _ in 0..9 {
        core.next_fetch(now_ms).unwrap();
        core.answered(SESSION, vec![answer(0, ErrorCode::NotLeaderOrFollower)], now_ms);
        assert_eq!(core.next_fetch(now_ms), None, "the session has nothing left");
        let due_ms = core.next_due_ms().unwrap();
        waits.push(due_ms - now_ms);
        now_ms = due_ms;
        // The session begins anew.
        let ask = core.next_fetch(now_ms).unwrap();
        assert_eq!((ask.session_id, ask.session_epoch), (SESSION, 0));
        core.answered(SESSION, Vec::new(), now_ms);
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    core.next_fetch(now_ms).unwrap();
    core.answered(SESSION, vec![answer(0, ErrorCode::None)], now_ms);
    core.done(key(0), EPOCH, Ok(at(11)), now_ms);
    core.next_fetch(now_ms).unwrap();
    core.answered(SESSION, vec![answer(0, ErrorCode::NotLeaderOrFollower)], now_ms);
    assert_eq!(core.next_due_ms(), Some(now_ms + BACKOFF_FIRST_MS));
}

#[test]
fn a_session_that_the_leader_has_lost_begins_anew_at_once() {
    for (error, session_id) in [
        (ErrorCode::FetchSessionIdNotFound, 0),
        (ErrorCode::InvalidFetchSessionEpoch, SESSION),
        (ErrorCode::FetchSessionTopicIdError, SESSION),
    ] {
        let mut core = parked(&[0]);
        core.refused(error, 0);
        let ask = core.next_fetch(0).unwrap();
        assert_eq!((ask.session_id, ask.session_epoch), (session_id, 0), "{error}");
        assert_eq!(ask.partitions.len(), 1);
    }
}

#[test]
fn a_leader_that_is_gone_is_asked_again_after_a_while() {
    let mut core = parked(&[0]);
    core.disconnected(0);
    assert_eq!(core.next_fetch(BACKOFF_FIRST_MS - 1), None);
    assert_eq!(core.next_due_ms(), Some(BACKOFF_FIRST_MS));
    let ask = core.next_fetch(BACKOFF_FIRST_MS).unwrap();
    assert_eq!((ask.session_id, ask.session_epoch), (0, 0));
    core.disconnected(10);
    assert_eq!(core.next_due_ms(), Some(10 + 2 * BACKOFF_FIRST_MS));
    core.follow(key(1), EPOCH);
    assert!(core.next_fetch(10).is_some(), "it was elected, so it is back");
}
