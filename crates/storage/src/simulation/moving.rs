//! The step of a history that goes on with a move to the other log directory, as the broker does.

use super::history::{History, NOW_MS};
use crate::error::Result;
use crate::log::Log;

/// The copy is completed once no more than so many bytes are missing.
const LAST_BYTES: u32 = 400;

impl History {
    /// Begins a move, or does the next part of it.
    pub fn move_on(&mut self) {
        if self.retiring {
            return;
        }
        self.tell("move");
        match self.try_move() {
            Ok(()) => {}
            Err(error) => {
                assert!(self.faulty, "{error}");
                self.give_up_move();
            }
        }
    }

    fn try_move(&mut self) -> Result<()> {
        let target = 1 - self.home;
        let Some(mut copy) = self.copy.take() else {
            let unique = self.unique_id();
            let log = self.log.as_ref().unwrap();
            let mut copy = self.log_dir(target).create_future(log, unique);
            copy.create()?;
            self.copy = Some(copy);
            return Ok(());
        };
        let max_bytes = 300 + self.random.index(3_000) as u32;
        let copied = catch_up(self.log(), &mut copy, max_bytes);
        if *copied.as_ref().unwrap_or(&0) >= LAST_BYTES.min(max_bytes) as usize || copied.is_err() {
            self.copy = Some(copy);
            return copied.map(drop);
        }
        // Others append while that takes its time.
        let flushed = copy.flush();
        if self.random.once_in(2) {
            self.append();
        }
        let switched = flushed.and_then(|()| self.switch(&mut copy));
        if !matches!(switched, Ok(true)) {
            self.copy = Some(copy);
            return switched.map(drop);
        }
        let original = self.log.replace(copy).unwrap();
        self.home = target;
        let leader_epoch = self.leader_epoch;
        self.log().assign_leader_epoch(leader_epoch)?;
        self.retiring = true;
        let retired = self.retire(original);
        self.retiring = false;
        retired
    }

    /// Lets the copy take the log's place, if it lacks nothing then.
    fn switch(&mut self, copy: &mut Log) -> Result<bool> {
        let log = self.log.as_mut().unwrap();
        if !log.may_be_replaced() {
            return Ok(false);
        }
        let last = catch_up(log, copy, LAST_BYTES)?;
        if last > 0 && copy.log_end_offset() < log.log_end_offset() {
            return Ok(false);
        }
        let high_watermark = log.log_end_offset();
        copy.take_place_of(log, high_watermark)?;
        copy.high_watermark_updated(high_watermark);
        Ok(true)
    }

    /// Gives the original's folder up, once the copy's name is on disk; the log is written to meanwhile.
    fn retire(&mut self, original: Log) -> Result<()> {
        for _ in 0..self.random.index(3) {
            if self.random.once_in(2) {
                self.append();
            } else {
                self.flush();
            }
        }
        self.log().sync_name()?;
        let recovery_point = self.log().recovery_point();
        if !self.checkpoint(recovery_point) {
            // The next start finds both.
            return Ok(());
        }
        let unique = self.unique_id();
        let left = self.log_dir(1 - self.home).retire_log(original, unique)?;
        self.left.extend(left);
        Ok(())
    }

    /// Removes the copy of a move that has failed or is no longer wanted.
    pub fn give_up_move(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        let unique = self.unique_id();
        match self.log_dir(1 - self.home).delete_log(copy, unique) {
            Ok(left) => self.left.extend(left),
            Err(error) => assert!(self.faulty, "{error}"),
        }
    }
}

fn catch_up(log: &mut Log, copy: &mut Log, max_bytes: u32) -> Result<usize> {
    let missing = log.missing_in(copy, max_bytes)?.read()?;
    copy.catch_up(&missing, NOW_MS)
}
