//! Members that die, retry, leave and come late, a clock that jumps, and brokers that restart, by a seed.
//!
//! What must hold whatever happens: generations go up, and one that had an assignment never comes again, not even over a
//! restart; in one generation no two members own a partition; every answered commit is there; and a shard that replays the log is the
//! shard that lived through it. A failure prints its seed.

use std::collections::BTreeMap;

use barnabas_coordinator::{GroupConfig, Token};
use barnabas_environment::Random;

use crate::fixture::{Harness, commit_request, join_request, sync_request};

const PARTITIONS: usize = 4;

enum Waiting {
    Nothing,
    Join(Token),
    Sync(Token),
}

struct Client {
    member_id: String,
    generation_id: i32,
    waiting: Waiting,
    assigned: bool,
}

struct Simulation {
    random: Random,
    harness: Harness,
    clients: Vec<Client>,
    /// Who owns a partition in a generation.
    owners: BTreeMap<(i32, usize), String>,
    committed: BTreeMap<i32, i64>,
    assignments: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let config = GroupConfig {
            group_initial_rebalance_delay_ms: if seed.is_multiple_of(2) { 0 } else { 3_000 },
            group_max_size: 6,
            // A deleted group would begin at generation 1 again.
            offsets_retention_check_interval_ms: i64::MAX / 2,
            ..GroupConfig::default()
        };
        Simulation {
            random: Random::seeded(seed),
            harness: Harness::with_config(config),
            clients: Vec::new(),
            owners: BTreeMap::new(),
            committed: BTreeMap::new(),
            assignments: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(1_000) {
            0..30 if self.clients.len() < 8 => {
                let client = Client {
                    member_id: String::new(),
                    generation_id: -1,
                    waiting: Waiting::Nothing,
                    assigned: false,
                };
                self.clients.push(client);
            }
            30..40 => self.forget_a_client(),
            40..44 => self.restart(),
            44..110 => {
                let ms = self.random.below(4_000) as i64;
                self.harness.advance(ms);
            }
            110..112 => {
                self.harness.advance(70_000);
            }
            _ if !self.clients.is_empty() => {
                let index = self.random.below(self.clients.len() as u64) as usize;
                self.act(index);
            }
            _ => {}
        }
        self.harness.advance(0);
    }

    /// The process dies without a word.
    fn forget_a_client(&mut self) {
        if !self.clients.is_empty() {
            let index = self.random.below(self.clients.len() as u64) as usize;
            self.clients.swap_remove(index);
        }
    }

    /// The broker restarts: parked requests are lost, and the log is all that is left.
    fn restart(&mut self) {
        self.check_replay();
        self.harness = self.harness.reloaded();
        for client in &mut self.clients {
            client.waiting = Waiting::Nothing;
            // A generation that never got its assignment is not in the log, and may come again.
            client.generation_id = -1;
            client.assigned = false;
        }
    }

    fn act(&mut self, index: usize) {
        match self.clients[index].waiting {
            // A few give up waiting and ask again; the earlier request is answered, too, but nobody reads that.
            Waiting::Join(token) | Waiting::Sync(token) if self.harness.is_parked(token) => {
                if self.random.below(10) == 0 {
                    self.clients[index].waiting = Waiting::Nothing;
                }
            }
            Waiting::Join(token) => self.on_join(index, token),
            Waiting::Sync(token) => self.on_sync(index, token),
            Waiting::Nothing if self.clients[index].assigned => self.work(index),
            Waiting::Nothing => self.join(index),
        }
    }

    fn join(&mut self, index: usize) {
        let protocols: &[&str] = if self.random.below(4) == 0 {
            &["sticky", "range"]
        } else {
            &["range", "sticky"]
        };
        let request = join_request(&self.clients[index].member_id, protocols);
        let (token, _) = self.harness.send_join(&request, 9);
        self.clients[index].waiting = Waiting::Join(token);
    }

    fn on_join(&mut self, index: usize, token: Token) {
        let response = self.harness.join_reply(token);
        let client = &mut self.clients[index];
        client.waiting = Waiting::Nothing;
        match response.error_code {
            0 => {}
            // MEMBER_ID_REQUIRED
            79 => {
                client.member_id = response.member_id.to_string();
                return;
            }
            _ => {
                client.member_id.clear();
                return;
            }
        }
        assert_eq!(response.member_id.as_str(), client.member_id);
        // It reads its answer when it comes to it; the group may be further by then.
        let before = std::mem::replace(&mut client.generation_id, response.generation_id);
        assert!(
            before <= response.generation_id,
            "generation {} after {before}",
            response.generation_id
        );
        // A leader deals the partitions out in turn.
        let members: Vec<String> = response
            .members
            .iter()
            .map(|member| member.member_id.to_string())
            .collect();
        let mut shares = vec![String::new(); members.len()];
        for partition in 0..PARTITIONS {
            if let Some(share) = shares.get_mut(partition % members.len().max(1)) {
                share.push_str(&partition.to_string());
            }
        }
        let assignments: Vec<(&str, &str)> = members
            .iter()
            .map(|id| &**id)
            .zip(shares.iter().map(|share| &**share))
            .collect();
        let request = sync_request(&client.member_id, client.generation_id, &assignments);
        let (token, _) = self.harness.send_sync(&request);
        self.clients[index].waiting = Waiting::Sync(token);
    }

    fn on_sync(&mut self, index: usize, token: Token) {
        let response = self.harness.sync_reply(token);
        let client = &mut self.clients[index];
        client.waiting = Waiting::Nothing;
        if response.error_code != 0 {
            return;
        }
        client.assigned = true;
        self.assignments += 1;
        for partition in std::str::from_utf8(&response.assignment).unwrap().chars() {
            let key = (client.generation_id, partition.to_digit(10).unwrap() as usize);
            let owner = self.owners.entry(key).or_insert_with(|| client.member_id.clone());
            assert_eq!(*owner, client.member_id, "two owners of {key:?}");
        }
    }

    fn work(&mut self, index: usize) {
        let (id, generation_id) = (
            self.clients[index].member_id.clone(),
            self.clients[index].generation_id,
        );
        let goes_on = match self.random.below(12) {
            0 => {
                let leaving = barnabas_protocol::messages::leave_group_request::MemberIdentity::default()
                    .with_member_id(crate::fixture::text(&id));
                let now = self.harness.now;
                let outcome = self
                    .harness
                    .shard
                    .leave(crate::fixture::GROUP, &[leaving], now)
                    .unwrap();
                self.harness.append(outcome.records);
                self.clients[index].member_id.clear();
                false
            }
            // A leader may ask for a rebalance.
            1 => false,
            2..6 => {
                let (partition, offset) = (
                    self.random.below(PARTITIONS as u64) as i32,
                    self.random.below(1_000) as i64,
                );
                let request = commit_request(&id, generation_id, partition, offset);
                let taken = self.harness.commit(&request, 9).is_ok();
                if taken {
                    self.committed.insert(partition, offset);
                }
                taken
            }
            _ => self.harness.heartbeat(&id, generation_id).is_ok(),
        };
        self.clients[index].assigned = goes_on;
    }

    fn check_replay(&self) {
        let (lived, replayed) = (self.harness.describe(), self.harness.reloaded().describe());
        assert_eq!(self.harness.offsets(), self.harness.reloaded().offsets());
        let offsets: BTreeMap<i32, i64> = self
            .harness
            .offsets()
            .into_iter()
            .map(|(_, partition, offset)| (partition, offset))
            .collect();
        assert_eq!(offsets, self.committed);
        // Rebalances are not in the log; a group at rest is, in full. An oversized one starts to rebalance when loaded.
        let at_rest = ["Stable", "Empty", "Dead"].contains(&lived.group_state.as_str());
        if at_rest && lived.members.len() <= self.harness.config.group_max_size {
            assert_eq!(lived, replayed);
        }
    }
}

#[test]
fn groups_keep_their_promises_whatever_happens() {
    let mut assignments = 0;
    for seed in 1..=100 {
        let run = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed);
            for _ in 0..80 {
                for _ in 0..10 {
                    simulation.step();
                }
                simulation.check_replay();
            }
            simulation.assignments
        });
        match run {
            Ok(count) => assignments += count,
            Err(panic) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(
        assignments > 2_500,
        "only {assignments} assignments: the simulation does not do its work"
    );
}
