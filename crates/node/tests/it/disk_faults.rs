//! Disks that fail under open files: the file system turns read-only, a sync fails, a read fails.
//!
//! The disk is a file system in a file in a small memory: a full memory fails the writeback, a file that is cut off fails
//! the reads, and ext4 can be told to see a fault, after which it takes no more changes.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{FetchRequest, ListOffsetsRequest};
use rustix::fs::{Advice, fadvise};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::connections::{FETCH, LIST_OFFSETS, fetch, list_offsets};
use crate::disks::{described, produce_error};
use crate::full_disk::{SmallDisk, end_offset, start};
use crate::node::Client;
use crate::process;
use crate::space::{create, fetch_error, produce_each};

const STORAGE_ERROR: i16 = ErrorCode::KafkaStorageError.code();
const BLOCK: usize = 4096;
const VALUE: &[u8] = &[7; 50_000];

/// A folder with two data folders, one of them on a disk that can fail.
struct Rig {
    // Unmounted before the memory that it lies in.
    disk: FaultyDisk,
    _memory: SmallDisk,
    root: TempDir,
}

impl Rig {
    /// `None` where nothing may be mounted, or a tool is missing.
    fn new() -> Option<Rig> {
        let root = TempDir::new().unwrap();
        let memory = SmallDisk::mount(&root.path().join("memory"), "24m")?;
        let disk = FaultyDisk::create(memory.path())?;
        Some(Rig {
            disk,
            _memory: memory,
            root,
        })
    }

    /// A node with the topics `t1` on the sound disk and `t2` on the other, each with ten records that are synced.
    fn begin(&self) -> (process::Node, Client) {
        let (node, mut client) = self.start();
        for topic in ["t1", "t2"] {
            create(&mut client, topic, &[("flush.messages", "1")]);
            produce_each(&mut client, topic, &[VALUE; 10]);
        }
        assert!(self.disk.mounted.join("t2-0").is_dir());
        // What the file system holds of its own must not be among what is lost.
        assert!(succeeds(Command::new("sync").arg("-f").arg(&self.disk.mounted)));
        (node, client)
    }

    fn start(&self) -> (process::Node, Client) {
        let first = self.root.path().join("sound");
        let log_dirs = format!("{},{}", first.display(), self.disk.mounted.display());
        let node = start(&log_dirs, "unlimited");
        let client = Client::connect(node.address());
        (node, client)
    }

    /// The other folder serves on, the failed one is seen to have failed.
    fn others_serve(&self, client: &mut Client) {
        assert_eq!(fetch_error(client, "t2", 0), STORAGE_ERROR);
        assert_eq!(produce_error(client, "t2", VALUE), STORAGE_ERROR);
        produce_each(client, "t1", &[VALUE]);
        let errors: Vec<i16> = described(client).iter().map(|dir| dir.error_code).collect();
        assert_eq!(errors, [0, STORAGE_ERROR]);
    }

    /// The ten records that were on the disk before it failed are there, and no more than `end`.
    fn all_is_there(&self, end: i64) {
        let (node, mut client) = self.start();
        assert_eq!(end_offset(&mut client, "t1"), 11);
        let found = end_offset(&mut client, "t2");
        assert!((10..=end).contains(&found), "{found}");
        for offset in 0..found {
            assert_eq!(fetch_error(&mut client, "t2", offset), 0, "{offset}");
        }
        produce_each(&mut client, "t2", &[VALUE]);
        assert_eq!(node.end(Signal::TERM), Some(0));
        let mut verify = process::barnabas();
        let verified = process::output(verify.args(["log", "verify"]).arg(&self.disk.mounted));
        assert!(verified.status.success(), "{verified:?}");
    }
}

/// An ext4 in a file, mounted.
struct FaultyDisk {
    image: PathBuf,
    mounted: PathBuf,
}

impl FaultyDisk {
    fn create(memory: &Path) -> Option<FaultyDisk> {
        let disk = FaultyDisk {
            image: memory.join("image"),
            mounted: memory.join("mounted"),
        };
        File::create(&disk.image).unwrap().set_len(64 << 20).unwrap();
        fs::create_dir(&disk.mounted).unwrap();
        let made = succeeds(
            Command::new("mkfs.ext4")
                .args(["-q", "-F", "-b", "4096", "-O", "^has_journal"])
                .arg(&disk.image),
        );
        (made && disk.mount()).then_some(disk)
    }

    fn mount(&self) -> bool {
        let mut command = Command::new("mount");
        command.args(["-o", "loop,errors=remount-ro"]);
        succeeds(command.arg(&self.image).arg(&self.mounted))
    }

    fn unmount(&self) -> bool {
        succeeds(Command::new("umount").arg(&self.mounted))
    }

    /// Unmounts it, has it checked as an operator would, and mounts it again.
    fn repair(&self) {
        assert!(self.unmount());
        // 1 says that something was mended.
        let checked = quiet(Command::new("e2fsck").args(["-f", "-y"]).arg(&self.image));
        assert!(checked.is_some_and(|code| code <= 1), "{checked:?}");
        assert!(self.mount());
    }

    /// Lets the file system see a fault, on which it takes no more changes, whoever has files open.
    fn turn_read_only(&self) {
        let source = Command::new("findmnt")
            .args(["-n", "-o", "SOURCE"])
            .arg(&self.mounted)
            .output()
            .unwrap();
        let source = String::from_utf8(source.stdout).unwrap();
        let device = source.trim().rsplit('/').next().unwrap();
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "for a test").unwrap();
        assert!(fs::write(self.mounted.join("probe"), "").is_err());
    }

    /// Reads of what is not in memory fail from now on; what is known of `files` is forgotten, but for the first page where that
    /// is `kept`. Answers what the disk held.
    fn fail_reads(&self, files: &[PathBuf], kept: bool) -> Vec<u8> {
        let content = fs::read(&self.image).unwrap();
        for file in files {
            let file = File::open(file).unwrap();
            fadvise(&file, 0, None, Advice::DontNeed).unwrap();
            fadvise(&file, 0, None, Advice::Random).unwrap();
            if kept {
                file.read_at(&mut [0], 0).unwrap();
            }
        }
        let image = File::options().write(true).open(&self.image).unwrap();
        image.set_len(0).unwrap();
        content
    }

    /// Reads work again.
    fn heal_reads(&self, content: &[u8]) {
        let image = File::options().write(true).open(&self.image).unwrap();
        image.set_len(content.len() as u64).unwrap();
        for (index, block) in content.chunks(BLOCK).enumerate() {
            // The memory is too small for the blocks that nothing was written to.
            if block.iter().any(|&byte| byte != 0) {
                image.write_all_at(block, (index * BLOCK) as u64).unwrap();
            }
        }
    }
}

impl Drop for FaultyDisk {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// Its exit code; `None` where there is no such program.
fn quiet(command: &mut Command) -> Option<i32> {
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().ok()?.code()
}

fn succeeds(command: &mut Command) -> bool {
    quiet(command) == Some(0)
}

fn rig() -> Option<Rig> {
    let rig = Rig::new();
    if rig.is_none() {
        println!("skipped: this process may not mount a file system, or mkfs.ext4 is missing");
    }
    rig
}

#[test]
fn a_file_system_that_turns_read_only_under_open_files_stops_its_partitions_alone() {
    let Some(rig) = rig() else { return };
    let (node, mut client) = rig.begin();
    rig.disk.turn_read_only();
    assert_eq!(produce_error(&mut client, "t2", VALUE), STORAGE_ERROR);
    rig.others_serve(&mut client);
    assert_eq!(node.end(Signal::TERM), Some(0));
    rig.disk.repair();
    rig.all_is_there(10);
}

#[test]
fn a_sync_that_fails_acknowledges_nothing_and_stops_its_partitions_alone() {
    let Some(rig) = rig() else { return };
    let (node, mut client) = rig.begin();
    let filler = rig.disk.image.with_extension("filler");
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[1; 1 << 16]).is_ok() {}
    // The write goes to the page cache, which has space; the sync finds none behind it.
    let mut errors = (0..200).map(|_| produce_error(&mut client, "t2", VALUE));
    // The loop device has been seen to take a little more, of which nothing was there afterwards; the sync had gone well.
    let more = errors
        .by_ref()
        .position(|error| error != 0)
        .expect("a sync fails");
    rig.others_serve(&mut client);
    assert_eq!(node.end(Signal::TERM), Some(0));
    drop(file);
    fs::remove_file(filler).unwrap();
    rig.disk.repair();
    rig.all_is_there(10 + more as i64);
}

#[test]
fn a_read_that_fails_serves_nothing_and_stops_its_partitions_alone() {
    let Some(rig) = rig() else { return };
    let (node, mut client) = rig.begin();
    let content = rig.disk.fail_reads(&files_of_t2(&rig), false);
    // What was just written is not looked for: the head of the answer is on its way when the records turn out to be unreadable. As
    // in Apache Kafka, the connection ends.
    client.send(FETCH, &fetch("t2", 0, 0, 0));
    let mut answer = Vec::new();
    let _ = client.stream.read_to_end(&mut answer);
    assert!(answer.len() < VALUE.len(), "{} bytes came", answer.len());
    let mut client = Client::connect(node.address());
    client.send(LIST_OFFSETS, &list_offsets("t2", 1));
    let found = client.receive::<ListOffsetsRequest>(LIST_OFFSETS).1;
    assert_eq!(found.topics[0].partitions[0].error_code, STORAGE_ERROR);
    rig.others_serve(&mut client);
    assert_eq!(node.end(Signal::TERM), Some(0));
    rig.disk.heal_reads(&content);
    rig.disk.repair();
    rig.all_is_there(10);
}

#[test]
fn old_records_that_cannot_be_read_are_an_error_in_the_answer() {
    let Some(rig) = rig() else { return };
    let (node, _) = rig.begin();
    assert_eq!(node.end(Signal::TERM), Some(0));
    let (node, mut client) = rig.start();
    // Where the records lie can still be seen.
    let content = rig.disk.fail_reads(&files_of_t2(&rig), true);
    client.send(FETCH, &fetch("t2", 0, 0, 0));
    let answer = client.receive::<FetchRequest>(FETCH).1;
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.error_code, STORAGE_ERROR);
    assert!(
        partition
            .records
            .as_ref()
            .is_none_or(|records| records.is_empty())
    );
    rig.others_serve(&mut client);
    assert_eq!(node.end(Signal::TERM), Some(0));
    rig.disk.heal_reads(&content);
    rig.disk.repair();
    rig.all_is_there(10);
}

fn files_of_t2(rig: &Rig) -> Vec<PathBuf> {
    let entries = fs::read_dir(rig.disk.mounted.join("t2-0")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
