//! Offsets that expire (KIP-211) or whose topic was deleted, and groups that have nothing left.
//!
//! An offset expires `offsets.retention.minutes` after the group became empty if the group has a protocol,
//! else after its commit; in a stable group of consumers those of topics that it no longer reads do. A time
//! of its own overrides that.

use std::sync::Arc;

use barnabas_environment::Now;
use uuid::Uuid;

use super::GroupShard;
use super::remove::{Reader, offset_tombstone};
use crate::classic::state::ClassicState;
use crate::record::{CommittedOffset, GroupRecord};
use crate::timers::TimerKey;

/// From when on a group's offsets age.
enum AgeFrom {
    /// From their commit.
    Commit,
    /// From when the group became empty, if that is known.
    State(Option<i64>),
}

impl AgeFrom {
    fn of(group: Reader<'_>) -> Option<AgeFrom> {
        let Reader::Classic(group) = group else {
            return Some(AgeFrom::Commit);
        };
        match (&group.protocol_type, group.state) {
            (None, _) => Some(AgeFrom::Commit),
            (Some(_), ClassicState::Empty) => Some(AgeFrom::State(group.state_timestamp_ms)),
            (Some(_), ClassicState::Stable) if group.subscribed_topics.is_some() => Some(AgeFrom::Commit),
            (Some(_), _) => None,
        }
    }

    fn has_expired(&self, offset: &CommittedOffset, retention_ms: i64, wall_ms: i64) -> bool {
        if let Some(expire_timestamp_ms) = offset.expire_timestamp_ms {
            return wall_ms >= expire_timestamp_ms;
        }
        let from_ms = match self {
            AgeFrom::State(Some(state_timestamp_ms)) => *state_timestamp_ms,
            AgeFrom::State(None) | AgeFrom::Commit => offset.commit_timestamp_ms,
        };
        wall_ms.saturating_sub(from_ms) >= retention_ms
    }
}

impl GroupShard {
    pub(super) fn schedule_expiry(&mut self, now: Now) {
        self.timers.schedule(
            TimerKey::Expiry,
            now.monotonic_ms
                .saturating_add(self.config.offsets_retention_check_interval_ms),
        );
    }

    /// The tombstones of what has expired. They need not be appended in one batch.
    pub(super) fn expire_offsets(&mut self, now: Now) -> Vec<GroupRecord> {
        self.schedule_expiry(now);
        let mut records = Vec::new();
        let classic = self
            .groups
            .values()
            .map(|group| (Reader::Classic(group), group.state == ClassicState::Empty));
        let consumer = self
            .consumer_groups
            .values()
            .map(|group| (Reader::Consumer(group), group.members.is_empty()));
        let streams = self
            .streams_groups
            .values()
            .map(|group| (Reader::Streams(group), group.members.is_empty()));
        for (group, is_empty) in classic.chain(consumer).chain(streams) {
            let all_expired = self.expire_offsets_of(group, now.wall_ms, &mut records);
            if all_expired && is_empty {
                records.extend(self.tombstones_of_empty(group.id()));
            }
        }
        records
    }

    /// Whether the group has no offset left.
    fn expire_offsets_of(&self, group: Reader<'_>, wall_ms: i64, records: &mut Vec<GroupRecord>) -> bool {
        let age_from = AgeFrom::of(group);
        let mut all_expired = self.pending.of_group(group.id()).next().is_none();
        for (topic, partitions) in self.offsets.of_group(group.id()) {
            let Some(age_from) = age_from.as_ref().filter(|_| !group.is_subscribed_to(topic)) else {
                all_expired = false;
                continue;
            };
            for (partition, offset) in partitions {
                let is_open = self.pending.is_open(group.id(), topic, *partition);
                if !is_open && age_from.has_expired(offset, self.config.offsets_retention_ms, wall_ms) {
                    records.push(offset_tombstone(group.id(), topic, *partition));
                } else {
                    all_expired = false;
                }
            }
        }
        all_expired
    }

    /// The tombstones of all offsets of deleted topics, given with their ids: a new topic of the same name
    /// keeps its own. They need not be appended in one batch.
    pub fn delete_topics(&self, deleted: &[(Arc<str>, Uuid)]) -> Vec<GroupRecord> {
        let is_deleted = |topic: &str, id: Uuid| {
            deleted
                .iter()
                .any(|(name, gone)| **name == *topic && (id.is_nil() || id == *gone))
        };
        let mut records = Vec::new();
        for group in self.offsets.groups() {
            for (topic, partitions) in self.offsets.of_group(group) {
                let gone = partitions
                    .iter()
                    .filter(|(_, offset)| is_deleted(topic, offset.topic_id));
                records.extend(gone.map(|(partition, _)| offset_tombstone(group, topic, *partition)));
            }
        }
        records.extend(self.share_forget_topics(deleted));
        records
    }
}
