//! Random histories of a share partition beside a naive model, one entry for each offset. A failure names its
//! seed: `SEED=n cargo test -p barnabas-share simulation`.
//!
//! Held: one holder of a lock; nothing delivered after its acknowledgement was answered; counts exact; the
//! start offset before the first record that is open; a bounded window; a partition that is restored from
//! what was written behaves as the one that wrote it.

mod extended;
mod members;

use std::collections::BTreeMap;

use barnabas_environment::Random;

use crate::{
    DeadLetter, Extensions, GroupSettings, PersistedState, RecordState, SharePartition, Span, StateBatch,
    Write,
};

/// Seeds that run where nobody asks for one.
const SEEDS: u64 = 150;
const STEPS: usize = 300;
const MEMBERS: [&str; 4] = ["a", "b", "c", "d"];

/// What is known of one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    state: RecordState,
    count: i16,
    holder: Option<usize>,
    until_ms: i64,
    /// An acknowledgement of it is being written.
    is_writing: bool,
}

struct History {
    random: Random,
    settings: GroupSettings,
    log: Vec<Span>,
    next_log: i64,
    now_ms: i64,
    partition: SharePartition,
    known: BTreeMap<i64, Known>,
    /// What the share coordinator has.
    store: BTreeMap<i64, (RecordState, i16)>,
    store_start: i64,
    writes: Vec<Write>,
    letters: Vec<DeadLetter>,
}

impl History {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let settings = GroupSettings {
            max_record_locks: 20 + random.below(60) as i32,
            delivery_count_limit: 2 + random.below(5) as i16,
            record_lock_duration_ms: 50,
            renew_acknowledge_enable: random.below(2) == 0,
            dead_letters: random.below(3) == 0,
            extensions: Extensions::default(),
        };
        History {
            random,
            settings,
            log: Vec::new(),
            next_log: 0,
            now_ms: 0,
            partition: SharePartition::new(0),
            known: BTreeMap::new(),
            store: BTreeMap::new(),
            store_start: 0,
            writes: Vec::new(),
            letters: Vec::new(),
        }
    }

    fn below(&self, bound: i64) -> i64 {
        self.random.below(bound as u64) as i64
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=2 => self.produce(),
            3..=8 => self.fetch(),
            9..=12 => self.acknowledge(),
            13..=15 => self.come_back(),
            16 => self.pass_time(),
            17 => self.leave(),
            18 => self.write_letter(),
            _ if self.below(4) == 0 => self.restart(),
            _ => self.cut_log(),
        }
        self.check();
    }

    fn produce(&mut self) {
        // Compaction leaves holes.
        let hole = if self.below(6) == 0 { self.below(5) } else { 0 };
        let first_offset = self.next_log + hole;
        let last_offset = first_offset + self.below(12);
        self.log.push(Span {
            first_offset,
            last_offset,
        });
        self.next_log = last_offset + 1;
    }

    fn pass_time(&mut self) {
        self.now_ms += self.below(60);
        let expired = self.partition.expire_locks(&self.settings, self.now_ms);
        for known in self.known.values_mut() {
            if known.state == RecordState::Acquired && !known.is_writing && known.until_ms <= self.now_ms {
                release(known, &self.settings);
            }
        }
        self.writes.extend(expired.write);
    }

    fn leave(&mut self) {
        let holder = self.below(4) as usize;
        let write = self
            .partition
            .release_acquired(&MEMBERS[holder].into(), &self.settings, self.now_ms);
        for known in self.known.values_mut() {
            if known.state == RecordState::Acquired && known.holder == Some(holder) && !known.is_writing {
                release(known, &self.settings);
                known.holder = Some(holder);
                known.is_writing = true;
            }
        }
        self.writes.extend(write);
    }

    fn write_letter(&mut self) {
        if self.letters.is_empty() {
            return;
        }
        let letter = self.letters.remove(0);
        let write = self.partition.dead_letter_written(&letter);
        for (_, known) in self.known.range_mut(letter.first_offset..=letter.last_offset) {
            if known.state == RecordState::Archiving {
                known.state = RecordState::Archived;
                known.is_writing = false;
            }
        }
        self.writes.extend(write);
    }

    fn cut_log(&mut self) {
        let to = (self.partition.start_offset() + self.below(8)).min(self.next_log);
        self.log.retain(|span| span.last_offset >= to);
        self.partition.log_start_moved(to);
    }

    /// A new leader takes over what was written.
    fn restart(&mut self) {
        let mut state = PersistedState {
            start_offset: self.store_start,
            batches: Vec::new(),
        };
        for (&offset, &(delivery_state, delivery_count)) in &self.store {
            state.batches.push(StateBatch {
                first_offset: offset,
                last_offset: offset,
                delivery_state,
                delivery_count,
                cause: None,
            });
        }
        (self.partition, self.letters) =
            SharePartition::restore(&state, &self.settings, self.now_ms).unwrap();
        self.writes.clear();
        let mut known = BTreeMap::new();
        for offset in self.partition.start_offset()..self.partition.behind_window() {
            let (state, count) = self
                .store
                .get(&offset)
                .copied()
                .unwrap_or((RecordState::Available, 0));
            let before = self.known.get(&offset);
            // What was answered stays.
            if let Some(before) = before.filter(|before| before.state.is_terminal() && !before.is_writing) {
                let unwritten = state != before.state && before.state == RecordState::Archived;
                assert!(
                    state == before.state || unwritten,
                    "{offset}: {before:?} is {state:?}"
                );
            }
            let restored = Known {
                state,
                count,
                holder: None,
                until_ms: 0,
                is_writing: false,
            };
            known.insert(offset, restored);
        }
        self.known = known;
    }

    fn check(&mut self) {
        let start = self.partition.start_offset();
        self.known = self.known.split_off(&start);
        let mut done = 0;
        for run in self.partition.window.runs() {
            for offset in run.first..=run.last {
                let known = self.known[&offset];
                assert_eq!(
                    (run.delivery.state, run.delivery.count),
                    (known.state, known.count),
                    "{offset}: {known:?}"
                );
                assert!(run.delivery.write.is_none() || known.is_writing, "{offset}");
                let holder = run.delivery.lock.as_ref().map(|lock| &*lock.member);
                assert_eq!(
                    holder,
                    known.holder.map(|holder| MEMBERS[holder]),
                    "{offset}: {known:?}"
                );
                done += i32::from(run.delivery.state.is_terminal());
            }
        }
        assert_eq!(self.partition.delivery_complete_count(), done);
        if let Some(first) = self.partition.window.runs().next() {
            assert!(
                !first.delivery.is_done() || self.writes.iter().any(|write| write.id.is_none()),
                "{first:?}"
            );
        }
        let bound = i64::from(self.settings.max_record_locks) + 12 + 5;
        assert!(
            self.partition.in_flight_records() <= bound,
            "{}",
            self.partition.in_flight_records()
        );
        let behind = self.partition.behind_window();
        let first_available = self
            .partition
            .window
            .runs()
            .find(|run| run.delivery.is_available());
        let expected = first_available.map_or(behind, |run| run.first);
        assert_eq!(self.partition.next_fetch_offset(), expected);
    }
}

fn is_writing(known: Option<Known>) -> bool {
    known.is_some_and(|known| known.is_writing)
}

fn release(known: &mut Known, settings: &GroupSettings) {
    known.holder = None;
    known.state = if known.count < settings.delivery_count_limit {
        RecordState::Available
    } else if settings.dead_letters {
        RecordState::Archiving
    } else {
        RecordState::Archived
    };
}

#[test]
fn histories() {
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut history = History::new(seed);
            for _ in 0..STEPS {
                history.step();
            }
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}
