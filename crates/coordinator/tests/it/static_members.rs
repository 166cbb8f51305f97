//! Static members (KIP-345): coming back, fencing, and being removed by name.

use barnabas_coordinator::{GroupRecord, Token};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::leave_group_request::MemberIdentity;

use crate::fixture::{GROUP, Harness, SESSION_MS, join_request, sync_request, text};

fn join_static(harness: &mut Harness, instance_id: &str, api_version: i16) -> (Token, Vec<GroupRecord>) {
    let request = join_request("", &["range"]).with_group_instance_id(Some(text(instance_id)));
    harness.send_join(&request, api_version)
}

/// A stable group of the static members `a` and `b`; their ids, `a` (the leader) first.
fn stable(harness: &mut Harness) -> [String; 2] {
    let (a, _) = join_static(harness, "a", 9);
    let (b, _) = join_static(harness, "b", 9);
    harness.advance(6_000);
    let ids = [a, b].map(|token| harness.join_reply(token).member_id.to_string());
    harness.send_sync(&sync_request(&ids[1], 1, &[]));
    harness.send_sync(&sync_request(&ids[0], 1, &[(&ids[0], "of a"), (&ids[1], "of b")]));
    assert_eq!(harness.describe().group_state.as_str(), "Stable");
    ids
}

#[test]
fn a_restarted_member_takes_its_place_without_a_rebalance() {
    for api_version in [5, 9] {
        let mut harness = Harness::new();
        let ids = stable(&mut harness);
        assert!(ids[0].starts_with("a-"), "{ids:?}");
        let (token, records) = join_static(&mut harness, "a", api_version);
        let response = harness.join_reply(token);
        let new_id = response.member_id.to_string();
        assert_ne!(new_id, ids[0]);
        assert_eq!((response.error_code, response.generation_id), (0, 1));
        let skips = api_version >= 9;
        assert_eq!(response.skip_assignment, skips);
        assert_eq!(response.members.len(), if skips { 2 } else { 0 });
        // An old client is told that its former self leads, so that it does not assign.
        assert_eq!(response.leader.as_str(), if skips { &new_id } else { &ids[0] });
        let [
            GroupRecord::GroupMetadata {
                value: Some(value), ..
            },
        ] = &records[..]
        else {
            panic!("{records:?}")
        };
        assert!(
            value
                .members
                .iter()
                .any(|member| *member.id == *new_id && &member.assignment[..] == b"of a")
        );

        assert_eq!(harness.describe().group_state.as_str(), "Stable");
        assert_eq!(harness.describe(), harness.reloaded().describe());
        let (token, _) = harness.send_sync(&sync_request(&new_id, 1, &[]));
        assert_eq!(&harness.sync_reply(token).assignment[..], b"of a");
        // The former self is not known any more; with its name it is fenced.
        assert_eq!(harness.heartbeat(&ids[0], 1), Err(ErrorCode::UnknownMemberId));
        let fenced = join_request(&ids[0], &["range"]).with_group_instance_id(Some(text("a")));
        let (token, _) = harness.send_join(&fenced, 9);
        assert_eq!(
            harness.join_reply(token).error_code,
            ErrorCode::FencedInstanceId.code()
        );
    }
}

#[test]
fn a_replacement_that_is_not_written_did_not_happen() {
    let mut harness = Harness::new();
    let ids = stable(&mut harness);
    let before = harness.describe();
    let request = join_request("", &["range", "sticky"]).with_group_instance_id(Some(text("a")));
    let caller = barnabas_coordinator::Caller {
        api_version: 9,
        client_id: "c",
        client_host: "/127.0.0.1",
    };
    let token = harness.token();
    let records = harness
        .shard
        .join(&request, caller, uuid::Uuid::from_u128(99), token, harness.now);
    harness.fail(records, ErrorCode::NotCoordinator);
    let response = harness.join_reply(token);
    assert_eq!(response.error_code, ErrorCode::NotCoordinator.code());
    assert_eq!(
        (response.member_id.as_str(), response.leader.as_str()),
        ("", ids[0].as_str())
    );
    assert_eq!(harness.describe(), before);
    assert_eq!(harness.heartbeat(&ids[0], 1), Ok(()));
    harness.advance(i64::from(SESSION_MS) - 1);
    assert_eq!(harness.describe().group_state.as_str(), "Stable");
}

#[test]
fn another_protocol_needs_a_rebalance() {
    let mut harness = Harness::new();
    let (a, _) = join_static(&mut harness, "a", 9);
    harness.advance(3_000);
    let id = harness.join_reply(a).member_id.to_string();
    harness.send_sync(&sync_request(&id, 1, &[]));
    let request = join_request("", &["sticky", "range"]).with_group_instance_id(Some(text("a")));
    let (token, records) = harness.send_join(&request, 9);
    assert_eq!(records, vec![]);
    let response = harness.join_reply(token);
    assert_eq!(
        (response.generation_id, response.protocol_name.unwrap().as_str()),
        (2, "sticky")
    );
}

#[test]
fn a_parked_former_self_is_fenced() {
    let mut harness = Harness::new();
    let (old, _) = join_static(&mut harness, "a", 9);
    let (new, _) = join_static(&mut harness, "a", 9);
    let fenced = harness.join_reply(old);
    assert_eq!(
        (fenced.error_code, fenced.protocol_name),
        (ErrorCode::FencedInstanceId.code(), None)
    );
    harness.advance(6_000);
    let response = harness.join_reply(new);
    assert_eq!((response.error_code, response.members.len()), (0, 1));

    // The same while the assignment is awaited; the generation starts over.
    let id = response.member_id.to_string();
    let (other, _) = join_static(&mut harness, "b", 9);
    let request = join_request(&id, &["range"]).with_group_instance_id(Some(text("a")));
    harness.send_join(&request, 9);
    let b = harness.join_reply(other).member_id.to_string();
    let (parked, _) = harness.send_sync(&sync_request(&b, 2, &[]));
    join_static(&mut harness, "b", 9);
    assert_eq!(
        harness.sync_reply(parked).error_code,
        ErrorCode::FencedInstanceId.code()
    );
    assert_eq!(harness.describe().group_state.as_str(), "PreparingRebalance");
}

#[test]
fn static_members_that_do_not_join_stay_until_their_session_ends() {
    let mut harness = Harness::new();
    let ids = stable(&mut harness);
    let dynamic = harness.join_new(&["range"]);
    let again = join_request(&ids[0], &["range"]).with_group_instance_id(Some(text("a")));
    let (a, _) = harness.send_join(&again, 9);
    for _ in 0..12 {
        assert_eq!(harness.heartbeat(&ids[1], 1), Err(ErrorCode::RebalanceInProgress));
        harness.advance(5_000);
    }
    assert_eq!(harness.join_reply(dynamic).error_code, 0);
    assert_eq!(harness.join_reply(a).members.len(), 3, "b keeps its place");
}

#[test]
fn removal_by_name() {
    let mut harness = Harness::new();
    let ids = stable(&mut harness);
    let leaving = |member_id: &str, instance_id: &str| {
        MemberIdentity::default()
            .with_member_id(text(member_id))
            .with_group_instance_id(Some(text(instance_id)))
    };
    let table = [
        (leaving("", "x"), ErrorCode::UnknownMemberId),
        (leaving("stranger", "a"), ErrorCode::FencedInstanceId),
        (leaving(&ids[1], "b"), ErrorCode::None),
        (leaving("", "a"), ErrorCode::None),
    ];
    let members: Vec<MemberIdentity> = table.iter().map(|(member, _)| member.clone()).collect();
    let outcome = harness.shard.leave(GROUP, &members, harness.now).unwrap();
    for ((leaving, error), answer) in table.iter().zip(&outcome.reply) {
        assert_eq!(answer.error_code, error.code(), "{leaving:?}");
        assert_eq!(answer.group_instance_id, leaving.group_instance_id);
    }
    assert_eq!(
        outcome.records.len(),
        1,
        "all at once, one rebalance, an empty group"
    );
}

#[test]
fn a_rebalance_timeout_of_nothing_does_not_spin() {
    let mut harness = Harness::new();
    stable(&mut harness);
    let mut request = join_request("", &["range"]).with_group_instance_id(Some(text("a")));
    request.rebalance_timeout_ms = 0;
    let (token, _) = harness.send_join(&request, 9);
    assert_eq!(harness.join_reply(token).error_code, 0);
    let leaving = MemberIdentity::default().with_group_instance_id(Some(text("b")));
    harness.shard.leave(GROUP, &[leaving], harness.now).unwrap();
    let mut tries = 0;
    while harness
        .shard
        .next_deadline()
        .is_some_and(|at_ms| at_ms <= harness.now.monotonic_ms)
    {
        assert_eq!(harness.shard.on_timer(harness.now), vec![]);
        tries += 1;
        assert!(tries < 10, "the same timer comes again and again");
    }
    harness.advance(SESSION_MS.into());
    assert_eq!(harness.describe().group_state.as_str(), "Empty");
}
