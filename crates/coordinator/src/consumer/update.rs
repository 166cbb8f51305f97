//! What a new or changed member means for its group: records of the member, of the group's epoch, of the
//! target assignment and of what the member gets. Heartbeats and joins of the classic protocol both come
//! here.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;

use super::group::ConsumerGroup;
use super::member::{ConsumerMember, CurrentAssignment, MemberDetails, MemberState};
use super::metadata_hash::group_hash;
use super::reconcile::Reconciliation;
use super::record::{ConsumerRecord, GroupEpoch};
use super::refusal::Refusal;
use super::regex;
use super::target::{Targeting, all_subscribe_alike, may_compute};
use crate::assignor::{Assignor, Partitions};
use crate::cluster::{ClusterView, ConsumerSettings};

/// A decision about one member in the making: records are added step by step, and nothing else changes.
pub(super) struct Update<'a> {
    pub(super) group: &'a ConsumerGroup,
    pub(super) cluster: &'a dyn ClusterView,
    pub(super) settings: ConsumerSettings,
    pub(super) default_assignor: Assignor,
    pub(super) wall_ms: i64,
    /// The member as it was; an empty one if it is new.
    pub(super) old: ConsumerMember,
    /// The member as it will be.
    pub(super) member: ConsumerMember,
    /// The static member whose place it takes.
    pub(super) replaced: Option<Arc<str>>,
    pub(super) records: Vec<ConsumerRecord>,
    /// For the shell of this decision to do once the records are applied.
    pub(super) after: After,
}

/// What else has to happen once the records are in the log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct After {
    /// The topics were looked at for this group epoch.
    pub(super) topics_seen_at: Option<i32>,
    /// Regular expressions have to be resolved.
    pub(super) resolves_regexes: bool,
    /// The member's assignment has changed: the time it has to give partitions back begins or ends.
    pub(super) revokes: Option<bool>,
}

/// What a member's new subscription means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SubscriptionChange {
    /// It has changed.
    pub(super) changed: bool,
    /// The group has to be assigned anew at once.
    pub(super) bumps: bool,
}

impl<'a> Update<'a> {
    /// Gives the place of the static member `former` to this one: its partitions and target go over.
    pub(super) fn replace_static(&mut self, former: &ConsumerMember) {
        let id = self.old.id.clone();
        self.old = ConsumerMember {
            id: id.clone(),
            details: former.details.clone(),
            current: Arc::new(CurrentAssignment {
                epoch: 0,
                previous_epoch: 0,
                ..(*former.current).clone()
            }),
        };
        self.member = self.old.clone();
        self.replaced = Some(former.id.clone());
        let target = self.group.targets.get(&former.id).cloned().unwrap_or_default();
        self.records.extend(tombstones_of_member(&former.id));
        self.records.extend([
            ConsumerRecord::Member {
                id: id.clone(),
                value: Some(self.old.details.clone()),
            },
            ConsumerRecord::Target {
                id: id.clone(),
                value: Some(target),
            },
            ConsumerRecord::Current {
                id,
                value: Some(self.old.current.clone()),
            },
        ]);
    }

    /// Takes over what the member says of itself.
    ///
    /// # Errors
    /// INVALID_REGULAR_EXPRESSION.
    pub(super) fn set_details(&mut self, details: MemberDetails) -> Result<SubscriptionChange, Refusal> {
        if details != *self.old.details || !self.is_known() {
            self.member.details = Arc::new(details);
            self.records.push(ConsumerRecord::Member {
                id: self.member.id.clone(),
                value: Some(self.member.details.clone()),
            });
        }
        let names_changed = self.member.details.topics != self.old.details.topics;
        let regex = self.set_regex()?;
        Ok(SubscriptionChange {
            changed: names_changed || regex.changed,
            bumps: names_changed || regex.bumps,
        })
    }

    fn is_known(&self) -> bool {
        self.replaced.is_some() || self.group.members.contains_key(&self.member.id)
    }

    fn set_regex(&mut self) -> Result<SubscriptionChange, Refusal> {
        let (old, new) = (&self.old.details.regex, &self.member.details.regex);
        let readers = |regex: &str| self.group.subscribed_regexes.get(regex).copied().unwrap_or(0);
        let mut change = SubscriptionChange::default();
        let mut is_new = false;
        if old != new {
            change.changed = true;
            if !old.is_empty() && readers(old) == 1 {
                self.records.push(ConsumerRecord::Regex {
                    regex: old.clone(),
                    value: None,
                });
            }
            if new.is_empty() {
                change.bumps = true;
            } else if readers(new) == 0 {
                regex::check(new)?;
                is_new = true;
            } else {
                // It is assigned what the expression is known to match. One that is not resolved yet will
                // bump the epoch then.
                change.bumps = self.group.resolved.contains_key(new);
            }
        }
        self.after.resolves_regexes = regex::must_resolve(self, is_new);
        Ok(change)
    }

    /// Bumps the group's epoch if it must be, or if the topics turn out to have changed. Returns the group's
    /// epoch, and whether all members subscribe to the same topics.
    pub(super) fn set_epoch(&mut self, bumps: bool) -> (i32, bool) {
        let old = self.is_known().then_some(&self.old);
        let topics = self.group.topics_after(old.as_slice(), Some(&self.member));
        let regexes = self.group.regexes_after(old, Some(&self.member));
        let has_place = self.is_known();
        let members = self.group.members.len() + usize::from(!has_place);
        let alike = all_subscribe_alike(&topics, &regexes, members);
        let mut epoch = self.group.epoch.epoch;
        if bumps || self.group.must_look_at_topics() {
            let metadata_hash = group_hash(topics.keys(), self.cluster);
            if bumps || metadata_hash != self.group.epoch.metadata_hash {
                epoch = epoch.wrapping_add(1);
                self.records
                    .push(ConsumerRecord::Epoch(Some(GroupEpoch { epoch, metadata_hash })));
            }
            self.after.topics_seen_at = Some(epoch);
            if self.group.has_legacy_topics {
                self.records.push(ConsumerRecord::LegacyTopics(None));
            }
        }
        (epoch, alike)
    }

    /// The target assignment's epoch and what it gives this member; computed anew if the group is ahead of it
    /// and time allows.
    pub(super) fn set_target(
        &mut self,
        group_epoch: i32,
        all_subscribe_alike: bool,
    ) -> (i32, Arc<Partitions>) {
        let last = self.group.target_epoch;
        if last.epoch >= group_epoch || !may_compute(last, self.settings.assignment_interval_ms, self.wall_ms)
        {
            return (last.epoch, self.group.target(&self.member));
        }
        let old = self.is_known().then_some(&self.old);
        let preferred = self.group.preferred_assignor(old, Some(&self.member));
        let targeting = Targeting {
            group: self.group,
            cluster: self.cluster,
            updated: &self.member,
            replaced: self.replaced.as_ref(),
            group_epoch,
            all_subscribe_alike,
            assignor: preferred
                .and_then(|name| Assignor::from_name(&name))
                .unwrap_or(self.default_assignor),
            wall_ms: self.wall_ms,
        };
        let (records, target) = targeting.compute();
        self.records.extend(records);
        (group_epoch, target)
    }

    /// Brings the member a step towards its target.
    pub(super) fn reconcile(
        &mut self,
        target_epoch: i32,
        target: &Partitions,
        subscription_changed: bool,
        owned: Option<&'a [TopicPartitions]>,
    ) -> Result<(), Refusal> {
        let step = Reconciliation {
            group: self.group,
            cluster: self.cluster,
            member: &self.member,
            target_epoch,
            target,
            subscription_changed,
            owned,
        };
        if let Some(next) = step.step()? {
            self.after.revokes = Some(next.state == MemberState::UnrevokedPartitions);
            self.member.current = Arc::new(next);
            self.records.push(ConsumerRecord::Current {
                id: self.member.id.clone(),
                value: Some(self.member.current.clone()),
            });
        }
        Ok(())
    }
}

/// What removes a member from the log.
pub(super) fn tombstones_of_member(id: &Arc<str>) -> [ConsumerRecord; 3] {
    [
        ConsumerRecord::Current {
            id: id.clone(),
            value: None,
        },
        ConsumerRecord::Target {
            id: id.clone(),
            value: None,
        },
        ConsumerRecord::Member {
            id: id.clone(),
            value: None,
        },
    ]
}

/// A member's epoch must be the one it was told, or the one before, if it has nothing that it should not
/// have.
pub(super) fn check_epoch(
    member: &ConsumerMember,
    epoch: i32,
    owned: Option<&[TopicPartitions]>,
) -> Result<(), Refusal> {
    let known = member.epoch();
    if epoch == super::member::JOINS || epoch == known {
        return Ok(());
    }
    let is_retry = epoch < known && epoch == member.current.previous_epoch && owns_no_more(member, owned);
    if is_retry {
        return Ok(());
    }
    let relation = if epoch > known { "greater" } else { "smaller" };
    Err(Refusal::new(
        ErrorCode::FencedMemberEpoch,
        format!(
            "The consumer group member has a {relation} member epoch ({epoch}) than the one known by the group coordinator \
             ({known}). The member must abandon all its partitions and rejoin."
        ),
    ))
}

fn owns_no_more(member: &ConsumerMember, owned: Option<&[TopicPartitions]>) -> bool {
    owned.is_some_and(|owned| {
        owned.iter().all(|topic| {
            let assigned = member.current.assigned.get(&topic.topic_id);
            topic
                .partitions
                .iter()
                .all(|partition| assigned.is_some_and(|assigned| assigned.contains_key(partition)))
                && assigned.is_some()
        })
    })
}
