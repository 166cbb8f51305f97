//! Members that leave or are put out: their partitions are free, and the group's epoch goes up. Where the
//! last member of the consumer protocol goes and classic ones stay, the group becomes a classic one
//! (`migrate.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, StrBytes};

use super::group::{ConsumerGroup, uncount};
use super::heartbeat::check_holder;
use super::member::{Assigned, CurrentAssignment, LEFT_FOR_A_WHILE, MemberState};
use super::metadata_hash::group_hash;
use super::record::{ConsumerRecord, GroupEpoch, TargetEpoch};
use super::refusal::Refusal;
use super::update::tombstones_of_member;
use crate::group::{GroupShard, Outcome};
use crate::record::GroupRecord;
use crate::timers::TimerKey;

impl GroupShard {
    /// A heartbeat with an epoch below 0.
    pub(super) fn consumer_leave(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        now: Now,
    ) -> Result<Outcome<ConsumerGroupHeartbeatResponse>, Refusal> {
        let group_id = request.group_id.as_str();
        let group = self.known_consumer_group(group_id)?;
        let (group_id, member_id) = (group.id.clone(), request.member_id.as_str());
        let reply = ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(StrBytes::from_string(member_id.to_owned())))
            .with_member_epoch(request.member_epoch);
        let member = match request.instance_id.as_ref().map(|id| id.as_str()) {
            None => group.known_member(member_id)?,
            Some(instance_id) => check_holder(group.static_member(instance_id), member_id, instance_id)?,
        };
        if request.instance_id.is_some() && request.member_epoch == LEFT_FOR_A_WHILE {
            // It keeps its partitions until its session ends, and gives back nothing: nobody has them.
            let left = CurrentAssignment {
                epoch: LEFT_FOR_A_WHILE,
                revoking: Assigned::new(),
                ..(*member.current).clone()
            };
            let record = ConsumerRecord::Current {
                id: member.id.clone(),
                value: Some(Arc::new(left)),
            };
            let records = GroupRecord::of_consumer_group(&group_id, vec![record]);
            return Ok(Outcome { records, reply });
        }
        let leaving = BTreeSet::from([member.id.clone()]);
        let records = self.fence_members(&group_id, &leaving, now);
        Ok(Outcome { records, reply })
    }

    /// The consumer group of this id.
    pub(super) fn known_consumer_group(&self, group_id: &str) -> Result<&ConsumerGroup, Refusal> {
        match self.consumer_groups.get(group_id) {
            Some(group) => Ok(group),
            None if self.groups.contains_key(group_id)
                || self.streams_groups.contains_key(group_id)
                || self.share_groups.contains_key(group_id) =>
            {
                Err(Refusal::not_found(format!(
                    "Group {group_id} is not a consumer group."
                )))
            }
            None => Err(Refusal::not_found(format!("Group {group_id} not found."))),
        }
    }

    /// A member was silent for too long.
    pub(crate) fn expire_consumer_session(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
        now: Now,
    ) -> Vec<GroupRecord> {
        let is_member = self
            .consumer_groups
            .get(group_id)
            .is_some_and(|group| group.members.contains_key(member_id));
        if !is_member {
            return Vec::new();
        }
        self.fence_members(group_id, &BTreeSet::from([member_id.clone()]), now)
    }

    /// A member did not give its partitions back in time.
    pub(crate) fn expire_revocation(
        &mut self,
        group_id: &Arc<str>,
        member_id: &Arc<str>,
        now: Now,
    ) -> Vec<GroupRecord> {
        let member = self
            .consumer_groups
            .get(group_id)
            .and_then(|group| group.member(member_id));
        match member.map(|member| member.current.state) {
            Some(MemberState::UnrevokedPartitions) => {
                self.fence_members(group_id, &BTreeSet::from([member_id.clone()]), now)
            }
            _ => Vec::new(),
        }
    }

    /// Puts members out.
    pub(super) fn fence_members(
        &mut self,
        group_id: &Arc<str>,
        leaving: &BTreeSet<Arc<str>>,
        now: Now,
    ) -> Vec<GroupRecord> {
        let Some(group) = self.consumer_groups.get(group_id) else {
            return Vec::new();
        };
        if leaving.is_empty() {
            return Vec::new();
        }
        if self.may_downgrade(group, leaving)
            && let Some(records) = self.downgrade(group_id, leaving, None, now)
        {
            return records;
        }
        let Some(group) = self.consumer_groups.get(group_id) else {
            return Vec::new();
        };
        let members: Vec<_> = leaving.iter().filter_map(|id| group.members.get(id)).collect();
        let mut records: Vec<ConsumerRecord> = members
            .iter()
            .flat_map(|member| tombstones_of_member(&member.id))
            .collect();
        let mut regexes: BTreeMap<Arc<str>, usize> = group.subscribed_regexes.clone();
        for member in &members {
            let regex = Some(member.details.regex.clone()).filter(|regex| !regex.is_empty());
            if uncount(&mut regexes, regex) {
                records.push(ConsumerRecord::Regex {
                    regex: member.details.regex.clone(),
                    value: None,
                });
            }
        }
        let topics = group.topics_after(&members, None);
        let epoch = group.epoch.epoch.wrapping_add(1);
        records.push(ConsumerRecord::Epoch(Some(GroupEpoch {
            epoch,
            metadata_hash: group_hash(topics.keys(), &*self.cluster),
        })));
        if members.len() == group.members.len() {
            // Nobody is left to compute a target for; the next member need not wait for one.
            records.push(ConsumerRecord::TargetEpoch(Some(TargetEpoch {
                epoch,
                timestamp_ms: 0,
            })));
        }
        for member_id in leaving {
            self.cancel_member_timers(group_id, member_id);
        }
        GroupRecord::of_consumer_group(group_id, records)
    }

    pub(crate) fn cancel_member_timers(&mut self, group_id: &Arc<str>, member_id: &Arc<str>) {
        let (group, member) = (group_id.clone(), member_id.clone());
        for key in [
            TimerKey::Session {
                group: group.clone(),
                member: member.clone(),
            },
            TimerKey::Revocation {
                group: group.clone(),
                member: member.clone(),
            },
            TimerKey::MemberJoin {
                group: group.clone(),
                member: member.clone(),
            },
            TimerKey::MemberSync { group, member },
        ] {
            self.timers.cancel(&key);
        }
    }
}
