//! Commits, fetches, expiry, and what administrators may delete.

use barnabas_coordinator::{CommittedOffset, GroupRecord};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use barnabas_protocol::messages::{GroupId, OffsetDeleteRequest, TopicName};
use uuid::Uuid;

use crate::fixture::{GROUP, Harness, START, commit_request, join_request, text};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn tombstone(partition: i32) -> GroupRecord {
    GroupRecord::OffsetCommit {
        group: GROUP.into(),
        topic: "t".into(),
        partition,
        value: None,
    }
}

fn group_tombstone() -> GroupRecord {
    GroupRecord::GroupMetadata {
        group: GROUP.into(),
        value: None,
    }
}

#[test]
fn a_commit_is_a_record() {
    let mut harness = Harness::new();
    let outcome = harness
        .shard
        .commit_offsets(&commit_request("", -1, 3, 42), 9, START)
        .unwrap();
    let value = CommittedOffset {
        offset: 42,
        leader_epoch: -1,
        metadata: "note".into(),
        commit_timestamp_ms: START.wall_ms,
        expire_timestamp_ms: None,
        topic_id: Uuid::from_u128(1),
    };
    let record = GroupRecord::OffsetCommit {
        group: GROUP.into(),
        topic: "t".into(),
        partition: 3,
        value: Some(value),
    };
    assert_eq!(outcome.records, vec![record]);
    assert_eq!(harness.offsets(), vec![], "not before it is replayed");
    harness.append(outcome.records);
    assert_eq!(harness.offsets(), vec![("t".to_owned(), 3, 42)]);
    assert_eq!(
        harness.describe().group_state.as_str(),
        "Empty",
        "a group without members came to be"
    );
    assert_eq!(harness.reloaded().offsets(), harness.offsets());
}

#[test]
fn who_may_commit() {
    use ErrorCode::*;
    let mut harness = Harness::new();
    assert_eq!(
        harness.commit(&commit_request("m", 1, 0, 1), 8),
        Err(IllegalGeneration),
        "no group"
    );
    assert_eq!(
        harness.commit(&commit_request("m", 1, 0, 1), 9),
        Err(GroupIdNotFound),
        "no group"
    );
    let ids = harness.stable_group(1);
    let id = ids[0].as_str();
    let table = [
        ("a member", commit_request(id, 1, 0, 1), Ok(vec![0])),
        (
            "an old generation",
            commit_request(id, 0, 0, 1),
            Err(IllegalGeneration),
        ),
        (
            "no generation",
            commit_request(id, -1, 0, 1),
            Err(IllegalGeneration),
        ),
        ("a stranger", commit_request("x", 1, 0, 1), Err(UnknownMemberId)),
        (
            "nobody, while there are members",
            commit_request("", -1, 0, 1),
            Err(UnknownMemberId),
        ),
    ];
    for (what, request, answer) in table {
        assert_eq!(harness.commit(&request, 9), answer, "{what}");
    }
    let (token, _) = harness.send_join(&join_request(id, &["range"]), 9);
    assert_eq!(harness.join_reply(token).generation_id, 2);
    assert_eq!(
        harness.commit(&commit_request(id, 2, 0, 1), 9),
        Err(RebalanceInProgress)
    );
}

#[test]
fn commits_are_taken_while_the_group_rebalances_and_keep_the_session() {
    let mut harness = Harness::new();
    let ids = harness.stable_group(1);
    harness.join_new(&["range"]);
    for _ in 0..5 {
        harness.advance(9_000);
        assert_eq!(harness.commit(&commit_request(&ids[0], 1, 0, 7), 9), Ok(vec![0]));
    }
}

#[test]
fn metadata_has_a_limit_in_java_characters() {
    let mut harness = Harness::new();
    for (metadata, error) in [
        ("ä".repeat(4_096), ErrorCode::None),
        ("x".repeat(4_097), ErrorCode::OffsetMetadataTooLarge),
        ("😀".repeat(2_049), ErrorCode::OffsetMetadataTooLarge),
    ] {
        let mut request = commit_request("", -1, 0, 1);
        request.topics[0].partitions[0].committed_metadata = Some(text(&metadata));
        assert_eq!(
            harness.commit(&request, 9),
            Ok(vec![error.code()]),
            "{} bytes",
            metadata.len()
        );
    }
}

#[test]
fn fetch_by_topic() {
    let mut harness = Harness::new();
    harness.commit(&commit_request("", -1, 0, 5), 9).unwrap();
    let fetch = |group: &str, topic_id: u128| {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(TopicName(text("t")))
            .with_topic_id(Uuid::from_u128(topic_id))
            .with_partition_indexes(vec![0, 1]);
        OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text(group)))
            .with_topics(Some(vec![topic]))
    };
    // (group, topic id asked for, offsets of partitions 0 and 1)
    for (group, topic_id, expected) in [
        (GROUP, 0, [5, -1]),
        (GROUP, 1, [5, -1]),
        (GROUP, 2, [-1, -1]),
        ("other", 0, [-1, -1]),
    ] {
        let answer = harness.shard.fetch_offsets(&fetch(group, topic_id), false);
        let offsets: Vec<i64> = answer.topics[0]
            .partitions
            .iter()
            .map(|p| p.committed_offset)
            .collect();
        assert_eq!(offsets, expected, "{group} {topic_id}");
        assert_eq!(answer.error_code, 0);
    }
    let partitions = &harness.shard.fetch_offsets(&fetch(GROUP, 0), false).topics[0].partitions;
    assert_eq!(partitions[0].metadata.as_ref().unwrap().as_str(), "note");
    assert_eq!(partitions[1].metadata.as_ref().unwrap().as_str(), "");
}

#[test]
fn offsets_of_a_group_without_a_protocol_expire_after_their_commit() {
    let mut harness = Harness::new();
    harness.commit(&commit_request("", -1, 0, 5), 9).unwrap();
    harness.advance(4 * DAY_MS);
    harness.commit(&commit_request("", -1, 1, 5), 9).unwrap();
    assert_eq!(harness.advance(3 * DAY_MS - 600_000), vec![]);
    assert_eq!(harness.advance(2 * 600_000), vec![tombstone(0)]);
    assert_eq!(harness.advance(4 * DAY_MS), vec![tombstone(1), group_tombstone()]);
    assert_eq!(harness.describe().group_state.as_str(), "Dead");
}

#[test]
fn offsets_of_a_group_with_a_protocol_expire_after_its_last_member() {
    let mut harness = Harness::new();
    let ids = harness.stable_group(1);
    harness.commit(&commit_request(&ids[0], 1, 0, 5), 9).unwrap();
    for _ in 0..10 * DAY_MS / 9_000 {
        assert_eq!(
            harness.advance(9_000),
            vec![],
            "a topic that is read keeps its offsets"
        );
        harness.heartbeat(&ids[0], 1).unwrap();
    }
    let records = harness.advance(7 * DAY_MS);
    assert_eq!(records.len(), 1, "the session ended: {records:?}");
    assert_eq!(harness.advance(600_000), vec![tombstone(0), group_tombstone()]);
}

#[test]
fn an_expiry_time_of_its_own() {
    let mut harness = Harness::new();
    harness
        .commit(&commit_request("", -1, 0, 5).with_retention_time_ms(DAY_MS), 2)
        .unwrap();
    assert_eq!(harness.advance(DAY_MS - 600_000), vec![]);
    assert_eq!(
        harness.advance(2 * 600_000),
        vec![tombstone(0), group_tombstone()]
    );
}

#[test]
fn a_group_without_offsets_and_members_goes_with_the_next_look() {
    let mut harness = Harness::new();
    let (token, _) = harness.send_join(&join_request("", &["range"]), 9);
    harness.join_reply(token);
    assert_eq!(harness.advance(600_000), vec![group_tombstone()]);
}

#[test]
fn deleting_a_group() {
    let mut harness = Harness::new();
    assert_eq!(harness.shard.delete_group(GROUP), Err(ErrorCode::GroupIdNotFound));
    let ids = harness.stable_group(1);
    harness.commit(&commit_request(&ids[0], 1, 2, 5), 9).unwrap();
    assert_eq!(harness.shard.delete_group(GROUP), Err(ErrorCode::NonEmptyGroup));
    harness.advance(10_000);
    let records = harness.shard.delete_group(GROUP).unwrap();
    assert_eq!(records, vec![tombstone(2), group_tombstone()]);
    harness.append(records);
    assert_eq!(
        (harness.offsets(), harness.describe().group_state.as_str()),
        (vec![], "Dead")
    );
}

#[test]
fn deleting_offsets() {
    let delete = |topic: &str| {
        let partition = |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
        let topic = OffsetDeleteRequestTopic::default()
            .with_name(TopicName(text(topic)))
            .with_partitions(vec![partition(0), partition(1)]);
        OffsetDeleteRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_topics(vec![topic])
    };
    let mut harness = Harness::new();
    assert_eq!(
        harness.shard.delete_offsets(&delete("t")).unwrap_err(),
        ErrorCode::GroupIdNotFound
    );
    let ids = harness.stable_group(1);
    harness.commit(&commit_request(&ids[0], 1, 0, 5), 9).unwrap();
    let codes = |harness: &Harness, topic: &str| {
        let outcome = harness.shard.delete_offsets(&delete(topic)).unwrap();
        let codes: Vec<i16> = outcome.reply[0].partitions.iter().map(|p| p.error_code).collect();
        (outcome.records, codes)
    };
    let subscribed = ErrorCode::GroupSubscribedToTopic.code();
    assert_eq!(codes(&harness, "t"), (vec![], vec![subscribed; 2]));
    assert_eq!(codes(&harness, "other"), (vec![], vec![0, 0]));
    harness.advance(10_000);
    assert_eq!(
        codes(&harness, "t"),
        (vec![tombstone(0)], vec![0, 0]),
        "nobody reads it any more"
    );
}

#[test]
fn a_deleted_topics_offsets_go_with_it() {
    let mut harness = Harness::new();
    harness.commit(&commit_request("", -1, 0, 5), 9).unwrap();
    assert_eq!(
        harness.shard.delete_topics(&[("t".into(), Uuid::from_u128(2))]),
        vec![],
        "another of that name"
    );
    assert_eq!(
        harness.shard.delete_topics(&[("t".into(), Uuid::from_u128(1))]),
        vec![tombstone(0)]
    );
}

#[test]
fn listing_by_state_and_type() {
    let mut harness = Harness::new();
    harness.stable_group(1);
    for (states, types, found) in [
        (&[][..], &[][..], 1),
        (&["stable"], &[], 1),
        (&[" Stable ", "Empty"], &["Classic"], 1),
        (&["Empty"], &[], 0),
        (&[], &["consumer"], 0),
    ] {
        let filter = |names: &[&str]| names.iter().map(|name| text(name)).collect::<Vec<_>>();
        let listed = harness.shard.list(&filter(states), &filter(types));
        assert_eq!(listed.len(), found, "{states:?} {types:?}");
    }
}
