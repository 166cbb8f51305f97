//! Records applied to streams groups, live and at start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::{FIRST_TARGET, StreamsGroup, TaskId};
use super::member::{StreamsAssignment, StreamsDetails, StreamsMember};
use super::record::StreamsRecord;
use super::tasks::{HeldTasks, TaskSet, each, each_active};
use crate::group::GroupShard;

impl GroupShard {
    /// Applies a record of a streams group. A tombstone for what isn't there says nothing: what it deleted
    /// was compacted away.
    pub(crate) fn replay_streams(&mut self, group_id: Arc<str>, record: StreamsRecord) {
        if let StreamsRecord::Epoch(None) = record {
            self.streams_groups.remove(&group_id);
            return;
        }
        let is_tombstone = matches!(
            record,
            StreamsRecord::Topology(None)
                | StreamsRecord::Member { value: None, .. }
                | StreamsRecord::TargetEpoch(None)
                | StreamsRecord::Target { value: None, .. }
                | StreamsRecord::Current { value: None, .. }
        );
        let group = match self.streams_groups.get_mut(&group_id) {
            Some(group) => group,
            None if is_tombstone => return,
            None => {
                // A group that so far had nothing but offsets becomes what the record says.
                self.groups.remove(&group_id);
                let new = StreamsGroup::new(group_id.clone());
                self.streams_groups.entry(group_id).or_insert(new)
            }
        };
        group.apply(record);
    }
}

impl StreamsGroup {
    /// Applies a record of this group.
    pub(crate) fn apply(&mut self, record: StreamsRecord) {
        match record {
            StreamsRecord::Epoch(value) => self.epoch = value.unwrap_or_default(),
            StreamsRecord::Topology(value) => {
                self.topology = value;
            }
            StreamsRecord::Member {
                id,
                value: Some(details),
            } => self.set_details(id, details),
            StreamsRecord::Member { id, value: None } => self.remove_member(&id),
            StreamsRecord::TargetEpoch(value) => self.target_epoch = value.unwrap_or(FIRST_TARGET),
            StreamsRecord::Target {
                id,
                value: Some(target),
            } => {
                self.targets.insert(id, target);
            }
            StreamsRecord::Target { id, value: None } => {
                self.targets.remove(&id);
            }
            StreamsRecord::Current { id, value } => self.set_current(&id, value.unwrap_or_default()),
        }
        if self.members.is_empty() {
            self.soft.shutdown_requested_by = None;
        }
    }

    fn set_details(&mut self, id: Arc<str>, details: Arc<StreamsDetails>) {
        let mut member = self
            .members
            .remove(&id)
            .unwrap_or_else(|| StreamsMember::new(id.clone()));
        self.release(&member);
        self.forget_instance(&member);
        if let Some(instance_id) = &details.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
        member.details = details;
        self.hold(&member);
        self.members.insert(id, member);
    }

    fn remove_member(&mut self, id: &Arc<str>) {
        if let Some(member) = self.members.remove(id) {
            self.release(&member);
            self.forget_instance(&member);
        }
        self.targets.remove(id);
        self.soft.task_offsets.remove(id);
    }

    fn forget_instance(&mut self, member: &StreamsMember) {
        if let Some(instance_id) = &member.details.instance_id
            && self.static_members.get(instance_id) == Some(&member.id)
        {
            self.static_members.remove(instance_id);
        }
    }

    fn set_current(&mut self, id: &Arc<str>, current: Arc<StreamsAssignment>) {
        let Some(mut member) = self.members.get(id).cloned() else {
            return;
        };
        self.release(&member);
        member.current = current;
        self.hold(&member);
        self.members.insert(id.clone(), member);
    }

    fn hold(&mut self, member: &StreamsMember) {
        let process = &member.details.process_id;
        for held in [&member.current.assigned, &member.current.revoking] {
            for (subtopology, partition, _) in each_active(&held.active) {
                self.active_processes
                    .insert((subtopology.clone(), partition), process.clone());
            }
            let roles = [
                (&held.standby, &mut self.standby_processes),
                (&held.warmup, &mut self.warmup_processes),
            ];
            for (tasks, processes) in roles {
                for (subtopology, partition) in each(tasks) {
                    processes
                        .entry((subtopology.clone(), partition))
                        .or_default()
                        .insert(process.clone());
                }
            }
        }
    }

    /// Tasks that another process has got meanwhile stay its own.
    fn release(&mut self, member: &StreamsMember) {
        let process = &member.details.process_id;
        for held in [&member.current.assigned, &member.current.revoking] {
            self.release_active(held, process);
            release_copies(&held.standby, &mut self.standby_processes, process);
            release_copies(&held.warmup, &mut self.warmup_processes, process);
        }
    }

    fn release_active(&mut self, held: &HeldTasks, process: &Arc<str>) {
        for (subtopology, partition, _) in each_active(&held.active) {
            let task = (subtopology.clone(), partition);
            if self.active_processes.get(&task) == Some(process) {
                self.active_processes.remove(&task);
            }
        }
    }
}

fn release_copies(tasks: &TaskSet, processes: &mut BTreeMap<TaskId, BTreeSet<Arc<str>>>, process: &Arc<str>) {
    for (subtopology, partition) in each(tasks) {
        let task = (subtopology.clone(), partition);
        if let Some(holders) = processes.get_mut(&task) {
            holders.remove(process);
            if holders.is_empty() {
                processes.remove(&task);
            }
        }
    }
}
