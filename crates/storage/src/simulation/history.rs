//! Random histories of a log that loses power, in one of two log directories.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use barnabas_environment::Random;
use uuid::Uuid;

use super::check;
use super::flips::Flip;
use super::model::Model;
use crate::cleaner::CleanerSettings;
use crate::deletion;
use crate::disk::Disk;
use crate::disk::simulated::{Loss, SimulatedDisk};
use crate::error::Result;
use crate::log::Log;
use crate::log_config::LogConfig;
use crate::log_dir::{LogCheckpoint, LogDir};
use crate::open_files::OpenFiles;

const TOPIC_ID: Uuid = Uuid::from_u128(0xD15C);
pub const PRODUCERS: usize = 3;
/// The time, ms, which stands still.
pub const NOW_MS: i64 = 9_000;
/// Seeds that run where nobody asks for another number.
const SEEDS: u64 = 3_000;
/// A thread gives up after so many that fail.
const FAILURES_MAX: usize = 20;

/// A producer, as a client is one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Producer {
    pub epoch: i16,
    pub next_sequence: i32,
    pub in_transaction: bool,
}

/// What has happened so far.
pub struct History {
    pub random: Random,
    pub config: Arc<LogConfig>,
    pub disk: SimulatedDisk,
    pub log_dirs: [Option<LogDir>; 2],
    /// In which of them the log lies.
    pub home: usize,
    pub log: Option<Log>,
    /// A copy on its way to the other directory.
    pub copy: Option<Log>,
    /// The original of a move that has just ended is not deleted yet.
    pub retiring: bool,
    pub cleaner: CleanerSettings,
    /// Where the next cleaning begins.
    pub cleaner_offset: Option<i64>,
    /// What waits for its removal.
    pub left: Vec<std::path::PathBuf>,
    pub model: Model,
    pub producers: [Producer; PRODUCERS],
    pub leader_epoch: i32,
    pub unique: u32,
    /// Calls may fail.
    pub faulty: bool,
    /// Says what it does.
    told: bool,
}

fn config(random: &Random) -> LogConfig {
    let cleanup_compact = random.once_in(2);
    LogConfig {
        segment_bytes: 500 + random.index(3_000) as u32,
        index_interval_bytes: random.index(500) as u32,
        segment_index_bytes: 80 + random.index(300) as u32,
        preallocate: random.once_in(4),
        cleanup_compact,
        cleanup_delete: !cleanup_compact || random.once_in(3),
        delete_retention_ms: if random.once_in(2) { 0 } else { i64::MAX },
        retention_bytes: if random.once_in(3) {
            1_500 + random.index(3_000) as i64
        } else {
            -1
        },
        ..LogConfig::default()
    }
}

impl History {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let config = config(&random);
        let cleaner = CleanerSettings {
            dedupe_buffer_bytes: if random.once_in(3) { 24 * 6 } else { 1 << 16 },
            load_factor: 0.9,
            io_buffer_bytes: [1, 300, 1 << 14][random.index(3)],
        };
        let mut history = History {
            random,
            model: Model::new(config.cleanup_compact && config.delete_retention_ms == 0),
            config: Arc::new(config),
            disk: SimulatedDisk::new(seed),
            log_dirs: [None, None],
            home: 0,
            log: None,
            copy: None,
            retiring: false,
            cleaner,
            cleaner_offset: None,
            left: Vec::new(),
            producers: [Producer::default(); PRODUCERS],
            leader_epoch: 0,
            unique: 0,
            faulty: false,
            told: from_environment("BARNABAS_SIMULATION_SEED").is_some(),
        };
        history.open().unwrap();
        history
    }

    /// Opens the directories, as the broker does at its start; the log is found or created.
    pub fn open(&mut self) -> Result<()> {
        let (disk, files) = (Disk::Simulated(self.disk.clone()), Arc::new(OpenFiles::new(4)));
        let mut found: Vec<(usize, Log)> = Vec::new();
        self.left.clear();
        for (place, name) in ["a", "b"].into_iter().enumerate() {
            let log_dir = LogDir::open(&disk, &Path::new("/").join(name), files.clone())?;
            let loaded = log_dir.load(&|_, _| self.config.clone(), 1)?;
            self.left.extend(loaded.deleted);
            found.extend(loaded.logs.into_iter().map(|log| (place, log)));
            self.log_dirs[place] = Some(log_dir);
        }
        // A crash at the end of a move leaves the same log twice.
        if let [_, (_, second)] = &found[..] {
            let loser = usize::from(!second.is_ahead_of(&found[0].1));
            let (place, log) = found.remove(loser);
            found[0].1.supersede(&log)?;
            let kept = LogCheckpoint::of(&found[0].1, 0);
            self.log_dir(found[0].0).write_log_start_offsets(&[kept])?;
            let unique = self.unique_id();
            self.log_dir(place).set_aside(log, unique)?;
        }
        if let Some((place, log)) = found.pop() {
            (self.home, self.log) = (place, Some(log));
        } else {
            assert_eq!(self.model.promised, 0, "the log is gone");
            let log_dir = self.log_dir(self.home);
            self.log = Some(log_dir.create_log("t".into(), 0, TOPIC_ID, self.config.clone()));
        }
        let offsets = self.log_dir(self.home).read_cleaner_offsets()?;
        self.cleaner_offset = offsets.get(&("t".to_owned(), 0)).copied();
        Ok(())
    }

    /// A start; reads may fail the first time. Answers whether it came about at once.
    fn start(&mut self) -> bool {
        if self.random.once_in(4) {
            self.disk.fail_reads_one_in(2 + self.random.index(20));
            let opened = self.open();
            self.disk.fail_reads_one_in(0);
            if opened.is_ok() {
                return true;
            }
            self.close();
            self.open().unwrap();
            return false;
        }
        self.open().unwrap();
        true
    }

    fn close(&mut self) {
        (self.log, self.copy, self.retiring) = (None, None, false);
        self.log_dirs = [None, None];
    }

    pub fn log_dir(&self, place: usize) -> &LogDir {
        self.log_dirs[place].as_ref().unwrap()
    }

    pub fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    pub fn unique_id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.random.u64(), self.random.u64())
    }

    /// Tells what comes, where one seed alone runs.
    pub fn tell(&mut self, what: &str) {
        if self.told {
            let ends = |log: &Log| (log.log_start_offset(), log.recovery_point(), log.log_end_offset());
            let (log, copy) = (self.log.as_ref().map(ends), self.copy.as_ref().map(ends));
            let Model {
                promised, cleaned, ..
            } = &self.model;
            let power = self.disk.has_power();
            println!(
                "{what}: home {} {log:?} {copy:?}, {promised} promised, {cleaned} cleaned, {power}",
                self.home
            );
        }
    }

    fn run(&mut self) {
        for _ in 0..2 + self.random.index(3) {
            for _ in 0..self.random.index(25) {
                self.step();
            }
            match self.random.index(8) {
                0 | 1 => {
                    self.fail();
                    continue;
                }
                2 => {
                    self.fail_reads();
                    continue;
                }
                3 => return self.flip(),
                _ => {}
            }
            // The power goes in the middle of something.
            self.disk.cut_power_after(self.random.index(40));
            for _ in 0..1 + self.random.index(12) {
                if !self.disk.has_power() {
                    break;
                }
                self.step();
            }
            self.crash();
        }
    }

    /// The disk is full or broken: calls fail, until the process is ended.
    fn fail(&mut self) {
        self.tell("fail");
        self.faulty = true;
        self.disk.fail_one_in(2 + self.random.index(12));
        for _ in 0..1 + self.random.index(8) {
            match self.random.index(8) {
                0 | 1 => self.flush(),
                2 => self.clean(),
                3 => self.move_on(),
                _ => self.append(),
            }
        }
        self.disk.fail_one_in(0);
        self.crash();
        self.faulty = false;
    }

    /// The disk can't be read for a while: nothing else comes of it than errors.
    fn fail_reads(&mut self) {
        self.tell("fail_reads");
        self.faulty = true;
        self.disk.fail_reads_one_in(1 + self.random.index(6));
        for _ in 0..1 + self.random.index(8) {
            match self.random.index(10) {
                0 => self.flush(),
                1 | 2 => self.clean(),
                3 | 4 => self.move_on(),
                5 | 6 => self.look_up(),
                7 => drop(self.log().release()),
                _ => self.append(),
            }
        }
        self.disk.fail_reads_one_in(0);
        self.faulty = false;
        self.check();
    }

    fn step(&mut self) {
        match self.random.index(110) {
            0..60 => self.append(),
            60..70 => self.flush(),
            70..74 => self.flush_rolled(),
            74..80 => {
                let recovery_point = self.log().recovery_point();
                self.checkpoint(recovery_point);
            }
            80..84 => {
                self.tell("release");
                self.log().release().unwrap();
            }
            84..87 => self.truncate(),
            87..90 => self.delete_records(),
            90..93 => self.retain(),
            93..95 => self.new_epoch(),
            95..98 => self.restart(),
            98..101 => self.clean(),
            101..106 => self.move_on(),
            106..108 => self.remove_left(),
            _ => self.check(),
        }
    }

    /// Writes the checkpoints of both directories, if it can; `recovery_point` is the log's.
    pub fn checkpoint(&mut self, recovery_point: i64) -> bool {
        self.tell("checkpoint");
        let log = self.log.as_ref().unwrap();
        let checkpoint = LogCheckpoint {
            recovery_point,
            ..LogCheckpoint::of(log, log.log_end_offset())
        };
        for place in [self.home, 1 - self.home] {
            let rows = std::slice::from_ref(&checkpoint);
            let rows = if place == self.home { rows } else { &[] };
            let written = self.log_dir(place).write_checkpoints(rows);
            if let Err(error) = written {
                assert!(self.faulty, "{error}");
                return false;
            }
        }
        if self.disk.has_power() && self.model.promised > 0 {
            self.model.promised_start = self.model.log_start_offset;
        }
        true
    }

    /// A stop in order, and a start.
    fn restart(&mut self) {
        self.tell("restart");
        let mut log = self.log.take().unwrap();
        let high_watermark = log.log_end_offset();
        // Cleanings and moves end without having come to their end.
        drop(self.copy.take());
        for place in 0..2 {
            let log_dir = self.log_dirs[place].take().unwrap();
            log_dir.note_leftovers(&self.left).unwrap();
            let mut own = Some((&mut log, high_watermark)).filter(|_| place == self.home);
            log_dir.shut_down(&mut own.take().into_iter()).unwrap();
        }
        if self.disk.has_power() {
            self.model.promise(log.log_end_offset());
            self.model.promised_start = self.model.log_start_offset;
        }
        drop(log);
        if self.random.once_in(3) {
            return self.crash();
        }
        if !self.start() {
            // All was read anew, and of producers whose records are deleted nothing may be known.
            self.forget_transactions();
        }
        let (start, end) = (self.log().log_start_offset(), self.log().log_end_offset());
        assert_eq!(
            (start, end),
            (self.model.log_start_offset, self.model.log_end_offset())
        );
    }

    pub fn check(&mut self) {
        self.tell("check");
        let log = self.log.as_mut().unwrap();
        let served = check::served(log, &self.model);
        check::agrees(log, &self.model, &served.records, &self.random);
    }

    /// Removes what has left the log.
    fn remove_left(&mut self) {
        for path in std::mem::take(&mut self.left) {
            deletion::remove(&Disk::Simulated(self.disk.clone()), &path).unwrap();
        }
    }

    /// The process ends, perhaps with the power; what is left of the disk is that of the next.
    fn lose(&mut self, loss: Loss) {
        self.close();
        self.disk = self.disk.after_crash(loss, &self.random);
    }

    /// The power goes; a start makes do with what is left.
    fn crash(&mut self) {
        let loss = [Loss::Nothing, Loss::AllUnsynced, Loss::Some, Loss::Some][self.random.index(4)];
        self.tell(&format!("crash {loss:?}"));
        self.lose(loss);
        self.start();
        self.tell("started");
        let log = self.log.as_mut().unwrap();
        let served = check::served(log, &self.model);
        self.model
            .adopt(served.batches, log.log_start_offset(), log.log_end_offset());
        check::agrees(log, &self.model, &served.records, &self.random);
        self.leader_epoch = self.leader_epoch.max(0) + 1;
        self.forget_transactions();
    }

    /// A bit of a file at rest is wrong after a start: that is found out, or does no harm. Ends the history.
    fn flip(&mut self) {
        self.tell("flip");
        // Which of two logs is the partition's must not be in doubt.
        self.copy = None;
        let loss = [Loss::Nothing, Loss::Some][self.random.index(2)];
        self.lose(loss);
        let Some(flip) = Flip::make(&self.disk, &self.random) else {
            return;
        };
        match self.open() {
            Ok(()) => flip.check(self.log.as_mut().unwrap(), &self.model),
            Err(error) => flip.check_error(&error),
        }
    }

    /// The producers begin again where the log is, in an epoch of their own.
    pub fn forget_transactions(&mut self) {
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

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn what_was_promised_outlives_power_cuts() {
    if let Some(seed) = from_environment("BARNABAS_SIMULATION_SEED") {
        return History::new(seed).run();
    }
    let seeds = from_environment("BARNABAS_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let first = from_environment("BARNABAS_SIMULATION_FIRST").unwrap_or(0);
    let begun = Instant::now();
    let fails = |seed: &u64| std::panic::catch_unwind(|| History::new(*seed).run()).is_err();
    let run = |half| (first + half..first + seeds).step_by(2).filter(fails);
    let failed: Vec<u64> = std::thread::scope(|scope| {
        let beside = scope.spawn(|| run(1).take(FAILURES_MAX).collect::<Vec<u64>>());
        let failed = run(0).take(FAILURES_MAX);
        failed
            .collect::<Vec<u64>>()
            .into_iter()
            .chain(beside.join().unwrap())
            .collect()
    });
    println!("{seeds} seeds in {:?}", begun.elapsed());
    assert!(
        failed.is_empty(),
        "try BARNABAS_SIMULATION_SEED= each of {failed:?}"
    );
}
