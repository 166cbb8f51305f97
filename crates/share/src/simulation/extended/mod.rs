//! Random histories with retries that wait, times of delivery, order by key and selection, each on or off.
//!
//! Held: one holder of a record; nothing before its time, before its retry's, or though it is not selected;
//! no record of a key while an earlier one is in flight or waits for its retry; nothing that was accepted
//! comes again; and in the end everything that is selected was accepted, over restarts and failed writes.

mod members;

use std::collections::BTreeMap;

use barnabas_environment::Random;

use super::MEMBERS;
use crate::{
    Extensions, GroupSettings, PersistedState, RecordState, SharePartition, Span, StateBatch, Times, Write,
};

/// Seeds that run where nobody asks for one.
const SEEDS: u64 = 60;
const STEPS: usize = 200;
/// How far the wall clock is ahead of the other one.
const AHEAD_MS: i64 = 1_000_000;
const LOCK_MS: i64 = 50;

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    deliver_at_ms: i64,
    key: Option<u64>,
    is_selected: bool,
    holder: Option<usize>,
    until_ms: i64,
    count: i16,
    retry_ms: i64,
    /// An acknowledgement is under way: of this type.
    writing: Option<i8>,
    is_accepted: bool,
}

struct History {
    random: Random,
    settings: GroupSettings,
    log: Vec<Span>,
    records: BTreeMap<i64, Known>,
    next_log: i64,
    now_ms: i64,
    partition: SharePartition,
    store: BTreeMap<i64, (RecordState, i16)>,
    store_start: i64,
    writes: Vec<Write>,
}

impl History {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let is_on = || random.below(2) == 0;
        let extensions = Extensions {
            backoff_ms: if is_on() { 20 } else { 0 },
            backoff_max_ms: 60,
            deliver_at: is_on(),
            key_order: is_on(),
            selects: is_on(),
        };
        let settings = GroupSettings {
            max_record_locks: 5 + random.below(30) as i32,
            // Nothing is given up.
            delivery_count_limit: i16::MAX,
            record_lock_duration_ms: LOCK_MS as i32,
            renew_acknowledge_enable: false,
            dead_letters: false,
            extensions,
        };
        History {
            random,
            settings,
            log: Vec::new(),
            records: BTreeMap::new(),
            next_log: 0,
            now_ms: 0,
            partition: SharePartition::new(0),
            store: BTreeMap::new(),
            store_start: 0,
            writes: Vec::new(),
        }
    }

    fn below(&self, bound: i64) -> i64 {
        self.random.below(bound as u64) as i64
    }

    fn times(&self) -> Times {
        Times {
            monotonic_ms: self.now_ms,
            wall_ms: self.now_ms + AHEAD_MS,
        }
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=2 => self.produce(),
            3..=8 => drop(self.fetch()),
            9..=12 => self.acknowledge(),
            13..=15 => self.come_back(),
            16..=17 => {
                let passed_ms = self.below(40);
                self.pass_time(passed_ms);
            }
            18 => self.leave(),
            _ if self.below(4) == 0 => self.restart(),
            _ => {}
        }
        self.check();
    }

    fn produce(&mut self) {
        let hole = if self.settings.extensions.look() {
            self.below(3) / 2
        } else {
            0
        };
        let first_offset = self.next_log + hole;
        let last_offset = first_offset + self.below(8);
        for offset in first_offset..=last_offset {
            let extensions = &self.settings.extensions;
            if extensions.look() && self.below(12) == 0 {
                // Compaction has taken it.
                continue;
            }
            let at_ms = self.now_ms + AHEAD_MS + self.below(150);
            let known = Known {
                deliver_at_ms: if extensions.deliver_at && self.below(3) > 0 {
                    at_ms
                } else {
                    i64::MIN
                },
                key: (extensions.key_order && self.below(8) > 0).then(|| self.random.below(6)),
                is_selected: !extensions.selects || self.below(3) > 0,
                ..Known::default()
            };
            self.records.insert(offset, known);
        }
        self.log.push(Span {
            first_offset,
            last_offset,
        });
        self.next_log = last_offset + 1;
    }

    fn pass_time(&mut self, passed_ms: i64) {
        self.now_ms += passed_ms;
        let expired = self.partition.expire_locks(&self.settings, self.now_ms);
        self.writes.extend(expired.write);
        let over: Vec<i64> = self
            .records
            .iter()
            .filter(|(_, known)| {
                known.holder.is_some() && known.writing.is_none() && known.until_ms <= self.now_ms
            })
            .map(|(offset, _)| *offset)
            .collect();
        for offset in over {
            self.records.get_mut(&offset).unwrap().holder = None;
            self.wait_for_retry(offset);
        }
    }

    fn come_back(&mut self) {
        if self.writes.is_empty() {
            return;
        }
        let write = self.writes.remove(0);
        let is_written = self.below(6) > 0;
        if is_written {
            for batch in &write.batches {
                for offset in batch.first_offset..=batch.last_offset {
                    self.store
                        .insert(offset, (batch.delivery_state, batch.delivery_count));
                }
            }
            self.store_start = self.partition.start_offset();
            self.store = self.store.split_off(&self.store_start);
        }
        self.partition
            .complete(&write, is_written, &self.settings, self.now_ms);
        if write.id.is_none() {
            return;
        }
        for batch in &write.batches {
            for (_, known) in self.records.range_mut(batch.first_offset..=batch.last_offset) {
                let Some(kind) = known.writing.take() else {
                    continue;
                };
                if is_written {
                    known.holder = None;
                    known.is_accepted |= kind == 1;
                } else if known.until_ms <= self.now_ms {
                    known.holder = None;
                    // What was released waits as it did.
                    if kind == 1 {
                        let backoff_ms = self.settings.extensions.backoff_ms;
                        let wait_ms = (backoff_ms << (known.count - 1).min(8))
                            .min(self.settings.extensions.backoff_max_ms);
                        known.retry_ms = if backoff_ms > 0 { self.now_ms + wait_ms } else { 0 };
                    }
                } else {
                    known.retry_ms = 0;
                }
            }
        }
    }

    /// A new leader takes over what was written.
    fn restart(&mut self) {
        let batches =
            self.store
                .range(self.store_start..)
                .map(|(&offset, &(delivery_state, delivery_count))| StateBatch {
                    first_offset: offset,
                    last_offset: offset,
                    delivery_state,
                    delivery_count,
                    cause: None,
                });
        let state = PersistedState {
            start_offset: self.store_start,
            batches: batches.collect(),
        };
        self.partition = SharePartition::restore(&state, &self.settings, self.now_ms)
            .unwrap()
            .0;
        self.writes.clear();
        for (offset, known) in &mut self.records {
            let stored = self.store.get(offset).copied();
            let is_done = *offset < self.store_start || stored.is_some_and(|(state, _)| state.is_terminal());
            assert!(!known.is_accepted || is_done, "{offset} comes again");
            known.is_accepted |= is_done && known.is_selected;
            known.holder = None;
            known.writing = None;
            known.count = stored.map_or(0, |(_, count)| count);
            // How long it waits anew is the core's to say; not longer than the longest wait.
            known.retry_ms = 0;
        }
    }

    fn check(&self) {
        let open = self.partition.open_records();
        let bound = i64::from(self.settings.max_record_locks) + 20;
        let restored = self.partition.window.batches().filter(|batch| batch.is_gap());
        let gaps: i64 = restored.map(|gap| gap.last() - gap.first() + 1).sum();
        let known: i64 = self.store.len() as i64;
        assert!(open - gaps <= bound + known, "{open} records are open");
        for run in self.partition.window.runs() {
            let Some(lock) = &run.delivery.lock else { continue };
            for offset in run.first..=run.last {
                let Some(known) = self.records.get(&offset) else {
                    continue;
                };
                assert_eq!(
                    known.holder.map(|holder| MEMBERS[holder]),
                    Some(&*lock.member),
                    "{offset}: {known:?}"
                );
            }
        }
        let done_in_window = self
            .partition
            .window
            .runs()
            .filter(|run| run.delivery.state.is_terminal());
        let done: i64 = done_in_window.map(|run| run.len()).sum();
        assert_eq!(
            i64::from(self.partition.delivery_complete_count()),
            done + self.partition.settled.count()
        );
    }

    /// Everybody works on until nothing is left.
    fn finish(&mut self) {
        for _ in 0..5000 {
            while self.fetch() {}
            self.check();
            let held: Vec<i64> = self
                .records
                .iter()
                .filter(|(_, known)| known.holder.is_some() && known.writing.is_none())
                .map(|(offset, _)| *offset)
                .collect();
            held.into_iter().for_each(|offset| self.settle(offset, 1));
            while !self.writes.is_empty() {
                self.come_back();
            }
            let is_open = |known: &Known| known.is_selected && !known.is_accepted;
            if !self.records.values().any(is_open) && self.partition.start_offset() >= self.next_log {
                return;
            }
            let now = self.times();
            let next_ms = self
                .partition
                .next_lock_timeout_ms()
                .into_iter()
                .chain(self.partition.next_due_ms(now))
                .min();
            self.pass_time(next_ms.map_or(1, |next_ms| (next_ms - self.now_ms).clamp(1, 200)));
        }
        let open: Vec<_> = self
            .records
            .iter()
            .filter(|(_, known)| known.is_selected && !known.is_accepted)
            .collect();
        panic!(
            "start {}, log end {}, left: {open:?}",
            self.partition.start_offset(),
            self.next_log
        );
    }
}

#[test]
fn extended_histories() {
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut history = History::new(seed);
            for _ in 0..STEPS {
                history.step();
            }
            history.finish();
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}
