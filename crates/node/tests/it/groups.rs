//! Groups on a node: a member's whole way, what a restart keeps, and what time and administrators do.

use std::time::{Duration, Instant};

use barnabas_environment::{Clock, Environment, Random, Threads};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_topics_request::DeleteTopicState;
use barnabas_protocol::messages::describe_share_group_offsets_request::{
    DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsRequestTopic,
};
use barnabas_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use barnabas_protocol::messages::{
    DeleteTopicsRequest, DescribeGroupsRequest, DescribeShareGroupOffsetsRequest, FindCoordinatorRequest,
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, OffsetCommitRequest, OffsetFetchRequest,
    Request, StrBytes, SyncGroupRequest, TopicName,
};
use bytes::Bytes;
use tempfile::TempDir;

use crate::node::{Client, Node};

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const COMMIT: i16 = 9;
const FETCH: i16 = 9;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group_id() -> GroupId {
    GroupId(text("group"))
}

fn call<R: Request>(client: &mut Client, version: i16, request: &R) -> R::Response {
    client.send(version, request);
    client.receive::<R>(version).1
}

/// Asks until the answer is as it should be; fails when that takes too long.
fn eventually<T>(mut ask: impl FnMut() -> T, is_right: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = ask();
        if is_right(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "the right answer never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn find_coordinator(client: &mut Client) {
    let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("group")]);
    let response = call(client, 4, &request);
    let coordinator = &response.coordinators[0];
    assert_eq!((coordinator.error_code, coordinator.key.as_str()), (0, "group"));
    assert_eq!(
        coordinator.port,
        i32::from(client.stream.peer_addr().unwrap().port())
    );
}

fn join_request(member_id: &str, session_timeout_ms: i32) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"));
    JoinGroupRequest::default()
        .with_group_id(group_id())
        .with_session_timeout_ms(session_timeout_ms)
        .with_rebalance_timeout_ms(30_000)
        .with_member_id(text(member_id))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// Joins a new member to the end.
fn join(client: &mut Client, session_timeout_ms: i32) -> JoinGroupResponse {
    let first = call(client, JOIN, &join_request("", session_timeout_ms));
    assert_eq!(first.error_code, ErrorCode::MemberIdRequired.code());
    call(client, JOIN, &join_request(&first.member_id, session_timeout_ms))
}

fn sync_request(joined: &JoinGroupResponse) -> SyncGroupRequest {
    let assignment = |member_id: &StrBytes| {
        SyncGroupRequestAssignment::default()
            .with_member_id(member_id.clone())
            .with_assignment(Bytes::copy_from_slice(format!("of {member_id}").as_bytes()))
    };
    SyncGroupRequest::default()
        .with_group_id(group_id())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_protocol_type(joined.protocol_type.clone())
        .with_protocol_name(joined.protocol_name.clone())
        .with_assignments(
            joined
                .members
                .iter()
                .map(|member| assignment(&member.member_id))
                .collect(),
        )
}

fn heartbeat(client: &mut Client, joined: &JoinGroupResponse) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group_id())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone());
    call(client, HEARTBEAT, &request).error_code
}

fn commit(client: &mut Client, member: Option<&JoinGroupResponse>, offset: i64) -> i16 {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id())
        .with_generation_id_or_member_epoch(member.map_or(-1, |member| member.generation_id))
        .with_member_id(member.map(|member| member.member_id.clone()).unwrap_or_default())
        .with_topics(vec![topic]);
    call(client, COMMIT, &request).topics[0].partitions[0].error_code
}

/// The group's offsets by topic, or the error while its coordinator loads.
fn offsets(client: &mut Client) -> Result<Vec<(String, i64)>, i16> {
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group_id())
        .with_topics(None);
    let response = call(
        client,
        FETCH,
        &OffsetFetchRequest::default().with_groups(vec![group]),
    );
    let group = &response.groups[0];
    if group.error_code != 0 {
        return Err(group.error_code);
    }
    let topics = group.topics.iter();
    Ok(topics
        .map(|topic| (topic.name.to_string(), topic.partitions[0].committed_offset))
        .collect())
}

fn state(client: &mut Client) -> String {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id()]);
    call(client, 5, &request).groups[0].group_state.to_string()
}

#[test]
fn a_member_joins_commits_and_goes_on_after_a_restart() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    find_coordinator(&mut client);
    let joined = join(&mut client, 10_000);
    assert_eq!(
        (joined.error_code, joined.generation_id, joined.members.len()),
        (0, 1, 1)
    );
    let synced = call(&mut client, SYNC, &sync_request(&joined));
    assert_eq!(synced.error_code, 0);
    assert_eq!(synced.assignment, format!("of {}", joined.member_id));
    assert_eq!(commit(&mut client, Some(&joined), 42), 0);
    assert_eq!(heartbeat(&mut client, &joined), 0);

    let node = Node::start_in(node.stop(), &[]);
    let mut client = node.connect();
    find_coordinator(&mut client);
    assert_eq!(
        eventually(|| offsets(&mut client), Result::is_ok),
        Ok(vec![("t".to_owned(), 42)])
    );
    assert_eq!(state(&mut client), "Stable");
    assert_eq!(heartbeat(&mut client, &joined), 0, "the member is known");
    assert_eq!(commit(&mut client, Some(&joined), 43), 0);
    assert_eq!(offsets(&mut client), Ok(vec![("t".to_owned(), 43)]));
}

#[test]
fn two_members_share_a_group() {
    let node = Node::start();
    let (mut a, mut b) = (node.connect(), node.connect());
    find_coordinator(&mut a);
    let first = join(&mut a, 10_000);
    assert_eq!(call(&mut a, SYNC, &sync_request(&first)).error_code, 0);
    let pending = call(&mut b, JOIN, &join_request("", 10_000));
    b.send(JOIN, &join_request(&pending.member_id, 10_000));
    let rebalancing = ErrorCode::RebalanceInProgress.code();
    eventually(|| heartbeat(&mut a, &first), |error| *error == rebalancing);
    let first = call(&mut a, JOIN, &join_request(&first.member_id, 10_000));
    let second = b.receive::<JoinGroupRequest>(JOIN).1;
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    // The follower waits for the leader's assignment.
    b.send(SYNC, &sync_request(&second));
    assert_eq!(call(&mut a, SYNC, &sync_request(&first)).error_code, 0);
    let synced = b.receive::<SyncGroupRequest>(SYNC).1;
    assert_eq!(synced.assignment, format!("of {}", second.member_id));
}

#[test]
fn a_silent_member_is_out_without_anyone_asking() {
    let node = Node::start_in(TempDir::new().unwrap(), &[("group.min.session.timeout.ms", "1")]);
    let mut client = node.connect();
    find_coordinator(&mut client);
    let joined = join(&mut client, 200);
    assert_eq!(call(&mut client, SYNC, &sync_request(&joined)).error_code, 0);
    eventually(|| state(&mut client), |state| state == "Empty");
}

#[test]
fn a_wall_clock_that_is_set_puts_nobody_out_and_keeps_nobody_in() {
    let origin = Instant::now();
    let (clock, time) = Clock::following(1_700_000_000_000, move || origin.elapsed());
    let environment = Environment {
        clock,
        random: Random::seeded(1),
        threads: Threads::Own,
    };
    let settings = [("group.min.session.timeout.ms", "1")];
    let node = Node::try_start_with(environment, TempDir::new().unwrap(), &settings);
    let node = node.unwrap_or_else(|(_, why)| panic!("{why}"));
    let mut client = node.connect();
    find_coordinator(&mut client);
    let joined = join(&mut client, 30_000);
    assert_eq!(call(&mut client, SYNC, &sync_request(&joined)).error_code, 0);
    const HOUR_MS: i64 = 3_600_000;
    time.set_wall_clock_forward(72 * HOUR_MS);
    // Whatever is asked of the group does what is due.
    assert_eq!(state(&mut client), "Stable");
    assert_eq!(heartbeat(&mut client, &joined), 0);
    let short = join_request(&joined.member_id, 200);
    assert_eq!(call(&mut client, JOIN, &short).error_code, 0);
    time.set_wall_clock_forward(-73 * HOUR_MS);
    eventually(|| state(&mut client), |state| state == "Empty");
}

#[test]
fn a_deleted_topics_offsets_are_forgotten() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    find_coordinator(&mut client);
    assert_eq!(commit(&mut client, None, 7), 0);
    assert_eq!(offsets(&mut client), Ok(vec![("t".to_owned(), 7)]));
    let topic = DeleteTopicState::default().with_name(Some(TopicName(text("t"))));
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(10_000);
    assert_eq!(call(&mut client, 6, &request).responses[0].error_code, 0);
    let offsets = eventually(|| offsets(&mut client), |offsets| *offsets == Ok(Vec::new()));
    assert_eq!(offsets, Ok(Vec::new()));
    assert_eq!(
        commit(&mut client, None, 8),
        ErrorCode::UnknownTopicOrPartition.code()
    );
}

#[test]
fn a_parked_member_does_not_hold_up_the_end() {
    let node = Node::start_in(
        TempDir::new().unwrap(),
        &[("group.initial.rebalance.delay.ms", "60000")],
    );
    let mut client = node.connect();
    find_coordinator(&mut client);
    let pending = call(&mut client, JOIN, &join_request("", 10_000));
    client.send(JOIN, &join_request(&pending.member_id, 10_000));
    let mut other = node.connect();
    eventually(|| state(&mut other), |state| state == "PreparingRebalance");
    let begun = Instant::now();
    node.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "the initial delay was waited for"
    );
}

#[test]
fn without_the_topic_there_is_no_coordinator() {
    let node = Node::start();
    let mut client = node.connect();
    let response = call(&mut client, JOIN, &join_request("", 10_000));
    assert_eq!(response.error_code, ErrorCode::NotCoordinator.code());
    let nameless = join_request("", 10_000).with_group_id(GroupId::default());
    assert_eq!(
        call(&mut client, JOIN, &nameless).error_code,
        ErrorCode::InvalidGroupId.code()
    );
}

#[test]
fn a_large_log_is_loaded_beside_the_requests() {
    let node = Node::start();
    node.create_topic("t", 300);
    let mut client = node.connect();
    find_coordinator(&mut client);
    // More than one batch may hold, and more than a request loads by itself.
    let partition = |index| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(i64::from(index))
            .with_committed_metadata(Some(text(&"m".repeat(4_000))))
    };
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions((0..300).map(partition).collect());
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id())
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let answer = call(&mut client, COMMIT, &request);
    assert!(
        answer.topics[0]
            .partitions
            .iter()
            .all(|partition| partition.error_code == 0)
    );

    let node = Node::start_in(node.stop(), &[]);
    let mut client = node.connect();
    let loading = ErrorCode::CoordinatorLoadInProgress.code();
    eventually(|| offsets(&mut client), |offsets| *offsets != Err(loading)).unwrap();
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group_id())
        .with_topics(None);
    let response = call(
        &mut client,
        FETCH,
        &OffsetFetchRequest::default().with_groups(vec![group]),
    );
    let partitions = &response.groups[0].topics[0].partitions;
    assert_eq!(partitions.len(), 300);
    for partition in partitions {
        assert_eq!(partition.committed_offset, i64::from(partition.partition_index));
    }
}

#[test]
fn a_share_group_without_a_name_is_refused_and_not_asked_for_again() {
    let node = Node::start();
    node.create_topic("t", 1);
    let mut client = node.connect();
    let mut stands = |topic: &str| {
        let topic = DescribeShareGroupOffsetsRequestTopic::default()
            .with_topic_name(TopicName(text(topic)))
            .with_partitions(vec![0]);
        let group = DescribeShareGroupOffsetsRequestGroup::default().with_topics(Some(vec![topic]));
        let request = DescribeShareGroupOffsetsRequest::default().with_groups(vec![group]);
        let began = Instant::now();
        let mut answer = call(&mut client, 0, &request);
        assert!(began.elapsed() < Duration::from_secs(5), "it was asked for again");
        answer.groups.remove(0)
    };
    assert_eq!(stands("t").error_code, ErrorCode::UnknownServerError.code());
    let absent = stands("absent");
    assert_eq!(
        (absent.error_code, absent.topics[0].partitions[0].start_offset),
        (0, -1)
    );
}
