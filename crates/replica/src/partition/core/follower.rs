//! What the leader knows of one follower: how far its fetches say that it is, and since when it keeps up.

/// Up to where a follower has the log, as its fetches say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerLog {
    /// The follower's end: the offset it fetches.
    pub end_offset: i64,
    /// The follower's first offset.
    pub start_offset: i64,
}

/// Who fetches as a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerId {
    /// Its broker's id.
    pub broker_id: i32,
    /// Under which it has registered (KIP-903), -1 where it doesn't say.
    pub broker_epoch: i64,
}

/// A broker that is registered and not fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AliveBroker {
    /// Its id.
    pub broker_id: i32,
    /// Under which it has registered.
    pub broker_epoch: i64,
    /// It is about to stop: nothing joins an ISR there.
    pub shutting_down: bool,
}

/// The time, and how long a follower may be behind (`replica.lag.time.max.ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LagTime {
    /// Milliseconds of the monotonic clock.
    pub now_ms: i64,
    /// Milliseconds.
    pub max_ms: i64,
}

impl LagTime {
    fn is_within(self, since_ms: i64) -> bool {
        self.now_ms.saturating_sub(since_ms) <= self.max_ms
    }
}

/// A follower as a consumer could read from it (KIP-392).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// Its broker's id.
    pub broker_id: i32,
    /// Where its log ends.
    pub end_offset: i64,
    /// When it last had all that the leader had.
    pub caught_up_ms: i64,
}

/// One follower.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    pub replica_id: i32,
    /// `None` while its broker is fenced, or not registered.
    alive: Option<AliveBroker>,
    /// `None` until it has fetched in this leader epoch.
    fetch: Option<LastFetch>,
    /// When it last had all that the leader had; `None` if never in this epoch.
    caught_up_ms: Option<i64>,
    /// It has kept up, as far as was known when it last was looked at.
    keeps_up: bool,
}

#[derive(Clone, Copy, Debug)]
struct LastFetch {
    has: FollowerLog,
    broker_epoch: i64,
    at_ms: i64,
    /// Where the leader's log ended then.
    leader_end_offset: i64,
}

impl Follower {
    /// One that has not fetched yet, caught up at a time if it is in the ISR.
    pub fn new(replica_id: i32, caught_up_ms: Option<i64>) -> Self {
        Follower {
            replica_id,
            alive: None,
            fetch: None,
            caught_up_ms,
            keeps_up: false,
        }
    }

    /// Finds its broker among those alive.
    pub fn told_of(&mut self, alive: &[AliveBroker]) {
        let mut alive = alive.iter();
        self.alive = alive.find(|broker| broker.broker_id == self.replica_id).copied();
    }

    /// Up to where it has the log.
    pub fn log(&self) -> Option<FollowerLog> {
        self.fetch.map(|fetch| fetch.has)
    }

    /// It as a consumer could read `offset` from it; `None` if it has not that record, nor will have it next.
    pub fn view_of(&self, offset: i64) -> Option<ReplicaView> {
        let log = self.log()?;
        (log.start_offset..=log.end_offset)
            .contains(&offset)
            .then_some(ReplicaView {
                broker_id: self.replica_id,
                end_offset: log.end_offset,
                caught_up_ms: self.caught_up_ms.unwrap_or(0),
            })
    }

    /// The broker epoch of its last fetch, -1 if there was none.
    pub fn broker_epoch(&self) -> i64 {
        self.fetch.map_or(-1, |fetch| fetch.broker_epoch)
    }

    /// Whether a broker has registered since under its id.
    pub fn is_newer_than(&self, broker_epoch: i64) -> bool {
        broker_epoch >= 0 && self.alive.is_some_and(|alive| alive.broker_epoch > broker_epoch)
    }

    /// Takes note of a fetch. Whoever asks for what is behind the end that the leader had at the fetch before
    /// was caught up then (KIP-16).
    pub fn fetched(&mut self, has: FollowerLog, broker_epoch: i64, leader_end_offset: i64, time: LagTime) {
        if has.end_offset >= leader_end_offset {
            self.caught_up_ms = Some(time.now_ms);
        } else if let Some(last) = self.fetch
            && has.end_offset >= last.leader_end_offset
        {
            self.caught_up_ms = self.caught_up_ms.max(Some(last.at_ms));
        }
        self.fetch = Some(LastFetch {
            has,
            broker_epoch,
            at_ms: time.now_ms,
            leader_end_offset,
        });
        self.look(leader_end_offset, time);
    }

    /// Looks whether it keeps up: it has all, or had at a time not long ago.
    pub fn look(&mut self, leader_end_offset: i64, time: LagTime) {
        let has_all = self.log().is_some_and(|log| log.end_offset == leader_end_offset);
        self.keeps_up = has_all || self.caught_up_ms.is_some_and(|since_ms| time.is_within(since_ms));
    }

    /// Whether it keeps up.
    pub fn keeps_up(&self) -> bool {
        self.keeps_up
    }

    /// Whether its broker may be in an ISR: it is alive, stays, and is what has fetched.
    pub fn is_eligible(&self) -> bool {
        self.alive.is_some_and(|alive| {
            let fetched_by = self.broker_epoch();
            !alive.shutting_down && (fetched_by < 0 || fetched_by == alive.broker_epoch)
        })
    }

    /// Whether it could be in the ISR at any moment.
    pub fn could_join(&self) -> bool {
        self.keeps_up && self.is_eligible()
    }
}
