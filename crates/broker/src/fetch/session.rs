//! An incremental fetch session (KIP-227): what a consumer asked for is remembered, so that it sends and gets
//! only what changed, and so that only what changed is read.
//!
//! A partition of a session is *pending* when its answer may differ from the last: it was asked for anew, has
//! changed, had records or an error. The others were read to their end; their [`Interest`]s say when that is
//! over. So a request costs what has happened, however large the session.
//!
//! Pure. Called by the [`SessionCache`](super::session_cache::SessionCache), under its lock.

use std::collections::HashMap;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use barnabas_replica::partition::Reader;
use barnabas_replica::partition::fetch::{FetchPartition, FetchedPartition};
use barnabas_replica::partition::waiters::{FetchWatch, Interest};

/// Epoch of the first request of a session.
pub(super) const INITIAL_EPOCH: i32 = 0;

/// A partition as a Fetch names it: by topic id from version 13 on, by name before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchKey {
    /// The topic's id; nil in requests that name topics.
    pub topic_id: Uuid,
    /// The topic's name; empty in requests that give ids.
    pub topic: Arc<str>,
    /// The partition's index.
    pub partition: i32,
}

/// What a session remembers of the answer it gave for a partition; only a difference is answered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The error, [`ErrorCode::None`] included.
    pub error: ErrorCode,
    /// The high watermark.
    pub high_watermark: i64,
    /// The log start offset.
    pub log_start_offset: i64,
    /// Length of the records in bytes.
    pub records_len: usize,
    /// Whether it has to be told whatever was told before: a diverging epoch, a nearer replica.
    pub urgent: bool,
    /// Whether the same request would be answered the same until the partition changes.
    pub is_at_end: bool,
}

impl Answer {
    /// The part of `fetched` that is remembered.
    pub fn of(fetched: &FetchedPartition) -> Self {
        Answer {
            error: fetched.error,
            high_watermark: fetched.high_watermark,
            log_start_offset: fetched.log_start_offset,
            records_len: fetched.records_len(),
            urgent: fetched.is_urgent(),
            is_at_end: fetched.is_at_end,
        }
    }
}

/// What a session knows of a partition.
#[derive(Debug)]
pub(super) struct CachedPartition {
    key: FetchKey,
    request: FetchPartition,
    high_watermark: i64,
    log_start_offset: i64,
    interest: Arc<Interest>,
    /// Partitions are served by rising turns; one that got records goes to the end.
    turn: u64,
    pending: bool,
}

impl CachedPartition {
    /// Takes over what `answer` says and tells whether it has to be sent.
    pub(super) fn update(&mut self, answer: &Answer) -> bool {
        let changed = answer.records_len > 0
            || answer.high_watermark != self.high_watermark
            || answer.log_start_offset != self.log_start_offset;
        self.high_watermark = answer.high_watermark;
        self.log_start_offset = answer.log_start_offset;
        if answer.error != ErrorCode::None || answer.urgent {
            // The next answer is sent whatever it is: the client has to learn that the trouble is over.
            self.high_watermark = -1;
            return true;
        }
        changed
    }
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) epoch: i32,
    pub(super) uses_topic_ids: bool,
    pub(super) reader: Reader,
    pub(super) last_used_ms: i64,
    /// Partitions by slot. A slot is given again once its partition was forgotten.
    slots: Vec<Option<CachedPartition>>,
    free: Vec<u32>,
    pub(super) by_key: HashMap<FetchKey, u32>,
    /// Slots of the pending ones.
    pending: Vec<u32>,
    next_turn: u64,
    pub(super) watch: Arc<FetchWatch>,
}

impl Session {
    pub(super) fn new(uses_topic_ids: bool, reader: Reader, now_ms: i64) -> Self {
        Session {
            epoch: next_epoch(INITIAL_EPOCH),
            uses_topic_ids,
            reader,
            last_used_ms: now_ms,
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            pending: Vec::new(),
            next_turn: 0,
            watch: FetchWatch::new(),
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut CachedPartition> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    fn take_turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn
    }

    /// Adds a partition, which is pending; answers its slot.
    pub(super) fn add(&mut self, key: FetchKey, request: FetchPartition) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.by_key.insert(key.clone(), slot);
        self.slots[slot as usize] = Some(CachedPartition {
            key,
            request,
            high_watermark: -1,
            log_start_offset: -1,
            interest: Interest::new(&self.watch, slot),
            turn: self.take_turn(),
            pending: false,
        });
        self.make_pending(slot);
        slot
    }

    fn make_pending(&mut self, slot: u32) {
        if let Some(cached) = self.get_mut(slot)
            && !std::mem::replace(&mut cached.pending, true)
        {
            self.pending.push(slot);
        }
    }

    pub(super) fn update(&mut self, wanted: Vec<Planned>, forgotten: &[FetchKey]) {
        for Planned { key, request, .. } in wanted {
            let Some(&slot) = self.by_key.get(&key) else {
                self.add(key, request);
                continue;
            };
            if let Some(cached) = self.get_mut(slot) {
                cached.request = request;
            }
            self.make_pending(slot);
        }
        for key in forgotten {
            if let Some(slot) = self.by_key.remove(key) {
                self.slots[slot as usize] = None;
                self.free.push(slot);
            }
        }
        if !forgotten.is_empty() {
            self.drop_answered();
        }
    }

    /// Takes over for whom it reads; other eyes see other ends.
    pub(super) fn read_as(&mut self, reader: Reader) {
        if std::mem::replace(&mut self.reader, reader) != reader {
            (0..self.slots.len()).for_each(|slot| self.make_pending(slot as u32));
        }
    }

    /// What has to be read: the pending partitions, those that have changed among them.
    pub(super) fn plan(&mut self) -> FetchPlan {
        for slot in self.watch.take_changed() {
            if let Some(cached) = self.get_mut(slot) {
                cached.interest.noticed();
            }
            self.make_pending(slot);
        }
        let slots = &self.slots;
        self.pending
            .sort_by_key(|&slot| slots[slot as usize].as_ref().map(|cached| cached.turn));
        let pending = self.pending.iter().filter_map(|&slot| {
            let cached = self.slots[slot as usize].as_ref()?;
            Some(Planned {
                slot,
                key: cached.key.clone(),
                request: cached.request,
                interest: Some(cached.interest.clone()),
            })
        });
        FetchPlan {
            partitions: pending.collect(),
            has_others: self.pending.len() < self.by_key.len(),
        }
    }

    /// Takes over the answer of the partition at `slot`; tells whether it has to be sent.
    pub(super) fn answered(&mut self, slot: u32, answer: &Answer) -> bool {
        let turn = (answer.records_len > 0).then(|| self.take_turn());
        let Some(cached) = self.get_mut(slot) else {
            return true;
        };
        cached.turn = turn.unwrap_or(cached.turn);
        cached.pending = !answer.is_at_end;
        cached.update(answer)
    }

    pub(super) fn drop_answered(&mut self) {
        let slots = &self.slots;
        let pending = |&slot: &u32| slots[slot as usize].as_ref().is_some_and(|cached| cached.pending);
        self.pending.retain(pending);
    }
}

/// A partition that a Fetch reads.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its place in the session; without a session of no meaning.
    pub slot: u32,
    /// Its name.
    pub key: FetchKey,
    /// What is asked of it.
    pub request: FetchPartition,
    /// The session's interest in it.
    pub interest: Option<Arc<Interest>>,
}

/// What a Fetch reads.
#[derive(Clone, Debug, Default)]
pub struct FetchPlan {
    /// In the order in which they are served.
    pub partitions: Vec<Planned>,
    /// Whether the session has other partitions, read to their end: the request may wait for them.
    pub has_others: bool,
}

/// Epochs go from 1 up and, past the largest, on from 1 again.
pub(super) fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_wrap_past_the_largest() {
        assert_eq!(next_epoch(i32::MAX), 1);
    }
}
