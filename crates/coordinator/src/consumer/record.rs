//! The records of a consumer group.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::member::{CurrentAssignment, MemberDetails};
use crate::assignor::Partitions;

/// A record of a consumer group; one without a value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerRecord {
    /// ConsumerGroupMetadata: the group's epoch. The tombstone deletes the group.
    Epoch(Option<GroupEpoch>),
    /// ConsumerGroupPartitionMetadata, which Apache Kafka wrote before 4.1: whether it is there is all that
    /// counts.
    LegacyTopics(Option<()>),
    /// ConsumerGroupMemberMetadata.
    Member {
        /// The member.
        id: Arc<str>,
        /// What it says of itself.
        value: Option<Arc<MemberDetails>>,
    },
    /// ConsumerGroupTargetAssignmentMetadata.
    TargetEpoch(Option<TargetEpoch>),
    /// ConsumerGroupTargetAssignmentMember.
    Target {
        /// The member.
        id: Arc<str>,
        /// What it is to have.
        value: Option<Arc<Partitions>>,
    },
    /// ConsumerGroupCurrentMemberAssignment.
    Current {
        /// The member.
        id: Arc<str>,
        /// What it has.
        value: Option<Arc<CurrentAssignment>>,
    },
    /// ConsumerGroupRegularExpression.
    Regex {
        /// The regular expression.
        regex: Arc<str>,
        /// What it matches.
        value: Option<ResolvedRegex>,
    },
}

/// A group's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEpoch {
    /// The epoch.
    pub epoch: i32,
    /// Apache Kafka's hash over the topics that the group reads.
    pub metadata_hash: i64,
}

/// The epoch of the target assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetEpoch {
    /// The group epoch that it was computed for.
    pub epoch: i32,
    /// When; 0 if nobody knows.
    pub timestamp_ms: i64,
}

/// The topics that a regular expression matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRegex {
    /// Their names.
    pub topics: BTreeSet<Arc<str>>,
    /// Version of the cluster view that was looked at.
    pub version: i64,
    /// When.
    pub timestamp_ms: i64,
}
