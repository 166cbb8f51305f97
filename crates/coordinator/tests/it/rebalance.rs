//! From one generation to the next: sync, heartbeats, sessions, leaving, and what the log knows of it.

use barnabas_coordinator::{GroupMetadata, GroupRecord, MemberMetadata, Token};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::leave_group_request::MemberIdentity;

use crate::fixture::{
    GROUP, Harness, REBALANCE_MS, SESSION_MS, START, join_request, subscription, sync_request, text,
};

fn leave(harness: &mut Harness, member_id: &str) -> (Vec<GroupRecord>, Vec<i16>) {
    let leaving = [MemberIdentity::default().with_member_id(text(member_id))];
    let outcome = harness.shard.leave(GROUP, &leaving, harness.now).unwrap();
    let records = harness.append(outcome.records);
    (
        records,
        outcome.reply.iter().map(|member| member.error_code).collect(),
    )
}

/// A group in CompletingRebalance: its members' ids, leader first.
fn joined(harness: &mut Harness, count: usize) -> Vec<String> {
    let tokens: Vec<Token> = (0..count).map(|_| harness.join_new(&["range"])).collect();
    harness.advance(6_000);
    let responses: Vec<_> = tokens.iter().map(|token| harness.join_reply(*token)).collect();
    let leader = responses[0].leader.to_string();
    let mut ids: Vec<String> = responses
        .iter()
        .map(|response| response.member_id.to_string())
        .collect();
    ids.sort_by_key(|id| *id != leader);
    ids
}

#[test]
fn the_leaders_assignment_is_a_record_and_then_everyones() {
    let mut harness = Harness::new();
    let ids = joined(&mut harness, 2);
    let state_since_ms = harness.now.wall_ms;
    let (follower, records) = harness.send_sync(&sync_request(&ids[1], 1, &[]));
    assert_eq!(records, vec![]);
    assert!(harness.is_parked(follower));
    let (leader, records) =
        harness.send_sync(&sync_request(&ids[0], 1, &[(&ids[1], "b"), ("stranger", "x")]));

    let member = |id: &str, assignment: &'static str| MemberMetadata {
        id: id.into(),
        instance_id: None,
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        rebalance_timeout_ms: REBALANCE_MS,
        session_timeout_ms: SESSION_MS,
        subscription: subscription("t"),
        assignment: assignment.into(),
    };
    let mut members = vec![member(&ids[0], ""), member(&ids[1], "b")];
    members.sort_by(|a, b| a.id.cmp(&b.id));
    let value = GroupMetadata {
        protocol_type: "consumer".into(),
        generation_id: 1,
        protocol_name: Some("range".into()),
        leader: Some(ids[0].as_str().into()),
        state_timestamp_ms: Some(state_since_ms),
        members,
    };
    assert_eq!(
        records,
        vec![GroupRecord::GroupMetadata {
            group: GROUP.into(),
            value: Some(value)
        }]
    );
    let (leader, follower) = (harness.sync_reply(leader), harness.sync_reply(follower));
    assert_eq!(
        (leader.error_code, &leader.assignment[..]),
        (0, &b""[..]),
        "the leader forgot itself"
    );
    assert_eq!((follower.error_code, &follower.assignment[..]), (0, &b"b"[..]));
    assert_eq!(follower.protocol_type.unwrap().as_str(), "consumer");
    assert_eq!(follower.protocol_name.unwrap().as_str(), "range");
    assert_eq!(harness.describe().group_state.as_str(), "Stable");
    assert_eq!(harness.describe(), harness.reloaded().describe());
}

#[test]
fn sync_refusals() {
    use ErrorCode::*;
    let mut harness = Harness::new();
    let (token, _) = harness.send_sync(&sync_request("m", 1, &[]));
    assert_eq!(
        harness.sync_reply(token).error_code,
        UnknownMemberId.code(),
        "no group"
    );
    let ids = joined(&mut harness, 1);
    let good = sync_request(&ids[0], 1, &[]);
    let table = [
        (
            "no group id",
            good.clone().with_group_id(Default::default()),
            InvalidGroupId,
        ),
        (
            "a stranger",
            good.clone().with_member_id(text("x")),
            UnknownMemberId,
        ),
        (
            "an old generation",
            good.clone().with_generation_id(0),
            IllegalGeneration,
        ),
        (
            "an instance id of nobody",
            good.clone().with_group_instance_id(Some(text("i"))),
            UnknownMemberId,
        ),
        (
            "another type",
            good.clone().with_protocol_type(Some(text("connect"))),
            InconsistentGroupProtocol,
        ),
        (
            "another protocol",
            good.clone().with_protocol_name(Some(text("sticky"))),
            InconsistentGroupProtocol,
        ),
    ];
    for (what, request, error) in table {
        let (token, records) = harness.send_sync(&request);
        assert_eq!(harness.sync_reply(token).error_code, error.code(), "{what}");
        assert_eq!(records, vec![], "{what}");
    }
}

#[test]
fn a_join_starts_a_rebalance_of_those_that_were_there() {
    let mut harness = Harness::new();
    let ids = harness.stable_group(2);
    let newcomer = harness.join_new(&["range"]);
    assert_eq!(harness.heartbeat(&ids[0], 1), Err(ErrorCode::RebalanceInProgress));
    let (sync, _) = harness.send_sync(&sync_request(&ids[1], 1, &[]));
    assert_eq!(
        harness.sync_reply(sync).error_code,
        ErrorCode::RebalanceInProgress.code()
    );
    let tokens: Vec<Token> = ids
        .iter()
        .map(|id| harness.send_join(&join_request(id, &["range"]), 9).0)
        .collect();
    // Everyone is there: no timer is needed.
    assert_eq!(harness.join_reply(newcomer).generation_id, 2);
    let leader = harness.join_reply(tokens[0]);
    assert_eq!(
        (leader.leader.as_str(), leader.members.len()),
        (ids[0].as_str(), 3)
    );
    assert_eq!(harness.join_reply(tokens[1]).members.len(), 0);
}

#[test]
fn members_that_do_not_come_are_out_after_the_rebalance_timeout() {
    let mut harness = Harness::new();
    let ids = harness.stable_group(2);
    let (token, _) = harness.send_join(&join_request(&ids[1], &["sticky", "range"]), 9);
    for _ in 0..12 {
        // Heartbeats keep the leader's session; they don't make it join.
        assert_eq!(harness.heartbeat(&ids[0], 1), Err(ErrorCode::RebalanceInProgress));
        assert!(harness.is_parked(token));
        harness.advance((REBALANCE_MS / 12).into());
    }
    let response = harness.join_reply(token);
    assert_eq!(
        (response.generation_id, response.leader.as_str()),
        (2, ids[1].as_str()),
        "a new leader"
    );
    assert_eq!(harness.heartbeat(&ids[0], 1), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn a_silent_member_loses_its_session_and_the_group_rebalances() {
    let mut harness = Harness::new();
    let ids = harness.stable_group(2);
    harness.advance((SESSION_MS - 1).into());
    assert_eq!(harness.heartbeat(&ids[0], 1), Ok(()));
    harness.advance(1);
    assert_eq!(harness.describe().group_state.as_str(), "PreparingRebalance");
    assert_eq!(harness.describe().members.len(), 1);
    // The last one falls silent, too: the group is empty, and the log says so.
    let records = harness.advance(SESSION_MS.into());
    let [
        GroupRecord::GroupMetadata {
            value: Some(value), ..
        },
    ] = &records[..]
    else {
        panic!("{records:?}")
    };
    assert_eq!(
        (value.generation_id, value.members.len(), &value.leader),
        (2, 0, &None)
    );
    assert_eq!(value.protocol_type.as_ref(), "consumer");
    assert_eq!(harness.describe().group_state.as_str(), "Empty");
    assert_eq!(harness.describe(), harness.reloaded().describe());
}

#[test]
fn members_that_never_sync_are_out() {
    let mut harness = Harness::new();
    let ids = joined(&mut harness, 2);
    let (leader, _) = harness.send_sync(&sync_request(&ids[0], 1, &[]));
    assert_eq!(harness.sync_reply(leader).error_code, 0);
    for _ in 0..REBALANCE_MS / 5_000 {
        for id in &ids {
            assert_eq!(harness.heartbeat(id, 1), Ok(()));
        }
        harness.advance(5_000);
    }
    assert_eq!(harness.heartbeat(&ids[1], 1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(harness.heartbeat(&ids[0], 1), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn leaving() {
    let mut harness = Harness::new();
    let missing = [MemberIdentity::default().with_member_id(text("x"))];
    assert_eq!(
        harness.shard.leave("", &missing, START).unwrap_err(),
        ErrorCode::InvalidGroupId
    );
    assert_eq!(
        leave(&mut harness, "x"),
        (vec![], vec![ErrorCode::UnknownMemberId.code()]),
        "no group"
    );

    let ids = harness.stable_group(2);
    assert_eq!(
        leave(&mut harness, "x"),
        (vec![], vec![ErrorCode::UnknownMemberId.code()])
    );
    assert_eq!(leave(&mut harness, &ids[0]), (vec![], vec![0]));
    assert_eq!(harness.heartbeat(&ids[1], 1), Err(ErrorCode::RebalanceInProgress));
    let (records, codes) = leave(&mut harness, &ids[1]);
    assert_eq!(
        (records.len(), codes),
        (1, vec![0]),
        "the last one: the empty generation is a record"
    );
    assert_eq!(harness.describe().group_state.as_str(), "Empty");

    // A pending id can be given back.
    let (token, _) = harness.send_join(&join_request("", &["range"]), 9);
    let id = harness.join_reply(token).member_id.to_string();
    assert_eq!(leave(&mut harness, &id), (vec![], vec![0]));
    assert_eq!(
        leave(&mut harness, &id),
        (vec![], vec![ErrorCode::UnknownMemberId.code()])
    );
}

#[test]
fn a_parked_request_of_a_member_that_leaves_is_answered() {
    let mut harness = Harness::new();
    let ids = joined(&mut harness, 2);
    let (parked, _) = harness.send_sync(&sync_request(&ids[1], 1, &[]));
    leave(&mut harness, &ids[1]);
    assert_eq!(
        harness.sync_reply(parked).error_code,
        ErrorCode::UnknownMemberId.code()
    );
    let newcomer = harness.join_new(&["range"]);
    harness.shard.unload();
    harness.append(vec![]);
    assert_eq!(
        harness.join_reply(newcomer).error_code,
        ErrorCode::NotCoordinator.code()
    );
}

#[test]
fn an_assignment_that_cannot_be_written_is_an_error_and_a_rebalance() {
    let mut harness = Harness::new();
    let ids = joined(&mut harness, 2);
    let (follower, _) = harness.send_sync(&sync_request(&ids[1], 1, &[]));
    let token = harness.token();
    let records = harness
        .shard
        .sync(&sync_request(&ids[0], 1, &[(&ids[1], "b")]), token, START);
    harness.fail(records, ErrorCode::UnknownServerError);
    for token in [follower, token] {
        let response = harness.sync_reply(token);
        assert_eq!(
            (response.error_code, response.assignment.len()),
            (ErrorCode::UnknownServerError.code(), 0)
        );
    }
    assert_eq!(harness.describe().group_state.as_str(), "PreparingRebalance");
    assert_eq!(harness.reloaded().describe().group_state.as_str(), "Empty");
}

#[test]
fn a_group_above_its_maximum_rebalances_when_it_is_loaded() {
    let mut harness = Harness::new();
    harness.stable_group(2);
    harness.config.group_max_size = 1;
    assert_eq!(
        harness.reloaded().describe().group_state.as_str(),
        "PreparingRebalance"
    );
}

#[test]
fn loaded_members_have_a_session() {
    let mut harness = Harness::new();
    let ids = harness.stable_group(2);
    let mut reloaded = harness.reloaded();
    assert_eq!(reloaded.heartbeat(&ids[0], 1), Ok(()));
    reloaded.advance((SESSION_MS - 1).into());
    assert_eq!(reloaded.heartbeat(&ids[0], 1), Ok(()));
    reloaded.advance(1);
    assert_eq!(
        reloaded.heartbeat(&ids[0], 1),
        Err(ErrorCode::RebalanceInProgress)
    );
}
