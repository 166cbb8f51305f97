//! Records applied to consumer groups, live and at start.

use std::sync::Arc;

use super::group::{
    ConsumerGroup, FIRST_EPOCH, count, count_names, count_regex, regex_of, uncount, uncount_names,
};
use super::member::{Assigned, ConsumerMember, CurrentAssignment, MemberDetails};
use super::record::{ConsumerRecord, ResolvedRegex, TargetEpoch};
use crate::assignor::Partitions;
use crate::group::GroupShard;

impl GroupShard {
    /// Applies a record of a consumer group. A tombstone for what isn't there says nothing: what it deleted
    /// was compacted away.
    pub(crate) fn replay_consumer(&mut self, group_id: Arc<str>, record: ConsumerRecord) {
        if let ConsumerRecord::Epoch(None) = record {
            self.consumer_groups.remove(&group_id);
            return;
        }
        let is_tombstone = matches!(
            record,
            ConsumerRecord::LegacyTopics(None)
                | ConsumerRecord::Member { value: None, .. }
                | ConsumerRecord::TargetEpoch(None)
                | ConsumerRecord::Target { value: None, .. }
                | ConsumerRecord::Current { value: None, .. }
                | ConsumerRecord::Regex { value: None, .. }
        );
        let group = match self.consumer_groups.get_mut(&group_id) {
            Some(group) => group,
            None if is_tombstone => return,
            None => {
                // A group that so far had nothing but offsets becomes what the record says.
                self.groups.remove(&group_id);
                let new = ConsumerGroup::new(group_id.clone());
                self.consumer_groups.entry(group_id).or_insert(new)
            }
        };
        group.apply(record);
    }
}

impl ConsumerGroup {
    /// Applies a record of this group.
    pub(crate) fn apply(&mut self, record: ConsumerRecord) {
        match record {
            ConsumerRecord::Epoch(value) => {
                self.epoch = value.unwrap_or(FIRST_EPOCH);
            }
            ConsumerRecord::LegacyTopics(value) => self.has_legacy_topics = value.is_some(),
            ConsumerRecord::Member {
                id,
                value: Some(details),
            } => self.set_details(id, details),
            ConsumerRecord::Member { id, value: None } => self.remove_member(&id),
            ConsumerRecord::TargetEpoch(value) => {
                self.target_epoch = value.unwrap_or(TargetEpoch {
                    epoch: 0,
                    timestamp_ms: 0,
                });
            }
            ConsumerRecord::Target {
                id,
                value: Some(target),
            } => self.set_target(id, target),
            ConsumerRecord::Target { id, value: None } => {
                self.targets.remove(&id);
            }
            ConsumerRecord::Current { id, value } => self.set_current(id, value.unwrap_or_default()),
            ConsumerRecord::Regex { regex, value } => self.set_resolved(regex, value),
        }
    }

    fn set_details(&mut self, id: Arc<str>, details: Arc<MemberDetails>) {
        let mut member = match self.members.remove(&id) {
            Some(old) => {
                self.uncount_member(&old);
                old
            }
            None => ConsumerMember::new(id.clone()),
        };
        member.details = details;
        self.count_member(&member);
        self.members.insert(id, member);
    }

    fn remove_member(&mut self, id: &Arc<str>) {
        if let Some(member) = self.members.remove(id) {
            self.uncount_member(&member);
            self.release(&member.current);
        }
        self.targets.remove(id);
    }

    fn count_member(&mut self, member: &ConsumerMember) {
        let details = &member.details;
        if let Some(instance_id) = &details.instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        count_names(&mut self.subscribed_topics, member);
        if count(&mut self.subscribed_regexes, regex_of(member)) {
            self.count_resolved_topics(&details.regex, true);
        }
        count(&mut self.assignors, details.assignor.clone());
        if let Some(classic) = &details.classic {
            self.classic_members += 1;
            for protocol in &classic.protocols {
                count(&mut self.classic_protocols, Some(protocol.name.clone()));
            }
        }
    }

    fn uncount_member(&mut self, member: &ConsumerMember) {
        let details = &member.details;
        if let Some(instance_id) = &details.instance_id
            && self.static_members.get(instance_id) == Some(&member.id)
        {
            self.static_members.remove(instance_id);
        }
        uncount_names(&mut self.subscribed_topics, member);
        if uncount(&mut self.subscribed_regexes, regex_of(member)) {
            self.count_resolved_topics(&details.regex, false);
        }
        uncount(&mut self.assignors, details.assignor.clone());
        if let Some(classic) = &details.classic {
            self.classic_members = self.classic_members.saturating_sub(1);
            for protocol in &classic.protocols {
                uncount(&mut self.classic_protocols, Some(protocol.name.clone()));
            }
        }
    }

    fn count_resolved_topics(&mut self, regex: &str, up: bool) {
        let mut topics = std::mem::take(&mut self.subscribed_topics);
        self.count_resolved(&mut topics, regex, up);
        self.subscribed_topics = topics;
    }

    fn set_target(&mut self, id: Arc<str>, target: Arc<Partitions>) {
        self.targets.insert(id, target);
    }

    fn set_current(&mut self, id: Arc<str>, current: Arc<CurrentAssignment>) {
        let Some(old) = self.members.get(&id).map(|member| member.current.clone()) else {
            return;
        };
        self.release(&old);
        self.hold(&current.assigned, current.epoch);
        self.hold(&current.revoking, current.epoch);
        if let Some(member) = self.members.get_mut(&id) {
            member.current = current;
        }
    }

    fn set_resolved(&mut self, regex: Arc<str>, value: Option<ResolvedRegex>) {
        let is_read = self.subscribed_regexes.contains_key(&regex);
        let mut count_all = |value: &Option<ResolvedRegex>, up| {
            for topic in value.iter().filter(|_| is_read).flat_map(|value| &value.topics) {
                count_regex(&mut self.subscribed_topics, topic, up);
            }
        };
        let old = self.resolved.remove(&regex);
        count_all(&old, false);
        count_all(&value, true);
        if let Some(value) = value {
            self.resolved.insert(regex, value);
        }
    }

    fn hold(&mut self, assigned: &Assigned, epoch: i32) {
        for (topic, partitions) in assigned {
            let epochs = self.partition_epochs.entry(*topic).or_default();
            epochs.extend(partitions.keys().map(|partition| (*partition, epoch)));
        }
    }

    /// Partitions that someone else has got meanwhile stay theirs.
    fn release(&mut self, current: &CurrentAssignment) {
        for (topic, partitions) in current.assigned.iter().chain(&current.revoking) {
            if let Some(epochs) = self.partition_epochs.get_mut(topic) {
                for partition in partitions.keys() {
                    if epochs.get(partition) == Some(&current.epoch) {
                        epochs.remove(partition);
                    }
                }
                if epochs.is_empty() {
                    self.partition_epochs.remove(topic);
                }
            }
        }
    }
}
