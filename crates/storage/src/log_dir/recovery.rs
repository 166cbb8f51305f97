//! Recovering the logs of a directory: several threads, and a line now and then that tells how far they are.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::load::unless_unreadable;
use crate::error::Result;
use crate::log::Log;

/// How often a recovery that takes long tells how far it is.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How far the recovery of a directory is.
#[derive(Debug)]
pub(crate) struct Progress {
    log_dir: PathBuf,
    logs: usize,
    logs_done: AtomicUsize,
    bytes_checked: AtomicU64,
    begun: Instant,
    reported: Mutex<Instant>,
}

impl Progress {
    fn new(log_dir: &Path, logs: usize) -> Self {
        let begun = Instant::now();
        Progress {
            log_dir: log_dir.to_owned(),
            logs,
            logs_done: AtomicUsize::new(0),
            bytes_checked: AtomicU64::new(0),
            begun,
            reported: Mutex::new(begun),
        }
    }

    /// Counts bytes of a log that were checked.
    pub fn checked(&self, bytes: u64) {
        self.bytes_checked.fetch_add(bytes, Ordering::Relaxed);
        let mut reported = self.reported.lock();
        if reported.elapsed() >= REPORT_INTERVAL {
            *reported = Instant::now();
            tracing::info!(log_dir = %self.log_dir.display(), logs = self.logs,
                logs_done = self.logs_done.load(Ordering::Relaxed),
                megabytes_checked = self.bytes_checked.load(Ordering::Relaxed) >> 20,
                seconds = self.begun.elapsed().as_secs(), "recovering logs after an unclean stop");
        }
    }

    fn finished(&self, truncated_bytes: u64) {
        tracing::info!(log_dir = %self.log_dir.display(), logs = self.logs,
            megabytes_checked = self.bytes_checked.load(Ordering::Relaxed) >> 20, truncated_bytes,
            milliseconds = self.begun.elapsed().as_millis(), "recovered logs after an unclean stop");
    }
}

/// Recovers all `logs` of a directory with so many threads.
///
/// # Errors
/// The first that the disk gives.
pub(super) fn recover(log_dir: &Path, logs: &mut [Log], threads: usize) -> Result<()> {
    if logs.is_empty() {
        return Ok(());
    }
    let progress = Progress::new(log_dir, logs.len());
    let truncated_bytes = AtomicU64::new(0);
    let waiting = Mutex::new(logs.iter_mut());
    let work = || -> Result<()> {
        loop {
            let next = waiting.lock().next();
            let Some(log) = next else { return Ok(()) };
            if log.is_online() {
                let recovered = log.recover(&progress).map(|cut| {
                    truncated_bytes.fetch_add(cut, Ordering::Relaxed);
                });
                unless_unreadable(log, recovered)?;
            }
            progress.logs_done.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let beside: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut outcome = work();
        for thread in beside {
            let ended = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            outcome = outcome.and(ended);
        }
        outcome
    })?;
    progress.finished(truncated_bytes.into_inner());
    Ok(())
}
