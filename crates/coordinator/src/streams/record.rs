//! The records of a streams group, as its state machine sees them. [`super::codec`] has their bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::member::{StreamsAssignment, StreamsDetails};
use super::tasks::Tasks;
use super::topology::Topology;
use crate::consumer::record::TargetEpoch;

/// No topology epoch was validated, stored or refused.
pub(crate) const NO_EPOCH: i32 = -1;

/// A record of a streams group; without a value it deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamsRecord {
    /// StreamsGroupMetadata.
    Epoch(Option<Arc<StreamsEpoch>>),
    /// StreamsGroupMemberMetadata.
    Member {
        /// The member.
        id: Arc<str>,
        /// What it says of itself.
        value: Option<Arc<StreamsDetails>>,
    },
    /// StreamsGroupTargetAssignmentMetadata.
    TargetEpoch(Option<TargetEpoch>),
    /// StreamsGroupTargetAssignmentMember.
    Target {
        /// The member.
        id: Arc<str>,
        /// What it is to have.
        value: Option<Arc<Tasks>>,
    },
    /// StreamsGroupCurrentMemberAssignment.
    Current {
        /// The member.
        id: Arc<str>,
        /// What it has.
        value: Option<Arc<StreamsAssignment>>,
    },
    /// StreamsGroupTopology.
    Topology(Option<Arc<Topology>>),
}

/// A group's epoch, and what it was decided from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsEpoch {
    /// The epoch.
    pub epoch: i32,
    /// Apache Kafka's hash over the topics of the topology.
    pub metadata_hash: i64,
    /// The epoch of the topology whose topics were found as they must be, or -1.
    pub validated_topology_epoch: i32,
    /// The settings that the assignment depends on, by name.
    pub assignment_configs: BTreeMap<String, String>,
    /// The topology epoch whose description is kept (KIP-1331), or -1.
    pub stored_description_epoch: i32,
    /// The topology epoch whose description was refused for good, or -1.
    pub failed_description_epoch: i32,
}

impl Default for StreamsEpoch {
    /// The epoch of a group before its first record; the first target assignment needs a later one.
    fn default() -> Self {
        StreamsEpoch {
            epoch: 1,
            metadata_hash: 0,
            validated_topology_epoch: NO_EPOCH,
            assignment_configs: BTreeMap::new(),
            stored_description_epoch: NO_EPOCH,
            failed_description_epoch: NO_EPOCH,
        }
    }
}
