//! Incremental fetch sessions (KIP-227): what a consumer asked for is remembered, so that it sends and gets only what
//! changed.
//!
//! Pure: time and session ids are arguments. Called by the Fetch handler; one lock around [`SessionCache`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use crate::partition::fetch::{FetchPartition, FetchedPartition};

/// Epoch of the first request of a session.
const INITIAL_EPOCH: i32 = 0;
/// Epoch of a request that wants no session, or ends the one it names.
const FINAL_EPOCH: i32 = -1;
/// No session.
pub const INVALID_SESSION_ID: i32 = 0;
/// A session that was not used for this long gives its slot to any other.
const EVICTION_MS: i64 = 120_000;

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
    /// Whether a diverging epoch was found.
    pub diverging: bool,
}

impl Answer {
    /// The part of `fetched` that is remembered.
    pub fn of(fetched: &FetchedPartition) -> Self {
        Answer {
            error: fetched.error,
            high_watermark: fetched.high_watermark,
            log_start_offset: fetched.log_start_offset,
            records_len: fetched.records_len(),
            diverging: fetched.diverging.is_some(),
        }
    }
}

#[derive(Debug)]
struct CachedPartition {
    key: FetchKey,
    request: FetchPartition,
    high_watermark: i64,
    log_start_offset: i64,
}

impl CachedPartition {
    fn new(key: FetchKey, request: FetchPartition) -> Self {
        CachedPartition {
            key,
            request,
            high_watermark: -1,
            log_start_offset: -1,
        }
    }

    /// Takes over what `answer` says and tells whether it has to be sent.
    fn update(&mut self, answer: &Answer) -> bool {
        let changed = answer.records_len > 0
            || answer.high_watermark != self.high_watermark
            || answer.log_start_offset != self.log_start_offset;
        self.high_watermark = answer.high_watermark;
        self.log_start_offset = answer.log_start_offset;
        if answer.error != ErrorCode::None || answer.diverging {
            // The next answer is sent whatever it is: the client has to learn that the trouble is over.
            self.high_watermark = -1;
            return true;
        }
        changed
    }
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    uses_topic_ids: bool,
    last_used_ms: i64,
    /// The order in which partitions are served; one that got records goes to the end.
    order: BTreeMap<u64, CachedPartition>,
    places: HashMap<FetchKey, u64>,
    next_place: u64,
}

impl Session {
    fn put(&mut self, cached: CachedPartition) {
        self.places.insert(cached.key.clone(), self.next_place);
        self.order.insert(self.next_place, cached);
        self.next_place += 1;
    }

    fn update(&mut self, wanted: Vec<(FetchKey, FetchPartition)>, forgotten: &[FetchKey]) {
        for (key, request) in wanted {
            match self.places.get(&key).and_then(|place| self.order.get_mut(place)) {
                Some(cached) => cached.request = request,
                None => self.put(CachedPartition::new(key, request)),
            }
        }
        for key in forgotten {
            if let Some(place) = self.places.remove(key) {
                self.order.remove(&place);
            }
        }
    }

    fn partitions(&self) -> Vec<(FetchKey, FetchPartition)> {
        self.order
            .values()
            .map(|cached| (cached.key.clone(), cached.request))
            .collect()
    }
}

/// How the answer of a Fetch relates to a session.
#[derive(Debug, PartialEq, Eq)]
pub enum FetchContext {
    /// No session: everything is answered, nothing remembered.
    Sessionless,
    /// The first Fetch of a session: everything is answered and a session made, if there is room.
    Full,
    /// A later Fetch of the session with this id and the epoch it moved to: only what changed is answered.
    Incremental {
        /// The session.
        session_id: i32,
        /// Its epoch once this request was taken.
        epoch: i32,
    },
}

/// All sessions of the broker.
#[derive(Debug)]
pub struct SessionCache {
    sessions: HashMap<i32, Session>,
    slots: usize,
}

/// Partitions of a Fetch, in the order in which they are served.
pub type FetchPlan = Vec<(FetchKey, FetchPartition)>;

impl SessionCache {
    /// A cache of at most `slots` sessions (`max.incremental.fetch.session.cache.slots`).
    pub fn new(slots: usize) -> Self {
        SessionCache {
            sessions: HashMap::new(),
            slots,
        }
    }

    /// Finds out what a request reads and how it is to be answered.
    ///
    /// # Errors
    /// FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR: the error of the whole
    /// response.
    pub fn open(
        &mut self,
        session_id: i32,
        epoch: i32,
        uses_topic_ids: bool,
        wanted: FetchPlan,
        forgotten: &[FetchKey],
        now_ms: i64,
    ) -> Result<(FetchContext, FetchPlan), ErrorCode> {
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.sessions.remove(&session_id);
            let context = if epoch == FINAL_EPOCH {
                FetchContext::Sessionless
            } else {
                FetchContext::Full
            };
            return Ok((context, wanted));
        }
        let session = self
            .sessions
            .get_mut(&session_id)
            .ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_topic_ids != uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        session.update(wanted, forgotten);
        if session.places.is_empty() {
            self.sessions.remove(&session_id);
            return Ok((FetchContext::Sessionless, Vec::new()));
        }
        session.epoch = next_epoch(epoch);
        session.last_used_ms = now_ms;
        let context = FetchContext::Incremental {
            session_id,
            epoch: session.epoch,
        };
        Ok((context, session.partitions()))
    }

    /// Remembers the answers to a [`FetchContext::Full`] request; the id of its session, [`INVALID_SESSION_ID`] when
    /// there is no room for one or nothing to remember. `propose_id` gives candidates until one is free.
    pub fn create(
        &mut self,
        uses_topic_ids: bool,
        answered: impl ExactSizeIterator<Item = (FetchKey, FetchPartition, Answer)>,
        now_ms: i64,
        mut propose_id: impl FnMut() -> i32,
    ) -> i32 {
        if !self.make_room(answered.len(), now_ms) {
            return INVALID_SESSION_ID;
        }
        let session_id = loop {
            let id = propose_id();
            if id > 0 && !self.sessions.contains_key(&id) {
                break id;
            }
        };
        let mut session = Session {
            epoch: next_epoch(INITIAL_EPOCH),
            uses_topic_ids,
            last_used_ms: now_ms,
            order: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
        };
        for (key, request, answer) in answered {
            let mut cached = CachedPartition::new(key, request);
            cached.update(&answer);
            session.put(cached);
        }
        self.sessions.insert(session_id, session);
        session_id
    }

    /// Which of the `answers` to an incremental request have to be sent.
    ///
    /// # Errors
    /// INVALID_FETCH_SESSION_EPOCH when another request of the session has come in between, or it was evicted.
    pub fn answer(
        &mut self,
        session_id: i32,
        epoch: i32,
        answers: &[(FetchKey, Answer)],
    ) -> Result<Vec<bool>, ErrorCode> {
        let session = self
            .sessions
            .get_mut(&session_id)
            .filter(|session| session.epoch == epoch);
        let session = session.ok_or(ErrorCode::InvalidFetchSessionEpoch)?;
        let mut sent = Vec::with_capacity(answers.len());
        for (key, answer) in answers {
            let Some(&place) = session.places.get(key) else {
                sent.push(true);
                continue;
            };
            let Some(cached) = session.order.get_mut(&place) else {
                continue;
            };
            sent.push(cached.update(answer));
            if answer.records_len > 0
                && let Some(cached) = session.order.remove(&place)
            {
                session.put(cached);
            }
        }
        Ok(sent)
    }

    /// Whether a session of `size` partitions may be added: a free slot, or one whose session is stale or smaller.
    fn make_room(&mut self, size: usize, now_ms: i64) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        let stale = self
            .sessions
            .iter()
            .min_by_key(|(_, session)| session.last_used_ms);
        let victim = match stale {
            Some((&id, session)) if now_ms - session.last_used_ms > EVICTION_MS => Some(id),
            _ => self
                .sessions
                .iter()
                .min_by_key(|(_, session)| session.places.len())
                .filter(|(_, session)| session.places.len() < size)
                .map(|(&id, _)| id),
        };
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }
}

/// Epochs go from 1 up and, past the largest, on from 1 again.
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> FetchKey {
        FetchKey {
            topic_id: Uuid::nil(),
            topic: "t".into(),
            partition,
        }
    }

    fn request(fetch_offset: i64) -> FetchPartition {
        FetchPartition {
            fetch_offset,
            log_start_offset: -1,
            max_bytes: 100,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
        }
    }

    fn answer(high_watermark: i64, records_len: usize) -> Answer {
        Answer {
            error: ErrorCode::None,
            high_watermark,
            log_start_offset: 0,
            records_len,
            diverging: false,
        }
    }

    fn create(cache: &mut SessionCache, partitions: i32, now_ms: i64, id: i32) -> i32 {
        let answered: Vec<_> = (0..partitions)
            .map(|p| (key(p), request(0), answer(5, 0)))
            .collect();
        cache.create(false, answered.into_iter(), now_ms, || id)
    }

    #[test]
    fn only_what_changed_is_answered_again() {
        let mut cache = SessionCache::new(10);
        assert_eq!(create(&mut cache, 3, 0, 7), 7);
        let (context, plan) = cache
            .open(7, 1, false, vec![(key(1), request(9))], &[key(2)], 1)
            .unwrap();
        assert_eq!(
            context,
            FetchContext::Incremental {
                session_id: 7,
                epoch: 2
            }
        );
        assert_eq!(plan, [(key(0), request(0)), (key(1), request(9))]);
        let answers = [(key(0), answer(5, 0)), (key(1), answer(6, 0))];
        assert_eq!(cache.answer(7, 2, &answers).unwrap(), [false, true]);

        let (_, plan) = cache.open(7, 2, false, vec![], &[], 1).unwrap();
        assert_eq!(plan.len(), 2);
        let error = Answer {
            error: ErrorCode::NotLeaderOrFollower,
            ..answer(6, 0)
        };
        let answers = [(key(0), answer(5, 40)), (key(1), error)];
        assert_eq!(cache.answer(7, 3, &answers).unwrap(), [true, true]);

        let (_, plan) = cache.open(7, 3, false, vec![], &[], 1).unwrap();
        assert_eq!(plan[0].0, key(1), "the partition that got records is served last");
        let answers = [(key(1), answer(6, 0)), (key(0), answer(5, 0))];
        assert_eq!(
            cache.answer(7, 4, &answers).unwrap(),
            [true, false],
            "the end of an error is told"
        );
    }

    #[test]
    fn wrong_ids_and_epochs_are_errors_of_the_whole_response() {
        let mut cache = SessionCache::new(10);
        create(&mut cache, 1, 0, 7);
        let mut open = |id, epoch, ids| {
            cache
                .open(id, epoch, ids, vec![], &[], 0)
                .map(|(context, _)| context)
        };
        assert_eq!(open(8, 1, false), Err(ErrorCode::FetchSessionIdNotFound));
        assert_eq!(open(7, 2, false), Err(ErrorCode::InvalidFetchSessionEpoch));
        assert_eq!(open(7, 1, true), Err(ErrorCode::FetchSessionTopicIdError));
        assert_eq!(
            open(7, -1, false),
            Ok(FetchContext::Sessionless),
            "ends the session"
        );
        assert_eq!(open(7, 1, false), Err(ErrorCode::FetchSessionIdNotFound));
    }

    #[test]
    fn a_session_that_forgets_all_its_partitions_ends() {
        let mut cache = SessionCache::new(10);
        create(&mut cache, 1, 0, 7);
        let (context, plan) = cache.open(7, 1, false, vec![], &[key(0)], 0).unwrap();
        assert_eq!((context, plan), (FetchContext::Sessionless, vec![]));
        assert_eq!(
            cache.open(7, 2, false, vec![], &[], 0),
            Err(ErrorCode::FetchSessionIdNotFound)
        );
    }

    #[test]
    fn a_full_cache_gives_slots_of_stale_or_smaller_sessions_only() {
        let mut cache = SessionCache::new(1);
        assert_eq!(create(&mut cache, 2, 0, 1), 1);
        assert_eq!(create(&mut cache, 2, EVICTION_MS, 2), INVALID_SESSION_ID);
        assert_eq!(
            create(&mut cache, 3, EVICTION_MS, 3),
            3,
            "a larger one takes the slot"
        );
        assert_eq!(
            create(&mut cache, 1, 2 * EVICTION_MS + 1, 4),
            4,
            "so does one that finds it stale"
        );
    }

    #[test]
    fn epochs_wrap_past_the_largest() {
        assert_eq!(next_epoch(i32::MAX), 1);
    }
}
