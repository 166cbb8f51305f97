//! Nodes of one process with a disk each.

use std::path::Path;
use std::sync::Arc;

use barnabas_environment::Random;
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use uuid::Uuid;

use crate::disk::simulated::{Loss, SimulatedDisk};
use crate::disk::{Disk, Folder};
use crate::error::StorageError;
use crate::log::{AppendOrigin, Log};
use crate::log_config::LogConfig;
use crate::log_dir::LogDir;
use crate::open_files::OpenFiles;

struct Node {
    disk: SimulatedDisk,
    running: Option<(LogDir, Log)>,
}

impl Node {
    fn new(seed: u64) -> Node {
        let disk = SimulatedDisk::new(seed);
        let mut node = Node { disk, running: None };
        node.start();
        node
    }

    fn open(&self) -> Result<LogDir, StorageError> {
        let disk = Disk::Simulated(self.disk.clone());
        LogDir::open(&disk, Path::new("/data"), Arc::new(OpenFiles::new(4)))
    }

    fn start(&mut self) {
        let log_dir = self.open().unwrap();
        let config = Arc::new(LogConfig {
            segment_bytes: 400,
            ..LogConfig::default()
        });
        let loaded = log_dir.load(&|_, _| config.clone(), 1).unwrap();
        let created = || log_dir.create_log("t".into(), 0, Uuid::nil(), config.clone());
        let log = loaded.logs.into_iter().next().unwrap_or_else(created);
        self.running = Some((log_dir, log));
    }

    fn log(&mut self) -> &mut Log {
        &mut self.running.as_mut().unwrap().1
    }

    fn append(&mut self) {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.append(&RecordFields {
            value: Some(b"value"),
            ..RecordFields::default()
        });
        let mut bytes = builder.build().unwrap();
        self.log().append(&mut bytes, 0, AppendOrigin::Client, 0).unwrap();
    }

    /// All files with their content.
    fn content(&self) -> Vec<(String, Vec<u8>)> {
        fn list(folder: &Folder, found: &mut Vec<(String, Vec<u8>)>) {
            for entry in folder.list().unwrap() {
                let path = folder.join(entry.name);
                if entry.is_folder {
                    list(&Folder::new(folder.disk(), path), found);
                } else {
                    let content = folder.disk().read(&path).unwrap();
                    found.push((path.display().to_string(), content));
                }
            }
        }
        let mut found = Vec::new();
        list(&Folder::new(&Disk::Simulated(self.disk.clone()), "/"), &mut found);
        found
    }
}

/// Three nodes write and crash at random; answers what their disks hold in the end.
fn run(seed: u64) -> Vec<Vec<(String, Vec<u8>)>> {
    let random = Random::seeded(seed);
    let mut nodes = [0, 1, 2].map(|node| Node::new(seed * 3 + node));
    for _ in 0..60 {
        let ends = [0, 1, 2].map(|node: usize| nodes[node].log().log_end_offset());
        let node = random.index(3);
        match random.index(8) {
            0 => {
                let recovery_point = nodes[node].log().recovery_point();
                let crashed = nodes[node].running.take();
                nodes[node].disk = nodes[node].disk.after_crash(Loss::Some, &random);
                nodes[node].start();
                // What is left of the crashed process changes nothing any more.
                if let Some((_log_dir, mut log)) = crashed {
                    log.release().unwrap();
                }
                assert!(
                    nodes[node].log().log_end_offset() >= recovery_point,
                    "seed {seed}"
                );
                assert!(nodes[node].log().log_end_offset() <= ends[node], "seed {seed}");
            }
            1 => nodes[node].log().flush().unwrap(),
            _ => nodes[node].append(),
        }
        for other in (0..3).filter(|other| *other != node) {
            assert_eq!(nodes[other].log().log_end_offset(), ends[other], "seed {seed}");
        }
    }
    nodes.iter().map(Node::content).collect()
}

#[test]
fn three_nodes_crash_each_alone_and_a_seed_means_the_same_for_ever() {
    for seed in 0..30 {
        assert!(run(seed) == run(seed), "seed {seed}");
    }
    assert!(run(1) != run(2));
}

#[test]
fn a_log_directory_has_one_owner_until_it_crashes() {
    let mut node = Node::new(1);
    assert!(matches!(node.open(), Err(StorageError::Locked { .. })));
    node.disk = node.disk.after_crash(Loss::Nothing, &Random::seeded(1));
    node.start();
    node.running = None;
    drop(node.open().unwrap());
}
