//! Streams groups and their members: standbys, static members, delays, offsets, and groups of other protocols.

use std::sync::Arc;

use barnabas_coordinator::{GroupConfig, StreamsGroupState};
use barnabas_protocol::error::ErrorCode;

use crate::fixture::{GROUP, Harness, commit_request, join_request, text};
use crate::streams::{Ids, beat, ids, joining, kinds, owning, whole_cluster};

#[test]
fn standbys_follow_on_other_processes_and_static_members_keep_their_tasks() {
    let mut cluster = whole_cluster();
    cluster.streams.num_standby_replicas = 1;
    let mut harness = Harness::with_streams(cluster);
    let fixed = |member: &str| joining(member, "p1").with_instance_id(Some(text("i")));
    harness.streams_heard(&fixed("m1"));
    harness.streams_heard(&joining("m2", "p2"));
    let all = ids(&[("0", &[0, 1]), ("1", &[0, 1])]);
    let half = ids(&[("0", &[0, 1])]);
    let of_m1 =
        |epoch, active: &Ids| owning("m1", epoch, active, &Ids::new()).with_instance_id(Some(text("i")));
    // What it is to follow from now on it keeps for that.
    let (epoch, active, standby) = harness.streams_heard(&of_m1(2, &all));
    let copies = ids(&[("1", &[0, 1])]);
    assert_eq!((epoch, active, standby), (2, Some(half.clone()), Some(copies)));
    assert_eq!(harness.streams_heard(&of_m1(2, &half)), (3, None, None));
    let (_, active, standby) = harness.streams_heard(&beat("m2", 3));
    assert_eq!(
        (active, standby),
        (Some(ids(&[("1", &[0, 1])])), Some(Ids::new()))
    );
    // It leaves for a while, and another takes its place with what it had.
    let (reply, _) = harness
        .streams_beat(&beat("m1", -2).with_instance_id(Some(text("i"))))
        .unwrap();
    assert_eq!(reply.response.member_epoch, -2);
    let (epoch, active, standby) = harness.streams_heard(&fixed("m3"));
    assert_eq!(
        (epoch, active, standby),
        (3, Some(half), Some(ids(&[("1", &[0, 1])])))
    );
    let refused = harness.streams_beat(&fixed("m4")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnreleasedInstanceId);
    let fenced = harness.streams_beat(&of_m1(3, &Ids::new())).unwrap_err();
    assert_eq!(fenced.code, ErrorCode::FencedInstanceId);
}

#[test]
fn a_standby_becomes_active_where_it_is() {
    let mut cluster = whole_cluster();
    cluster.streams.num_standby_replicas = 1;
    let mut harness = Harness::with_streams(cluster);
    harness.streams_heard(&joining("m1", "p1"));
    harness.streams_heard(&joining("m2", "p2"));
    harness.streams_heard(&owning(
        "m1",
        2,
        &ids(&[("0", &[0, 1]), ("1", &[0, 1])]),
        &Ids::new(),
    ));
    let half = ids(&[("0", &[0, 1])]);
    harness.streams_heard(&owning("m1", 2, &half, &Ids::new()));
    harness.streams_heard(&beat("m2", 3));
    harness.streams_beat(&beat("m2", -1)).unwrap();
    let standby = ids(&[("1", &[0, 1])]);
    let (_, active, copies) = harness.streams_heard(&owning("m1", 3, &half, &standby));
    assert_eq!(active, Some(ids(&[("0", &[0, 1]), ("1", &[0, 1])])));
    assert_eq!(copies, Some(Ids::new()), "it is given back by nobody");
}

#[test]
fn the_first_assignment_waits_for_more_members() {
    let mut cluster = whole_cluster();
    cluster.streams.assignment_interval_ms = 0;
    let mut harness = Harness::with_config(GroupConfig::default());
    harness.shard.set_cluster(Arc::new(cluster), &[]);
    let delayed = (
        5,
        "Assignment delayed due to the configured initial rebalance delay.".to_owned(),
    );
    assert_eq!(
        harness.statuses(&joining("m1", "p1")),
        std::slice::from_ref(&delayed)
    );
    harness.advance(2_000);
    assert_eq!(harness.statuses(&joining("m2", "p2")), [delayed]);
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Assigning));
    let records = harness.advance(1_001);
    assert_eq!(kinds(&records), ["target", "target", "target epoch"]);
    let (_, first, _) = harness.streams_heard(&owning("m1", 1, &Ids::new(), &Ids::new()));
    let (_, second, _) = harness.streams_heard(&owning("m2", 1, &Ids::new(), &Ids::new()));
    let count = |ids: Option<Ids>| ids.unwrap().values().map(Vec::len).sum::<usize>();
    assert_eq!((count(first), count(second)), (2, 2));
}

#[test]
fn offsets_are_the_members() {
    let mut harness = Harness::with_streams(whole_cluster());
    harness.streams_heard(&joining("m", "p"));
    let table = [
        ("m", 2, 9, Ok(())),
        ("m", 1, 9, Err(ErrorCode::StaleMemberEpoch)),
        ("m", 3, 9, Err(ErrorCode::StaleMemberEpoch)),
        ("m", 2, 8, Err(ErrorCode::UnsupportedVersion)),
        ("n", 2, 9, Err(ErrorCode::UnknownMemberId)),
        ("", -1, 9, Err(ErrorCode::UnknownMemberId)),
    ];
    for (member, epoch, version, expected) in table {
        let committed =
            harness
                .shard
                .commit_offsets(&commit_request(member, epoch, 0, 5), version, harness.now);
        assert_eq!(committed.map(|_| ()), expected, "{member} {epoch} v{version}");
    }
    // A task that the member has had since an older epoch may be committed with it.
    harness.streams_heard(&joining("n", "q"));
    let half = ids(&[("0", &[0, 1])]);
    harness.streams_heard(&owning(
        "m",
        2,
        &ids(&[("0", &[0, 1]), ("1", &[0, 1])]),
        &Ids::new(),
    ));
    harness.streams_heard(&owning("m", 2, &half, &Ids::new()));
    let older = harness
        .shard
        .commit_offsets(&commit_request("m", 2, 0, 5), 9, harness.now);
    assert!(older.is_ok());
    let foreign = harness
        .shard
        .commit_offsets(&commit_request("n", 2, 0, 5), 9, harness.now);
    assert_eq!(foreign.map(|_| ()), Err(ErrorCode::StaleMemberEpoch));
}

#[test]
fn groups_change_their_protocol_only_without_members() {
    let mut harness = Harness::with_streams(whole_cluster());
    harness.streams_heard(&joining("m", "p"));
    let (token, _) = harness.send_join(&join_request("", &["range"]), 3);
    assert_eq!(
        harness.join_reply(token).error_code,
        ErrorCode::GroupIdNotFound.code()
    );
    let heartbeat = crate::consumer::joining("x", &["t"]);
    assert_eq!(harness.refused(&heartbeat), ErrorCode::GroupIdNotFound);
    assert_eq!(harness.shard.delete_group(GROUP), Err(ErrorCode::NonEmptyGroup));
    harness.streams_beat(&beat("m", -1)).unwrap();
    assert_eq!(
        harness.refused(&heartbeat),
        ErrorCode::GroupIdNotFound,
        "nor without"
    );
    let tombstones = harness.shard.delete_group(GROUP).unwrap();
    assert_eq!(kinds(&tombstones), ["-target epoch", "-epoch", "-topology"]);
    // A classic member comes, and the streams group makes way.
    let (token, records) = harness.send_join(&join_request("", &["range"]), 3);
    assert!(kinds(&records).starts_with(&["-target epoch", "-epoch", "-topology"]));
    harness.advance(10_000);
    assert_eq!(harness.join_reply(token).error_code, 0);
    assert!(harness.shard.streams_group(GROUP).is_none());
    let refused = harness.streams_beat(&joining("m", "p")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::GroupIdNotFound);
}
