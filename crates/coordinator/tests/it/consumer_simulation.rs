//! Consumers that die, retry, leave, come late and lose answers, a clock that jumps, topics that grow, and brokers that restart,
//! by a seed.
//!
//! What must hold whatever happens: the group's epoch and every member's only go up; no partition is with two members that
//! the coordinator knows; a consumer never gets a partition that another living one has not given back; and a shard that
//! replays the log is the shard that lived through it. A failure prints its seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_coordinator::{ConsumerGroup, GroupConfig};
use barnabas_environment::Random;
use barnabas_protocol::messages::ConsumerGroupHeartbeatRequest;

use crate::cluster::Cluster;
use crate::consumer::{beat, joining};
use crate::fixture::{GROUP, Harness};

struct Client {
    id: String,
    epoch: i32,
    owned: Vec<i32>,
    /// What it was told to give up and has not yet.
    told: Option<Vec<i32>>,
}

struct Simulation {
    random: Random,
    harness: Harness,
    cluster: Cluster,
    partitions: i32,
    clients: Vec<Client>,
    next_id: usize,
    group_epoch: i32,
    epochs: BTreeMap<String, i32>,
    assignments: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut cluster = Cluster::with(&[("t", 6)]);
        cluster.settings.assignment_interval_ms = if seed.is_multiple_of(2) { 0 } else { 1_000 };
        let config = GroupConfig {
            // A deleted group would begin at its first epoch again.
            offsets_retention_check_interval_ms: i64::MAX / 2,
            consumer_group_max_size: 6,
            ..GroupConfig::default()
        };
        let mut harness = Harness::with_config(config);
        harness.shard.set_cluster(Arc::new(cluster.clone()), &[]);
        Simulation {
            random: Random::seeded(seed),
            harness,
            cluster,
            partitions: 6,
            clients: Vec::new(),
            next_id: 0,
            group_epoch: 0,
            epochs: BTreeMap::new(),
            assignments: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(1_000) {
            0..30 if self.clients.len() < 8 => {
                self.next_id += 1;
                self.clients.push(Client {
                    id: format!("m{}", self.next_id),
                    epoch: 0,
                    owned: Vec::new(),
                    told: None,
                });
            }
            30..38 => self.forget_a_client(),
            38..42 => self.restart(),
            42..44 if self.partitions < 12 => {
                self.partitions += 1;
                self.cluster.set("t", self.partitions);
                let cluster = Arc::new(self.cluster.clone());
                self.harness.shard.set_cluster(cluster, &["t".into()]);
            }
            44..110 => {
                let ms = self.random.below(6_000) as i64;
                self.harness.advance(ms);
            }
            110..112 => {
                // Every session and revocation ends; whoever lives hears of it.
                self.harness.advance(70_000);
            }
            112..113 => self.harness.set_wall_clock_forward(-30_000),
            _ if !self.clients.is_empty() => {
                let index = self.random.below(self.clients.len() as u64) as usize;
                self.act(index);
            }
            _ => {}
        }
        self.harness.advance(0);
        self.check();
    }

    fn forget_a_client(&mut self) {
        if !self.clients.is_empty() {
            let index = self.random.below(self.clients.len() as u64) as usize;
            self.clients.swap_remove(index);
        }
    }

    fn restart(&mut self) {
        let reloaded = self.harness.reloaded();
        let members = |group: Option<&ConsumerGroup>| {
            group.map(|group| {
                (
                    group.group_epoch(),
                    group.state(),
                    group.members().cloned().collect::<Vec<_>>(),
                )
            })
        };
        assert_eq!(
            members(self.harness.shard.consumer_group(GROUP)),
            members(reloaded.shard.consumer_group(GROUP))
        );
        self.harness = reloaded;
        self.harness
            .shard
            .set_cluster(Arc::new(self.cluster.clone()), &[]);
    }

    fn act(&mut self, index: usize) {
        let lost = self.random.below(20) == 0;
        let leaves = self.random.below(60) == 0;
        let gives_back = self.random.below(3) > 0;
        let client = &mut self.clients[index];
        if gives_back && let Some(told) = client.told.take() {
            client.owned = told;
        }
        let request: ConsumerGroupHeartbeatRequest = match client.epoch {
            0 => joining(&client.id, &["t"]),
            _ if leaves => beat(&client.id, -1, &[]),
            epoch => beat(&client.id, epoch, &client.owned),
        };
        let answer = self.harness.beat(&request);
        if leaves && request.member_epoch == -1 {
            self.clients.swap_remove(index);
            return;
        }
        let client = &mut self.clients[index];
        match answer {
            Ok(_) if lost => {}
            Ok((reply, _)) => {
                client.epoch = reply.member_epoch;
                let Some(assignment) = reply.assignment else {
                    return;
                };
                let given: Vec<i32> = assignment
                    .topic_partitions
                    .into_iter()
                    .flat_map(|topic| topic.partitions)
                    .collect();
                self.assignments += 1;
                // New ones at once; what is missing is given up a little later.
                let keeps = client.owned.iter().any(|partition| !given.contains(partition));
                client.owned.extend(&given);
                client.owned.sort_unstable();
                client.owned.dedup();
                client.told = keeps.then_some(given);
            }
            Err(_) => {
                // Fenced, or no longer known: all is given up, and it joins again.
                client.epoch = 0;
                client.owned.clear();
                client.told = None;
            }
        }
    }

    fn check(&mut self) {
        let Some(group) = self.harness.shard.consumer_group(GROUP) else {
            return;
        };
        assert!(
            group.group_epoch() >= self.group_epoch,
            "the group's epoch went back"
        );
        self.group_epoch = group.group_epoch();
        let mut owners: BTreeMap<i32, &str> = BTreeMap::new();
        for member in group.members() {
            let before = self.epochs.insert(member.id.to_string(), member.current.epoch);
            let known = self
                .clients
                .iter()
                .any(|client| *client.id == *member.id && client.epoch != 0);
            assert!(
                !known || before.is_none_or(|before| member.current.epoch >= before),
                "an epoch of {} went back",
                member.id
            );
            for partition in [&member.current.assigned, &member.current.revoking]
                .into_iter()
                .flat_map(|assigned| assigned.values())
                .flat_map(|partitions| partitions.keys())
            {
                let other = owners.insert(*partition, &member.id);
                assert_eq!(other, None, "{} has partition {partition}, too", member.id);
            }
        }
        // What a client believes to own is its own as long as the coordinator counts it as a member.
        for client in self
            .clients
            .iter()
            .filter(|client| group.member(&client.id).is_some())
        {
            for partition in &client.owned {
                if let Some(owner) = owners.get(partition) {
                    assert_eq!(
                        *owner, client.id,
                        "{} still reads partition {partition}",
                        client.id
                    );
                }
            }
        }
    }
}

#[test]
fn whatever_happens_a_partition_has_one_owner() {
    let mut assignments = 0;
    for seed in 1..=60 {
        let result = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed);
            for _ in 0..1_500 {
                simulation.step();
            }
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
