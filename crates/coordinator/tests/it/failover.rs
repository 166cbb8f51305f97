//! A leader that fails amid a commit, a rebalance and each step of a transaction, and its heir: with what was not committed, or without.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI16;
use std::time::Duration;

use barnabas_coordinator::runtime::{
    Answered, GroupMachine, GroupSetup, LedLog, Machine, Shard, TransactionMachine, TransactionSetup,
};
use barnabas_coordinator::{
    Caller, GroupConfig, GroupShard, InitProducerId, MarkerWork, ProducerIdAndEpoch, Refusal, Reply,
    TransactionConfig, TransactionShard, TransactionState,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::fixture::{START, after, commit_request, join_request, offsets_of, sync_request};
use crate::memory_log::MemoryLog;

type GroupsOn = Shard<GroupMachine, MemoryLog>;
type TransactionsOn = Shard<TransactionMachine, MemoryLog>;

const ID: &str = "id";

fn shard<M: Machine>(log: &MemoryLog, leader_epoch: i32, setup: M::Setup) -> Shard<M, MemoryLog> {
    Shard::new(LedLog::new(log.clone(), leader_epoch, Compression::None), setup)
}

fn groups(log: &MemoryLog, leader_epoch: i32) -> GroupsOn {
    shard(
        log,
        leader_epoch,
        Arc::new(GroupSetup::new(GroupConfig::default())),
    )
}

fn commit(shard: &GroupsOn, offset: i64) -> Answered<()> {
    let committed = shard.decide(START, |machine| {
        let request = commit_request("", -1, 0, offset);
        Ok((machine.core.commit_offsets(&request, 8, START)?.records, ()))
    });
    committed.unwrap()
}

fn offsets(shard: &GroupsOn) -> Answered<Vec<i64>> {
    let read = |core: &GroupShard| offsets_of(core).iter().map(|(_, _, offset)| *offset).collect();
    shard
        .decide(START, |machine| Ok((Vec::new(), read(&machine.core))))
        .unwrap()
}

async fn is_waiting(future: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(1), future)
        .await
        .is_err()
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_the_leader_did_not_get_replicated_is_nowhere() {
    let log = MemoryLog::default();
    let leader = groups(&log, 0);
    commit(&leader, 7);
    log.commit_late();
    let answered = commit(&leader, 8);
    let answer = async {
        let mut answer = pin!(leader.committed(answered));
        assert!(is_waiting(answer.as_mut()).await);
        log.fail_over(2);
        assert_eq!(answer.await, Err(ErrorCode::NotCoordinator));
    };
    answer.await;
    leader.resign();
    let heir = groups(&log, 2);
    let read = offsets(&heir);
    assert_eq!(heir.committed(read).await, Ok(vec![7]));
    assert_eq!(log.epochs(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_takes_too_long_shows_once_it_is_committed() {
    let log = MemoryLog::default();
    let leader = groups(&log, 0);
    commit(&leader, 7);
    log.commit_late();
    let answered = commit(&leader, 8);
    let not_available = Err(ErrorCode::CoordinatorNotAvailable);
    assert_eq!(leader.committed(answered).await, not_available);
    // Nobody is told of it, nor of what was before, before it is known.
    let read = offsets(&leader);
    assert_eq!(
        leader.committed(read).await,
        Err(ErrorCode::CoordinatorNotAvailable)
    );
    log.commit();
    let read = offsets(&leader);
    assert_eq!(leader.committed(read).await, Ok(vec![8]));
}

#[tokio::test]
async fn members_that_wait_for_a_rebalance_look_for_another_coordinator() {
    let log = MemoryLog::default();
    let leader = groups(&log, 0);
    let caller = Caller {
        api_version: 3,
        client_id: "c",
        client_host: "/127.0.0.1",
    };
    let join = |shard: &GroupsOn, id: u128, now| {
        let request = join_request("", &["range"]);
        let parked = shard.park(now, |core, token| {
            core.join(&request, caller, Uuid::from_u128(id), token, now)
        });
        parked.unwrap()
    };
    let (mut first, mut second) = (join(&leader, 1, START), join(&leader, 2, START));
    // The delay of the first rebalance begins anew, once, if members came during it.
    let now = after(START, 6_000);
    leader.run_timers(after(START, 3_000));
    leader.run_timers(now);
    let joined = |parked: &mut tokio::sync::oneshot::Receiver<Answered<Reply>>| {
        let Reply::Join(response) = parked.try_recv().unwrap().value else {
            panic!("not an answer to JoinGroup")
        };
        response
    };
    let (first, second) = (joined(&mut first), joined(&mut second));
    let follower = if first.leader == first.member_id {
        second
    } else {
        first
    };
    // One waits for the leader's assignment, a third for the next rebalance.
    let request = sync_request(&follower.member_id, follower.generation_id, &[]);
    let mut syncs = leader
        .park(now, |core, token| core.sync(&request, token, now))
        .unwrap();
    assert!(syncs.try_recv().is_err());
    log.fail_over(1);
    leader.resign();
    let answered = syncs.try_recv().unwrap();
    match leader.committed(answered).await.unwrap() {
        Reply::Sync(response) => assert_eq!(response.error_code, ErrorCode::NotCoordinator.code()),
        other => panic!("not an answer to SyncGroup: {other:?}"),
    }
    // The heir knows nothing of members that have no generation in the log, and takes them anew.
    let heir = groups(&log, 1);
    let mut again = join(&heir, 3, now);
    heir.run_timers(after(now, 3_000));
    assert_eq!(joined(&mut again).error_code, 0);
}

fn transactions(log: &MemoryLog, leader_epoch: i32) -> TransactionsOn {
    let setup = TransactionSetup {
        config: TransactionConfig::default(),
        transaction_version: Arc::new(AtomicI16::new(0)),
        markers_due: Arc::new(Notify::new()),
    };
    shard(log, leader_epoch, setup)
}

fn state(shard: &TransactionsOn) -> Answered<TransactionState> {
    let read = |core: &TransactionShard| core.transaction(ID).map(|known| known.state);
    let read = shard.decide(START, |machine| {
        let state = read(&machine.core).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        Ok((Vec::new(), state))
    });
    read.unwrap()
}

fn code(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::Error(error) => error,
        Refusal::NeedsProducerId => ErrorCode::UnknownServerError,
    }
}

/// A producer that has begun a transaction.
fn begin(shard: &TransactionsOn) -> ProducerIdAndEpoch {
    let asked = InitProducerId {
        transactional_id: ID,
        timeout_ms: 60_000,
        expected: None,
        transaction_version: 0,
    };
    let initialized = shard.decide(START, |machine| {
        let core = &machine.core;
        core.init_producer_id(&asked, Some(7), START.wall_ms)
            .map_err(code)
    });
    let producer = initialized.unwrap().value.unwrap();
    let partitions = [(Arc::from("t"), 0)];
    let added = shard.decide(START, |machine| {
        let core = &machine.core;
        core.add_partitions(ID, producer, &partitions, 0, START.wall_ms)
    });
    added.unwrap();
    producer
}

fn end(shard: &TransactionsOn, producer: ProducerIdAndEpoch) -> Answered<()> {
    let ended = shard.decide(START, |machine| {
        let core = &machine.core;
        let decision = core.end_transaction(ID, producer, true, 0, None, START.wall_ms);
        decision.map(|(records, _)| (records, ())).map_err(code)
    });
    ended.unwrap()
}

fn work(shard: &TransactionsOn) -> Vec<Answered<MarkerWork>> {
    // Whatever is asked first loads it.
    let _ = state(shard);
    shard.with_loaded(TransactionMachine::take_work).unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_marker_is_written_for_a_decision_that_is_not_committed() {
    let log = MemoryLog::default();
    let leader = transactions(&log, 0);
    let producer = begin(&leader);
    log.commit_late();
    end(&leader, producer);
    // Another transactional id's request may take the work: it waits with it all the same.
    let decided = work(&leader);
    assert_eq!(decided.len(), 1);
    let end_offset = decided[0].end_offset;
    let committed = async {
        let mut committed = pin!(leader.led().committed(end_offset, None));
        assert!(is_waiting(committed.as_mut()).await);
        log.fail_over(1);
        assert_eq!(committed.await, Err(ErrorCode::NotCoordinator));
    };
    committed.await;
    leader.resign();
    // The heir has not heard of it: the producer asks again.
    let heir = transactions(&log, 1);
    assert!(work(&heir).is_empty());
    assert_eq!(state(&heir).value, TransactionState::Ongoing);
    end(&heir, producer);
    assert_eq!(work(&heir).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_heir_goes_on_with_what_was_decided_under_its_own_epoch() {
    let log = MemoryLog::default();
    let leader = transactions(&log, 0);
    let producer = begin(&leader);
    end(&leader, producer);
    assert_eq!(work(&leader)[0].value.coordinator_epoch, 0);
    // Half of the markers are written, then it fails.
    log.fail_over(3);
    leader.resign();
    let heir = transactions(&log, 3);
    log.commit_late();
    let decided = work(&heir);
    let [Answered { value, end_offset }] = &decided[..] else {
        panic!("{decided:?}")
    };
    assert_eq!((value.coordinator_epoch, value.partitions.len()), (3, 1));
    assert_eq!(heir.led().committed(*end_offset, None).await, Ok(()));
    // It completes, and fails before that is committed: the markers are written a second time.
    let completed = heir.decide(START, |machine| {
        let records = machine.core.complete(ID, producer, START.wall_ms);
        Ok((records, ()))
    });
    assert!(is_waiting(heir.committed(completed.unwrap())).await);
    log.fail_over(4);
    heir.resign();
    let next = transactions(&log, 4);
    assert_eq!(state(&next).value, TransactionState::PrepareCommit);
    assert_eq!(work(&next).len(), 1);
    // What is committed is complete for whoever comes then.
    let completed = next.decide(START, |machine| {
        Ok((machine.core.complete(ID, producer, START.wall_ms), ()))
    });
    log.commit();
    assert_eq!(next.committed(completed.unwrap()).await, Ok(()));
    log.fail_over(5);
    let last = transactions(&log, 5);
    assert!(work(&last).is_empty());
    assert_eq!(state(&last).value, TransactionState::CompleteCommit);
}
