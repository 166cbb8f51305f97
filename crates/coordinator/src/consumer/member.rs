//! A member of a consumer group: who it is and what it reads, and how far it has come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::classic::member::MemberProtocol;

/// Assigned partitions by topic id, each with the epoch at which the member got it (KIP-1251). No topic is
/// without a partition.
pub type Assigned = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// The epoch of a static member that has left for a while (KIP-345 in KIP-848).
pub(crate) const LEFT_FOR_A_WHILE: i32 = -2;
/// The epoch with which a member leaves.
pub(crate) const LEAVES: i32 = -1;
/// The epoch with which a member joins.
pub(crate) const JOINS: i32 = 0;

/// What a member says of itself (ConsumerGroupMemberMetadataValue).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberDetails {
    /// Its instance id, if it is static.
    pub instance_id: Option<Arc<str>>,
    /// Its rack, if it said so.
    pub rack_id: Option<Box<str>>,
    /// `client.id` of its connection.
    pub client_id: Arc<str>,
    /// Address of that connection, with Java's leading slash.
    pub client_host: Arc<str>,
    /// The topics that it subscribes to by name.
    pub topics: BTreeSet<Arc<str>>,
    /// The regular expression that it subscribes to; empty if it has none.
    pub regex: Arc<str>,
    /// How long it may take to give partitions back; -1 if it did not say.
    pub rebalance_timeout_ms: i32,
    /// The assignor it asks for.
    pub assignor: Option<Box<str>>,
    /// What it has as a member that speaks the classic protocol.
    pub classic: Option<ClassicDetails>,
}

/// What a member of a consumer group that speaks the classic protocol says besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicDetails {
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it supports, in its order of preference.
    pub protocols: Vec<MemberProtocol>,
}

/// Where a member is on its way to the target assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has all that its epoch gives it.
    #[default]
    Stable,
    /// It has to give partitions back before it can go on.
    UnrevokedPartitions,
    /// It waits for partitions that others have to give back.
    UnreleasedPartitions,
    /// A state of another version: the member has to begin anew.
    Unknown,
}

impl MemberState {
    /// Its code in a record.
    pub(crate) fn code(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
            MemberState::Unknown => 127,
        }
    }

    pub(crate) fn from_code(code: i8) -> Self {
        match code {
            0 => MemberState::Stable,
            1 => MemberState::UnrevokedPartitions,
            2 => MemberState::UnreleasedPartitions,
            _ => MemberState::Unknown,
        }
    }
}

/// What a member has and has to give back (ConsumerGroupCurrentMemberAssignmentValue).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CurrentAssignment {
    /// The epoch it has reached.
    pub epoch: i32,
    /// The one before: the answer that told it of its epoch may have been lost.
    pub previous_epoch: i32,
    /// Where it is on its way.
    pub state: MemberState,
    /// What it may use.
    pub assigned: Assigned,
    /// What it has to give back.
    pub revoking: Assigned,
}

/// A member of a consumer group. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerMember {
    /// Its id.
    pub id: Arc<str>,
    /// What it says of itself.
    pub details: Arc<MemberDetails>,
    /// What it has.
    pub current: Arc<CurrentAssignment>,
}

impl ConsumerMember {
    pub(crate) fn new(id: Arc<str>) -> Self {
        let details = MemberDetails {
            rebalance_timeout_ms: -1,
            ..MemberDetails::default()
        };
        ConsumerMember {
            id,
            details: Arc::new(details),
            current: Arc::new(CurrentAssignment::default()),
        }
    }

    pub(crate) fn epoch(&self) -> i32 {
        self.current.epoch
    }

    pub(crate) fn is_classic(&self) -> bool {
        self.details.classic.is_some()
    }

    /// Whether it has all that the target assignment of this epoch gives it.
    pub(crate) fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.current.state == MemberState::Stable && self.current.epoch == target_epoch
    }

    /// The first protocol it supports as a classic member.
    pub(crate) fn classic_protocol(&self) -> Option<&MemberProtocol> {
        self.details.classic.as_ref()?.protocols.first()
    }
}
