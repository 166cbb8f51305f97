//! Threads of Kafka Streams processes that die, retry, leave, come late and lose answers, a clock that jumps, internal topics that are
//! made late, standbys that are switched on and off, and brokers that restart, by a seed.
//!
//! What must hold whatever happens: epochs only go up; no active task is with two members; no two threads of a process have the same
//! task; a thread never runs a task that another living one still runs; a shard that replays the log is the shard that lived through
//! it. And when all is calm, every task has an owner and as many standbys as there are processes for. A failure prints its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barnabas_coordinator::{GroupConfig, StreamsGroup, StreamsGroupState};
use barnabas_environment::Random;

use crate::cluster::Cluster;
use crate::fixture::{GROUP, Harness};
use crate::streams::{Ids, beat, heard, joining, owning};

const TASKS: usize = 8;

struct Thread {
    id: String,
    process: String,
    epoch: i32,
    active: Ids,
    standby: Ids,
    /// What it was told to have and does not yet.
    told: Option<(Ids, Ids)>,
}

struct Simulation {
    random: Random,
    harness: Harness,
    cluster: Cluster,
    threads: Vec<Thread>,
    next_id: usize,
    group_epoch: i32,
    epochs: BTreeMap<String, i32>,
    assignments: usize,
}

fn each(ids: &Ids) -> impl Iterator<Item = (&str, i32)> {
    ids.iter()
        .flat_map(|(id, partitions)| partitions.iter().map(move |partition| (id.as_str(), *partition)))
}

/// What is in both.
fn common(had: &Ids, told: &Ids) -> Ids {
    let mut both = Ids::new();
    for (id, partition) in
        each(had).filter(|(id, partition)| told.get(*id).is_some_and(|told| told.contains(partition)))
    {
        both.entry(id.to_owned()).or_default().push(partition);
    }
    both
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut cluster = Cluster::with(&[("t", 4)]);
        cluster.streams.assignment_interval_ms = if seed.is_multiple_of(2) { 0 } else { 1_000 };
        cluster.streams.initial_rebalance_delay_ms = if seed.is_multiple_of(3) { 3_000 } else { 0 };
        cluster.streams.num_standby_replicas = 1;
        let mut harness = Harness::with_config(GroupConfig {
            // A deleted group would begin at its first epoch again.
            offsets_retention_check_interval_ms: i64::MAX / 2,
            streams_group_max_size: 6,
            ..GroupConfig::default()
        });
        harness.shard.set_cluster(Arc::new(cluster.clone()), &[]);
        Simulation {
            random: Random::seeded(seed),
            harness,
            cluster,
            threads: Vec::new(),
            next_id: 0,
            group_epoch: 0,
            epochs: BTreeMap::new(),
            assignments: 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound as u64) as usize
    }

    fn step(&mut self) {
        match self.below(1_000) {
            0..30 if self.threads.len() < 8 => {
                self.next_id += 1;
                let process = format!("p{}", self.below(3));
                self.threads.push(Thread {
                    id: format!("m{}", self.next_id),
                    process,
                    epoch: 0,
                    active: Ids::new(),
                    standby: Ids::new(),
                    told: None,
                });
            }
            30..38 if !self.threads.is_empty() => {
                let index = self.below(self.threads.len());
                self.threads.swap_remove(index);
            }
            38..42 => self.restart(),
            42..45 => {
                let standbys = self.below(3) as i32;
                self.cluster.streams.num_standby_replicas = standbys;
                self.show(&[]);
            }
            45..110 => {
                let ms = self.below(6_000) as i64;
                self.harness.advance(ms);
            }
            // Every session and revocation ends; whoever lives hears of it.
            110..112 => {
                self.harness.advance(70_000);
            }
            112..113 => self.harness.set_wall_clock_forward(-30_000),
            _ if !self.threads.is_empty() => {
                let index = self.below(self.threads.len());
                let (lost, leaves, obeys) = (self.below(20) == 0, self.below(60) == 0, self.below(3) > 0);
                self.act(index, lost, leaves, obeys);
            }
            _ => {}
        }
        self.harness.advance(0);
        self.check();
    }

    fn show(&mut self, changed: &[Arc<str>]) {
        let cluster = Arc::new(self.cluster.clone());
        self.harness.shard.set_cluster(cluster, changed);
    }

    fn restart(&mut self) {
        let reloaded = self.harness.reloaded();
        let known = |group: Option<&StreamsGroup>| {
            group.map(|group| {
                let members = group.members().cloned().collect::<Vec<_>>();
                (group.group_epoch(), group.state(), members)
            })
        };
        let lived = known(self.harness.shard.streams_group(GROUP));
        assert_eq!(lived, known(reloaded.shard.streams_group(GROUP)));
        self.harness = reloaded;
        self.show(&[]);
    }

    fn act(&mut self, index: usize, lost: bool, leaves: bool, obeys: bool) {
        let thread = &mut self.threads[index];
        if obeys && let Some((active, standby)) = thread.told.take() {
            (thread.active, thread.standby) = (active, standby);
        }
        let request = match thread.epoch {
            0 => joining(&thread.id, &thread.process),
            _ if leaves => beat(&thread.id, -1),
            epoch => owning(&thread.id, epoch, &thread.active, &thread.standby),
        };
        let answer = self.harness.streams_beat(&request);
        if leaves && request.member_epoch == -1 {
            self.threads.swap_remove(index);
            return;
        }
        let thread = &mut self.threads[index];
        match answer {
            Ok((reply, _)) => {
                if !lost {
                    let response = reply.response;
                    thread.epoch = response.member_epoch;
                    if let (Some(active), Some(standby)) = (response.active_tasks, response.standby_tasks) {
                        let (active, standby) = (heard(active), heard(standby));
                        self.assignments += 1;
                        // What is new it runs when it has closed what it is not to have.
                        let keeps = (common(&thread.active, &active), common(&thread.standby, &standby));
                        let closes = keeps.0 != thread.active || keeps.1 != thread.standby;
                        if closes {
                            thread.told = Some((active, standby));
                        } else {
                            (thread.active, thread.standby, thread.told) = (active, standby, None);
                        }
                    }
                }
                let mut made = Vec::new();
                for topic in reply.missing_topics {
                    self.cluster.set(topic.name.as_str(), topic.num_partitions);
                    made.push(Arc::from(topic.name.as_str()));
                }
                if !made.is_empty() {
                    self.show(&made);
                }
            }
            Err(_) => {
                // Fenced, or no longer known: all is given up, and it joins again.
                thread.epoch = 0;
                (thread.active, thread.standby, thread.told) = (Ids::new(), Ids::new(), None);
            }
        }
    }

    fn check(&mut self) {
        let Some(group) = self.harness.shard.streams_group(GROUP) else {
            return;
        };
        assert!(
            group.group_epoch() >= self.group_epoch,
            "the group's epoch went back"
        );
        self.group_epoch = group.group_epoch();
        let mut owners: BTreeMap<(String, i32), &str> = BTreeMap::new();
        let mut in_process: BTreeMap<(String, String, i32), &str> = BTreeMap::new();
        for member in group.members() {
            let before = self.epochs.insert(member.id.to_string(), member.current.epoch);
            let known = self
                .threads
                .iter()
                .any(|thread| *thread.id == *member.id && thread.epoch != 0);
            let went_up = before.is_none_or(|before| member.current.epoch >= before);
            assert!(!known || went_up, "an epoch of {} went back", member.id);
            for held in [&member.current.assigned, &member.current.revoking] {
                let active = held
                    .active
                    .iter()
                    .flat_map(|(id, of)| of.keys().map(move |partition| (id, *partition)));
                let copies = held
                    .standby
                    .iter()
                    .flat_map(|(id, of)| of.iter().map(move |partition| (id, *partition)));
                for (id, partition) in active.clone() {
                    let other = owners.insert((id.to_string(), partition), &member.id);
                    assert_eq!(
                        other.filter(|other| **other != *member.id),
                        None,
                        "{} has {id}_{partition}, too",
                        member.id
                    );
                }
                for (id, partition) in active.chain(copies) {
                    let process = member.details.process_id.to_string();
                    let other = in_process.insert((process, id.to_string(), partition), &member.id);
                    let other = other.filter(|other| **other != *member.id);
                    assert_eq!(
                        other, None,
                        "{} shares {id}_{partition} within its process",
                        member.id
                    );
                }
            }
        }
        // What a thread runs is its own as long as the coordinator counts it as a member.
        for thread in self
            .threads
            .iter()
            .filter(|thread| group.member(&thread.id).is_some())
        {
            for (id, partition) in each(&thread.active) {
                if let Some(owner) = owners.get(&(id.to_owned(), partition)) {
                    assert_eq!(*owner, thread.id, "{} still runs {id}_{partition}", thread.id);
                }
            }
        }
    }

    /// Nobody dies, leaves or loses an answer any more: in time everybody has what it is to have.
    fn calm_down(&mut self) {
        self.harness.advance(70_000);
        for _ in 0..40 {
            for index in 0..self.threads.len() {
                self.act(index, false, false, true);
                self.harness.advance(0);
                self.check();
            }
            self.harness.advance(1_100);
        }
        let Some(group) = self
            .harness
            .shard
            .streams_group(GROUP)
            .filter(|group| group.members().len() > 0)
        else {
            return;
        };
        assert_eq!(group.state(), StreamsGroupState::Stable);
        let threads = self
            .threads
            .iter()
            .filter(|thread| group.member(&thread.id).is_some());
        let active: usize = threads.clone().map(|thread| each(&thread.active).count()).sum();
        assert_eq!(active, TASKS, "all tasks run");
        let processes: BTreeSet<&str> = threads.clone().map(|thread| thread.process.as_str()).collect();
        let standbys = (self.cluster.streams.num_standby_replicas as usize).min(processes.len() - 1);
        let copies: usize = threads.map(|thread| each(&thread.standby).count()).sum();
        assert_eq!(copies, standbys * TASKS / 2, "all copies are kept");
    }
}

#[test]
fn whatever_happens_a_task_has_one_owner_and_in_the_end_each_has() {
    let mut assignments = 0;
    for seed in 1..=40 {
        let result = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed);
            for _ in 0..1_000 {
                simulation.step();
            }
            simulation.calm_down();
            simulation.assignments
        });
        match result {
            Ok(count) => assignments += count,
            Err(panic) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(
        assignments > 2_000,
        "only {assignments} assignments: nothing was tested"
    );
}
