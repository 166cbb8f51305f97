//! The transaction coordinator's machine: the transactional ids of a partition, and how the cluster speaks of
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI16, Ordering};
use std::time::Duration;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::BatchHeader;
use tokio::sync::Notify;

use super::machine::Machine;
use super::shard::Answered;
use crate::codec::EncodedRecord;
use crate::error::CoordinatorError;
use crate::transaction::{MarkerWork, TransactionConfig, TransactionRecord, TransactionShard};

/// What all shards of the transaction coordinator share.
#[derive(Clone)]
pub struct TransactionSetup {
    /// Their settings.
    pub config: TransactionConfig,
    /// The finalized level of transaction.version.
    pub transaction_version: Arc<AtomicI16>,
    /// Tells the marker task that there are markers to write which no request waits for.
    pub markers_due: Arc<Notify>,
}

/// A shard's transactional ids.
pub struct TransactionMachine {
    /// The transactional ids.
    pub core: TransactionShard,
    setup: TransactionSetup,
    /// What was decided, each with the offset that must be committed before its markers are written.
    decided: Vec<Answered<MarkerWork>>,
    /// Time or the log decided something, not a request.
    decided_alone: bool,
}

impl TransactionMachine {
    /// The markers to write for what was decided since the last call.
    pub fn take_work(&mut self) -> Vec<Answered<MarkerWork>> {
        std::mem::take(&mut self.decided)
    }

    fn transaction_version(&self) -> i16 {
        self.setup.transaction_version.load(Ordering::Acquire)
    }
}

impl Machine for TransactionMachine {
    type Record = TransactionRecord;
    type Setup = TransactionSetup;

    const NAME: &'static str = "transaction";

    fn commit_timeout(setup: &TransactionSetup) -> Duration {
        Duration::from_millis(u64::try_from(setup.config.request_timeout_ms).unwrap_or(0))
    }

    fn new(setup: &TransactionSetup, leader_epoch: i32) -> Self {
        TransactionMachine {
            core: TransactionShard::new(setup.config, leader_epoch),
            setup: setup.clone(),
            decided: Vec::new(),
            decided_alone: false,
        }
    }

    fn encode(&self, record: &TransactionRecord) -> Result<EncodedRecord, CoordinatorError> {
        record.encode(self.transaction_version())
    }

    fn replay(&mut self, record: TransactionRecord, now: Now) {
        self.core.replay(record, now);
    }

    fn load(
        &mut self,
        batch: &BatchHeader,
        key: &[u8],
        value: Option<&[u8]>,
        now: Now,
    ) -> Result<(), CoordinatorError> {
        if batch.is_control() {
            return Ok(());
        }
        self.core.replay(TransactionRecord::decode(key, value)?, now);
        Ok(())
    }

    fn finish_loading(&mut self, now: Now) -> Vec<TransactionRecord> {
        self.core.finish_loading(now);
        self.decided_alone = true;
        Vec::new()
    }

    fn next_deadline(&self) -> Option<i64> {
        self.core.next_deadline()
    }

    fn on_timer(&mut self, now: Now) -> Vec<TransactionRecord> {
        self.decided_alone = true;
        self.core.on_timer(self.transaction_version(), now)
    }

    fn append_failed(&mut self, _records: &[TransactionRecord], _error: ErrorCode, _now: Now) {
        // Nothing was replayed, so nothing was decided: a request gets the error, a timer comes again.
    }

    fn deliver(&mut self, end_offset: i64) {
        let work = self.core.take_work().into_iter();
        self.decided
            .extend(work.map(|value| Answered { value, end_offset }));
        // A request that decided sees to the markers itself.
        if std::mem::take(&mut self.decided_alone) && !self.decided.is_empty() {
            self.setup.markers_due.notify_one();
        }
    }

    fn unload(&mut self) {
        self.core.take_work();
        self.decided.clear();
    }
}
