//! What a heartbeat means for its group: records of the member, of the topology, of the group's epoch, of the
//! target assignment and of what the member gets; and what is to be known beside the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::streams_group_heartbeat_request as wire;

use super::assignor::{Assignable, Assignee, assign};
use super::configure::{ConfiguredTopology, configure};
use super::group::{MemberOffsets, StreamsGroup};
use super::member::{StreamsAssignment, StreamsDetails, StreamsMember};
use super::reconcile::Reconciliation;
use super::record::{NO_EPOCH, StreamsEpoch, StreamsRecord};
use super::tasks::{TaskSet, Tasks, each};
use super::topology::Topology;
use crate::cluster::{ClusterView, StreamsSettings};
use crate::consumer::member::MemberState;
use crate::consumer::metadata_hash::group_hash;
use crate::consumer::record::TargetEpoch;
use crate::consumer::refusal::Refusal;
use crate::consumer::target::may_compute;

/// A decision about one member in the making: records are added step by step, and nothing else changes.
pub(super) struct Update<'a> {
    pub(super) group: &'a StreamsGroup,
    pub(super) cluster: &'a dyn ClusterView,
    pub(super) settings: &'a StreamsSettings,
    pub(super) wall_ms: i64,
    /// The member as it was; an empty one if it is new.
    pub(super) old: StreamsMember,
    /// The member as it will be.
    pub(super) member: StreamsMember,
    /// The static member whose place it takes.
    pub(super) replaced: Option<Arc<str>>,
    pub(super) records: Vec<StreamsRecord>,
    pub(super) after: After,
}

/// What else has to happen once the records are in the log.
#[derive(Debug, Default)]
pub(super) struct After {
    /// The topics were looked at for this group epoch.
    pub(super) topics_seen_at: Option<i32>,
    /// How the topology fits the topics, if that was looked at.
    pub(super) configured: Option<Arc<ConfiguredTopology>>,
    /// What the member says of its tasks.
    pub(super) offsets: Option<MemberOffsets>,
    /// The member's assignment has changed: the time it has to give tasks back begins or ends.
    pub(super) revokes: Option<bool>,
    /// The member was asked for the description of its topology.
    pub(super) asks_for_description: bool,
    /// Endpoints, or what is behind them, have changed.
    pub(super) endpoints_changed: bool,
}

/// Why there is no new target assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delay {
    InitialRebalance,
    Interval,
}

impl Delay {
    pub(super) fn detail(self) -> &'static str {
        match self {
            Delay::InitialRebalance => "Assignment delayed due to the configured initial rebalance delay.",
            Delay::Interval => "Assignment delayed due to the configured assignment interval.",
        }
    }
}

impl Update<'_> {
    /// Gives the place of the static member `former` to this one: its tasks and target go over.
    pub(super) fn replace_static(&mut self, former: &StreamsMember) {
        let id = self.old.id.clone();
        self.old = StreamsMember {
            id: id.clone(),
            details: former.details.clone(),
            current: Arc::new(StreamsAssignment {
                epoch: 0,
                previous_epoch: 0,
                ..(*former.current).clone()
            }),
        };
        self.member = self.old.clone();
        self.replaced = Some(former.id.clone());
        let target = self.group.target(former);
        self.records.extend(tombstones_of_member(&former.id));
        self.records.extend([
            StreamsRecord::Member {
                id: id.clone(),
                value: Some(self.old.details.clone()),
            },
            StreamsRecord::Target {
                id: id.clone(),
                value: Some(target),
            },
            StreamsRecord::Current {
                id,
                value: Some(self.old.current.clone()),
            },
        ]);
    }

    /// Takes over what the member says of itself; says whether tasks have to be assigned anew for it. Whoever
    /// does not name an instance id has them assigned anew by any change.
    pub(super) fn set_details(&mut self, details: StreamsDetails, names_instance: bool) -> bool {
        let is_known = self.replaced.is_some() || self.group.members.contains_key(&self.member.id);
        let old = &self.old.details;
        if is_known && details == **old {
            return false;
        }
        let bumps = !is_known
            || !names_instance
            || details.topology_epoch != old.topology_epoch
            || details.rack_id != old.rack_id
            || details.client_tags != old.client_tags
            || details.process_id != old.process_id;
        self.member.details = Arc::new(details);
        self.records.push(StreamsRecord::Member {
            id: self.member.id.clone(),
            value: Some(self.member.details.clone()),
        });
        bumps
    }

    /// The group's topology, which the first member brings.
    ///
    /// # Errors
    /// INVALID_REQUEST for another topology.
    pub(super) fn set_topology(&mut self, sent: Option<&wire::Topology>) -> Result<Arc<Topology>, Refusal> {
        let Some(sent) = sent else {
            // Apache Kafka fails on this unexpectedly, too: a member comes only with a topology.
            return self
                .group
                .topology
                .clone()
                .ok_or_else(|| ErrorCode::UnknownServerError.into());
        };
        let sent_topology = Topology::of_request(sent);
        match &self.group.topology {
            None => {
                let topology = Arc::new(sent_topology);
                self.records.push(StreamsRecord::Topology(Some(topology.clone())));
                Ok(topology)
            }
            Some(known) if known.epoch > sent.epoch || **known == sent_topology => Ok(known.clone()),
            Some(_) => Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "Topology updates are not supported yet.",
            )),
        }
    }

    /// How the topology fits the topics now, and the hash over these.
    ///
    /// # Errors
    /// STREAMS_INVALID_TOPOLOGY.
    pub(super) fn configure(
        &mut self,
        topology: &Topology,
    ) -> Result<(Arc<ConfiguredTopology>, i64), Refusal> {
        let known = self
            .group
            .soft
            .configured
            .as_ref()
            .filter(|_| self.group.topology.is_some());
        let known_hash = self.group.epoch.metadata_hash;
        if let Some(known) = known
            && !self.group.must_look_at_topics()
        {
            return Ok((known.clone(), known_hash));
        }
        let hash = group_hash(topology.required_topics().into_iter(), self.cluster);
        if let Some(known) = known.filter(|_| hash == known_hash) {
            return Ok((known.clone(), hash));
        }
        let configured = Arc::new(configure(topology, self.cluster)?);
        self.after.configured = Some(configured.clone());
        Ok((configured, hash))
    }

    /// Whether all these tasks exist.
    ///
    /// # Errors
    /// INVALID_REQUEST.
    pub(super) fn check_tasks(configured: &ConfiguredTopology, owned: Option<&Tasks>) -> Result<(), Refusal> {
        let (Some(subtopologies), true, Some(owned)) =
            (&configured.subtopologies, configured.is_ready(), owned)
        else {
            return Ok(());
        };
        let check = |tasks: &TaskSet| {
            for (id, partition) in each(tasks) {
                let message = match subtopologies.get(id) {
                    None => format!("Subtopology {id} does not exist in the topology."),
                    Some(found) if !(0..found.tasks).contains(&partition) => format!(
                        "Task {partition} for subtopology {id} is invalid. Number of tasks for this subtopology: {}",
                        found.tasks
                    ),
                    Some(_) => continue,
                };
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            }
            Ok(())
        };
        check(&owned.active)?;
        check(&owned.standby)?;
        check(&owned.warmup)
    }

    /// Bumps the group's epoch if it must be. Returns it.
    pub(super) fn set_epoch(
        &mut self,
        bumps: bool,
        configured: &ConfiguredTopology,
        metadata_hash: i64,
    ) -> i32 {
        let known = &self.group.epoch;
        let validated = if configured.is_ready() {
            configured.epoch
        } else {
            NO_EPOCH
        };
        let configs = self.settings.assignment_configs();
        let bumps = bumps
            || metadata_hash != known.metadata_hash
            || validated != known.validated_topology_epoch
            || configs != known.assignment_configs;
        let epoch = if bumps {
            known.epoch.wrapping_add(1)
        } else {
            known.epoch
        };
        self.after.topics_seen_at = Some(epoch);
        if bumps {
            self.records
                .push(StreamsRecord::Epoch(Some(Arc::new(StreamsEpoch {
                    epoch,
                    metadata_hash,
                    validated_topology_epoch: validated,
                    assignment_configs: configs,
                    ..(**known).clone()
                }))));
        }
        epoch
    }

    /// The target assignment's epoch and what it gives this member; computed anew if the group is ahead of it
    /// and nothing delays it.
    pub(super) fn set_target(
        &mut self,
        group_epoch: i32,
        configured: &ConfiguredTopology,
        waits_for_more: bool,
    ) -> (i32, Arc<Tasks>, Option<Delay>) {
        let last = self.group.target_epoch;
        if waits_for_more {
            return (last.epoch, Arc::default(), Some(Delay::InitialRebalance));
        }
        if last.epoch >= group_epoch {
            return (last.epoch, self.group.target(&self.member), None);
        }
        if !may_compute(last, self.settings.assignment_interval_ms, self.wall_ms) {
            return (last.epoch, self.group.target(&self.member), Some(Delay::Interval));
        }
        let members = self
            .group
            .members
            .values()
            .filter(|member| member.id != self.member.id && Some(&member.id) != self.replaced.as_ref())
            .chain([&self.member]);
        let mut offsets = BTreeMap::new();
        if let Some(said) = &self.after.offsets {
            offsets.insert(self.member.id.clone(), said);
        }
        let (records, targets) = target_of(
            self.group,
            members,
            &offsets,
            configured,
            self.settings,
            group_epoch,
            self.wall_ms,
        );
        self.records.extend(records);
        let own = targets.get(&self.member.id).cloned().unwrap_or_default();
        (group_epoch, own, None)
    }

    /// Brings the member a step towards its target.
    pub(super) fn reconcile(
        &mut self,
        target_epoch: i32,
        target: &Tasks,
        owned: Option<&Tasks>,
    ) -> Result<(), Refusal> {
        let step = Reconciliation {
            group: self.group,
            member: &self.member,
            target_epoch,
            target,
            owned,
        };
        if let Some(next) = step.step()? {
            self.after.revokes = Some(next.state == MemberState::UnrevokedPartitions);
            self.member.current = Arc::new(next);
            self.records.push(StreamsRecord::Current {
                id: self.member.id.clone(),
                value: Some(self.member.current.clone()),
            });
        }
        Ok(())
    }
}

/// The records of a new target assignment, and what it gives to whom. A topology that can't run assigns
/// nothing.
pub(super) fn target_of<'a>(
    group: &StreamsGroup,
    members: impl Iterator<Item = &'a StreamsMember>,
    newer_offsets: &BTreeMap<Arc<str>, &MemberOffsets>,
    configured: &ConfiguredTopology,
    settings: &StreamsSettings,
    group_epoch: i32,
    wall_ms: i64,
) -> (Vec<StreamsRecord>, BTreeMap<Arc<str>, Arc<Tasks>>) {
    let mut members: Vec<&StreamsMember> = members.collect();
    members.sort_by(|one, other| one.id.cmp(&other.id));
    let assigned = match &configured.subtopologies {
        Some(subtopologies) if configured.is_ready() => {
            let assignees: Vec<Assignee<'_>> = members
                .iter()
                .map(|member| Assignee {
                    process: &member.details.process_id,
                    had: group.target(member),
                    offsets: newer_offsets
                        .get(&member.id)
                        .copied()
                        .or_else(|| group.soft.task_offsets.get(&member.id)),
                })
                .collect();
            let assignables: Vec<Assignable<'_>> = subtopologies
                .iter()
                .map(|(id, subtopology)| Assignable {
                    id,
                    tasks: subtopology.tasks,
                    is_stateful: subtopology.is_stateful(),
                })
                .collect();
            assign(&assignees, &assignables, settings.num_standby_replicas)
        }
        _ => vec![Tasks::default(); members.len()],
    };
    let mut records = Vec::new();
    let mut targets = BTreeMap::new();
    for (member, target) in members.iter().zip(assigned) {
        let target = Arc::new(target);
        if group.targets.get(&member.id) != Some(&target) {
            records.push(StreamsRecord::Target {
                id: member.id.clone(),
                value: Some(target.clone()),
            });
        }
        targets.insert(member.id.clone(), target);
    }
    records.push(StreamsRecord::TargetEpoch(Some(TargetEpoch {
        epoch: group_epoch,
        timestamp_ms: wall_ms,
    })));
    (records, targets)
}

/// What removes a member from the log.
pub(super) fn tombstones_of_member(id: &Arc<str>) -> [StreamsRecord; 3] {
    [
        StreamsRecord::Current {
            id: id.clone(),
            value: None,
        },
        StreamsRecord::Target {
            id: id.clone(),
            value: None,
        },
        StreamsRecord::Member {
            id: id.clone(),
            value: None,
        },
    ]
}
