//! Deleting the records before an offset, here and wherever there is a replica.

use barnabas_protocol::error::ErrorCode;

use super::append::Waiting;
use super::{Partition, State};

/// How far a partition's records are deleted everywhere.
#[derive(Debug)]
pub enum LowWatermark {
    /// As far as is asked for, or farther.
    Reached(i64),
    /// Only this far; when this is told, it may be farther.
    Behind(i64, Waiting),
}

impl Partition {
    /// Deletes the records before `offset`, or before the high watermark where it is -1; answers the offset
    /// before which they are gone here; [`Partition::low_watermark`] tells when they are everywhere.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, POLICY_VIOLATION where records go by compaction alone, OFFSET_OUT_OF_RANGE,
    /// KAFKA_STORAGE_ERROR.
    pub fn delete_records(&self, offset: i64) -> Result<i64, ErrorCode> {
        self.check_online()?;
        const HIGH_WATERMARK: i64 = -1;
        let compacted_only = {
            let settings = self.settings();
            settings.validation.compacted && !settings.log.cleanup_delete
        };
        let mut guard = self.lock();
        let State {
            log, core, waiters, ..
        } = &mut *guard;
        core.check_leader()?;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if compacted_only {
            return Err(ErrorCode::PolicyViolation);
        }
        let high_watermark = core.high_watermark();
        let offset = if offset == HIGH_WATERMARK {
            high_watermark
        } else {
            offset
        };
        if offset < 0 {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        log.advance_log_start_offset(offset, high_watermark)
            .map_err(|error| self.failed(&error))?;
        waiters.log_start_moved();
        Ok(offset)
    }

    /// Whether no replica on a broker that `is_alive` has records before `required_offset` any more.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
    pub fn low_watermark(
        &self,
        required_offset: i64,
        is_alive: impl Fn(i32) -> bool,
    ) -> Result<LowWatermark, ErrorCode> {
        self.check_online()?;
        let mut guard = self.lock();
        let State {
            log, core, waiters, ..
        } = &mut *guard;
        core.check_leader()?;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let low_watermark = core.low_watermark(log.log_start_offset(), is_alive);
        if low_watermark >= required_offset {
            Ok(LowWatermark::Reached(low_watermark))
        } else {
            Ok(LowWatermark::Behind(low_watermark, waiters.add_follower_start()))
        }
    }
}
