//! Moving live partitions between data folders.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use barnabas_protocol::messages::{
    AlterReplicaLogDirsRequest, DeleteTopicsRequest, FetchRequest, ProduceRequest, TopicName,
};
use barnabas_protocol::records::batches;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::connections::{FETCH, PRODUCE, fetch, produce};
use crate::disks::{Folders, described, partitions_in};
use crate::node::{Client, Node};
use crate::process;
use crate::space::{create, delete_records, earliest, eventually, names, produce_each, text};

const LIMIT: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

fn alter(client: &mut Client, topic: &str, partition: i32, to: &Path) -> i16 {
    let topic = AlterReplicaLogDirTopic::default()
        .with_name(TopicName(text(topic)))
        .with_partitions(vec![partition]);
    let dir = AlterReplicaLogDir::default()
        .with_path(text(to.to_str().unwrap()))
        .with_topics(vec![topic]);
    client.send(2, &AlterReplicaLogDirsRequest::default().with_dirs(vec![dir]));
    let response = client.receive::<AlterReplicaLogDirsRequest>(2).1;
    response.results[0].partitions[0].error_code
}

/// Folder, lag and whether it is a copy on its way, of each log of a topic's only partition.
fn places(client: &mut Client, topic: &str) -> Vec<(String, i64, bool)> {
    let mut places = Vec::new();
    for dir in described(client) {
        for row in dir.topics.iter().filter(|row| *row.name.0 == *topic) {
            let partition = &row.partitions[0];
            places.push((
                dir.log_dir.to_string(),
                partition.offset_lag,
                partition.is_future_key,
            ));
        }
    }
    places
}

fn arrives(client: &mut Client, topic: &str, folder: &Path) {
    let there = [(folder.to_str().unwrap().to_owned(), 0, false)];
    eventually("the partition arrives", || places(client, topic) == there);
}

/// Every record's offset and value length, read from `offset` on.
fn read_all(client: &mut Client, topic: &str, mut offset: i64, end: i64) -> Vec<i64> {
    let mut found = Vec::new();
    while offset < end {
        client.send(FETCH, &fetch(topic, offset, 1, 1_000));
        let response = client.receive::<FetchRequest>(FETCH).1;
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        let records = partition.records.clone().unwrap();
        for batch in batches(&records) {
            let header = batch.unwrap().header;
            found.extend(header.base_offset..header.next_offset());
            offset = header.next_offset();
        }
    }
    found
}

/// Stops a thread, also when a test fails: its scope would wait for ever.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_partition_moves_while_it_is_written_without_losing_or_doubling_a_record() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let node = folders.start(root);
    let mut client = node.connect();
    create(&mut client, "t", &[("segment.bytes", "1048576")]);
    let value = vec![7; 100_000];
    produce_each(&mut client, "t", &[&value[..]; 25]);
    assert_eq!(delete_records(&mut client, "t", 0, 3), (3, 0));
    let stop = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut client = node.connect();
            let mut acknowledged = 25;
            while !stop.load(Ordering::Relaxed) {
                client.send(PRODUCE, &produce("t", -1, &[&[1; 2_000]]));
                let response = client.receive::<ProduceRequest>(PRODUCE).1;
                let partition = &response.responses[0].partition_responses[0];
                assert_eq!((partition.error_code, partition.base_offset), (0, acknowledged));
                acknowledged += 1;
                // One that writes as fast as it can outruns the copy on a machine that has others to serve.
                std::thread::sleep(Duration::from_millis(1));
            }
            acknowledged
        });
        let stop = StopAtEnd(&stop);
        for to in [&folders.second, &folders.first, &folders.second] {
            assert_eq!(alter(&mut client, "t", 0, to), 0);
            arrives(&mut client, "t", to);
        }
        drop(stop);
        producer.join().unwrap()
    });
    assert!(acknowledged > 25);
    let expected: Vec<i64> = (3..acknowledged).collect();
    assert_eq!(read_all(&mut client, "t", 3, acknowledged), expected);
    eventually("the folder it left has no partition's name", || {
        !folders.first.join("t-0").exists()
    });
    drop(client);
    let node = folders.start(node.stop());
    let mut client = node.connect();
    assert_eq!(earliest(&mut client, "t"), 3);
    assert_eq!(read_all(&mut client, "t", 3, acknowledged), expected);
    arrives(&mut client, "t", &folders.second);
}

/// A node with twenty records of 100 KB in `t`, which moves no faster than 1 KB a second.
fn begin_slowly(folders: &Folders, root: TempDir) -> (Node, Client) {
    let node = folders.start(root);
    let mut client = node.connect();
    create(&mut client, "t", &[]);
    let value = vec![7; 100_000];
    produce_each(&mut client, "t", &[&value[..]; 20]);
    crate::run_time::set(&mut client, 4, "1", LIMIT, "1000");
    (node, client)
}

#[test]
fn a_move_is_throttled_seen_taken_back_and_goes_on_after_a_restart() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let (node, mut client) = begin_slowly(&folders, root);
    let is_future = |name: &String| name.starts_with("t-0.") && name.ends_with("-future");

    assert_eq!(alter(&mut client, "t", 0, &folders.second), 0);
    let [first, second] = [&folders.first, &folders.second].map(|path| path.to_str().unwrap().to_owned());
    eventually("a first piece is copied", || {
        places(&mut client, "t") == [(first.clone(), 0, false), (second.clone(), 19, true)]
    });
    assert!(names(&folders.second).iter().any(is_future));
    // Back to where it is: the copy is given up.
    assert_eq!(alter(&mut client, "t", 0, &folders.first), 0);
    eventually("the copy goes", || !names(&folders.second).iter().any(is_future));
    assert_eq!(places(&mut client, "t"), [(first, 0, false)]);

    assert_eq!(alter(&mut client, "t", 0, &folders.second), 0);
    eventually("a second copy is there", || {
        names(&folders.second).iter().any(is_future)
    });
    drop(client);
    let node = folders.start(node.stop());
    let mut client = node.connect();
    crate::run_time::set(&mut client, 4, "1", LIMIT, "100000000");
    arrives(&mut client, "t", &folders.second);
    assert_eq!(read_all(&mut client, "t", 0, 20), (0..20).collect::<Vec<_>>());
    eventually("nothing is left over", || {
        !names(&folders.second).iter().any(is_future)
    });
    eventually("the folder it left has no partition's name", || {
        !folders.first.join("t-0").exists()
    });
}

#[test]
fn both_folders_know_what_was_deleted_from_a_log_on_its_way() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let (_node, mut client) = begin_slowly(&folders, root);
    assert_eq!(delete_records(&mut client, "t", 0, 3), (3, 0));
    let starts = |folder: &Path| std::fs::read_to_string(folder.join("log-start-offset-checkpoint"));
    assert_eq!(starts(&folders.first).unwrap(), "0\n1\nt 0 3\n");
    assert_eq!(alter(&mut client, "t", 0, &folders.second), 0);
    eventually("the new folder knows where the log begins", || {
        starts(&folders.second).is_ok_and(|text| text == "0\n1\nt 0 3\n")
    });
    assert_eq!(delete_records(&mut client, "t", 0, 5), (5, 0));
    for folder in [&folders.first, &folders.second] {
        assert_eq!(starts(folder).unwrap(), "0\n1\nt 0 5\n");
    }
    crate::run_time::set(&mut client, 4, "1", LIMIT, "100000000");
    arrives(&mut client, "t", &folders.second);
    eventually("the old folder forgets it", || {
        starts(&folders.first).unwrap() == "0\n0\n"
    });
    assert_eq!(starts(&folders.second).unwrap(), "0\n1\nt 0 5\n");
}

#[test]
#[cfg(target_os = "linux")]
fn as_many_threads_move_partitions_as_the_settings_say() {
    let root = TempDir::new().unwrap();
    let [first, second] = ["a", "b"].map(|name| root.path().join(name));
    let log_dirs = format!("log.dirs={},{}", first.display(), second.display());
    let start = |more: &[&str]| {
        let settings = ["--listen", "127.0.0.1:0", "--override", &log_dirs];
        process::Node::start(&[&settings[..], more].concat())
    };
    // One for each folder, as in Apache Kafka.
    let node = start(&[]);
    eventually("two threads", || node.threads("log-moves-") == 2);
    let mut client = Client::connect(node.address());
    let topics = ["t1", "t2", "t3", "t4"];
    for topic in topics {
        create(&mut client, topic, &[]);
        produce_each(&mut client, topic, &[&[7; 100_000][..]; 20]);
    }
    // The limit is for all of them together.
    crate::run_time::set(&mut client, 4, "1", LIMIT, "1000");
    for topic in ["t1", "t3"] {
        assert_eq!(alter(&mut client, topic, 0, &second), 0);
    }
    eventually("both copies are begun", || partitions_in(&second).len() == 4);
    assert_eq!(node.end(Signal::TERM), Some(0));

    let node = start(&["--override", "num.replica.alter.log.dirs.threads=3"]);
    eventually("three threads", || node.threads("log-moves-") == 3);
    let mut client = Client::connect(node.address());
    crate::run_time::set(&mut client, 4, "1", LIMIT, "100000000");
    for topic in topics {
        arrives(&mut client, topic, &second);
        assert_eq!(read_all(&mut client, topic, 0, 20), (0..20).collect::<Vec<_>>());
    }
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn a_topic_that_is_deleted_on_its_way_leaves_nothing() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let (_node, mut client) = begin_slowly(&folders, root);
    crate::run_time::set(&mut client, 4, "1", "log.segment.delete.delay.ms", "0");
    assert_eq!(alter(&mut client, "t", 0, &folders.second), 0);
    eventually("the copy is there", || !partitions_in(&folders.second).is_empty());
    let delete = DeleteTopicsRequest::default()
        .with_topic_names(vec![TopicName(text("t"))])
        .with_timeout_ms(10_000);
    client.send(4, &delete);
    client.receive::<DeleteTopicsRequest>(4);
    eventually("both folders are empty", || {
        partitions_in(&folders.first).is_empty() && partitions_in(&folders.second).is_empty()
    });
}

#[test]
fn a_partition_without_records_moves_too() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let node = folders.start(root);
    let mut client = node.connect();
    create(&mut client, "empty", &[]);
    create(&mut client, "emptied", &[]);
    produce_each(&mut client, "emptied", &[b"a", b"b"]);
    delete_records(&mut client, "emptied", 0, -1);
    for (topic, to) in [("empty", &folders.second), ("emptied", &folders.first)] {
        assert_eq!(alter(&mut client, topic, 0, to), 0);
        arrives(&mut client, topic, to);
    }
    assert_eq!(earliest(&mut client, "emptied"), 2);
    produce_each(&mut client, "emptied", &[b"c"]);
    produce_each(&mut client, "empty", &[b"c"]);
    drop(client);
    let node = folders.start(node.stop());
    let mut client = node.connect();
    arrives(&mut client, "empty", &folders.second);
    assert_eq!(read_all(&mut client, "emptied", 2, 3), [2]);
}

#[test]
fn moves_that_make_no_sense_are_refused() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let node: Node = folders.start(root);
    let mut client = node.connect();
    let long = "t".repeat(230);
    create(&mut client, "t", &[]);
    create(&mut client, &long, &[]);
    let second = folders.second.as_path();
    let cases = [
        ("t", 0, Path::new("/nowhere"), ErrorCode::LogDirNotFound),
        ("t", 1, second, ErrorCode::UnknownTopicOrPartition),
        ("unknown", 0, second, ErrorCode::UnknownTopicOrPartition),
        (long.as_str(), 0, second, ErrorCode::InvalidTopicException),
        ("t", 0, folders.first.as_path(), ErrorCode::None),
    ];
    for (topic, partition, to, expected) in cases {
        assert_eq!(
            alter(&mut client, topic, partition, to),
            expected.code(),
            "{topic}-{partition}"
        );
    }
    crate::run_time::set(&mut client, 4, "1", "cordoned.log.dirs", second.to_str().unwrap());
    assert_eq!(
        alter(&mut client, "t", 0, second),
        ErrorCode::InvalidReplicaAssignment.code()
    );
}
