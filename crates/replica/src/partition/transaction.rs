//! What a partition does for transactions: verified appends, and the markers that end them.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::EndTxnMarker;
use barnabas_storage::{AppendOrigin, ProducerSequence, VerificationGuard, Verified};

use super::Partition;
use super::append::{AppendAs, Appended, RequiredAcks};
use super::core::LeaderEpoch;

/// A transaction's end, as it is written to its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Commit or abort, and who says so.
    pub end: EndTxnMarker,
    /// The transaction is of transaction.version 2: its end bumped the epoch.
    pub bumps_epoch: bool,
}

impl Partition {
    /// Before a transactional batch is appended: what the append must bring back once the transaction
    /// coordinator was asked; `None` if the transaction has begun here already.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
    pub fn begin_verification(
        &self,
        batch: ProducerSequence,
        bumps_epoch: bool,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        self.check_online()?;
        let mut state = self.lock();
        state.core.check_leader()?;
        let log = state.log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        log.begin_verification(batch, bumps_epoch, now_ms)
            .map_err(|error| self.failed(&error))
    }

    /// The coordinator refused for good.
    pub fn end_verification(&self, producer_id: i64) {
        if let Some(log) = &mut self.lock().log {
            log.end_verification(producer_id);
        }
    }

    /// Ends a producer's transaction here. One that is not open here gets its marker all the same.
    ///
    /// # Errors
    /// Those of [`Partition::append`], TRANSACTION_COORDINATOR_FENCED.
    pub fn append_marker(
        &self,
        marker: &Marker,
        leader_epoch: Option<LeaderEpoch>,
        now_ms: i64,
    ) -> Result<Appended, ErrorCode> {
        let mut batch = marker
            .end
            .to_batch(marker.producer_id, marker.producer_epoch, now_ms)
            .map_err(|_| ErrorCode::UnknownServerError)?;
        let how = AppendAs {
            origin: AppendOrigin::Marker {
                bumps_epoch: marker.bumps_epoch,
            },
            acks: RequiredAcks::All,
            leader_epoch,
            end_offset: None,
            verified: Verified::NotAsked,
            now_ms,
        };
        Ok(self.append(&mut batch, &how)?)
    }
}
