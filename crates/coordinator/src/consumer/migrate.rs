//! From the classic protocol to the consumer protocol and back while the group goes on
//! (`group.consumer.migration.policy`).
//!
//! Up: a consumer's first heartbeat comes to a classic group. Its members stay as classic members of the
//! consumer group, with what they have; those who wait for a rebalance are told to join again. Down: the last
//! member of the consumer protocol goes. The others become members of a classic group, with what they were to
//! have, and rebalance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use bytes::Bytes;

use super::embedded::{Subscription, read_assignment, read_subscription, version, write_assignment};
use super::group::ConsumerGroup;
use super::member::{ClassicDetails, ConsumerMember, CurrentAssignment, MemberDetails, MemberState};
use super::metadata_hash::group_hash;
use super::record::{ConsumerRecord, GroupEpoch, TargetEpoch};
use super::refusal::Refusal;
use crate::assignor::Partitions;
use crate::classic::group::{CONSUMER_PROTOCOL_TYPE, ClassicGroup};
use crate::classic::member::{ClassicMember, MemberProtocol};
use crate::classic::state::ClassicState;
use crate::cluster::ClusterView;
use crate::group::GroupShard;
use crate::record::{GroupMetadata, GroupRecord};

/// A consumer group that becomes a classic one as soon as its records are in the log.
#[derive(Clone, Debug)]
pub(crate) struct Downgrade {
    group: ClassicGroup,
    rebalances: bool,
}

impl GroupShard {
    /// The consumer group for a heartbeat: `None` if the shard has it. A group that does not exist is made if
    /// the heartbeat `joins`, and so is one from a classic group; the records come with it.
    ///
    /// # Errors
    /// GROUP_ID_NOT_FOUND.
    pub(super) fn consumer_group_for(
        &mut self,
        group_id: &Arc<str>,
        joins: bool,
        now: Now,
    ) -> Result<(Vec<GroupRecord>, Option<ConsumerGroup>), Refusal> {
        if self.consumer_groups.contains_key(group_id) {
            return Ok((Vec::new(), None));
        }
        let is_streams = self.streams_groups.contains_key(group_id);
        if is_streams {
            return Err(Refusal::not_found(format!(
                "Group {group_id} is not a consumer group."
            )));
        }
        let Some(classic) = self.groups.get(group_id) else {
            return if self.share_groups.contains_key(group_id) {
                Err(Refusal::not_found(format!(
                    "Group {group_id} is not a consumer group."
                )))
            } else if joins {
                Ok((Vec::new(), Some(ConsumerGroup::new(group_id.clone()))))
            } else {
                Err(Refusal::not_found(format!(
                    "Consumer group {group_id} not found."
                )))
            };
        };
        if !joins {
            return Err(Refusal::not_found(format!(
                "Group {group_id} is not a consumer group."
            )));
        }
        let mut records = vec![GroupRecord::GroupMetadata {
            group: group_id.clone(),
            value: None,
        }];
        if classic.state == ClassicState::Empty {
            return Ok((records, Some(ConsumerGroup::new(group_id.clone()))));
        }
        self.check_upgrade(classic)?;
        let made = upgraded(classic, &*self.cluster);
        // Whoever waits for the classic group's rebalance has to join the consumer group.
        self.answer_all_parked(group_id, ErrorCode::RebalanceInProgress);
        let (made, creation) = made?;
        records.extend(GroupRecord::of_consumer_group(group_id, creation));
        for member in made.members.values() {
            let session_ms = member
                .details
                .classic
                .as_ref()
                .map_or(0, |classic| classic.session_timeout_ms);
            self.reschedule_session_in(group_id, &member.id, session_ms, now);
        }
        Ok((records, Some(made)))
    }

    fn check_upgrade(&self, classic: &ClassicGroup) -> Result<(), Refusal> {
        let refuse = |reason: &str| {
            Err(Refusal::not_found(format!(
                "Cannot upgrade classic group {} to consumer group because {reason}.",
                classic.id
            )))
        };
        if !self.config.consumer_migration_policy.allows_upgrade() {
            refuse("online upgrade is disabled")
        } else if !classic.uses_consumer_protocol() {
            refuse("the group does not use the consumer embedded protocol")
        } else if classic.members().len() > self.config.consumer_group_max_size {
            refuse("the group size exceeds the consumer group maximum size")
        } else {
            Ok(())
        }
    }

    /// Whether the group becomes a classic one when `leaving` are gone.
    pub(super) fn may_downgrade(&self, group: &ConsumerGroup, leaving: &BTreeSet<Arc<str>>) -> bool {
        let stay = group.members.len().saturating_sub(leaving.len());
        group.is_classic_but_for(leaving)
            && stay > 0
            && self.config.consumer_migration_policy.allows_downgrade()
            && stay <= self.config.group_max_size
    }

    /// Whether the group becomes a classic one when a classic member takes the place of `holder`.
    pub(super) fn may_downgrade_replacing(&self, group: &ConsumerGroup, holder: &ConsumerMember) -> bool {
        group.is_classic_but_for(&BTreeSet::from([holder.id.clone()]))
            && self.config.consumer_migration_policy.allows_downgrade()
            && group.members.len() <= self.config.group_max_size
    }

    /// The records that make a consumer group a classic one, without `leaving`, and with a static member that
    /// comes back as a classic one (it, its former id, and whether its subscription has changed). `None` if a
    /// subscription can't be read.
    pub(super) fn downgrade(
        &mut self,
        group_id: &Arc<str>,
        leaving: &BTreeSet<Arc<str>>,
        joining: Option<(&ConsumerMember, &Arc<str>, bool)>,
        now: Now,
    ) -> Option<Vec<GroupRecord>> {
        let group = self.consumer_groups.get(group_id)?;
        let mut downgraded = ClassicGroup::new(group_id.clone(), now.wall_ms);
        downgraded.state = ClassicState::Stable;
        downgraded.generation_id = group.epoch.epoch;
        let staying = group
            .members
            .values()
            .filter(|member| !leaving.contains(&member.id));
        for member in staying.chain(joining.map(|(member, ..)| member)) {
            downgraded.add(as_classic(member)?, CONSUMER_PROTOCOL_TYPE);
        }
        downgraded.protocol_name = downgraded.select_protocol();
        downgraded.subscribed_topics = downgraded.compute_subscribed_topics();
        let protocol = downgraded.protocol_name.clone()?;
        for member_id in downgraded.member_ids() {
            let former = match joining {
                Some((member, former, _)) if member.id == member_id => former,
                _ => &member_id,
            };
            let target = group.targets.get(former).cloned().unwrap_or_default();
            if let Some(member) = downgraded.member_mut(&member_id) {
                let version = version(&member.metadata(&protocol))?;
                member.assignment = write_assignment(version, &names(&target, &*self.cluster));
            }
        }
        let mut records = Vec::new();
        // The records of the one that comes back were written already; these take them away again.
        let ids: BTreeSet<Arc<str>> = group
            .members
            .keys()
            .filter(|id| joining.is_none_or(|(_, former, _)| *id != former))
            .chain(joining.map(|(member, ..)| &member.id))
            .cloned()
            .collect();
        records.extend(tombstones_of_group(group, &ids));
        let mut records = GroupRecord::of_consumer_group(group_id, records);
        records.push(downgraded.to_record(|member| member.assignment.clone()));
        for member_id in group.members.keys().cloned().collect::<Vec<_>>() {
            self.cancel_member_timers(group_id, &member_id);
        }
        let rebalances = joining.is_none_or(|(_, _, changed)| changed);
        self.downgrades.insert(
            group_id.clone(),
            Downgrade {
                group: downgraded,
                rebalances,
            },
        );
        Some(records)
    }

    /// The record of a group that is being downgraded is in the log: the classic group takes over.
    pub(crate) fn complete_downgrade(
        &mut self,
        group_id: &Arc<str>,
        value: &GroupMetadata,
        now: Now,
    ) -> bool {
        let is_its = |downgrade: &Downgrade| downgrade.group.generation_id == value.generation_id;
        let Some(downgrade) = self.downgrades.remove(group_id).filter(is_its) else {
            return false;
        };
        self.groups.insert(group_id.clone(), downgrade.group);
        let member_ids = self.groups.get(group_id).map(ClassicGroup::member_ids);
        for member_id in member_ids.unwrap_or_default() {
            self.reschedule_session(group_id, &member_id, now);
        }
        if downgrade.rebalances {
            // Nobody has joined yet, so that there is nothing to write.
            let records = self.prepare_rebalance(group_id, now);
            debug_assert!(records.is_empty(), "a downgraded group waits for its members");
        }
        true
    }
}

/// The tombstones of a group and of the members with these ids.
pub(crate) fn tombstones_of_group(group: &ConsumerGroup, ids: &BTreeSet<Arc<str>>) -> Vec<ConsumerRecord> {
    let mut records = Vec::new();
    records.extend(ids.iter().map(|id| ConsumerRecord::Current {
        id: id.clone(),
        value: None,
    }));
    records.extend(ids.iter().map(|id| ConsumerRecord::Target {
        id: id.clone(),
        value: None,
    }));
    records.push(ConsumerRecord::TargetEpoch(None));
    records.extend(ids.iter().map(|id| ConsumerRecord::Member {
        id: id.clone(),
        value: None,
    }));
    records.extend(group.resolved.keys().map(|regex| ConsumerRecord::Regex {
        regex: regex.clone(),
        value: None,
    }));
    records.push(ConsumerRecord::LegacyTopics(None));
    records.push(ConsumerRecord::Epoch(None));
    records
}

/// The consumer group that a classic group becomes, and its records.
fn upgraded(
    classic: &ClassicGroup,
    cluster: &dyn ClusterView,
) -> Result<(ConsumerGroup, Vec<ConsumerRecord>), Refusal> {
    let malformed = || {
        Refusal::not_found(format!(
            "Cannot upgrade classic group {} to consumer group because the embedded consumer protocol is malformed.",
            classic.id
        ))
    };
    let epoch = classic.generation_id;
    let (mut details, mut targets, mut currents) = (Vec::new(), Vec::new(), Vec::new());
    let mut topics = BTreeSet::new();
    for member in classic.members() {
        let protocol = classic.protocol_name.as_deref();
        // A group in its first rebalance has no protocol yet.
        let first = member.protocols.first().map(|protocol| protocol.metadata.clone());
        let metadata = protocol
            .map(|name| member.metadata(name))
            .or(first)
            .unwrap_or_default();
        let subscription = read_subscription(&metadata).ok_or_else(malformed)?;
        let assigned = read_assignment(&member.assignment).ok_or_else(malformed)?;
        if assigned.has_user_data {
            return Err(Refusal::not_found(format!(
                "Cannot upgrade classic group {} to consumer group because an unsupported custom assignor is in use. \
                 Please refer to the documentation or switch to a default assignor before re-attempting the upgrade.",
                classic.id
            )));
        }
        let assigned: Partitions = assigned
            .partitions
            .iter()
            .filter(|(_, partitions)| !partitions.is_empty())
            .filter_map(|(name, partitions)| {
                Some((cluster.topic(name)?.id, partitions.iter().copied().collect()))
            })
            .collect();
        let id = member.id.clone();
        topics.extend(subscription.topics.iter().map(|topic| Arc::from(topic.as_str())));
        details.push(ConsumerRecord::Member {
            id: id.clone(),
            value: Some(Arc::new(details_of(member, &subscription))),
        });
        let with_epochs = assigned.iter().map(|(topic, partitions)| {
            (
                *topic,
                partitions.iter().map(|partition| (*partition, epoch)).collect(),
            )
        });
        currents.push(ConsumerRecord::Current {
            id: id.clone(),
            value: Some(Arc::new(CurrentAssignment {
                epoch,
                previous_epoch: epoch,
                state: MemberState::Stable,
                assigned: with_epochs.collect(),
                revoking: BTreeMap::new(),
            })),
        });
        targets.push(ConsumerRecord::Target {
            id,
            value: Some(Arc::new(assigned)),
        });
    }
    let mut records = details;
    records.push(ConsumerRecord::Epoch(Some(GroupEpoch {
        epoch,
        metadata_hash: group_hash(topics.iter(), cluster),
    })));
    records.extend(targets);
    records.push(ConsumerRecord::TargetEpoch(Some(TargetEpoch {
        epoch,
        timestamp_ms: 0,
    })));
    records.extend(currents);
    let mut group = ConsumerGroup::new(classic.id.clone());
    records.iter().cloned().for_each(|record| group.apply(record));
    Ok((group, records))
}

fn details_of(member: &ClassicMember, subscription: &Subscription) -> MemberDetails {
    MemberDetails {
        instance_id: member.instance_id.clone(),
        rack_id: subscription
            .rack_id
            .as_deref()
            .filter(|rack| !rack.is_empty())
            .map(Into::into),
        client_id: (*member.client_id).into(),
        client_host: (*member.client_host).into(),
        topics: subscription
            .topics
            .iter()
            .map(|topic| topic.as_str().into())
            .collect(),
        regex: "".into(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        assignor: None,
        classic: Some(ClassicDetails {
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols.clone(),
        }),
    }
}

/// A classic member of a consumer group as a member of a classic group.
fn as_classic(member: &ConsumerMember) -> Option<ClassicMember> {
    let details = &member.details;
    let classic = details.classic.as_ref()?;
    let protocols: Vec<MemberProtocol> = classic.protocols.clone();
    Some(ClassicMember {
        id: member.id.clone(),
        instance_id: details.instance_id.clone(),
        client_id: (*details.client_id).into(),
        client_host: (*details.client_host).into(),
        rebalance_timeout_ms: details.rebalance_timeout_ms,
        session_timeout_ms: classic.session_timeout_ms,
        protocols,
        assignment: Bytes::new(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    })
}

fn names(target: &Partitions, cluster: &dyn ClusterView) -> BTreeMap<String, Vec<i32>> {
    let by_name = target.iter().filter_map(|(id, partitions)| {
        let topic = cluster.topic_by_id(id)?;
        Some((topic.name.to_string(), partitions.iter().copied().collect()))
    });
    by_name.collect()
}
