//! The share coordinator's machine: the share partitions of a partition of `__share_group_state`.

use std::time::Duration;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::BatchHeader;

use super::machine::Machine;
use crate::codec::EncodedRecord;
use crate::error::CoordinatorError;
use crate::share_state::{ShareStateConfig, ShareStateRecord, ShareStateShard};

/// A shard's share partitions.
pub struct ShareStateMachine {
    /// The share partitions.
    pub core: ShareStateShard,
}

impl Machine for ShareStateMachine {
    type Record = ShareStateRecord;
    type Setup = ShareStateConfig;

    const NAME: &'static str = "share";

    fn commit_timeout(setup: &ShareStateConfig) -> Duration {
        Duration::from_millis(u64::try_from(setup.write_timeout_ms).unwrap_or(0))
    }

    fn new(setup: &ShareStateConfig, _leader_epoch: i32) -> Self {
        ShareStateMachine {
            core: ShareStateShard::new(*setup),
        }
    }

    fn encode(&self, record: &ShareStateRecord) -> Result<EncodedRecord, CoordinatorError> {
        record.encode()
    }

    fn begins_at(&mut self, base_offset: i64) {
        self.core.begins_at(base_offset);
    }

    fn replay(&mut self, record: ShareStateRecord, _now: Now) {
        self.core.replay(record);
    }

    fn load(
        &mut self,
        batch: &BatchHeader,
        key: &[u8],
        value: Option<&[u8]>,
        _now: Now,
    ) -> Result<(), CoordinatorError> {
        if batch.is_control() {
            return Ok(());
        }
        if let Some(record) = ShareStateRecord::decode(key, value)? {
            self.core.begins_at(batch.base_offset);
            self.core.replay(record);
        }
        Ok(())
    }

    fn finish_loading(&mut self, _now: Now) -> Vec<ShareStateRecord> {
        Vec::new()
    }

    fn next_deadline(&self) -> Option<i64> {
        None
    }

    fn on_timer(&mut self, _now: Now) -> Vec<ShareStateRecord> {
        Vec::new()
    }

    fn append_failed(&mut self, _records: &[ShareStateRecord], _error: ErrorCode, _now: Now) {
        // Nothing was replayed; who asked gets the error.
    }

    fn deliver(&mut self, _end_offset: i64) {}

    fn unload(&mut self) {}
}
