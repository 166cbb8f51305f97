//! Sets of tasks, by role. A task is a partition of a subtopology.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Partitions by subtopology. No subtopology is without a partition.
pub type TaskSet = BTreeMap<Arc<str>, BTreeSet<i32>>;
/// Active tasks by subtopology, each with the epoch at which the member got it.
pub type ActiveTasks = BTreeMap<Arc<str>, BTreeMap<i32, i32>>;

/// Tasks by role, as they are targeted or reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Tasks that process.
    pub active: TaskSet,
    /// Tasks that follow the changelogs of others.
    pub standby: TaskSet,
    /// Standbys that are to become active.
    pub warmup: TaskSet,
}

/// Tasks that a member has, by role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldTasks {
    /// Tasks that process.
    pub active: ActiveTasks,
    /// Tasks that follow the changelogs of others.
    pub standby: TaskSet,
    /// Standbys that are to become active.
    pub warmup: TaskSet,
}

impl HeldTasks {
    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty() && self.warmup.is_empty()
    }

    /// Both together; no task is in both in the same role.
    pub(crate) fn merged(mut self, other: HeldTasks) -> HeldTasks {
        for (subtopology, partitions) in other.active {
            self.active.entry(subtopology).or_default().extend(partitions);
        }
        for (into, from) in [
            (&mut self.standby, other.standby),
            (&mut self.warmup, other.warmup),
        ] {
            for (subtopology, partitions) in from {
                into.entry(subtopology).or_default().extend(partitions);
            }
        }
        self
    }

    /// The same tasks, their epochs 0: a static member that has left keeps what it had, but commits nothing.
    pub(crate) fn with_epochs_zero(mut self) -> HeldTasks {
        for partitions in self.active.values_mut() {
            partitions.values_mut().for_each(|epoch| *epoch = 0);
        }
        self
    }
}

pub(crate) fn has(tasks: &TaskSet, subtopology: &str, partition: i32) -> bool {
    tasks
        .get(subtopology)
        .is_some_and(|partitions| partitions.contains(&partition))
}

pub(crate) fn has_active(tasks: &ActiveTasks, subtopology: &str, partition: i32) -> bool {
    tasks
        .get(subtopology)
        .is_some_and(|partitions| partitions.contains_key(&partition))
}

pub(crate) fn add(tasks: &mut TaskSet, subtopology: &Arc<str>, partition: i32) {
    tasks.entry(subtopology.clone()).or_default().insert(partition);
}

/// Takes a task out; says whether it was there.
pub(crate) fn take(tasks: &mut TaskSet, subtopology: &str, partition: i32) -> bool {
    let Some(partitions) = tasks.get_mut(subtopology) else {
        return false;
    };
    let was_there = partitions.remove(&partition);
    if partitions.is_empty() {
        tasks.remove(subtopology);
    }
    was_there
}

/// Every task of a set.
pub(crate) fn each(tasks: &TaskSet) -> impl Iterator<Item = (&Arc<str>, i32)> {
    tasks.iter().flat_map(|(subtopology, partitions)| {
        partitions.iter().map(move |partition| (subtopology, *partition))
    })
}

/// Every active task of a set, with its epoch.
pub(crate) fn each_active(tasks: &ActiveTasks) -> impl Iterator<Item = (&Arc<str>, i32, i32)> {
    tasks.iter().flat_map(|(subtopology, partitions)| {
        partitions
            .iter()
            .map(move |(partition, epoch)| (subtopology, *partition, *epoch))
    })
}
