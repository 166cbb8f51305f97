//! One step of a member towards its target assignment.
//!
//! ```text
//!            has to give back              has given back          some are still held by others
//!  Stable ─────────────────▶ Unrevoked ──────────────▶ Stable ◀──────────────────────▶ Unreleased
//! ```
//!
//! While it has something to give back a member stays in its epoch. After that it goes to the target's epoch
//! at once and gets what is free; what others have yet to give back it gets when they have. So nobody waits
//! for a slow member but those who want its partitions.

use std::collections::BTreeSet;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use uuid::Uuid;

use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerMember, CurrentAssignment, MemberState};
use super::refusal::Refusal;
use crate::assignor::Partitions;
use crate::cluster::ClusterView;

/// What a step is decided from.
pub(super) struct Reconciliation<'a> {
    pub(super) group: &'a ConsumerGroup,
    pub(super) cluster: &'a dyn ClusterView,
    pub(super) member: &'a ConsumerMember,
    pub(super) target_epoch: i32,
    pub(super) target: &'a Partitions,
    /// The member has changed what it reads: what it reads no more is taken away at once.
    pub(super) subscription_changed: bool,
    /// What the member says it has; `None` if it says nothing.
    pub(super) owned: Option<&'a [TopicPartitions]>,
}

impl Reconciliation<'_> {
    /// What the member has after this step; `None` if nothing changes.
    ///
    /// # Errors
    /// FENCED_MEMBER_EPOCH for a member in a state that is not known.
    pub(super) fn step(&self) -> Result<Option<CurrentAssignment>, Refusal> {
        let current = &*self.member.current;
        if !self.subscription_changed && self.member.is_reconciled_to(self.target_epoch) {
            return Ok(None);
        }
        let next = match current.state {
            MemberState::Stable if current.epoch != self.target_epoch => self.towards_target(current.epoch),
            MemberState::Stable => return Ok(self.without_unsubscribed()),
            MemberState::UnrevokedPartitions if self.owns_any(&current.revoking) => {
                return Ok(self
                    .subscription_changed
                    .then(|| self.without_unsubscribed())
                    .flatten());
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => {
                self.towards_target(current.epoch)
            }
            MemberState::Unknown if self.owned.is_none_or(|owned| !owned.is_empty()) => {
                return Err(Refusal::new(
                    ErrorCode::FencedMemberEpoch,
                    "The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.",
                ));
            }
            MemberState::Unknown => self.towards_target(self.target_epoch),
        };
        Ok(Some(next).filter(|next| next != current))
    }

    /// Whether the member still has one of these partitions. One that doesn't say may have all.
    fn owns_any(&self, partitions: &Assigned) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|topic| {
            let pending = partitions.get(&topic.topic_id);
            pending.is_some_and(|pending| topic.partitions.iter().any(|p| pending.contains_key(p)))
        })
    }

    /// The ids of the topics that the member reads. A regular expression that is not resolved matches none.
    fn subscribed(&self) -> BTreeSet<Uuid> {
        let details = &self.member.details;
        let resolved = self.group.resolved.get(&details.regex);
        let names = details
            .topics
            .iter()
            .chain(resolved.iter().flat_map(|regex| &regex.topics));
        names
            .filter_map(|name| Some(self.cluster.topic(name)?.id))
            .collect()
    }

    /// Takes away the topics that the member no longer reads, and nothing else.
    fn without_unsubscribed(&self) -> Option<CurrentAssignment> {
        let current = &*self.member.current;
        let subscribed = self.subscribed();
        let (assigned, gone): (Assigned, Assigned) = current
            .assigned
            .iter()
            .map(|(topic, partitions)| (*topic, partitions.clone()))
            .partition(|(topic, _)| subscribed.contains(topic));
        if gone.is_empty() {
            return None;
        }
        let mut revoking = current.revoking.clone();
        for (topic, partitions) in gone {
            revoking.entry(topic).or_default().extend(partitions);
        }
        Some(if self.owns_any(&revoking) {
            CurrentAssignment {
                epoch: current.epoch,
                previous_epoch: current.epoch,
                state: MemberState::UnrevokedPartitions,
                assigned,
                revoking,
            }
        } else {
            CurrentAssignment {
                epoch: current.epoch,
                previous_epoch: current.epoch,
                assigned,
                ..current.clone()
            }
        })
    }

    fn towards_target(&self, epoch: i32) -> CurrentAssignment {
        let current = &*self.member.current;
        let subscribed = self.subscribed();
        let (mut assigned, mut revoking) = (Assigned::new(), Assigned::new());
        let is_target = |topic: &Uuid, partition: &i32| {
            subscribed.contains(topic)
                && self
                    .target
                    .get(topic)
                    .is_some_and(|target| target.contains(partition))
        };
        for (topic, partitions) in &current.assigned {
            for (partition, assignment_epoch) in partitions {
                let place = if is_target(topic, partition) {
                    &mut assigned
                } else {
                    &mut revoking
                };
                place
                    .entry(*topic)
                    .or_default()
                    .insert(*partition, *assignment_epoch);
            }
        }
        let previous_epoch = current.epoch;
        if !revoking.is_empty() && self.owns_any(&revoking) {
            return CurrentAssignment {
                epoch,
                previous_epoch,
                state: MemberState::UnrevokedPartitions,
                assigned,
                revoking,
            };
        }
        let mut must_wait = false;
        for (topic, partitions) in self.target.iter().filter(|(topic, _)| subscribed.contains(topic)) {
            let has = |assigned: &Assigned, partition: &i32| {
                assigned.get(topic).is_some_and(|has| has.contains_key(partition))
            };
            for partition in partitions {
                if has(&assigned, partition) {
                    continue;
                }
                // What it was to give back itself nobody else can have.
                if self.group.is_held(topic, *partition) && !has(&current.revoking, partition) {
                    must_wait = true;
                    continue;
                }
                assigned
                    .entry(*topic)
                    .or_default()
                    .insert(*partition, self.target_epoch);
            }
        }
        CurrentAssignment {
            epoch: self.target_epoch,
            previous_epoch,
            state: if must_wait {
                MemberState::UnreleasedPartitions
            } else {
                MemberState::Stable
            },
            assigned,
            revoking: Assigned::new(),
        }
    }
}
