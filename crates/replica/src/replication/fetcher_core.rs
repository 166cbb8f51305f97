//! What one fetcher does: which partitions it follows from one broker, what the next Fetch asks, and what is
//! to be made of the answer.
//!
//! Pure. A Fetch says only what has changed since the one before (KIP-227). While one is parked at the leader
//! a second may follow it, for partitions that have come or gone meanwhile: the leader then answers the first
//! at once. An answer counts for a partition only if the partition still is where it was when that very Fetch
//! asked for it, so it does not matter which of the two brings it.
//!
//! ```text
//!             ┌── appended, truncated ──┐
//! follow ──→ fetching ──→ answer ───────┤
//!             ↑  └── after a while ── delayed   (the leader is not ready, or behind)
//!             └── the next epoch ── failed       (we are behind, or the folder has failed)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use barnabas_protocol::error::ErrorCode;
use bytes::Bytes;

use super::exchange::{Ask, Asked, PartitionAnswer, PartitionWork, TopicIdPartition, Work};
use super::fetch_session::{FetchSession, Sent};
use crate::partition::core::LeaderEpoch;
use crate::partition::follow::FollowerPosition;

/// The first wait after an error, milliseconds; it doubles up to `replica.fetch.backoff.ms`.
const BACKOFF_FIRST_MS: i64 = 10;
/// Fetches that may be on their way.
const IN_FLIGHT_MAX: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fetching,
    Delayed { until_ms: i64 },
    Failed,
}

#[derive(Clone, Debug)]
struct Followed {
    leader_epoch: LeaderEpoch,
    /// The number of the first Fetch that could ask in this epoch.
    since: u64,
    /// `None` until the log was looked at.
    position: Option<FollowerPosition>,
    state: State,
    failures: u32,
}

impl Followed {
    /// What is to be asked now, if anything.
    fn asks(&self) -> Option<Asked> {
        let position = self.position.filter(|_| self.state == State::Fetching)?;
        Some(Asked {
            leader_epoch: self.leader_epoch,
            position,
        })
    }
}

/// See the module.
#[derive(Debug)]
pub struct FetcherCore {
    partitions: BTreeMap<TopicIdPartition, Followed>,
    session: FetchSession,
    /// Those whose part in the session may have changed.
    changed: BTreeSet<TopicIdPartition>,
    /// Those that are delayed.
    delayed: BTreeSet<TopicIdPartition>,
    in_flight: usize,
    /// The number of the next Fetch.
    next: u64,
    backoff_max_ms: i64,
    /// The leader could not be reached: it is left alone until then.
    retry_at_ms: Option<i64>,
    failures: u32,
}

impl FetcherCore {
    /// One that follows nothing. `backoff_max_ms` is `replica.fetch.backoff.ms`.
    pub fn new(backoff_max_ms: i64) -> Self {
        FetcherCore {
            partitions: BTreeMap::new(),
            session: FetchSession::default(),
            changed: BTreeSet::new(),
            delayed: BTreeSet::new(),
            in_flight: 0,
            next: 0,
            backoff_max_ms,
            retry_at_ms: None,
            failures: 0,
        }
    }

    /// Follows a partition's leader in an epoch from now on.
    pub fn follow(&mut self, key: TopicIdPartition, leader_epoch: LeaderEpoch) {
        let followed = Followed {
            leader_epoch,
            since: self.next,
            position: None,
            state: State::Fetching,
            failures: 0,
        };
        self.partitions.insert(key, followed);
        self.delayed.remove(&key);
        self.changed.insert(key);
        // Who was elected is alive, whatever it was before.
        (self.retry_at_ms, self.failures) = (None, 0);
    }

    /// Follows it no more.
    pub fn forget(&mut self, key: TopicIdPartition) {
        self.partitions.remove(&key);
        self.delayed.remove(&key);
        self.changed.insert(key);
    }

    /// Whether nothing is followed.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The partitions whose logs have to be looked at first; [`FetcherCore::done`] is told what was found.
    pub fn unplaced(&self) -> Vec<(TopicIdPartition, LeaderEpoch)> {
        let changed = self.changed.iter().filter_map(|key| {
            let followed = self.partitions.get(key)?;
            let is_unplaced = followed.position.is_none() && followed.state == State::Fetching;
            is_unplaced.then_some((*key, followed.leader_epoch))
        });
        changed.collect()
    }

    /// The next Fetch, if there is one to be sent now.
    pub fn next_fetch(&mut self, now_ms: i64) -> Option<Ask> {
        if self.retry_at_ms.is_some_and(|retry_at_ms| retry_at_ms > now_ms) {
            return None;
        }
        self.end_delays(now_ms);
        // A full answer is on its way, which says whether there is a session.
        if self.in_flight >= IN_FLIGHT_MAX || (self.in_flight > 0 && !self.session.is_incremental()) {
            return None;
        }
        let ask = if self.session.is_incremental() {
            self.incremental()
        } else {
            self.full()
        }?;
        self.in_flight += 1;
        self.next += 1;
        Some(ask)
    }

    fn full(&mut self) -> Option<Ask> {
        let asked = |(key, followed): (&TopicIdPartition, &Followed)| Some((*key, followed.asks()?));
        let partitions: Vec<_> = self.partitions.iter().filter_map(asked).collect();
        // Who still has to be looked at is looked at before the next one.
        self.changed.retain(|key| {
            self.partitions
                .get(key)
                .is_some_and(|known| known.position.is_none())
        });
        if partitions.is_empty() {
            return None;
        }
        let sent = self.session.begin(self.next, &partitions);
        Some(ask(sent, partitions, Vec::new()))
    }

    fn incremental(&mut self) -> Option<Ask> {
        let (mut partitions, mut forgotten) = (Vec::new(), Vec::new());
        for key in &self.changed {
            let asks = self.partitions.get(key).and_then(Followed::asks);
            match (self.session.asked(key), asks) {
                (known, Some(asks)) if known != Some(asks) => partitions.push((*key, asks)),
                (Some(_), None) => forgotten.push(*key),
                _ => {}
            }
        }
        if self.in_flight > 0 && partitions.is_empty() && forgotten.is_empty() {
            return None;
        }
        self.changed.retain(|key| {
            self.partitions
                .get(key)
                .is_some_and(|known| known.position.is_none())
        });
        let sent = self.session.go_on(self.next, &partitions, &forgotten)?;
        Some(ask(sent, partitions, forgotten))
    }

    /// When [`FetcherCore::next_fetch`] should be asked again, though nothing has happened.
    pub fn next_due_ms(&self) -> Option<i64> {
        let delayed = self
            .delayed
            .iter()
            .filter_map(|key| match self.partitions.get(key)?.state {
                State::Delayed { until_ms } => Some(until_ms),
                State::Fetching | State::Failed => None,
            });
        match self.retry_at_ms {
            Some(retry_at_ms) => Some(retry_at_ms),
            None => delayed.min(),
        }
    }

    fn end_delays(&mut self, now_ms: i64) {
        self.retry_at_ms = None;
        for key in std::mem::take(&mut self.delayed) {
            let Some(followed) = self.partitions.get_mut(&key) else {
                continue;
            };
            match followed.state {
                State::Delayed { until_ms } if until_ms > now_ms => drop(self.delayed.insert(key)),
                State::Delayed { .. } => {
                    followed.state = State::Fetching;
                    self.changed.insert(key);
                }
                State::Fetching | State::Failed => {}
            }
        }
    }

    /// The leader has answered the oldest Fetch on its way; answers what has to be done.
    pub fn answered(
        &mut self,
        session_id: i32,
        answers: Vec<PartitionAnswer>,
        now_ms: i64,
    ) -> Vec<PartitionWork> {
        let fetch = self.next.saturating_sub(self.in_flight as u64);
        self.in_flight = self.in_flight.saturating_sub(1);
        self.failures = 0;
        self.session.answered(session_id);
        let mut works = Vec::with_capacity(answers.len());
        for mut answer in answers {
            let key = answer.key;
            let Some(followed) = self.partitions.get(&key).filter(|known| known.since <= fetch) else {
                continue;
            };
            let known = self.session.asked(&key);
            let Some(asked) = followed.asks().filter(|asked| known == Some(*asked)) else {
                continue;
            };
            if !self.session.is_asked_by(&key, fetch) {
                // A later Fetch asks for another place. What the leader has said of itself it says only once.
                if answer.error == ErrorCode::None && answer.diverging.is_none() {
                    answer.records = Bytes::new();
                    works.push((key, asked, Work::Append(answer)));
                }
                continue;
            }
            match answer.error {
                ErrorCode::None => match answer.diverging {
                    Some(diverging) => works.push((key, asked, Work::Truncate(diverging))),
                    None => works.push((key, asked, Work::Append(answer))),
                },
                ErrorCode::OffsetOutOfRange => works.push((key, asked, Work::FindRange)),
                // An epoch that is over: the metadata will tell of the next.
                ErrorCode::FencedLeaderEpoch => self.fail(key),
                _ => self.delay(key, now_ms),
            }
        }
        works
    }

    /// The leader has refused a whole Fetch. If it answers true, a session begins with the next one, and
    /// whatever else is on its way is to be given up.
    pub fn refused(&mut self, error: ErrorCode, now_ms: i64) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        // The first of two, which the second has superseded.
        if error == ErrorCode::InvalidFetchSessionEpoch && self.in_flight > 0 {
            return false;
        }
        self.session.end(error == ErrorCode::FetchSessionIdNotFound);
        self.in_flight = 0;
        let of_the_session = matches!(
            error,
            ErrorCode::FetchSessionIdNotFound
                | ErrorCode::InvalidFetchSessionEpoch
                | ErrorCode::FetchSessionTopicIdError
        );
        if !of_the_session {
            self.back_off(now_ms);
        }
        true
    }

    /// There was no answer: whatever was on its way is lost, and the session with it.
    pub fn disconnected(&mut self, now_ms: i64) {
        self.session.end(true);
        self.in_flight = 0;
        self.back_off(now_ms);
    }

    fn back_off(&mut self, now_ms: i64) {
        self.retry_at_ms = Some(now_ms.saturating_add(self.backoff_ms(self.failures)));
        self.failures = self.failures.saturating_add(1);
    }

    /// What was to be done for a partition in an epoch was done, and this is where its log stands; or it
    /// failed.
    pub fn done(
        &mut self,
        key: TopicIdPartition,
        leader_epoch: LeaderEpoch,
        outcome: Result<FollowerPosition, ErrorCode>,
        now_ms: i64,
    ) {
        let followed = self.partitions.get_mut(&key);
        let Some(followed) = followed.filter(|followed| followed.leader_epoch == leader_epoch) else {
            return;
        };
        match outcome {
            Ok(position) => {
                if followed.position != Some(position) {
                    self.changed.insert(key);
                }
                followed.position = Some(position);
                followed.failures = 0;
            }
            Err(
                ErrorCode::FencedLeaderEpoch
                | ErrorCode::KafkaStorageError
                | ErrorCode::UnknownTopicOrPartition,
            ) => self.fail(key),
            Err(_) => {
                followed.position = None;
                self.delay(key, now_ms);
            }
        }
    }

    /// A partition is left alone for a while: it has taken what it may.
    pub fn pause(&mut self, key: TopicIdPartition, leader_epoch: LeaderEpoch, until_ms: i64) {
        let followed = self.partitions.get_mut(&key);
        if let Some(followed) = followed.filter(|followed| followed.leader_epoch == leader_epoch) {
            followed.state = State::Delayed { until_ms };
            self.delayed.insert(key);
            self.changed.insert(key);
        }
    }

    fn fail(&mut self, key: TopicIdPartition) {
        if let Some(followed) = self.partitions.get_mut(&key) {
            followed.state = State::Failed;
            self.changed.insert(key);
        }
    }

    fn delay(&mut self, key: TopicIdPartition, now_ms: i64) {
        let Some(failures) = self.partitions.get(&key).map(|followed| followed.failures) else {
            return;
        };
        let until_ms = now_ms.saturating_add(self.backoff_ms(failures));
        if let Some(followed) = self.partitions.get_mut(&key) {
            followed.failures = failures.saturating_add(1);
            followed.state = State::Delayed { until_ms };
            self.delayed.insert(key);
            self.changed.insert(key);
        }
    }

    fn backoff_ms(&self, failures: u32) -> i64 {
        let factor = 1_i64 << failures.min(20);
        (BACKOFF_FIRST_MS * factor).min(self.backoff_max_ms.max(BACKOFF_FIRST_MS))
    }
}

fn ask(sent: Sent, partitions: Vec<(TopicIdPartition, Asked)>, forgotten: Vec<TopicIdPartition>) -> Ask {
    Ask {
        session_id: sent.session_id,
        session_epoch: sent.session_epoch,
        partitions,
        forgotten,
        waits: sent.waits,
    }
}

#[cfg(test)]
mod tests;
