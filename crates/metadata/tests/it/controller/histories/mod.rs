//! Random histories of a controller: brokers come, stop, are killed and fenced, leaders change ISRs, people
//! move replicas and hold elections. After each decision every partition is looked at, and who really has the
//! committed records is kept beside it: no clean election may choose anybody else.

mod checks;
mod dice;

use std::collections::{BTreeMap, BTreeSet};

use barnabas_metadata::controller::{
    AlterPartition, AlterPartitionReassignments, BrokerHeartbeat, Decide, ElectLeaders, FenceBroker,
    RegisterBroker, Tick, UnregisterBroker, registration_request,
};
use barnabas_metadata::features::{self, ELIGIBLE_LEADER_REPLICAS_VERSION};
use barnabas_metadata::image::{MetadataImage, PartitionImage};
use barnabas_metadata::records::{
    BrokerRegistration, ConfigResource, LeaderRecoveryState, MetadataRecord, PartitionRecord,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use barnabas_protocol::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use barnabas_protocol::messages::elect_leaders_request::TopicPartitions;
use barnabas_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionRequest, BrokerHeartbeatRequest, BrokerId,
    ElectLeadersRequest,
};
use uuid::Uuid;

use self::dice::Dice;
use super::fixture::{Cluster, SESSION_MS, broker_ids, topic_name};

pub const BROKERS: i32 = 5;
pub const PARTITIONS: i32 = 6;
const SEEDS: u64 = 200;
const STEPS: usize = 250;
const MIN_ISR: usize = 2;
const TOPIC: Uuid = Uuid::from_u128(9);

struct History {
    cluster: Cluster,
    dice: Dice,
    elr: bool,
    /// Who has all committed records of a partition.
    holders: BTreeMap<i32, BTreeSet<i32>>,
    incarnations: u128,
    elections: usize,
}

impl History {
    fn new(seed: u64, elr: bool) -> Self {
        let mut cluster = Cluster::of(&[]);
        cluster.apply(&features::bootstrap_records(MIN_ISR as i32, true));
        if !elr {
            cluster.apply(&[MetadataRecord::FeatureLevel {
                name: ELIGIBLE_LEADER_REPLICAS_VERSION.into(),
                level: 0,
            }]);
        }
        let mut history = Self {
            cluster,
            dice: Dice(seed),
            elr,
            holders: BTreeMap::new(),
            incarnations: 0,
            elections: 0,
        };
        for broker_id in 1..=BROKERS {
            history.start(broker_id, -1);
            while history.cluster.image.alive_broker(broker_id).is_none() {
                history.beat(broker_id, false, false);
            }
        }
        history.cluster.apply(&[MetadataRecord::Topic {
            name: "a".into(),
            topic_id: TOPIC,
        }]);
        for partition_id in 0..PARTITIONS {
            let count = 1 + history.dice.below(3);
            let replicas = history.dice.brokers(count);
            history
                .holders
                .insert(partition_id, replicas.iter().copied().collect());
            let record = PartitionRecord {
                topic_id: TOPIC,
                partition_id,
                isr: replicas.clone(),
                leader: replicas[0],
                directories: replicas.iter().map(|id| directory(*id)).collect(),
                replicas,
                ..PartitionRecord::default()
            };
            history.cluster.apply(&[MetadataRecord::Partition(record)]);
        }
        history
    }

    fn partition(&self, index: i32) -> &PartitionImage {
        self.cluster.image.topics.partition("a", index).unwrap()
    }

    fn epoch_of(&self, broker_id: i32) -> i64 {
        let broker = self.cluster.image.brokers.get(&broker_id);
        broker.map_or(-1, |broker| broker.broker_epoch)
    }

    fn submit<R: Decide>(&mut self, request: R) -> R::Reply {
        let before = self.cluster.image.clone();
        let reply = self.cluster.submit(request);
        self.look(&before);
        reply
    }

    /// A process starts; `previous` is what it found on its disk.
    fn start(&mut self, broker_id: i32, previous: i64) {
        self.incarnations += 1;
        let broker = BrokerRegistration {
            broker_id,
            incarnation_id: Uuid::from_u128(self.incarnations),
            features: features::broker_features(),
            log_dirs: vec![directory(broker_id)],
            ..BrokerRegistration::default()
        };
        let clean = previous >= 0 && previous == self.epoch_of(broker_id);
        let holders = self.holders.clone();
        if !clean {
            self.holders
                .values_mut()
                .for_each(|of| of.retain(|id| *id != broker_id));
        }
        let reply = self.submit(RegisterBroker(registration_request("", &broker, previous)));
        if reply.error_code != 0 {
            assert_eq!(reply.error_code, ErrorCode::DuplicateBrokerRegistration.code());
            self.holders = holders;
        }
    }

    fn beat(&mut self, broker_id: i32, want_fence: bool, want_shut_down: bool) {
        let offset = self.cluster.image.offset - self.dice.below(3) as i64 / 2;
        let request = BrokerHeartbeatRequest::default()
            .with_broker_id(BrokerId(broker_id))
            .with_broker_epoch(self.epoch_of(broker_id))
            .with_current_metadata_offset(offset)
            .with_want_fence(want_fence)
            .with_want_shut_down(want_shut_down);
        self.submit(BrokerHeartbeat(request));
    }

    fn step(&mut self) {
        let broker_id = self.dice.broker();
        match self.dice.below(16) {
            0 => {
                let previous = if self.dice.one_in(2) {
                    self.epoch_of(broker_id)
                } else {
                    -1
                };
                self.start(broker_id, previous);
            }
            1..=5 => self.beat(broker_id, false, false),
            6 => {
                let want_fence = self.dice.one_in(3);
                self.beat(broker_id, want_fence, !want_fence);
            }
            7 => {
                let broker_epoch = self.epoch_of(broker_id) - self.dice.below(2) as i64;
                self.submit(FenceBroker {
                    broker_id,
                    broker_epoch,
                });
            }
            8 | 9 => self.alter_isr(),
            10 => self.elect(),
            11 => self.reassign(),
            12 => {
                self.cluster.now_ms += SESSION_MS / 4;
                let elections = self.dice.one_in(4);
                self.submit(Tick {
                    elections,
                    tokens: false,
                });
            }
            13 if self.dice.one_in(8) => drop(self.submit(UnregisterBroker { broker_id })),
            14 if self.dice.one_in(20) => {
                let allow = self.dice.one_in(3);
                self.cluster.apply(&[MetadataRecord::Config {
                    resource: ConfigResource::topic("a"),
                    name: "unclean.leader.election.enable".into(),
                    value: allow.then(|| "true".to_owned()),
                }]);
            }
            _ => self.commit(),
        }
    }

    /// A record is committed where there is a leader and enough are in sync: whoever isn't lacks it.
    fn commit(&mut self) {
        let index = self.dice.partition();
        let partition = self.partition(index);
        let enough = partition.isr.len() >= MIN_ISR.min(partition.replicas.len());
        if partition.has_leader() && enough {
            let isr = partition.isr.iter().copied().collect();
            self.holders.insert(index, isr);
        }
    }

    /// A leader asks for another ISR; now and then something that it may not.
    fn alter_isr(&mut self) {
        let index = self.dice.partition();
        let partition = self.partition(index).clone();
        if !partition.has_leader() {
            return;
        }
        let mut isr: Vec<i32> = Vec::new();
        for id in &partition.replicas {
            if *id == partition.leader || self.dice.one_in(2) {
                isr.push(*id);
            }
        }
        if self.dice.one_in(10) {
            isr.push(self.dice.broker());
        }
        let state = |id: &i32| {
            BrokerState::default()
                .with_broker_id(BrokerId(*id))
                .with_broker_epoch(self.epoch_of(*id))
        };
        let states = isr.iter().map(state).collect();
        let stale = self.dice.one_in(10);
        let asked = PartitionData::default()
            .with_partition_index(index)
            .with_leader_epoch(partition.leader_epoch)
            .with_partition_epoch(partition.partition_epoch - i32::from(stale))
            .with_new_isr_with_epochs(states);
        let topic = TopicData::default()
            .with_topic_id(TOPIC)
            .with_partitions(vec![asked]);
        let request = AlterPartitionRequest::default()
            .with_broker_id(BrokerId(partition.leader))
            .with_broker_epoch(self.epoch_of(partition.leader))
            .with_topics(vec![topic]);
        // Who joins has caught up with the leader before the leader asks.
        let joined: BTreeSet<i32> = isr
            .iter()
            .copied()
            .filter(|id| !partition.isr.contains(id))
            .collect();
        let held = self.holders.get_mut(&index).unwrap();
        let before = held.clone();
        if held.contains(&partition.leader) {
            held.extend(joined);
        }
        let reply = self.submit(AlterPartition(request));
        let code = reply.topics[0].partitions[0].error_code;
        if code != 0 && code != ErrorCode::NewLeaderElected.code() {
            self.holders.insert(index, before);
        }
        if stale {
            assert_eq!(code, ErrorCode::InvalidUpdateVersion.code());
        }
    }

    fn elect(&mut self) {
        let election_type = i8::from(self.dice.one_in(3));
        let asked = TopicPartitions::default()
            .with_topic(topic_name("a"))
            .with_partitions(vec![self.dice.partition()]);
        let request = ElectLeadersRequest::default()
            .with_election_type(election_type)
            .with_topic_partitions(Some(vec![asked]))
            .with_timeout_ms(1000);
        self.submit(ElectLeaders(request)).unwrap();
    }

    fn reassign(&mut self) {
        let count = 1 + self.dice.below(3);
        let replicas = (!self.dice.one_in(4)).then(|| broker_ids(&self.dice.brokers(count)));
        let partition = ReassignablePartition::default()
            .with_partition_index(self.dice.partition())
            .with_replicas(replicas);
        let topic = ReassignableTopic::default()
            .with_name(topic_name("a"))
            .with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default()
            .with_topics(vec![topic])
            .with_allow_replication_factor_change(true)
            .with_timeout_ms(1000);
        self.submit(AlterPartitionReassignments(request)).unwrap();
    }

    /// What must hold of every partition, and between it and what it was.
    fn look(&mut self, before: &MetadataImage) {
        for index in 0..PARTITIONS {
            let (Some(was), Some(now)) = (
                before.topics.partition("a", index),
                self.cluster.image.topics.partition("a", index),
            ) else {
                continue;
            };
            checks::of_one(now, &self.cluster.image, self.elr);
            checks::of_step(was, now);
            let led_anew = now.leader != was.leader && now.has_leader();
            if led_anew {
                self.elections += 1;
            }
            let held = self.holders.get_mut(&index).unwrap();
            held.retain(|id| now.replicas.contains(id));
            let unclean = now.leader_recovery_state == LeaderRecoveryState::Recovering;
            if led_anew && unclean {
                *held = BTreeSet::from([now.leader]);
            } else if led_anew && self.elr {
                assert!(
                    held.contains(&now.leader),
                    "{held:?} have it all, {was:?} became {now:?}"
                );
            }
        }
    }
}

fn directory(broker_id: i32) -> Uuid {
    Uuid::from_u128(1000 + broker_id as u128)
}

#[test]
fn random_histories_elect_only_who_has_everything() {
    let mut elections = 0;
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| {
            let mut history = History::new(seed, seed % 4 != 0);
            for _ in 0..STEPS {
                history.step();
            }
            history.elections
        });
        match outcome {
            Ok(held) => elections += held,
            Err(cause) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    assert!(elections > SEEDS as usize * 10, "{elections} elections");
}
