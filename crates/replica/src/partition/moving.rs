//! A partition's move to another data folder (KIP-113): a copy of its log catches up beside it and then takes
//! its place.
//!
//! The copy belongs to a thread of [`crate::upkeep::log_moves`]. The partition's lock is held to read where
//! the next bytes lie, and at the end for the last of them and a rename.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

use barnabas_storage::log::Missing;
use barnabas_storage::{Log, StorageError};
use uuid::Uuid;

use super::{Partition, State};
use crate::log_dirs::DataDir;

/// With no more than so many bytes missing, the copy is completed under the partition's lock.
const LAST_BYTES: u32 = 256 << 10;

/// A move that was asked for, as others see it.
#[derive(Debug)]
pub struct Move {
    /// Where the partition goes.
    pub to: Arc<DataDir>,
    log_end_offset: AtomicI64,
    size_bytes: AtomicU64,
    cancelled: AtomicBool,
}

impl Move {
    /// Where the copy ends.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset.load(Ordering::Relaxed)
    }

    /// Bytes of the copy.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Relaxed)
    }

    /// Nobody wants it any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn note(&self, copy: &Log) {
        self.log_end_offset
            .store(copy.log_end_offset(), Ordering::Relaxed);
        self.size_bytes.store(copy.size_bytes(), Ordering::Relaxed);
    }
}

/// How a turn of a move went.
#[derive(Debug)]
pub enum Turn {
    /// So many bytes were copied, perhaps none; there is more to do.
    Copied(usize),
    /// The copy has taken the log's place; this is the original, with the folder it lies in.
    Done(Arc<DataDir>, Box<Log>),
    /// The partition is gone, or its folder has failed.
    Lost,
}

impl Partition {
    /// The move that goes on, if any.
    pub fn moving(&self) -> Option<Arc<Move>> {
        self.lock_moving().clone()
    }

    /// Begins a move to `to`, in place of one elsewhere; `None` if there is nothing to do.
    pub fn begin_move(&self, to: &Arc<DataDir>) -> Option<Arc<Move>> {
        let mut moving = self.lock_moving();
        match &*moving {
            Some(known) if Arc::ptr_eq(&known.to, to) => return None,
            Some(other) => other.cancelled.store(true, Ordering::Relaxed),
            None => {}
        }
        *moving = None;
        if Arc::ptr_eq(&self.dir(), to) {
            return None;
        }
        let begun = Arc::new(Move {
            to: to.clone(),
            log_end_offset: AtomicI64::new(0),
            size_bytes: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
        });
        *moving = Some(begun.clone());
        // What the cleaner has done to the log, its copy would not have.
        self.with_log(|log, _| log.abort_cleaning());
        Some(begun)
    }

    /// Ends the move that goes on, if any: the partition stays where it is, or goes altogether.
    pub fn cancel_move(&self) {
        if let Some(moving) = self.lock_moving().take() {
            moving.cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Ends this move, unless another has taken its place.
    pub fn end_move(&self, moving: &Arc<Move>) {
        self.lock_moving().take_if(|known| Arc::ptr_eq(known, moving));
    }

    /// An empty copy of the log in the folder that `moving` leads to, whose name `id` makes unique; `None` if
    /// the log is gone.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR of that folder.
    pub fn begin_copy(&self, moving: &Move, id: Uuid) -> Result<Option<Log>, StorageError> {
        let storage = moving.to.storage()?;
        let copy = self.with_log(|log, _| storage.create_future(log, id));
        // On disk at once, so that a start finds what was asked for.
        copy.map(|mut copy| copy.create().map(|()| copy)).transpose()
    }

    /// Copies up to `max_bytes` of what the copy lacks; what is left when that is little, and lets it take
    /// over. An error is the copy's unless this partition's folder has failed.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR, CORRUPT_MESSAGE.
    pub fn copy_turn(
        &self,
        copy: &mut Option<Log>,
        moving: &Move,
        max_bytes: u32,
        now_ms: i64,
    ) -> Result<Turn, StorageError> {
        let Some(target) = copy.as_mut() else {
            return Ok(Turn::Lost);
        };
        let found = self.with_log(|log, _| log.missing_in(target, max_bytes));
        let Some(found) = found else {
            return Ok(Turn::Lost);
        };
        let copied = self.catch_up(target, found, now_ms)?;
        moving.note(target);
        if (copied as u32) < LAST_BYTES.min(max_bytes) {
            // What is copied already is on disk before the original can go.
            target.flush()?;
            return self.finish_move(copy, moving, copied, now_ms);
        }
        Ok(Turn::Copied(copied))
    }

    /// Appends to the copy what was found to be missing there; answers how many bytes that were.
    fn catch_up(
        &self,
        copy: &mut Log,
        found: Result<Missing, StorageError>,
        now_ms: i64,
    ) -> Result<usize, StorageError> {
        let missing = found
            .and_then(|found| found.read())
            .inspect_err(|error| self.dir().note(error))?;
        copy.catch_up(&missing, now_ms)
    }

    /// Copies the last bytes under the lock and lets the copy take the log's place.
    fn finish_move(
        &self,
        copy: &mut Option<Log>,
        moving: &Move,
        copied: usize,
        now_ms: i64,
    ) -> Result<Turn, StorageError> {
        if self.check_online().is_err() {
            return Ok(Turn::Lost);
        }
        // Taken first: whoever cancels waits for the end of it.
        let mut known = self.lock_moving();
        if moving.is_cancelled() {
            return Ok(Turn::Copied(0));
        }
        let mut guard = self.lock();
        let State { log, core, .. } = &mut *guard;
        let (Some(original), Some(target)) = (log.as_mut(), copy.as_mut()) else {
            return Ok(Turn::Lost);
        };
        if !original.may_be_replaced() {
            return Ok(Turn::Copied(copied));
        }
        let last = self.catch_up(target, original.missing_in(target, LAST_BYTES), now_ms)?;
        if last > 0 && target.log_end_offset() < original.log_end_offset() {
            return Ok(Turn::Copied(copied + last));
        }
        let high_watermark = core.high_watermark();
        target.take_place_of(original, high_watermark)?;
        target.high_watermark_updated(high_watermark);
        // A follower's log tells of the epochs of its records only.
        if core.check_leader().is_ok()
            && let Err(error) = target.assign_leader_epoch(core.leader_epoch().0)
        {
            self.dir().note(&error);
        }
        let from = self.dir().clone();
        self.dir.store(moving.to.clone());
        let original = std::mem::replace(log, copy.take());
        drop(guard);
        self.look_for_dir();
        // Not cancelled, so it is this one.
        *known = None;
        Ok(original.map_or(Turn::Lost, |original| Turn::Done(from, Box::new(original))))
    }

    fn lock_moving(&self) -> MutexGuard<'_, Option<Arc<Move>>> {
        self.moving
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
