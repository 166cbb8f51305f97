//! JoinGroup: who is let in, with which answer and which records.

use barnabas_coordinator::{GroupConfig, GroupMetadata, GroupRecord, Reply};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use crate::fixture::{GROUP, Harness, SESSION_MS, START, join_request, text};

/// The record of a group that was just created.
fn created(wall_ms: i64) -> GroupRecord {
    let value = GroupMetadata {
        protocol_type: "".into(),
        generation_id: 0,
        protocol_name: None,
        leader: None,
        state_timestamp_ms: Some(wall_ms),
        members: Vec::new(),
    };
    GroupRecord::GroupMetadata {
        group: GROUP.into(),
        value: Some(value),
    }
}

fn refusal(member_id: &str, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_member_id(text(member_id))
        .with_error_code(error.code())
}

#[test]
fn refusals_and_their_records() {
    use ErrorCode::*;
    let nameless = |r: &mut JoinGroupRequest| r.group_id = Default::default();
    let session = |ms: i32| move |r: &mut JoinGroupRequest| r.session_timeout_ms = ms;
    // What, the change, the API version, member id and error of the answer, whether the group is created.
    type Row = (
        &'static str,
        Box<dyn Fn(&mut JoinGroupRequest)>,
        i16,
        &'static str,
        ErrorCode,
        bool,
    );
    let table: Vec<Row> = vec![
        ("no group id", Box::new(nameless), 9, "", InvalidGroupId, false),
        (
            "session too short",
            Box::new(session(5_999)),
            9,
            "",
            InvalidSessionTimeout,
            false,
        ),
        (
            "session too long",
            Box::new(session(1_800_001)),
            9,
            "",
            InvalidSessionTimeout,
            false,
        ),
        (
            "a member of no group",
            Box::new(|r| r.member_id = text("m")),
            9,
            "m",
            UnknownMemberId,
            false,
        ),
        (
            "no protocol type",
            Box::new(|r| r.protocol_type = text("")),
            9,
            "",
            InconsistentGroupProtocol,
            true,
        ),
        (
            "no protocols",
            Box::new(|r| r.protocols.clear()),
            9,
            "",
            InconsistentGroupProtocol,
            true,
        ),
        (
            "an id is needed",
            Box::new(|_| {}),
            4,
            "c-00000000-0000-0000-0000-000000000001",
            MemberIdRequired,
            true,
        ),
    ];
    for (what, change, api_version, member_id, error, creates) in table {
        let mut harness = Harness::new();
        let mut request = join_request("", &["range"]);
        change(&mut request);
        let (token, records) = harness.send_join(&request, api_version);
        let reply = harness.reply(token);
        assert_eq!(reply, Some(Reply::Join(refusal(member_id, error))), "{what}");
        assert_eq!(
            records,
            if creates {
                vec![created(START.wall_ms)]
            } else {
                vec![]
            },
            "{what}"
        );
    }
}

#[test]
fn a_member_comes_back_with_its_id_and_leads() {
    let mut harness = Harness::new();
    let (token, _) = harness.send_join(&join_request("", &["range", "sticky"]), 9);
    let id = harness.join_reply(token).member_id.to_string();
    let (token, records) = harness.send_join(&join_request(&id, &["range", "sticky"]), 9);
    assert_eq!(records, vec![], "the group is already in the log");
    assert!(harness.is_parked(token), "the initial delay has not passed");
    assert_eq!(harness.advance(3_000), vec![]);

    let response = harness.join_reply(token);
    assert_eq!((response.error_code, response.generation_id), (0, 1));
    assert_eq!(response.leader.as_str(), id);
    assert_eq!(response.protocol_type.as_ref().unwrap().as_str(), "consumer");
    assert_eq!(response.protocol_name.as_ref().unwrap().as_str(), "range");
    assert_eq!(response.members.len(), 1);
    assert_eq!(harness.describe().group_state.as_str(), "CompletingRebalance");
}

#[test]
fn version_0_has_one_timeout() {
    let mut harness = Harness::new();
    let mut request = join_request("", &["range"]);
    request.rebalance_timeout_ms = -1;
    let (first, _) = harness.send_join(&request, 0);
    harness.advance(3_000);
    let id = harness.join_reply(first).member_id.to_string();
    // The leader asks for a rebalance; a second member that never joins is waited for as long as a session.
    let (token, _) = harness.send_join(&join_request("", &["range"]), 4);
    harness.join_reply(token);
    let (again, _) = harness.send_join(&join_request(&id, &["roundrobin", "range"]), 0);
    assert!(harness.is_parked(again));
    harness.advance(SESSION_MS.into());
    assert_eq!(harness.join_reply(again).error_code, 0);
}

#[test]
fn without_a_delay_the_first_member_need_not_wait() {
    let config = GroupConfig {
        group_initial_rebalance_delay_ms: 0,
        ..GroupConfig::default()
    };
    let mut harness = Harness::with_config(config);
    let token = harness.join_new(&["range"]);
    harness.advance(0);
    assert_eq!(harness.join_reply(token).generation_id, 1);
}

#[test]
fn the_initial_delay_is_extended_while_members_come() {
    let mut harness = Harness::new();
    let first = harness.join_new(&["range"]);
    harness.advance(2_000);
    let second = harness.join_new(&["range"]);
    harness.advance(3_999);
    assert!(harness.is_parked(first) && harness.is_parked(second));
    harness.advance(1);
    let (first, second) = (harness.join_reply(first), harness.join_reply(second));
    assert_eq!((first.generation_id, second.generation_id), (1, 1));
    assert_eq!(
        first.members.len() + second.members.len(),
        2,
        "only the leader is told the members"
    );
}

#[test]
fn protocols_must_have_something_in_common() {
    let mut harness = Harness::new();
    harness.join_new(&["range", "sticky"]);
    let other_type = {
        let mut request = join_request("", &["range"]);
        request.protocol_type = text("connect");
        request
    };
    for request in [join_request("", &["roundrobin"]), other_type] {
        let (token, records) = harness.send_join(&request, 9);
        assert_eq!(
            harness.join_reply(token),
            refusal("", ErrorCode::InconsistentGroupProtocol)
        );
        assert_eq!(records, vec![]);
    }
    let sticky = harness.join_new(&["sticky"]);
    harness.advance(6_000);
    assert_eq!(
        harness.join_reply(sticky).protocol_name.unwrap().as_str(),
        "sticky"
    );
}

#[test]
fn most_votes_win_and_even_votes_go_by_javas_buckets() {
    // In Java's hash table of 16 buckets `sticky` lies in bucket 8 and `range` in 9.
    let table: [(&[&[&str]], &str); 4] = [
        (
            &[&["sticky", "range"], &["range", "sticky"], &["sticky", "range"]],
            "sticky",
        ),
        (&[&["sticky", "range"], &["range", "sticky"]], "sticky"),
        (&[&["range", "sticky"], &["sticky", "range"]], "sticky"),
        (
            &[&["range", "sticky"], &["range", "sticky"], &["sticky", "range"]],
            "range",
        ),
    ];
    for (members, chosen) in table {
        let mut harness = Harness::new();
        let tokens: Vec<_> = members
            .iter()
            .map(|protocols| harness.join_new(protocols))
            .collect();
        harness.advance(6_000);
        assert_eq!(
            harness.join_reply(tokens[0]).protocol_name.unwrap().as_str(),
            chosen,
            "{members:?}"
        );
    }
}

#[test]
fn group_max_size() {
    let mut harness = Harness::with_config(GroupConfig {
        group_max_size: 2,
        ..GroupConfig::default()
    });
    let ids = harness.stable_group(2);
    let (token, _) = harness.send_join(&join_request("", &["range"]), 9);
    assert_eq!(
        harness.join_reply(token),
        refusal("", ErrorCode::GroupMaxSizeReached)
    );

    // While the group rebalances, the places go to those who join first.
    harness.send_join(&join_request(&ids[0], &["range"]), 9);
    let newcomer = harness.join_new(&["range"]);
    assert!(harness.is_parked(newcomer));
    let (late, _) = harness.send_join(&join_request(&ids[1], &["range"]), 9);
    assert_eq!(
        harness.join_reply(late),
        refusal("", ErrorCode::GroupMaxSizeReached)
    );
    // With the late one gone the group is complete, but nothing looks at it before the rebalance timeout.
    harness.advance(60_000);
    assert_eq!(harness.join_reply(newcomer).error_code, 0);
}

#[test]
fn a_pending_id_runs_out() {
    let mut harness = Harness::new();
    let (token, _) = harness.send_join(&join_request("", &["range"]), 9);
    let id = harness.join_reply(token).member_id.to_string();
    harness.advance(SESSION_MS.into());
    let (token, _) = harness.send_join(&join_request(&id, &["range"]), 9);
    assert_eq!(
        harness.join_reply(token),
        refusal(&id, ErrorCode::UnknownMemberId).with_protocol_name(None)
    );
}

#[test]
fn a_repeated_join_supersedes_the_parked_one() {
    let mut harness = Harness::new();
    let (token, _) = harness.send_join(&join_request("", &["range"]), 9);
    let id = harness.join_reply(token).member_id.to_string();
    let (first, _) = harness.send_join(&join_request(&id, &["range"]), 9);
    let (second, _) = harness.send_join(&join_request(&id, &["range"]), 9);
    assert_eq!(
        harness.join_reply(first).error_code,
        ErrorCode::RebalanceInProgress.code()
    );
    harness.advance(6_000);
    assert_eq!(harness.join_reply(second).generation_id, 1);
}

#[test]
fn a_protocol_named_twice_leads_to_no_generation() {
    let mut harness = Harness::new();
    let token = harness.join_new(&["range", "range"]);
    assert_eq!(harness.advance(6_000), vec![]);
    assert!(harness.is_parked(token));
    assert_eq!(harness.describe().group_state.as_str(), "PreparingRebalance");
    let records = harness.advance(300_000);
    assert_eq!(harness.join_reply(token), refusal("", ErrorCode::UnknownMemberId));
    assert_eq!(
        (records.len(), harness.describe().group_state.as_str()),
        (1, "Empty")
    );
}
