//! The server-side assignors (KIP-848): who gets which partitions of the topics that a group's members read.
//!
//! Pure functions of the members, what they had, and the topics' sizes. Apache Kafka's results: where its
//! order depends on its hash tables the caller gives the members in that order. Neither assignor looks at
//! racks, as in Apache Kafka 4.4.

mod heterogeneous;
mod homogeneous;
mod range;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// Partitions by topic id. No topic is there without a partition.
pub type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// A server-side assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Spreads partitions evenly and moves few.
    Uniform,
    /// Gives each member the same range of every topic.
    Range,
}

impl Assignor {
    /// The assignor of this name, or of the name of Apache Kafka's class for it.
    pub fn from_name(name: &str) -> Option<Assignor> {
        match name {
            "uniform" | "org.apache.kafka.coordinator.group.assignor.UniformAssignor" => {
                Some(Assignor::Uniform)
            }
            "range" | "org.apache.kafka.coordinator.group.assignor.RangeAssignor" => Some(Assignor::Range),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// What each of `members` gets, in their order. `sizes` has the number of partitions of every topic that
    /// is subscribed to.
    pub(crate) fn assign(
        self,
        members: &[AssigneeMember<'_>],
        all_subscribe_alike: bool,
        sizes: &BTreeMap<Uuid, i32>,
    ) -> Vec<Partitions> {
        match self {
            _ if members.is_empty() => Vec::new(),
            Assignor::Uniform if all_subscribe_alike => homogeneous::assign(members, sizes),
            Assignor::Uniform => heterogeneous::assign(members, sizes),
            Assignor::Range => range::assign(members, sizes),
        }
    }
}

/// A member that is to get partitions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssigneeMember<'a> {
    pub(crate) id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    /// The topics it subscribes to; only those that exist.
    pub(crate) topics: &'a BTreeSet<Uuid>,
    /// What it was to have before.
    pub(crate) had: &'a Partitions,
}

/// The order of Apache Kafka's topic ids: two signed halves.
fn kafka_uuid_order(id: &Uuid) -> (i64, i64) {
    let (high, low) = id.as_u64_pair();
    (high as i64, low as i64)
}

fn insert(partitions: &mut Partitions, topic: Uuid, partition: i32) {
    partitions.entry(topic).or_default().insert(partition);
}

fn remove(partitions: &mut Partitions, topic: &Uuid, partition: i32) {
    if let Some(of_topic) = partitions.get_mut(topic) {
        of_topic.remove(&partition);
        if of_topic.is_empty() {
            partitions.remove(topic);
        }
    }
}

#[cfg(test)]
mod tests;
