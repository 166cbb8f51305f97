//! The step of a history that compacts the log, while others append to it.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::history::{History, NOW_MS};
use crate::cleaner::{Cleaner, CleanerShell, FileTimes};
use crate::error::StorageError;
use crate::log::Log;

/// Lets the cleaner at the log of a history.
struct Shell<'a> {
    history: &'a mut History,
    first_uncleanable_offset: i64,
}

impl Shell<'_> {
    /// What is on disk may be compacted from now on.
    fn note_cleaned(&mut self) {
        let history = &mut *self.history;
        if history.disk.has_power() && history.log().summary(0).is_ok() {
            history.promise();
            let model = &mut history.model;
            let cleaned = self.first_uncleanable_offset.min(model.promised);
            model.cleaned = model.cleaned.max(cleaned);
        }
    }
}

impl CleanerShell for Shell<'_> {
    fn with_log<T>(&mut self, act: impl FnOnce(&mut Log, i64) -> T) -> Option<T> {
        let log = self.history.log();
        let high_watermark = log.log_end_offset();
        let answer = act(log, high_watermark);
        self.note_cleaned();
        Some(answer)
    }

    fn pace(&mut self, _: usize) -> ControlFlow<()> {
        if self.history.random.once_in(8) {
            self.history.append();
        }
        if self.history.random.once_in(100) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn left(&mut self, paths: Vec<PathBuf>) {
        self.history.left.extend(paths);
    }
}

impl History {
    pub fn clean(&mut self) {
        // A copy would not have what the cleaner has done.
        if !self.config.cleanup_compact || self.copy.is_some() {
            return;
        }
        match self.try_clean() {
            Ok(()) | Err(StorageError::CleaningAborted { .. }) => {}
            Err(error) => assert!(self.faulty, "{error}"),
        }
    }

    fn try_clean(&mut self) -> Result<(), StorageError> {
        let (checkpoint, seed) = (self.cleaner_offset, self.random.u64());
        let log = self.log();
        let end = log.log_end_offset();
        log.high_watermark_updated(end);
        let Some(facts) = log.cleaning_facts(end)? else {
            return Ok(());
        };
        let folder = log.folder();
        let cleanable = facts.cleanable(checkpoint, NOW_MS, &mut FileTimes { folder: &folder })?;
        if cleanable.cleanable_bytes == 0 {
            return Ok(());
        }
        self.tell(&format!("clean {cleanable:?} {:?}", facts.segments));
        let log = self.log();
        let Some(hold) = log.begin_cleaning()? else {
            return Ok(());
        };
        self.model.settled = end;
        let mut cleaner = Cleaner::new(self.cleaner);
        let mut shell = Shell {
            history: self,
            first_uncleanable_offset: cleanable.first_uncleanable_offset,
        };
        let cleaned = cleaner.clean(&mut shell, &hold, &facts, &cleanable, (NOW_MS, seed));
        let end_offset = cleaned?.end_offset;
        self.cleaner_offset = Some(end_offset);
        if self.random.once_in(2) {
            let rows = [("t".into(), 0, end_offset)];
            self.log_dir(self.home).write_cleaner_offsets(&rows)?;
        }
        Ok(())
    }
}
