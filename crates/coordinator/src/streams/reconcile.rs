//! One step of a member of a streams group towards its target assignment.
//!
//! ```text
//!            has to give back               has given back         some are still held elsewhere
//!  Stable ─────────────────▶ Unrevoked ──────────────▶ Stable ◀──────────────────────▶ Unreleased
//! ```
//!
//! As in consumer groups, except for roles. An active task that is to be a standby of the same member is one
//! at once, a standby that is to be active stays one until it is free, and what another thread of the process
//! still has the member must wait for: they share the state directory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::group::{StreamsGroup, TaskId};
use super::member::{StreamsAssignment, StreamsMember};
use super::tasks::{HeldTasks, TaskSet, Tasks, add, each, each_active, has, has_active, take};
use crate::consumer::member::MemberState;
use crate::consumer::refusal::Refusal;

/// What a step is decided from.
pub(super) struct Reconciliation<'a> {
    pub(super) group: &'a StreamsGroup,
    pub(super) member: &'a StreamsMember,
    pub(super) target_epoch: i32,
    pub(super) target: &'a Tasks,
    /// What the member says it has; `None` if it does not say all of it.
    pub(super) owned: Option<&'a Tasks>,
}

/// What a role keeps, gives back and is to get.
#[derive(Default)]
struct Difference {
    keeps: TaskSet,
    revokes: TaskSet,
    gets: TaskSet,
}

impl Difference {
    fn of(current: &TaskSet, target: &TaskSet) -> Difference {
        let mut difference = Difference::default();
        for (subtopology, partition) in each(current) {
            let place = if has(target, subtopology, partition) {
                &mut difference.keeps
            } else {
                &mut difference.revokes
            };
            add(place, subtopology, partition);
        }
        for (subtopology, partition) in each(target) {
            if !has(current, subtopology, partition) {
                add(&mut difference.gets, subtopology, partition);
            }
        }
        difference
    }

    /// Leaves out of what it is to get what `is_held` elsewhere; says whether there was any.
    fn hold_back(&mut self, is_held: impl Fn(&Arc<str>, i32) -> bool) -> bool {
        let held: Vec<TaskId> = each(&self.gets)
            .filter(|(subtopology, partition)| is_held(subtopology, *partition))
            .map(|(subtopology, partition)| (subtopology.clone(), partition))
            .collect();
        for (subtopology, partition) in &held {
            take(&mut self.gets, subtopology, *partition);
        }
        !held.is_empty()
    }

    /// The member has the task already, in another role: it changes that at once. Says whether it was to get
    /// it.
    fn grant(&mut self, subtopology: &Arc<str>, partition: i32) -> bool {
        let granted = take(&mut self.gets, subtopology, partition);
        if granted {
            add(&mut self.keeps, subtopology, partition);
        }
        granted
    }
}

impl Reconciliation<'_> {
    /// What the member has after this step; `None` if nothing changes.
    ///
    /// # Errors
    /// FENCED_MEMBER_EPOCH for a member in a state that is not known.
    pub(super) fn step(&self) -> Result<Option<StreamsAssignment>, Refusal> {
        let current = &*self.member.current;
        let epoch = match current.state {
            MemberState::Stable if current.epoch == self.target_epoch => return Ok(None),
            MemberState::UnrevokedPartitions if self.has_not_released(&current.revoking) => return Ok(None),
            MemberState::UnrevokedPartitions => current.epoch.wrapping_add(1),
            MemberState::Stable | MemberState::UnreleasedPartitions => current.epoch,
            MemberState::Unknown if self.owned.is_none_or(|owned| *owned != Tasks::default()) => {
                return Err(Refusal::new(
                    ErrorCode::FencedMemberEpoch,
                    "The streams group member is in a unknown state. The member must abandon all its tasks and rejoin.",
                ));
            }
            MemberState::Unknown => self.target_epoch,
        };
        let next = self.towards_target(epoch);
        Ok(Some(next).filter(|next| next != current))
    }

    /// Whether the member still has one of these tasks. One that doesn't say may have all.
    fn has_not_released(&self, tasks: &HeldTasks) -> bool {
        let Some(owned) = self.owned else { return true };
        each_active(&tasks.active)
            .any(|(subtopology, partition, _)| has(&owned.active, subtopology, partition))
            || each(&tasks.standby)
                .any(|(subtopology, partition)| has(&owned.standby, subtopology, partition))
            || each(&tasks.warmup).any(|(subtopology, partition)| has(&owned.warmup, subtopology, partition))
    }

    fn towards_target(&self, epoch: i32) -> StreamsAssignment {
        let held = &self.member.current.assigned;
        let held_active: TaskSet = held
            .active
            .iter()
            .map(|(subtopology, partitions)| (subtopology.clone(), partitions.keys().copied().collect()))
            .collect();
        let mut active = Difference::of(&held_active, &self.target.active);
        let mut standby = Difference::of(&held.standby, &self.target.standby);
        let mut warmup = Difference::of(&held.warmup, &self.target.warmup);
        let waits = [
            active.hold_back(|subtopology, partition| self.is_active_held(subtopology, partition)),
            standby.hold_back(|subtopology, partition| self.is_standby_held(subtopology, partition)),
            warmup.hold_back(|subtopology, partition| self.is_warmup_held(subtopology, partition)),
        ]
        .contains(&true);

        for (subtopology, partition) in each(&held_active) {
            standby.grant(subtopology, partition);
        }
        swap_roles(&held.standby, &mut standby, &mut warmup);
        swap_roles(&held.warmup, &mut warmup, &mut standby);
        self.promote(&active, &mut standby, &mut warmup);

        let kept = |tasks: TaskSet| -> BTreeMap<Arc<str>, BTreeMap<i32, i32>> {
            self.with_epochs(&tasks, |subtopology, partition| {
                held.active
                    .get(subtopology)
                    .and_then(|partitions| partitions.get(&partition))
                    .copied()
            })
        };
        let assigned = HeldTasks {
            active: kept(active.keeps),
            standby: standby.keeps,
            warmup: warmup.keeps,
        };
        let revoking = HeldTasks {
            active: kept(active.revokes),
            standby: standby.revokes,
            warmup: warmup.revokes,
        };
        let previous_epoch = self.member.current.epoch;
        if !revoking.is_empty() && self.has_not_released(&revoking) {
            return StreamsAssignment {
                epoch,
                previous_epoch,
                state: MemberState::UnrevokedPartitions,
                assigned,
                revoking,
            };
        }
        let gets = HeldTasks {
            active: self.with_epochs(&active.gets, |_, _| None),
            standby: standby.gets,
            warmup: warmup.gets,
        };
        StreamsAssignment {
            epoch: self.target_epoch,
            previous_epoch,
            state: if waits {
                MemberState::UnreleasedPartitions
            } else {
                MemberState::Stable
            },
            assigned: assigned.merged(gets),
            revoking: HeldTasks::default(),
        }
    }

    /// Active tasks with the epochs that they have, or else the target's.
    fn with_epochs(
        &self,
        tasks: &TaskSet,
        known: impl Fn(&Arc<str>, i32) -> Option<i32>,
    ) -> BTreeMap<Arc<str>, BTreeMap<i32, i32>> {
        let epoch =
            |subtopology: &Arc<str>, partition| known(subtopology, partition).unwrap_or(self.target_epoch);
        let with = |(subtopology, partitions): (&Arc<str>, &BTreeSet<i32>)| {
            let partitions = partitions
                .iter()
                .map(|partition| (*partition, epoch(subtopology, *partition)));
            (subtopology.clone(), partitions.collect())
        };
        tasks.iter().map(with).collect()
    }

    /// Copies that are to become active are not given back for it: they stay what they are until the task is
    /// free, and until what else has to be given back has been.
    fn promote(&self, active: &Difference, standby: &mut Difference, warmup: &mut Difference) {
        let held = &self.member.current.assigned;
        let promoted = |tasks: &TaskSet| -> Vec<TaskId> {
            each(tasks)
                .filter(|(subtopology, partition)| has(&self.target.active, subtopology, *partition))
                .map(|(subtopology, partition)| (subtopology.clone(), partition))
                .collect()
        };
        let (standbys, warmups) = (promoted(&held.standby), promoted(&held.warmup));
        for (tasks, difference) in [(&standbys, &mut *standby), (&warmups, &mut *warmup)] {
            for (subtopology, partition) in tasks {
                take(&mut difference.revokes, subtopology, *partition);
            }
        }
        let revoking = HeldTasks {
            active: self.with_epochs(&active.revokes, |_, _| None),
            standby: standby.revokes.clone(),
            warmup: warmup.revokes.clone(),
        };
        let revokes_first = !revoking.is_empty() && self.has_not_released(&revoking);
        for (tasks, difference) in [(standbys, standby), (warmups, warmup)] {
            for (subtopology, partition) in tasks {
                if revokes_first || !has(&active.gets, &subtopology, partition) {
                    add(&mut difference.keeps, &subtopology, partition);
                }
            }
        }
    }

    fn process(&self) -> &Arc<str> {
        &self.member.details.process_id
    }

    fn active_process(&self, subtopology: &Arc<str>, partition: i32) -> Option<&Arc<str>> {
        self.group.active_processes.get(&(subtopology.clone(), partition))
    }

    fn is_active_held(&self, subtopology: &Arc<str>, partition: i32) -> bool {
        self.active_process(subtopology, partition).is_some()
            || self.another_thread_follows(
                &self.group.standby_processes,
                |held| &held.standby,
                subtopology,
                partition,
            )
            || self.another_thread_follows(
                &self.group.warmup_processes,
                |held| &held.warmup,
                subtopology,
                partition,
            )
    }

    fn is_standby_held(&self, subtopology: &Arc<str>, partition: i32) -> bool {
        let has_it = has_active(&self.member.current.assigned.active, subtopology, partition);
        (self.active_process(subtopology, partition) == Some(self.process()) && !has_it)
            || self.process_follows(&self.group.standby_processes, subtopology, partition)
            || self.another_thread_follows(
                &self.group.warmup_processes,
                |held| &held.warmup,
                subtopology,
                partition,
            )
    }

    fn is_warmup_held(&self, subtopology: &Arc<str>, partition: i32) -> bool {
        self.active_process(subtopology, partition) == Some(self.process())
            || self.another_thread_follows(
                &self.group.standby_processes,
                |held| &held.standby,
                subtopology,
                partition,
            )
            || self.process_follows(&self.group.warmup_processes, subtopology, partition)
    }

    fn process_follows(
        &self,
        processes: &BTreeMap<TaskId, BTreeSet<Arc<str>>>,
        subtopology: &Arc<str>,
        partition: i32,
    ) -> bool {
        let holders = processes.get(&(subtopology.clone(), partition));
        holders.is_some_and(|holders| holders.contains(self.process()))
    }

    fn another_thread_follows(
        &self,
        processes: &BTreeMap<TaskId, BTreeSet<Arc<str>>>,
        role: fn(&HeldTasks) -> &TaskSet,
        subtopology: &Arc<str>,
        partition: i32,
    ) -> bool {
        self.process_follows(processes, subtopology, partition)
            && !has(role(&self.member.current.assigned), subtopology, partition)
    }
}

/// Copies that only change from standby to warm-up, or back, are given back by nobody.
fn swap_roles(held: &TaskSet, from: &mut Difference, to: &mut Difference) {
    for (subtopology, partition) in each(held) {
        if to.grant(subtopology, partition) {
            take(&mut from.revokes, subtopology, partition);
        }
    }
}
