//! Compaction of topics with `cleanup.policy=compact` (`log.cleaner.*`): threads of their own that choose the
//! log which needs it most and clean it with [`barnabas_storage::cleaner`].
//!
//! The first thread starts the others, as `log.cleaner.threads` says at the time, and waits for them at the
//! end. A thread without work holds no memory and sleeps `log.cleaner.backoff.ms`, or until a broker setting
//! changes. A partition's lock is taken to look at its segments and to exchange them.

mod choice;
mod cleanings;
mod compacted;
mod throttle;

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use barnabas_storage::cleaner::{Cleaned, Cleaner, CleanerSettings, CleanerShell};
use barnabas_storage::{Log, LogDir, StorageError};

use self::choice::Chosen;
pub use self::cleanings::{CleanerTotals, Cleanings, LastCleaning};
pub use self::compacted::{CompactedLog, CompactedState, compacted_logs};
use super::low_priority_thread;
use crate::ReplicaManager;
use crate::partition::Partition;
use barnabas_config::BrokerConfig;

/// Apache Kafka uses no larger map for a thread.
const DEDUPE_BUFFER_BYTES_MAX: i64 = i32::MAX as i64;
/// Starts the cleaners, unless `log.cleaner.enable` says otherwise; they end with [`Cleanings::stop`].
///
/// # Errors
/// The system refuses the thread.
pub fn start(replicas: &Arc<ReplicaManager>) -> io::Result<Option<JoinHandle<()>>> {
    if !replicas.config().log_cleaner_enable {
        return Ok(None);
    }
    load(replicas);
    let supervised = replicas.clone();
    spawn(0, move || supervise(&supervised)).map(Some)
}

/// Reads what each log was cleaned up to.
pub(super) fn load(replicas: &ReplicaManager) {
    for dir in replicas.log_dirs().all() {
        match dir.storage().and_then(LogDir::read_cleaner_offsets) {
            Ok(offsets) => replicas.partitions().cleanings().load(offsets),
            Err(error) => tracing::warn!(%error, "the compacted logs of a log directory count as dirty"),
        }
    }
}

fn spawn(index: i32, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    low_priority_thread::spawn(format!("log-cleaner-{index}"), run)
}

/// The first cleaner, which sees to it that there are as many as there should be.
fn supervise(replicas: &Arc<ReplicaManager>) {
    let cleanings = replicas.partitions().cleanings();
    let mut others: Vec<JoinHandle<()>> = Vec::new();
    while !cleanings.is_stopped() {
        others.retain(|thread| !thread.is_finished());
        let wanted = usize::try_from(replicas.config().log_cleaner_threads - 1).unwrap_or(0);
        while others.len() < wanted {
            let index = others.len() as i32 + 1;
            let shared = replicas.clone();
            match spawn(index, move || while work(&shared, index) {}) {
                Ok(thread) => others.push(thread),
                Err(error) => {
                    tracing::warn!(%error, "a log cleaner could not be started");
                    break;
                }
            }
        }
        work(replicas, 0);
    }
    for thread in others {
        if thread.join().is_err() {
            tracing::error!("a log cleaner ended early");
        }
    }
}

/// Cleans for as long as there is something to clean, then waits. Answers whether this cleaner is still
/// wanted.
fn work(replicas: &ReplicaManager, index: i32) -> bool {
    let cleanings = replicas.partitions().cleanings();
    let config = replicas.config().clone();
    if clean_all(replicas, &config, index) {
        cleanings.wait(config.log_cleaner_backoff_ms);
    }
    !cleanings.is_stopped() && index < replicas.config().log_cleaner_threads
}

/// Cleans until nothing is left, which it answers with `true`, or a setting has changed.
pub(super) fn clean_all(replicas: &ReplicaManager, config: &Arc<BrokerConfig>, thread: i32) -> bool {
    let mut cleaner = None;
    while !replicas.partitions().cleanings().is_stopped() && Arc::ptr_eq(config, &replicas.config()) {
        let Some(chosen) = choice::choose(replicas, replicas.clock().wall_ms()) else {
            return true;
        };
        let cleaner = cleaner.get_or_insert_with(|| Cleaner::new(settings(config)));
        clean(replicas, config, (thread, cleaner), &chosen);
    }
    false
}

/// A thread's share of what the settings give to all.
fn settings(config: &BrokerConfig) -> CleanerSettings {
    let threads = config.log_cleaner_threads.max(1);
    let dedupe =
        (config.log_cleaner_dedupe_buffer_size / i64::from(threads)).clamp(0, DEDUPE_BUFFER_BYTES_MAX);
    CleanerSettings {
        dedupe_buffer_bytes: usize::try_from(dedupe).unwrap_or(0),
        load_factor: config.log_cleaner_io_buffer_load_factor,
        io_buffer_bytes: usize::try_from(config.log_cleaner_io_buffer_size / threads / 2).unwrap_or(0),
    }
}

fn clean(
    replicas: &ReplicaManager,
    config: &BrokerConfig,
    (thread, cleaner): (i32, &mut Cleaner),
    chosen: &Chosen,
) {
    let id = chosen.partition.id();
    let (topic, partition) = (&id.topic, id.partition);
    tracing::info!(%topic, partition, first_dirty_offset = chosen.cleanable.first_dirty_offset,
        first_uncleanable_offset = chosen.cleanable.first_uncleanable_offset, "cleaning a log");
    let begun = replicas.clock().instant();
    let mut shell = Shell {
        replicas,
        config,
        partition: &chosen.partition,
    };
    let now = (replicas.clock().wall_ms(), replicas.random().u64());
    let outcome = cleaner.clean(&mut shell, &chosen.hold, &chosen.facts, &chosen.cleanable, now);
    match outcome {
        Ok(cleaned) => {
            let took = replicas.clock().instant() - begun;
            note(&chosen.partition, &cleaned, took);
            let cleanings = replicas.partitions().cleanings();
            cleanings.cleaned(&chosen.partition, cleaned.end_offset);
            let cleaning = LastCleaning {
                ended_ms: replicas.clock().wall_ms(),
                took,
                stats: cleaned.stats,
            };
            cleanings.done(thread, &chosen.partition, cleaning);
            write_checkpoint(replicas, &chosen.partition);
        }
        Err(StorageError::CleaningAborted { .. }) => {
            tracing::info!(%topic, partition, "the cleaning was given up; the log is left as it is");
        }
        Err(error) => uncleanable(replicas, &chosen.partition, &error),
    }
}

/// Takes a partition off those that are cleaned, until the next start.
fn uncleanable(replicas: &ReplicaManager, partition: &Partition, error: &StorageError) {
    let id = partition.id();
    tracing::warn!(topic = %id.topic, partition = id.partition, %error,
        "the log cannot be cleaned; it is marked uncleanable and grows until the next start");
    replicas.partitions().cleanings().mark_uncleanable(partition);
    partition.dir().note(error);
}

fn note(partition: &Partition, cleaned: &Cleaned, took: Duration) {
    let (id, stats) = (partition.id(), &cleaned.stats);
    tracing::info!(topic = %id.topic, partition = id.partition, end_offset = cleaned.end_offset,
        took_ms = took.as_millis() as u64, indexed_bytes = stats.indexed_bytes,
        read_bytes = stats.read_bytes, written_bytes = stats.written_bytes,
        read_records = stats.read_records, written_records = stats.written_records,
        map_utilization = stats.map_utilization, "cleaned a log");
    if stats.invalid_records > 0 {
        tracing::warn!(topic = %id.topic, partition = id.partition, records = stats.invalid_records,
            "removed records without a key");
    }
}

/// Writes the `cleaner-offset-checkpoint` of the data folder that `cleaned` lies in.
fn write_checkpoint(replicas: &ReplicaManager, cleaned: &Partition) {
    let partitions = replicas.partitions();
    let dir = cleaned.dir().clone();
    let mut neighbours = partitions.all();
    neighbours.retain(|partition| Arc::ptr_eq(&partition.dir(), &dir));
    let written = partitions
        .cleanings()
        .write_with(&neighbours, |rows| dir.storage()?.write_cleaner_offsets(rows));
    if let Err(error) = written {
        tracing::error!(%error, "the cleaner's checkpoint could not be written");
        dir.note(&error);
    }
}

/// What the cleaner sees of the replicas.
struct Shell<'a> {
    replicas: &'a ReplicaManager,
    config: &'a BrokerConfig,
    partition: &'a Partition,
}

impl CleanerShell for Shell<'_> {
    fn with_log<T>(&mut self, act: impl FnOnce(&mut Log, i64) -> T) -> Option<T> {
        self.partition.with_log(act)
    }

    fn pace(&mut self, bytes: usize) -> ControlFlow<()> {
        let rate = self.config.log_cleaner_io_max_bytes_per_second;
        let cleanings = self.replicas.partitions().cleanings();
        if cleanings.pace(bytes, rate) && self.partition.settings().log.cleanup_compact {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn left(&mut self, paths: Vec<PathBuf>) {
        let delay_ms = self.partition.settings().log.file_delete_delay_ms;
        self.replicas.partitions().deletions().add(paths, delay_ms);
    }
}
