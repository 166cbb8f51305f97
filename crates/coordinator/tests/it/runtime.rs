//! Shards over a log that refuses, loses its leader, commits late or lacks replicas.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use barnabas_coordinator::runtime::{
    Answered, GroupMachine, GroupSetup, LOAD_INLINE_BYTES, LedLog, NO_DEADLINE, Shard, Shards,
};
use barnabas_coordinator::{Caller, GroupConfig, GroupShard, Reply};
use barnabas_environment::{Clock, Now};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use barnabas_protocol::records::{BatchBuilder, RecordFields};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::fixture::{GROUP, START, after, commit_request, join_request, offsets_of, sync_request};
use crate::memory_log::MemoryLog;

type GroupsOn = Shard<GroupMachine, MemoryLog>;

fn setup() -> Arc<GroupSetup> {
    Arc::new(GroupSetup::new(GroupConfig::default()))
}

fn shard_in(log: &MemoryLog, leader_epoch: i32) -> Arc<GroupsOn> {
    let led = LedLog::new(log.clone(), leader_epoch, Compression::None);
    Arc::new(Shard::new(led, setup()))
}

/// A consumer without a group's membership commits `offset` for partition 0.
fn commit(shard: &GroupsOn, offset: i64) -> Result<Answered<()>, ErrorCode> {
    commit_many(shard, &[0], offset)
}

fn commit_many(shard: &GroupsOn, partitions: &[i32], offset: i64) -> Result<Answered<()>, ErrorCode> {
    shard.decide(START, |machine| {
        let mut records = Vec::new();
        for partition in partitions {
            let request = commit_request("", -1, *partition, offset);
            records.extend(machine.core.commit_offsets(&request, 8, START)?.records);
        }
        Ok((records, ()))
    })
}

fn committed_offsets(shard: &GroupsOn) -> Result<Vec<i64>, ErrorCode> {
    let offsets = |core: &GroupShard| offsets_of(core).iter().map(|(_, _, offset)| *offset).collect();
    shard
        .decide(START, |machine| Ok((Vec::new(), offsets(&machine.core))))
        .map(|answered| answered.value)
}

/// Parks a JoinGroup of a new member.
fn park(shard: &GroupsOn) -> oneshot::Receiver<Answered<Reply>> {
    let caller = Caller {
        api_version: 3,
        client_id: "c",
        client_host: "/127.0.0.1",
    };
    let request = join_request("", &["range"]);
    let parked = shard.park(START, |core, token| {
        core.join(&request, caller, Uuid::from_u128(1), token, START)
    });
    parked.unwrap()
}

fn join_error(reply: &Reply) -> i16 {
    match reply {
        Reply::Join(response) => response.error_code,
        other => panic!("not an answer to JoinGroup: {other:?}"),
    }
}

/// What a future has to say now, if it has.
fn poll<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn a_large_log_is_not_served_until_it_is_loaded() {
    let log = MemoryLog::default();
    commit(&shard_in(&log, 0), 7).unwrap();
    log.pretend_size(LOAD_INLINE_BYTES + 1);
    let shard = shard_in(&log, 0);
    let loading = ErrorCode::CoordinatorLoadInProgress;
    assert_eq!(committed_offsets(&shard), Err(loading));
    let (asking, (sender, seen)) = (shard.clone(), std::sync::mpsc::channel());
    log.during_read(move || sender.send(committed_offsets(&asking)).unwrap());
    shard.load(START);
    assert_eq!(seen.try_recv(), Ok(Err(loading)));
    assert_eq!(committed_offsets(&shard), Ok(vec![7]));
}

#[test]
fn a_small_log_is_loaded_by_who_asks_first() {
    let log = MemoryLog::default();
    commit(&shard_in(&log, 0), 7).unwrap();
    let shard = shard_in(&log, 0);
    assert!(shard.is_used());
    assert_eq!(shard.with_loaded(|_| ()), None);
    assert_eq!(committed_offsets(&shard), Ok(vec![7]));
}

#[test]
fn leadership_that_is_lost_while_loading_leaves_nothing_loaded() {
    let log = MemoryLog::default();
    commit(&shard_in(&log, 0), 7).unwrap();
    let shard = shard_in(&log, 0);
    let resigning = shard.clone();
    log.during_read(move || resigning.resign());
    shard.load(START);
    assert_eq!(committed_offsets(&shard), Err(ErrorCode::NotCoordinator));
    assert_eq!(shard.with_loaded(|_| ()), None);
    assert_eq!(shard.deadline_ms(), NO_DEADLINE);
}

#[test]
fn a_log_that_cannot_be_read_is_not_served() {
    let log = MemoryLog::default();
    commit(&shard_in(&log, 0), 7).unwrap();
    log.break_disk();
    let shard = shard_in(&log, 0);
    assert_eq!(committed_offsets(&shard), Err(ErrorCode::NotCoordinator));
    assert_eq!(commit(&shard, 8).unwrap_err(), ErrorCode::NotCoordinator);
    assert_eq!(log.records().len(), 1);
}

#[test]
fn unknown_records_are_passed_over_and_stay() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    commit(&shard, 7).unwrap();
    let mut unknown = BatchBuilder::new(Compression::None);
    for key in [&[0, 99, 1][..], &[0], &[]] {
        unknown.append(&RecordFields {
            timestamp: START.wall_ms,
            key: Some(key),
            value: Some(&[1]),
            headers: &[],
        });
    }
    log.push(unknown.build().unwrap());
    let before = log.records();
    let heir = shard_in(&log, 0);
    assert_eq!(committed_offsets(&heir), Ok(vec![7]));
    commit(&heir, 8).unwrap();
    assert_eq!(committed_offsets(&heir), Ok(vec![8]));
    assert_eq!(log.records()[..4], before);
}

#[tokio::test]
async fn losing_leadership_drops_the_state_and_tells_who_waits() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    commit(&shard, 7).unwrap();
    // The last record is not committed: who is told that another leads does not wait for it.
    log.commit_late();
    commit(&shard, 8).unwrap();
    let mut parked = park(&shard);
    assert!(parked.try_recv().is_err());
    log.lead_in(None);
    shard.resign();
    let answered = parked.try_recv().unwrap();
    let reply = poll(pin!(shard.committed(answered))).unwrap().unwrap();
    assert_eq!(join_error(&reply), ErrorCode::NotCoordinator.code());
    assert_eq!(shard.with_loaded(|_| ()), None);
    assert_eq!(shard.deadline_ms(), NO_DEADLINE);
    assert_eq!(commit(&shard, 9).unwrap_err(), ErrorCode::NotCoordinator);
}

#[test]
fn a_failed_append_leaves_the_state_as_it_was() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    commit(&shard, 7).unwrap();
    let before = log.records();
    for (refused, told) in [
        (ErrorCode::NotEnoughReplicas, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::NotLeaderOrFollower, ErrorCode::NotCoordinator),
        (ErrorCode::KafkaStorageError, ErrorCode::NotCoordinator),
        (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
    ] {
        log.refuse(Some(refused));
        assert_eq!(commit(&shard, 8).unwrap_err(), told);
        log.refuse(None);
        assert_eq!(committed_offsets(&shard), Ok(vec![7]));
        assert_eq!(log.records(), before);
    }
    log.limit_batches(64);
    assert_eq!(commit(&shard, 8).unwrap_err(), ErrorCode::UnknownServerError);
    assert_eq!(log.records(), before);
    log.limit_batches(1 << 20);
    commit(&shard, 8).unwrap();
    assert_eq!(committed_offsets(&shard), Ok(vec![8]));
}

#[test]
fn a_failed_append_is_told_to_who_is_parked() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    let mut joining = park(&shard);
    let joined_at = after(
        START,
        i64::from(GroupConfig::default().group_initial_rebalance_delay_ms),
    );
    shard.run_timers(joined_at);
    let Reply::Join(joined) = joining.try_recv().unwrap().value else {
        panic!("not an answer to JoinGroup");
    };
    let before = log.records();
    log.refuse(Some(ErrorCode::NotEnoughReplicas));
    let request = sync_request(
        &joined.member_id,
        joined.generation_id,
        &[(&joined.member_id, "a")],
    );
    let syncing = shard.park(joined_at, |core, token| core.sync(&request, token, joined_at));
    let Reply::Sync(answer) = syncing.unwrap().try_recv().unwrap().value else {
        panic!("not an answer to SyncGroup");
    };
    assert_eq!(answer.error_code, ErrorCode::CoordinatorNotAvailable.code());
    // The group falls empty when the session ends, and is known to be so though the log still refuses.
    shard.run_timers(after(joined_at, 1_000_000));
    let group = shard
        .with_loaded(|machine| machine.core.describe(GROUP, 6))
        .unwrap();
    assert_eq!((group.members.len(), group.group_state.as_str()), (0, "Empty"));
    assert_eq!(log.records(), before);
}

#[test]
fn more_than_a_batch_has_room_for_goes_into_several() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    log.limit_batches(300);
    commit_many(&shard, &[0, 1, 2, 3, 4, 5, 6, 7], 7).unwrap();
    assert!(log.epochs().len() > 1, "{:?}", log.epochs());
    assert_eq!(log.records().len(), 8);
    assert_eq!(committed_offsets(&shard_in(&log, 0)), Ok(vec![7; 8]));
}

#[tokio::test]
async fn answers_leave_when_what_they_rest_on_is_committed() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    log.commit_late();
    let answered = commit(&shard, 7).unwrap();
    let mut answer = pin!(shard.committed(answered));
    assert_eq!(poll(answer.as_mut()), None);
    // Who only reads sees it, and is held to it too; so is who reads what was loaded.
    let heir = shard_in(&log, 0);
    for shard in [&shard, &heir] {
        let read = shard.decide(START, |_| Ok((Vec::new(), ()))).unwrap();
        assert_eq!(poll(pin!(shard.committed(read))), None);
    }
    log.commit();
    assert_eq!(poll(answer), Some(Ok(())));
    let read = heir.decide(START, |_| Ok((Vec::new(), ()))).unwrap();
    assert_eq!(poll(pin!(heir.committed(read))), Some(Ok(())));
}

#[tokio::test]
async fn who_waits_for_a_commit_hears_that_the_leader_epoch_is_over() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    log.commit_late();
    let (before, behind) = (commit(&shard, 7).unwrap(), commit(&shard, 8).unwrap());
    let mut answer = pin!(shard.committed(before));
    assert_eq!(poll(answer.as_mut()), None);
    log.lead_in(None);
    assert_eq!(poll(answer), Some(Err(ErrorCode::NotCoordinator)));
    // Whoever comes to wait only now would wait for ever, or for somebody else's records.
    log.lead_in(Some(2));
    log.commit();
    assert_eq!(
        poll(pin!(shard.committed(behind))),
        Some(Err(ErrorCode::NotCoordinator))
    );
}

#[test]
fn a_shard_does_not_write_in_another_leader_epoch() {
    let log = MemoryLog::default();
    let shard = shard_in(&log, 0);
    commit(&shard, 7).unwrap();
    for leads_in in [None, Some(2)] {
        log.lead_in(leads_in);
        assert_eq!(commit(&shard, 8).unwrap_err(), ErrorCode::NotCoordinator);
        assert_eq!(committed_offsets(&shard), Ok(vec![7]));
        assert_eq!(log.epochs(), [0]);
    }
    let heir = shard_in(&log, 2);
    commit(&heir, 9).unwrap();
    assert_eq!(log.epochs(), [0, 2]);
    assert_eq!(commit(&shard, 8).unwrap_err(), ErrorCode::NotCoordinator);
    assert_eq!(committed_offsets(&shard_in(&log, 2)), Ok(vec![9]));
}

#[test]
fn shards_follow_the_leadership_of_their_partitions() {
    let (clock, _) = Clock::simulated(START.wall_ms);
    let shards: Shards<GroupMachine, MemoryLog> = Shards::new(setup(), Compression::None, clock);
    assert_eq!(shards.at(0).err(), Some(ErrorCode::NotCoordinator));
    assert_eq!(shards.of(GROUP).err(), Some(ErrorCode::NotCoordinator));
    let (log, other) = (MemoryLog::default(), MemoryLog::default());
    commit(&shard_in(&other, 0), 3).unwrap();
    let loading = shards.follow(vec![Some((log.clone(), 0)), None, Some((other.clone(), 0))]);
    loading.unwrap().run();
    assert_eq!(shards.at(1).err(), Some(ErrorCode::NotCoordinator));
    assert_eq!(shards.at(3).err(), Some(ErrorCode::NotCoordinator));
    let (first, last) = (shards.at(0).unwrap(), shards.at(2).unwrap());
    assert!(last.with_loaded(|_| ()).is_some());
    commit(&first, 7).unwrap();
    // The same epoch is the same shard; another is another, though the log is the same.
    other.lead_in(Some(1));
    let loading = shards.follow(vec![Some((log.clone(), 0)), None, Some((other.clone(), 1))]);
    loading.unwrap().run();
    assert!(Arc::ptr_eq(&first, &shards.at(0).unwrap()));
    assert_eq!(committed_offsets(&last), Err(ErrorCode::NotCoordinator));
    assert_eq!(committed_offsets(&shards.at(2).unwrap()), Ok(vec![3]));
    // The topic is deleted.
    assert!(shards.follow(Vec::new()).is_none());
    assert_eq!(committed_offsets(&first), Err(ErrorCode::NotCoordinator));
    assert_eq!(shards.at(0).err(), Some(ErrorCode::NotCoordinator));
}

#[test]
fn timers_go_by_the_monotonic_clock() {
    let shard = shard_in(&MemoryLog::default(), 0);
    let mut parked = park(&shard);
    let delay_ms = i64::from(GroupConfig::default().group_initial_rebalance_delay_ms);
    assert_eq!(shard.deadline_ms(), START.monotonic_ms + delay_ms);
    let set_forward = Now {
        wall_ms: START.wall_ms + 1_000_000,
        ..START
    };
    shard.run_timers(set_forward);
    assert!(parked.try_recv().is_err());
    let set_back = Now {
        wall_ms: START.wall_ms - 1_000_000,
        ..after(START, delay_ms)
    };
    shard.run_timers(set_back);
    assert_eq!(join_error(&parked.try_recv().unwrap().value), 0);
}

#[tokio::test(start_paused = true)]
async fn the_timer_task_wakes_up_for_a_deadline_that_came_meanwhile() {
    let origin = tokio::time::Instant::now();
    let (clock, _) = Clock::following(START.wall_ms, move || origin.elapsed());
    let shards: Shards<GroupMachine, MemoryLog> = Shards::new(setup(), Compression::None, clock);
    assert!(shards.follow(vec![Some((MemoryLog::default(), 0))]).is_none());
    let delay_ms = i64::from(GroupConfig::default().group_initial_rebalance_delay_ms);
    let asks = async {
        // By now the task sleeps, with nothing to wake up for.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (shard, now) = (shards.at(0).unwrap(), shards.now());
        let caller = Caller {
            api_version: 3,
            client_id: "c",
            client_host: "/127.0.0.1",
        };
        let request = join_request("", &["range"]);
        let parked = shard.park(now, |core, token| {
            core.join(&request, caller, Uuid::from_u128(1), token, now)
        });
        shards.used(&shard);
        let answered = parked.unwrap().await.unwrap();
        (
            join_error(&answered.value),
            shards.now().monotonic_ms - now.monotonic_ms,
        )
    };
    tokio::select! {
        answered = tokio::time::timeout(Duration::from_secs(60), asks) => assert_eq!(answered, Ok((0, delay_ms))),
        () = shards.run_timers() => unreachable!("it never ends"),
    }
}
