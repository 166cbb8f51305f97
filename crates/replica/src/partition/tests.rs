//! A partition over a log on the disk, as its callers see it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use barnabas_config::effect::LEADER_REPLICATION_RATE;
use barnabas_config::{BrokerConfig, Layers, Settings};
use barnabas_environment::Environment;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use barnabas_protocol::records::{BatchBuilder, RecordFields};
use barnabas_storage::{AppendOrigin, Disk, LogDir, OpenFiles, Verified};
use tempfile::TempDir;
use uuid::Uuid;

use super::append::{AppendAs, Appended, Pending, Refused, RequiredAcks};
use super::core::{Assignment, FollowerId, LeaderEpoch};
use super::delete_records::LowWatermark;
use super::fetch::{FetchPartition, FetchedPartition};
use super::offsets::OffsetQuery;
use super::replication_quota::{ReplicationQuotas, ThrottledReplicas};
use super::settings::TopicSettings;
use super::shared::Shared;
use super::waiters::{FetchWatch, Interest};
use super::{Isolation, Partition, Reader, TopicPartition};
use crate::log_dirs::LogDirs;

/// Batches of this many records.
const RECORDS: i64 = 2;

struct Fixture {
    partition: Arc<Partition>,
    _folder: TempDir,
}

fn assignment(leader: i32, leader_epoch: i32, isr: &[i32]) -> Assignment {
    Assignment {
        leader,
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: 0,
        replicas: vec![1, 2],
        isr: isr.to_vec(),
        alive: vec![],
    }
}

fn follower(broker_id: i32) -> Reader {
    Reader::Follower(FollowerId {
        broker_id,
        broker_epoch: -1,
    })
}

fn layers() -> Layers {
    let given = [
        ("node.id", "1"),
        ("process.roles", "broker,controller"),
        ("controller.listener.names", "CONTROLLER"),
        ("min.insync.replicas", "2"),
    ];
    let given: Settings = given
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    Layers::of_static(given)
}

fn settings() -> Arc<TopicSettings> {
    TopicSettings::defaults(&layers(), &BrokerConfig::resolve(&layers()).unwrap())
}

/// On broker 1, one of two; two replicas must be in sync.
fn partition(assignment: Assignment) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let log_dir = LogDir::open(&Disk::Real, &path, Arc::new(OpenFiles::new(16))).unwrap();
    let dirs = LogDirs::new(&Disk::Real, vec![(path, Ok(log_dir))], 0).unwrap();
    let dir = dirs.metadata().clone();
    let settings = settings();
    let id = TopicPartition {
        topic: "t".into(),
        topic_id: Uuid::from_u128(1),
        partition: 0,
    };
    let log = dir
        .storage()
        .unwrap()
        .create_log(id.topic.clone(), 0, id.topic_id, settings.log.clone());
    let shared = Shared::new(&Environment::system(), 30_000, ReplicationQuotas::new(1, (11, 1)));
    Fixture {
        partition: Partition::new(id, 1, assignment, settings, dir, Some(log), shared),
        _folder: folder,
    }
}

impl Fixture {
    fn append(&self, acks: RequiredAcks, leader_epoch: Option<i32>) -> Result<Appended, Refused> {
        self.append_at(acks, leader_epoch, None)
    }

    fn append_at(
        &self,
        acks: RequiredAcks,
        leader_epoch: Option<i32>,
        end_offset: Option<i64>,
    ) -> Result<Appended, Refused> {
        let mut builder = BatchBuilder::new(Compression::None);
        (0..RECORDS).for_each(|_| builder.append(&RecordFields::default()));
        self.append_batch(builder, acks, leader_epoch, end_offset)
    }

    fn append_batch(
        &self,
        builder: BatchBuilder,
        acks: RequiredAcks,
        leader_epoch: Option<i32>,
        end_offset: Option<i64>,
    ) -> Result<Appended, Refused> {
        let how = AppendAs {
            origin: AppendOrigin::Client,
            acks,
            leader_epoch: leader_epoch.map(LeaderEpoch),
            end_offset,
            verified: Verified::NotAsked,
            now_ms: 1_000,
        };
        self.partition.append(&mut builder.build().unwrap(), &how)
    }

    /// What `reader` finds; `interest` hears of changes if that is nothing.
    fn fetch(
        &self,
        reader: Reader,
        offset: i64,
        interest: Option<&Arc<Interest>>,
    ) -> Result<FetchedPartition, ErrorCode> {
        let whom = |bytes| interest.filter(|_| bytes == 0);
        self.partition
            .fetch(&request(offset), (1 << 20, true), reader, whom)
    }

    fn end_offset(&self) -> i64 {
        self.partition.offsets().1
    }
}

fn request(fetch_offset: i64) -> FetchPartition {
    FetchPartition {
        fetch_offset,
        log_start_offset: 0,
        max_bytes: 1 << 20,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
    }
}

/// What a waiter has been told by now.
fn told(pending: Option<Pending>) -> Poll<Result<(), ErrorCode>> {
    let done = std::pin::pin!(pending.expect("something is waited for").done());
    done.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn acks_all_is_refused_by_too_few_in_sync_and_other_acks_are_not() {
    let fixture = partition(assignment(1, 3, &[1]));
    for acks in [RequiredAcks::All, RequiredAcks::AllLater] {
        let refused = fixture.append(acks, None).unwrap_err();
        assert_eq!(refused.error, ErrorCode::NotEnoughReplicas);
        assert_eq!(refused.log_start_offset, 0);
    }
    assert_eq!(fixture.end_offset(), 0, "nothing is in the log");
    for acks in [RequiredAcks::None, RequiredAcks::Leader] {
        assert!(fixture.append(acks, None).unwrap().pending.is_none());
    }
    assert_eq!(fixture.end_offset(), 2 * RECORDS);
}

#[test]
fn a_follower_too_tells_who_has_written() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    let mut builder = BatchBuilder::new(Compression::None).producer(7, 0, 0);
    builder.append(&RecordFields::default());
    fixture
        .append_batch(builder, RequiredAcks::Leader, None, None)
        .unwrap();
    for leader in [1, 2] {
        fixture.partition.assign(assignment(leader, 3 + leader, &[1, 2]));
        let producers = fixture.partition.active_producers().unwrap();
        assert_eq!(
            producers.iter().map(|each| each.producer_id).collect::<Vec<_>>(),
            [7]
        );
    }
}

#[test]
fn an_append_answers_with_who_waits_for_its_commit() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    let appended = fixture.append(RequiredAcks::All, None).unwrap();
    assert_eq!((appended.info.base_offset, appended.end_offset()), (0, RECORDS));
    let later = fixture.append(RequiredAcks::AllLater, None).unwrap();
    assert!(later.pending.is_none(), "it asks itself");
    let waiting = fixture.partition.wait_for_commit(later.end_offset());
    assert!(waiting.is_some());
    // The follower falls out of the ISR: what is appended waits for it, or another, to come back.
    fixture.partition.assign(assignment(1, 3, &[1]));
    assert_eq!(
        fixture.append(RequiredAcks::All, None).unwrap_err().error,
        ErrorCode::NotEnoughReplicas
    );
    assert_eq!(told(appended.pending), Poll::Pending);
}

#[test]
fn who_waits_is_told_when_the_followers_have_it() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    let appended = fixture.append(RequiredAcks::All, None).unwrap();
    let watch = FetchWatch::new();
    let interest = Interest::new(&watch, 0);
    let fetch = |replica_id, offset| fixture.fetch(follower(replica_id), offset, Some(&interest));
    assert_eq!(fetch(9, 0).unwrap_err(), ErrorCode::NotLeaderOrFollower);
    let fetched = fetch(2, 0).unwrap();
    assert!(
        fetched.records_len() > 0,
        "a follower reads what is not committed"
    );
    assert_eq!(fetched.high_watermark, 0);
    assert!(fetch(2, RECORDS).unwrap().is_at_end);
    assert_eq!(told(appended.pending), Poll::Ready(Ok(())));
    assert!(
        !watch.arm(1, Isolation::ReadUncommitted),
        "the high watermark has moved"
    );
    assert_eq!(fetch(2, RECORDS).unwrap().high_watermark, RECORDS);
}

#[test]
fn who_waits_is_told_when_the_isr_no_longer_asks_for_more() {
    let of_three = |isr: &[i32]| Assignment {
        replicas: vec![1, 2, 3],
        ..assignment(1, 3, isr)
    };
    let fixture = partition(of_three(&[1, 2, 3]));
    let appended = fixture.append(RequiredAcks::All, None).unwrap();
    fixture.fetch(follower(2), RECORDS, None).unwrap();
    fixture.partition.assign(of_three(&[1, 2]));
    assert_eq!(told(appended.pending), Poll::Ready(Ok(())));
}

#[test]
fn a_consumer_is_told_of_what_is_committed_and_only_if_it_found_too_little() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    let consumer = Reader::Consumer(Isolation::ReadUncommitted);
    let watch = FetchWatch::new();
    let interest = Interest::new(&watch, 0);
    fixture.append(RequiredAcks::Leader, None).unwrap();
    assert!(fixture.fetch(consumer, 0, Some(&interest)).unwrap().is_at_end);
    fixture.append(RequiredAcks::Leader, None).unwrap();
    assert!(watch.arm(1, Isolation::ReadUncommitted), "nothing is committed");
    fixture.fetch(follower(2), RECORDS, None).unwrap();
    assert!(watch.disarm());
    let fetched = fixture.fetch(consumer, 0, None).unwrap();
    assert!(fetched.records_len() > 0 && fetched.high_watermark == RECORDS);
}

#[test]
fn records_are_deleted_everywhere_once_the_followers_alive_have_deleted_them() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    fixture.append(RequiredAcks::Leader, None).unwrap();
    fixture.fetch(follower(2), RECORDS, None).unwrap();
    let required = fixture.partition.delete_records(1).unwrap();
    let low_watermark = |is_alive: bool| fixture.partition.low_watermark(required, |_| is_alive).unwrap();
    assert!(matches!(low_watermark(false), LowWatermark::Reached(1)));
    let LowWatermark::Behind(0, mut moved) = low_watermark(true) else {
        panic!("the follower has the record");
    };
    assert!(moved.try_recv().is_err());
    let has = |start_offset| FetchPartition {
        log_start_offset: start_offset,
        ..request(RECORDS)
    };
    let follower = follower(2);
    let deleted = fixture.partition.fetch(&has(1), (100, true), follower, |_| None);
    assert_eq!(deleted.unwrap().log_start_offset, 1);
    assert_eq!(moved.try_recv(), Ok(Ok(())));
    assert!(matches!(low_watermark(true), LowWatermark::Reached(1)));
}

#[test]
fn a_new_leader_that_is_behind_its_epoch_tells_consumers_no_end() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    fixture.append(RequiredAcks::Leader, None).unwrap();
    fixture.partition.assign(assignment(1, 4, &[1, 2]));
    let end = |reader| {
        let found = fixture.partition.list_offset(OffsetQuery::Latest, reader, -1);
        found.map(|found| found.unwrap().offset)
    };
    let consumer = Reader::Consumer(Isolation::ReadUncommitted);
    assert_eq!(end(consumer), Err(ErrorCode::OffsetNotAvailable));
    assert_eq!(end(Reader::AnyReplica), Ok(RECORDS));
    fixture.fetch(follower(2), RECORDS, None).unwrap();
    assert_eq!(end(consumer), Ok(RECORDS));
}

#[test]
fn of_two_who_have_read_the_same_one_is_appended() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    let append = |epoch, end| fixture.append_at(RequiredAcks::All, Some(epoch), Some(end));
    assert!(append(3, 0).is_ok());
    for end in [0, RECORDS - 1, RECORDS + 1] {
        assert_eq!(
            append(3, end).unwrap_err().error,
            ErrorCode::OperationNotAttempted
        );
    }
    // Read to the same end of another leader.
    assert_eq!(
        append(2, RECORDS).unwrap_err().error,
        ErrorCode::NotLeaderOrFollower
    );
    assert_eq!(append(3, RECORDS).unwrap().end_offset(), 2 * RECORDS);
}

#[test]
fn what_rests_on_an_earlier_leader_epoch_is_not_appended() {
    let fixture = partition(assignment(1, 3, &[1, 2]));
    let appended = fixture.append(RequiredAcks::All, Some(3)).unwrap();
    fixture.partition.assign(assignment(2, 4, &[1, 2]));
    assert_eq!(
        told(appended.pending),
        Poll::Ready(Err(ErrorCode::NotLeaderOrFollower))
    );
    fixture.partition.assign(assignment(1, 5, &[1, 2]));
    for (leader_epoch, expected) in [
        (Some(3), Err(ErrorCode::NotLeaderOrFollower)),
        (Some(5), Ok(RECORDS)),
        (None, Ok(2 * RECORDS)),
    ] {
        let appended = fixture.append(RequiredAcks::AllLater, leader_epoch);
        let base_offset = appended.map(|appended| appended.info.base_offset);
        assert_eq!(base_offset.map_err(|refused| refused.error), expected);
    }
}

#[test]
fn a_throttled_replica_out_of_sync_gets_nothing_while_the_quota_is_used_up() {
    let fixture = partition(assignment(1, 3, &[1]));
    fixture.append(RequiredAcks::Leader, None).unwrap();
    let sent = |broker_id| fixture.fetch(follower(broker_id), 0, None).unwrap().records_len();
    let quotas = &fixture.partition.shared.quotas;
    let limit: Settings = [(LEADER_REPLICATION_RATE.to_owned(), "100".to_owned())].into();
    quotas.configure(&layers().with_dynamic(limit, Settings::new()));
    let now_ms = fixture.partition.shared.clock.monotonic_ms();
    quotas.leader.record(1 << 20, now_ms);
    assert!(sent(2) > 0, "its topic names nobody");
    let mut throttled = Arc::into_inner(settings()).unwrap();
    throttled.throttled.0 = ThrottledReplicas::parse(&["0:1".to_owned()]);
    fixture.partition.configure(Arc::new(throttled));
    let held_back = fixture.fetch(follower(2), 0, None).unwrap();
    assert_eq!((held_back.records_len(), held_back.is_at_end), (0, false));
    assert!(fixture.fetch(Reader::AnyReplica, 0, None).unwrap().records_len() > 0);
    fixture.partition.assign(assignment(1, 3, &[1, 2]));
    assert!(sent(2) > 0, "who is in sync is never held back");
    quotas.configure(&layers());
    fixture.partition.assign(assignment(1, 3, &[1]));
    assert!(sent(2) > 0, "there is no limit any more");
}
