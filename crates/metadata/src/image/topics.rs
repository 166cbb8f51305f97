//! Topics and partitions, found by name and by id.

use std::sync::Arc;

use uuid::Uuid;

use super::ShardedMap;
use crate::records::{LeaderRecoveryState, NO_LEADER, PartitionChangeRecord, PartitionRecord};

/// All topics. A topic is in both maps or in none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicsImage {
    by_name: ShardedMap<Arc<str>, Arc<TopicImage>>,
    by_id: ShardedMap<Uuid, Arc<TopicImage>>,
}

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// The name.
    pub name: Arc<str>,
    /// The id, never given to another topic.
    pub id: Uuid,
    /// The partitions; the index is the partition's number.
    pub partitions: Vec<Arc<PartitionImage>>,
}

/// A partition's leader, replicas and epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// The brokers that hold a replica, the preferred leader first.
    pub replicas: Vec<i32>,
    /// For each replica the id of its log directory.
    pub directories: Vec<Uuid>,
    /// The replicas that are in sync.
    pub isr: Vec<i32>,
    /// The replicas that a reassignment is removing.
    pub removing_replicas: Vec<i32>,
    /// The replicas that a reassignment is adding.
    pub adding_replicas: Vec<i32>,
    /// The eligible leader replicas (KIP-966).
    pub eligible_leader_replicas: Vec<i32>,
    /// The last replicas that were eligible, when none is any more.
    pub last_known_elr: Vec<i32>,
    /// Whether the followers of a leader that was elected uncleanly have its log.
    pub leader_recovery_state: LeaderRecoveryState,
    /// The leader, or [`NO_LEADER`].
    pub leader: i32,
    /// Goes up with every election.
    pub leader_epoch: i32,
    /// Goes up with every change.
    pub partition_epoch: i32,
}

impl PartitionImage {
    /// The log directory of a broker's replica; nil where it is not known.
    pub fn directory(&self, broker_id: i32) -> Uuid {
        let mut replicas = self.replicas.iter().zip(&self.directories);
        replicas
            .find(|(replica, _)| **replica == broker_id)
            .map_or(Uuid::nil(), |(_, directory)| *directory)
    }
}

impl TopicsImage {
    /// The topic of this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.by_name.get(name)
    }

    /// The topic of this id.
    pub fn by_id(&self, id: &Uuid) -> Option<&Arc<TopicImage>> {
        self.by_id.get(id)
    }

    /// One partition of the topic of this name.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&Arc<PartitionImage>> {
        self.by_name(topic)?.partition(partition)
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are no topics.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// All topics, in no useful order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.by_name.values()
    }

    pub(super) fn insert(&mut self, topic: Arc<TopicImage>) {
        self.by_id.insert(topic.id, topic.clone());
        self.by_name.insert(topic.name.clone(), topic);
    }

    pub(super) fn remove(&mut self, id: &Uuid) -> Option<Arc<TopicImage>> {
        let topic = self.by_id.remove(id)?;
        self.by_name.remove(&topic.name);
        Some(topic)
    }
}

impl TopicImage {
    /// One partition; `None` when there is none of this number, a negative one too.
    pub fn partition(&self, partition: i32) -> Option<&Arc<PartitionImage>> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }
}

impl PartitionImage {
    /// Whether a broker leads the partition.
    pub fn has_leader(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// Whether the first replica leads.
    pub fn has_preferred_leader(&self) -> bool {
        self.replicas.first() == Some(&self.leader)
    }

    /// Whether a reassignment is under way.
    pub fn is_reassigning(&self) -> bool {
        !self.adding_replicas.is_empty() || !self.removing_replicas.is_empty()
    }

    /// This partition without eligible leader replicas; `None` when it has none anyway.
    pub(super) fn without_elr(&self) -> Option<Self> {
        let any = !self.eligible_leader_replicas.is_empty() || !self.last_known_elr.is_empty();
        any.then(|| Self {
            eligible_leader_replicas: Vec::new(),
            last_known_elr: Vec::new(),
            partition_epoch: self.partition_epoch + 1,
            ..self.clone()
        })
    }

    /// This partition after a change. The partition epoch goes up always, the leader epoch when the record
    /// names a leader.
    pub(crate) fn merge(&self, change: &PartitionChangeRecord) -> Self {
        let pick = |new: &Option<Vec<i32>>, old: &Vec<i32>| new.clone().unwrap_or_else(|| old.clone());
        Self {
            replicas: pick(&change.replicas, &self.replicas),
            directories: change
                .directories
                .clone()
                .unwrap_or_else(|| self.directories.clone()),
            isr: pick(&change.isr, &self.isr),
            removing_replicas: pick(&change.removing_replicas, &self.removing_replicas),
            adding_replicas: pick(&change.adding_replicas, &self.adding_replicas),
            eligible_leader_replicas: pick(&change.eligible_leader_replicas, &self.eligible_leader_replicas),
            last_known_elr: pick(&change.last_known_elr, &self.last_known_elr),
            leader_recovery_state: change.leader_recovery_state.unwrap_or(self.leader_recovery_state),
            leader: change.leader.unwrap_or(self.leader),
            leader_epoch: self.leader_epoch + i32::from(change.leader.is_some()),
            partition_epoch: self.partition_epoch + 1,
        }
    }
}

impl From<&PartitionRecord> for PartitionImage {
    fn from(record: &PartitionRecord) -> Self {
        Self {
            replicas: record.replicas.clone(),
            directories: record.directories.clone(),
            isr: record.isr.clone(),
            removing_replicas: record.removing_replicas.clone(),
            adding_replicas: record.adding_replicas.clone(),
            eligible_leader_replicas: record.eligible_leader_replicas.clone(),
            last_known_elr: record.last_known_elr.clone(),
            leader_recovery_state: record.leader_recovery_state,
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        }
    }
}
