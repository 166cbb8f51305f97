//! openraft's own suite for log stores and state machines, over ours.

use barnabas_environment::Threads;
use openraft::testing::{StoreBuilder, Suite};

use super::address_book::AddressBook;
use super::disk::MetadataDisk;
use super::log_db::LogDb;
use super::log_store::LogStore;
use super::snapshot_file::SnapshotFile;
use super::state_machine::StateMachine;
use super::sync_thread::SyncThread;
use super::types::{RaftTypes, StorageError};

struct InTempDir;

impl StoreBuilder<RaftTypes, LogStore, StateMachine, tempfile::TempDir> for InTempDir {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, StateMachine), StorageError> {
        let dir = tempfile::tempdir().unwrap();
        let disk = MetadataDisk::open(dir.path()).unwrap();
        let db = LogDb::new(disk.log);
        let (sync, _) = SyncThread::start(db.clone(), Threads::Own).unwrap();
        let state_machine = StateMachine::load(
            SnapshotFile::new(disk.snapshots.clone()),
            Threads::Own,
            AddressBook::default(),
        )
        .unwrap();
        Ok((dir, LogStore::new(db, sync), state_machine))
    }
}

#[test]
fn openrafts_suite_passes() {
    Suite::test_all(InTempDir).unwrap();
}

/// A record from a newer version in the log or in the snapshot is no reason not to start; what stands beside
/// it is there.
#[test]
fn odd_records_take_nothing_else_away() {
    let dir = tempfile::tempdir().unwrap();
    let topic = r#"{"Topic":{"name":"orders","topic_id":"00000000-0000-0000-0000-000000000007"}}"#;
    let batch = format!(r#"{{"epoch":3,"records":[{{"Tomorrow":{{}}}},{topic}]}}"#);
    let disk = MetadataDisk::open(dir.path()).unwrap();
    let db = LogDb::new(disk.log);
    let json = format!(
        r#"{{"log_id":{{"leader_id":{{"term":3,"node_id":1}},"index":2}},"payload":{{"Normal":{batch}}}}}"#
    );
    db.append([serde_json::from_str(&json).unwrap()]).unwrap();
    let entries = db.entries(..).unwrap();
    assert_eq!(serde_json::to_string(&entries[0]).unwrap(), json);

    let golden = include_str!("../../tests/golden/snapshot-2.json");
    let odd = golden.replacen(r#""records":["#, r#""records":[{"Tomorrow":{}},5,"#, 1);
    std::fs::write(dir.path().join("snapshot.json"), odd).unwrap();
    let state_machine = StateMachine::load(
        SnapshotFile::new(disk.snapshots.clone()),
        Threads::Own,
        AddressBook::default(),
    )
    .unwrap();
    let image = state_machine.image();
    assert!(image.topics.by_name("orders").is_some() && !image.unknown.is_empty());

    std::fs::write(dir.path().join("snapshot.json"), &golden[..golden.len() / 2]).unwrap();
    let torn = StateMachine::load(
        SnapshotFile::new(disk.snapshots.clone()),
        Threads::Own,
        AddressBook::default(),
    );
    assert!(matches!(
        torn.map(drop),
        Err(crate::MetadataError::Corrupt { .. })
    ));
}
