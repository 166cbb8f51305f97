//! A partition's log in the hands of a leader, since one leader epoch.

use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::BatchBuilder;
use barnabas_protocol::records::compression::Compression;
use tokio::time::timeout;

use super::partition_log::PartitionLog;
use super::write::{AppendError, batches, client_error};
use crate::codec::EncodedRecord;
use crate::error::CoordinatorError;

/// The log of a partition that this broker leads since a leader epoch, which every append carries.
#[derive(Clone, Debug)]
pub struct LedLog<L> {
    log: L,
    leader_epoch: i32,
    compression: Compression,
}

impl<L: PartitionLog> LedLog<L> {
    /// The log as it is led in `leader_epoch`; what is appended to it is compressed so.
    pub fn new(log: L, leader_epoch: i32, compression: Compression) -> Self {
        LedLog {
            log,
            leader_epoch,
            compression,
        }
    }

    /// The log.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// Since when it is led.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Whether this is that log, led in that epoch.
    pub(super) fn is(&self, log: &L, leader_epoch: i32) -> bool {
        self.log == *log && self.leader_epoch == leader_epoch
    }

    /// Appends records in as many batches as their size asks for. Returns the log's end.
    ///
    /// # Errors
    /// A record can't be encoded or is too large, or the log refuses. Nothing was appended then.
    pub fn append(
        &self,
        records: impl Iterator<Item = Result<EncodedRecord, CoordinatorError>>,
        wall_ms: i64,
    ) -> Result<i64, AppendError> {
        let mut bytes = self.batches(BatchBuilder::new(self.compression), records, wall_ms)?;
        let appended = self.log.append(&mut bytes, self.leader_epoch, wall_ms);
        appended.map_err(AppendError::Log)
    }

    /// The bytes of as many batches as the records' size asks for, each begun as `empty` is.
    ///
    /// # Errors
    /// A record can't be encoded or is too large.
    pub fn batches(
        &self,
        empty: BatchBuilder,
        records: impl Iterator<Item = Result<EncodedRecord, CoordinatorError>>,
        wall_ms: i64,
    ) -> Result<Vec<u8>, AppendError> {
        batches(self.log.batch_bytes_max(), &empty, records, wall_ms)
    }

    /// Waits until all before `end_offset` is committed: for so long, or for as long as this broker leads.
    ///
    /// # Errors
    /// NOT_COORDINATOR: another leads, or this broker does anew. COORDINATOR_NOT_AVAILABLE: the time is up,
    /// and whether it will be committed is not known.
    pub async fn committed(&self, end_offset: i64, patience: Option<Duration>) -> Result<(), ErrorCode> {
        if end_offset == 0 {
            return Ok(());
        }
        let outcome = match self.log.commit_of(end_offset, self.leader_epoch) {
            Ok(Some(commit)) => {
                let told = match patience {
                    Some(patience) => timeout(patience, commit).await,
                    None => Ok(commit.await),
                };
                match told {
                    Ok(told) => told.unwrap_or(Err(ErrorCode::NotLeaderOrFollower)),
                    Err(_) => Err(ErrorCode::RequestTimedOut),
                }
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        outcome.map_err(client_error)
    }
}
