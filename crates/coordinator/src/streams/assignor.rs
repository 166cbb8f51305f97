//! Apache Kafka's `sticky` task assignor: tasks stay where they are or where their state is, as far as all
//! members get equally many; what is left goes to the process with the least load for its threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::{MemberOffsets, TaskId};
use super::tasks::{Tasks, add, each, has};

/// Name of the assignor.
pub(crate) const STICKY: &str = "sticky";

/// A member that is to be assigned tasks.
pub(super) struct Assignee<'a> {
    pub(super) process: &'a Arc<str>,
    /// What it was to have so far.
    pub(super) had: Arc<Tasks>,
    pub(super) offsets: Option<&'a MemberOffsets>,
}

/// A subtopology whose tasks are assigned.
pub(super) struct Assignable<'a> {
    pub(super) id: &'a Arc<str>,
    pub(super) tasks: i32,
    pub(super) is_stateful: bool,
}

/// The target assignment of all members, in their order.
pub(super) fn assign(
    members: &[Assignee<'_>],
    subtopologies: &[Assignable<'_>],
    standbys: i32,
) -> Vec<Tasks> {
    if members.is_empty() {
        return Vec::new();
    }
    let mut assignment = Assignment::new(members, subtopologies, standbys);
    let tasks = |stateful_only: bool| -> Vec<TaskId> {
        let chosen = subtopologies
            .iter()
            .filter(|one| one.is_stateful || !stateful_only);
        let mut tasks: Vec<TaskId> = chosen
            .flat_map(|one| (0..one.tasks).map(|partition| (one.id.clone(), partition)))
            .collect();
        tasks.sort();
        tasks
    };
    assignment.assign_active(tasks(false));
    if standbys > 0 {
        assignment.assign_standbys(tasks(true), standbys);
    }
    assignment.assigned
}

/// How many tasks each of those that still take some may have.
struct Quota {
    tasks: i64,
    takers: i64,
    each: i64,
}

impl Quota {
    fn new(tasks: i64, takers: usize) -> Quota {
        let mut quota = Quota {
            tasks,
            takers: i64::try_from(takers).unwrap_or(i64::MAX),
            each: 0,
        };
        quota.share();
        quota
    }

    fn share(&mut self) {
        self.each = match self.takers {
            ..=0 => 0,
            takers => (self.tasks + takers - 1).div_euclid(takers),
        };
    }

    /// A member has got a task, and now has `count`: who has its share takes no more.
    fn taken(&mut self, count: i64) {
        if count == self.each {
            self.takers -= 1;
            self.tasks -= self.each;
            self.share();
        }
    }
}

/// A process and its threads, by their place among the members.
struct Process {
    members: Vec<usize>,
    tasks: BTreeSet<TaskId>,
    count: usize,
}

impl Process {
    /// Tasks for each thread, comparable without a remainder.
    fn is_below(&self, other: &Process) -> bool {
        self.count * other.members.len() < other.count * self.members.len()
    }
}

struct Assignment {
    processes: Vec<Process>,
    process_of: Vec<usize>,
    counts: Vec<i64>,
    assigned: Vec<Tasks>,
    active_before: BTreeMap<TaskId, usize>,
    followed_before: BTreeMap<TaskId, Vec<usize>>,
    active_quota: Quota,
    quota: Quota,
}

impl Assignment {
    fn new(members: &[Assignee<'_>], subtopologies: &[Assignable<'_>], standbys: i32) -> Self {
        let mut by_id: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        let mut processes: Vec<Process> = Vec::new();
        let mut process_of = Vec::new();
        let mut active_before = BTreeMap::new();
        for (place, member) in members.iter().enumerate() {
            let process = *by_id.entry(member.process).or_insert_with(|| {
                processes.push(Process {
                    members: Vec::new(),
                    tasks: BTreeSet::new(),
                    count: 0,
                });
                processes.len() - 1
            });
            processes[process].members.push(place);
            process_of.push(process);
            active_before
                .extend(each(&member.had.active).map(|(id, partition)| ((id.clone(), partition), place)));
        }
        let active: i64 = subtopologies.iter().map(|one| i64::from(one.tasks)).sum();
        let stateful = subtopologies.iter().filter(|one| one.is_stateful);
        let followers: i64 = stateful
            .map(|one| i64::from(one.tasks) * i64::from(standbys))
            .sum();
        Assignment {
            processes,
            process_of,
            counts: vec![0; members.len()],
            assigned: vec![Tasks::default(); members.len()],
            active_before,
            followed_before: followed_before(members),
            active_quota: Quota::new(active, members.len()),
            quota: Quota::new(active + followers, members.len()),
        }
    }

    fn assign_active(&mut self, tasks: Vec<TaskId>) {
        let mut left = Vec::new();
        for task in tasks {
            match self.active_before.get(&task).copied() {
                Some(member) if self.counts[member] < self.active_quota.each => {
                    self.give_active(member, task)
                }
                _ => left.push(task),
            }
        }
        let mut homeless = Vec::new();
        for task in left {
            match self.least_loaded_follower(&task, false) {
                Some(member) if self.counts[member] < self.active_quota.each => {
                    self.give_active(member, task)
                }
                _ => homeless.push(task),
            }
        }
        homeless.sort_by(|(id, partition), (other_id, other)| (partition, id).cmp(&(other, other_id)));
        for task in homeless {
            let process = self
                .least_loaded_process(None)
                .expect("invariant: there is a member, so a process");
            let member = self.least_loaded_member(process);
            self.give_active(member, task);
        }
    }

    fn assign_standbys(&mut self, mut tasks: Vec<TaskId>, standbys: i32) {
        tasks.reverse();
        let mut left = Vec::new();
        for task in tasks {
            for given in 0..standbys {
                let active = self.active_before.get(&task).copied();
                let active = active.filter(|member| self.may_follow(*member, &task));
                let follower = || {
                    self.least_loaded_follower(&task, true)
                        .filter(|member| self.may_follow(*member, &task))
                };
                match active.or_else(follower) {
                    Some(member) => self.give_standby(member, &task),
                    None => {
                        left.push((task.clone(), standbys - given));
                        break;
                    }
                }
            }
        }
        for (task, replicas) in left {
            for _ in 0..replicas {
                let Some(process) = self.least_loaded_process(Some(&task)) else {
                    break;
                };
                let member = self.least_loaded_member(process);
                self.give_standby(member, &task);
            }
        }
    }

    fn may_follow(&self, member: usize, task: &TaskId) -> bool {
        !self.processes[self.process_of[member]].tasks.contains(task) && self.counts[member] < self.quota.each
    }

    fn give_active(&mut self, member: usize, task: TaskId) {
        add(&mut self.assigned[member].active, &task.0, task.1);
        let count = self.give(member, task);
        self.active_quota.taken(count);
        self.quota.taken(count);
    }

    fn give_standby(&mut self, member: usize, task: &TaskId) {
        add(&mut self.assigned[member].standby, &task.0, task.1);
        let count = self.give(member, task.clone());
        self.quota.taken(count);
    }

    fn give(&mut self, member: usize, task: TaskId) -> i64 {
        let process = &mut self.processes[self.process_of[member]];
        process.tasks.insert(task);
        process.count += 1;
        self.counts[member] += 1;
        self.counts[member]
    }

    /// Of those that have state of the task: the first, unless a later one has both a process with less load
    /// and less to do itself. With `elsewhere` only those whose process does not have the task.
    fn least_loaded_follower(&self, task: &TaskId, elsewhere: bool) -> Option<usize> {
        let mut best: Option<usize> = None;
        for member in self.followed_before.get(task).into_iter().flatten().copied() {
            let process = &self.processes[self.process_of[member]];
            if elsewhere && process.tasks.contains(task) {
                continue;
            }
            let is_better = best.is_none_or(|best| {
                process.is_below(&self.processes[self.process_of[best]])
                    && self.counts[member] < self.counts[best]
            });
            if is_better {
                best = Some(member);
            }
        }
        best
    }

    /// The process with the least load; with a task, of those that don't have it.
    fn least_loaded_process(&self, without: Option<&TaskId>) -> Option<usize> {
        let mut best: Option<usize> = None;
        for (place, process) in self.processes.iter().enumerate() {
            let may = without.is_none_or(|task| !process.tasks.contains(task));
            if may && best.is_none_or(|best| process.is_below(&self.processes[best])) {
                best = Some(place);
            }
        }
        best
    }

    fn least_loaded_member(&self, process: usize) -> usize {
        let members = self.processes[process].members.iter().copied();
        members
            .min_by_key(|member| self.counts[*member])
            .expect("invariant: a process has a member")
    }
}

/// By task those that have state of it: first who was to follow it, then whoever says so; who has more of it
/// first.
fn followed_before(members: &[Assignee<'_>]) -> BTreeMap<TaskId, Vec<usize>> {
    let mut ranked: BTreeMap<TaskId, Vec<(bool, i64, usize)>> = BTreeMap::new();
    for (place, member) in members.iter().enumerate() {
        let offset = |task: &TaskId| {
            member
                .offsets
                .and_then(|offsets| offsets.offsets.get(task))
                .copied()
        };
        for (id, partition) in each(&member.had.standby) {
            let task = (id.clone(), partition);
            let offset = offset(&task).unwrap_or(0);
            ranked.entry(task).or_default().push((false, -offset, place));
        }
        for (task, offset) in member.offsets.iter().flat_map(|offsets| &offsets.offsets) {
            if !has(&member.had.standby, &task.0, task.1) {
                ranked
                    .entry(task.clone())
                    .or_default()
                    .push((true, offset.saturating_neg(), place));
            }
        }
    }
    let in_order = |(task, mut followers): (TaskId, Vec<(bool, i64, usize)>)| {
        followers.sort_unstable();
        (task, followers.into_iter().map(|(_, _, place)| place).collect())
    };
    ranked.into_iter().map(in_order).collect()
}
