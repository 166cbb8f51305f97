//! The one way by which records get into the log of a partition that this broker leads.
//!
//! Who leads and since when, whether enough replicas are in sync, what the producer may do, the append
//! itself, what it commits and who waits for the rest: all under one lock taken once, so that nothing that
//! was checked can change before what follows from it is done.
//!
//! NOT_ENOUGH_REPLICAS_AFTER_APPEND does not occur: while too few replicas are in sync the high watermark
//! stands still (KIP-966), and who waits for it is told under the lock under which it moves. Until then, or
//! until it times out, a Produce waits for replicas to come back, as in Apache Kafka.

use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{AppendInfo, AppendOrigin, Verified};
use tokio::sync::oneshot;

use super::core::LeaderEpoch;
use super::{Partition, State};

/// Which replicas must have what is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredAcks {
    /// None: nobody waits (acks=0).
    None,
    /// The leader, on disk where `flush.messages` asks for that (acks=1).
    Leader,
    /// All in sync, and enough of them (acks=all).
    All,
    /// As [`RequiredAcks::All`], but whoever appends asks for the commit itself, by
    /// [`Partition::wait_for_commit`].
    AllLater,
}

impl RequiredAcks {
    fn is_all(self) -> bool {
        matches!(self, RequiredAcks::All | RequiredAcks::AllLater)
    }
}

/// How batches are appended.
#[derive(Clone, Copy, Debug)]
pub struct AppendAs {
    /// Who appends.
    pub origin: AppendOrigin,
    /// Which replicas must have the batches.
    pub acks: RequiredAcks,
    /// The leader epoch of which the state is that the batches rest on; `None` where they rest on none.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Where the log has to end, for what was decided on all of it; `None` where that is all the same.
    pub end_offset: Option<i64>,
    /// What was asked about the batches' transaction.
    pub verified: Verified,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

/// A waiter of a partition.
pub type Waiting = oneshot::Receiver<Result<(), ErrorCode>>;

/// What stands between an append and its answer.
#[derive(Debug)]
pub struct Pending {
    /// The flush that `flush.messages` asks for.
    flushed: Option<Waiting>,
    /// With acks=all, the commit.
    committed: Option<Waiting>,
}

impl Pending {
    /// Waits for the flush; what is left is the commit.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, NOT_LEADER_OR_FOLLOWER.
    pub async fn flushed(self) -> Result<Option<Waiting>, ErrorCode> {
        if let Some(flushed) = self.flushed {
            outcome_of(flushed).await?;
        }
        Ok(self.committed)
    }

    /// Waits for all.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, NOT_LEADER_OR_FOLLOWER.
    pub async fn done(self) -> Result<(), ErrorCode> {
        match self.flushed().await? {
            Some(committed) => outcome_of(committed).await,
            None => Ok(()),
        }
    }
}

/// What a waiter is told. A partition that is gone takes its waiters with it.
///
/// # Errors
/// What it is told; NOT_LEADER_OR_FOLLOWER if it is told nothing any more.
pub async fn outcome_of(waiting: Waiting) -> Result<(), ErrorCode> {
    waiting.await.unwrap_or(Err(ErrorCode::NotLeaderOrFollower))
}

/// Batches are in the log.
#[derive(Debug)]
pub struct Appended {
    /// Where, and since when the log begins.
    pub info: AppendInfo,
    /// What is still waited for; `None` if nothing.
    pub pending: Option<Pending>,
}

impl Appended {
    /// The offset after the last record.
    pub fn end_offset(&self) -> i64 {
        self.info.last_offset + 1
    }
}

/// Batches are not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why not.
    pub error: ErrorCode,
    /// The log's first offset, -1 where there is no log.
    pub log_start_offset: i64,
}

impl From<Refused> for ErrorCode {
    fn from(refused: Refused) -> ErrorCode {
        refused.error
    }
}

impl Partition {
    /// Appends validated batches as the leader: their offsets and leader epoch are patched in place.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, also where the leader epoch is another than the batches rest on;
    /// NOT_ENOUGH_REPLICAS with acks=all; OPERATION_NOT_ATTEMPTED: the log ends elsewhere than it has to;
    /// INVALID_TXN_STATE if a verified transaction has ended meanwhile, what else idempotent producers are
    /// refused for; KAFKA_STORAGE_ERROR.
    pub fn append(&self, batches: &mut [u8], how: &AppendAs) -> Result<Appended, Refused> {
        let mut state = self.lock();
        let appended = self.append_locked(&mut state, batches, how);
        let (info, enqueue) = appended.map_err(|error| Refused {
            error,
            log_start_offset: state.log.as_ref().map_or(-1, |log| log.log_start_offset()),
        })?;
        let pending = state.pending(info.last_offset + 1, how.acks);
        drop(state);
        if enqueue {
            self.shared.flusher.enqueue(&self.itself);
        }
        Ok(Appended { info, pending })
    }

    /// Whether anything but the batches themselves is in the way of an append: answers where the log begins
    /// if not.
    ///
    /// # Errors
    /// As [`Partition::append`].
    pub fn check_append(&self, how: &AppendAs) -> Result<i64, Refused> {
        let state = self.lock();
        let log_start_offset = state.log.as_ref().map_or(-1, |log| log.log_start_offset());
        let checked = self.check_online().and_then(|()| state.check_append(how));
        checked.map(|()| log_start_offset).map_err(|error| Refused {
            error,
            log_start_offset,
        })
    }

    /// Answers also whether the log has to go into the flusher's queue.
    fn append_locked(
        &self,
        state: &mut State,
        batches: &mut [u8],
        how: &AppendAs,
    ) -> Result<(AppendInfo, bool), ErrorCode> {
        self.check_online()?;
        state.check_append(how)?;
        let State {
            log,
            core,
            waiters,
            gate,
            ..
        } = state;
        let log = log.as_mut().ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let leader_epoch = core.leader_epoch().0;
        let info = log
            .append_verified(batches, leader_epoch, how.origin, how.verified, how.now_ms)
            .map_err(|error| self.failed(&error))?;
        let enqueue = gate.appended(log, i64::from(info.bytes));
        if core.has_followers() && info.bytes > 0 {
            waiters.appended(i64::from(info.bytes));
        }
        state.advance();
        Ok((info, enqueue))
    }

    /// Waits until `required_offset` is committed; `None` if it is already.
    pub fn wait_for_commit(&self, required_offset: i64) -> Option<Waiting> {
        let mut state = self.lock();
        let committed = state.core.high_watermark() >= required_offset;
        (!committed).then(|| state.waiters.add_ack(required_offset))
    }
}

impl State {
    fn check_append(&self, how: &AppendAs) -> Result<(), ErrorCode> {
        match how.leader_epoch {
            Some(leader_epoch) => self.core.check_leader_since(leader_epoch)?,
            None => self.core.check_leader()?,
        }
        if how.acks.is_all() && !self.core.has_enough_in_sync() {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let end = self.log.as_ref().map(|log| log.log_end_offset());
        if how.end_offset.is_some() && how.end_offset != end {
            return Err(ErrorCode::OperationNotAttempted);
        }
        Ok(())
    }

    fn pending(&mut self, required_offset: i64, acks: RequiredAcks) -> Option<Pending> {
        if matches!(acks, RequiredAcks::None | RequiredAcks::AllLater) {
            return None;
        }
        let flushed = self.acknowledgeable_end() >= required_offset;
        let committed = acks != RequiredAcks::All || self.core.high_watermark() >= required_offset;
        (!flushed || !committed).then(|| Pending {
            flushed: (!flushed).then(|| self.waiters.add_flush(required_offset)),
            committed: (!committed).then(|| self.waiters.add_ack(required_offset)),
        })
    }
}
