//! A log directory with one partition of several segments, closed in order.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_inspect::verify::{Summary, verify};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use barnabas_storage::{AppendOrigin, Disk, Log, LogConfig, LogDir, MetaProperties, OpenFiles};
use uuid::Uuid;

/// Batches of the partition; the last but one aborts a transaction.
pub const BATCHES: u64 = 22;

/// A log directory that goes with the value.
pub struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    /// Writes it.
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut log_dir = LogDir::open(&Disk::Real, root.path(), Arc::new(OpenFiles::new(4))).unwrap();
        let properties = MetaProperties::new("cluster".to_owned(), 1, Uuid::from_u128(1));
        log_dir.write_meta_properties(properties).unwrap();
        let config = LogConfig {
            segment_bytes: 2_000,
            index_interval_bytes: 300,
            ..LogConfig::default()
        };
        let mut log = log_dir.create_log("orders".into(), 0, Uuid::from_u128(7), Arc::new(config));
        for index in 0..BATCHES - 2 {
            let codec = [Compression::None, Compression::Zstd, Compression::Lz4][index as usize % 3];
            append(&mut log, index as i64, BatchBuilder::new(codec));
        }
        append(
            &mut log,
            100,
            BatchBuilder::new(Compression::None)
                .producer(9, 0, 0)
                .transactional(),
        );
        let mut marker = BatchBuilder::new(Compression::None)
            .producer(9, 0, -1)
            .transactional()
            .control();
        marker.append(&RecordFields {
            timestamp: 101,
            key: Some(&[0, 0, 0, 0]),
            value: Some(&[0; 6]),
            ..RecordFields::default()
        });
        log.append(&mut marker.build().unwrap(), 0, AppendOrigin::Coordinator, 1_000)
            .unwrap();
        let end = log.log_end_offset();
        log_dir.shut_down(&mut std::iter::once((&mut log, end))).unwrap();
        Fixture { root }
    }

    /// The log directory.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// A file of the partition.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join("orders-0").join(name)
    }

    /// The partition's files with this extension, oldest first.
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.path().join("orders-0"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        files.sort();
        files
    }

    /// What verifying `folder` says: the findings as lines without the folder's path, and the counts.
    pub fn verify(&self, folder: &Path) -> (Vec<String>, Summary) {
        let mut lines = Vec::new();
        let root = format!("{}/", self.path().display());
        let summary = verify(&[folder.to_owned()], &mut |finding| {
            lines.push(finding.to_string().replace(&root, ""));
        });
        (lines, summary.unwrap())
    }
}

fn append(log: &mut Log, timestamp: i64, mut builder: BatchBuilder) {
    for record in 0..5u8 {
        let value: Vec<u8> = (0..60)
            .map(|index: u8| index.wrapping_mul(timestamp as u8 ^ record))
            .collect();
        builder.append(&RecordFields {
            timestamp: 1_000 + timestamp,
            key: Some(&[record]),
            value: Some(&value),
            ..RecordFields::default()
        });
    }
    log.append(&mut builder.build().unwrap(), 0, AppendOrigin::Client, 1_000)
        .unwrap();
}
