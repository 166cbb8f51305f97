//! The state of a streams group, and what follows from it. What the log has changes by replay only
//! (`replay.rs`).
//!
//! Invariants: `active_processes` has a task exactly if a member has it as active or must give it back;
//! `standby_processes` and `warmup_processes` likewise; `static_members` maps to members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_describe_response::TopologyDescription;

use super::configure::ConfiguredTopology;
use super::member::StreamsMember;
use super::record::StreamsEpoch;
use super::tasks::Tasks;
use super::topology::Topology;
use crate::consumer::record::TargetEpoch;
use crate::consumer::refusal::Refusal;

/// The epoch of the target assignment before there is one: no member joins with it.
pub(super) const FIRST_TARGET: TargetEpoch = TargetEpoch {
    epoch: 1,
    timestamp_ms: 0,
};

/// A task: subtopology and partition.
pub(super) type TaskId = (Arc<str>, i32);

/// Offsets by task.
pub(crate) type TaskOffsets = BTreeMap<TaskId, i64>;

/// How far a member's tasks have come along their changelogs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberOffsets {
    pub(crate) offsets: TaskOffsets,
    pub(crate) end_offsets: TaskOffsets,
}

/// The state of a streams group as Kafka names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamsGroupState {
    /// It has no members.
    Empty,
    /// Its topics are not yet as the topology needs them.
    NotReady,
    /// The target assignment is older than the group.
    Assigning,
    /// A member has not reached the target assignment.
    Reconciling,
    /// All members have what they are to have.
    Stable,
}

impl StreamsGroupState {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            StreamsGroupState::Empty => "Empty",
            StreamsGroupState::NotReady => "NotReady",
            StreamsGroupState::Assigning => "Assigning",
            StreamsGroupState::Reconciling => "Reconciling",
            StreamsGroupState::Stable => "Stable",
        }
    }
}

/// A group of the streams protocol.
#[derive(Clone, Debug)]
pub struct StreamsGroup {
    /// The group's id.
    pub id: Arc<str>,
    pub(crate) epoch: Arc<StreamsEpoch>,
    pub(crate) target_epoch: TargetEpoch,
    pub(crate) topology: Option<Arc<Topology>>,
    pub(crate) members: BTreeMap<Arc<str>, StreamsMember>,
    pub(crate) static_members: BTreeMap<Arc<str>, Arc<str>>,
    pub(crate) targets: BTreeMap<Arc<str>, Arc<Tasks>>,
    pub(super) active_processes: BTreeMap<TaskId, Arc<str>>,
    pub(super) standby_processes: BTreeMap<TaskId, BTreeSet<Arc<str>>>,
    pub(super) warmup_processes: BTreeMap<TaskId, BTreeSet<Arc<str>>>,
    /// What is not in the log.
    pub(crate) soft: SoftState,
}

/// What a group knows beside the log; a new leader learns it anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct SoftState {
    /// How the topology fits the topics, once it was looked at.
    pub(crate) configured: Option<Arc<ConfiguredTopology>>,
    /// The group epoch for which the topics were last looked at; `None` when they may have changed since.
    pub(crate) topics_seen_at: Option<i32>,
    /// By member.
    pub(crate) task_offsets: BTreeMap<Arc<str>, MemberOffsets>,
    /// The member that asked for the end of the application.
    pub(crate) shutdown_requested_by: Option<Arc<str>>,
    /// What the topology looks like inside.
    pub(crate) description: Option<Arc<TopologyDescription>>,
    /// When a member was last asked for it; monotonic.
    pub(crate) description_asked_at_ms: Option<i64>,
    /// Goes up whenever endpoints, or what is behind them, change.
    pub(crate) endpoint_epoch: i32,
}

impl StreamsGroup {
    pub(crate) fn new(id: Arc<str>) -> Self {
        StreamsGroup {
            id,
            epoch: Arc::default(),
            target_epoch: FIRST_TARGET,
            topology: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            targets: BTreeMap::new(),
            active_processes: BTreeMap::new(),
            standby_processes: BTreeMap::new(),
            warmup_processes: BTreeMap::new(),
            soft: SoftState::default(),
        }
    }

    /// Whether it is only being made: nothing of it is in the log.
    pub(crate) fn is_new(&self) -> bool {
        *self.epoch == StreamsEpoch::default()
    }

    /// The group's state.
    pub fn state(&self) -> StreamsGroupState {
        let validated = |topology: &Arc<Topology>| topology.epoch == self.epoch.validated_topology_epoch;
        if self.members.is_empty() {
            StreamsGroupState::Empty
        } else if !self.topology.as_ref().is_some_and(validated) {
            StreamsGroupState::NotReady
        } else if self.epoch.epoch > self.target_epoch.epoch {
            StreamsGroupState::Assigning
        } else if self
            .members
            .values()
            .all(|member| member.is_reconciled_to(self.target_epoch.epoch))
        {
            StreamsGroupState::Stable
        } else {
            StreamsGroupState::Reconciling
        }
    }

    /// The group's epoch.
    pub fn group_epoch(&self) -> i32 {
        self.epoch.epoch
    }

    /// The members, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &StreamsMember> {
        self.members.values()
    }

    /// The member with this id.
    pub fn member(&self, id: &str) -> Option<&StreamsMember> {
        self.members.get(id)
    }

    pub(crate) fn known_member(&self, id: &str) -> Result<&StreamsMember, Refusal> {
        self.members.get(id).ok_or_else(|| {
            let message = format!("Member {id} is not a member of group {}.", self.id);
            Refusal::new(ErrorCode::UnknownMemberId, message)
        })
    }

    pub(crate) fn static_member(&self, instance_id: &str) -> Option<&StreamsMember> {
        self.members.get(self.static_members.get(instance_id)?)
    }

    /// What the member is to have. A static member that comes back has what its former self was to have.
    pub(crate) fn target(&self, member: &StreamsMember) -> Arc<Tasks> {
        let former = || {
            let instance_id = member.details.instance_id.as_deref()?;
            self.targets.get(self.static_members.get(instance_id)?)
        };
        self.targets
            .get(&member.id)
            .or_else(former)
            .cloned()
            .unwrap_or_default()
    }

    /// Whether the group reads the topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        let reads = |topology: &Arc<Topology>| topology.reader_of(topic).is_some();
        !self.members.is_empty() && self.topology.as_ref().is_some_and(reads)
    }

    /// Whether the topic is one that the topology needs.
    pub(crate) fn needs(&self, topic: &Arc<str>) -> bool {
        self.topology
            .as_ref()
            .is_some_and(|topology| topology.required_topics().contains(topic))
    }

    /// Whether the topics may have changed since they were looked at, or the epoch that was decided then is
    /// not in the log.
    pub(super) fn must_look_at_topics(&self) -> bool {
        self.soft
            .topics_seen_at
            .is_none_or(|epoch| self.epoch.epoch < epoch)
    }
}
