//! Transactional producers that die, retry, come twice under one id and speak both ways, markers that come late and in any order, a
//! clock that jumps, and brokers that restart, by a seed.
//!
//! What must hold whatever happens: an epoch of a producer id is given once and epochs go up; a transaction that was decided stays
//! so, for the markers too, and what a producer was told is what was decided; only a decided transaction completes; and a shard that
//! replays the log's bytes is the shard that lived through it. A failure prints its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI16;

use barnabas_coordinator::runtime::{Active, LedLog, TransactionMachine, TransactionSetup};
use barnabas_coordinator::{
    Decision, InitProducerId, MarkerWork, NO_PRODUCER_EPOCH, ProducerIdAndEpoch, Refusal, TransactionConfig,
    TransactionMetadata, TransactionRecord, TransactionShard, TransactionState,
};
use barnabas_environment::{Now, Random};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use tokio::sync::Notify;

use crate::fixture::{START, after};
use crate::memory_log::MemoryLog;

const IDS: [&str; 3] = ["a", "b", "c"];
const CLIENTS: usize = 4;
const STEPS: usize = 400;

#[derive(Clone)]
struct Client {
    id: &'static str,
    producer: Option<ProducerIdAndEpoch>,
    version: i16,
    /// The last end it asked for, which it may ask for again.
    last_end: Option<(ProducerIdAndEpoch, bool)>,
}

struct Simulation {
    seed: u64,
    random: Random,
    now: Now,
    active: Active<TransactionMachine>,
    log: MemoryLog,
    led: LedLog<MemoryLog>,
    clients: Vec<Client>,
    work: Vec<MarkerWork>,
    next_producer_id: i64,
    /// The greatest epoch of each producer id.
    epochs: BTreeMap<i64, i16>,
    given: BTreeSet<(i64, i16)>,
    /// Decided transactions, by the producer and epoch that their markers carry.
    decided: BTreeMap<(i64, i16), bool>,
    completed: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let clients = (0..CLIENTS).map(|index| Client {
            id: IDS[index % IDS.len()],
            producer: None,
            version: if random.below(2) == 0 { 0 } else { 2 },
            last_end: None,
        });
        let clients = clients.collect();
        let log = MemoryLog::default();
        let led = LedLog::new(log.clone(), 0, Compression::None);
        Simulation {
            seed,
            random,
            now: START,
            active: load(&led, START),
            log,
            led,
            clients,
            work: Vec::new(),
            next_producer_id: 1,
            epochs: BTreeMap::new(),
            given: BTreeSet::new(),
            decided: BTreeMap::new(),
            completed: 0,
        }
    }

    /// Appends what was decided, which the log refuses now and then.
    fn append(&mut self, records: Vec<TransactionRecord>) -> Result<(), ErrorCode> {
        let refused = !records.is_empty() && self.random.below(16) == 0;
        if refused {
            let before = self.log.records();
            let states = IDS.map(|id| self.shard().transaction(id).cloned());
            self.log.refuse(Some(ErrorCode::NotEnoughReplicas));
            let appended = self.active.append(&self.led, records, self.now);
            assert_eq!(appended, Err(ErrorCode::CoordinatorNotAvailable));
            self.log.refuse(None);
            let seed = self.seed;
            assert_eq!(self.log.records(), before, "seed {seed}");
            let after = IDS.map(|id| self.shard().transaction(id).cloned());
            assert_eq!(after, states, "seed {seed}");
            return appended;
        }
        records.iter().for_each(|record| self.check(record));
        self.active.append(&self.led, records, self.now)?;
        self.work.extend(self.active.machine.core.take_work());
        Ok(())
    }

    fn shard(&self) -> &TransactionShard {
        &self.active.machine.core
    }

    fn check(&mut self, record: &TransactionRecord) {
        let seed = self.seed;
        let Some(next) = &record.value else { return };
        let producer = next.producer();
        let greatest = self.epochs.entry(producer.producer_id).or_insert(-1);
        assert!(
            producer.producer_epoch >= *greatest,
            "seed {seed}: an epoch went back: {record:?}"
        );
        *greatest = producer.producer_epoch;
        let before = self.active.machine.core.transaction(&record.transactional_id);
        let key = (producer.producer_id, producer.producer_epoch);
        match next.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                let commit = next.state == TransactionState::PrepareCommit;
                assert!(
                    before.is_none_or(|before| !is_prepared(before)),
                    "seed {seed}: decided twice: {before:?} {next:?}"
                );
                let known = self.decided.insert(key, commit);
                assert!(
                    known.is_none() || next.client_transaction_version < 2,
                    "seed {seed}: an epoch of two transactions: {next:?}"
                );
            }
            TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                let before = before.expect("it was decided");
                let commit = next.state == TransactionState::CompleteCommit;
                let decided = self.decided[&(before.producer_id, before.producer_epoch)];
                assert!(
                    is_prepared(before),
                    "seed {seed}: completed undecided: {before:?}"
                );
                assert_eq!(
                    commit, decided,
                    "seed {seed}: another outcome: {before:?} {next:?}"
                );
                self.completed += 1;
            }
            TransactionState::Empty | TransactionState::Ongoing => assert!(
                before.is_none_or(|before| !is_prepared(before)),
                "seed {seed}: a decided transaction was left: {before:?} {next:?}"
            ),
        }
    }

    fn request<R>(
        &mut self,
        act: impl Fn(&TransactionShard, Option<i64>, i64) -> Result<Decision<R>, Refusal>,
    ) -> Result<R, ErrorCode> {
        let decided = match act(self.shard(), None, self.now.wall_ms) {
            Err(Refusal::NeedsProducerId) => {
                self.next_producer_id += 1;
                act(self.shard(), Some(self.next_producer_id), self.now.wall_ms)
            }
            other => other,
        };
        match decided {
            Ok((records, reply)) => {
                self.append(records)?;
                Ok(reply)
            }
            Err(Refusal::Error(error)) => Err(error),
            Err(Refusal::NeedsProducerId) => panic!("it has one"),
        }
    }

    fn init(&mut self, index: usize) {
        let client = self.clients[index].clone();
        let expected = client.producer.filter(|_| self.random.below(2) == 0);
        let request = InitProducerId {
            transactional_id: client.id,
            timeout_ms: 10_000,
            expected,
            transaction_version: 2,
        };
        let reply = self.request(|shard, id, wall_ms| shard.init_producer_id(&request, id, wall_ms));
        self.clients[index].last_end = None;
        let Ok(Ok(producer)) = reply else {
            self.clients[index].producer = None;
            return;
        };
        let is_new = self.given.insert((producer.producer_id, producer.producer_epoch));
        let seed = self.seed;
        assert!(
            is_new || expected.is_some(),
            "seed {seed}: {producer:?} was given twice"
        );
        self.clients[index].producer = Some(producer);
    }

    fn add(&mut self, index: usize) {
        let Client {
            id,
            producer: Some(producer),
            version,
            ..
        } = self.clients[index]
        else {
            return;
        };
        let partitions = [(Arc::from("topic"), self.random.below(4) as i32)];
        // Whoever is fenced does not know it, and tries.
        let _ = self.request(|shard, _, wall_ms| {
            Ok(shard.add_partitions(id, producer, &partitions, version, wall_ms)?)
        });
    }

    fn end(&mut self, index: usize, again: bool) {
        let client = self.clients[index].clone();
        let commit = self.random.below(2) == 0;
        let wanted = if again {
            client.last_end
        } else {
            client.producer.map(|producer| (producer, commit))
        };
        let Some((producer, commit)) = wanted else { return };
        let (id, version) = (client.id, client.version);
        let before = self.shard().transaction(id).map(|known| known.state);
        let reply = self.request(|shard, new_id, wall_ms| {
            shard.end_transaction(id, producer, commit, version, new_id, wall_ms)
        });
        self.clients[index].last_end = Some((producer, commit));
        if let Ok(next) = reply {
            let state = self.shard().transaction(id).unwrap().state;
            let told = matches!(
                (commit, state),
                (
                    true,
                    TransactionState::PrepareCommit | TransactionState::CompleteCommit
                ) | (
                    false,
                    TransactionState::PrepareAbort | TransactionState::CompleteAbort
                )
            );
            let seed = self.seed;
            assert!(
                told,
                "seed {seed}: told {commit}, but {before:?} became {state:?}"
            );
            if version == 2 {
                self.clients[index].producer = Some(next);
            }
        }
    }

    /// Writes one transaction's markers, whichever comes first, and perhaps once more.
    fn write_markers(&mut self) {
        if self.work.is_empty() {
            return;
        }
        let index = self.random.below(self.work.len() as u64) as usize;
        let work = self.work.swap_remove(index);
        let key = (work.producer.producer_id, work.producer.producer_epoch);
        let seed = self.seed;
        assert_eq!(
            self.decided[&key], work.commit,
            "seed {seed}: a marker of the other outcome"
        );
        let mut left = 1 + self.random.below(2);
        while left > 0 {
            let completed = self
                .shard()
                .complete(&work.transactional_id, work.producer, self.now.wall_ms);
            // Until the log takes it: nobody else completes it.
            left -= u64::from(self.append(completed).is_ok());
        }
    }

    fn tick(&mut self) {
        match [1, 50, 12_000, 40_000, -20_000][self.random.below(5) as usize] {
            // Somebody sets the clock back.
            back_ms if back_ms < 0 => self.now.wall_ms += back_ms,
            ms => self.now = after(self.now, ms),
        }
        while self
            .shard()
            .next_deadline()
            .is_some_and(|deadline_ms| deadline_ms <= self.now.monotonic_ms)
        {
            let records = self.active.machine.core.on_timer(2, self.now);
            // A timer comes again.
            let _ = self.append(records);
        }
    }

    /// The broker ends, with whatever it had in hand; another loads the log's bytes.
    fn restart(&mut self) {
        let epoch = self.led.leader_epoch() + 1;
        self.log.lead_in(Some(epoch));
        self.led = LedLog::new(self.log.clone(), epoch, Compression::None);
        let heir = load(&self.led, self.now);
        for id in IDS {
            let seed = self.seed;
            let known = [&heir.machine.core, self.shard()].map(|shard| logged(shard, id));
            assert_eq!(known[0], known[1], "seed {seed}");
        }
        self.active = heir;
        self.work = self.active.machine.core.take_work();
    }

    fn run(mut self) -> usize {
        for _ in 0..STEPS {
            let client = self.random.below(CLIENTS as u64) as usize;
            match self.random.below(20) {
                0..3 if self.clients[client].producer.is_none() || self.random.below(4) == 0 => {
                    self.init(client);
                }
                0..8 => self.add(client),
                8..12 => self.end(client, false),
                12 => self.end(client, true),
                13..17 => self.write_markers(),
                17 | 18 => self.tick(),
                _ if self.random.below(4) == 0 => self.restart(),
                _ => {}
            }
        }
        while !self.work.is_empty() {
            self.write_markers();
        }
        for id in IDS {
            let seed = self.seed;
            let metadata = self.shard().transaction(id);
            assert!(
                metadata.is_none_or(|metadata| !is_prepared(metadata)),
                "seed {seed}: decided, and not completed: {metadata:?}"
            );
        }
        self.completed
    }
}

fn is_prepared(metadata: &TransactionMetadata) -> bool {
    matches!(
        metadata.state,
        TransactionState::PrepareCommit | TransactionState::PrepareAbort
    )
}

fn load(led: &LedLog<MemoryLog>, now: Now) -> Active<TransactionMachine> {
    let setup = TransactionSetup {
        config: TransactionConfig::default(),
        transaction_version: Arc::new(AtomicI16::new(2)),
        markers_due: Arc::new(Notify::new()),
    };
    let mut active = Active::read(led, &setup, now).unwrap();
    active.finish_loading(led, now);
    active
}

/// What the log holds of a transactional id: all but the epoch before the last bump.
fn logged(shard: &TransactionShard, id: &str) -> Option<TransactionMetadata> {
    shard.transaction(id).cloned().map(|mut metadata| {
        metadata.last_producer_epoch = NO_PRODUCER_EPOCH;
        metadata
    })
}

#[test]
fn whatever_happens_an_outcome_stays() {
    let completed: usize = (1..=300).map(|seed| Simulation::new(seed).run()).sum();
    assert!(completed > 6_000, "only {completed} transactions were completed");
}
