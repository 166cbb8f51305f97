//! Random histories of a compacted log against a plain list of records, with crashes in the middle of
//! cleanings. A failure names its seed.

mod check;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use barnabas_environment::Random;
use barnabas_protocol::records::{BatchBuilder, BatchHeader, Compression, RecordFields, TimestampType};
use barnabas_storage::cleaner::{Cleanable, Cleaned, Cleaner, CleanerSettings, CleanerShell, FileTimes};
use barnabas_storage::{AppendOrigin, Folder, Log, LogConfig, LogDir, StorageError};

use crate::fixture::Fixture;

/// A record as it was appended.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    timestamp: i64,
    header: Vec<u8>,
}

/// A producer of the model.
#[derive(Clone, Debug, Default)]
struct Producer {
    sequence: i32,
    in_transaction: Vec<i64>,
}

/// Lets the cleaner at the log, and copies the folder of the log at one moment.
struct Shell<'a> {
    log: &'a mut Log,
    /// Calls until the copy is taken, or the cleaning ended.
    until_copy: Option<u64>,
    until_stop: Option<u64>,
    root: &'a Path,
    copy: Option<tempfile::TempDir>,
    left: Vec<PathBuf>,
}

impl Shell<'_> {
    fn moment(&mut self) {
        match &mut self.until_copy {
            Some(0) => {
                self.until_copy = None;
                self.copy = Some(copy(self.root));
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }
}

impl CleanerShell for Shell<'_> {
    fn with_log<T>(&mut self, act: impl FnOnce(&mut Log, i64) -> T) -> Option<T> {
        self.moment();
        let high_watermark = self.log.log_end_offset();
        let answer = act(self.log, high_watermark);
        self.moment();
        Some(answer)
    }

    fn pace(&mut self, _: usize) -> ControlFlow<()> {
        self.moment();
        match &mut self.until_stop {
            Some(0) => return ControlFlow::Break(()),
            Some(left) => *left -= 1,
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn left(&mut self, paths: Vec<PathBuf>) {
        self.left.extend(paths);
    }
}

/// A copy of a log directory, as a crash of the process would leave it.
fn copy(root: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let folder = to.path().join("orders-0");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(root.join("orders-0")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    to
}

struct History {
    random: Random,
    fixture: Fixture,
    log_dir: Option<LogDir>,
    log: Option<Log>,
    now_ms: i64,
    /// All that was ever appended, by offset.
    sent: BTreeMap<i64, Sent>,
    aborted: HashSet<i64>,
    /// Offsets of open transactions' records, or of those before the last marker.
    producers: HashMap<i64, Producer>,
    checkpoint: Option<i64>,
    cleanings: u32,
}

impl History {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let config = LogConfig {
            segment_bytes: 600 + random.below(4_000) as u32,
            index_interval_bytes: random.below(600) as u32,
            cleanup_compact: true,
            cleanup_delete: false,
            min_cleanable_dirty_ratio: 0.0,
            delete_retention_ms: [0, 500, 1 << 40][random.below(3) as usize],
            ..LogConfig::default()
        };
        let fixture = Fixture::new(config);
        let log_dir = fixture.open();
        let log = fixture.create(&log_dir, 0);
        History {
            random,
            log: Some(log),
            log_dir: Some(log_dir),
            fixture,
            now_ms: 10_000,
            sent: BTreeMap::new(),
            aborted: HashSet::new(),
            producers: HashMap::new(),
            checkpoint: None,
            cleanings: 0,
        }
    }

    fn step(&mut self) {
        self.now_ms += self.random.below(100) as i64;
        match self.random.below(100) {
            0..45 => self.append(None),
            45..60 => {
                let producer_id = 1 + self.random.below(2) as i64;
                self.append(Some((producer_id, false)));
            }
            60..78 => {
                let producer_id = 11 + self.random.below(3) as i64;
                self.append(Some((producer_id, true)));
            }
            78..86 => self.end_transaction(),
            86..96 => self.clean(),
            96..98 => self.reopen(true),
            _ => self.reopen(false),
        }
    }

    fn append(&mut self, producer: Option<(i64, bool)>) {
        let codec = [
            Compression::None,
            Compression::None,
            Compression::Lz4,
            Compression::Zstd,
            Compression::Gzip,
            Compression::Snappy,
        ][self.random.below(6) as usize];
        let mut builder = BatchBuilder::new(codec);
        if self.random.below(5) == 0 {
            builder = builder.log_append_time(self.now_ms);
        }
        let append_time = builder.clone().build().unwrap();
        let append_time =
            BatchHeader::parse(&append_time).unwrap().timestamp_type() == TimestampType::LogAppendTime;
        let base_offset = self.log.as_ref().unwrap().log_end_offset();
        let count = 1 + self.random.below(5) as i64;
        if let Some((producer_id, transactional)) = producer {
            let known = self.producers.entry(producer_id).or_default();
            builder = builder.producer(producer_id, 0, known.sequence);
            known.sequence += count as i32;
            if transactional {
                builder = builder.transactional();
                known.in_transaction.extend(base_offset..base_offset + count);
            }
        }
        for offset in base_offset..base_offset + count {
            let sent = Sent {
                key: format!("key-{}", self.random.below(12)).into_bytes(),
                value: (self.random.below(5) > 0).then(|| {
                    let size = self.random.below(60) as usize;
                    vec![self.random.u64() as u8; size]
                }),
                timestamp: self.now_ms - self.random.below(300) as i64,
                header: self.random.u64().to_be_bytes().to_vec(),
            };
            builder.append(&RecordFields {
                timestamp: sent.timestamp,
                key: Some(&sent.key),
                value: sent.value.as_deref(),
                headers: &[("h", Some(&sent.header)), ("h", None)],
            });
            let timestamp = if append_time { self.now_ms } else { sent.timestamp };
            self.sent.insert(offset, Sent { timestamp, ..sent });
        }
        let mut bytes = builder.build().unwrap();
        let info = self
            .log
            .as_mut()
            .unwrap()
            .append(&mut bytes, 0, AppendOrigin::Client, self.now_ms)
            .unwrap();
        assert!(!info.duplicate);
        assert_eq!(
            (info.base_offset, info.last_offset),
            (base_offset, base_offset + count - 1)
        );
        self.decided();
    }

    fn end_transaction(&mut self) {
        let producer_id = 11 + self.random.below(3) as i64;
        let Some(known) = self.producers.get_mut(&producer_id) else {
            return;
        };
        // A marker may come without a transaction.
        let commits = self.random.below(2) == 0;
        let offsets = std::mem::take(&mut known.in_transaction);
        if !commits {
            self.aborted.extend(offsets);
        }
        let mut builder = BatchBuilder::new(Compression::None)
            .producer(producer_id, 0, -1)
            .transactional()
            .control();
        builder.append(&RecordFields {
            timestamp: self.now_ms,
            key: Some(&[0, 0, 0, u8::from(commits)]),
            value: Some(&[0, 0, 0, 0, 0, 1]),
            headers: &[],
        });
        let mut bytes = builder.build().unwrap();
        let origin = AppendOrigin::Coordinator;
        self.log
            .as_mut()
            .unwrap()
            .append(&mut bytes, 0, origin, self.now_ms)
            .unwrap();
        self.decided();
    }

    /// On a single node everything is replicated at once.
    fn decided(&mut self) {
        let log = self.log.as_mut().unwrap();
        let end = log.log_end_offset();
        log.high_watermark_updated(end);
    }

    fn clean(&mut self) {
        let log = self.log.as_mut().unwrap();
        let end = log.log_end_offset();
        let Some(facts) = log.cleaning_facts(end).unwrap() else {
            return;
        };
        let folder = Folder::real(self.fixture.path().join("orders-0"));
        let cleanable = facts
            .cleanable(self.checkpoint, self.now_ms, &mut FileTimes { folder: &folder })
            .unwrap();
        if cleanable.cleanable_bytes == 0 {
            return;
        }
        let settings = CleanerSettings {
            dedupe_buffer_bytes: [24 * 8, 1 << 20][self.random.below(2) as usize],
            load_factor: 0.9,
            io_buffer_bytes: [1, 300, 1 << 16][self.random.below(3) as usize],
        };
        let until_copy = (self.random.below(2) == 0).then(|| self.random.below(60));
        let until_stop = (self.random.below(8) == 0).then(|| self.random.below(30));
        let hold = log.begin_cleaning().unwrap().unwrap();
        assert!(log.begin_cleaning().unwrap().is_none(), "one cleaning at a time");
        let mut shell = Shell {
            log,
            until_copy,
            until_stop,
            root: self.fixture.path(),
            copy: None,
            left: Vec::new(),
        };
        let (now_ms, seed) = (self.now_ms, self.random.u64());
        let outcome = Cleaner::new(settings).clean(&mut shell, &hold, &facts, &cleanable, (now_ms, seed));
        drop(hold);
        let (crashed, left) = (shell.copy.take(), std::mem::take(&mut shell.left));
        self.note(outcome, &cleanable);
        for path in left {
            std::fs::remove_file(path).unwrap();
        }
        self.check();
        if let Some(crashed) = crashed {
            self.check_copy(crashed.path());
        }
    }

    fn note(&mut self, outcome: Result<Cleaned, StorageError>, cleanable: &Cleanable) {
        match outcome {
            Ok(cleaned) => {
                assert!(cleaned.end_offset > cleanable.first_dirty_offset);
                assert!(cleaned.end_offset <= cleanable.first_uncleanable_offset);
                self.checkpoint = Some(cleaned.end_offset);
                self.cleanings += 1;
                self.check_compact(cleaned.end_offset);
            }
            Err(StorageError::CleaningAborted { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let staged = self.fixture.files();
        let staged: Vec<_> = staged
            .iter()
            .filter(|name| name.ends_with(".cleaned") || name.ends_with(".swap"))
            .collect();
        assert!(staged.is_empty(), "{staged:?}");
    }

    fn reopen(&mut self, clean: bool) {
        let mut log = self.log.take().unwrap();
        let log_dir = self.log_dir.take().unwrap();
        let end = log.log_end_offset();
        if clean {
            self.fixture.shut_down(&log_dir, &mut log);
        }
        drop((log, log_dir));
        let log_dir = self.fixture.open();
        let (mut logs, _) = self.fixture.load(&log_dir);
        self.log = logs.pop().or_else(|| Some(self.fixture.create(&log_dir, 0)));
        self.log_dir = Some(log_dir);
        assert_eq!(self.log.as_ref().unwrap().log_end_offset(), end);
        self.decided();
        self.check();
    }
}

/// Answers how many cleanings came to their end.
fn run(seed: u64) -> u32 {
    let mut history = History::new(seed);
    for _ in 0..250 {
        history.step();
    }
    history.cleanings
}

#[test]
fn whatever_happens_the_last_value_of_each_key_stays() {
    let (from, count) = match std::env::var("CLEANER_SEED") {
        Ok(seed) => (seed.parse().unwrap(), 1),
        Err(_) => (0, 6),
    };
    let mut cleanings = 0;
    for seed in from..from + count {
        cleanings += std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
            eprintln!("failed with CLEANER_SEED={seed}");
            std::panic::resume_unwind(panic);
        });
    }
    assert!(u64::from(cleanings) >= 3 * count, "{cleanings} cleanings");
}
