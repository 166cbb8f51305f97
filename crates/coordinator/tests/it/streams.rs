//! The streams protocol: what a heartbeat writes and answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_coordinator::{
    Caller, GroupConfig, GroupRecord, GroupRefusal, StreamsGroupState, StreamsHeartbeatReply, StreamsRecord,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_heartbeat_request::{
    CopartitionGroup, Endpoint, KeyValue, Subtopology, TaskIds, TaskOffset, TopicInfo, Topology,
};
use barnabas_protocol::messages::{GroupId, StreamsGroupHeartbeatRequest, TopicName};

use crate::cluster::Cluster;
use crate::fixture::{GROUP, Harness, commit_request, join_request, text};

/// Partitions by subtopology.
pub type Ids = BTreeMap<String, Vec<i32>>;

pub fn ids(tasks: &[(&str, &[i32])]) -> Ids {
    let one = |(id, partitions): &(&str, &[i32])| ((*id).to_owned(), partitions.to_vec());
    tasks.iter().map(one).collect()
}

pub fn task_ids(tasks: &Ids) -> Vec<TaskIds> {
    let one = |(id, partitions): (&String, &Vec<i32>)| {
        TaskIds::default()
            .with_subtopology_id(text(id))
            .with_partitions(partitions.clone())
    };
    tasks.iter().map(one).collect()
}

fn topics(names: &[&str]) -> Vec<TopicName> {
    names.iter().map(|name| TopicName(text(name))).collect()
}

fn internal(name: &str, partitions: i32) -> TopicInfo {
    TopicInfo::default()
        .with_name(TopicName(text(name)))
        .with_partitions(partitions)
}

/// Subtopology `0` reads `t` and writes `r`; `1` reads `r` and has state, kept in `c`.
pub fn topology() -> Topology {
    let reads = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_source_topics(topics(&["t"]))
        .with_repartition_sink_topics(topics(&["r"]));
    let counts = Subtopology::default()
        .with_subtopology_id(text("1"))
        .with_repartition_source_topics(vec![internal("r", 0)])
        .with_state_changelog_topics(vec![internal("c", 0)]);
    Topology::default().with_subtopologies(vec![reads, counts])
}

/// A heartbeat of a member that goes on.
pub fn beat(member: &str, epoch: i32) -> StreamsGroupHeartbeatRequest {
    StreamsGroupHeartbeatRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
}

/// A heartbeat that says what the member has.
pub fn owning(member: &str, epoch: i32, active: &Ids, standby: &Ids) -> StreamsGroupHeartbeatRequest {
    beat(member, epoch)
        .with_active_tasks(Some(task_ids(active)))
        .with_standby_tasks(Some(task_ids(standby)))
        .with_warmup_tasks(Some(Vec::new()))
}

/// The first heartbeat of a member that is a thread of `process`.
pub fn joining(member: &str, process: &str) -> StreamsGroupHeartbeatRequest {
    owning(member, 0, &Ids::new(), &Ids::new())
        .with_rebalance_timeout_ms(60_000)
        .with_process_id(Some(text(process)))
        .with_topology(Some(topology()))
}

impl Harness {
    /// Groups that are assigned at once.
    pub fn with_streams(mut cluster: Cluster) -> Self {
        cluster.streams.initial_rebalance_delay_ms = 0;
        cluster.streams.assignment_interval_ms = 0;
        let mut harness = Harness::with_config(GroupConfig {
            streams_group_max_size: 3,
            ..GroupConfig::default()
        });
        harness.shard.set_cluster(Arc::new(cluster), &[]);
        harness
    }

    pub fn streams_beat(
        &mut self,
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<(StreamsHeartbeatReply, Vec<GroupRecord>), GroupRefusal> {
        let caller = Caller {
            api_version: 1,
            client_id: "c",
            client_host: "/127.0.0.1",
        };
        let outcome = self.shard.streams_heartbeat(request, caller, self.now)?;
        let records = self.append(outcome.records);
        self.advance(0);
        Ok((outcome.reply, records))
    }

    /// The answer's epoch, active and standby tasks.
    fn streams_heard(&mut self, request: &StreamsGroupHeartbeatRequest) -> (i32, Option<Ids>, Option<Ids>) {
        let (reply, _) = self.streams_beat(request).unwrap();
        let response = reply.response;
        (
            response.member_epoch,
            response.active_tasks.map(heard),
            response.standby_tasks.map(heard),
        )
    }

    fn statuses(&mut self, request: &StreamsGroupHeartbeatRequest) -> Vec<(i8, String)> {
        let (reply, _) = self.streams_beat(request).unwrap();
        let statuses = reply.response.status.unwrap_or_default().into_iter();
        statuses
            .map(|status| (status.status_code, status.status_detail.to_string()))
            .collect()
    }

    fn streams_state(&self) -> Option<StreamsGroupState> {
        Some(self.shard.streams_group(GROUP)?.state())
    }
}

pub fn heard(tasks: Vec<barnabas_protocol::messages::streams_group_heartbeat_response::TaskIds>) -> Ids {
    let one = |ids: barnabas_protocol::messages::streams_group_heartbeat_response::TaskIds| {
        (ids.subtopology_id.to_string(), ids.partitions)
    };
    tasks.into_iter().map(one).collect()
}

fn kinds(records: &[GroupRecord]) -> Vec<&'static str> {
    let kind = |record: &GroupRecord| match record {
        GroupRecord::Streams { record, .. } => match record {
            StreamsRecord::Epoch(Some(_)) => "epoch",
            StreamsRecord::Epoch(None) => "-epoch",
            StreamsRecord::Topology(Some(_)) => "topology",
            StreamsRecord::Topology(None) => "-topology",
            StreamsRecord::Member { value: Some(_), .. } => "member",
            StreamsRecord::Member { value: None, .. } => "-member",
            StreamsRecord::TargetEpoch(Some(_)) => "target epoch",
            StreamsRecord::TargetEpoch(None) => "-target epoch",
            StreamsRecord::Target { value: Some(_), .. } => "target",
            StreamsRecord::Target { value: None, .. } => "-target",
            StreamsRecord::Current { value: Some(_), .. } => "current",
            StreamsRecord::Current { value: None, .. } => "-current",
        },
        GroupRecord::GroupMetadata { value: Some(_), .. } => "classic",
        GroupRecord::GroupMetadata { value: None, .. } => "-classic",
        _ => "other",
    };
    records.iter().map(kind).collect()
}

fn whole_cluster() -> Cluster {
    Cluster::with(&[("t", 2), ("r", 2), ("c", 2)])
}

#[test]
fn a_first_member_gets_everything() {
    let mut harness = Harness::with_streams(whole_cluster());
    let (reply, records) = harness.streams_beat(&joining("m", "p")).unwrap();
    assert_eq!(
        kinds(&records),
        ["member", "topology", "epoch", "target", "target epoch", "current"]
    );
    let response = reply.response;
    assert_eq!(
        (response.member_epoch, response.heartbeat_interval_ms),
        (2, 5_000)
    );
    assert_eq!(
        response.active_tasks.map(heard),
        Some(ids(&[("0", &[0, 1]), ("1", &[0, 1])]))
    );
    assert_eq!(response.status, Some(Vec::new()));
    assert!(reply.missing_topics.is_empty());
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Stable));
    // Nothing new: nothing is said, and nothing written.
    let (reply, records) = harness.streams_beat(&beat("m", 2)).unwrap();
    assert_eq!(
        (records, reply.response.active_tasks, reply.response.member_epoch),
        (Vec::new(), None, 2)
    );
}

#[test]
fn tasks_are_given_on_when_they_were_given_back() {
    let mut harness = Harness::with_streams(whole_cluster());
    let all = ids(&[("0", &[0, 1]), ("1", &[0, 1])]);
    harness.streams_heard(&joining("m1", "p1"));
    assert_eq!(
        harness.streams_heard(&joining("m2", "p2")),
        (3, Some(Ids::new()), Some(Ids::new())),
        "the first has all still"
    );
    let half = ids(&[("0", &[0, 1])]);
    let (epoch, active, _) = harness.streams_heard(&owning("m1", 2, &all, &Ids::new()));
    assert_eq!(
        (epoch, active),
        (2, Some(half.clone())),
        "it has to give back first"
    );
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Reconciling));
    assert_eq!(harness.streams_heard(&beat("m2", 3)).1, None);
    assert_eq!(
        harness.streams_heard(&owning("m1", 2, &half, &Ids::new())),
        (3, None, None)
    );
    let (epoch, active, _) = harness.streams_heard(&beat("m2", 3));
    assert_eq!((epoch, active), (3, Some(ids(&[("1", &[0, 1])]))));
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Stable));
    // Who does not give back in time is put out.
    harness.streams_heard(&joining("m3", "p3"));
    let (_, active, _) = harness.streams_heard(&owning("m2", 3, &ids(&[("1", &[0, 1])]), &Ids::new()));
    assert_eq!(active, Some(ids(&[("1", &[0])])));
    harness.advance(44_000);
    harness.streams_beat(&beat("m2", 3)).unwrap();
    harness.advance(17_000);
    assert_eq!(
        harness.streams_beat(&beat("m2", 3)).unwrap_err().code,
        ErrorCode::UnknownMemberId
    );
}

#[test]
fn topics_are_asked_for_and_then_there() {
    let mut harness = Harness::with_streams(Cluster::default());
    assert_eq!(
        harness.statuses(&joining("m", "p")),
        [(1, "Source topics t are missing.".to_owned())]
    );
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::NotReady));
    type Topics<'a> = &'a [(&'a str, i32)];
    let table: &[(Topics<'_>, &[&str], &str)] = &[
        (&[("t", 3)], &["c", "r"], "3 Internal topics are missing: c, r"),
        (&[("t", 3), ("r", 3)], &["c"], "3 Internal topics are missing: c"),
        (
            &[("t", 3), ("r", 2)],
            &[],
            "2 Existing topic r has different number of partitions: expected 3, found 2",
        ),
        (&[("t", 3), ("r", 3), ("c", 3)], &[], ""),
    ];
    for (topics, missing, status) in table {
        let mut cluster = Cluster::with(topics);
        cluster.streams.initial_rebalance_delay_ms = 0;
        cluster.streams.assignment_interval_ms = 0;
        let names: Vec<Arc<str>> = ["t", "r", "c"].map(Arc::from).into();
        harness.shard.set_cluster(Arc::new(cluster), &names);
        let epoch = harness
            .shard
            .streams_group(GROUP)
            .unwrap()
            .member("m")
            .unwrap()
            .epoch();
        let (reply, _) = harness
            .streams_beat(&owning("m", epoch, &Ids::new(), &Ids::new()))
            .unwrap();
        let asked: Vec<&str> = reply
            .missing_topics
            .iter()
            .map(|topic| topic.name.as_str())
            .collect();
        assert_eq!(asked, *missing, "{topics:?}");
        assert!(reply.missing_topics.iter().all(|topic| topic.num_partitions == 3));
        let said = reply.response.status.unwrap().into_iter();
        let said: Vec<String> = said
            .map(|status| format!("{} {}", status.status_code, status.status_detail.as_str()))
            .collect();
        assert_eq!(said.join(";"), *status, "{topics:?}");
    }
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Stable));
}

#[test]
fn joined_topics_have_equally_many_partitions() {
    let joins = |repartitioned: i32| {
        let group = CopartitionGroup::default()
            .with_source_topics(vec![0, 1])
            .with_repartition_source_topics(vec![0]);
        let joins = Subtopology::default()
            .with_subtopology_id(text("1"))
            .with_source_topics(topics(&["t", "u"]))
            .with_repartition_source_topics(vec![internal("r", repartitioned)])
            .with_copartition_groups(vec![group]);
        let writes = Subtopology::default()
            .with_subtopology_id(text("0"))
            .with_source_topics(topics(&["v"]))
            .with_repartition_sink_topics(topics(&["r"]));
        Topology::default().with_subtopologies(vec![writes, joins])
    };
    let table: &[(i32, i32, &str)] = &[
        (4, 0, "3 Internal topics are missing: r"),
        (4, 4, "3 Internal topics are missing: r"),
        (
            3,
            0,
            "2 Following topics do not have the same number of partitions: [{t=4, u=3}]",
        ),
        (
            4,
            2,
            "2 Number of partitions [2] of repartition topic [r] doesn't match number of partitions [4] of the source topic.",
        ),
    ];
    for (partitions, repartitioned, expected) in table {
        let mut harness = Harness::with_streams(Cluster::with(&[("t", 4), ("u", *partitions), ("v", 7)]));
        let request = joining("m", "p").with_topology(Some(joins(*repartitioned)));
        let (code, detail) = harness.statuses(&request).remove(0);
        assert_eq!(format!("{code} {detail}"), *expected);
    }
}

#[test]
fn a_topology_that_nothing_fits_is_refused() {
    let looped = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_repartition_source_topics(vec![internal("r", 0)])
        .with_repartition_sink_topics(topics(&["r"]));
    let unfed = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_repartition_source_topics(vec![internal("r", 0)]);
    let changelog = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_source_topics(topics(&["t"]))
        .with_state_changelog_topics(vec![internal("c", 2)]);
    let regex = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_source_topic_regex(vec![text("t.*")]);
    let copartitioned = Subtopology::default()
        .with_subtopology_id(text("0"))
        .with_source_topics(topics(&["t"]))
        .with_copartition_groups(vec![CopartitionGroup::default().with_source_topics(vec![7])]);
    let table = [
        (vec![looped], ErrorCode::StreamsInvalidTopology),
        (vec![unfed.clone()], ErrorCode::StreamsInvalidTopology),
        (vec![changelog], ErrorCode::StreamsInvalidTopology),
        (vec![unfed.clone(), unfed], ErrorCode::StreamsInvalidTopology),
        (vec![copartitioned], ErrorCode::StreamsInvalidTopology),
        (vec![regex], ErrorCode::InvalidRequest),
    ];
    for (subtopologies, error) in table {
        let mut harness = Harness::with_streams(whole_cluster());
        let topology = Topology::default().with_subtopologies(subtopologies);
        let refused = harness.streams_beat(&joining("m", "p").with_topology(Some(topology.clone())));
        assert_eq!(refused.unwrap_err().code, error, "{topology:?}");
        assert!(harness.shard.streams_group(GROUP).is_none());
    }
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let mut harness = Harness::with_streams(whole_cluster());
    harness.streams_heard(&joining("m", "p"));
    let other = Topology::default()
        .with_epoch(1)
        .with_subtopologies(topology().subtopologies);
    let twice = TaskOffset::default().with_subtopology_id(text("1"));
    let table = [
        (beat("m", 1), ErrorCode::FencedMemberEpoch),
        (beat("m", 3), ErrorCode::FencedMemberEpoch),
        (beat("n", 2), ErrorCode::UnknownMemberId),
        (beat("m", -3), ErrorCode::InvalidRequest),
        (beat("m", -2), ErrorCode::InvalidRequest),
        (beat(" ", 2), ErrorCode::InvalidRequest),
        (
            beat("m", 2).with_topology(Some(topology())),
            ErrorCode::InvalidRequest,
        ),
        (
            beat("m", 2).with_active_tasks(Some(Vec::new())),
            ErrorCode::InvalidRequest,
        ),
        (
            owning("m", 2, &ids(&[("9", &[0])]), &Ids::new()),
            ErrorCode::InvalidRequest,
        ),
        (
            owning("m", 2, &ids(&[("1", &[2])]), &Ids::new()),
            ErrorCode::InvalidRequest,
        ),
        (
            owning("m", 2, &ids(&[("1", &[-1])]), &Ids::new()),
            ErrorCode::InvalidRequest,
        ),
        (
            beat("m", 2).with_task_offsets(Some(vec![twice.clone(), twice])),
            ErrorCode::InvalidRequest,
        ),
        (joining("n", "p").with_topology(None), ErrorCode::InvalidRequest),
        (
            joining("n", "p").with_rebalance_timeout_ms(-1),
            ErrorCode::InvalidRequest,
        ),
        (
            joining("n", "p").with_topology(Some(Topology::default())),
            ErrorCode::InvalidRequest,
        ),
        (
            beat("m", 2).with_instance_id(Some(text("i"))),
            ErrorCode::UnknownMemberId,
        ),
        (
            beat("m", 2).with_group_id(GroupId(text("other"))),
            ErrorCode::GroupIdNotFound,
        ),
    ];
    for (request, error) in table {
        let refused = harness.streams_beat(&request);
        assert_eq!(refused.unwrap_err().code, error, "{request:?}");
    }
    let later = harness
        .streams_beat(&joining("n", "p").with_topology(Some(other)))
        .unwrap_err();
    assert_eq!(
        later.code,
        ErrorCode::InvalidRequest,
        "topologies can't be replaced yet"
    );
    harness.streams_heard(&joining("n", "p"));
    harness.streams_heard(&joining("o", "p"));
    let full = harness.streams_beat(&joining("q", "p")).unwrap_err();
    assert_eq!(full.code, ErrorCode::GroupMaxSizeReached);
}

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
fn settings_that_change_are_assigned_by() {
    let mut harness = Harness::with_streams(whole_cluster());
    harness.streams_heard(&joining("m1", "p1"));
    harness.streams_heard(&joining("m2", "p2"));
    let mut cluster = whole_cluster();
    cluster.streams.rack_aware_tags = vec!["zone".to_owned()];
    cluster.streams.num_standby_replicas = 1;
    harness.shard.set_cluster(Arc::new(cluster), &[]);
    let (reply, records) = harness.streams_beat(&beat("m2", 3)).unwrap();
    assert!(kinds(&records).contains(&"epoch"));
    let status = reply.response.status.unwrap().pop().unwrap();
    assert_eq!(status.status_code, 6);
    assert_eq!(
        status.status_detail.as_str(),
        "Missing required client tags for rack-aware standby assignment: [zone]. Configure them via 'client.tag.<tagKey>' in \
         your Streams config."
    );
    let tag = KeyValue::default().with_key(text("zone")).with_value(text("a"));
    let (reply, _) = harness
        .streams_beat(&beat("m2", reply.response.member_epoch).with_client_tags(Some(vec![tag])))
        .unwrap();
    assert!(
        reply
            .response
            .status
            .unwrap()
            .iter()
            .all(|status| status.status_code != 6)
    );
}

#[test]
fn members_know_where_to_ask_and_when_to_stop() {
    let mut harness = Harness::with_streams(whole_cluster());
    let endpoint = Endpoint::default().with_host(text("h")).with_port(65_535);
    harness.streams_beat(&joining("m1", "p1")).unwrap();
    let (reply, _) = harness
        .streams_beat(&beat("m1", 2).with_user_endpoint(Some(endpoint)))
        .unwrap();
    let response = reply.response;
    assert_eq!(response.endpoint_information_epoch, 1);
    let behind = response.partitions_by_user_endpoint.unwrap().pop().unwrap();
    assert_eq!(
        (behind.user_endpoint.host.as_str(), behind.user_endpoint.port),
        ("h", 65_535)
    );
    let partitions: Vec<(&str, &[i32])> = behind
        .active_partitions
        .iter()
        .map(|topic| (topic.topic.as_str(), &topic.partitions[..]))
        .collect();
    assert_eq!(partitions, [("r", &[0, 1][..]), ("t", &[0, 1][..])]);
    let (reply, _) = harness
        .streams_beat(&beat("m1", 2).with_endpoint_information_epoch(1))
        .unwrap();
    assert_eq!(reply.response.partitions_by_user_endpoint, None);
    let asked = harness.statuses(&beat("m1", 2).with_shutdown_application(true));
    assert_eq!(asked[0].0, 4);
    assert_eq!(
        harness.statuses(&beat("m1", 2))[0].0,
        4,
        "all are told from now on"
    );
    harness.streams_beat(&beat("m1", -1)).unwrap();
    assert_eq!(harness.streams_state(), Some(StreamsGroupState::Empty));
    assert_eq!(
        harness.statuses(&joining("m1", "p1")),
        [],
        "the next application is another one"
    );
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
