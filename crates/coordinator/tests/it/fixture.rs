//! A loaded shard with a log in memory, a clock and a client's way to ask: what a broker runs, without a broker.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use barnabas_coordinator::runtime::{Active, Answered, GroupMachine, GroupSetup, LedLog};
use barnabas_coordinator::{Caller, GroupConfig, GroupRecord, GroupShard, Reply, Token, VisibleTopics};
use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_groups_response::DescribedGroup;
use barnabas_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use barnabas_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, OffsetCommitRequest, StrBytes,
    SyncGroupRequest, SyncGroupResponse, TopicName,
};
use barnabas_protocol::records::compression::Compression;
use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::memory_log::MemoryLog;

pub const GROUP: &str = "g";
pub const SESSION_MS: i32 = 10_000;
pub const REBALANCE_MS: i32 = 60_000;
/// When a harness begins. The clocks differ by decades: what takes one for the other fails.
pub const START: Now = Now {
    wall_ms: 1_700_000_000_000,
    monotonic_ms: 1_000,
};

/// The time `ms` milliseconds after `now`.
pub fn after(now: Now, ms: i64) -> Now {
    Now {
        wall_ms: now.wall_ms + ms,
        monotonic_ms: now.monotonic_ms + ms,
    }
}

/// A loaded shard, of which the tests see the groups.
pub struct Loaded(Active<GroupMachine>);

impl Deref for Loaded {
    type Target = GroupShard;

    fn deref(&self) -> &GroupShard {
        &self.0.machine.core
    }
}

impl DerefMut for Loaded {
    fn deref_mut(&mut self) -> &mut GroupShard {
        &mut self.0.machine.core
    }
}

pub struct Harness {
    pub shard: Loaded,
    pub config: GroupConfig,
    pub now: Now,
    /// What the sender of a consumer's heartbeat may see.
    pub visible: VisibleTopics,
    pub log: MemoryLog,
    led: LedLog<MemoryLog>,
    parked: BTreeMap<Token, oneshot::Receiver<Answered<Reply>>>,
    replies: BTreeMap<Token, Reply>,
    joins: u128,
}

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A consumer's subscription to one topic.
pub fn subscription(topic: &str) -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, topic.len() as u8];
    bytes.extend_from_slice(topic.as_bytes());
    bytes.extend_from_slice(&[0xff; 4]);
    bytes.into()
}

/// A JoinGroup request of a consumer that supports `protocols` and reads topic `t`.
pub fn join_request(member_id: &str, protocols: &[&str]) -> JoinGroupRequest {
    let protocol = |name: &&str| {
        JoinGroupRequestProtocol::default()
            .with_name(text(name))
            .with_metadata(subscription("t"))
    };
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_session_timeout_ms(SESSION_MS)
        .with_rebalance_timeout_ms(REBALANCE_MS)
        .with_member_id(text(member_id))
        .with_protocol_type(text("consumer"))
        .with_protocols(protocols.iter().map(protocol).collect())
}

pub fn sync_request(member_id: &str, generation_id: i32, assignments: &[(&str, &str)]) -> SyncGroupRequest {
    let assignment = |(member_id, assignment): &(&str, &str)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member_id))
            .with_assignment(Bytes::copy_from_slice(assignment.as_bytes()))
    };
    SyncGroupRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_generation_id(generation_id)
        .with_member_id(text(member_id))
        .with_assignments(assignments.iter().map(assignment).collect())
}

pub fn commit_request(
    member_id: &str,
    generation_id: i32,
    partition: i32,
    offset: i64,
) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("note")));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("t")))
        .with_topic_id(Uuid::from_u128(1))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_member_id(text(member_id))
        .with_generation_id_or_member_epoch(generation_id)
        .with_retention_time_ms(-1)
        .with_topics(vec![topic])
}

impl Harness {
    pub fn new() -> Self {
        Harness::with_config(GroupConfig::default())
    }

    pub fn with_config(config: GroupConfig) -> Self {
        Harness::load(config, MemoryLog::default(), START, 0)
    }

    fn load(config: GroupConfig, log: MemoryLog, now: Now, joins: u128) -> Self {
        let led = LedLog::new(log.clone(), 0, Compression::None);
        let setup = Arc::new(GroupSetup::new(config));
        let mut active = Active::read(&led, &setup, now).unwrap();
        let before = log.records();
        active.finish_loading(&led, now);
        assert_eq!(log.records(), before);
        Harness {
            shard: Loaded(active),
            config,
            now,
            visible: VisibleTopics::all(),
            log,
            led,
            parked: BTreeMap::new(),
            replies: BTreeMap::new(),
            joins,
        }
    }

    /// What a broker does with records: append, replay, answer. Returns what the core decided.
    pub fn append(&mut self, records: Vec<GroupRecord>) -> Vec<GroupRecord> {
        let appended = self.shard.0.append(&self.led, records.clone(), self.now);
        assert_eq!(appended, Ok(()));
        self.collect();
        records
    }

    fn collect(&mut self) {
        self.shard.0.deliver();
        let replies = &mut self.replies;
        self.parked.retain(|token, parked| {
            let Ok(answered) = parked.try_recv() else {
                return true;
            };
            replies.insert(*token, answered.value);
            false
        });
    }

    /// The append of these records fails, as the log says.
    pub fn fail(&mut self, records: Vec<GroupRecord>, error: ErrorCode) {
        let before = self.log.records();
        self.log.refuse(Some(error));
        let appended = self.shard.0.append(&self.led, records, self.now);
        assert_eq!(appended, Err(error));
        self.log.refuse(None);
        assert_eq!(self.log.records(), before);
        self.collect();
    }

    /// Lets time pass, timer by timer. Returns the records that the timers made.
    pub fn advance(&mut self, ms: i64) -> Vec<GroupRecord> {
        let end = after(self.now, ms);
        let mut made = Vec::new();
        while let Some(deadline_ms) = self
            .shard
            .next_deadline()
            .filter(|at_ms| *at_ms <= end.monotonic_ms)
        {
            self.now = after(self.now, (deadline_ms - self.now.monotonic_ms).max(0));
            let records = self.shard.on_timer(self.now);
            made.extend(self.append(records));
        }
        self.now = end;
        made
    }

    /// Somebody sets the clock: forward, or back where `ms` is negative.
    pub fn set_wall_clock_forward(&mut self, ms: i64) {
        self.now.wall_ms += ms;
    }

    /// Names a request that may be parked.
    pub fn token(&mut self) -> Token {
        let (token, parked) = self.shard.0.machine.park();
        self.parked.insert(token, parked);
        token
    }

    /// Sends JoinGroup; the member id, if one is given out, ends in the number of the request.
    pub fn send_join(&mut self, request: &JoinGroupRequest, api_version: i16) -> (Token, Vec<GroupRecord>) {
        let token = self.token();
        self.joins += 1;
        let caller = Caller {
            api_version,
            client_id: "c",
            client_host: "/127.0.0.1",
        };
        let records = self
            .shard
            .join(request, caller, Uuid::from_u128(self.joins), token, self.now);
        let records = self.append(records);
        (token, records)
    }

    pub fn send_sync(&mut self, request: &SyncGroupRequest) -> (Token, Vec<GroupRecord>) {
        let token = self.token();
        let records = self.shard.sync(request, token, self.now);
        let records = self.append(records);
        (token, records)
    }

    pub fn reply(&mut self, token: Token) -> Option<Reply> {
        self.replies.remove(&token)
    }

    pub fn join_reply(&mut self, token: Token) -> JoinGroupResponse {
        match self.reply(token) {
            Some(Reply::Join(response)) => response,
            other => panic!("no answer to {token:?}: {other:?}"),
        }
    }

    pub fn sync_reply(&mut self, token: Token) -> SyncGroupResponse {
        match self.reply(token) {
            Some(Reply::Sync(response)) => response,
            other => panic!("no answer to {token:?}: {other:?}"),
        }
    }

    pub fn is_parked(&self, token: Token) -> bool {
        self.parked.contains_key(&token)
    }

    /// Joins a member of an old client, which needs no id first; the request stays parked.
    pub fn join_new(&mut self, protocols: &[&str]) -> Token {
        let (token, _) = self.send_join(&join_request("", protocols), 3);
        token
    }

    /// A stable group of `count` members: ids, leader first.
    pub fn stable_group(&mut self, count: usize) -> Vec<String> {
        let tokens: Vec<Token> = (0..count).map(|_| self.join_new(&["range"])).collect();
        // The delay begins anew, once, if members came during it.
        self.advance(i64::from(self.config.group_initial_rebalance_delay_ms) * 2);
        let joined: Vec<JoinGroupResponse> = tokens.iter().map(|token| self.join_reply(*token)).collect();
        let generation_id = joined[0].generation_id;
        let leader = joined[0].leader.to_string();
        let mut ids: Vec<String> = joined
            .iter()
            .map(|response| response.member_id.to_string())
            .collect();
        ids.sort_by_key(|id| *id != leader);
        let assignments: Vec<(String, String)> =
            ids.iter().map(|id| (id.clone(), format!("of {id}"))).collect();
        let assignments: Vec<(&str, &str)> = assignments.iter().map(|(id, of)| (&**id, &**of)).collect();
        for id in ids.iter().rev() {
            let assignments = if *id == leader { &assignments[..] } else { &[] };
            self.send_sync(&sync_request(id, generation_id, assignments));
        }
        assert_eq!(self.describe().group_state.as_str(), "Stable");
        ids
    }

    pub fn heartbeat(&mut self, member_id: &str, generation_id: i32) -> Result<(), ErrorCode> {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_member_id(text(member_id))
            .with_generation_id(generation_id);
        self.shard.heartbeat(&request, self.now)
    }

    pub fn commit(&mut self, request: &OffsetCommitRequest, api_version: i16) -> Result<Vec<i16>, ErrorCode> {
        let outcome = self.shard.commit_offsets(request, api_version, self.now)?;
        self.append(outcome.records);
        Ok(outcome
            .reply
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|partition| partition.error_code)
            .collect())
    }

    pub fn describe(&self) -> DescribedGroup {
        self.shard.describe(GROUP, 6)
    }

    /// The group's offsets: (topic, partition, offset).
    pub fn offsets(&self) -> Vec<(String, i32, i64)> {
        offsets_of(&self.shard)
    }

    /// A shard that knows only the log.
    pub fn reloaded(&self) -> Harness {
        Harness::load(self.config, self.log.copy(), self.now, self.joins)
    }
}

/// The offsets that a shard knows of the group: (topic, partition, offset).
pub fn offsets_of(shard: &GroupShard) -> Vec<(String, i32, i64)> {
    let request = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_topics(None);
    let topics = shard.fetch_offsets(&request, false).topics;
    let rows = topics.iter().flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|p| (topic.name.to_string(), p.partition_index, p.committed_offset))
    });
    rows.collect()
}
