//! A partition over a log on the disk, as its callers see it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use barnabas_config::{BrokerConfig, Layers, Settings};
use barnabas_environment::Threads;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use barnabas_protocol::records::{BatchBuilder, RecordFields};
use barnabas_storage::{AppendOrigin, Disk, LogDir, OpenFiles, Verified};
use tempfile::TempDir;
use uuid::Uuid;

use super::append::{AppendAs, Appended, Pending, Refused, RequiredAcks};
use super::core::{Assignment, LeaderEpoch};
use super::flush::Flusher;
use super::settings::TopicSettings;
use super::{Partition, TopicPartition};
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
        replicas: vec![1, 2],
        isr: isr.to_vec(),
    }
}

/// On broker 1, one of two; two replicas must be in sync.
fn partition(assignment: Assignment) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let log_dir = LogDir::open(&Disk::Real, &path, Arc::new(OpenFiles::new(16))).unwrap();
    let dirs = LogDirs::new(&Disk::Real, vec![(path, Ok(log_dir))], 0).unwrap();
    let dir = dirs.metadata().clone();
    let given = [
        ("node.id", "1"),
        ("process.roles", "broker,controller"),
        ("controller.listener.names", "CONTROLLER"),
        ("min.insync.replicas", "2"),
    ];
    let given: Settings = given
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let layers = Layers::of_static(given);
    let settings = TopicSettings::defaults(&layers, &BrokerConfig::resolve(&layers).unwrap());
    let id = TopicPartition {
        topic: "t".into(),
        topic_id: Uuid::from_u128(1),
        partition: 0,
    };
    let log = dir
        .storage()
        .unwrap()
        .create_log(id.topic.clone(), 0, id.topic_id, settings.log.clone());
    let flusher = Arc::new(Flusher::new(Threads::Own));
    Fixture {
        partition: Partition::new(id, 1, assignment, settings, dir, Some(log), flusher),
        _folder: folder,
    }
}

impl Fixture {
    fn append(&self, acks: RequiredAcks, leader_epoch: Option<i32>) -> Result<Appended, Refused> {
        let mut builder = BatchBuilder::new(Compression::None);
        (0..RECORDS).for_each(|_| builder.append(&RecordFields::default()));
        let how = AppendAs {
            origin: AppendOrigin::Client,
            acks,
            leader_epoch: leader_epoch.map(LeaderEpoch),
            verified: Verified::NotAsked,
            now_ms: 1_000,
        };
        self.partition.append(&mut builder.build().unwrap(), &how)
    }

    fn end_offset(&self) -> i64 {
        self.partition.offsets().1
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
fn who_waits_is_told_when_the_isr_no_longer_asks_for_more() {
    let fixture = partition(Assignment {
        replicas: vec![1],
        ..assignment(1, 3, &[1, 2])
    });
    let appended = fixture.append(RequiredAcks::All, None).unwrap();
    fixture.partition.assign(Assignment {
        replicas: vec![1],
        ..assignment(1, 3, &[1])
    });
    assert_eq!(told(appended.pending), Poll::Ready(Ok(())));
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
