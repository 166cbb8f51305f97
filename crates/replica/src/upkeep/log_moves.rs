//! The threads that move partitions between data folders (AlterReplicaLogDirs), a piece of each in turn,
//! together no faster than `replica.alter.log.dirs.io.max.bytes.per.second`.
//!
//! A move is in the hands of one thread at a time, and waits in the queue otherwise; so is a partition, which
//! may be asked to go on while the folder that it has left is still being given up. A move that the end of
//! the process interrupts begins anew with the next start: its folder's name says where it led.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barnabas_config::effect::LOG_MOVES_LIMIT;
use barnabas_environment::Clock;
use barnabas_storage::{Log, StorageError};
use parking_lot::{Condvar, Mutex};
use uuid::Uuid;

use super::checkpoints::{self, Checkpoint};
use super::low_priority_thread;
use crate::ReplicaManager;
use crate::log_dirs::DataDir;
use crate::partition::moving::{Move, Turn};
use crate::partition::{Partition, TopicPartition};

/// Most bytes of one turn.
const TURN_BYTES_MAX: u32 = 1 << 20;
/// Fewest bytes of one turn, however tight the limit.
const TURN_BYTES_MIN: u32 = 16 << 10;
/// A limit that is changed takes effect at the latest after this time.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A move that waits for others to be done with the log looks again after this time.
const RETRY: Duration = Duration::from_millis(20);

/// Moves that wait for a thread.
#[derive(Debug)]
pub struct LogMoves {
    clock: Clock,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Active>,
    /// Partitions in the hands of a thread.
    busy: Vec<TopicPartition>,
    budget: Budget,
    stopped: bool,
}

/// A move with what there is of the copy.
struct Active {
    partition: Arc<Partition>,
    moving: Arc<Move>,
    copy: Option<Log>,
    /// No thread has looked at it yet.
    is_new: bool,
    not_before: Instant,
}

impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Active")
            .field("moving", &self.moving)
            .finish_non_exhaustive()
    }
}

/// What a thread does next.
enum Step {
    /// However long the move waits for its turn, a start finds it.
    Begin(Active),
    GiveUp(Active),
    Turn(Active),
    /// Nothing yet; the limit may have changed.
    Wait,
    End,
}

impl LogMoves {
    /// No moves.
    pub fn new(clock: Clock) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            busy: Vec::new(),
            budget: Budget::new(clock.instant()),
            stopped: false,
        };
        LogMoves {
            clock,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
        }
    }
}

impl LogMoves {
    /// Moves a partition to another folder, unless it is there or on its way already.
    pub fn begin(&self, partition: &Arc<Partition>, to: &Arc<DataDir>) {
        let Some(moving) = partition.begin_move(to) else {
            return;
        };
        self.put(Active {
            partition: partition.clone(),
            moving,
            copy: None,
            is_new: true,
            not_before: self.clock.instant(),
        });
    }

    /// Ends the threads.
    pub fn stop(&self) {
        self.queue.lock().stopped = true;
        self.changed.notify_all();
    }

    /// What to do next, after a wait if there is nothing.
    fn next(&self, limit: Option<u64>) -> Step {
        let mut queue = self.queue.lock();
        match queue.next(limit, self.clock.instant()) {
            Ok(step) => return step,
            // Whoever adds a move or lets go of a partition wakes the threads.
            Err(Some(pause)) => {
                self.changed.wait_for(&mut queue, pause);
            }
            Err(None) => self.changed.wait(&mut queue),
        }
        Step::Wait
    }

    /// What to do next, [`Step::Wait`] at once if there is nothing.
    fn next_now(&self, limit: Option<u64>) -> Step {
        let next = self.queue.lock().next(limit, self.clock.instant());
        next.unwrap_or(Step::Wait)
    }

    /// Puts a move back after a turn in which so many bytes were copied.
    fn give_back(&self, mut active: Active, bytes: usize) {
        if bytes == 0 {
            active.not_before = self.clock.instant() + RETRY;
        }
        self.queue.lock().budget.spend(bytes);
        self.put(active);
    }

    fn put(&self, active: Active) {
        self.queue.lock().waiting.push_back(active);
        self.changed.notify_all();
    }

    /// The thread has done what it took the partition for.
    fn let_go(&self, partition: &Partition) {
        self.queue.lock().busy.retain(|busy| busy != partition.id());
        self.changed.notify_all();
    }
}

impl Queue {
    /// What to do next; where there is nothing, how long to wait unless something changes.
    fn next(&mut self, limit: Option<u64>, now: Instant) -> Result<Step, Option<Duration>> {
        if self.stopped {
            return Ok(Step::End);
        }
        if let Some(mut active) = self.take(|active| active.moving.is_cancelled() || active.is_new) {
            active.is_new = false;
            return Ok(if active.moving.is_cancelled() {
                Step::GiveUp(active)
            } else {
                Step::Begin(active)
            });
        }
        let mut pause = self.budget.pause(limit, now);
        if pause.is_none() {
            if let Some(active) = self.take(|active| active.not_before <= now) {
                return Ok(Step::Turn(active));
            }
            let free = self.waiting.iter().filter(|active| self.is_free(active));
            pause = free.map(|active| active.not_before - now).min();
        }
        Err(pause)
    }

    /// The first move that is wanted and whose partition no other thread has in its hands; from now on this
    /// one has.
    fn take(&mut self, wanted: impl Fn(&Active) -> bool) -> Option<Active> {
        let found = |active: &Active| self.is_free(active) && wanted(active);
        let index = self.waiting.iter().position(found)?;
        let active = self.waiting.remove(index)?;
        self.busy.push(active.partition.id().clone());
        Some(active)
    }

    fn is_free(&self, active: &Active) -> bool {
        !self.busy.contains(active.partition.id())
    }
}

/// Starts the threads, `num.replica.alter.log.dirs.threads` or one for each folder; they end with
/// [`LogMoves::stop`].
///
/// # Errors
/// The system refuses a thread; none is left running.
pub fn start(replicas: &Arc<ReplicaManager>) -> io::Result<Vec<JoinHandle<()>>> {
    let count = match replicas.config().num_replica_alter_log_dirs_threads {
        Some(count) => usize::try_from(count).unwrap_or(0).max(1),
        None => replicas.log_dirs().all().len(),
    };
    let spawn = |index: usize| {
        let replicas = replicas.clone();
        low_priority_thread::spawn(format!("log-moves-{index}"), move || run(&replicas))
    };
    let threads: io::Result<_> = (0..count).map(spawn).collect();
    threads.inspect_err(|_| replicas.log_moves().stop())
}

fn run(replicas: &ReplicaManager) {
    let next = |limit| replicas.log_moves().next(limit);
    while step(replicas, next).is_some() {}
}

/// Goes on with the moves for as long as there is something to do.
pub(super) fn run_once(replicas: &ReplicaManager) {
    let next = |limit| replicas.log_moves().next_now(limit);
    while step(replicas, next) == Some(true) {}
}

/// Does the next thing; answers whether there was one, `None` at the end.
fn step(replicas: &ReplicaManager, next: impl FnOnce(Option<u64>) -> Step) -> Option<bool> {
    let moves = replicas.log_moves();
    let limit = limit(replicas);
    match next(limit) {
        Step::End => return None,
        Step::Wait => return Some(false),
        Step::GiveUp(active) => {
            give_up(replicas, &active.moving, active.copy);
            moves.let_go(&active.partition);
        }
        Step::Begin(mut active) => {
            let partition = active.partition.clone();
            // The new folder's file knows from now on where the log begins.
            checkpoints::write(replicas, Checkpoint::LogStartOffsets);
            // A failure shows with the first turn.
            let _ = begin(
                &partition,
                &active.moving,
                &mut active.copy,
                replicas.random().uuid(),
            );
            moves.put(active);
            moves.let_go(&partition);
        }
        Step::Turn(mut active) => {
            let partition = active.partition.clone();
            if let Some(bytes) = turn(replicas, &mut active, limit) {
                moves.give_back(active, bytes);
            }
            moves.let_go(&partition);
        }
    }
    Some(true)
}

/// Keeps the copied bytes within the limit.
#[derive(Debug)]
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
fn limit(replicas: &ReplicaManager) -> Option<u64> {
    let layers = replicas.settings().layers();
    let limit: i64 = layers.given(LOG_MOVES_LIMIT)?.parse().ok()?;
    u64::try_from(limit).ok().filter(|&limit| limit < i64::MAX as u64)
}

/// Goes on with a move; answers how many bytes were copied, `None` when the move has ended.
fn turn(replicas: &ReplicaManager, active: &mut Active, limit: Option<u64>) -> Option<usize> {
    let Active {
        partition,
        moving,
        copy,
        ..
    } = active;
    let max_bytes = limit.map_or(TURN_BYTES_MAX, |limit| {
        let quarter = u32::try_from(limit / 4).unwrap_or(u32::MAX);
        quarter.clamp(TURN_BYTES_MIN, TURN_BYTES_MAX)
    });
    let went = begin(partition, moving, copy, replicas.random().uuid())
        .and_then(|()| partition.copy_turn(copy, moving, max_bytes, replicas.clock().wall_ms()));
    let id = partition.id();
    match went {
        Ok(Turn::Copied(bytes)) => Some(bytes),
        Ok(Turn::Done(from, original)) => {
            from.count(-1);
            moving.to.count(1);
            tracing::info!(topic = %id.topic, partition = id.partition, from = %from.path().display(),
                to = %moving.to.path().display(), "the partition has moved");
            if let Err(error) = retire(replicas, partition, &from, *original) {
                tracing::error!(topic = %id.topic, partition = id.partition, %error,
                    "the folder that the partition has left could not be removed");
            }
            None
        }
        Ok(Turn::Lost) => {
            partition.end_move(moving);
            give_up(replicas, moving, copy.take());
            None
        }
        Err(error) => {
            tracing::error!(topic = %id.topic, partition = id.partition, to = %moving.to.path().display(), %error,
                "the partition stays where it is: the move has failed");
            if partition.check_online().is_ok() {
                moving.to.note(&error);
            }
            partition.end_move(moving);
            give_up(replicas, moving, copy.take());
            None
        }
    }
}

fn begin(partition: &Partition, moving: &Move, copy: &mut Option<Log>, id: Uuid) -> Result<(), StorageError> {
    if copy.is_none() {
        *copy = partition.begin_copy(moving, id)?;
    }
    Ok(())
}

/// Makes the copy's name durable, and then gives the original's folder up.
fn retire(
    replicas: &ReplicaManager,
    partition: &Partition,
    from: &DataDir,
    original: Log,
) -> Result<(), StorageError> {
    if let Some(synced) = partition.with_log(|log, _| log.sync_name()) {
        synced?;
    }
    // The new folder's other files know nothing of the partition yet.
    checkpoints::write(replicas, Checkpoint::LogStartOffsets);
    checkpoints::write(replicas, Checkpoint::RecoveryPoints);
    checkpoints::write(replicas, Checkpoint::HighWatermarks);
    if partition.check_online().is_err() {
        // It may not say yet which records are deleted: the next start finds both.
        return Ok(());
    }
    let path = from.storage()?.retire_log(original, replicas.random().uuid())?;
    let delay_ms = replicas.config().log_segment_delete_delay_ms;
    replicas.partitions().deletions().add(path, delay_ms);
    Ok(())
}

/// Removes a copy that nobody needs.
fn give_up(replicas: &ReplicaManager, moving: &Move, copy: Option<Log>) {
    let Some(copy) = copy else { return };
    let deleted = moving
        .to
        .storage()
        .and_then(|storage| storage.delete_log(copy, replicas.random().uuid()));
    match deleted {
        Ok(path) => replicas.partitions().deletions().add(path, 0),
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
