//! One partition's part of a Fetch: what is asked of it, and what it answers.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::leader::LeaderIdAndEpoch;
use barnabas_storage::{AbortedTxn, Log, ReadBound};

use super::core::{FollowerId, FollowerLog, LagTime, LeaderEpoch, Moved, PartitionCore, ReplicaView};
use super::waiters::Interest;
use super::{Isolation, Partition, Reader, State};
use barnabas_network::response::FileRange;

/// What a Fetch asks of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// First offset wanted.
    pub fetch_offset: i64,
    /// The follower's log start offset, -1 from a consumer.
    pub log_start_offset: i64,
    /// Most bytes of this partition.
    pub max_bytes: i32,
    /// The leader epoch the client knows, -1 for none.
    pub current_leader_epoch: i32,
    /// The epoch of the last record the client has, -1 for none (KIP-595).
    pub last_fetched_epoch: i32,
}

/// What one partition answers.
#[derive(Debug)]
pub struct FetchedPartition {
    /// [`ErrorCode::None`] or what stands in the way.
    pub error: ErrorCode,
    /// Offset below which all is committed; -1 with an error.
    pub high_watermark: i64,
    /// Offset below which all transactions are decided; -1 with an error.
    pub last_stable_offset: i64,
    /// First offset of the log; -1 with an error.
    pub log_start_offset: i64,
    /// The epoch and end offset up to which the client's log agrees with ours (KIP-595), if it has diverged.
    pub diverging: Option<(i32, i64)>,
    /// For read_committed: the aborted transactions among the records.
    pub aborted_transactions: Option<Vec<AbortedTxn>>,
    /// The records' place in their segment file.
    pub records: Option<FileRange>,
    /// The leader, where this broker is not, or not any more.
    pub current_leader: Option<LeaderIdAndEpoch>,
    /// A replica nearer to the consumer, that it should read from; nothing is read here then.
    pub preferred_read_replica: Option<i32>,
    /// Whether all that may be read has been: the same request is answered the same until the partition
    /// changes.
    pub is_at_end: bool,
}

impl FetchedPartition {
    /// A partition that could not be read.
    pub fn failed(error: ErrorCode) -> Self {
        FetchedPartition {
            aborted_transactions: None,
            ..FetchedPartition::unknown(error)
        }
    }

    /// A partition that this broker does not have, and why: as in Apache Kafka that others have it is told
    /// like any failure of a partition.
    pub fn not_here(error: ErrorCode) -> Self {
        match error {
            ErrorCode::NotLeaderOrFollower => FetchedPartition::failed(error),
            _ => FetchedPartition::unknown(error),
        }
    }

    /// A partition that is not read at all. As in Apache Kafka its transactions are an empty list, not null.
    pub fn unknown(error: ErrorCode) -> Self {
        FetchedPartition {
            error,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging: None,
            aborted_transactions: Some(Vec::new()),
            records: None,
            current_leader: None,
            preferred_read_replica: None,
            is_at_end: false,
        }
    }

    /// Length of the records in bytes.
    pub fn records_len(&self) -> usize {
        self.records.as_ref().map_or(0, |range| range.len)
    }

    /// Whether the client should hear of it without waiting for more bytes.
    pub fn is_urgent(&self) -> bool {
        self.error != ErrorCode::None || self.diverging.is_some() || self.preferred_read_replica.is_some()
    }
}

impl Partition {
    /// Reads at most `max_bytes`, but a first batch whole if `min_one_message`. `interest` is asked, with the
    /// bytes that were read, whom the partition is to tell of every change from this moment on. A follower's
    /// fetch says what it has.
    ///
    /// # Errors
    /// What is wrong with leader, epoch or offset, KAFKA_STORAGE_ERROR, UNKNOWN_SERVER_ERROR for a negative
    /// limit where there are records.
    pub fn fetch<'i>(
        &self,
        request: &FetchPartition,
        (max_bytes, min_one_message): (i32, bool),
        reader: Reader,
        interest: impl FnOnce(usize) -> Option<&'i Arc<Interest>>,
    ) -> Result<FetchedPartition, ErrorCode> {
        self.check_online()?;
        let mut state = self.lock();
        let fetched = self.fetch_locked(&mut state, request, (max_bytes, min_one_message), reader)?;
        if let Some(interest) = interest(fetched.records_len()) {
            state.waiters.register(interest, reader);
        }
        if let Reader::Follower(follower) = reader
            && !fetched.is_urgent()
        {
            let has = FollowerLog {
                end_offset: request.fetch_offset,
                start_offset: request.log_start_offset,
            };
            if state.followed(follower, has, self.shared.lag_time())? {
                drop(state);
                self.shared.isr_queue.push(self.itself.clone());
            }
        }
        Ok(fetched)
    }

    /// The followers in sync from which a consumer could read `offset` instead; none where this broker does
    /// not lead.
    pub fn replicas_with(&self, offset: i64) -> Vec<ReplicaView> {
        self.lock().core.replicas_with(offset)
    }

    /// Bytes of this partition go to a follower: they count for the leaders' quota where it is throttled.
    pub fn sent_to_follower(&self, bytes: usize) {
        if bytes > 0 && self.is_throttled_leader() {
            let now_ms = self.shared.clock.monotonic_ms();
            self.shared.quotas.leader.record(bytes, now_ms);
        }
    }

    /// Whether a replica gets nothing now, so that those in sync are not slowed down by it (KIP-73).
    fn holds_back(&self, core: &PartitionCore, replica_id: i32) -> bool {
        self.is_throttled_leader()
            && !core.is_in_sync(replica_id)
            && self
                .shared
                .quotas
                .leader
                .pause_ms(self.shared.clock.monotonic_ms())
                > 0
    }

    fn fetch_locked(
        &self,
        state: &mut State,
        request: &FetchPartition,
        (max_bytes, min_one_message): (i32, bool),
        reader: Reader,
    ) -> Result<FetchedPartition, ErrorCode> {
        let State { log, core, .. } = state;
        core.check_epoch(LeaderEpoch(request.current_leader_epoch))?;
        match reader {
            Reader::Follower(follower) => {
                core.check_follower(follower.broker_id, LeaderEpoch(request.current_leader_epoch))?;
            }
            Reader::ConsumerAnywhere(_) => {}
            Reader::Consumer(_) | Reader::AnyReplica => core.check_leader()?,
        }
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let high_watermark = core.high_watermark();
        let mut fetched = FetchedPartition {
            error: ErrorCode::None,
            high_watermark,
            last_stable_offset: log.last_stable_offset(high_watermark),
            log_start_offset: log.log_start_offset(),
            diverging: None,
            aborted_transactions: None,
            records: None,
            current_leader: None,
            preferred_read_replica: None,
            is_at_end: false,
        };
        if request.last_fetched_epoch >= 0 {
            fetched.diverging = diverging(log, core, request)
                .map_err(|error| error.unwrap_or(ErrorCode::OffsetOutOfRange))?;
            if fetched.diverging.is_some() {
                return Ok(fetched);
            }
        }
        let (bound, end) = match reader {
            Reader::Consumer(isolation) | Reader::ConsumerAnywhere(isolation) => match isolation {
                Isolation::ReadUncommitted => (ReadBound::HighWatermark(high_watermark), high_watermark),
                Isolation::ReadCommitted => (
                    ReadBound::LastStable(fetched.last_stable_offset),
                    fetched.last_stable_offset,
                ),
            },
            Reader::Follower(_) | Reader::AnyReplica => (ReadBound::LogEnd, log.log_end_offset()),
        };
        fetched.is_at_end = request.fetch_offset >= end;
        let has_records = (log.log_start_offset()..high_watermark.max(end)).contains(&request.fetch_offset);
        // Those that are out of sync wait while the quota is used up; the next fetch looks again.
        let (max_bytes, min_one_message) = match reader {
            Reader::Follower(follower) if self.holds_back(core, follower.broker_id) => (0, false),
            _ => (max_bytes, min_one_message),
        };
        let max_bytes = match u32::try_from(max_bytes) {
            Ok(max_bytes) => max_bytes,
            Err(_) if has_records => return Err(ErrorCode::UnknownServerError),
            Err(_) => 0,
        };
        let slice = log
            .read(request.fetch_offset, max_bytes, bound, min_one_message)
            .map_err(|error| self.failed(&error))?;
        fetched.aborted_transactions = slice.aborted_transactions;
        // A part of a first batch helps nobody: the client could not read it, and would ask again for the
        // same.
        fetched.records = slice
            .file
            .filter(|_| slice.len > 0 && !slice.first_batch_incomplete)
            .map(|file| FileRange {
                file,
                position: slice.position,
                len: slice.len as usize,
                may_be_cold: slice.may_be_cold,
            });
        Ok(fetched)
    }
}

impl State {
    /// A follower has said up to where it has the log; answers whether the partition has to go into the queue
    /// of those whose ISR should change.
    fn followed(&mut self, follower: FollowerId, has: FollowerLog, time: LagTime) -> Result<bool, ErrorCode> {
        let mut followed = Ok(Moved::default());
        self.change(|core| {
            followed = core.fetched_by(follower, has, time);
            followed.is_ok_and(|moved| moved.high_watermark)
        });
        let moved = followed?;
        if moved.log_start {
            self.waiters.follower_start_moved();
        }
        Ok(moved.joins && !std::mem::replace(&mut self.in_isr_queue, true))
    }
}

/// Where the client's log has left ours, if it has (KIP-595).
///
/// # Errors
/// `None` when nothing is known of the client's epoch: its offset is out of range.
fn diverging(
    log: &mut Log,
    core: &PartitionCore,
    request: &FetchPartition,
) -> Result<Option<(i32, i64)>, Option<ErrorCode>> {
    if request.last_fetched_epoch > core.leader_epoch().0 {
        return Err(None);
    }
    let end = log
        .end_offset_for_epoch(request.last_fetched_epoch)
        .map_err(|error| Some(error.error_code()))?;
    let end = end.ok_or(None)?;
    let diverged = end.leader_epoch < request.last_fetched_epoch || end.end_offset < request.fetch_offset;
    Ok(diverged.then_some((end.leader_epoch, end.end_offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_of_what_is_not_here_are_null_where_others_have_it() {
        for (error, aborted) in [
            (ErrorCode::NotLeaderOrFollower, None),
            (ErrorCode::UnknownTopicOrPartition, Some(Vec::new())),
            (ErrorCode::UnknownTopicId, Some(Vec::new())),
        ] {
            let fetched = FetchedPartition::not_here(error);
            assert_eq!((fetched.error, fetched.aborted_transactions), (error, aborted));
        }
    }
}
