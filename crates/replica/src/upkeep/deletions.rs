//! Files and folders that have left their logs and wait for `file.delete.delay.ms` to pass.
//!
//! Anybody adds; the thread of [`crate::upkeep::retention`] removes.

use std::path::PathBuf;
use std::time::Duration;

use barnabas_environment::Clock;
use barnabas_storage::{DeletionQueue, Disk, deletion};
use parking_lot::{Condvar, Mutex};

/// The queue that all share.
#[derive(Debug)]
pub struct Deletions {
    disk: Disk,
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: DeletionQueue,
    stopped: bool,
}

impl Deletions {
    /// An empty queue of what lies on a disk.
    pub fn new(disk: &Disk, clock: Clock) -> Self {
        Deletions {
            disk: disk.clone(),
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Has `paths` removed `delay_ms` from now.
    pub fn add(&self, paths: impl IntoIterator<Item = PathBuf>, delay_ms: i64) {
        let due_ms = self.clock.monotonic_ms().saturating_add(delay_ms);
        let mut state = self.state.lock();
        paths.into_iter().for_each(|path| state.queue.push(path, due_ms));
        drop(state);
        self.changed.notify_all();
    }

    /// Ends [`Deletions::wait`].
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Takes out what still waits, for the next start to remove.
    pub fn take_waiting(&self) -> Vec<PathBuf> {
        let mut state = self.state.lock();
        std::iter::from_fn(|| state.queue.take_due(i64::MAX)).collect()
    }

    /// Removes what is due; ends early when the broker stops.
    pub fn remove_due(&self) {
        loop {
            let mut state = self.state.lock();
            let due = if state.stopped {
                None
            } else {
                state.queue.take_due(self.clock.monotonic_ms())
            };
            drop(state);
            let Some(path) = due else { return };
            deletion::leave_cache(&self.disk, &path, &|| !self.state.lock().stopped);
            if let Err(error) = deletion::remove(&self.disk, &path) {
                tracing::error!(%error, "what was deleted could not be removed; the next start tries again");
            }
        }
    }

    /// Waits until something is due or added, `until_ms` of the monotonic clock has come, or the broker
    /// stops: then the answer is `false`.
    pub fn wait(&self, until_ms: i64) -> bool {
        let mut state = self.state.lock();
        if state.stopped {
            return false;
        }
        let next_ms = state.queue.next_due_ms().unwrap_or(until_ms).min(until_ms);
        let wait_ms = u64::try_from(next_ms.saturating_sub(self.clock.monotonic_ms())).unwrap_or(0);
        self.changed.wait_for(&mut state, Duration::from_millis(wait_ms));
        !state.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_removed_and_the_rest_waits() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["now", "later"].map(|name| folder.path().join(name));
        paths.iter().for_each(|path| std::fs::write(path, "x").unwrap());
        let deletions = Deletions::new(&Disk::Real, Clock::system());
        deletions.add([paths[1].clone()], 3_600_000);
        deletions.add([paths[0].clone()], 0);
        assert!(deletions.wait(i64::MAX));
        deletions.remove_due();
        assert!(!paths[0].exists() && paths[1].exists());
        deletions.stop();
        assert!(!deletions.wait(i64::MAX));
        assert_eq!(deletions.take_waiting(), [paths[1].clone()]);
    }
}
