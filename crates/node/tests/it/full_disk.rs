//! A disk that is full: what the client sees, how the process ends, and what the next one finds.
//!
//! A limit on the size of files stands for the full disk where nothing may be mounted: the write fails in the same place.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{ListOffsetsRequest, ProduceRequest};
use rustix::process::Signal;

use crate::connections::{LIST_OFFSETS, PRODUCE, list_offsets, produce};
use crate::node::Client;
use crate::process::{self, BINARY, piped};
use crate::space::{create, fetch_error, produce_each};

const LATEST: i64 = -1;
const STORAGE_ERROR: i16 = ErrorCode::KafkaStorageError.code();

/// Starts a node whose files may have `blocks` of 512 bytes; `unlimited` for any size.
pub fn start(log_dirs: &str, blocks: &str) -> process::Node {
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec '{BINARY}' --listen 127.0.0.1:0 --override 'log.dirs={log_dirs}'"
    );
    process::Node::spawn(piped("sh").args(["-c", &script]))
}

/// Produces until the disk is full; answers how many records were acknowledged and the error that came, if an answer did.
fn fill(client: &mut Client, topic: &str) -> (i64, Option<i16>) {
    let value = vec![7; 300_000];
    for acknowledged in 0..1_000 {
        client.send(PRODUCE, &produce(topic, -1, &[&value]));
        if client.stream.peek(&mut [0]).unwrap_or(0) == 0 {
            return (acknowledged, None);
        }
        let response = client.receive::<ProduceRequest>(PRODUCE).1;
        let error = response.responses[0].partition_responses[0].error_code;
        if error != 0 {
            return (acknowledged, Some(error));
        }
    }
    panic!("the disk is never full");
}

pub fn end_offset(client: &mut Client, topic: &str) -> i64 {
    client.send(LIST_OFFSETS, &list_offsets(topic, LATEST));
    client.receive::<ListOffsetsRequest>(LIST_OFFSETS).1.topics[0].partitions[0].offset
}

#[test]
fn a_process_whose_only_disk_is_full_ends_and_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let log_dirs = folder.path().to_str().unwrap();
    let node = start(log_dirs, "8192");
    let mut client = Client::connect(node.address());
    create(&mut client, "t", &[]);
    let (acknowledged, error) = fill(&mut client, "t");
    assert!(acknowledged > 5, "{acknowledged}");
    // The answer and the end of the process are neck and neck.
    assert!(error.is_none_or(|error| error == STORAGE_ERROR), "{error:?}");
    let (said, code) = node.ended();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("the log directory has failed") && said.contains("00000000000000000000.log"),
        "{said}"
    );
    assert!(said.contains("all log directories have failed"), "{said}");

    let node = start(log_dirs, "unlimited");
    let mut client = Client::connect(node.address());
    assert_eq!(end_offset(&mut client, "t"), acknowledged);
    assert_eq!(fetch_error(&mut client, "t", acknowledged - 1), 0);
    produce_each(&mut client, "t", &[b"space again"]);
    assert_eq!(node.end(Signal::TERM), Some(0));
}

/// A small file system of its own in memory, for as long as the value lives.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this process may mount nothing.
    pub fn mount(path: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| SmallDisk(path.to_owned()))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", options]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_or_read_only_stops_its_partitions_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [large, small] = ["large", "small"].map(|name| folder.path().join(name));
    let Some(disk) = SmallDisk::mount(&small, "4m") else {
        println!("skipped: this process may not mount a file system");
        return;
    };
    let log_dirs = format!("{},{}", large.display(), small.display());
    let node = start(&log_dirs, "unlimited");
    let mut client = Client::connect(node.address());
    for topic in ["t1", "t2"] {
        create(&mut client, topic, &[]);
        produce_each(&mut client, topic, &[b"kept"]);
    }
    let (acknowledged, error) = fill(&mut client, "t2");
    assert_eq!(error, Some(STORAGE_ERROR));
    assert_eq!(fetch_error(&mut client, "t2", 0), STORAGE_ERROR);
    produce_each(&mut client, "t1", &[b"goes on"]);
    assert_eq!(node.end(Signal::TERM), Some(0));

    disk.remount("remount,ro,size=64m");
    let node = start(&log_dirs, "unlimited");
    let mut client = Client::connect(node.address());
    assert_eq!(fetch_error(&mut client, "t2", 0), STORAGE_ERROR);
    produce_each(&mut client, "t1", &[b"goes on"]);
    assert_eq!(node.end(Signal::TERM), Some(0));

    disk.remount("remount,rw,size=64m");
    let node = start(&log_dirs, "unlimited");
    let mut client = Client::connect(node.address());
    assert_eq!(end_offset(&mut client, "t2"), acknowledged + 1);
    assert_eq!(end_offset(&mut client, "t1"), 3);
    produce_each(&mut client, "t2", &[b"space again"]);
    assert_eq!(node.end(Signal::TERM), Some(0));
}
