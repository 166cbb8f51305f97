//! All incremental fetch sessions of the broker (KIP-227): which request belongs to which, and how it is
//! answered.
//!
//! Pure: time and session ids are arguments. Called by the Fetch handler; one lock around [`SessionCache`].

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;

use super::session::{Answer, FetchKey, FetchPlan, INITIAL_EPOCH, Planned, Session, next_epoch};
use barnabas_replica::partition::Reader;
use barnabas_replica::partition::fetch::FetchPartition;
use barnabas_replica::partition::waiters::FetchWatch;

/// Epoch of a request that wants no session, or ends the one it names.
const FINAL_EPOCH: i32 = -1;
/// No session.
pub const INVALID_SESSION_ID: i32 = 0;
/// Session ids stay below this: Apache Kafka keeps its sessions in eight shards, each for a range of ids.
pub const SESSION_ID_END: i32 = 8 * SHARD_IDS;
/// The ids of a shard; their number is rounded down.
const SHARD_IDS: i32 = i32::MAX / 8;
/// A session that was not used for this long gives its slot to any other.
const EVICTION_MS: i64 = 120_000;

/// Whether Apache Kafka has a shard where it could look for this session. It fails over all other ids.
pub fn has_shard(session_id: i32) -> bool {
    (0..SESSION_ID_END).contains(&session_id) || session_id / SHARD_IDS == 0
}

/// What a Fetch says of its session.
pub struct SessionRequest {
    /// The session, [`INVALID_SESSION_ID`] if it has none.
    pub session_id: i32,
    /// The session's epoch as the client knows it.
    pub epoch: i32,
    /// Whether topics are given by id.
    pub uses_topic_ids: bool,
    /// Which records the client may see.
    pub reader: Reader,
    /// Partitions to be read, new or with changed requests.
    pub wanted: Vec<Planned>,
    /// Partitions that the session no longer reads.
    pub forgotten: Vec<FetchKey>,
}

/// How the answer of a Fetch relates to a session.
#[derive(Debug)]
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
        /// What tells of changes.
        watch: Arc<FetchWatch>,
    },
}

/// All sessions of the broker.
#[derive(Debug)]
pub struct SessionCache {
    sessions: BTreeMap<i32, Session>,
    slots: usize,
}

/// A positive number nobody can guess.
pub fn session_id_of(random: u64) -> i32 {
    (random >> 33) as i32 % SESSION_ID_END
}

impl SessionCache {
    /// A cache of at most `slots` sessions (`max.incremental.fetch.session.cache.slots`).
    pub fn new(slots: usize) -> Self {
        SessionCache {
            sessions: BTreeMap::new(),
            slots,
        }
    }

    /// How many sessions are kept.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The partitions that a session reads.
    pub fn partitions(&self, session_id: i32) -> Vec<FetchKey> {
        let session = self.sessions.get(&session_id);
        session.map_or_else(Vec::new, |session| session.by_key.keys().cloned().collect())
    }

    /// Finds out what a request reads and how it is to be answered.
    ///
    /// # Errors
    /// FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR: the error of
    /// the whole response.
    pub fn open(
        &mut self,
        request: SessionRequest,
        now_ms: i64,
    ) -> Result<(FetchContext, FetchPlan), ErrorCode> {
        let SessionRequest {
            session_id,
            epoch,
            uses_topic_ids,
            reader,
            wanted,
            forgotten,
        } = request;
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.sessions.remove(&session_id);
            let context = if epoch == FINAL_EPOCH {
                FetchContext::Sessionless
            } else {
                FetchContext::Full
            };
            let plan = FetchPlan {
                partitions: wanted,
                has_others: false,
            };
            return Ok((context, plan));
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
        session.update(wanted, &forgotten);
        if session.by_key.is_empty() {
            self.sessions.remove(&session_id);
            return Ok((FetchContext::Sessionless, FetchPlan::default()));
        }
        session.read_as(reader);
        session.epoch = next_epoch(epoch);
        // A follower doesn't wait for an answer before it tells of partitions that have come or gone.
        if is_follower(reader) {
            session.watch.nudge();
        }
        session.last_used_ms = now_ms;
        let context = FetchContext::Incremental {
            session_id,
            epoch: session.epoch,
            watch: session.watch.clone(),
        };
        Ok((context, session.plan()))
    }

    /// What a parked incremental request has to read now.
    ///
    /// # Errors
    /// INVALID_FETCH_SESSION_EPOCH when another request of the session has come in between, or it was
    /// evicted.
    pub fn plan(&mut self, session_id: i32, epoch: i32) -> Result<FetchPlan, ErrorCode> {
        Ok(self.at_epoch(session_id, epoch)?.plan())
    }

    /// Whether no other request of the session has come since the one that led to this epoch.
    pub fn is_latest(&self, session_id: i32, epoch: i32) -> bool {
        self.sessions
            .get(&session_id)
            .is_some_and(|session| session.epoch == epoch)
    }

    fn at_epoch(&mut self, session_id: i32, epoch: i32) -> Result<&mut Session, ErrorCode> {
        let session = self.sessions.get_mut(&session_id);
        session
            .filter(|session| session.epoch == epoch)
            .ok_or(ErrorCode::InvalidFetchSessionEpoch)
    }

    /// Remembers the answers to a [`FetchContext::Full`] request; the id of its session,
    /// [`INVALID_SESSION_ID`] when there is no room for one or nothing to remember. `propose_id` gives
    /// candidates until one is free.
    pub fn create(
        &mut self,
        uses_topic_ids: bool,
        reader: Reader,
        answered: impl ExactSizeIterator<Item = (FetchKey, FetchPartition, Answer)>,
        now_ms: i64,
        mut propose_id: impl FnMut() -> i32,
    ) -> i32 {
        if !self.make_room(answered.len(), is_follower(reader), now_ms) {
            return INVALID_SESSION_ID;
        }
        let session_id = loop {
            let id = propose_id();
            if id > 0 && !self.sessions.contains_key(&id) {
                break id;
            }
        };
        let mut session = Session::new(uses_topic_ids, reader, now_ms);
        for (key, request, answer) in answered {
            let slot = session.add(key, request);
            if let Some(cached) = session.get_mut(slot) {
                // It stays pending: nothing has told its partition of the session yet.
                cached.update(&answer);
            }
        }
        self.sessions.insert(session_id, session);
        session_id
    }

    /// Which of the `answers` to an incremental request, given by their slots, have to be sent.
    ///
    /// # Errors
    /// INVALID_FETCH_SESSION_EPOCH when another request of the session has come in between, or it was
    /// evicted.
    pub fn answer(
        &mut self,
        session_id: i32,
        epoch: i32,
        answers: impl Iterator<Item = (u32, Answer)>,
    ) -> Result<Vec<bool>, ErrorCode> {
        let session = self.at_epoch(session_id, epoch)?;
        let sent = answers.map(|(slot, answer)| session.answered(slot, &answer));
        let sent = sent.collect();
        session.drop_answered();
        Ok(sent)
    }

    /// Whether a session of `size` partitions may be added: a free slot, or one whose session is stale or
    /// smaller. Followers' sessions are not given up for consumers', but the other way round they are.
    fn make_room(&mut self, size: usize, for_follower: bool, now_ms: i64) -> bool {
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
                .filter(|(_, session)| for_follower || !is_follower(session.reader))
                .min_by_key(|(_, session)| (is_follower(session.reader), session.by_key.len()))
                .filter(|(_, session)| {
                    (for_follower && !is_follower(session.reader)) || session.by_key.len() < size
                })
                .map(|(&id, _)| id),
        };
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }
}

fn is_follower(reader: Reader) -> bool {
    matches!(reader, Reader::Follower(_))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use barnabas_replica::partition::Isolation;
    use barnabas_replica::partition::core::FollowerId;
    use barnabas_replica::partition::waiters::Waiters;

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
            urgent: false,
            is_at_end: records_len == 0,
        }
    }

    fn wanted(keys: impl IntoIterator<Item = (FetchKey, FetchPartition)>) -> Vec<Planned> {
        let planned = |(key, request)| Planned {
            slot: 0,
            key,
            request,
            interest: None,
        };
        keys.into_iter().map(planned).collect()
    }

    fn session_request(session_id: i32, epoch: i32) -> SessionRequest {
        SessionRequest {
            session_id,
            epoch,
            uses_topic_ids: false,
            reader: Reader::Consumer(Isolation::ReadUncommitted),
            wanted: vec![],
            forgotten: vec![],
        }
    }

    /// Opens an incremental request of session 7; answers its plan's partitions and slots.
    fn open(
        cache: &mut SessionCache,
        epoch: i32,
        wanted: Vec<Planned>,
        forgotten: &[FetchKey],
    ) -> Vec<(i32, u32)> {
        let request = SessionRequest {
            wanted,
            forgotten: forgotten.to_vec(),
            ..session_request(7, epoch)
        };
        let (context, plan) = cache.open(request, 1).unwrap();
        assert!(matches!(context, FetchContext::Incremental { session_id: 7, .. }));
        partitions(&plan)
    }

    fn partitions(plan: &FetchPlan) -> Vec<(i32, u32)> {
        plan.partitions
            .iter()
            .map(|planned| (planned.key.partition, planned.slot))
            .collect()
    }

    /// A session that has read all its partitions to their ends, and a partition's waiters for each.
    fn caught_up(count: i32) -> (SessionCache, Vec<Waiters>) {
        let mut cache = SessionCache::new(10);
        create(&mut cache, count, 0, 7);
        let mut waiters: Vec<Waiters> = (0..count).map(|_| Waiters::default()).collect();
        let opened = cache.open(session_request(7, 1), 1);
        for planned in opened.unwrap().1.partitions {
            waiters[planned.key.partition as usize].register(
                &planned.interest.unwrap(),
                Reader::Consumer(Isolation::ReadUncommitted),
            );
        }
        let answers = (0..count as u32).map(|slot| (slot, answer(5, 0)));
        let sent = cache.answer(7, 2, answers).unwrap();
        assert!(sent.iter().all(|sent| !sent), "nothing has changed");
        (cache, waiters)
    }

    fn create(cache: &mut SessionCache, partitions: i32, now_ms: i64, id: i32) -> i32 {
        let answered: Vec<_> = (0..partitions)
            .map(|p| (key(p), request(0), answer(5, 0)))
            .collect();
        cache.create(
            false,
            Reader::Consumer(Isolation::ReadUncommitted),
            answered.into_iter(),
            now_ms,
            || id,
        )
    }

    #[test]
    fn only_what_changed_is_answered_again() {
        let mut cache = SessionCache::new(10);
        assert_eq!(create(&mut cache, 3, 0, 7), 7);
        let plan = open(&mut cache, 1, wanted([(key(1), request(9))]), &[key(2)]);
        assert_eq!(plan, [(0, 0), (1, 1)]);
        let answers = [(0, answer(5, 0)), (1, answer(6, 40))];
        assert_eq!(cache.answer(7, 2, answers.into_iter()).unwrap(), [false, true]);

        let plan = open(&mut cache, 2, wanted([(key(0), request(1))]), &[]);
        assert_eq!(plan, [(0, 0), (1, 1)], "asked anew, and had records");
        let error = Answer {
            error: ErrorCode::NotLeaderOrFollower,
            is_at_end: false,
            ..answer(6, 0)
        };
        let answers = [(0, answer(5, 40)), (1, error)];
        assert_eq!(cache.answer(7, 3, answers.into_iter()).unwrap(), [true, true]);

        let plan = open(&mut cache, 3, vec![], &[]);
        assert_eq!(
            plan,
            [(1, 1), (0, 0)],
            "the partition that got records is served last"
        );
        let answers = [(1, answer(6, 0)), (0, answer(5, 0))];
        assert_eq!(
            cache.answer(7, 4, answers.into_iter()).unwrap(),
            [true, false],
            "the end of an error is told"
        );
        assert_eq!(open(&mut cache, 4, vec![], &[]), []);
    }

    #[test]
    fn partitions_read_to_their_end_are_read_again_when_they_change() {
        let (mut cache, mut waiters) = caught_up(4);
        assert_eq!(open(&mut cache, 2, vec![], &[]), []);
        waiters[2].advanced(6, 10, 10);
        waiters[1].log_start_moved();
        assert_eq!(
            partitions(&cache.plan(7, 3).unwrap()),
            [(1, 1), (2, 2)],
            "while parked"
        );
        let answers = [(1, answer(5, 0)), (2, answer(6, 10))];
        assert_eq!(cache.answer(7, 3, answers.into_iter()).unwrap(), [false, true]);
        waiters[1].advanced(6, 0, 0);
        assert_eq!(open(&mut cache, 3, vec![], &[]), [(1, 1), (2, 2)]);
        assert_eq!(cache.plan(7, 3).err(), Some(ErrorCode::InvalidFetchSessionEpoch));
    }

    #[test]
    fn a_change_between_reading_and_answering_is_not_missed() {
        let (mut cache, mut waiters) = caught_up(2);
        waiters[0].advanced(6, 10, 10);
        assert_eq!(open(&mut cache, 2, vec![], &[]), [(0, 0)]);
        waiters[0].advanced(7, 10, 10);
        cache.answer(7, 3, [(0, answer(6, 0))].into_iter()).unwrap();
        assert_eq!(open(&mut cache, 3, vec![], &[]), [(0, 0)]);
    }

    #[test]
    fn a_forgotten_partition_is_not_heard_of_any_more() {
        let (mut cache, mut waiters) = caught_up(3);
        assert_eq!(open(&mut cache, 2, vec![], &[key(1)]), []);
        waiters[1].advanced(6, 10, 10);
        assert_eq!(partitions(&cache.plan(7, 3).unwrap()), []);
        let again = wanted([(key(8), request(0)), (key(1), request(0))]);
        assert_eq!(
            open(&mut cache, 3, again, &[]),
            [(8, 1), (1, 3)],
            "its slot was given to another"
        );
    }

    #[test]
    fn another_isolation_level_reads_all_again() {
        let (mut cache, _) = caught_up(2);
        let request = SessionRequest {
            reader: Reader::Consumer(Isolation::ReadCommitted),
            ..session_request(7, 2)
        };
        let (_, plan) = cache.open(request, 1).unwrap();
        assert_eq!(partitions(&plan), [(0, 0), (1, 1)]);
    }

    #[test]
    fn wrong_ids_and_epochs_are_errors_of_the_whole_response() {
        let mut cache = SessionCache::new(10);
        create(&mut cache, 1, 0, 7);
        let mut open = |id, epoch, uses_topic_ids| {
            let request = SessionRequest {
                uses_topic_ids,
                ..session_request(id, epoch)
            };
            cache.open(request, 0).map(|(context, _)| context)
        };
        assert_eq!(open(8, 1, false).err(), Some(ErrorCode::FetchSessionIdNotFound));
        assert_eq!(open(7, 2, false).err(), Some(ErrorCode::InvalidFetchSessionEpoch));
        assert_eq!(open(7, 1, true).err(), Some(ErrorCode::FetchSessionTopicIdError));
        let ended = open(7, -1, false);
        assert!(matches!(ended, Ok(FetchContext::Sessionless)), "ends the session");
        assert_eq!(open(7, 1, false).err(), Some(ErrorCode::FetchSessionIdNotFound));
    }

    #[test]
    fn a_session_that_forgets_all_its_partitions_ends() {
        let mut cache = SessionCache::new(10);
        create(&mut cache, 1, 0, 7);
        let mut open = |epoch, forgotten: &[FetchKey]| {
            let request = SessionRequest {
                forgotten: forgotten.to_vec(),
                ..session_request(7, epoch)
            };
            cache.open(request, 0)
        };
        let (context, plan) = open(1, &[key(0)]).unwrap();
        assert!(matches!(context, FetchContext::Sessionless));
        assert!(plan.partitions.is_empty());
        assert_eq!(open(2, &[]).err(), Some(ErrorCode::FetchSessionIdNotFound));
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
    fn followers_take_the_slots_of_consumers_and_keep_them() {
        let mut cache = SessionCache::new(1);
        let follower = Reader::Follower(FollowerId {
            broker_id: 2,
            broker_epoch: 9,
        });
        assert_eq!(create(&mut cache, 5, 0, 1), 1);
        let mut create_for = |reader, partitions: i32, id: i32| {
            let answered: Vec<_> = (0..partitions)
                .map(|p| (key(p), request(0), answer(5, 0)))
                .collect();
            cache.create(true, reader, answered.into_iter(), 0, || id)
        };
        assert_eq!(create_for(follower, 1, 2), 2, "however small");
        let consumer = Reader::Consumer(Isolation::ReadUncommitted);
        assert_eq!(create_for(consumer, 9, 3), INVALID_SESSION_ID);
        assert_eq!(create_for(follower, 1, 4), INVALID_SESSION_ID);
        assert_eq!(create_for(follower, 2, 5), 5);
    }
}
