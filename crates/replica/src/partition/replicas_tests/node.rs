//! One node of the histories: a partition over a log on a disk of its own.

use std::path::PathBuf;
use std::sync::Arc;

use barnabas_config::{BrokerConfig, Layers, Settings};
use barnabas_environment::Environment;
use barnabas_storage::disk::simulated::SimulatedDisk;
use barnabas_storage::{Disk, LogCheckpoint, LogConfig, LogDir, OpenFiles};
use uuid::Uuid;

use crate::log_dirs::LogDirs;
use crate::partition::core::{Assignment, LeaderEpoch};
use crate::partition::follow::Cut;
use crate::partition::replication_quota::ReplicationQuotas;
use crate::partition::settings::TopicSettings;
use crate::partition::shared::Shared;
use crate::partition::{Partition, TopicPartition};

/// How long followers may be behind.
const LAG_MAX_MS: i64 = 1_000;

pub struct Node {
    pub id: i32,
    pub disk: SimulatedDisk,
    pub dirs: LogDirs,
    pub partition: Arc<Partition>,
    pub told: Assignment,
}

fn settings() -> Arc<TopicSettings> {
    let given = [
        ("node.id", "1"),
        ("process.roles", "broker,controller"),
        ("controller.listener.names", "CONTROLLER"),
        ("min.insync.replicas", "2"),
    ];
    let given: Settings = given
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let layers = Layers::of_static(given);
    TopicSettings::defaults(&layers, &BrokerConfig::resolve(&layers).unwrap())
}

pub fn start(id: i32, disk: SimulatedDisk, told: Assignment, environment: &Environment) -> Node {
    let path = PathBuf::from("/data");
    let handle = Disk::Simulated(disk.clone());
    let log_dir = LogDir::open(&handle, &path, Arc::new(OpenFiles::new(16))).unwrap();
    let settings = settings();
    let config = Arc::new(LogConfig {
        segment_bytes: 700,
        ..(*settings.log).clone()
    });
    let loaded = log_dir.load(&|_, _| config.clone(), 1).unwrap();
    let topic_id = Uuid::from_u128(1);
    let created = || log_dir.create_log("t".into(), 0, topic_id, config.clone());
    let log = loaded.logs.into_iter().next().unwrap_or_else(created);
    let dirs = LogDirs::new(&handle, vec![(path, Ok(log_dir))], 0).unwrap();
    let name = TopicPartition {
        topic: "t".into(),
        topic_id,
        partition: 0,
    };
    let dir = dirs.metadata().clone();
    let shared = Shared::new(environment, LAG_MAX_MS, ReplicationQuotas::new(id, (11, 1)));
    let partition = Partition::new(name, id, told.clone(), settings, dir, Some(log), shared);
    Node {
        id,
        disk,
        dirs,
        partition,
        told,
    }
}

impl Node {
    pub fn write_recovery_point(&self) {
        let row = self
            .partition
            .with_log(|log, hw| LogCheckpoint::of(log, hw))
            .unwrap();
        self.dirs
            .metadata()
            .storage()
            .unwrap()
            .write_recovery_points(&[row])
            .unwrap();
    }

    pub fn high_watermark(&self) -> i64 {
        self.partition
            .with_log(|_, high_watermark| high_watermark)
            .unwrap()
    }

    pub fn content(&self) -> Vec<u8> {
        let (mut offset, end) = self.partition.offsets();
        let mut all = Vec::new();
        while offset < end {
            let bytes = self.partition.read(offset, 1 << 20).unwrap().to_vec().unwrap();
            let batches: Vec<_> = barnabas_protocol::records::batches(&bytes)
                .map(Result::unwrap)
                .collect();
            offset = batches.last().unwrap().header.last_offset() + 1;
            all.extend(bytes);
        }
        all
    }

    pub fn cut(&self, epoch: LeaderEpoch, cut: Cut) {
        if self.partition.prepare_cut(epoch, cut).unwrap() {
            self.write_recovery_point();
        }
        assert!(self.partition.cut(epoch, cut).unwrap().is_some());
    }
}
