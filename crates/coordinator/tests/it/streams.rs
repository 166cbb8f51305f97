//! The streams protocol: what a heartbeat writes and answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_coordinator::{
    Caller, GroupConfig, GroupRecord, GroupRefusal, StreamsGroupState, StreamsHeartbeatReply, StreamsRecord,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_heartbeat_request::{
    Subtopology, TaskIds, TaskOffset, TopicInfo, Topology,
};
use barnabas_protocol::messages::{GroupId, StreamsGroupHeartbeatRequest, TopicName};

use crate::cluster::Cluster;
use crate::fixture::{GROUP, Harness, text};

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

pub fn topics(names: &[&str]) -> Vec<TopicName> {
    names.iter().map(|name| TopicName(text(name))).collect()
}

pub fn internal(name: &str, partitions: i32) -> TopicInfo {
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
    pub fn streams_heard(
        &mut self,
        request: &StreamsGroupHeartbeatRequest,
    ) -> (i32, Option<Ids>, Option<Ids>) {
        let (reply, _) = self.streams_beat(request).unwrap();
        let response = reply.response;
        (
            response.member_epoch,
            response.active_tasks.map(heard),
            response.standby_tasks.map(heard),
        )
    }

    pub fn statuses(&mut self, request: &StreamsGroupHeartbeatRequest) -> Vec<(i8, String)> {
        let (reply, _) = self.streams_beat(request).unwrap();
        let statuses = reply.response.status.unwrap_or_default().into_iter();
        statuses
            .map(|status| (status.status_code, status.status_detail.to_string()))
            .collect()
    }

    pub fn streams_state(&self) -> Option<StreamsGroupState> {
        Some(self.shard.streams_group(GROUP)?.state())
    }
}

pub fn heard(tasks: Vec<barnabas_protocol::messages::streams_group_heartbeat_response::TaskIds>) -> Ids {
    let one = |ids: barnabas_protocol::messages::streams_group_heartbeat_response::TaskIds| {
        (ids.subtopology_id.to_string(), ids.partitions)
    };
    tasks.into_iter().map(one).collect()
}

pub fn kinds(records: &[GroupRecord]) -> Vec<&'static str> {
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

pub fn whole_cluster() -> Cluster {
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
