//! The share partitions that this broker holds: of partitions that it leads, for groups that fetch from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_replica::partition::offsets::OffsetQuery;
use barnabas_replica::partition::{Isolation, Reader};
use barnabas_share::{DeadLetter, PersistedState, SharePartition, Times, Write};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::dead_letters::{self, Outgoing};
use super::held::{Held, HeldState, Phase, Queued, ShareKey};
use super::settings::{OffsetReset, ShareSettings};
use super::state::{self, WriteState};
use crate::broker::Broker;

/// The share partitions of this broker.
#[derive(Debug, Default)]
pub struct SharePartitions {
    held: Mutex<HashMap<ShareKey, Arc<Held>>>,
}

impl SharePartitions {
    /// One that is held already.
    pub fn get(&self, key: &ShareKey) -> Option<Arc<Held>> {
        self.held.lock().get(key).cloned()
    }

    /// Those of a group.
    pub fn of_group(&self, group: &str) -> Vec<Arc<Held>> {
        let all = self.held.lock();
        let own = all.values().filter(|held| *held.key.group == *group);
        own.cloned().collect()
    }

    /// One that this broker leads in `leader_epoch`; its state is read if it is not held yet.
    pub fn get_or_load(&self, broker: &Arc<Broker>, key: &ShareKey, leader_epoch: i32) -> Arc<Held> {
        let mut all = self.held.lock();
        if let Some(held) = all.get(key) {
            held.lock().is_unwanted = false;
            return held.clone();
        }
        let held = Held::new(key.clone(), leader_epoch);
        all.insert(key.clone(), held.clone());
        drop(all);
        tokio::spawn(load(broker.clone(), held.clone()));
        held
    }

    /// Holds one no longer.
    pub fn end(&self, held: &Arc<Held>, error: ErrorCode) {
        let mut all = self.held.lock();
        if all.get(&held.key).is_some_and(|known| Arc::ptr_eq(known, held)) {
            all.remove(&held.key);
        }
        drop(all);
        held.lock().end(error);
    }

    /// Nobody of a group fetches any more: its share partitions are held until what they have is written, so
    /// that whoever reads their state next reads all of it.
    pub fn unwanted(&self, group: &str) {
        let mut all = self.held.lock();
        all.retain(|key, held| {
            if *key.group != *group {
                return true;
            }
            let mut state = held.lock();
            state.is_unwanted = true;
            let is_over = state.is_over();
            if is_over {
                state.end(ErrorCode::NotLeaderOrFollower);
            }
            !is_over
        });
    }

    /// All is written and sent: what nobody wants is not held.
    pub fn end_unwanted(&self, held: &Arc<Held>) {
        let mut all = self.held.lock();
        let is_known = all.get(&held.key).is_some_and(|known| Arc::ptr_eq(known, held));
        let mut state = held.lock();
        if is_known && state.is_over() {
            all.remove(&held.key);
            state.end(ErrorCode::NotLeaderOrFollower);
        }
    }

    /// Holds those no longer of which this is true.
    pub fn end_where(&self, error: ErrorCode, is_over: impl Fn(&Held) -> bool) {
        let over: Vec<Arc<Held>> = self
            .held
            .lock()
            .extract_if(|_, held| is_over(held))
            .map(|(_, held)| held)
            .collect();
        for held in over {
            held.lock().end(error);
        }
    }
}

/// Whether a share partition that has met this error is not this broker's any more.
pub fn is_fenced(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::FencedStateEpoch
            | ErrorCode::GroupIdNotFound
            | ErrorCode::UnknownTopicOrPartition
    )
}

/// Reads the state of a share partition; then it serves, or is held no longer.
async fn load(broker: Arc<Broker>, held: Arc<Held>) {
    match restore(&broker, &held).await {
        Ok((core, state_epoch, letters)) => {
            let mut state = held.lock();
            if matches!(state.phase, Phase::Loading) {
                let core = Box::new(core);
                state.phase = Phase::Active { core, state_epoch };
                state.wake();
                let letters = letters.into_iter().map(|letter| Outgoing {
                    letter,
                    is_unknown: false,
                    may_be_written: true,
                });
                dead_letters::send(&broker, &held, &mut state, letters.collect());
                arm_timer(&broker, &held, &mut state);
            }
        }
        Err(error) => {
            tracing::info!(key = ?held.key, %error, "the state of a share partition can't be had");
            broker.shares().partitions.end(&held, error);
        }
    }
}

async fn restore(
    broker: &Arc<Broker>,
    held: &Held,
) -> Result<(SharePartition, i32, Vec<DeadLetter>), ErrorCode> {
    let read = state::read(broker, held).await?;
    let settings = broker.share_settings(&held.key.group);
    let start_offset = match read.start_offset {
        Some(offset) => offset,
        None => first_offset(broker, held, &settings)?,
    };
    let persisted = PersistedState {
        start_offset,
        batches: read.batches,
    };
    let now_ms = broker.clock.monotonic_ms();
    let (core, letters) = SharePartition::restore(&persisted, &settings.group, now_ms).map_err(|error| {
        tracing::error!(key = ?held.key, %error, "the state of a share partition is wrong");
        ErrorCode::UnknownServerError
    })?;
    Ok((core, read.state_epoch, letters))
}

/// Where a group begins that has no start offset: `share.auto.offset.reset`.
fn first_offset(broker: &Broker, held: &Held, settings: &ShareSettings) -> Result<i64, ErrorCode> {
    let partition = broker
        .partitions()
        .by_id(&held.key.topic_id, held.key.partition)?;
    let reader = Reader::Consumer(Isolation::ReadUncommitted);
    let find = |query| partition.list_offset(query, reader, held.leader_epoch);
    let query = match settings.offset_reset {
        OffsetReset::Latest => OffsetQuery::Latest,
        OffsetReset::Earliest => OffsetQuery::Earliest,
        OffsetReset::ByDuration(ms) => {
            OffsetQuery::Timestamp(broker.clock.wall_ms().saturating_sub(ms).max(0))
        }
    };
    let found = match find(query)? {
        // Nothing is as young as that.
        None => find(OffsetQuery::Latest)?,
        found => found,
    };
    found
        .map(|found| found.offset)
        .ok_or(ErrorCode::UnknownServerError)
}

/// Has a write take its turn; who holds the lock calls this in the moment at which the write came to be. The
/// answer comes when the share coordinator has it, or will not.
pub fn submit(
    broker: &Arc<Broker>,
    held: &Arc<Held>,
    state: &mut HeldState,
    write: Write,
) -> oneshot::Receiver<Result<(), ErrorCode>> {
    let (sender, receiver) = oneshot::channel();
    state.queue.push(Queued {
        write,
        answer: Some(sender),
    });
    if !std::mem::replace(&mut state.is_writing, true) {
        tokio::spawn(write_all(broker.clone(), held.clone()));
    }
    receiver
}

/// Writes what waits, as long as something does.
async fn write_all(broker: Arc<Broker>, held: Arc<Held>) {
    while let Some((queued, written)) = next_write(&held) {
        let result = state::write(&broker, &held, written).await;
        let settings = broker.share_settings(&held.key.group).group;
        let now_ms = broker.clock.monotonic_ms();
        {
            let mut state = held.lock();
            let mut wakes = false;
            let mut letters = Vec::new();
            if let Some(core) = state.core() {
                for one in &queued {
                    let completed = core.complete(&one.write, result.is_ok(), &settings, now_ms);
                    wakes |= completed.wakes;
                    letters.extend(completed.dead_letters.into_iter().map(|letter| Outgoing {
                        letter,
                        is_unknown: result.is_err(),
                        may_be_written: false,
                    }));
                }
            }
            dead_letters::send(&broker, &held, &mut state, letters);
            if wakes {
                state.wake();
            }
            // What was taken back is locked again.
            arm_timer(&broker, &held, &mut state);
        }
        for answer in queued.into_iter().filter_map(|one| one.answer) {
            let _ = answer.send(result);
        }
        if let Err(error) = result {
            tracing::debug!(key = ?held.key, %error, "the state of a share partition was not written");
            if is_fenced(error) {
                broker.shares().partitions.end(&held, error);
            }
        }
    }
    broker.shares().partitions.end_unwanted(&held);
}

fn next_write(held: &Held) -> Option<(Vec<Queued>, WriteState)> {
    let mut state = held.lock();
    let queued = std::mem::take(&mut state.queue);
    let written = match &state.phase {
        Phase::Active { core, state_epoch } if !queued.is_empty() => WriteState {
            state_epoch: *state_epoch,
            start_offset: core.start_offset(),
            delivery_complete_count: core.delivery_complete_count(),
            batches: queued
                .iter()
                .flat_map(|one| &one.write.batches)
                .copied()
                .collect(),
        },
        _ => {
            state.is_writing = false;
            return None;
        }
    };
    Some((queued, written))
}

/// Nobody waits longer at a time, so that what is not held any more is not kept for a record of next year.
const WAIT_MAX_MS: i64 = 60_000;

/// Sees to it that locks and waits end: a task waits for the first, while there are any.
pub fn arm_timer(broker: &Arc<Broker>, held: &Arc<Held>, state: &mut HeldState) {
    let now = times(broker);
    let Some(core) = state.core() else { return };
    let ends = core
        .next_lock_timeout_ms()
        .into_iter()
        .chain(core.next_due_ms(now));
    let Some(next_ms) = ends.min() else { return };
    let next_ms = next_ms.min(now.monotonic_ms.saturating_add(WAIT_MAX_MS));
    if state.timer_ms.is_some_and(|armed_ms| armed_ms <= next_ms) {
        return;
    }
    state.timer_ms = Some(next_ms);
    tokio::spawn(end_locks(broker.clone(), held.clone(), next_ms));
}

/// The time by both clocks.
pub fn times(broker: &Broker) -> Times {
    Times {
        monotonic_ms: broker.clock.monotonic_ms(),
        wall_ms: broker.clock.wall_ms(),
    }
}

async fn end_locks(broker: Arc<Broker>, held: Arc<Held>, at_ms: i64) {
    let wait_ms = at_ms.saturating_sub(broker.clock.monotonic_ms());
    let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
    tokio::select! {
        biased;
        () = broker.stopping.cancelled() => return,
        () = tokio::time::sleep(wait) => {}
    }
    let settings = broker.share_settings(&held.key.group).group;
    let now_ms = broker.clock.monotonic_ms();
    let mut state = held.lock();
    if state.timer_ms != Some(at_ms) {
        // Another task waits for an earlier end.
        return;
    }
    state.timer_ms = None;
    let Some(core) = state.core() else { return };
    let expired = core.expire_locks(&settings, now_ms);
    let is_due = core.is_due(broker.clock.wall_ms());
    if let Some(write) = expired.write {
        drop(submit(&broker, &held, &mut state, write));
    }
    if expired.wakes || is_due {
        state.wake();
    }
    arm_timer(&broker, &held, &mut state);
}
