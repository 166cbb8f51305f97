//! Share sessions (KIP-932): what a member of a share group fetches is remembered between its requests.
//!
//! A session belongs to a member and to the connection that it was opened by; it ends with either. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use barnabas_network::ConnectionId;
use barnabas_protocol::error::ErrorCode;
use barnabas_share::MemberId;
use uuid::Uuid;

/// Epoch of the request that opens a session.
pub const INITIAL_EPOCH: i32 = 0;
/// Epoch of the request that closes it.
pub const FINAL_EPOCH: i32 = -1;

/// A partition by its topic's id.
pub type PartitionKey = (Uuid, i32);

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// The share group.
    pub group: Arc<str>,
    /// Its member.
    pub member: MemberId,
}

#[derive(Debug)]
struct Session {
    /// That of the next request.
    epoch: i32,
    connection: ConnectionId,
    partitions: BTreeMap<PartitionKey, SessionPartition>,
    last_place: u64,
}

#[derive(Debug)]
struct SessionPartition {
    /// Partitions are served in this order; one that had records goes to the end.
    place: u64,
    /// It is answered even if there is nothing to tell.
    must_tell: bool,
}

/// The sessions of this broker.
#[derive(Debug)]
pub struct ShareSessions {
    sessions_max: usize,
    sessions: HashMap<SessionKey, Session>,
    of_connection: HashMap<ConnectionId, SessionKey>,
    /// How many sessions each group has.
    of_group: HashMap<Arc<str>, usize>,
}

/// A session that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whose it was.
    pub key: SessionKey,
    /// What it fetched.
    pub partitions: Vec<PartitionKey>,
}

impl ShareSessions {
    /// No sessions yet, and never more than so many.
    pub fn new(sessions_max: usize) -> Self {
        ShareSessions {
            sessions_max,
            sessions: HashMap::new(),
            of_connection: HashMap::new(),
            of_group: HashMap::new(),
        }
    }

    /// Opens a session in place of an earlier one of the member. Answers its partitions, each once.
    ///
    /// # Errors
    /// SHARE_SESSION_LIMIT_REACHED.
    pub fn open(
        &mut self,
        key: &SessionKey,
        connection: ConnectionId,
        wanted: &[PartitionKey],
    ) -> Result<Vec<PartitionKey>, ErrorCode> {
        self.remove(key);
        if self.sessions.len() >= self.sessions_max {
            return Err(ErrorCode::ShareSessionLimitReached);
        }
        let mut session = Session {
            epoch: next_epoch(INITIAL_EPOCH),
            connection,
            partitions: BTreeMap::new(),
            last_place: 0,
        };
        session.add(wanted, false);
        let partitions = session.in_order();
        self.sessions.insert(key.clone(), session);
        self.of_connection.insert(connection, key.clone());
        *self.of_group.entry(key.group.clone()).or_default() += 1;
        Ok(partitions)
    }

    /// Goes on with a session: takes partitions in and out. Answers all of them, in the order in which they
    /// are served.
    ///
    /// # Errors
    /// SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH.
    pub fn go_on(
        &mut self,
        key: &SessionKey,
        epoch: i32,
        wanted: &[PartitionKey],
        forgotten: &[PartitionKey],
    ) -> Result<Vec<PartitionKey>, ErrorCode> {
        let session = self.at(key, epoch)?;
        session.add(wanted, true);
        for partition in forgotten {
            session.partitions.remove(partition);
        }
        session.epoch = next_epoch(epoch);
        Ok(session.in_order())
    }

    /// Counts a request that only acknowledges.
    ///
    /// # Errors
    /// SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH.
    pub fn acknowledge(&mut self, key: &SessionKey, epoch: i32) -> Result<(), ErrorCode> {
        if epoch == INITIAL_EPOCH {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        if epoch == FINAL_EPOCH {
            return self.check_open(key);
        }
        self.at(key, epoch)?.epoch = next_epoch(epoch);
        Ok(())
    }

    /// # Errors
    /// SHARE_SESSION_NOT_FOUND.
    pub fn check_open(&self, key: &SessionKey) -> Result<(), ErrorCode> {
        let is_open = self.sessions.contains_key(key);
        is_open.then_some(()).ok_or(ErrorCode::ShareSessionNotFound)
    }

    /// Of what a request with `epoch` found, keeps what the member has to be told: records, errors, and each
    /// partition once.
    ///
    /// # Errors
    /// INVALID_SHARE_SESSION_EPOCH: the session has gone on meanwhile.
    pub fn keep_told<T>(
        &mut self,
        key: &SessionKey,
        epoch: i32,
        found: &mut Vec<(PartitionKey, T)>,
        (has_records, has_error): (impl Fn(&T) -> bool, impl Fn(&T) -> bool),
    ) -> Result<(), ErrorCode> {
        let Ok(session) = self.at(key, next_epoch(epoch)) else {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        };
        let Session {
            partitions,
            last_place,
            ..
        } = session;
        found.retain(|(key, found)| {
            let (has_records, has_error) = (has_records(found), has_error(found));
            let Some(partition) = partitions.get_mut(key) else {
                return has_records || has_error;
            };
            let is_told = has_records || has_error || partition.must_tell;
            partition.must_tell = has_error;
            if has_records {
                *last_place += 1;
                partition.place = *last_place;
            }
            is_told
        });
        Ok(())
    }

    /// Closes a session, if there is one.
    pub fn remove(&mut self, key: &SessionKey) -> Option<Ended> {
        let session = self.sessions.remove(key)?;
        if let Some(count) = self.of_group.get_mut(&key.group) {
            *count = count.saturating_sub(1);
        }
        Some(Ended {
            key: key.clone(),
            partitions: session.in_order(),
        })
    }

    /// A connection has ended: so does the session that was opened by it last. Answers too the group that
    /// has no session left.
    pub fn connection_closed(&mut self, connection: ConnectionId) -> (Option<Ended>, Option<Arc<str>>) {
        let Some(key) = self.of_connection.remove(&connection) else {
            return (None, None);
        };
        let is_its = self
            .sessions
            .get(&key)
            .is_some_and(|session| session.connection == connection);
        let ended = if is_its { self.remove(&key) } else { None };
        let is_empty = self.of_group.get(&key.group).is_none_or(|count| *count == 0);
        if is_empty {
            self.of_group.remove(&key.group);
        }
        (ended, is_empty.then_some(key.group))
    }

    /// Ends all sessions.
    pub fn clear(&mut self) {
        self.sessions.clear();
        self.of_group.clear();
    }

    fn at(&mut self, key: &SessionKey, epoch: i32) -> Result<&mut Session, ErrorCode> {
        let session = self
            .sessions
            .get_mut(key)
            .ok_or(ErrorCode::ShareSessionNotFound)?;
        if session.epoch == epoch {
            Ok(session)
        } else {
            Err(ErrorCode::InvalidShareSessionEpoch)
        }
    }
}

impl Session {
    fn add(&mut self, wanted: &[PartitionKey], must_tell: bool) {
        for key in wanted {
            let place = self.last_place + 1;
            let mut is_new = false;
            self.partitions.entry(*key).or_insert_with(|| {
                is_new = true;
                SessionPartition { place, must_tell }
            });
            if is_new {
                self.last_place = place;
            }
        }
    }

    fn in_order(&self) -> Vec<PartitionKey> {
        let mut ordered: Vec<_> = self.partitions.iter().collect();
        ordered.sort_unstable_by_key(|(_, partition)| partition.place);
        ordered.into_iter().map(|(key, _)| *key).collect()
    }
}

/// The epoch after another; it wraps around to 1.
fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MAX => 1,
        epoch => epoch + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group: &str, member: &str) -> SessionKey {
        SessionKey {
            group: group.into(),
            member: member.into(),
        }
    }

    fn partitions(indexes: &[i32]) -> Vec<PartitionKey> {
        indexes.iter().map(|index| (Uuid::from_u128(1), *index)).collect()
    }

    #[test]
    fn epochs_follow_each_other() {
        let mut sessions = ShareSessions::new(2);
        let (a, connection) = (key("g", "a"), ConnectionId::numbered(1));
        assert_eq!(
            sessions.go_on(&a, 1, &[], &[]),
            Err(ErrorCode::ShareSessionNotFound)
        );
        assert_eq!(
            sessions.acknowledge(&a, 0),
            Err(ErrorCode::InvalidShareSessionEpoch)
        );
        assert_eq!(sessions.acknowledge(&a, -1), Err(ErrorCode::ShareSessionNotFound));
        sessions.open(&a, connection, &partitions(&[3, 1])).unwrap();
        assert_eq!(
            sessions.go_on(&a, 2, &[], &[]),
            Err(ErrorCode::InvalidShareSessionEpoch)
        );
        let all = sessions.go_on(&a, 1, &partitions(&[2, 1]), &partitions(&[3]));
        assert_eq!(all, Ok(partitions(&[1, 2])));
        sessions.acknowledge(&a, 2).unwrap();
        sessions.acknowledge(&a, -1).unwrap();
        assert_eq!(sessions.go_on(&a, 3, &[], &[]), Ok(partitions(&[1, 2])));
        sessions.sessions.get_mut(&a).unwrap().epoch = i32::MAX;
        sessions.acknowledge(&a, i32::MAX).unwrap();
        assert!(sessions.go_on(&a, 1, &[], &[]).is_ok());
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut sessions = ShareSessions::new(1);
        let connection = ConnectionId::numbered;
        sessions.open(&key("g", "a"), connection(1), &[]).unwrap();
        let refused = sessions.open(&key("g", "b"), connection(2), &[]);
        assert_eq!(refused, Err(ErrorCode::ShareSessionLimitReached));
        sessions.open(&key("g", "a"), connection(3), &[]).unwrap();
    }

    #[test]
    fn a_session_ends_with_its_connection() {
        let mut sessions = ShareSessions::new(5);
        let connection = ConnectionId::numbered;
        sessions
            .open(&key("g", "a"), connection(1), &partitions(&[0]))
            .unwrap();
        sessions.open(&key("g", "b"), connection(2), &[]).unwrap();
        // Opened anew by another connection, it lives on.
        sessions
            .open(&key("g", "a"), connection(3), &partitions(&[0]))
            .unwrap();
        assert_eq!(sessions.connection_closed(connection(1)), (None, None));
        let (ended, empty) = sessions.connection_closed(connection(3));
        assert_eq!(ended.unwrap().partitions, partitions(&[0]));
        assert_eq!(empty, None);
        assert!(sessions.remove(&key("g", "b")).is_some());
        assert_eq!(
            sessions.connection_closed(connection(2)),
            (None, Some("g".into()))
        );
        assert_eq!(sessions.connection_closed(connection(2)), (None, None));
    }

    #[test]
    fn what_has_changed_is_told() {
        let mut sessions = ShareSessions::new(5);
        let a = key("g", "a");
        sessions
            .open(&a, ConnectionId::numbered(1), &partitions(&[0, 1]))
            .unwrap();
        sessions.go_on(&a, 1, &partitions(&[2]), &[]).unwrap();
        let found = |what: [&'static str; 3]| -> Vec<(PartitionKey, &'static str)> {
            partitions(&[0, 1, 2]).into_iter().zip(what).collect()
        };
        let tell = |sessions: &mut ShareSessions, epoch, what| {
            let mut found = found(what);
            let judge = (
                |found: &&str| *found == "records",
                |found: &&str| *found == "error",
            );
            sessions.keep_told(&a, epoch, &mut found, judge).map(|()| {
                let told = found.iter().map(|(key, _)| key.1);
                told.collect::<Vec<_>>()
            })
        };
        assert_eq!(tell(&mut sessions, 1, ["records", "", ""]), Ok(vec![0, 2]));
        assert_eq!(sessions.go_on(&a, 2, &[], &[]), Ok(partitions(&[1, 2, 0])));
        assert_eq!(tell(&mut sessions, 2, ["", "error", ""]), Ok(vec![1]));
        assert_eq!(tell(&mut sessions, 2, ["", "", ""]), Ok(vec![1]));
        assert_eq!(tell(&mut sessions, 2, ["", "", ""]), Ok(vec![]));
        assert_eq!(
            tell(&mut sessions, 3, ["", "", ""]),
            Err(ErrorCode::InvalidShareSessionEpoch)
        );
    }
}
