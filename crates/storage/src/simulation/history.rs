//! Random histories of a log on a disk that loses power.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use tempfile::TempDir;
use uuid::Uuid;

use super::check;
use super::model::Model;
use super::platter::Loss;
use super::{Random, recorder};
use crate::log::{AppendOrigin, Log};
use crate::log_config::LogConfig;
use crate::log_dir::{LogCheckpoint, LogDir};
use crate::open_files::OpenFiles;

const TOPIC_ID: Uuid = Uuid::from_u128(0xD15C);
const PRODUCERS: usize = 3;
/// Seeds that run where nobody asks for more.
const SEEDS: u64 = 600;

/// A producer, as a client is one.
#[derive(Clone, Copy, Debug, Default)]
struct Producer {
    epoch: i16,
    next_sequence: i32,
    in_transaction: bool,
}

struct History {
    random: Random,
    config: Arc<LogConfig>,
    root: TempDir,
    log_dir: Option<LogDir>,
    log: Option<Log>,
    model: Model,
    producers: [Producer; PRODUCERS],
    leader_epoch: i32,
    unique: u32,
    /// Calls may fail.
    faulty: bool,
}

/// In memory where that is possible: nothing here needs a real disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = LogConfig {
            segment_bytes: 500 + random.below(3_000) as u32,
            index_interval_bytes: random.below(500) as u32,
            segment_index_bytes: 80 + random.below(300) as u32,
            preallocate: random.once_in(4),
            retention_bytes: if random.once_in(3) {
                1_500 + random.below(3_000) as i64
            } else {
                -1
            },
            ..LogConfig::default()
        };
        let mut history = History {
            random,
            config: Arc::new(config),
            root: folder(),
            log_dir: None,
            log: None,
            model: Model::default(),
            producers: [Producer::default(); PRODUCERS],
            leader_epoch: 0,
            unique: 0,
            faulty: false,
        };
        recorder::start(history.root.path(), seed);
        history.open();
        history
    }

    /// Opens the directory; the log is found or created.
    fn open(&mut self) {
        let log_dir = LogDir::open(self.root.path(), Arc::new(OpenFiles::new(4))).unwrap();
        let mut loaded = log_dir.load(&|_, _| self.config.clone(), 1).unwrap();
        self.log = loaded.logs.pop();
        assert!(loaded.logs.is_empty());
        if self.log.is_none() {
            assert_eq!(self.model.promised, 0, "the log is gone");
            self.log = Some(log_dir.create_log("t".into(), 0, TOPIC_ID, self.config.clone()));
        }
        self.log_dir = Some(log_dir);
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn run(&mut self) {
        for _ in 0..2 + self.random.below(3) {
            for _ in 0..self.random.below(25) {
                self.step();
            }
            if self.random.once_in(3) {
                self.fail();
                continue;
            }
            // The power goes in the middle of something.
            recorder::cut_power_after(self.random.below(25));
            for _ in 0..1 + self.random.below(12) {
                if !recorder::has_power() {
                    break;
                }
                self.step();
            }
            self.crash();
        }
    }

    /// The disk is full or broken: calls fail, until the process is ended.
    fn fail(&mut self) {
        self.faulty = true;
        recorder::fail_one_in(2 + self.random.below(12));
        for _ in 0..1 + self.random.below(8) {
            if self.random.once_in(4) {
                self.flush();
            } else {
                self.append();
            }
        }
        recorder::fail_one_in(0);
        self.crash();
        self.faulty = false;
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..60 => self.append(),
            60..70 => self.flush(),
            70..74 => self.flush_rolled(),
            74..80 => {
                let recovery_point = self.log().recovery_point();
                self.checkpoint(recovery_point);
            }
            80..84 => self.log().release().unwrap(),
            84..87 => self.truncate(),
            87..90 => self.delete_records(),
            90..93 => self.retain(),
            93..95 => self.new_epoch(),
            95..98 => self.restart(),
            _ => self.check(),
        }
    }

    fn append(&mut self) {
        let who = self.random.below(PRODUCERS + 2);
        let mut builder = BatchBuilder::new(if self.random.once_in(3) {
            Compression::Lz4
        } else {
            Compression::None
        });
        let count = 1 + self.random.below(4);
        let mut commits = None;
        let mut origin = AppendOrigin::Client;
        let mut after = None;
        if let Some(mut producer) = self.producers.get(who).copied() {
            let id = 1_000 + who as i64;
            if producer.in_transaction && self.random.once_in(3) {
                commits = Some(self.random.once_in(2));
                origin = AppendOrigin::Coordinator;
                producer.in_transaction = false;
                builder = BatchBuilder::new(Compression::None)
                    .producer(id, producer.epoch, -1)
                    .transactional()
                    .control();
            } else {
                builder = builder.producer(id, producer.epoch, producer.next_sequence);
                producer.next_sequence += count as i32;
                if who == 0 {
                    builder = builder.transactional();
                    producer.in_transaction = true;
                }
            }
            after = Some(producer);
        }
        let timestamps = self.fill(&mut builder, count, commits);
        let mut bytes = builder.build().unwrap();
        let leader_epoch = self.leader_epoch;
        let appended = match self.log().append(&mut bytes, leader_epoch, origin, 9_000) {
            Ok(appended) => appended,
            Err(error) => {
                assert!(self.faulty, "{error}");
                return self.model.append_failed(&bytes, &timestamps, commits);
            }
        };
        assert!(!appended.duplicate);
        self.model.append(&bytes, &timestamps, commits);
        assert_eq!(appended.last_offset + 1, self.model.log_end_offset());
        if let Some(after) = after {
            self.producers[who] = after;
        }
    }

    /// Fills a batch with records of their own, or with a marker; answers their timestamps.
    fn fill(&mut self, builder: &mut BatchBuilder, count: usize, commits: Option<bool>) -> Vec<i64> {
        if let Some(commits) = commits {
            builder.append(&RecordFields {
                timestamp: 100,
                key: Some(&[0, 0, 0, u8::from(commits)]),
                value: Some(&[0, 0, 0, 0, 0, 0]),
                headers: &[],
            });
            return vec![100];
        }
        (0..count)
            .map(|_| {
                self.unique += 1;
                let timestamp = self.random.below(5_000) as i64;
                let mut value = self.unique.to_be_bytes().to_vec();
                value.resize(4 + self.random.below(90), self.unique as u8);
                builder.append(&RecordFields {
                    timestamp,
                    key: None,
                    value: Some(&value),
                    headers: &[],
                });
                timestamp
            })
            .collect()
    }

    /// What was flushed is promised, if the power was still there.
    fn flush(&mut self) {
        let flush = match self.log().begin_flush() {
            Ok(Some(flush)) => flush,
            Ok(None) => return,
            Err(error) => return assert!(self.faulty, "{error}"),
        };
        if self.random.once_in(2) {
            self.append();
        }
        let outcome = flush.run();
        match self.log().flushed(&flush, outcome) {
            Ok(()) => self.promise(),
            Err(error) => assert!(self.faulty, "{error}"),
        }
    }

    fn flush_rolled(&mut self) {
        if let Some(flush) = self.log().begin_rolled_flush().unwrap() {
            let outcome = flush.run();
            self.log().flushed(&flush, outcome).unwrap();
            self.promise();
        }
    }

    fn promise(&mut self) {
        if recorder::has_power() {
            self.model.promised = self.log().recovery_point();
        }
    }

    fn checkpoint(&mut self, recovery_point: i64) {
        let log = self.log.as_ref().unwrap();
        let checkpoint = LogCheckpoint {
            topic: log.topic().clone(),
            partition: 0,
            recovery_point,
            log_start_offset: log.log_start_offset(),
            high_watermark: log.log_end_offset(),
        };
        let log_dir = self.log_dir.as_ref().unwrap();
        log_dir.write_checkpoints(&[checkpoint]).unwrap();
        if recorder::has_power() && self.model.promised > 0 {
            self.model.promised_start = self.model.log_start_offset;
        }
    }

    fn truncate(&mut self) {
        let count = self.model.batches.len();
        let Some(first_gone) = count.checked_sub(1 + self.random.below(4)) else {
            return;
        };
        let offset = self.model.batches[first_gone].header.base_offset;
        if offset < self.model.log_start_offset {
            return;
        }
        // Whoever cuts a log notes before that less of it may be believed.
        let recovery_point = self.log().recovery_point().min(offset);
        self.checkpoint(recovery_point);
        self.log().truncate_to(offset).unwrap();
        self.model.truncate(offset);
        assert_eq!(self.log().log_end_offset(), offset);
        // A new leader has decided so.
        self.leader_epoch += 1;
        self.forget_transactions();
    }

    fn delete_records(&mut self) {
        let (start, end) = (self.model.log_start_offset, self.model.log_end_offset());
        let offset = start + self.random.below((end - start).min(10) as usize + 1) as i64;
        self.log().advance_log_start_offset(offset, end).unwrap();
        self.model.log_start_offset = offset;
    }

    fn retain(&mut self) {
        let high_watermark = self.model.log_end_offset();
        let Some(check) = self.log().retention_check(high_watermark, 9_000) else {
            return;
        };
        let verdict = check.judge(9_000).unwrap();
        if let Some(removed) = self.log().remove_oldest(&verdict, high_watermark).unwrap() {
            removed.mark().1.unwrap();
        }
        self.model.log_start_offset = self.log().log_start_offset();
    }

    fn new_epoch(&mut self) {
        self.leader_epoch += 1;
        let leader_epoch = self.leader_epoch;
        self.log().assign_leader_epoch(leader_epoch).unwrap();
    }

    /// A stop in order, and a start.
    fn restart(&mut self) {
        let mut log = self.log.take().unwrap();
        let high_watermark = log.log_end_offset();
        let log_dir = self.log_dir.take().unwrap();
        log_dir
            .shut_down(&mut std::iter::once((&mut log, high_watermark)))
            .unwrap();
        if recorder::has_power() {
            self.model.promised = log.log_end_offset();
            self.model.promised_start = self.model.log_start_offset;
        }
        drop((log, log_dir));
        if self.random.once_in(3) {
            return self.crash();
        }
        self.open();
        let (start, end) = (self.log().log_start_offset(), self.log().log_end_offset());
        assert_eq!(
            (start, end),
            (self.model.log_start_offset, self.model.log_end_offset())
        );
    }

    fn check(&mut self) {
        let log = self.log.as_mut().unwrap();
        check::agrees(log, &self.model, &mut self.random);
    }

    /// The power goes; a start makes do with what is left.
    fn crash(&mut self) {
        drop((self.log.take(), self.log_dir.take()));
        let had_power = recorder::has_power();
        let platter = recorder::stop();
        let loss = [Loss::Nothing, Loss::AllUnsynced, Loss::Some, Loss::Some][self.random.below(4)];
        let left = folder();
        platter.materialise(left.path(), loss, &mut self.random);
        if loss == Loss::Nothing && had_power && !self.faulty {
            assert_same(self.root.path(), left.path());
        }
        self.root = left;
        recorder::start(self.root.path(), self.random.next());
        self.open();
        let log = self.log.as_mut().unwrap();
        let served = check::served(log, &self.model);
        self.model
            .adopt(served, log.log_start_offset(), log.log_end_offset());
        check::agrees(log, &self.model, &mut self.random);
        self.leader_epoch = self.leader_epoch.max(0) + 1;
        self.forget_transactions();
    }

    /// The producers begin again where the log is, in an epoch of their own.
    fn forget_transactions(&mut self) {
        let (known, _) = self.model.replay();
        for (who, producer) in self.producers.iter_mut().enumerate() {
            let id = 1_000 + who as i64;
            *producer = Producer {
                epoch: producer.epoch + 1,
                next_sequence: 0,
                in_transaction: known
                    .get(&id)
                    .is_some_and(|known| known.transaction_from.is_some()),
            };
        }
    }
}

/// All that the process did went through the door of [`crate::disk`].
fn assert_same(real: &Path, simulated: &Path) {
    let files = |root: &Path| {
        let mut found = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(root).unwrap().to_owned();
                    found.push((name, std::fs::read(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    };
    assert_eq!(files(real), files(simulated));
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn what_was_promised_outlives_power_cuts() {
    if let Some(seed) = from_environment("BARNABAS_SIMULATION_SEED") {
        return History::new(seed).run();
    }
    let seeds = from_environment("BARNABAS_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (half..seeds).step_by(2) {
                    let run = std::panic::catch_unwind(|| History::new(seed).run());
                    assert!(run.is_ok(), "seed {seed} fails: BARNABAS_SIMULATION_SEED={seed}");
                }
            });
        }
    });
    println!("{seeds} seeds in {:?}", begun.elapsed());
}
