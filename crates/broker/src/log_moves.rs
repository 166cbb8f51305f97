//! The thread that moves partitions between data folders (AlterReplicaLogDirs), a piece of each in turn, no faster than
//! `replica.alter.log.dirs.io.max.bytes.per.second`.
//!
//! A move that the end of the process interrupts begins anew with the next start: its folder's name says where it led.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barnabas_storage::{Log, StorageError};
use uuid::Uuid;

use crate::broker::Broker;
use crate::checkpoints::{self, Checkpoint};
use crate::log_dirs::DataDir;
use crate::partition::Partition;
use crate::partition::moving::{Move, Turn};

/// Most bytes of one turn.
const TURN_BYTES_MAX: u32 = 1 << 20;
/// Fewest bytes of one turn, however tight the limit.
const TURN_BYTES_MIN: u32 = 16 << 10;
/// A limit that is changed takes effect at the latest after this time.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A move that waits for others to be done with the log looks again after this time.
const RETRY: Duration = Duration::from_millis(20);
/// The limit's name; a setting that exists at run time only.
pub const LIMIT: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

/// Moves that wait for the thread.
#[derive(Debug, Default)]
pub struct LogMoves {
    state: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    begun: Vec<Active>,
    stopped: bool,
}

/// A move with what there is of the copy.
struct Active {
    partition: Arc<Partition>,
    moving: Arc<Move>,
    copy: Option<Log>,
}

impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Active")
            .field("moving", &self.moving)
            .finish_non_exhaustive()
    }
}

impl LogMoves {
    /// Moves a partition to another folder, unless it is there or on its way already.
    pub fn begin(&self, partition: &Arc<Partition>, to: &Arc<DataDir>) {
        let Some(moving) = partition.begin_move(to) else {
            return;
        };
        let active = Active {
            partition: partition.clone(),
            moving,
            copy: None,
        };
        self.lock().begun.push(active);
        self.changed.notify_all();
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits for `pause`, for new moves where it is `None`; answers them, or `None` at the end.
    fn wait(&self, pause: Option<Duration>) -> Option<Vec<Active>> {
        let mut queue = self.lock();
        match pause {
            Some(pause) if !queue.stopped && !pause.is_zero() => {
                let waited = self.changed.wait_timeout(queue, pause);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            Some(_) => {}
            None => {
                while !queue.stopped && queue.begun.is_empty() {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        (!queue.stopped).then(|| std::mem::take(&mut queue.begun))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread; it ends with [`LogMoves::stop`].
///
/// # Errors
/// The system refuses the thread.
pub fn start(broker: Arc<Broker>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("log-moves".to_owned())
        .spawn(move || run(&broker))
}

fn run(broker: &Broker) {
    let moves = &broker.log_moves;
    let mut active: VecDeque<Active> = VecDeque::new();
    let mut budget = Budget::new(Instant::now());
    let mut pause = None;
    while let Some(begun) = moves.wait(pause) {
        for mut current in begun {
            // However long it waits for its turn, a start finds it. A failure shows with the first turn.
            let _ = begin(&current.partition, &current.moving, &mut current.copy);
            active.push_back(current);
        }
        active.retain_mut(|current| {
            let goes_on = !current.moving.is_cancelled();
            if !goes_on {
                give_up(broker, &current.moving, current.copy.take());
            }
            goes_on
        });
        let limit = limit(broker);
        pause = budget.pause(limit, Instant::now());
        if pause.is_some() {
            continue;
        }
        let Some(mut current) = active.pop_front() else {
            continue;
        };
        pause = Some(Duration::ZERO);
        if let Some(bytes) = turn(broker, &mut current, limit) {
            active.push_back(current);
            budget.spend(bytes);
            if bytes == 0 {
                pause = Some(RETRY);
            }
        }
        if active.is_empty() {
            pause = None;
        }
    }
}

/// Keeps the copied bytes within the limit.
struct Budget {
    /// Bytes that were copied before their time.
    debt: f64,
    paid: Instant,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Budget { debt: 0.0, paid: now }
    }

    fn spend(&mut self, bytes: usize) {
        self.debt += bytes as f64;
    }

    /// How long to wait before more is copied.
    fn pause(&mut self, limit: Option<u64>, now: Instant) -> Option<Duration> {
        let seconds = now.saturating_duration_since(self.paid).as_secs_f64();
        self.paid = now;
        let Some(limit) = limit else {
            self.debt = 0.0;
            return None;
        };
        let limit = limit.max(1) as f64;
        self.debt = (self.debt - limit * seconds).max(0.0);
        (self.debt > 0.0).then(|| Duration::from_secs_f64(self.debt / limit).min(PAUSE_MAX))
    }
}

/// Bytes in a second, if they are limited.
fn limit(broker: &Broker) -> Option<u64> {
    let layers = broker.metadata.layers();
    let limit: i64 = layers.given(LIMIT)?.parse().ok()?;
    u64::try_from(limit).ok().filter(|&limit| limit < i64::MAX as u64)
}

/// Goes on with a move; answers how many bytes were copied, `None` when the move has ended.
fn turn(broker: &Broker, active: &mut Active, limit: Option<u64>) -> Option<usize> {
    let Active {
        partition,
        moving,
        copy,
    } = active;
    let max_bytes = limit.map_or(TURN_BYTES_MAX, |limit| {
        let quarter = u32::try_from(limit / 4).unwrap_or(u32::MAX);
        quarter.clamp(TURN_BYTES_MIN, TURN_BYTES_MAX)
    });
    let went = begin(partition, moving, copy).and_then(|()| partition.copy_turn(copy, moving, max_bytes));
    let id = partition.id();
    match went {
        Ok(Turn::Copied(bytes)) => Some(bytes),
        Ok(Turn::Done(from, original)) => {
            from.count(-1);
            moving.to.count(1);
            tracing::info!(topic = %id.topic, partition = id.partition, from = %from.path().display(),
                to = %moving.to.path().display(), "the partition has moved");
            if let Err(error) = retire(broker, partition, &from, *original) {
                tracing::error!(topic = %id.topic, partition = id.partition, %error,
                    "the folder that the partition has left could not be removed");
            }
            None
        }
        Ok(Turn::Lost) => {
            partition.cancel_move();
            give_up(broker, moving, copy.take());
            None
        }
        Err(error) => {
            tracing::error!(topic = %id.topic, partition = id.partition, to = %moving.to.path().display(), %error,
                "the partition stays where it is: the move has failed");
            if partition.check_online().is_ok() {
                moving.to.note(&error);
            }
            partition.cancel_move();
            give_up(broker, moving, copy.take());
            None
        }
    }
}

fn begin(partition: &Partition, moving: &Move, copy: &mut Option<Log>) -> Result<(), StorageError> {
    if copy.is_none() {
        *copy = partition.begin_copy(moving)?;
    }
    Ok(())
}

/// Makes the copy's name durable, and then gives the original's folder up.
fn retire(broker: &Broker, partition: &Partition, from: &DataDir, original: Log) -> Result<(), StorageError> {
    if let Some(synced) = partition.with_log(|log, _| log.sync_name()) {
        synced?;
    }
    // The new folder's files know nothing of the partition yet.
    checkpoints::write(broker, Checkpoint::LogStartOffsets);
    checkpoints::write(broker, Checkpoint::RecoveryPoints);
    checkpoints::write(broker, Checkpoint::HighWatermarks);
    if partition.check_online().is_err() {
        // It may not say yet which records are deleted: the next start finds both.
        return Ok(());
    }
    let path = from.storage()?.retire_log(original, Uuid::new_v4())?;
    let delay_ms = broker.config().log_segment_delete_delay_ms;
    broker.partitions().deletions().add(path, delay_ms);
    Ok(())
}

/// Removes a copy that nobody needs.
fn give_up(broker: &Broker, moving: &Move, copy: Option<Log>) {
    let Some(copy) = copy else { return };
    let deleted = moving
        .to
        .storage()
        .and_then(|storage| storage.delete_log(copy, Uuid::new_v4()));
    match deleted {
        Ok(path) => broker.partitions().deletions().add(path, 0),
        Err(error) => tracing::warn!(%error, "what was copied is removed by the next start"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_keeps_within_the_limit() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut budget = Budget::new(start);
        assert_eq!(budget.pause(Some(1_000), at(0)), None);
        budget.spend(500);
        assert_eq!(budget.pause(Some(1_000), at(0)), Some(Duration::from_millis(500)));
        assert_eq!(
            budget.pause(Some(1_000), at(400)),
            Some(Duration::from_millis(100))
        );
        assert_eq!(budget.pause(Some(1_000), at(500)), None);
        budget.spend(60_000);
        assert_eq!(
            budget.pause(Some(1_000), at(500)),
            Some(PAUSE_MAX),
            "the limit may change"
        );
        assert_eq!(budget.pause(None, at(600)), None);
        assert_eq!(budget.pause(Some(1), at(700)), None, "what was free stays so");
    }
}
