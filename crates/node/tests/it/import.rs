//! `barnabas import`: what is taken over, and every source and data folder that is refused with nothing changed.
//! (Folders that Apache Kafka wrote are imported in compat-tests/files.)

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barnabas_config::load::{Sources, StartSettings, load};
use barnabas_import::{Import, ImportError, Mode, run, unready};
use barnabas_protocol::messages::{BrokerId, Encodable, StrBytes, TopicName};
use barnabas_protocol::metadata_records::{
    AccessControlEntryRecord, ClientQuotaRecord, ConfigRecord, DelegationTokenRecord, EntityData,
    PartitionRecord, ProducerIdsRecord, RemoveAccessControlEntryRecord, RemoveDelegationTokenRecord,
    TopicRecord, UserScramCredentialRecord,
};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use barnabas_storage::{AppendOrigin, Disk, Folder, LogConfig, LogDir, MetaProperties, OpenFiles};
use tempfile::TempDir;
use uuid::Uuid;

const ORDERS: Uuid = Uuid::from_u128(5);
const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

/// A node's log directory: `orders` with partitions 0 and 1, the second without a folder.
struct Node {
    root: TempDir,
}

fn batch_of(values: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None);
    for value in values {
        builder.append(&RecordFields {
            value: Some(value),
            ..RecordFields::default()
        });
    }
    builder.build().unwrap()
}

fn record<T: Encodable>(kind: u8, version: u8, record: &T) -> Vec<u8> {
    let mut bytes = vec![1, kind, version];
    record.encode(&mut bytes, i16::from(version)).unwrap();
    bytes
}

fn metadata() -> Vec<Vec<u8>> {
    let text = StrBytes::from_static_str;
    let partition = |number, replica| {
        let record = PartitionRecord::default()
            .with_topic_id(ORDERS)
            .with_partition_id(number)
            .with_replicas(vec![BrokerId(replica)])
            .with_isr(vec![replica])
            .with_leader_epoch(3);
        self::record(3, 0, &record)
    };
    let config = |name, value| {
        let record = ConfigRecord::default()
            .with_resource_type(2)
            .with_resource_name(text("orders"));
        self::record(4, 0, &record.with_name(text(name)).with_value(Some(text(value))))
    };
    let topic = TopicRecord::default()
        .with_name(TopicName(text("orders")))
        .with_topic_id(ORDERS);
    let quota = ClientQuotaRecord::default()
        .with_entity(vec![
            EntityData::default()
                .with_entity_type(text("client-id"))
                .with_entity_name(None),
        ])
        .with_key(text("request_percentage"))
        .with_value(12.5);
    let credential = |mechanism| {
        UserScramCredentialRecord::default()
            .with_name(text("anna"))
            .with_mechanism(mechanism)
            .with_iterations(4096)
    };
    let acl = |id, operation| {
        AccessControlEntryRecord::default()
            .with_id(Uuid::from_u128(id))
            .with_resource_type(2)
            .with_resource_name(text("orders"))
            .with_pattern_type(3)
            .with_principal(text("User:anna"))
            .with_host(text("*"))
            .with_operation(operation)
            .with_permission_type(3)
    };
    let token = |id| {
        DelegationTokenRecord::default()
            .with_token_id(text(id))
            .with_owner(text("User:anna"))
            .with_requester(text("User:anna"))
    };
    vec![
        record(2, 0, &topic),
        partition(0, 1),
        partition(1, 1),
        config("retention.ms", "-1"),
        config("no.such.config", "1"),
        record(14, 0, &quota),
        record(11, 0, &credential(1)),
        record(11, 0, &credential(9)),
        record(18, 0, &acl(1, 3)),
        record(18, 0, &acl(2, 4)),
        record(
            19,
            0,
            &RemoveAccessControlEntryRecord::default().with_id(Uuid::from_u128(2)),
        ),
        record(10, 0, &token("kept")),
        record(10, 0, &token("expired")),
        record(
            26,
            0,
            &RemoveDelegationTokenRecord::default().with_token_id(text("expired")),
        ),
        record(15, 0, &ProducerIdsRecord::default().with_next_producer_id(4000)),
    ]
}

/// A log directory of the node without its metadata, with two records in each of these partitions of `orders`.
fn log_directory(partitions: &[i32]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let mut log_dir = LogDir::open(&Disk::Real, root.path(), Arc::new(OpenFiles::new(4))).unwrap();
    let properties = MetaProperties::new(CLUSTER.to_owned(), 1, Uuid::new_v4());
    log_dir.write_meta_properties(properties).unwrap();
    let mut logs = Vec::new();
    for partition in partitions {
        let config = Arc::new(LogConfig::default());
        let mut log = log_dir.create_log("orders".into(), *partition, ORDERS, config);
        let mut bytes = batch_of(&[b"one".to_vec(), b"two".to_vec()]);
        log.append(&mut bytes, 0, AppendOrigin::Client, 1_000).unwrap();
        logs.push(log);
    }
    log_dir
        .shut_down(&mut logs.iter_mut().map(|log| (log, 2)))
        .unwrap();
    root
}

impl Node {
    fn new(metadata: Option<Vec<Vec<u8>>>) -> Node {
        let root = log_directory(&[0]);
        if let Some(records) = metadata {
            fs::create_dir(root.path().join("__cluster_metadata-0")).unwrap();
            fs::write(root.path().join("__cluster_metadata-0/quorum-state"), "{}").unwrap();
            fs::write(Node::metadata_log_in(root.path()), batch_of(&records)).unwrap();
        }
        Node { root }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn metadata_log_in(path: &Path) -> PathBuf {
        path.join("__cluster_metadata-0/00000000000000000000.log")
    }
}

fn settings(data_dirs: &[&Path]) -> StartSettings {
    let shown: Vec<String> = data_dirs.iter().map(|dir| dir.display().to_string()).collect();
    load(&Sources {
        variables: None,
        file: None,
        listen: None,
        overrides: vec![("log.dirs".to_owned(), shown.join(","))],
        default_data_dir: data_dirs[0].to_owned(),
    })
    .unwrap()
}

fn import(source: &Path, mode: Mode) -> Import {
    Import {
        sources: vec![source.to_owned()],
        mode,
        dry_run: false,
    }
}

fn check_ready(data_dir: &Path) -> Result<(), unready::Unready> {
    unready::check(&Disk::Real, data_dir, &[data_dir.to_owned()])
}

/// Imports and answers what was told.
fn try_import(import: &Import, data_dir: &Path) -> Result<String, ImportError> {
    try_import_into(import, &[data_dir])
}

fn try_import_into(import: &Import, data_dirs: &[&Path]) -> Result<String, ImportError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut out = Vec::new();
    runtime.block_on(run(import, settings(data_dirs), &mut out))?;
    Ok(String::from_utf8(out).unwrap())
}

/// Every file below a folder with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_log_directory_is_taken_over_and_stays_as_it_was() {
    for mode in [Mode::Copy, Mode::Link] {
        let (node, target) = (Node::new(Some(metadata())), tempfile::tempdir().unwrap());
        let data_dir = target.path().join("data");
        let before = content(node.path());
        let dry = Import {
            dry_run: true,
            ..import(node.path(), mode)
        };
        let planned = try_import(&dry, &data_dir).unwrap();
        assert!(!data_dir.exists(), "a dry run writes nothing");
        let told = try_import(&import(node.path(), mode), &data_dir).unwrap();
        assert!(
            told.starts_with(planned.split("Nothing was changed").next().unwrap()),
            "{told}"
        );
        for expected in [
            "topic orders (id AAAAAAAAAAAAAAAAAAAABQ): 2 partitions",
            "retention.ms=-1",
            "producer ids from 4000 on",
            "quota of client-id <default>: request_percentage=12.5",
            "Sha256 credential of anna",
            "1 ACLs",
            "1 delegation tokens",
            "Not taken over: a SCRAM credential of anna, of mechanism 9",
            "Note: orders-1 has no folder: it begins empty",
            "Not taken over: config no.such.config",
            "Taken over: 1 partitions of 1 topics.",
        ] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert_eq!(content(node.path()), before);
        let log = "orders-0/00000000000000000000.log";
        assert_eq!(
            fs::read(data_dir.join(log)).unwrap(),
            fs::read(node.path().join(log)).unwrap()
        );
        let points = fs::read_to_string(data_dir.join("recovery-point-offset-checkpoint")).unwrap();
        assert_eq!(points, "0\n1\norders 0 2\n");
        assert_eq!(
            MetaProperties::read(&Folder::real(&data_dir))
                .unwrap()
                .unwrap()
                .cluster_id,
            CLUSTER
        );
        check_ready(&data_dir).unwrap();
        let again = try_import(&import(node.path(), mode), &data_dir)
            .unwrap_err()
            .to_string();
        assert!(again.contains("has a topic orders already"), "{again}");
    }
}

#[test]
fn without_a_metadata_log_the_folders_say_what_there_is() {
    let (node, target) = (Node::new(None), tempfile::tempdir().unwrap());
    let told = try_import(&import(node.path(), Mode::Copy), target.path()).unwrap();
    assert!(told.contains("there is no metadata log"), "{told}");
    assert!(
        told.contains("topic orders (id AAAAAAAAAAAAAAAAAAAABQ): 1 partitions"),
        "{told}"
    );
    assert!(told.contains("producer ids from 1000 on"), "{told}");
}

#[test]
fn in_place_the_folders_stay_and_a_node_may_start() {
    let node = Node::new(Some(metadata()));
    let refused = check_ready(node.path()).unwrap_err().to_string();
    assert!(
        refused.contains("of an Apache Kafka node: take it over with barnabas import"),
        "{refused}"
    );
    let refused = try_import(&import(node.path(), Mode::Copy), node.path())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("say --in-place"), "{refused}");
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = try_import(&import(node.path(), Mode::InPlace), elsewhere.path()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("--in-place takes over the data folder"),
        "{refused}"
    );

    let log = fs::read(node.path().join("orders-0/00000000000000000000.log")).unwrap();
    try_import(&import(node.path(), Mode::InPlace), node.path()).unwrap();
    assert_eq!(
        fs::read(node.path().join("orders-0/00000000000000000000.log")).unwrap(),
        log
    );
    assert!(
        Node::metadata_log_in(node.path()).exists(),
        "Apache Kafka's own stays"
    );
    check_ready(node.path()).unwrap();
}

/// What is wrong with the source: refused with the path, and no data folder begun.
#[test]
fn sources_that_are_not_sound_are_refused() {
    type Damage = fn(&Path);
    let table: &[(Damage, &str)] = &[
        (
            |path| fs::write(Node::metadata_log_in(path), [[0; 70], [1; 70]].concat()).unwrap(),
            "",
        ),
        (
            |path| {
                let mut bytes = batch_of(&metadata());
                bytes[80] ^= 1;
                let tail = BatchBuilder::new(Compression::None).base_offset(6);
                let mut tail = tail;
                tail.append(&RecordFields::default());
                bytes.extend(tail.build().unwrap());
                fs::write(Node::metadata_log_in(path), bytes).unwrap();
            },
            "00000000000000000000.log is corrupt at byte 0: the CRC of the batch is",
        ),
        (
            |path| fs::write(Node::metadata_log_in(path), batch_of(&[vec![1, 2, 7, 0]])).unwrap(),
            "the metadata record at offset 0: unknown record version 7",
        ),
        (
            |path| fs::write(path.join("meta.properties"), "version=2\n").unwrap(),
            "meta.properties is corrupt at byte 0: version 2 is not known",
        ),
        (
            |path| fs::remove_file(path.join("meta.properties")).unwrap(),
            "it has no meta.properties",
        ),
        (
            |path| fs::write(path.join("recovery-point-offset-checkpoint"), "7\n0\n").unwrap(),
            "recovery-point-offset-checkpoint is corrupt at byte 0: line 1: unknown version",
        ),
        (
            |path| fs::write(path.join("orders-0/partition.metadata"), "version: 9\n").unwrap(),
            "partition.metadata is corrupt",
        ),
        (
            |path| fs::write(path.join("orders-0/leader-epoch-checkpoint"), "0\nx\n").unwrap(),
            "leader-epoch-checkpoint is corrupt at byte 0: line 2",
        ),
    ];
    for (damage, expected) in table {
        let (node, target) = (Node::new(Some(metadata())), tempfile::tempdir().unwrap());
        damage(node.path());
        let before = content(node.path());
        let data_dir = target.path().join("data");
        let outcome = try_import(&import(node.path(), Mode::Copy), &data_dir);
        assert_eq!(content(node.path()), before);
        if expected.is_empty() {
            // Nothing readable behind the tear: as after a power cut.
            let told = outcome.unwrap();
            assert!(told.contains("the end of the metadata log is torn"), "{told}");
            continue;
        }
        let refused = outcome.unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
        assert!(!data_dir.exists(), "{expected}: a data folder was begun");
    }
}

#[test]
fn a_source_in_use_and_a_data_folder_of_others_are_refused() {
    let (node, target) = (Node::new(Some(metadata())), tempfile::tempdir().unwrap());
    let held = LogDir::open(&Disk::Real, node.path(), Arc::new(OpenFiles::new(1))).unwrap();
    let refused = try_import(&import(node.path(), Mode::Copy), target.path())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("is in use by another process"), "{refused}");
    drop(held);

    let others = MetaProperties::new("another".to_owned(), 1, Uuid::from_u128(2));
    others.write(&Folder::real(target.path())).unwrap();
    let before = content(target.path());
    let refused = try_import(&import(node.path(), Mode::Copy), target.path())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("belongs to cluster another, and the source to cluster AAAA"),
        "{refused}"
    );
    assert_eq!(content(target.path()), before);

    let occupied = tempfile::tempdir().unwrap();
    fs::create_dir(occupied.path().join("orders-0")).unwrap();
    let refused = try_import(&import(node.path(), Mode::Copy), occupied.path())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("orders-0 is there already"), "{refused}");
    let missing = try_import(&import(&target.path().join("none"), Mode::Copy), target.path()).unwrap_err();
    assert!(missing.to_string().ends_with("is not a folder"), "{missing}");
}

#[test]
fn an_interrupted_import_is_not_started_on_and_is_done_again() {
    let (node, target) = (Node::new(Some(metadata())), tempfile::tempdir().unwrap());
    let staging = target.path().join("import.unfinished");
    fs::create_dir_all(staging.join("orders-1")).unwrap();
    fs::write(
        staging.join("folders"),
        "orders-0 AAAAAAAAAAAAAAAAAAAABQ\n../outside AAAAAAAAAAAAAAAAAAAABQ\n",
    )
    .unwrap();
    fs::create_dir(target.path().join("orders-0")).unwrap();
    fs::write(target.path().join("orders-0/half"), "a copy").unwrap();
    let refused = check_ready(target.path()).unwrap_err().to_string();
    assert!(refused.contains("was interrupted: run it again"), "{refused}");
    let told = try_import(&import(node.path(), Mode::Copy), target.path()).unwrap();
    assert!(told.contains("was interrupted: removing its copies"), "{told}");
    assert!(!target.path().join("orders-0/half").exists() && !staging.exists());
    assert!(target.path().join("orders-0/00000000000000000000.log").exists());
}

fn import_all(sources: &[&Path], mode: Mode) -> Import {
    Import {
        sources: sources.iter().map(|path| (*path).to_owned()).collect(),
        mode,
        dry_run: false,
    }
}

/// Partition folders, and the rows of the recovery points' checkpoint.
fn held(data_dir: &Path) -> (Vec<String>, String) {
    let mut names = crate::space::names(data_dir);
    names.retain(|name| name.starts_with("orders-"));
    names.sort();
    let points = fs::read_to_string(data_dir.join("recovery-point-offset-checkpoint")).unwrap();
    (names, points)
}

fn names(partitions: &[i32]) -> Vec<String> {
    partitions
        .iter()
        .map(|number| format!("orders-{number}"))
        .collect()
}

#[test]
fn several_data_folders_are_filled_folder_by_folder_or_evenly() {
    for mode in [Mode::Copy, Mode::Link] {
        let target = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| target.path().join(name));
        let (first, second) = (log_directory(&[0, 1, 2]), log_directory(&[3]));
        let told = try_import_into(&import_all(&[first.path(), second.path()], mode), &[&a, &b]).unwrap();
        assert!(told.contains(&format!("To {}, by copy", b.display())), "{told}");
        assert_eq!(held(&a).0, names(&[0, 1, 2]));
        assert_eq!(held(&b), (names(&[3]), "0\n1\norders 3 2\n".to_owned()));
        let ids = [&a, &b].map(|dir| MetaProperties::read(&Folder::real(dir)).unwrap().unwrap());
        assert_eq!(ids[0].cluster_id, ids[1].cluster_id);
        assert_ne!(ids[0].directory_id, ids[1].directory_id);
        let again = try_import_into(&import_all(&[second.path()], mode), &[&a, &b]).unwrap_err();
        assert!(
            again.to_string().contains("has a topic orders already"),
            "{again}"
        );

        // Not as many there as here: where the fewest are.
        let [d, e] = ["d", "e"].map(|name| target.path().join(name));
        let data_dirs = [&*c, &*d, &*e];
        try_import_into(&import_all(&[first.path(), second.path()], mode), &data_dirs).unwrap();
        let counts = data_dirs.map(|dir| held(dir).0.len());
        assert_eq!(counts, [2, 1, 1]);
    }
}

#[test]
fn several_data_folders_are_taken_over_in_place_together() {
    let (first, second) = (log_directory(&[0]), log_directory(&[1]));
    let both = [first.path(), second.path()];
    let refused = try_import_into(&import_all(&[first.path()], Mode::InPlace), &both).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("--in-place takes over the data folder"),
        "{refused}"
    );
    try_import_into(&import_all(&[second.path(), first.path()], Mode::InPlace), &both).unwrap();
    assert_eq!(
        (held(first.path()).0, held(second.path()).0),
        (names(&[0]), names(&[1]))
    );
    unready::check(&Disk::Real, first.path(), &both.map(Path::to_owned)).unwrap();
}

#[test]
fn an_import_into_several_data_folders_that_was_interrupted_is_done_again() {
    let (source, target) = (log_directory(&[0, 1]), tempfile::tempdir().unwrap());
    let [a, b] = ["a", "b"].map(|name| target.path().join(name));
    // The first folder was filled, the second had begun.
    for (dir, list) in [(&a, Some("orders-0 AAAAAAAAAAAAAAAAAAAABQ\n")), (&b, None)] {
        let staging = dir.join("import.unfinished");
        fs::create_dir_all(&staging).unwrap();
        if let Some(list) = list {
            fs::write(staging.join("folders"), list).unwrap();
            fs::create_dir(dir.join("orders-0")).unwrap();
            fs::write(dir.join("orders-0/half"), "a copy").unwrap();
        }
    }
    let refused = unready::check(
        &Disk::Real,
        &target.path().join("c"),
        &[target.path().join("c"), b.clone()],
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("was interrupted: run it again")
    );
    try_import_into(&import_all(&[source.path()], Mode::Copy), &[&a, &b]).unwrap();
    assert_eq!((held(&a).0, held(&b).0), (names(&[0]), names(&[1])));
    assert!(!a.join("orders-0/half").exists());
    assert!(!a.join("import.unfinished").exists() && !b.join("import.unfinished").exists());
}
