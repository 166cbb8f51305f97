//! What the log cleaners share: where each log was last cleaned to, which can't be cleaned, and the wish to
//! end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use barnabas_environment::{Clock, Environment, Threads};
use barnabas_storage::StorageError;
use barnabas_storage::cleaner::CleanerStats;
use parking_lot::{Condvar, Mutex, MutexGuard};
use uuid::Uuid;

use super::throttle::Throttle;
use crate::partition::settings::TopicSettings;
use crate::partition::{Partition, TopicPartition};

type Key = (Uuid, i32);

/// The state of all cleaners.
#[derive(Debug)]
pub struct Cleanings {
    clock: Clock,
    threads: Threads,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while the checkpoint is written: the last writer has the newest rows.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// As the checkpoint had them, by name: until the first look at the partition.
    loaded: HashMap<(String, i32), i64>,
    offsets: HashMap<Key, i64>,
    uncleanable: HashSet<Key>,
    /// Closed logs of which nothing was to be cleaned; they are not looked at again before they change.
    quiet: HashMap<Key, Quiet>,
    throttle: Throttle,
    /// The last cleaning of each log since the start.
    last: HashMap<Key, LastCleaning>,
    /// The last cleaning of each thread.
    of_threads: BTreeMap<i32, LastCleaning>,
    /// When logs were last looked at, and how dirty the dirtiest was, 0 to 1.
    looked: Option<(Instant, f64)>,
    /// Counts the reasons to look again.
    wakes: u64,
    stopped: bool,
}

/// A closed log that needed no cleaning.
#[derive(Clone, Debug)]
pub(super) struct Quiet {
    pub log_end_offset: i64,
    pub log_start_offset: i64,
    pub settings: Arc<TopicSettings>,
    /// How dirty it is.
    pub ratio: f64,
}

/// A cleaning that has come to its end.
#[derive(Clone, Copy, Debug)]
pub struct LastCleaning {
    /// When it ended, milliseconds since 1970.
    pub ended_ms: i64,
    /// How long it took.
    pub took: Duration,
    /// What it did.
    pub stats: CleanerStats,
}

/// What the cleaners have done lately: Apache Kafka's metrics of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CleanerTotals {
    /// How full a thread's map was at its last cleaning, the fullest, 0 to 1.
    pub map_utilization: f64,
    /// What of the bytes that were read at the last cleanings stayed, 0 to 1.
    pub recopied: f64,
    /// The longest of the last cleanings.
    pub longest: Duration,
    /// How dirty the dirtiest log was, 0 to 1.
    pub dirtiest: f64,
    /// How long ago logs were looked at; zero before the first look.
    pub since_look: Duration,
}

impl Cleanings {
    /// Nothing was cleaned yet.
    pub fn new(environment: &Environment) -> Self {
        Cleanings {
            clock: environment.clock.clone(),
            threads: environment.threads,
            state: Mutex::default(),
            changed: Condvar::new(),
            writing: Mutex::default(),
        }
    }

    /// Takes over what the checkpoint holds.
    pub(super) fn load(&self, offsets: HashMap<(String, i32), i64>) {
        self.state.lock().loaded.extend(offsets);
    }

    /// Where the last cleaning of a partition has ended; `None` before the first.
    pub(super) fn offset(&self, id: &TopicPartition) -> Option<i64> {
        let key = (id.topic_id, id.partition);
        let mut state = self.state.lock();
        if let Some(offset) = state.loaded.remove(&(id.topic.to_string(), id.partition)) {
            state.offsets.entry(key).or_insert(offset);
        }
        state.offsets.get(&key).copied()
    }

    /// Notes where a cleaning has ended.
    pub(super) fn cleaned(&self, partition: &Partition, end_offset: i64) {
        self.state.lock().offsets.insert(key(partition), end_offset);
    }

    /// Notes what a thread's cleaning of a partition has done.
    pub(super) fn done(&self, thread: i32, partition: &Partition, cleaning: LastCleaning) {
        let mut state = self.state.lock();
        state.last.insert(key(partition), cleaning);
        state.of_threads.insert(thread, cleaning);
    }

    /// Notes that all logs were looked at.
    pub(super) fn looked(&self, dirtiest: f64) {
        self.state.lock().looked = Some((self.clock.instant(), dirtiest));
    }

    /// The last cleaning of a partition since the start.
    pub(super) fn last(&self, partition: &Partition) -> Option<LastCleaning> {
        self.state.lock().last.get(&key(partition)).copied()
    }

    /// What the cleaners have done lately.
    pub fn totals(&self) -> CleanerTotals {
        let state = self.state.lock();
        let last = || state.of_threads.values();
        let read: u64 = last().map(|cleaning| cleaning.stats.read_bytes).sum();
        let written: u64 = last().map(|cleaning| cleaning.stats.written_bytes).sum();
        let now = self.clock.instant();
        let (looked_at, dirtiest) = state.looked.unwrap_or((now, 0.0));
        CleanerTotals {
            map_utilization: last()
                .map(|cleaning| cleaning.stats.map_utilization)
                .fold(0.0, f64::max),
            recopied: written as f64 / read.max(1) as f64,
            longest: last().map(|cleaning| cleaning.took).max().unwrap_or_default(),
            dirtiest,
            since_look: now.saturating_duration_since(looked_at),
        }
    }

    /// Whether an earlier cleaning of the partition has failed.
    pub fn is_uncleanable(&self, partition: &Partition) -> bool {
        self.state.lock().uncleanable.contains(&key(partition))
    }

    /// Notes that a partition can't be cleaned.
    pub(super) fn mark_uncleanable(&self, partition: &Partition) {
        self.state.lock().uncleanable.insert(key(partition));
    }

    /// What is remembered of a closed log.
    pub(super) fn quiet(&self, partition: &Partition) -> Option<Quiet> {
        self.state.lock().quiet.get(&key(partition)).cloned()
    }

    /// Remembers a closed log.
    pub(super) fn remember_quiet(&self, partition: &Partition, quiet: Quiet) {
        self.state.lock().quiet.insert(key(partition), quiet);
    }

    /// Forgets a deleted topic.
    pub fn forget(&self, topic_id: Uuid) {
        let mut state = self.state.lock();
        state.offsets.retain(|(id, _), _| *id != topic_id);
        state.uncleanable.retain(|(id, _)| *id != topic_id);
        state.quiet.retain(|(id, _), _| *id != topic_id);
        state.last.retain(|(id, _), _| *id != topic_id);
    }

    /// Writes the offsets of `partitions`, sorted by name, with `write`.
    pub(super) fn write_with(
        &self,
        partitions: &[Arc<Partition>],
        write: impl FnOnce(&[(Arc<str>, i32, i64)]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let _writing = self.writing.lock();
        let row = |partition: &Arc<Partition>| {
            let id = partition.id();
            self.offset(id)
                .map(|offset| (id.topic.clone(), id.partition, offset))
        };
        let mut rows: Vec<_> = partitions.iter().filter_map(row).collect();
        rows.sort_unstable();
        write(&rows)
    }

    /// Waits where `bytes` were too fast for `bytes_per_second`; answers whether to go on.
    pub(super) fn pace(&self, bytes: usize, bytes_per_second: f64) -> bool {
        let mut state = self.state.lock();
        let wait = state
            .throttle
            .wait_for(bytes, bytes_per_second, self.clock.instant());
        // A runtime that all share waits for nobody.
        if wait.is_zero() || self.threads == Threads::Runtime {
            return !state.stopped;
        }
        self.wait_from(state, wait)
    }

    /// Waits `backoff_ms`, or until there is a reason to look for logs to clean again.
    pub(super) fn wait(&self, backoff_ms: i64) {
        let backoff = Duration::from_millis(u64::try_from(backoff_ms).unwrap_or(0));
        let state = self.state.lock();
        self.wait_from(state, backoff);
    }

    fn wait_from(&self, mut state: MutexGuard<'_, State>, wait: Duration) -> bool {
        let wakes = state.wakes;
        let waits = |state: &mut State| !state.stopped && state.wakes == wakes;
        self.changed.wait_while_for(&mut state, waits, wait);
        !state.stopped
    }

    /// Has the cleaners look at their settings, and for logs to clean.
    pub fn wake(&self) {
        self.state.lock().wakes += 1;
        self.changed.notify_all();
    }

    /// Ends the cleaners; a cleaning that runs is given up.
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Whether the cleaners are to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }
}

fn key(partition: &Partition) -> Key {
    (partition.id().topic_id, partition.id().partition)
}
