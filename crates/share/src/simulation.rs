//! Random histories of a share partition beside a naive model, one entry for each offset. A failure names its
//! seed: `SEED=n cargo test -p barnabas-share simulation`.
//!
//! Held: one holder of a lock; nothing delivered after its acknowledgement was answered; counts exact; the
//! start offset before the first record that is open; a bounded window; a partition that is restored from
//! what was written behaves as the one that wrote it.

use std::collections::BTreeMap;

use barnabas_environment::Random;

use crate::delivery::MemberId;
use crate::{
    Acknowledgement, Acquire, AcquireMode, DeadLetter, GroupSettings, PersistedState, RecordState,
    SharePartition, Span, StateBatch, Write,
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

    fn fetch(&mut self) {
        if !self.partition.can_acquire(&self.settings) {
            return;
        }
        let fetch_offset = self.partition.next_fetch_offset();
        let from = self.log.partition_point(|span| span.last_offset < fetch_offset);
        let most = 1 + self.below(5) as usize;
        let fetched: Vec<Span> = self.log[from..].iter().take(most).copied().collect();
        let holder = self.below(4) as usize;
        let member: MemberId = MEMBERS[holder].into();
        let wanted = Acquire {
            member: &member,
            mode: if self.below(2) == 0 {
                AcquireMode::BatchOptimized
            } else {
                AcquireMode::RecordLimit
            },
            batch_size: self.below(20) as i32,
            max_records: 1 + self.below(25) as i32,
            fetch_offset,
        };
        let aborted: Vec<Span> = fetched
            .iter()
            .filter(|span| span.first_offset % 7 == 0)
            .copied()
            .collect();
        let acquired = self
            .partition
            .acquire(&wanted, &fetched, &aborted, &self.settings, self.now_ms);
        let mut count = 0;
        let mut before = -1;
        for records in &acquired {
            assert!(
                records.first_offset > before && records.last_offset >= records.first_offset,
                "{acquired:?}"
            );
            before = records.last_offset;
            for offset in records.first_offset..=records.last_offset {
                count += 1;
                assert!(
                    !aborted
                        .iter()
                        .any(|span| (span.first_offset..=span.last_offset).contains(&offset))
                );
                let known = self.known.get(&offset).copied();
                assert!(
                    known.is_none_or(|known| known.state == RecordState::Available && !known.is_writing),
                    "{offset}: {known:?} delivered again"
                );
                assert_eq!(
                    records.delivery_count,
                    known.map_or(0, |known| known.count) + 1,
                    "{offset}"
                );
                assert!(records.delivery_count <= self.settings.delivery_count_limit);
                let acquired = Known {
                    state: RecordState::Acquired,
                    count: records.delivery_count,
                    holder: Some(holder),
                    until_ms: self.now_ms + i64::from(self.settings.record_lock_duration_ms),
                    is_writing: false,
                };
                self.known.insert(offset, acquired);
            }
        }
        if wanted.mode == AcquireMode::RecordLimit {
            assert!(count <= wanted.max_records, "{acquired:?}");
        }
        // What came along without being acquired: the rest of a batch, and what is given up.
        for run in self.partition.window.runs() {
            for offset in run.first..=run.last {
                let is_new = !self.known.contains_key(&offset);
                let gave_up = run.delivery.state == RecordState::Archived;
                if is_new || gave_up {
                    let known = Known {
                        state: run.delivery.state,
                        count: run.delivery.count,
                        holder: None,
                        until_ms: 0,
                        is_writing: false,
                    };
                    let before = self.known.insert(offset, known);
                    let might = before.is_none_or(|before| before.state != RecordState::Acquired || !is_new);
                    assert!(
                        might && run.delivery.write.is_none()
                            || !gave_up
                            || before == Some(known)
                            || is_writing(before)
                    );
                    if let Some(before) = before.filter(|before| is_writing(Some(*before))) {
                        self.known.insert(offset, before);
                    }
                }
            }
        }
    }

    fn acknowledge(&mut self) {
        let start = self.partition.start_offset();
        let first = start + self.below(30) - 3;
        let last = first + self.below(12);
        let alike = self.below(2) == 0;
        let count = if alike { 1 } else { last - first + 1 };
        let types: Vec<i8> = (0..count).map(|_| self.below(5) as i8).collect();
        let holder = match self.known.get(&first.max(start)).and_then(|known| known.holder) {
            Some(holder) if self.below(5) > 0 => holder,
            _ => self.below(4) as usize,
        };
        let member: MemberId = MEMBERS[holder].into();
        let one = Acknowledgement {
            first_offset: first,
            last_offset: last,
            types: &types,
        };
        let answered = self
            .partition
            .acknowledge(&member, &[one], &self.settings, self.now_ms);
        let window: Vec<i64> = self
            .partition
            .window
            .runs()
            .flat_map(|run| run.first..=run.last)
            .collect();
        let asked: Vec<i64> = window
            .iter()
            .filter(|offset| (first..=last).contains(offset))
            .copied()
            .collect();
        let kind = |offset: i64| types[if alike { 0 } else { (offset - first) as usize }];
        let may_settle = |offset: &i64| {
            let known = self.known[offset];
            let is_held =
                known.state == RecordState::Acquired && known.holder == Some(holder) && !known.is_writing;
            is_held && (kind(*offset) != 4 || self.settings.renew_acknowledge_enable)
        };
        let is_settled = last < start
            || (!asked.is_empty() && asked.iter().all(may_settle) && window.last() >= Some(&last));
        if answered.is_ok() != is_settled {
            // Either end of the range may lie in a hole.
            assert!(
                answered.is_err() && !(asked.contains(&first) && asked.contains(&last)),
                "{first}-{last} {types:?}: {answered:?}"
            );
        }
        let Ok(write) = answered else {
            // A renewal before the refusal stays; the model learns of it.
            self.learn_renewals();
            return;
        };
        for offset in asked {
            let known = self.known.get_mut(&offset).unwrap();
            let gives_up = if self.settings.dead_letters {
                RecordState::Archiving
            } else {
                RecordState::Archived
            };
            known.state = match kind(offset) {
                0 => RecordState::Archived,
                1 => RecordState::Acknowledged,
                2 if known.count >= self.settings.delivery_count_limit => gives_up,
                2 => RecordState::Available,
                3 => gives_up,
                _ => {
                    known.until_ms = self.now_ms + i64::from(self.settings.record_lock_duration_ms);
                    continue;
                }
            };
            known.is_writing = true;
        }
        self.writes.extend(write);
    }

    fn learn_renewals(&mut self) {
        for run in self.partition.window.runs() {
            let Some(lock) = &run.delivery.lock else { continue };
            for offset in run.first..=run.last {
                self.known.get_mut(&offset).unwrap().until_ms = lock.until_ms;
            }
        }
    }

    /// A write comes back; they come back in order, as the shell sends them.
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
            self.store_start = self.partition.start_offset().min(self.lowest_outstanding());
            self.store = self.store.split_off(&self.store_start);
        }
        let completed = self
            .partition
            .complete(&write, is_written, &self.settings, self.now_ms);
        self.letters.extend(completed.dead_letters);
        if write.id.is_none() {
            return;
        }
        for batch in &write.batches {
            for offset in batch.first_offset..=batch.last_offset {
                let Some(known) = self.known.get_mut(&offset).filter(|known| known.is_writing) else {
                    continue;
                };
                known.is_writing = false;
                if is_written {
                    known.holder = None;
                } else if known.until_ms > self.now_ms {
                    known.state = RecordState::Acquired;
                } else {
                    known.holder = None;
                    let is_over = known.count >= self.settings.delivery_count_limit;
                    known.state = if is_over {
                        RecordState::Archived
                    } else {
                        RecordState::Available
                    };
                }
            }
        }
    }

    fn lowest_outstanding(&self) -> i64 {
        let first = self.writes.iter().flat_map(|write| write.batches.first());
        first.map(|batch| batch.first_offset).min().unwrap_or(i64::MAX)
    }

    fn pass_time(&mut self) {
        self.now_ms += self.below(60);
        let write = self.partition.expire_locks(&self.settings, self.now_ms);
        for known in self.known.values_mut() {
            if known.state == RecordState::Acquired && !known.is_writing && known.until_ms <= self.now_ms {
                release(known, &self.settings);
            }
        }
        self.writes.extend(write);
    }

    fn leave(&mut self) {
        let holder = self.below(4) as usize;
        let write = self
            .partition
            .release_acquired(&MEMBERS[holder].into(), &self.settings);
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
        (self.partition, self.letters) = SharePartition::restore(&state, &self.settings).unwrap();
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
