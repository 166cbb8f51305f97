//! Where a partition's records begin and end, by place, time and leader epoch.

use barnabas_protocol::error::ErrorCode;

use super::core::LeaderEpoch;
use super::{Isolation, Partition, Reader, State};

/// What ListOffsets asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetQuery {
    /// The end of what the reader may see.
    Latest,
    /// The start of the log.
    Earliest,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The last record in tiered storage: there is none.
    LatestTiered,
    /// The first record that waits to be tiered: there is none.
    EarliestPendingUpload,
    /// The first record at or after a time, milliseconds since the epoch.
    Timestamp(i64),
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The record's timestamp, -1 where a place was asked for.
    pub timestamp: i64,
    /// The offset.
    pub offset: i64,
    /// The leader epoch it was written in, -1 if unknown.
    pub leader_epoch: i32,
}

impl Partition {
    /// What ListOffsets asks for; `None` when there is no such record.
    ///
    /// # Errors
    /// What is wrong with leader or epoch; OFFSET_NOT_AVAILABLE while a new leader can't tell a consumer yet;
    /// KAFKA_STORAGE_ERROR.
    pub fn list_offset(
        &self,
        query: OffsetQuery,
        reader: Reader,
        current_leader_epoch: i32,
    ) -> Result<Option<FoundOffset>, ErrorCode> {
        self.check_online()?;
        let mut guard = self.lock();
        let State { log, core, .. } = &mut *guard;
        core.check_epoch(LeaderEpoch(current_leader_epoch))?;
        if reader != Reader::AnyReplica {
            core.check_leader()?;
        }
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let end = match reader {
            Reader::Consumer(isolation) | Reader::ConsumerAnywhere(isolation) => match isolation {
                Isolation::ReadUncommitted => core.high_watermark(),
                Isolation::ReadCommitted => log.last_stable_offset(core.high_watermark()),
            },
            Reader::Follower(_) | Reader::AnyReplica => log.log_end_offset(),
        };
        let catches_up = matches!(reader, Reader::Consumer(_)) && core.is_catching_up();
        let place = |offset, leader_epoch| {
            Some(FoundOffset {
                timestamp: -1,
                offset,
                leader_epoch,
            })
        };
        let found = match query {
            OffsetQuery::Latest if catches_up => return Err(ErrorCode::OffsetNotAvailable),
            OffsetQuery::Latest => return Ok(place(end, core.leader_epoch().0)),
            OffsetQuery::Earliest => {
                let start = log.log_start_offset();
                let leader_epoch = log.epoch_for_offset(start).map_err(|error| self.failed(&error))?;
                return Ok(place(start, leader_epoch.unwrap_or(-1)));
            }
            OffsetQuery::LatestTiered | OffsetQuery::EarliestPendingUpload => return Ok(None),
            OffsetQuery::MaxTimestamp => log.offset_of_max_timestamp(),
            OffsetQuery::Timestamp(timestamp_ms) => log.offset_for_timestamp(timestamp_ms),
        };
        let found = found.map_err(|error| self.failed(&error))?;
        match found.filter(|found| found.offset < end) {
            Some(found) => Ok(Some(FoundOffset {
                timestamp: found.timestamp,
                offset: found.offset,
                leader_epoch: found.leader_epoch,
            })),
            None if catches_up => Err(ErrorCode::OffsetNotAvailable),
            None => Ok(None),
        }
    }

    /// Where the records of `leader_epoch` end: the greatest epoch not above it, and the offset after its
    /// last record. -1 and -1 if nothing is known of it.
    ///
    /// # Errors
    /// What is wrong with leader or epoch, KAFKA_STORAGE_ERROR.
    pub fn end_offset_for_epoch(
        &self,
        leader_epoch: i32,
        current_leader_epoch: i32,
    ) -> Result<(i32, i64), ErrorCode> {
        self.check_online()?;
        let mut guard = self.lock();
        let State { log, core, .. } = &mut *guard;
        core.check_epoch(LeaderEpoch(current_leader_epoch))?;
        core.check_leader()?;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let end = log
            .end_offset_for_epoch(leader_epoch)
            .map_err(|error| self.failed(&error))?;
        Ok(end.map_or((-1, -1), |end| (end.leader_epoch, end.end_offset)))
    }
}
