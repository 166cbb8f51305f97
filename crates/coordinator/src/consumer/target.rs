//! The target assignment of a group: computed when the group's epoch is ahead of it, at most once in
//! `consumer.assignment.interval.ms` (KIP-1263), for all members at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::group::{ConsumerGroup, SubscriptionCount};
use super::member::ConsumerMember;
use super::record::{ConsumerRecord, TargetEpoch};
use crate::assignor::{AssigneeMember, Assignor, Partitions};
use crate::cluster::ClusterView;
use barnabas_protocol::java_order::{hash_map_order, java_hash, timeline_map_order};

/// What a target assignment is computed from.
pub(super) struct Targeting<'a> {
    pub(super) group: &'a ConsumerGroup,
    pub(super) cluster: &'a dyn ClusterView,
    /// The member that is being decided about, as it will be.
    pub(super) updated: &'a ConsumerMember,
    /// The static member that it replaces.
    pub(super) replaced: Option<&'a Arc<str>>,
    pub(super) group_epoch: i32,
    pub(super) all_subscribe_alike: bool,
    pub(super) assignor: Assignor,
    pub(super) wall_ms: i64,
}

impl Targeting<'_> {
    /// The records of the new target assignment, and what it gives the updated member.
    pub(super) fn compute(&self) -> (Vec<ConsumerRecord>, Arc<Partitions>) {
        let mut members: Vec<&ConsumerMember> = self
            .group
            .members
            .values()
            .filter(|member| member.id != self.updated.id && Some(&member.id) != self.replaced)
            .chain([self.updated])
            .collect();
        // Apache Kafka goes through its members in the order of its hash tables.
        timeline_map_order(&mut members, |member| java_hash(&member.id));
        hash_map_order(&mut members, |member| java_hash(&member.id));

        let mut topics = TopicsOf {
            group: self.group,
            cluster: self.cluster,
            sizes: BTreeMap::new(),
            ids: BTreeMap::new(),
        };
        let mut subscriptions: Vec<BTreeSet<Uuid>> = Vec::new();
        for member in &members {
            if !self.all_subscribe_alike || subscriptions.is_empty() {
                subscriptions.push(topics.of(member));
            }
        }
        let had: Vec<Arc<Partitions>> = members.iter().map(|member| self.group.target(member)).collect();
        let assignees: Vec<AssigneeMember<'_>> = members
            .iter()
            .zip(&had)
            .enumerate()
            .map(|(index, (member, had))| AssigneeMember {
                id: &member.id,
                instance_id: member.details.instance_id.as_deref(),
                topics: subscriptions.get(index).unwrap_or(&subscriptions[0]),
                had,
            })
            .collect();
        let assigned = self
            .assignor
            .assign(&assignees, self.all_subscribe_alike, &topics.sizes);

        let mut records = Vec::new();
        let mut own = Arc::default();
        for (member, target) in members.iter().zip(assigned) {
            let target = Arc::new(target);
            if member.id == self.updated.id {
                own = target.clone();
            }
            if self.group.targets.get(&member.id) != Some(&target) {
                records.push(ConsumerRecord::Target {
                    id: member.id.clone(),
                    value: Some(target),
                });
            }
        }
        records.push(ConsumerRecord::TargetEpoch(Some(TargetEpoch {
            epoch: self.group_epoch,
            timestamp_ms: self.wall_ms,
        })));
        (records, own)
    }
}

/// Resolves members' subscriptions to ids, each topic once.
struct TopicsOf<'a> {
    group: &'a ConsumerGroup,
    cluster: &'a dyn ClusterView,
    sizes: BTreeMap<Uuid, i32>,
    ids: BTreeMap<Arc<str>, Option<Uuid>>,
}

impl TopicsOf<'_> {
    fn of(&mut self, member: &ConsumerMember) -> BTreeSet<Uuid> {
        let resolved = self.group.resolved.get(&member.details.regex);
        let names = member
            .details
            .topics
            .iter()
            .chain(resolved.iter().flat_map(|regex| &regex.topics));
        let mut subscribed = BTreeSet::new();
        for name in names {
            let id = match self.ids.get(name) {
                Some(id) => *id,
                None => {
                    let topic = self.cluster.topic(name);
                    let id = topic.as_ref().map(|topic| topic.id);
                    if let Some(topic) = topic {
                        self.sizes.insert(topic.id, topic.partition_count);
                    }
                    self.ids.insert(name.clone(), id);
                    id
                }
            };
            subscribed.extend(id);
        }
        subscribed
    }
}

/// Whether all of `members` members subscribe to the same topics, as far as the counts tell.
pub(super) fn all_subscribe_alike(
    topics: &BTreeMap<Arc<str>, SubscriptionCount>,
    regexes: &BTreeMap<Arc<str>, usize>,
    members: usize,
) -> bool {
    let same_regex = regexes.is_empty() || regexes.values().all(|count| *count == members);
    same_regex
        && topics
            .values()
            .all(|count| count.by_name == members || (count.by_name == 0 && count.by_regex > 0))
}

/// Whether enough time has passed since the last computation; a clock that was set back does not count.
pub(crate) fn may_compute(last: TargetEpoch, interval_ms: i32, wall_ms: i64) -> bool {
    last.timestamp_ms == 0
        || interval_ms == 0
        || wall_ms < last.timestamp_ms
        || wall_ms >= last.timestamp_ms.saturating_add(i64::from(interval_ms))
}
