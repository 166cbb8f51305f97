//! openraft's own suite for log stores and state machines, over ours.

use openraft::testing::{StoreBuilder, Suite};

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
        let db = LogDb::open(&dir.path().join("log")).unwrap();
        let (sync, _) = SyncThread::start(db.clone()).unwrap();
        let state_machine = StateMachine::load(SnapshotFile::new(dir.path())).unwrap();
        Ok((dir, LogStore::new(db, sync), state_machine))
    }
}

#[test]
fn openrafts_suite_passes() {
    Suite::test_all(InTempDir).unwrap();
}
