//! What share groups answer and write, as Apache Kafka 4.4 does with the same requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, StrBytes, TopicName,
};
use uuid::Uuid;

use super::*;
use crate::cluster::{ClusterView, ConsumerSettings, Topic};
use crate::config::GroupConfig;
use crate::group::Caller;

const T1: Uuid = Uuid::from_u128(1);
const T2: Uuid = Uuid::from_u128(2);

#[derive(Debug, Clone)]
struct Cluster(BTreeMap<Arc<str>, (Uuid, i32)>);

impl Cluster {
    fn of(topics: &[(&str, Uuid, i32)]) -> Arc<Cluster> {
        let topics = topics
            .iter()
            .map(|(name, id, count)| ((*name).into(), (*id, *count)));
        Arc::new(Cluster(topics.collect()))
    }
}

impl ClusterView for Cluster {
    fn version(&self) -> i64 {
        0
    }

    fn topics_created_at(&self) -> i64 {
        0
    }

    fn topic(&self, name: &str) -> Option<Topic> {
        let (name, (id, partition_count)) = self.0.get_key_value(name)?;
        Some(Topic {
            name: name.clone(),
            id: *id,
            partition_count: *partition_count,
        })
    }

    fn topic_by_id(&self, id: &Uuid) -> Option<Topic> {
        let (name, _) = self.0.iter().find(|(_, (known, _))| known == id)?;
        self.topic(name)
    }

    fn partition_racks(&self, _: &str) -> Vec<Vec<String>> {
        Vec::new()
    }

    fn each_topic_name(&self, show: &mut dyn FnMut(&Arc<str>)) {
        self.0.keys().for_each(show);
    }

    fn consumer_settings(&self, _: &str) -> ConsumerSettings {
        ConsumerSettings::default()
    }
}

/// The partitions of topics that a member is told.
type Told = Vec<(Uuid, Vec<i32>)>;

struct Fixture {
    shard: GroupShard,
    log: Vec<GroupRecord>,
    now_ms: i64,
}

impl Fixture {
    fn new() -> Self {
        let mut shard = GroupShard::new(GroupConfig::default());
        shard.set_cluster(Cluster::of(&[("t1", T1, 3)]), &[]);
        shard.finish_loading(Fixture::at(0));
        Fixture {
            shard,
            log: Vec::new(),
            now_ms: 1_000_000,
        }
    }

    fn at(ms: i64) -> Now {
        Now {
            wall_ms: ms,
            monotonic_ms: ms,
        }
    }

    fn now(&self) -> Now {
        Fixture::at(self.now_ms)
    }

    fn append(&mut self, records: Vec<GroupRecord>) {
        for record in records {
            let encoded = record.encode().unwrap();
            let decoded = GroupRecord::decode(&encoded.key, encoded.value.as_deref()).unwrap();
            assert_eq!(decoded, record, "its bytes say the same");
            self.log.push(record.clone());
            self.shard.replay(record, self.now());
        }
    }

    fn heartbeat(
        &mut self,
        member: &str,
        epoch: i32,
        topics: Option<&[&str]>,
    ) -> Result<ShareGroupHeartbeatResponse, ErrorCode> {
        let names = topics.map(|topics| {
            let name = |topic: &&str| TopicName(StrBytes::from_string((*topic).to_owned()));
            topics.iter().map(name).collect()
        });
        let request = ShareGroupHeartbeatRequest::default()
            .with_group_id(StrBytes::from_static_str("g").into())
            .with_member_id(StrBytes::from_string(member.to_owned()))
            .with_member_epoch(epoch)
            .with_subscribed_topic_names(names);
        let caller = Caller {
            api_version: 1,
            client_id: "c",
            client_host: "/127.0.0.1",
        };
        let outcome = self
            .shard
            .share_heartbeat(&request, caller, self.now())
            .map_err(|refusal| refusal.code)?;
        self.append(outcome.records);
        let (reply, initialization) = outcome.reply;
        if let Some(initialization) = initialization {
            let begun = self
                .shard
                .share_initialized("g", &initialization.partitions, &Partitions::new());
            self.append(begun);
        }
        Ok(reply)
    }

    /// Epoch, and what is told of the assignment.
    fn beat(&mut self, member: &str, epoch: i32, topics: Option<&[&str]>) -> (i32, Option<Told>) {
        let reply = self.heartbeat(member, epoch, topics).unwrap();
        let told = reply.assignment.map(|assignment| {
            let topics = assignment.topic_partitions.into_iter();
            topics.map(|topic| (topic.topic_id, topic.partitions)).collect()
        });
        (reply.member_epoch, told)
    }

    fn epochs(&self) -> (i32, i32) {
        let described = self.shard.describe_share("g");
        (described.group_epoch, described.assignment_epoch)
    }
}

#[test]
fn a_member_is_assigned_what_has_a_state_and_two_share_it() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.heartbeat("m1", 5, None), Err(ErrorCode::GroupIdNotFound));
    assert_eq!(
        fixture.beat("m1", 0, Some(&["t1"])),
        (2, Some(vec![])),
        "no state has begun"
    );
    fixture.now_ms += 1_500;
    assert_eq!(fixture.beat("m1", 2, None), (3, Some(vec![(T1, vec![0, 1, 2])])));
    assert_eq!(fixture.beat("m1", 3, None), (3, None));
    // Within the interval of assignments the group's epoch goes on alone.
    assert_eq!(fixture.beat("m2", 0, Some(&["t1", "t2"])), (3, Some(vec![])));
    assert_eq!(fixture.epochs(), (4, 3));
    fixture.now_ms += 1_500;
    assert_eq!(fixture.beat("m2", 3, None), (4, Some(vec![(T1, vec![0])])));
    assert_eq!(fixture.beat("m1", 3, None), (4, Some(vec![(T1, vec![1, 2])])));
    // A topic comes to be: its states begin, and then it is assigned.
    let both = Cluster::of(&[("t1", T1, 3), ("t2", T2, 2)]);
    fixture.shard.set_cluster(both, &["t2".into()]);
    fixture.now_ms += 1_500;
    assert_eq!(fixture.beat("m2", 4, None), (5, None));
    fixture.now_ms += 1_500;
    assert_eq!(fixture.beat("m1", 4, None), (6, None));
    assert_eq!(
        fixture.beat("m2", 5, None),
        (6, Some(vec![(T1, vec![0]), (T2, vec![0, 1])]))
    );
    assert_eq!(
        fixture.beat("m1", 0, Some(&["t1"])),
        (6, Some(vec![(T1, vec![1, 2])]))
    );
    // All leave.
    assert_eq!(fixture.beat("m1", -1, None), (-1, None));
    assert_eq!(fixture.beat("m2", -1, None), (-1, None));
    assert_eq!(fixture.epochs(), (8, 8));
    let log = std::mem::take(&mut fixture.log);
    let mut again = GroupShard::new(GroupConfig::default());
    log.into_iter()
        .for_each(|record| again.replay(record, Fixture::at(0)));
    assert_eq!(again.describe_share("g"), fixture.shard.describe_share("g"));
    assert_eq!(again.share_offsets("g"), fixture.shard.share_offsets("g"));
}

#[test]
fn who_is_late_or_unknown_is_told_so() {
    let mut fixture = Fixture::new();
    fixture.beat("m1", 0, Some(&["t1"]));
    for (member, epoch, topics, expected) in [
        ("", 0, Some(&["t1"][..]), ErrorCode::InvalidRequest),
        ("  ", 0, Some(&["t1"]), ErrorCode::InvalidRequest),
        ("mx", 0, None, ErrorCode::InvalidRequest),
        ("mx", 0, Some(&[]), ErrorCode::InvalidRequest),
        ("m1", -2, None, ErrorCode::InvalidRequest),
        ("zz", 3, None, ErrorCode::UnknownMemberId),
        ("zz", -1, None, ErrorCode::UnknownMemberId),
        ("m1", 99, None, ErrorCode::FencedMemberEpoch),
        ("m1", 1, None, ErrorCode::FencedMemberEpoch),
    ] {
        assert_eq!(
            fixture.heartbeat(member, epoch, topics),
            Err(expected),
            "{member:?} {epoch}"
        );
    }
    fixture.now_ms += 2_000;
    assert_eq!(fixture.beat("m1", 2, None).0, 3);
    assert_eq!(
        fixture.beat("m1", 2, None),
        (3, None),
        "the epoch before is known yet"
    );
    // Silence.
    fixture.now_ms += 45_000;
    while fixture
        .shard
        .next_deadline()
        .is_some_and(|deadline_ms| deadline_ms <= fixture.now_ms)
    {
        let records = fixture.shard.on_timer(fixture.now());
        fixture.append(records);
    }
    assert_eq!(fixture.heartbeat("m1", 3, None), Err(ErrorCode::UnknownMemberId));
    assert_eq!(fixture.epochs(), (4, 4));
    for nth in 0..200 {
        fixture.beat(&format!("m{nth}"), 0, Some(&["t1"]));
    }
    assert_eq!(
        fixture.heartbeat("one more", 0, Some(&["t1"])),
        Err(ErrorCode::GroupMaxSizeReached)
    );
}

#[test]
fn offsets_are_altered_and_deleted_while_nobody_is_there() {
    let mut fixture = Fixture::new();
    let wanted = ShareOffsetsTopic {
        name: "t1".into(),
        topic_id: T1,
        partitions: [0, 1].into(),
    };
    let outcome = fixture
        .shard
        .share_alter_offsets("g", std::slice::from_ref(&wanted))
        .unwrap();
    assert_eq!(outcome.reply.state_epoch, 1);
    fixture.append(outcome.records);
    let begun = fixture
        .shard
        .share_initialized("g", &outcome.reply.partitions, &Partitions::new());
    fixture.append(begun);
    assert_eq!(fixture.shard.share_offsets("g"), vec![wanted.clone()]);
    assert_eq!(fixture.epochs(), (1, 1));
    fixture.beat("m1", 0, Some(&["t1"]));
    let code = |result: Result<_, crate::GroupRefusal>| result.err().map(|refusal| refusal.code);
    let altered = fixture.shard.share_alter_offsets("g", &[wanted]).map(|_| ());
    assert_eq!(code(altered), Some(ErrorCode::NonEmptyGroup));
    assert_eq!(
        code(fixture.shard.share_delete_offsets("g", None).map(|_| ())),
        Some(ErrorCode::NonEmptyGroup)
    );
    assert_eq!(fixture.shard.delete_group("g"), Err(ErrorCode::NonEmptyGroup));
    fixture.beat("m1", -1, None);
    let outcome = fixture.shard.share_delete_offsets("g", Some(&[T1, T2])).unwrap();
    assert_eq!(outcome.reply, Partitions::from([(T1, [0, 1, 2].into())]));
    fixture.append(outcome.records);
    assert_eq!(fixture.shard.share_offsets("g"), vec![]);
    let deleted = fixture.shard.share_deleted("g", &[T1]);
    fixture.append(deleted);
    assert_eq!(
        fixture
            .shard
            .share_delete_offsets("g", Some(&[T1]))
            .unwrap()
            .reply,
        Partitions::new()
    );
    let tombstones = fixture.shard.delete_group("g").unwrap();
    fixture.append(tombstones);
    assert!(!fixture.shard.is_share_group("g"));
}

#[test]
fn deleted_topics_leave_nothing_behind() {
    let mut fixture = Fixture::new();
    fixture.beat("m1", 0, Some(&["t1"]));
    let records = fixture.shard.delete_topics(&[("t1".into(), T1)]);
    assert_eq!(records.len(), 1);
    fixture.append(records);
    fixture.shard.set_cluster(Cluster::of(&[]), &["t1".into()]);
    assert_eq!(fixture.shard.share_offsets("g"), vec![]);
    fixture.now_ms += 2_000;
    assert_eq!(fixture.beat("m1", 2, None), (3, None));
}
