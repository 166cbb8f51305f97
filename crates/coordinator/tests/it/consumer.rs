//! The consumer protocol: what a heartbeat writes and answers.

use std::sync::Arc;

use barnabas_coordinator::{
    Assignors, Caller, ConsumerGroupState, ConsumerRecord, GroupConfig, GroupRecord, GroupRefusal,
    MemberState, MigrationPolicy, VisibleTopics,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use barnabas_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, TopicName,
};
use uuid::Uuid;

use crate::cluster::{Cluster, topic_id};
use crate::fixture::{GROUP, Harness, commit_request, join_request, sync_request, text};

pub const REVOCATION_MS: i32 = 60_000;

pub fn owned(partitions: &[i32]) -> Option<Vec<TopicPartitions>> {
    let topic = TopicPartitions::default()
        .with_topic_id(topic_id("t"))
        .with_partitions(partitions.to_vec());
    Some(if partitions.is_empty() {
        Vec::new()
    } else {
        vec![topic]
    })
}

/// A heartbeat of a member that goes on.
pub fn beat(member: &str, epoch: i32, has: &[i32]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_topic_partitions(owned(has))
}

/// The first heartbeat of a member that reads `topics`.
pub fn joining(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    beat(member, 0, &[])
        .with_rebalance_timeout_ms(REVOCATION_MS)
        .with_subscribed_topic_names(Some(topics.iter().map(|name| TopicName(text(name))).collect()))
}

impl Harness {
    pub fn with_cluster(config: GroupConfig, mut cluster: Cluster) -> Self {
        cluster.settings.assignment_interval_ms = 0;
        let mut harness = Harness::with_config(config);
        harness.shard.set_cluster(Arc::new(cluster), &[]);
        harness
    }

    pub fn beat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<(ConsumerGroupHeartbeatResponse, Vec<GroupRecord>), GroupRefusal> {
        let caller = Caller {
            api_version: 1,
            client_id: "c",
            client_host: "/127.0.0.1",
        };
        let outcome =
            self.shard
                .consumer_heartbeat(request, caller, &self.visible, Uuid::from_u128(1), self.now)?;
        let records = self.append(outcome.records);
        self.advance(0);
        Ok((outcome.reply, records))
    }

    /// The answer's epoch and partitions of topic `t`, if it names any.
    pub fn heard(&mut self, request: &ConsumerGroupHeartbeatRequest) -> (i32, Option<Vec<i32>>) {
        let (reply, _) = self.beat(request).unwrap();
        let partitions = reply.assignment.map(|assignment| {
            let topics = assignment.topic_partitions.into_iter();
            topics.flat_map(|topic| topic.partitions).collect()
        });
        (reply.member_epoch, partitions)
    }

    pub fn refused(&mut self, request: &ConsumerGroupHeartbeatRequest) -> ErrorCode {
        self.beat(request).unwrap_err().code
    }

    fn state(&self) -> Option<ConsumerGroupState> {
        Some(self.shard.consumer_group(GROUP)?.state())
    }
}

fn kinds(records: &[GroupRecord]) -> Vec<&'static str> {
    let kind = |record: &GroupRecord| match record {
        GroupRecord::Consumer { record, .. } => match record {
            ConsumerRecord::Epoch(Some(_)) => "epoch",
            ConsumerRecord::Epoch(None) => "-epoch",
            ConsumerRecord::Member { value: Some(_), .. } => "member",
            ConsumerRecord::Member { value: None, .. } => "-member",
            ConsumerRecord::TargetEpoch(Some(_)) => "target epoch",
            ConsumerRecord::TargetEpoch(None) => "-target epoch",
            ConsumerRecord::Target { value: Some(_), .. } => "target",
            ConsumerRecord::Target { value: None, .. } => "-target",
            ConsumerRecord::Current { value: Some(_), .. } => "current",
            ConsumerRecord::Current { value: None, .. } => "-current",
            ConsumerRecord::Regex { value: Some(_), .. } => "regex",
            ConsumerRecord::Regex { value: None, .. } => "-regex",
            ConsumerRecord::LegacyTopics(_) => "legacy",
        },
        GroupRecord::GroupMetadata { value: Some(_), .. } => "classic",
        GroupRecord::GroupMetadata { value: None, .. } => "-classic",
        GroupRecord::OffsetCommit { .. } => "offset",
        GroupRecord::Streams { .. } => "streams",
        GroupRecord::Share { .. } => "share",
    };
    records.iter().map(kind).collect()
}

fn harness() -> Harness {
    Harness::with_cluster(GroupConfig::default(), Cluster::with(&[("t", 4), ("u", 1)]))
}

#[test]
fn a_second_member_waits_for_what_the_first_gives_back() {
    let mut harness = harness();
    let (reply, records) = harness.beat(&joining("a", &["t"])).unwrap();
    assert_eq!(
        kinds(&records),
        ["member", "epoch", "target", "target epoch", "current"]
    );
    assert_eq!((reply.member_epoch, reply.heartbeat_interval_ms), (2, 5_000));
    assert_eq!(harness.state(), Some(ConsumerGroupState::Stable));
    let (_, records) = harness.beat(&beat("a", 2, &[0, 1, 2, 3])).unwrap();
    assert_eq!(records, [], "nothing changes");

    let (epoch, given) = harness.heard(&joining("b", &["t"]));
    assert_eq!((epoch, given), (3, Some(vec![])), "nothing is free yet");
    assert_eq!(harness.heard(&beat("a", 2, &[0, 1, 2, 3])), (2, Some(vec![0, 1])));
    assert_eq!(harness.state(), Some(ConsumerGroupState::Reconciling));
    assert_eq!(
        harness.heard(&beat("b", 3, &[])),
        (3, None),
        "the first still has them"
    );
    assert_eq!(harness.heard(&beat("a", 2, &[0, 1])), (3, None));
    assert_eq!(harness.heard(&beat("b", 3, &[])), (3, Some(vec![2, 3])));
    assert_eq!(harness.state(), Some(ConsumerGroupState::Stable));
    let reloaded = harness.reloaded();
    let (lived, loaded) = (&harness.shard, &reloaded.shard);
    assert_eq!(
        format!("{:?}", lived.describe_consumer(GROUP, 1)),
        format!("{:?}", {
            let mut loaded = reloaded.shard.describe_consumer(GROUP, 1);
            // The reloaded shard has no cluster to find names in.
            loaded
                .members
                .clone_from(&lived.describe_consumer(GROUP, 1).members);
            loaded
        })
    );
    let members = |shard: &barnabas_coordinator::GroupShard| {
        let group = shard.consumer_group(GROUP).unwrap();
        group.members().cloned().collect::<Vec<_>>()
    };
    assert_eq!(members(lived), members(loaded));
}

#[test]
fn a_slow_member_holds_up_nobody_else_and_is_fenced_in_the_end() {
    let mut harness = harness();
    harness.heard(&joining("slow", &["t"]));
    harness.heard(&joining("b", &["t"]));
    // The slow one hears that it has to give back, and goes on without doing so.
    harness.heard(&beat("slow", 2, &[0, 1, 2, 3]));
    for _ in 0..5 {
        harness.advance(10_000);
        harness.heard(&beat("slow", 2, &[0, 1, 2, 3]));
        harness.heard(&beat("b", 3, &[]));
    }
    let fenced = harness.advance(10_000);
    assert_eq!(kinds(&fenced), ["-current", "-target", "-member", "epoch"]);
    assert_eq!(
        harness.refused(&beat("slow", 2, &[0, 1, 2, 3])),
        ErrorCode::UnknownMemberId
    );
    assert_eq!(harness.heard(&beat("b", 3, &[])), (4, Some(vec![0, 1, 2, 3])));
}

#[test]
fn epochs_fence() {
    let mut harness = harness();
    harness.heard(&joining("a", &["t"]));
    harness.heard(&joining("b", &["t"]));
    harness.heard(&beat("a", 2, &[0, 1, 2, 3]));
    harness.heard(&beat("a", 2, &[0, 1]));
    // The answer was lost: the epoch before will do for one who has no more than it should.
    assert_eq!(harness.heard(&beat("a", 2, &[0, 1])).0, 3);
    assert_eq!(
        harness.refused(&beat("a", 2, &[0, 1, 2])),
        ErrorCode::FencedMemberEpoch
    );
    assert_eq!(harness.refused(&beat("a", 1, &[])), ErrorCode::FencedMemberEpoch);
    assert_eq!(harness.refused(&beat("a", 9, &[])), ErrorCode::FencedMemberEpoch);
    assert_eq!(harness.refused(&beat("x", 3, &[])), ErrorCode::UnknownMemberId);
}

#[test]
fn sessions_end() {
    let mut harness = harness();
    harness.heard(&joining("a", &["t"]));
    harness.advance(44_999);
    harness.heard(&beat("a", 2, &[]));
    harness.advance(44_999);
    assert_eq!(harness.state(), Some(ConsumerGroupState::Stable));
    harness.advance(1);
    assert_eq!(harness.state(), Some(ConsumerGroupState::Empty));
}

#[test]
fn a_static_member_keeps_its_partitions_while_it_is_away() {
    let mut harness = harness();
    let with_instance = |request: ConsumerGroupHeartbeatRequest| request.with_instance_id(Some(text("i")));
    harness.heard(&with_instance(joining("a", &["t"])));
    assert_eq!(
        harness.refused(&with_instance(joining("b", &["t"]))),
        ErrorCode::UnreleasedInstanceId
    );
    harness.heard(&with_instance(beat("a", -2, &[])));
    assert_eq!(
        harness.heard(&with_instance(joining("b", &["t"]))),
        (2, Some(vec![0, 1, 2, 3]))
    );
    assert_eq!(
        harness.refused(&with_instance(beat("a", 2, &[]))),
        ErrorCode::FencedInstanceId
    );
    assert_eq!(harness.shard.consumer_group(GROUP).unwrap().group_epoch(), 2);
}

#[test]
fn topics_that_grow_are_assigned_anew() {
    let mut harness = harness();
    harness.heard(&joining("a", &["t", "later"]));
    let mut cluster = Cluster::with(&[("t", 5), ("u", 1)]);
    cluster.settings.assignment_interval_ms = 0;
    harness.shard.set_cluster(Arc::new(cluster), &["t".into()]);
    assert_eq!(
        harness.heard(&beat("a", 2, &[0, 1, 2, 3])),
        (3, Some(vec![0, 1, 2, 3, 4]))
    );
    assert_eq!(harness.heard(&beat("a", 3, &[0, 1, 2, 3, 4])), (3, None));
}

#[test]
fn expressions_are_resolved_apart_from_the_heartbeat() {
    let mut harness = harness();
    let request = joining("a", &[])
        .with_subscribed_topic_names(None)
        .with_subscribed_topic_regex(Some(text("t|v.*")));
    assert_eq!(harness.heard(&request), (1, Some(vec![])));
    assert_eq!(harness.heard(&beat("a", 1, &[])), (2, Some(vec![0, 1, 2, 3])));
    let mut cluster = Cluster::with(&[("t", 4), ("u", 1), ("v1", 1)]);
    cluster.settings.assignment_interval_ms = 0;
    harness.shard.set_cluster(Arc::new(cluster), &["v1".into()]);
    harness.advance(9_000);
    assert_eq!(harness.heard(&beat("a", 2, &[0, 1, 2, 3])).0, 2, "not yet");
    harness.advance(2_000);
    harness.heard(&beat("a", 2, &[0, 1, 2, 3]));
    let (epoch, partitions) = harness.heard(&beat("a", 2, &[0, 1, 2, 3]));
    assert_eq!((epoch, partitions.map(|all| all.len())), (3, Some(5)));
    let bad = request
        .with_member_id(text("b"))
        .with_subscribed_topic_regex(Some(text("(")));
    assert_eq!(harness.refused(&bad), ErrorCode::InvalidRegularExpression);
}

#[test]
fn an_expression_matches_no_topic_that_its_member_may_not_see() {
    let mut cluster = Cluster::with(&[("t", 4), ("u", 1)]);
    cluster.settings.assignment_interval_ms = 0;
    let mut harness = Harness::with_cluster(GroupConfig::default(), cluster);
    harness.visible = VisibleTopics::by(|topic| topic != "t");
    let request = joining("a", &[])
        .with_subscribed_topic_names(None)
        .with_subscribed_topic_regex(Some(text("t|u")));
    harness.heard(&request);
    let (reply, _) = harness.beat(&beat("a", 1, &[])).unwrap();
    let assigned = reply.assignment.unwrap().topic_partitions;
    let topics: Vec<Uuid> = assigned.iter().map(|topic| topic.topic_id).collect();
    assert_eq!(topics, [topic_id("u")]);

    // Whose heartbeat has it resolved again decides.
    harness.visible = VisibleTopics::all();
    let (mut epoch, mut assigned) = (2, None);
    for _ in 0..125 {
        harness.advance(5_000);
        let (next, partitions) = harness.heard(&beat("a", epoch, &[]));
        (epoch, assigned) = (next, partitions.or(assigned));
    }
    assert_eq!((epoch, assigned.map(|all| all.len())), (3, Some(5)));
}

#[test]
fn an_assignment_is_computed_no_more_often_than_allowed() {
    let mut harness = harness();
    harness
        .shard
        .set_cluster(Arc::new(Cluster::with(&[("t", 4)])), &[]);
    harness.heard(&joining("a", &["t"]));
    assert_eq!(harness.heard(&joining("b", &["t"])), (2, Some(vec![])));
    assert_eq!(harness.state(), Some(ConsumerGroupState::Assigning));
    harness.advance(1_000);
    assert_eq!(harness.heard(&beat("b", 2, &[])).0, 3);
}

#[test]
fn offsets_are_committed_in_the_members_epoch() {
    let mut harness = harness();
    harness.heard(&joining("a", &["t"]));
    let mut commit = |member: &str, epoch| {
        let mut request = commit_request(member, epoch, 0, 7);
        request.topics[0].topic_id = topic_id("t");
        harness.commit(&request, 9)
    };
    assert_eq!(commit("a", 2), Ok(vec![0]));
    assert_eq!(commit("a", 1), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit("a", 3), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit("b", 2), Err(ErrorCode::UnknownMemberId));
    harness.heard(&joining("b", &["u", "t"]));
    harness.heard(&beat("a", 2, &[0, 1, 2, 3]));
    harness.heard(&beat("a", 2, &[0, 1]));
    let mut request = commit_request("a", 2, 0, 8);
    request.topics[0].topic_id = topic_id("t");
    assert_eq!(
        harness.commit(&request, 9),
        Ok(vec![0]),
        "the epoch in which it got the partition"
    );
    assert_eq!(harness.commit(&request, 8), Err(ErrorCode::UnsupportedVersion));
}

#[test]
fn a_group_that_is_full_takes_nobody() {
    let config = GroupConfig {
        consumer_group_max_size: 1,
        consumer_assignors: Assignors::from_names(["range"].into_iter()).unwrap(),
        ..GroupConfig::default()
    };
    let mut harness = Harness::with_cluster(config, Cluster::with(&[("t", 4)]));
    harness.heard(&joining("a", &["t"]));
    assert_eq!(
        harness.refused(&joining("b", &["t"])),
        ErrorCode::GroupMaxSizeReached
    );
    let uniform = beat("a", 2, &[]).with_server_assignor(Some(text("uniform")));
    assert_eq!(harness.refused(&uniform), ErrorCode::UnsupportedAssignor);
}

#[test]
fn a_static_members_place_is_no_growth_of_a_full_group() {
    let config = GroupConfig {
        consumer_group_max_size: 1,
        ..GroupConfig::default()
    };
    let fixed = |member: &str| joining(member, &["t"]).with_instance_id(Some(text("i")));
    let mut harness = Harness::with_cluster(config, Cluster::with(&[("t", 4)]));
    harness.heard(&fixed("a"));
    assert_eq!(harness.refused(&fixed("b")), ErrorCode::UnreleasedInstanceId);
    assert_eq!(
        harness.refused(&fixed("b").with_instance_id(Some(text("j")))),
        ErrorCode::GroupMaxSizeReached,
        "another instance"
    );
    assert_eq!(
        harness.refused(&beat("b", 2, &[]).with_instance_id(Some(text("i")))),
        ErrorCode::FencedInstanceId
    );
    harness.heard(&beat("a", -2, &[]).with_instance_id(Some(text("i"))));
    let (_, partitions) = harness.heard(&fixed("b"));
    assert_eq!(partitions, Some(vec![0, 1, 2, 3]), "it takes the place over");
    // A classic client takes the place over, too.
    let mut classic = join_request("", &["range"]).with_group_instance_id(Some(text("j")));
    let (token, _) = harness.send_join(&classic, 9);
    assert_eq!(
        harness.join_reply(token).error_code,
        ErrorCode::GroupMaxSizeReached.code()
    );
    harness.heard(&beat("b", -2, &[]).with_instance_id(Some(text("i"))));
    classic = classic.with_group_instance_id(Some(text("i")));
    let (token, _) = harness.send_join(&classic, 9);
    assert_eq!(harness.join_reply(token).error_code, 0);
}

#[test]
fn a_classic_client_does_not_join_a_consumer_group_where_migration_is_disabled() {
    for (policy, error) in [
        (MigrationPolicy::Disabled, ErrorCode::InconsistentGroupProtocol),
        (MigrationPolicy::Upgrade, ErrorCode::None),
    ] {
        let config = GroupConfig {
            consumer_migration_policy: policy,
            ..GroupConfig::default()
        };
        let mut harness = Harness::with_cluster(config, Cluster::with(&[("t", 4)]));
        harness.heard(&joining("a", &["t"]));
        let (token, _) = harness.send_join(&join_request("", &["range"]), 3);
        assert_eq!(harness.join_reply(token).error_code, error.code(), "{policy:?}");
    }
}

#[test]
fn the_last_member_leaves_an_assigned_group() {
    let mut harness = harness();
    harness.heard(&joining("a", &["t"]));
    harness.heard(&joining("b", &["t"]));
    let (_, records) = harness.beat(&beat("b", -1, &[])).unwrap();
    assert_eq!(kinds(&records), ["-current", "-target", "-member", "epoch"]);
    let (_, records) = harness.beat(&beat("a", -1, &[])).unwrap();
    assert_eq!(
        kinds(&records),
        ["-current", "-target", "-member", "epoch", "target epoch"]
    );
}

#[test]
fn an_empty_group_is_deleted_with_its_records() {
    let mut harness = harness();
    harness.heard(&joining("a", &["t"]));
    assert_eq!(harness.shard.delete_group(GROUP), Err(ErrorCode::NonEmptyGroup));
    harness.heard(&beat("a", -1, &[]));
    let records = harness.shard.delete_group(GROUP).unwrap();
    assert_eq!(kinds(&records), ["-target epoch", "legacy", "-epoch"]);
    harness.append(records);
    assert!(harness.shard.consumer_group(GROUP).is_none());
    assert!(harness.reloaded().shard.consumer_group(GROUP).is_none());
}

#[test]
fn classic_groups_go_up_and_come_down() {
    let mut harness = harness();
    let token = harness.join_new(&["range"]);
    harness.advance(3_000);
    let ids = [harness.join_reply(token).member_id.to_string()];
    // An assignment of nothing.
    harness.send_sync(&sync_request(&ids[0], 1, &[(&ids[0], "\0\0\0\0\0\0\0\0\0\0")]));
    let (reply, records) = harness.beat(&joining("a", &["t"])).unwrap();
    assert_eq!(kinds(&records)[..3], ["-classic", "member", "epoch"]);
    assert_eq!(reply.member_epoch, 2);
    let group = harness.shard.consumer_group(GROUP).unwrap();
    assert_eq!(group.members().len(), 2);
    assert_eq!(group.member(&ids[0]).unwrap().current.state, MemberState::Stable);
    assert_eq!(harness.heartbeat(&ids[0], 1), Err(ErrorCode::RebalanceInProgress));
    let (token, _) = harness.send_join(&join_request(&ids[0], &["range"]), 5);
    assert_eq!(harness.join_reply(token).generation_id, 2);

    let (_, records) = harness.beat(&beat("a", -1, &[])).unwrap();
    assert_eq!(kinds(&records).last(), Some(&"classic"));
    assert!(harness.shard.consumer_group(GROUP).is_none());
    assert_eq!(harness.describe().group_state.as_str(), "PreparingRebalance");
    assert_eq!(harness.describe().members.len(), 1);
    assert_eq!(harness.reloaded().describe().members.len(), 1);
}

#[test]
fn a_classic_member_hears_of_a_change_when_there_is_an_assignment_for_it() {
    let mut harness = harness();
    let token = harness.join_new(&["range"]);
    harness.advance(3_000);
    let id = harness.join_reply(token).member_id.to_string();
    harness.send_sync(&sync_request(&id, 1, &[(&id, "\0\0\0\0\0\0\0\0\0\0")]));
    harness.heard(&joining("a", &["t"]));
    let (token, _) = harness.send_join(&join_request(&id, &["range"]), 5);
    assert_eq!(harness.join_reply(token).generation_id, 2);
    // The next assignment comes a second after the last.
    let mut cluster = Cluster::with(&[("t", 4)]);
    cluster.settings.assignment_interval_ms = 1_000;
    harness.shard.set_cluster(Arc::new(cluster), &[]);
    let (epoch, _) = harness.heard(&joining("b", &["t"]));
    let sync = |harness: &mut Harness| {
        let (token, _) = harness.send_sync(&sync_request(&id, 2, &[]));
        let error = ErrorCode::from_code(harness.sync_reply(token).error_code);
        (harness.heartbeat(&id, 2), error)
    };
    assert_eq!(sync(&mut harness), (Ok(()), Some(ErrorCode::None)));
    harness.advance(1_000);
    harness.heard(&beat("b", epoch, &[]));
    let must_rejoin = ErrorCode::RebalanceInProgress;
    assert_eq!(sync(&mut harness), (Err(must_rejoin), Some(must_rejoin)));
}

#[test]
fn a_policy_may_forbid_it() {
    let config = GroupConfig {
        consumer_migration_policy: MigrationPolicy::Downgrade,
        ..GroupConfig::default()
    };
    let mut harness = Harness::with_cluster(config, Cluster::with(&[("t", 4)]));
    harness.stable_group(1);
    assert_eq!(harness.refused(&joining("a", &["t"])), ErrorCode::GroupIdNotFound);
}

/// By hand: `cargo test --release -p barnabas-coordinator --test it large_groups -- --ignored --nocapture`.
#[test]
#[ignore = "measures; meant for a release build"]
fn large_groups_are_assigned_quickly() {
    let topics: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
    let sizes: Vec<(&str, i32)> = topics.iter().map(|name| (name.as_str(), 100)).collect();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    for different in [false, true] {
        let mut harness = Harness::with_cluster(GroupConfig::default(), Cluster::with(&sizes));
        let mut waits = Cluster::with(&sizes);
        waits.settings.assignment_interval_ms = 1_000_000;
        harness.shard.set_cluster(Arc::new(waits), &[]);
        for number in 0..1_000 {
            let reads = if different && number % 2 == 0 {
                &names[..50]
            } else {
                &names[..]
            };
            harness.heard(&joining(&format!("member-{number}"), reads));
        }
        let mut cluster = Cluster::with(&sizes);
        cluster.settings.assignment_interval_ms = 0;
        harness.shard.set_cluster(Arc::new(cluster), &[]);
        let begin = std::time::Instant::now();
        harness.heard(&beat("member-0", 2, &[]).with_topic_partitions(None));
        println!(
            "1,000 members, 10,000 partitions, different subscriptions {different}: {:?}",
            begin.elapsed()
        );
    }
}
