//! Share groups (KIP-932): members that read the same partitions together.
//!
//! A member has what the target assignment gives it at once: nobody has to give anything back before. A
//! partition is assigned once its state has begun with the share coordinator: a heartbeat says which states
//! are to begin ([`ShareInitialization`]), the shell has that done, and [`GroupShard::share_initialized`]
//! notes it. The rules and error codes are Apache Kafka 4.4's (`GroupMetadataManager`).

mod assign;
mod describe;
mod heartbeat;
mod offsets;
pub(crate) mod record;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

pub use heartbeat::ShareHeartbeat;
pub use offsets::{ShareGroupOffsets, ShareOffsetsTopic};
pub use record::ShareGroupRecord;
pub use state::ShareInitialization;

use crate::assignor::Partitions;
use crate::consumer::record::{GroupEpoch, TargetEpoch};
use crate::group::GroupShard;
use crate::record::GroupRecord;

/// The epoch of a group before its first record.
const FIRST_EPOCH: GroupEpoch = GroupEpoch {
    epoch: 1,
    metadata_hash: 0,
};
const NO_TARGET: TargetEpoch = TargetEpoch {
    epoch: 0,
    timestamp_ms: 0,
};

/// What a member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareMemberDetails {
    /// Its rack.
    pub rack_id: Option<Arc<str>>,
    /// `client.id`
    pub client_id: Arc<str>,
    /// Where it connects from.
    pub client_host: Arc<str>,
    /// The topics that it reads.
    pub topics: BTreeSet<Arc<str>>,
}

/// What a member has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareAssignment {
    /// The member's epoch.
    pub epoch: i32,
    /// The one before, in which it may still be if it has not heard of this one.
    pub previous_epoch: i32,
    /// The partitions.
    pub assigned: Partitions,
}

/// A member of a share group.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShareMember {
    details: Arc<ShareMemberDetails>,
    current: Arc<ShareAssignment>,
}

/// A topic of which a group has states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateTopic {
    /// Its name.
    pub name: Arc<str>,
    /// The partitions.
    pub partitions: BTreeSet<i32>,
}

/// The partitions of which the share coordinator has a state for a group, or is asked to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatePartitions {
    /// Their states are to begin.
    pub initializing: BTreeMap<Uuid, StateTopic>,
    /// Their states have begun.
    pub initialized: BTreeMap<Uuid, StateTopic>,
    /// Topics whose states are to be forgotten, by id with their names.
    pub deleting: BTreeMap<Uuid, Arc<str>>,
}

/// A share group.
#[derive(Clone, Debug)]
pub(crate) struct ShareGroup {
    epoch: GroupEpoch,
    target_epoch: TargetEpoch,
    members: BTreeMap<Arc<str>, ShareMember>,
    targets: BTreeMap<Arc<str>, Arc<Partitions>>,
    states: Arc<StatePartitions>,
    /// Whether the topics may have changed since they were looked at. Not in the log.
    topics_changed: bool,
    /// When the share coordinator was last asked to begin states, on the monotonic clock. Not in the log.
    initializing_since_ms: Option<i64>,
}

impl ShareGroup {
    fn new() -> Self {
        ShareGroup {
            epoch: FIRST_EPOCH,
            target_epoch: NO_TARGET,
            members: BTreeMap::new(),
            targets: BTreeMap::new(),
            states: Arc::default(),
            topics_changed: true,
            initializing_since_ms: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Kafka's name of its state.
    pub(crate) fn state(&self) -> &'static str {
        if self.is_empty() { "Empty" } else { "Stable" }
    }

    pub(crate) fn member_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.members.keys()
    }

    /// Topics have changed: the next heartbeat looks whether they matter.
    pub(crate) fn look_at(&mut self, topics: &[Arc<str>]) {
        self.topics_changed |= topics.iter().any(|topic| self.is_subscribed_to(topic));
    }

    fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members
            .values()
            .any(|member| member.details.topics.contains(topic))
    }

    fn apply(&mut self, record: ShareGroupRecord) {
        match record {
            ShareGroupRecord::Epoch(value) => self.epoch = value.unwrap_or(FIRST_EPOCH),
            ShareGroupRecord::Member {
                id,
                value: Some(value),
            } => {
                self.members.entry(id).or_default().details = value;
            }
            ShareGroupRecord::Member { id, value: None } => {
                self.members.remove(&id);
                self.targets.remove(&id);
            }
            ShareGroupRecord::TargetEpoch(value) => self.target_epoch = value.unwrap_or(NO_TARGET),
            ShareGroupRecord::Target {
                id,
                value: Some(value),
            } => {
                self.targets.insert(id, value);
            }
            ShareGroupRecord::Target { id, value: None } => {
                self.targets.remove(&id);
            }
            ShareGroupRecord::Current { id, value } => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.current = value.unwrap_or_default();
                }
            }
            ShareGroupRecord::StatePartitions(value) => self.states = value.unwrap_or_default(),
        }
    }

    /// What deletes the group. It has no members.
    pub(crate) fn tombstones(&self) -> Vec<ShareGroupRecord> {
        let mut tombstones = Vec::new();
        if *self.states != StatePartitions::default() {
            tombstones.push(ShareGroupRecord::StatePartitions(None));
        }
        tombstones.push(ShareGroupRecord::TargetEpoch(None));
        tombstones.push(ShareGroupRecord::Epoch(None));
        tombstones
    }
}

impl GroupRecord {
    /// Records of one share group.
    pub(crate) fn of_share_group(group: &Arc<str>, records: Vec<ShareGroupRecord>) -> Vec<GroupRecord> {
        let of_group = |record| GroupRecord::Share {
            group: group.clone(),
            record,
        };
        records.into_iter().map(of_group).collect()
    }
}

impl GroupShard {
    /// Applies a record of a share group. A tombstone for what isn't there says nothing.
    pub(crate) fn replay_share(&mut self, group_id: Arc<str>, record: ShareGroupRecord) {
        if let ShareGroupRecord::Epoch(None) = record {
            self.share_groups.remove(&group_id);
            return;
        }
        let is_tombstone = matches!(
            record,
            ShareGroupRecord::Member { value: None, .. }
                | ShareGroupRecord::TargetEpoch(None)
                | ShareGroupRecord::Target { value: None, .. }
                | ShareGroupRecord::Current { value: None, .. }
                | ShareGroupRecord::StatePartitions(None)
        );
        if is_tombstone && !self.share_groups.contains_key(&group_id) {
            return;
        }
        let group = self.share_groups.entry(group_id).or_insert_with(ShareGroup::new);
        group.apply(record);
    }

    /// Whether a group of another type has this id.
    fn holds_other_than_share(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
            || self.consumer_groups.contains_key(group_id)
            || self.streams_groups.contains_key(group_id)
    }

    /// Whether this is a share group.
    pub fn is_share_group(&self, group_id: &str) -> bool {
        self.share_groups.contains_key(group_id)
    }
}
