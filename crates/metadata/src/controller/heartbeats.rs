//! What the active controller knows of brokers and no record says: when each was last heard, how far it has
//! replayed the metadata, and which shut down. Kafka's `BrokerHeartbeatManager`.
//!
//! It begins anew with each active controller: until then unfenced brokers count as heard. An entry counts
//! for one broker epoch; what was known of another is forgotten.

use std::collections::BTreeMap;

use crate::image::MetadataImage;
use crate::records::BrokerRegistration;

/// Pure; the decider owns one while its node is the active controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerHeartbeats {
    session_timeout_ms: i64,
    /// The broker in the process of the only voter: it lives, and knows the metadata, without a heartbeat.
    own: Option<i32>,
    brokers: BTreeMap<i32, Heard>,
}

/// What is known of one broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard {
    broker_epoch: i64,
    at_ms: i64,
    /// How far it has replayed the metadata; -1 where it has not said so.
    metadata_offset: i64,
    /// Where the last of its leaderships was given away, so that it may stop when all have heard of it.
    shutdown_offset: Option<i64>,
}

impl BrokerHeartbeats {
    /// Those of a controller that becomes active at `now_ms`: every unfenced broker is heard then.
    /// `session_timeout_ms` is `broker.session.timeout.ms`; `own` the broker beside the only voter, where
    /// there is no other voter.
    pub fn new(session_timeout_ms: i64, own: Option<i32>, image: &MetadataImage, now_ms: i64) -> Self {
        let mut heartbeats = Self {
            session_timeout_ms,
            own,
            brokers: BTreeMap::new(),
        };
        for broker in image.brokers.values().filter(|broker| !broker.fenced) {
            heartbeats.heard(broker.broker_id, broker.broker_epoch, -1, now_ms);
            if broker.in_controlled_shutdown {
                heartbeats.gave_away(broker.broker_id, image.offset);
            }
        }
        heartbeats
    }

    /// An unfenced broker was last heard at `at_ms`, as far as the new controller knows.
    pub fn silent_since(&mut self, broker_id: i32, at_ms: i64) {
        if let Some(heard) = self.brokers.get_mut(&broker_id) {
            heard.at_ms = heard.at_ms.min(at_ms);
        }
    }

    /// A broker has registered or sent a heartbeat.
    pub(super) fn heard(&mut self, broker_id: i32, broker_epoch: i64, metadata_offset: i64, now_ms: i64) {
        let shutdown_offset = self
            .of(broker_id, broker_epoch)
            .and_then(|heard| heard.shutdown_offset);
        let heard = Heard {
            broker_epoch,
            at_ms: now_ms,
            metadata_offset,
            shutdown_offset,
        };
        self.brokers.insert(broker_id, heard);
    }

    /// A broker's session is over.
    pub(super) fn forget(&mut self, broker_id: i32) {
        self.brokers.remove(&broker_id);
    }

    /// The entry at `offset` gave a leadership of a broker away that shuts down.
    pub(super) fn gave_away(&mut self, broker_id: i32, offset: i64) {
        if let Some(heard) = self.brokers.get_mut(&broker_id) {
            heard.shutdown_offset = Some(offset);
        }
    }

    /// Whether a broker has been heard within the session's time.
    pub(super) fn has_session(&self, broker: &BrokerRegistration, now_ms: i64) -> bool {
        self.of(broker.broker_id, broker.broker_epoch)
            .is_some_and(|heard| now_ms < heard.at_ms.saturating_add(self.session_timeout_ms))
    }

    /// Whether a broker counts as heard only because it served when this controller became the active one.
    pub(super) fn is_assumed(&self, broker: &BrokerRegistration) -> bool {
        self.of(broker.broker_id, broker.broker_epoch)
            .is_some_and(|heard| heard.metadata_offset < 0)
    }

    /// Whether all that serve have replayed the metadata up to where a broker's last leadership was given
    /// away.
    pub(super) fn all_know_of_shutdown(&self, broker_id: i32, image: &MetadataImage) -> bool {
        let Some(offset) = self
            .brokers
            .get(&broker_id)
            .map(|heard| heard.shutdown_offset.unwrap_or(-1))
        else {
            return true;
        };
        let active = |broker: &&BrokerRegistration| !broker.fenced && !broker.in_controlled_shutdown;
        image
            .brokers
            .values()
            .map(|broker| &**broker)
            .filter(active)
            .filter(|broker| self.own != Some(broker.broker_id))
            .all(|broker| {
                self.of(broker.broker_id, broker.broker_epoch)
                    .is_some_and(|heard| heard.metadata_offset >= offset)
            })
    }

    /// The unfenced brokers whose session is over.
    pub(super) fn expired(&self, image: &MetadataImage, now_ms: i64) -> Vec<i32> {
        self.judged(image)
            .filter(|broker| !self.has_session(broker, now_ms))
            .map(|broker| broker.broker_id)
            .collect()
    }

    /// When the next session is over if nobody is heard until then.
    pub fn next_expiry_ms(&self, image: &MetadataImage) -> Option<i64> {
        self.judged(image)
            .map(|broker| {
                self.of(broker.broker_id, broker.broker_epoch)
                    .map_or(0, |heard| heard.at_ms.saturating_add(self.session_timeout_ms))
            })
            .min()
    }

    fn judged<'a>(&'a self, image: &'a MetadataImage) -> impl Iterator<Item = &'a BrokerRegistration> {
        let brokers = image.brokers.values().map(|broker| &**broker);
        brokers.filter(|broker| !broker.fenced && self.own != Some(broker.broker_id))
    }

    fn of(&self, broker_id: i32, broker_epoch: i64) -> Option<&Heard> {
        self.brokers
            .get(&broker_id)
            .filter(|heard| heard.broker_epoch == broker_epoch)
    }
}
