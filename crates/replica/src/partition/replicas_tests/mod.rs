//! Three replicas of one partition through seeded histories of appends, fetches, changes of leader and ISR,
//! crashes that lose what was not synced, and metadata that comes late.

mod controller;
mod node;

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_environment::{Clock, Environment, Random, SimulatedTime, Threads};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use barnabas_protocol::records::{BatchBuilder, RecordFields};
use barnabas_storage::disk::simulated::{Loss, SimulatedDisk};
use barnabas_storage::{AppendOrigin, Verified};

use self::controller::Controller;
use self::node::{Node, start};
use super::Reader;
use super::append::{AppendAs, RequiredAcks};
use super::core::FollowerId;
use super::fetch::FetchPartition;
use super::follow::{Cut, LeaderState};
use super::offsets::OffsetQuery;

const NODES: [i32; 3] = [0, 1, 2];

struct History {
    random: Random,
    environment: Environment,
    time: SimulatedTime,
    nodes: Vec<Node>,
    controller: Controller,
    /// Appended with acks=all, by their value: the node and epoch of the leader, and the offset behind.
    pending: BTreeMap<u64, (i32, i32, i64)>,
    acknowledged: Vec<u64>,
    next_value: u64,
    /// The highest high watermark of each leader's epoch.
    watermarks: BTreeMap<(i32, i32), i64>,
}

impl History {
    fn new(seed: u64, unclean: bool) -> Self {
        let (clock, time) = Clock::simulated(0);
        let environment = Environment {
            clock,
            random: Random::seeded(seed),
            threads: Threads::Own,
        };
        let controller = Controller {
            leader: 0,
            leader_epoch: 0,
            partition_epoch: 0,
            isr: NODES.to_vec(),
            alive: NODES.to_vec(),
            broker_epochs: [1; 3],
            unclean,
        };
        let node = |id: i32| {
            let disk = SimulatedDisk::new(seed * 3 + id as u64);
            start(id, disk, controller.assignment(id), &environment)
        };
        History {
            nodes: NODES.map(node).into(),
            random: Random::seeded(seed),
            environment,
            time,
            controller,
            pending: BTreeMap::new(),
            acknowledged: Vec::new(),
            next_value: 0,
            watermarks: BTreeMap::new(),
        }
    }

    fn node(&self, id: i32) -> &Node {
        &self.nodes[id as usize]
    }

    fn tell(&mut self, id: i32) {
        let told = self.controller.assignment(id);
        let node = &mut self.nodes[id as usize];
        if node.told.partition_epoch < told.partition_epoch {
            node.partition.assign(told.clone());
        } else {
            node.partition.brokers_changed(&told.alive);
        }
        node.told = told;
    }

    fn append(&mut self, id: i32) {
        let mut builder = BatchBuilder::new(Compression::None);
        let value = self.next_value.to_be_bytes();
        builder.append(&RecordFields {
            value: Some(&value),
            ..RecordFields::default()
        });
        let how = AppendAs {
            origin: AppendOrigin::Client,
            acks: RequiredAcks::All,
            leader_epoch: None,
            end_offset: None,
            verified: Verified::NotAsked,
            now_ms: 0,
        };
        let node = self.node(id);
        let epoch = node.told.leader_epoch.0;
        if let Ok(appended) = node.partition.append(&mut builder.build().unwrap(), &how) {
            self.pending
                .insert(self.next_value, (id, epoch, appended.end_offset()));
        }
        self.next_value += 1;
    }

    /// A turn of a follower; answers whether anything came of it.
    fn fetch(&mut self, id: i32) -> bool {
        let follower = self.node(id);
        let Some((leader, epoch)) = follower.partition.followed_leader() else {
            return false;
        };
        if !self.controller.alive.contains(&leader) || !self.controller.alive.contains(&id) {
            return false;
        }
        if let Some(cut) = follower.partition.lost_from(epoch).unwrap() {
            follower.cut(epoch, cut);
        }
        let at = follower.partition.follower_position(epoch).unwrap();
        let request = FetchPartition {
            fetch_offset: at.end_offset,
            log_start_offset: at.start_offset,
            max_bytes: 1 + self.random.index(600) as i32,
            current_leader_epoch: epoch.0,
            last_fetched_epoch: at.last_epoch,
        };
        let reader = Reader::Follower(FollowerId {
            broker_id: id,
            broker_epoch: self.controller.broker_epochs[id as usize],
        });
        let leader = &self.node(leader).partition;
        match leader.fetch(&request, (request.max_bytes, true), reader, |_| None) {
            Ok(fetched) => {
                if let Some(diverging) = fetched.diverging {
                    let cut = follower.partition.diverged_at(epoch, diverging).unwrap();
                    follower.cut(epoch, cut);
                    return true;
                }
                let records = fetched.records.map_or(Vec::new(), |range| {
                    let mut bytes = vec![0; range.len];
                    range.file.read_exact_at(&mut bytes, range.position).unwrap();
                    bytes
                });
                let state = LeaderState {
                    leader_epoch: epoch,
                    high_watermark: fetched.high_watermark,
                    log_start_offset: fetched.log_start_offset,
                };
                let before = (at, follower.high_watermark());
                let now = follower
                    .partition
                    .append_as_follower(&records, at.end_offset, state, 0)
                    .unwrap();
                before != (now, follower.high_watermark())
            }
            Err(ErrorCode::OffsetOutOfRange) => {
                let end = leader
                    .list_offset(OffsetQuery::Latest, reader, epoch.0)
                    .unwrap()
                    .unwrap();
                let start = leader
                    .list_offset(OffsetQuery::Earliest, reader, epoch.0)
                    .unwrap()
                    .unwrap();
                if end.offset < at.end_offset {
                    follower.cut(epoch, Cut::Truncate(end.offset));
                } else {
                    follower.cut(epoch, Cut::StartAnew(start.offset));
                }
                true
            }
            Err(_) => false,
        }
    }

    fn change_isr(&mut self, id: i32) {
        let partition = self.node(id).partition.clone();
        let change = match self.random.index(4) {
            0..3 => partition.joining_isr(),
            _ => partition.lagging_isr(),
        };
        if let Some(change) = change {
            let answer = self.controller.alter(&change);
            // Or it is lost on the way; the metadata will tell.
            if self.random.index(4) > 0 {
                partition.isr_answered(&change, answer);
            }
        }
    }

    fn kill(&mut self, id: i32) {
        if !self.controller.alive.contains(&id) {
            return;
        }
        let is_last = self.controller.isr == [id];
        self.controller.fence(id);
        let loss = match is_last && !self.controller.unclean {
            // As with a stop in order: the last one loses nothing, or all would be lost.
            true => {
                self.node(id).partition.flush().unwrap();
                self.node(id).write_recovery_point();
                Loss::Nothing
            }
            false => Loss::Some,
        };
        let disk = self.node(id).disk.after_crash(loss, &self.random);
        let told = self.controller.assignment(id);
        self.nodes[id as usize] = start(id, disk, told, &self.environment);
        self.pending.retain(|_, (leader, ..)| *leader != id);
    }

    fn revive(&mut self, id: i32) {
        if !self.controller.alive.contains(&id) {
            self.controller.alive.push(id);
            self.controller.broker_epochs[id as usize] += 1;
            self.controller.elect();
            self.tell(id);
        }
    }

    fn step(&mut self) {
        let id = NODES[self.random.index(3)];
        match self.random.index(80) {
            0 => self.kill(id),
            1..4 => self.revive(id),
            4 => self.node(id).partition.flush().unwrap(),
            // As the upkeep does, though not at once.
            79 => self.node(id).partition.flush_rolled().unwrap(),
            5 => self.node(id).write_recovery_point(),
            6..16 => self.change_isr(id),
            16 => self.time.advance(Duration::from_millis(300)),
            17..27 => self.tell(id),
            27 => {
                let (start, _) = self.node(id).partition.offsets();
                let _ = self.node(id).partition.delete_records(start + 1);
            }
            28..44 => self.append(id),
            _ => drop(self.fetch(id)),
        }
        self.look();
    }

    /// Who is told that a record is committed, and what must never happen.
    fn look(&mut self) {
        for node in &self.nodes {
            let high_watermark = node.high_watermark();
            if node.told.leader != node.id || !self.controller.alive.contains(&node.id) {
                continue;
            }
            let epoch = node.told.leader_epoch.0;
            let highest = self.watermarks.entry((node.id, epoch)).or_insert(0);
            assert!(high_watermark >= *highest, "the high watermark went back");
            *highest = high_watermark;
            let (acknowledged, waiting) =
                std::mem::take(&mut self.pending)
                    .into_iter()
                    .partition(|(_, (leader, since, end))| {
                        (*leader, *since) == (node.id, epoch) && *end <= high_watermark
                    });
            self.pending = waiting;
            let acknowledged: BTreeMap<u64, (i32, i32, i64)> = acknowledged;
            self.acknowledged.extend(acknowledged.into_keys());
        }
    }

    fn settle(&mut self) {
        for id in NODES {
            self.revive(id);
        }
        for _ in 0..3 {
            NODES.into_iter().for_each(|id| self.tell(id));
            while NODES.map(|id| self.fetch(id)).contains(&true) {}
            let leader = self.node(self.controller.leader).partition.clone();
            if let Some(change) = leader.joining_isr() {
                let answer = self.controller.alter(&change);
                leader.isr_answered(&change, answer);
            }
        }
        NODES.into_iter().for_each(|id| self.tell(id));
        while NODES.map(|id| self.fetch(id)).contains(&true) {}
    }
}

fn values(content: &[u8]) -> Vec<u64> {
    let mut values = Vec::new();
    for batch in barnabas_protocol::records::batches(content) {
        // The value is the last of the record but for its count of headers.
        let payload = batch.unwrap().payload().to_vec();
        let end = payload.len() - 1;
        values.push(u64::from_be_bytes(payload[end - 8..end].try_into().unwrap()));
    }
    values
}

fn run(seed: u64, unclean: bool) -> usize {
    let mut history = History::new(seed, unclean);
    for _ in 0..600 {
        history.step();
    }
    history.settle();
    let leader = history.node(history.controller.leader);
    let (start, end) = leader.partition.offsets();
    for node in &history.nodes {
        assert_eq!(node.partition.offsets().1, end, "seed {seed}: node {}", node.id);
        // Who led before an unclean election may have deleted more.
        let starts_before = node.partition.offsets().0 <= start;
        assert!(starts_before || unclean, "seed {seed}: node {}", node.id);
        assert_eq!(node.high_watermark(), end, "seed {seed}: node {}", node.id);
    }
    let content = leader.content();
    let kept = values(&content);
    for node in &history.nodes {
        let theirs = node.content();
        assert!(
            theirs.ends_with(&content) || (unclean && content.ends_with(&theirs)),
            "seed {seed}: node {} differs",
            node.id
        );
    }
    if !unclean {
        let deleted = kept.first().copied().unwrap_or(u64::MAX);
        for value in &history.acknowledged {
            assert!(
                *value < deleted || kept.contains(value),
                "seed {seed}: {value} is lost"
            );
        }
    }
    history.acknowledged.len()
}

#[test]
fn replicas_are_the_same_in_the_end_and_nothing_acknowledged_is_lost() {
    let acknowledged: usize = (0..150).map(|seed| run(seed, false)).sum();
    assert!(acknowledged > 3_000, "{acknowledged}: the histories show little");
}

#[test]
fn replicas_are_the_same_after_unclean_elections() {
    for seed in 0..150 {
        run(seed, true);
    }
}
