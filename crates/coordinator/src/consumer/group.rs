//! The state of a consumer group, and what follows from it. Changed by replay only (`replay.rs`).
//!
//! Invariants: the counts are those of the members; a partition has an epoch in `partition_epochs` exactly if
//! a member has it assigned or must give it back; `static_members` maps to members.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::member::{ConsumerMember, MemberState};
use super::record::{GroupEpoch, ResolvedRegex, TargetEpoch};
use super::refusal::Refusal;
use crate::assignor::Partitions;

/// The epoch of a group before its first record: the target assignment's begins below it, so that the first
/// member is assigned.
pub(super) const FIRST_EPOCH: GroupEpoch = GroupEpoch {
    epoch: 1,
    metadata_hash: 0,
};

/// How many members read a topic, by its name and through a regular expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubscriptionCount {
    pub(crate) by_name: usize,
    pub(crate) by_regex: usize,
}

/// The state of a consumer group as Kafka names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerGroupState {
    /// It has no members.
    Empty,
    /// The target assignment is older than the group.
    Assigning,
    /// A member has not reached the target assignment.
    Reconciling,
    /// All members have what they are to have.
    Stable,
}

impl ConsumerGroupState {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            ConsumerGroupState::Empty => "Empty",
            ConsumerGroupState::Assigning => "Assigning",
            ConsumerGroupState::Reconciling => "Reconciling",
            ConsumerGroupState::Stable => "Stable",
        }
    }
}

/// A group of the consumer protocol.
#[derive(Clone, Debug)]
pub struct ConsumerGroup {
    /// The group's id.
    pub id: Arc<str>,
    pub(crate) epoch: GroupEpoch,
    pub(crate) target_epoch: TargetEpoch,
    pub(crate) members: BTreeMap<Arc<str>, ConsumerMember>,
    pub(crate) static_members: BTreeMap<Arc<str>, Arc<str>>,
    pub(crate) targets: BTreeMap<Arc<str>, Arc<Partitions>>,
    pub(crate) resolved: BTreeMap<Arc<str>, ResolvedRegex>,
    /// The epoch of each partition's owner.
    pub(super) partition_epochs: HashMap<Uuid, BTreeMap<i32, i32>>,
    pub(crate) subscribed_topics: BTreeMap<Arc<str>, SubscriptionCount>,
    pub(crate) subscribed_regexes: BTreeMap<Arc<str>, usize>,
    pub(super) assignors: BTreeMap<Box<str>, usize>,
    pub(super) classic_members: usize,
    pub(super) classic_protocols: BTreeMap<Box<str>, usize>,
    /// Whether the log has a record with the topics' metadata, as Apache Kafka before 4.1 wrote.
    pub(crate) has_legacy_topics: bool,
    /// The group epoch for which the topics were last looked at; `None` when they may have changed since. Not
    /// in the log.
    pub(crate) topics_seen_at: Option<i32>,
}

impl ConsumerGroup {
    pub(crate) fn new(id: Arc<str>) -> Self {
        ConsumerGroup {
            id,
            epoch: FIRST_EPOCH,
            target_epoch: TargetEpoch {
                epoch: 0,
                timestamp_ms: 0,
            },
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            targets: BTreeMap::new(),
            resolved: BTreeMap::new(),
            partition_epochs: HashMap::new(),
            subscribed_topics: BTreeMap::new(),
            subscribed_regexes: BTreeMap::new(),
            assignors: BTreeMap::new(),
            classic_members: 0,
            classic_protocols: BTreeMap::new(),
            has_legacy_topics: false,
            topics_seen_at: None,
        }
    }

    /// The group's state.
    pub fn state(&self) -> ConsumerGroupState {
        if self.members.is_empty() {
            ConsumerGroupState::Empty
        } else if self.epoch.epoch > self.target_epoch.epoch {
            ConsumerGroupState::Assigning
        } else if self
            .members
            .values()
            .all(|member| member.is_reconciled_to(self.target_epoch.epoch))
        {
            ConsumerGroupState::Stable
        } else {
            ConsumerGroupState::Reconciling
        }
    }

    /// The group's epoch.
    pub fn group_epoch(&self) -> i32 {
        self.epoch.epoch
    }

    /// The members, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &ConsumerMember> {
        self.members.values()
    }

    /// The member with this id.
    pub fn member(&self, id: &str) -> Option<&ConsumerMember> {
        self.members.get(id)
    }

    pub(crate) fn known_member(&self, id: &str) -> Result<&ConsumerMember, Refusal> {
        self.members.get(id).ok_or_else(|| {
            let message = format!("Member {id} is not a member of group {}.", self.id);
            Refusal::new(ErrorCode::UnknownMemberId, message)
        })
    }

    pub(crate) fn static_member(&self, instance_id: &str) -> Option<&ConsumerMember> {
        self.members.get(self.static_members.get(instance_id)?)
    }

    /// What the member is to have. A static member that comes back has what its former self was to have.
    pub(crate) fn target(&self, member: &ConsumerMember) -> Arc<Partitions> {
        let former = || {
            let instance_id = member.details.instance_id.as_deref()?;
            self.targets.get(self.static_members.get(instance_id)?)
        };
        let target = self.targets.get(&member.id).or_else(former);
        target.cloned().unwrap_or_default()
    }

    /// Whether a member has the partition, or has yet to give it back.
    pub(crate) fn is_held(&self, topic: &Uuid, partition: i32) -> bool {
        self.partition_epochs
            .get(topic)
            .is_some_and(|partitions| partitions.contains_key(&partition))
    }

    /// Whether the topics may have changed since they were looked at, or the epoch that was decided then is
    /// not in the log.
    pub(crate) fn must_look_at_topics(&self) -> bool {
        self.topics_seen_at.is_none_or(|epoch| self.epoch.epoch < epoch)
    }

    /// Whether all members speak the classic protocol, those in `except` aside, who do not.
    pub(crate) fn is_classic_but_for(&self, except: &BTreeSet<Arc<str>>) -> bool {
        let modern = |id: &Arc<str>| self.members.get(id).is_some_and(|member| !member.is_classic());
        let leaving = except.iter().filter(|id| modern(id)).count();
        leaving > 0 && self.classic_members + leaving == self.members.len()
    }

    /// Whether a member of the classic protocol that supports `protocols` can join.
    pub(crate) fn supports_classic<'a>(
        &self,
        protocol_type: &str,
        mut protocols: impl Iterator<Item = &'a str>,
    ) -> bool {
        let by_all =
            |name: &str| self.classic_protocols.get(name).copied().unwrap_or(0) == self.classic_members;
        protocol_type == crate::classic::group::CONSUMER_PROTOCOL_TYPE && protocols.any(by_all)
    }

    /// Whether the group reads the topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed_topics.contains_key(topic)
    }

    /// The assignor that most members ask for, were `old` replaced by `new`.
    pub(crate) fn preferred_assignor(
        &self,
        old: Option<&ConsumerMember>,
        new: Option<&ConsumerMember>,
    ) -> Option<Box<str>> {
        let mut counts = self.assignors.clone();
        let name =
            |member: Option<&ConsumerMember>| member.and_then(|member| member.details.assignor.clone());
        uncount(&mut counts, name(old));
        count(&mut counts, name(new));
        let most = counts.into_iter().max_by_key(|(_, members)| *members);
        most.map(|(name, _)| name)
    }

    /// How many members read each topic, were `old` replaced by `new`. What a regular expression matches is
    /// counted once for the group.
    pub(crate) fn topics_after(
        &self,
        old: &[&ConsumerMember],
        new: Option<&ConsumerMember>,
    ) -> BTreeMap<Arc<str>, SubscriptionCount> {
        let mut topics = self.subscribed_topics.clone();
        let mut regexes = self.subscribed_regexes.clone();
        for member in old {
            uncount_names(&mut topics, member);
            if uncount(&mut regexes, regex_of(member)) {
                self.count_resolved(&mut topics, &member.details.regex, false);
            }
        }
        if let Some(member) = new {
            count_names(&mut topics, member);
            if count(&mut regexes, regex_of(member)) {
                self.count_resolved(&mut topics, &member.details.regex, true);
            }
        }
        topics
    }

    pub(super) fn count_resolved(
        &self,
        topics: &mut BTreeMap<Arc<str>, SubscriptionCount>,
        regex: &str,
        up: bool,
    ) {
        for topic in self.resolved.get(regex).iter().flat_map(|regex| &regex.topics) {
            count_regex(topics, topic, up);
        }
    }

    /// The regular expressions that members read, were `old` replaced by `new`.
    pub(crate) fn regexes_after(
        &self,
        old: Option<&ConsumerMember>,
        new: Option<&ConsumerMember>,
    ) -> BTreeMap<Arc<str>, usize> {
        let mut regexes = self.subscribed_regexes.clone();
        uncount(&mut regexes, old.and_then(regex_of));
        count(&mut regexes, new.and_then(regex_of));
        regexes
    }

    /// Whether a partition of its target is still in another member's hands.
    pub(crate) fn waits_for_a_partition(&self, member: &ConsumerMember) -> bool {
        if member.current.state != MemberState::UnreleasedPartitions {
            return false;
        }
        let Some(target) = self.targets.get(&member.id) else {
            return false;
        };
        target.iter().any(|(topic, partitions)| {
            let has = member.current.assigned.get(topic);
            partitions.iter().any(|partition| {
                !has.is_some_and(|has| has.contains_key(partition)) && self.is_held(topic, *partition)
            })
        })
    }
}

/// A member's regular expression, if it has one.
pub(super) fn regex_of(member: &ConsumerMember) -> Option<Arc<str>> {
    Some(member.details.regex.clone()).filter(|regex| !regex.is_empty())
}

/// Counts one more; says whether it is the first.
pub(super) fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: Option<K>) -> bool {
    let Some(key) = key else { return false };
    let times = counts.entry(key).or_default();
    *times += 1;
    *times == 1
}

/// Counts one less; says whether it was the last.
pub(super) fn uncount<K: Ord>(counts: &mut BTreeMap<K, usize>, key: Option<K>) -> bool {
    let Some(key) = key else { return false };
    let Some(times) = counts.get_mut(&key) else {
        return false;
    };
    *times = times.saturating_sub(1);
    let was_last = *times == 0;
    if was_last {
        counts.remove(&key);
    }
    was_last
}

pub(super) fn count_names(topics: &mut BTreeMap<Arc<str>, SubscriptionCount>, member: &ConsumerMember) {
    for topic in &member.details.topics {
        topics.entry(topic.clone()).or_default().by_name += 1;
    }
}

pub(super) fn uncount_names(topics: &mut BTreeMap<Arc<str>, SubscriptionCount>, member: &ConsumerMember) {
    for topic in &member.details.topics {
        if let Some(times) = topics.get_mut(topic) {
            times.by_name = times.by_name.saturating_sub(1);
            if *times == SubscriptionCount::default() {
                topics.remove(topic);
            }
        }
    }
}

/// Counts a topic as matched by one more regular expression, or by one less.
pub(super) fn count_regex(topics: &mut BTreeMap<Arc<str>, SubscriptionCount>, topic: &Arc<str>, up: bool) {
    let times = topics.entry(topic.clone()).or_default();
    times.by_regex = if up {
        times.by_regex + 1
    } else {
        times.by_regex.saturating_sub(1)
    };
    if *times == SubscriptionCount::default() {
        topics.remove(topic);
    }
}
