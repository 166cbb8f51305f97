//! The follower's end of an incremental fetch session (KIP-227): what the leader has been told.
//!
//! Pure. A session begins with a Fetch that names all partitions and waits for nothing, so that soon others
//! can follow it. A leader that has no room for a session is asked for everything every time.

use std::collections::BTreeMap;

use super::exchange::{Asked, TopicIdPartition};

/// A session's part of a Fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The session, 0 for none.
    pub session_id: i32,
    /// Its epoch; 0 begins a session.
    pub session_epoch: i32,
    /// Whether the leader should wait for records.
    pub waits: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct FetchSession {
    id: i32,
    /// Of the next Fetch; 0 begins a session.
    epoch: i32,
    /// The Fetch that begins it is on its way.
    begins: bool,
    /// The leader has given no session.
    refused: bool,
    /// What the leader has been told, and the number of the Fetch that told it.
    asked: BTreeMap<TopicIdPartition, (Asked, u64)>,
}

impl FetchSession {
    /// Whether a session has begun, so that a Fetch says only what has changed.
    pub fn is_incremental(&self) -> bool {
        self.epoch > 0
    }

    /// What the leader has been told of a partition.
    pub fn asked(&self, key: &TopicIdPartition) -> Option<Asked> {
        self.asked.get(key).map(|(asked, _)| *asked)
    }

    /// Whether what the leader has been told of a partition is what a Fetch of this number asked: later ones
    /// have not told anything else.
    pub fn is_asked_by(&self, key: &TopicIdPartition, fetch: u64) -> bool {
        self.asked.get(key).is_some_and(|(_, by)| *by <= fetch)
    }

    /// A Fetch of all of `partitions`. A session that goes on at the leader ends with it.
    pub fn begin(&mut self, fetch: u64, partitions: &[(TopicIdPartition, Asked)]) -> Sent {
        let asked = partitions.iter().map(|(key, asked)| (*key, (*asked, fetch)));
        self.asked = asked.collect();
        self.begins = true;
        Sent {
            session_id: self.id,
            session_epoch: 0,
            waits: self.refused,
        }
    }

    /// The next Fetch of the session, with these changes; `None` if nothing is left in it: it ends with the
    /// next one that begins.
    pub fn go_on(
        &mut self,
        fetch: u64,
        partitions: &[(TopicIdPartition, Asked)],
        forgotten: &[TopicIdPartition],
    ) -> Option<Sent> {
        let asked = partitions.iter().map(|(key, asked)| (*key, (*asked, fetch)));
        self.asked.extend(asked);
        for key in forgotten {
            self.asked.remove(key);
        }
        if self.asked.is_empty() {
            self.epoch = 0;
            return None;
        }
        let session_epoch = self.epoch;
        self.epoch = session_epoch.checked_add(1).unwrap_or(1);
        Some(Sent {
            session_id: self.id,
            session_epoch,
            waits: true,
        })
    }

    /// The leader has answered with a session's id, 0 for none.
    pub fn answered(&mut self, session_id: i32) {
        if std::mem::take(&mut self.begins) {
            self.id = session_id;
            self.epoch = i32::from(session_id != 0);
            self.refused = session_id == 0;
        }
    }

    /// The session is of no use any more; with `forgotten` the leader doesn't know it either.
    pub fn end(&mut self, forgotten: bool) {
        (self.epoch, self.begins, self.refused) = (0, false, false);
        if forgotten {
            self.id = 0;
        }
        self.asked.clear();
    }
}
