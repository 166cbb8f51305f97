//! What the share coordinator answers, asked of Apache Kafka 4.4 with the same requests.

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::*;

const NOW_MS: i64 = 1_000;

fn shard(updates_per_snapshot: i32) -> ShareStateShard {
    ShareStateShard::new(ShareStateConfig {
        updates_per_snapshot,
        write_timeout_ms: 5_000,
    })
}

fn of(partition: i32) -> SharePartition {
    SharePartition {
        group: "g".into(),
        topic_id: Uuid::from_u128(1),
        partition,
    }
}

fn batch(first_offset: i64, last_offset: i64, delivery_state: i8, delivery_count: i16) -> StateBatch {
    StateBatch {
        first_offset,
        last_offset,
        delivery_state,
        delivery_count,
    }
}

fn write(
    state_epoch: i32,
    leader_epoch: i32,
    start_offset: i64,
    count: i32,
    batches: &[StateBatch],
) -> ShareWrite {
    ShareWrite {
        state_epoch,
        leader_epoch,
        start_offset,
        delivery_complete_count: count,
        batches: batches.to_vec(),
    }
}

impl ShareStateShard {
    fn do_initialize(&mut self, partition: i32, state_epoch: i32, start_offset: i64) {
        let record = self.initialize(&of(partition), state_epoch, start_offset, true, NOW_MS);
        self.replay(record.unwrap());
    }

    fn do_write(&mut self, write: &ShareWrite) -> ShareStateRecord {
        let record = self.write(&of(0), write, true, NOW_MS).unwrap();
        self.replay(record.clone());
        record
    }

    fn do_read(&mut self, leader_epoch: i32) -> Option<ShareStateRecord> {
        let (record, _) = self.read(&of(0), leader_epoch, true, NOW_MS).unwrap();
        if let Some(record) = &record {
            self.replay(record.clone());
        }
        record
    }

    /// Start offset, count, state epoch, leader epoch.
    fn seen(&self) -> (i64, i32, i32, i32) {
        let now = self.summary(&of(0), true).unwrap().unwrap();
        (
            now.start_offset,
            now.delivery_complete_count,
            now.state_epoch,
            now.leader_epoch,
        )
    }
}

fn code<T>(result: Result<T, crate::GroupRefusal>) -> ErrorCode {
    result.err().map_or(ErrorCode::None, |refusal| refusal.code)
}

#[test]
fn what_is_not_there_or_makes_no_sense_is_refused() {
    let mut shard = shard(500);
    let any = write(0, 0, 0, -1, &[]);
    assert_eq!(
        code(shard.initialize(&of(-1), 0, 0, true, NOW_MS)),
        ErrorCode::InvalidRequest
    );
    assert_eq!(
        code(shard.initialize(&of(0), -1, 0, true, NOW_MS)),
        ErrorCode::InvalidRequest
    );
    assert_eq!(
        code(shard.initialize(&of(0), 0, 0, false, NOW_MS)),
        ErrorCode::UnknownTopicOrPartition
    );
    assert_eq!(
        code(shard.read(&of(0), 0, false, NOW_MS)),
        ErrorCode::InvalidRequest,
        "not begun comes first"
    );
    assert_eq!(
        code(shard.write(&of(0), &any, false, NOW_MS)),
        ErrorCode::InvalidRequest
    );
    assert_eq!(shard.delete(&of(0), true), Ok(None));
    assert_eq!(
        code(shard.delete(&of(0), false)),
        ErrorCode::UnknownTopicOrPartition
    );
    assert_eq!(shard.summary(&of(0), true), Ok(None));
    assert_eq!(
        code(shard.summary(&of(0), false)),
        ErrorCode::UnknownTopicOrPartition
    );
    shard.do_initialize(0, 3, 9);
    for (wrong, expected) in [
        (write(3, -1, 0, -1, &[]), ErrorCode::InvalidRequest),
        (write(-1, 0, 0, -1, &[]), ErrorCode::InvalidRequest),
        (write(2, 0, 0, -1, &[]), ErrorCode::FencedStateEpoch),
        (
            write(3, 0, -1, -1, &[batch(50, 40, 0, 1)]),
            ErrorCode::InvalidRequest,
        ),
    ] {
        assert_eq!(
            code(shard.write(&of(0), &wrong, true, NOW_MS)),
            expected,
            "{wrong:?}"
        );
    }
    assert_eq!(
        code(shard.read(&of(0), -1, true, NOW_MS)),
        ErrorCode::InvalidRequest
    );
    assert_eq!(
        code(shard.initialize(&of(0), 2, 5, true, NOW_MS)),
        ErrorCode::FencedStateEpoch
    );
}

#[test]
fn a_write_moves_the_start_forward_and_counts_only_with_it() {
    let mut shard = shard(500);
    shard.do_initialize(0, 3, 9);
    assert_eq!(shard.seen(), (9, 0, 3, 0));
    for (start_offset, count, expected) in [
        (-1, 7, (9, 0)),
        (10, -1, (10, -1)),
        (10, 2, (10, 2)),
        (9, 3, (10, 2)),
        (10, 1, (10, 2)),
        (11, -5, (11, -5)),
        (11, 4, (11, 4)),
        (11, -1, (11, 4)),
        (-7, 9, (11, 4)),
    ] {
        // The epochs of a write fence, and change nothing.
        shard.do_write(&write(9, 4, start_offset, count, &[]));
        assert_eq!(
            shard.seen(),
            (expected.0, expected.1, 3, 0),
            "{start_offset} {count}"
        );
    }
}

#[test]
fn who_reads_fences_earlier_leaders_also_after_a_new_beginning() {
    let mut shard = shard(500);
    shard.do_initialize(0, 3, 9);
    assert!(shard.do_read(9).is_some());
    assert!(shard.do_read(9).is_none());
    assert_eq!(shard.seen(), (9, 0, 3, 9));
    assert_eq!(
        code(shard.read(&of(0), 8, true, NOW_MS)),
        ErrorCode::FencedLeaderEpoch
    );
    let late = write(2, 8, -1, -1, &[]);
    assert_eq!(
        code(shard.write(&of(0), &late, true, NOW_MS)),
        ErrorCode::FencedLeaderEpoch
    );
    shard.do_initialize(0, 3, 30);
    assert_eq!(shard.seen(), (30, 0, 3, 0));
    assert_eq!(
        code(shard.read(&of(0), 2, true, NOW_MS)),
        ErrorCode::FencedLeaderEpoch
    );
    assert!(shard.do_read(9).is_none());
}

#[test]
fn after_so_many_updates_comes_a_snapshot_of_all() {
    let mut shard = shard(2);
    shard.do_initialize(0, 3, 9);
    let is_snapshot = |record: &ShareStateRecord| matches!(record, ShareStateRecord::Snapshot(..));
    let kinds: Vec<bool> = (0..6)
        .map(|step| is_snapshot(&shard.do_write(&write(3, 0, -1, -1, &[batch(10 + step, 10 + step, 2, 1)]))))
        .collect();
    assert_eq!(kinds, [false, false, true, false, false, true]);
    assert!(!is_snapshot(&shard.do_read(1).unwrap()));
    let now = shard.summary(&of(0), true).unwrap().unwrap();
    assert_eq!(now.batches, [batch(10, 15, 2, 1)]);
    assert_eq!(now.snapshot_epoch, 2);
}

#[test]
fn replaying_the_log_gives_the_same_state() {
    let mut live = shard(3);
    let mut log = Vec::new();
    live.do_initialize(0, 1, 5);
    log.push(live.initialize(&of(0), 1, 5, true, NOW_MS).unwrap());
    live.replay(log[0].clone());
    for step in 0..20_i64 {
        let start_offset = if step % 4 == 0 { 5 + step } else { -1 };
        let at = 6 + step * 3 % 17;
        log.push(live.do_write(&write(
            1,
            9,
            start_offset,
            step as i32,
            &[batch(at, at + 2, 2, 1)],
        )));
        log.extend(live.do_read(step as i32 / 5));
        let mut again = shard(3);
        for record in &log {
            again.replay(record.clone());
        }
        let state = |shard: &ShareStateShard| {
            let state = shard.summary(&of(0), true).unwrap().unwrap().clone();
            ShareSnapshot {
                snapshot_epoch: 0,
                ..state
            }
        };
        assert_eq!(state(&again), state(&live), "after {step}");
    }
}

#[test]
fn what_is_older_than_every_last_snapshot_is_redundant() {
    let mut shard = shard(2);
    shard.begins_at(100);
    assert_eq!(shard.redundant_before(), 100);
    shard.do_initialize(0, 0, 0);
    shard.do_initialize(1, 0, 0);
    for _ in 0..3 {
        shard.do_write(&write(0, 0, -1, -1, &[]));
    }
    assert_eq!(shard.redundant_before(), 101, "the other one's snapshot");
    let refreshed = shard.refresh(NOW_MS + 1, NOW_MS + 2);
    assert_eq!(refreshed.len(), 2);
    refreshed.into_iter().for_each(|record| shard.replay(record));
    assert_eq!(shard.redundant_before(), 105);
    assert_eq!(shard.refresh(NOW_MS + 1, NOW_MS + 2), []);
    let tombstones = shard.forget_topics(&[Uuid::from_u128(1)]);
    assert_eq!(tombstones.len(), 2);
    tombstones.into_iter().for_each(|record| shard.replay(record));
    assert_eq!(shard.redundant_before(), 109);
    assert_eq!(shard.summary(&of(0), true), Ok(None));
}

#[test]
fn a_state_too_large_for_a_snapshot_is_kept_in_updates() {
    let mut shard = shard(0);
    shard.do_initialize(0, 0, 0);
    let every_second = |from: i64| -> Vec<StateBatch> {
        let offsets = (0..40_000).map(|nth| from + 2 * nth);
        offsets.map(|offset| batch(offset, offset, 2, 1)).collect()
    };
    let is_snapshot = |record: &ShareStateRecord| matches!(record, ShareStateRecord::Snapshot(..));
    assert!(is_snapshot(&shard.do_write(&write(0, 0, 0, 0, &every_second(1)))));
    assert!(!is_snapshot(&shard.do_write(&write(
        0,
        0,
        0,
        0,
        &every_second(100_001)
    ))));
    assert!(shard.refresh(i64::MAX, NOW_MS).is_empty());
    // What lay before has been settled: there is room for a snapshot again.
    assert!(!is_snapshot(&shard.do_write(&write(0, 0, 180_000, 0, &[]))));
    assert!(is_snapshot(&shard.do_write(&write(
        0,
        0,
        180_000,
        0,
        &[batch(190_001, 190_001, 2, 1)]
    ))));
    assert_eq!(shard.refresh(i64::MAX, NOW_MS).len(), 1);
}
