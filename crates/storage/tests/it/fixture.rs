//! A temporary log directory and batches to put into it.

use std::path::Path;
use std::sync::Arc;

use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields, batches};
use barnabas_storage::{AppendInfo, AppendOrigin, Disk, Log, LogConfig, LogDir, OpenFiles, ReadBound};
use uuid::Uuid;

pub const TOPIC_ID: Uuid = Uuid::from_u128(0xBA_12_AB_A5);

/// A log directory that goes with the value.
pub struct Fixture {
    pub config: Arc<LogConfig>,
    pub root: tempfile::TempDir,
}

impl Fixture {
    pub fn new(config: LogConfig) -> Self {
        Fixture {
            config: Arc::new(config),
            root: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    pub fn open(&self) -> LogDir {
        LogDir::open(&Disk::Real, self.path(), Arc::new(OpenFiles::new(4))).unwrap()
    }

    pub fn create(&self, log_dir: &LogDir, partition: i32) -> Log {
        log_dir.create_log("orders".into(), partition, TOPIC_ID, self.config.clone())
    }

    /// The logs a start finds, and whether the stop before was clean.
    pub fn load(&self, log_dir: &LogDir) -> (Vec<Log>, bool) {
        let loaded = log_dir.load(&|_, _| self.config.clone(), 2).unwrap();
        let mut logs = loaded.logs;
        logs.sort_by_key(Log::partition);
        (logs, loaded.clean)
    }

    /// A clean stop of a directory that holds only `log`.
    pub fn shut_down(&self, log_dir: &LogDir, log: &mut Log) {
        let high_watermark = log.log_end_offset();
        log_dir
            .shut_down(&mut std::iter::once((log, high_watermark)))
            .unwrap();
    }

    /// Names of the files in the folder of partition 0, sorted.
    pub fn files(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.path().join("orders-0")).unwrap();
        let mut names: Vec<String> = folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A batch of these (timestamp, value) records.
pub fn batch(codec: Compression, records: &[(i64, Vec<u8>)]) -> Vec<u8> {
    fill(BatchBuilder::new(codec), records)
}

/// The builder's batch of these (timestamp, value) records.
pub fn fill(mut builder: BatchBuilder, records: &[(i64, Vec<u8>)]) -> Vec<u8> {
    for (timestamp, value) in records {
        builder.append(&RecordFields {
            timestamp: *timestamp,
            value: Some(value),
            ..RecordFields::default()
        });
    }
    builder.build().unwrap()
}

/// A batch of one small record.
pub fn one(timestamp: i64) -> Vec<u8> {
    batch(Compression::None, &[(timestamp, b"x".to_vec())])
}

pub fn append(log: &mut Log, mut bytes: Vec<u8>) -> AppendInfo {
    log.append(&mut bytes, 0, AppendOrigin::Client, 1_000).unwrap()
}

/// The base offsets of all batches that can be read from `offset` on.
pub fn base_offsets(log: &mut Log, mut offset: i64) -> Vec<i64> {
    let mut found = Vec::new();
    while offset < log.log_end_offset() {
        let bytes = log
            .read(offset, 1 << 20, ReadBound::LogEnd, true)
            .unwrap()
            .to_vec()
            .unwrap();
        let read: Vec<_> = batches(&bytes).map(|batch| batch.unwrap().header).collect();
        assert!(!read.is_empty(), "nothing at {offset}");
        offset = read[read.len() - 1].next_offset();
        found.extend(read.iter().map(|header| header.base_offset));
    }
    found
}
