//! Share groups (KIP-932) on this broker: who fetches what ([`sessions`]), the share partitions of what it
//! leads ([`partitions`]), where what they give up goes ([`dead_letters`]), and where the state of share
//! partitions is kept ([`persister`]).

pub mod acknowledge;
pub mod acquire;
mod batches;
mod dead_letters;
pub mod fetch;
pub mod group_states;
pub mod held;
pub mod lag;
mod look;
mod partitions;
pub mod persister;
pub mod request;
pub mod response;
pub mod sessions;
mod settings;
mod state;

use std::sync::Arc;

use barnabas_metadata::features::SHARE_VERSION;
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_network::ConnectionId;
use barnabas_protocol::error::ErrorCode;
use parking_lot::{Mutex, MutexGuard};

pub use settings::ShareSettings;

use crate::broker::Broker;
use held::ShareKey;
use partitions::SharePartitions;
use sessions::{Ended, SessionKey, ShareSessions};

/// What this broker knows of share groups.
#[derive(Debug)]
pub struct Shares {
    partitions: SharePartitions,
    sessions: Mutex<ShareSessions>,
}

impl Shares {
    /// Nothing yet; never more than so many sessions.
    pub fn new(sessions_max: usize) -> Self {
        Shares {
            partitions: SharePartitions::default(),
            sessions: Mutex::new(ShareSessions::new(sessions_max)),
        }
    }

    /// The share sessions.
    pub fn sessions(&self) -> MutexGuard<'_, ShareSessions> {
        self.sessions.lock()
    }

    /// The share partitions of a group that are held here.
    pub fn of_group(&self, group: &str) -> Vec<Arc<held::Held>> {
        self.partitions.of_group(group)
    }

    /// Holds no longer what this broker leads no longer, or what is gone.
    pub fn apply(&self, image: &MetadataImage, delta: &MetadataDelta, node_id: i32) {
        if delta.features_changed && image.features.level(SHARE_VERSION) == 0 {
            self.sessions().clear();
            self.partitions
                .end_where(ErrorCode::NotLeaderOrFollower, |_| true);
            return;
        }
        let has_changed = |key: &ShareKey| {
            delta.partitions.contains_key(&key.topic_id)
                || delta.topics_deleted.iter().any(|topic| topic.id == key.topic_id)
        };
        if delta.partitions.is_empty() && delta.topics_deleted.is_empty() {
            return;
        }
        self.partitions.end_where(ErrorCode::NotLeaderOrFollower, |held| {
            let key = &held.key;
            has_changed(key) && {
                let topic = image.topics.by_id(&key.topic_id);
                let partition = topic.and_then(|topic| topic.partition(key.partition));
                partition.is_none_or(|partition| partition.leader != node_id)
            }
        });
    }

    /// A connection has ended: what its member holds is available again. What nobody of a group fetches is
    /// not held.
    pub fn connection_closed(&self, broker: &Arc<Broker>, connection: ConnectionId) {
        let (ended, empty) = self.sessions().connection_closed(connection);
        if let Some(ended) = ended {
            self.release(broker, &ended);
        }
        if let Some(group) = empty {
            self.partitions.unwanted(&group);
        }
    }

    /// Closes a session.
    ///
    /// # Errors
    /// SHARE_SESSION_NOT_FOUND.
    pub fn close(&self, broker: &Arc<Broker>, key: &SessionKey) -> Result<(), ErrorCode> {
        let ended = self
            .sessions()
            .remove(key)
            .ok_or(ErrorCode::ShareSessionNotFound)?;
        self.release(broker, &ended);
        Ok(())
    }

    fn release(&self, broker: &Arc<Broker>, ended: &Ended) {
        let settings = broker.share_settings(&ended.key.group).group;
        let now_ms = broker.clock.monotonic_ms();
        for (topic_id, partition) in &ended.partitions {
            let key = ShareKey {
                group: ended.key.group.clone(),
                topic_id: *topic_id,
                partition: *partition,
            };
            let Some(held) = self.partitions.get(&key) else {
                continue;
            };
            let mut state = held.lock();
            let core = state.core();
            if let Some(write) =
                core.and_then(|core| core.release_acquired(&ended.key.member, &settings, now_ms))
            {
                drop(partitions::submit(broker, &held, &mut state, write));
            }
        }
    }
}
