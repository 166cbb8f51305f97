//! A process with a simulated disk, and what the tests in [`super::found`] do with it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_environment::Random;
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields, batches};
use uuid::Uuid;

use crate::cleaner::{Cleaner, CleanerSettings, CleanerShell, FileTimes};
use crate::disk::Disk;
use crate::disk::simulated::{Loss, SimulatedDisk};
use crate::log::{AppendOrigin, Log, ReadBound};
use crate::log_config::LogConfig;
use crate::log_dir::LogDir;
use crate::open_files::OpenFiles;

/// A process with a disk of its own, on which there are log directories.
pub struct Machine {
    pub disk: SimulatedDisk,
    pub config: Arc<LogConfig>,
}

impl Machine {
    pub fn new(config: LogConfig) -> Machine {
        let config = Arc::new(config);
        let disk = SimulatedDisk::new(1);
        Machine { disk, config }
    }

    /// Each batch makes a segment of its own.
    pub fn of_small_segments() -> Machine {
        Machine::new(LogConfig {
            segment_bytes: 100,
            cleanup_compact: true,
            cleanup_delete: false,
            ..LogConfig::default()
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        Path::new("/").join(name)
    }

    /// The door to the disk.
    pub fn door(&self) -> Disk {
        Disk::Simulated(self.disk.clone())
    }

    pub fn bytes(&self, path: &Path) -> u64 {
        self.door().facts(path).unwrap().bytes
    }

    pub fn exists(&self, path: &Path) -> bool {
        self.door().exists(path)
    }

    pub fn open_dir(&self, name: &str) -> LogDir {
        LogDir::open(&self.door(), &self.path(name), Arc::new(OpenFiles::new(1))).unwrap()
    }

    pub fn open(&self, name: &str) -> (LogDir, Log) {
        let log_dir = self.open_dir(name);
        let loaded = log_dir.load(&|_, _| self.config.clone(), 1).unwrap();
        let created = || log_dir.create_log("t".into(), 0, Uuid::nil(), self.config.clone());
        let log = loaded.logs.into_iter().next().unwrap_or_else(created);
        (log_dir, log)
    }

    /// The power goes, and takes all that was not synced.
    pub fn cut_power(self) -> Machine {
        let disk = self.disk.after_crash(Loss::AllUnsynced, &Random::seeded(1));
        Machine { disk, ..self }
    }
}

pub fn append_by(log: &mut Log, key: &[u8], leader_epoch: i32, producer: Option<(i64, i32)>) {
    let mut builder = BatchBuilder::new(Compression::None);
    if let Some((id, sequence)) = producer {
        builder = builder.producer(id, 0, sequence);
    }
    builder.append(&RecordFields {
        timestamp: 100,
        key: Some(key),
        value: Some(b"value"),
        headers: &[],
    });
    let mut bytes = builder.build().unwrap();
    log.append(&mut bytes, leader_epoch, AppendOrigin::Client, 100)
        .unwrap();
}

/// A transaction of one record, and the marker that commits it.
pub fn append_transaction(log: &mut Log, producer_id: i64) {
    let key = [0, 0, 0, 1];
    for (is_marker, origin) in [(false, AppendOrigin::Client), (true, AppendOrigin::Coordinator)] {
        let sequence = if is_marker { -1 } else { 0 };
        let mut builder = BatchBuilder::new(Compression::None)
            .producer(producer_id, 0, sequence)
            .transactional();
        if is_marker {
            builder = builder.control();
        }
        builder.append(&RecordFields {
            timestamp: 100,
            key: is_marker.then_some(&key[..]),
            value: Some(&[0; 6]),
            headers: &[],
        });
        let mut bytes = builder.build().unwrap();
        log.append(&mut bytes, 0, origin, 100).unwrap();
    }
}

pub fn append(log: &mut Log, key: &[u8]) {
    append_by(log, key, 0, None);
}

pub fn keys(log: &mut Log) -> Vec<Vec<u8>> {
    let (mut keys, mut next) = (Vec::new(), log.log_start_offset());
    while next < log.log_end_offset() {
        let slice = log.read(next, 1 << 20, ReadBound::LogEnd, true).unwrap();
        for batch in batches(&slice.to_vec().unwrap()) {
            let batch = batch.unwrap();
            next = batch.header.next_offset();
            let records = batch.records_in(batch.payload()).map(Result::unwrap);
            keys.extend(records.filter_map(|record| Some(record.key?.to_vec())));
        }
    }
    keys
}

/// The sequence of a producer's last record.
pub fn last_sequence(log: &mut Log, id: i64) -> Option<i32> {
    let known = log.active_producers().unwrap();
    let known = known.iter().find(|known| known.producer_id == id);
    known.map(|known| known.last_sequence())
}

/// Lets the cleaner at a log, and something happen meanwhile.
struct Shell<'a, F>(&'a mut Log, F);

impl<F: FnMut(&mut Log)> CleanerShell for Shell<'_, F> {
    fn with_log<T>(&mut self, act: impl FnOnce(&mut Log, i64) -> T) -> Option<T> {
        let end = self.0.log_end_offset();
        Some(act(self.0, end))
    }

    fn pace(&mut self, _: usize) -> ControlFlow<()> {
        self.1(self.0);
        ControlFlow::Continue(())
    }

    fn left(&mut self, _: Vec<PathBuf>) {}
}

pub fn clean(log: &mut Log, meanwhile: impl FnMut(&mut Log)) {
    let facts = log.cleaning_facts(log.log_end_offset()).unwrap().unwrap();
    let folder = log.folder();
    let cleanable = facts.cleanable(None, 100, &mut FileTimes { folder: &folder });
    let hold = log.begin_cleaning().unwrap().unwrap();
    let mut cleaner = Cleaner::new(CleanerSettings {
        dedupe_buffer_bytes: 1 << 10,
        load_factor: 0.9,
        io_buffer_bytes: 1 << 10,
    });
    let mut shell = Shell(log, meanwhile);
    cleaner
        .clean(&mut shell, &hold, &facts, &cleanable.unwrap(), (100, 7))
        .unwrap();
}
