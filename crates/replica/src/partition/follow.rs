//! A partition as a follower: records come from the leader as they are, and what the leader doesn't have
//! goes (KIP-101, KIP-279, KIP-595).
//!
//! Each step says in which leader epoch it was asked for, and is refused in any other: under the lock nothing
//! of an earlier leader gets in, and nothing is cut off that a later one has sent.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::batches;
use barnabas_storage::{Log, StorageError};

use super::core::LeaderEpoch;
use super::flush::FlushGate;
use super::{Partition, State};

/// Where a follower's log stands, as its next Fetch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerPosition {
    /// The offset to be fetched: the log's end.
    pub end_offset: i64,
    /// The epoch of the last record, -1 if there is none.
    pub last_epoch: i32,
    /// The log's first offset.
    pub start_offset: i64,
}

/// What a leader's answer says beside the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderState {
    /// The epoch in which it was asked.
    pub leader_epoch: LeaderEpoch,
    /// The leader's high watermark.
    pub high_watermark: i64,
    /// The leader's first offset.
    pub log_start_offset: i64,
}

/// What becomes of a log that is not the leader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its end goes, from this offset on.
    Truncate(i64),
    /// All of it goes; the next record will have this offset.
    StartAnew(i64),
}

impl Cut {
    fn offset(self) -> i64 {
        match self {
            Cut::Truncate(offset) | Cut::StartAnew(offset) => offset,
        }
    }
}

impl Partition {
    /// The leader that this broker follows, with its epoch.
    pub fn followed_leader(&self) -> Option<(i32, LeaderEpoch)> {
        let state = self.lock();
        let core = &state.core;
        core.follows().then(|| (core.leader(), core.leader_epoch()))
    }

    /// Where the log stands.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH, KAFKA_STORAGE_ERROR.
    pub fn follower_position(&self, leader_epoch: LeaderEpoch) -> Result<FollowerPosition, ErrorCode> {
        self.following(leader_epoch, |state| position(state.log()?))
    }

    /// How much of the log goes before anything is fetched: all behind a gap that a power cut may have left
    /// in its middle, which the leader has. Nobody else would ever miss those records.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH, KAFKA_STORAGE_ERROR.
    pub fn lost_from(&self, leader_epoch: LeaderEpoch) -> Result<Option<Cut>, ErrorCode> {
        self.following(leader_epoch, |state| {
            Ok(state.log()?.lost_from().map(Cut::Truncate))
        })
    }

    /// Appends what the leader has sent for `fetch_offset`, which may end within a batch, and takes over its
    /// high watermark and its log's start.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH, CORRUPT_MESSAGE; UNKNOWN_SERVER_ERROR if the records don't continue the log;
    /// KAFKA_STORAGE_ERROR.
    pub fn append_as_follower(
        &self,
        records: &[u8],
        fetch_offset: i64,
        leader: LeaderState,
        now_ms: i64,
    ) -> Result<FollowerPosition, ErrorCode> {
        // Before the lock: the bytes are nobody else's.
        let records = whole_batches(records, leader.leader_epoch).map_err(|error| self.failed(&error))?;
        let mut flush = false;
        let appended = self.following(leader.leader_epoch, |state| {
            let log_end_offset = state.log()?.log_end_offset();
            if fetch_offset != log_end_offset {
                return Err(StorageError::UnexpectedAppendOffset {
                    base_offset: fetch_offset,
                    log_end_offset,
                });
            }
            let segment_bytes = state.log()?.config().segment_bytes as usize;
            for part in parts(records, segment_bytes) {
                let log = state.log.as_mut().ok_or(StorageError::Gone)?;
                append(log, part, now_ms)?;
                flush |= state.gate.appended(log, part.len() as i64);
            }
            state.follow(leader)?;
            position(state.log()?)
        });
        // What is asked for next tells the leader that all before is here, as safe as the topic demands.
        while flush && self.flush_for_waiters() {}
        appended
    }

    /// How much of the log goes when the leader says that of all epochs up to `epoch` its log ends at
    /// `end_offset` (KIP-595).
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH, KAFKA_STORAGE_ERROR.
    pub fn diverged_at(
        &self,
        leader_epoch: LeaderEpoch,
        (epoch, end_offset): (i32, i64),
    ) -> Result<Cut, ErrorCode> {
        self.following(leader_epoch, |state| {
            let log = state.log()?;
            let log_end_offset = log.log_end_offset();
            let ours = log.end_offset_for_epoch(epoch)?;
            let offset = match ours {
                // Of an epoch that we don't know the leader's end says nothing: first goes what is newer than
                // the last that we do know.
                Some(ours) if ours.leader_epoch != epoch => ours.end_offset,
                Some(ours) => ours.end_offset.min(end_offset),
                None => end_offset,
            };
            Ok(Cut::Truncate(offset.clamp(0, log_end_offset)))
        })
    }

    /// Before a cut: takes back that what goes is on disk for sure. If it answers true, the recovery points
    /// have to be written to their checkpoint first, or the next start would believe what comes in its place.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH, KAFKA_STORAGE_ERROR.
    pub fn prepare_cut(&self, leader_epoch: LeaderEpoch, cut: Cut) -> Result<bool, ErrorCode> {
        self.following(leader_epoch, |state| {
            Ok(state.log()?.withdraw_recovery_point(cut.offset()))
        })
    }

    /// Cuts the log; `None` if a flush has come between since [`Partition::prepare_cut`].
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH, KAFKA_STORAGE_ERROR.
    pub fn cut(&self, leader_epoch: LeaderEpoch, cut: Cut) -> Result<Option<FollowerPosition>, ErrorCode> {
        self.following(leader_epoch, |state| {
            let log = state.log.as_mut().ok_or(StorageError::Gone)?;
            if log.recovery_point() > cut.offset() {
                return Ok(None);
            }
            match cut {
                Cut::Truncate(offset) => {
                    log.truncate_to(offset)?;
                    state.core.truncated(log.log_end_offset());
                }
                Cut::StartAnew(offset) => {
                    log.truncate_fully_and_start_at(offset)?;
                    state.core.began_anew(offset);
                }
            }
            state.gate = FlushGate::default();
            state.waiters.log_start_moved();
            position(log).map(Some)
        })
    }

    fn following<T>(
        &self,
        leader_epoch: LeaderEpoch,
        act: impl FnOnce(&mut State) -> Result<T, StorageError>,
    ) -> Result<T, ErrorCode> {
        self.check_online()?;
        let mut state = self.lock();
        state.core.check_follows(leader_epoch)?;
        act(&mut state).map_err(|error| self.failed(&error))
    }
}

impl State {
    fn log(&mut self) -> Result<&mut Log, StorageError> {
        self.log.as_mut().ok_or(StorageError::Gone)
    }

    /// Takes over what the leader says of its own log.
    fn follow(&mut self, leader: LeaderState) -> Result<(), StorageError> {
        let log_end_offset = self.log()?.log_end_offset();
        self.change(|core| core.followed(log_end_offset, leader.high_watermark));
        let high_watermark = self.core.high_watermark();
        let start_offset = leader.log_start_offset.min(high_watermark);
        if self
            .log()?
            .advance_log_start_offset(start_offset, high_watermark)?
        {
            self.waiters.log_start_moved();
        }
        Ok(())
    }
}

fn position(log: &mut Log) -> Result<FollowerPosition, StorageError> {
    Ok(FollowerPosition {
        end_offset: log.log_end_offset(),
        last_epoch: log.latest_epoch()?.unwrap_or(-1),
        start_offset: log.log_start_offset(),
    })
}

/// The whole batches at the beginning of a leader's answer, sound and of no epoch that comes after its own.
fn whole_batches(records: &[u8], leader_epoch: LeaderEpoch) -> Result<&[u8], StorageError> {
    let mut end = 0;
    for batch in batches(records) {
        let batch = batch?;
        batch.verify_crc()?;
        if batch.header.partition_leader_epoch > leader_epoch.0 {
            break;
        }
        end += batch.bytes.len();
    }
    Ok(&records[..end])
}

/// The batches in parts of at most `bytes_max`, but for single batches that are larger.
fn parts(mut records: &[u8], bytes_max: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let mut len = 0;
        for batch in batches(records).map_while(Result::ok) {
            if len > 0 && len + batch.bytes.len() > bytes_max {
                break;
            }
            len += batch.bytes.len();
        }
        let (part, rest) = records.split_at(len);
        records = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// A log that begins within a batch of its leader's takes the whole batch: its first records are before the
/// log's start.
fn append(log: &mut Log, part: &[u8], now_ms: i64) -> Result<(), StorageError> {
    let is_empty = log.log_start_offset() == log.log_end_offset();
    let log_end_offset = log.log_end_offset();
    if is_empty
        && let Some(Ok(first)) = batches(part).next()
        && first.header.base_offset < log_end_offset
        && first.header.last_offset() >= log_end_offset
    {
        log.truncate_fully_and_start_at(first.header.base_offset)?;
    }
    log.append_as_follower(part, now_ms).map(drop)
}
