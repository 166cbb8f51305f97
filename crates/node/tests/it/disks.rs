//! Several data folders: where partitions go, and what becomes of them when a folder fails or is not ours.

use std::path::{Path, PathBuf};

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use barnabas_protocol::messages::metadata_request::MetadataRequestTopic;
use barnabas_protocol::messages::{DescribeLogDirsRequest, MetadataRequest, ProduceRequest, TopicName};
use tempfile::TempDir;

use crate::connections::{PRODUCE, produce};
use crate::node::{Client, Node};
use crate::space::{create, create_error, earliest, fetch_error, names, produce_each, text};

const STORAGE_ERROR: i16 = ErrorCode::KafkaStorageError.code();

/// A folder with the paths of two data folders in it, and the setting that names them.
pub struct Folders {
    pub first: PathBuf,
    pub second: PathBuf,
    log_dirs: String,
}

impl Folders {
    pub fn new(root: &Path) -> Self {
        let [first, second] = ["a", "b"].map(|name| root.join(name));
        let log_dirs = format!("{},{}", first.display(), second.display());
        Folders {
            first,
            second,
            log_dirs,
        }
    }

    pub fn start(&self, root: TempDir) -> Node {
        Node::start_in(root, &[("log.dirs", &self.log_dirs)])
    }

    fn refused(&self, root: TempDir) -> (TempDir, String) {
        match Node::try_start_in(root, &[("log.dirs", &self.log_dirs)]) {
            Ok(_) => panic!("the node started"),
            Err(refused) => refused,
        }
    }
}

pub fn partitions_in(folder: &Path) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name.starts_with('t'));
    names.sort();
    names
}

pub fn described(client: &mut Client) -> Vec<DescribeLogDirsResult> {
    client.send(5, &DescribeLogDirsRequest::default().with_topics(None));
    client.receive::<DescribeLogDirsRequest>(5).1.results
}

pub fn produce_error(client: &mut Client, topic: &str, value: &[u8]) -> i16 {
    client.send(PRODUCE, &produce(topic, -1, &[value]));
    client.receive::<ProduceRequest>(PRODUCE).1.responses[0].partition_responses[0].error_code
}

/// Error, leader and offline replicas of a topic's first partition.
fn leader(client: &mut Client, topic: &str) -> (i16, i32, Vec<i32>) {
    let wanted = MetadataRequestTopic::default().with_name(Some(TopicName(text(topic))));
    client.send(9, &MetadataRequest::default().with_topics(Some(vec![wanted])));
    let response = client.receive::<MetadataRequest>(9).1;
    let partition = &response.topics[0].partitions[0];
    let offline = partition.offline_replicas.iter().map(|id| id.0).collect();
    (partition.error_code, partition.leader_id.0, offline)
}

#[test]
fn partitions_spread_over_the_folders_and_are_found_there_again() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let node = folders.start(root);
    let mut client = node.connect();
    for topic in ["t1", "t2", "t3", "t4"] {
        create(&mut client, topic, &[]);
    }
    assert_eq!(partitions_in(&folders.first), ["t1-0", "t3-0"]);
    assert_eq!(partitions_in(&folders.second), ["t2-0", "t4-0"]);
    produce_each(&mut client, "t2", &[b"a", b"b"]);
    produce_each(&mut client, "t3", &[b"c"]);
    let ids = [&folders.first, &folders.second].map(|folder| {
        let text = std::fs::read_to_string(folder.join("meta.properties")).unwrap();
        let line = text.lines().find(|line| line.starts_with("directory.id="));
        line.unwrap().to_owned()
    });
    assert_ne!(ids[0], ids[1]);
    drop(client);
    let node = folders.start(node.stop());
    let mut client = node.connect();
    assert_eq!(
        (
            fetch_error(&mut client, "t2", 2),
            fetch_error(&mut client, "t3", 1)
        ),
        (0, 0)
    );
    let described = described(&mut client);
    let shown: Vec<(&str, i16, usize)> = described
        .iter()
        .map(|dir| (&*dir.log_dir, dir.error_code, dir.topics.len()))
        .collect();
    let [first, second] = [&folders.first, &folders.second].map(|path| path.to_str().unwrap());
    assert_eq!(shown, [(first, 0, 2), (second, 0, 2)]);
    assert!(
        described
            .iter()
            .all(|dir| dir.total_bytes > 0 && dir.usable_bytes > 0 && !dir.is_cordoned)
    );
}

#[test]
fn a_cordoned_folder_gets_no_new_partitions() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let node = folders.start(root);
    let mut client = node.connect();
    let first = folders.first.to_str().unwrap();
    crate::run_time::set(&mut client, 4, "1", "cordoned.log.dirs", first);
    create(&mut client, "t1", &[]);
    create(&mut client, "t2", &[]);
    assert_eq!(partitions_in(&folders.second), ["t1-0", "t2-0"]);
    let cordoned: Vec<bool> = described(&mut client).iter().map(|dir| dir.is_cordoned).collect();
    assert_eq!(cordoned, [true, false]);
    crate::run_time::set(&mut client, 4, "1", "cordoned.log.dirs", "*");
    assert_eq!(
        create_error(&mut client, "t3"),
        ErrorCode::InvalidReplicationFactor.code()
    );
    crate::run_time::set(&mut client, 4, "1", "cordoned.log.dirs", "");
    create(&mut client, "t3", &[]);
    assert_eq!(partitions_in(&folders.first), ["t3-0"]);
}

#[test]
fn a_folder_that_fails_takes_only_its_own_partitions_offline() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let node = folders.start(root);
    let mut client = node.connect();
    for topic in ["t1", "t2"] {
        create(&mut client, topic, &[("segment.bytes", "1048576")]);
        produce_each(&mut client, topic, &[b"kept"]);
    }
    // The disk is gone: the next segment can't be created.
    let away = folders.second.with_extension("away");
    std::fs::rename(&folders.second, &away).unwrap();
    std::fs::write(&folders.second, "no folder").unwrap();
    let large = vec![7; 600_000];
    let first_error = (0..3)
        .map(|_| produce_error(&mut client, "t2", &large))
        .find(|&error| error != 0);
    assert_eq!(first_error, Some(STORAGE_ERROR));
    assert_eq!(fetch_error(&mut client, "t2", 0), STORAGE_ERROR);
    assert_eq!(
        leader(&mut client, "t2"),
        (ErrorCode::LeaderNotAvailable.code(), -1, vec![1])
    );
    assert_eq!(leader(&mut client, "t1"), (0, 1, vec![]));
    produce_each(&mut client, "t1", &[&large, &large, b"more"]);
    let errors = |client: &mut Client| -> Vec<(i16, i64)> {
        described(client)
            .iter()
            .map(|dir| (dir.error_code, dir.total_bytes.min(0)))
            .collect()
    };
    assert_eq!(errors(&mut client), [(0, 0), (STORAGE_ERROR, -1)]);
    create(&mut client, "t3", &[]);
    assert_eq!(
        partitions_in(&folders.first),
        ["t1-0", "t3-0"],
        "new partitions go elsewhere"
    );
    drop(client);

    // It is still gone at the next start.
    let node = folders.start(node.stop());
    let mut client = node.connect();
    assert_eq!(fetch_error(&mut client, "t2", 0), STORAGE_ERROR);
    assert_eq!(fetch_error(&mut client, "t1", 4), 0);
    assert_eq!(errors(&mut client), [(0, 0), (STORAGE_ERROR, -1)]);
    drop(client);

    // And back at the one after it.
    let root = node.stop();
    std::fs::remove_file(&folders.second).unwrap();
    std::fs::rename(&away, &folders.second).unwrap();
    let node = folders.start(root);
    let mut client = node.connect();
    assert_eq!(
        (fetch_error(&mut client, "t2", 1), earliest(&mut client, "t2")),
        (0, 0)
    );
    produce_each(&mut client, "t2", &[b"again"]);
}

#[test]
fn a_folder_whose_logs_cannot_be_loaded_is_left_out() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let node = folders.start(root);
    let mut client = node.connect();
    for topic in ["t1", "t2"] {
        create(&mut client, topic, &[]);
        produce_each(&mut client, topic, &[b"kept"]);
    }
    drop(client);
    let root = node.stop();
    // After a crash each folder is looked into.
    let metadata = folders.second.join("t2-0/partition.metadata");
    let sound = std::fs::read(&metadata).unwrap();
    for folder in [&folders.first, &folders.second] {
        std::fs::remove_file(folder.join(".kafka_cleanshutdown")).unwrap();
    }
    let unreadable = |path: &Path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    };
    unreadable(&metadata);
    let node = folders.start(root);
    let mut client = node.connect();
    assert_eq!(
        (
            fetch_error(&mut client, "t1", 1),
            fetch_error(&mut client, "t2", 0)
        ),
        (0, STORAGE_ERROR)
    );
    drop(client);
    let root = node.stop();
    std::fs::remove_dir(&metadata).unwrap();
    std::fs::write(&metadata, sound).unwrap();
    unreadable(&folders.first.join("t1-0/partition.metadata"));
    std::fs::remove_file(folders.first.join(".kafka_cleanshutdown")).unwrap();
    // The folder of the metadata can't be left out.
    let (_root, why) = folders.refused(root);
    assert!(why.contains("t1-0/partition.metadata"), "{why}");
}

#[test]
fn folders_that_are_not_this_nodes_end_the_start_and_stay_as_they_are() {
    let root = TempDir::new().unwrap();
    let folders = Folders::new(root.path());
    let mut root = folders.start(root).stop();
    let path = folders.second.join("meta.properties");
    let sound = std::fs::read_to_string(&path).unwrap();
    let cluster = sound
        .lines()
        .find(|line| line.starts_with("cluster.id="))
        .unwrap();
    let cases = [
        (
            sound.replace(cluster, "cluster.id=MkU3OEVBNTcwNTJENDM2Qg"),
            "belongs to cluster MkU3OEVBNTcwNTJENDM2Qg",
        ),
        (sound.replace("node.id=1", "node.id=7"), "belongs to node 7"),
        (sound.replace("version=1", "version=2"), "version 2 is not known"),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, &text).unwrap();
        let (back, why) = folders.refused(root);
        root = back;
        assert!(
            why.contains(expected) && why.contains(folders.second.to_str().unwrap()),
            "{why}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::write(&path, &sound).unwrap();
    std::fs::rename(&folders.first, folders.first.with_extension("away")).unwrap();
    let (_root, why) = folders.refused(root);
    assert!(why.contains("should hold the metadata and is empty"), "{why}");
}

/// All paths below a folder.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn a_start_that_comes_to_nothing_leaves_no_trace() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners = format!("PLAINTEXT://{}", taken.local_addr().unwrap());
    let root = TempDir::new().unwrap();
    let path = root.path().to_owned();
    let other = Node::start_in(TempDir::new_in(&path).unwrap(), &[]).stop();
    let text = std::fs::read_to_string(other.path().join("meta.properties")).unwrap();
    for name in ["seven", "broken", "of-metadata"] {
        std::fs::create_dir(path.join(name)).unwrap();
    }
    std::fs::write(
        path.join("seven/meta.properties"),
        text.replace("node.id=1", "node.id=7"),
    )
    .unwrap();
    std::fs::write(
        path.join("broken/meta.properties"),
        text.replace("version=1", "version=2"),
    )
    .unwrap();
    std::fs::create_dir(path.join("of-metadata/__cluster_metadata-0")).unwrap();
    let held = barnabas_storage::LogDir::open(
        &barnabas_storage::Disk::Real,
        &path.join("held"),
        std::sync::Arc::new(barnabas_storage::OpenFiles::new(1)),
    );
    let other = other.path().file_name().unwrap().to_str().unwrap().to_owned();
    let cases: [(&[&str], &str, &str); 7] = [
        (&["new/below"], &listeners, "cannot listen on"),
        (&[&other], &listeners, "cannot listen on"),
        (&["new/below", "held"], "", "is in use by another process"),
        (&["new/a", "new", "seven"], "", "belongs to node 7"),
        (&["new/below", "broken"], "", "version 2 is not known"),
        (&["new/below", "of-metadata"], "", "holds metadata"),
        (
            &["new/below", &other],
            "",
            "should hold the metadata and is empty",
        ),
    ];
    let before = tree(&path);
    let mut root = root;
    for (folders, listeners, expected) in cases {
        let folders: Vec<String> = folders
            .iter()
            .map(|name| path.join(name).display().to_string())
            .collect();
        let mut overrides = vec![("log.dirs", folders.join(","))];
        if !listeners.is_empty() {
            overrides.push(("listeners", listeners.to_owned()));
        }
        let overrides: Vec<(&str, &str)> = overrides.iter().map(|(name, value)| (*name, &**value)).collect();
        let Err((back, why)) = Node::try_start_in(root, &overrides) else {
            panic!("the node started on {folders:?}");
        };
        root = back;
        assert!(why.contains(expected), "{why}");
        let made: Vec<PathBuf> = tree(&path)
            .into_iter()
            .filter(|path| !before.contains(path))
            .collect();
        assert!(made.is_empty(), "{folders:?}: {made:?}");
    }
    drop(held);
}

#[test]
fn folders_of_unknown_topics_are_set_aside() {
    let root = TempDir::new().unwrap();
    let data = root.path().to_owned();
    let node = Node::start_in(root, &[]);
    let mut client = node.connect();
    create(&mut client, "t1", &[]);
    produce_each(&mut client, "t1", &[b"kept"]);
    drop(client);
    let root = node.stop();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([data.join("t1-0"), data.join("t2-0")])
        .status();
    assert!(copied.unwrap().success());
    std::fs::remove_file(data.join(".kafka_cleanshutdown")).unwrap();
    let node = Node::start_in(root, &[]);
    let mut client = node.connect();
    assert_eq!(fetch_error(&mut client, "t1", 1), 0);
    let found = partitions_in(&data);
    assert!(
        found[0] == "t1-0" && found[1].starts_with("t2-0.") && found[1].ends_with("-stray"),
        "{found:?}"
    );
    // Its name is free for a topic of that name.
    create(&mut client, "t2", &[]);
    produce_each(&mut client, "t2", &[b"new"]);
    assert_eq!(fetch_error(&mut client, "t2", 1), 0);
}
