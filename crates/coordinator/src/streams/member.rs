//! A member of a streams group: who it is, and which tasks it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tasks::HeldTasks;
use crate::consumer::member::MemberState;

/// The topology epoch of a member that has not said one.
const NO_TOPOLOGY_EPOCH: i32 = -1;

/// Where the interactive queries of an application are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEndpoint {
    /// Name or address of the host.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

/// What a member says of itself (StreamsGroupMemberMetadataValue).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsDetails {
    /// Its instance id, if it is static.
    pub instance_id: Option<Arc<str>>,
    /// Its rack, if it said so.
    pub rack_id: Option<Box<str>>,
    /// `client.id` of its connection.
    pub client_id: Arc<str>,
    /// Address of that connection, with Java's leading slash.
    pub client_host: Arc<str>,
    /// How long it may take to give tasks back; -1 if it did not say.
    pub rebalance_timeout_ms: i32,
    /// The epoch of the topology that it runs.
    pub topology_epoch: i32,
    /// The process that it is a thread of.
    pub process_id: Arc<str>,
    /// Where its process answers interactive queries.
    pub user_endpoint: Option<UserEndpoint>,
    /// `client.tag.*` of its process, by name.
    pub client_tags: BTreeMap<String, String>,
}

impl Default for StreamsDetails {
    fn default() -> Self {
        StreamsDetails {
            instance_id: None,
            rack_id: None,
            client_id: "".into(),
            client_host: "".into(),
            rebalance_timeout_ms: -1,
            topology_epoch: NO_TOPOLOGY_EPOCH,
            process_id: "".into(),
            user_endpoint: None,
            client_tags: BTreeMap::new(),
        }
    }
}

/// What a member has and has to give back (StreamsGroupCurrentMemberAssignmentValue).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamsAssignment {
    /// The epoch it has reached.
    pub epoch: i32,
    /// The one before: the answer that told it of its epoch may have been lost.
    pub previous_epoch: i32,
    /// Where it is on its way to the target assignment.
    pub state: MemberState,
    /// What it may run.
    pub assigned: HeldTasks,
    /// What it has to give back.
    pub revoking: HeldTasks,
}

/// A member of a streams group. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsMember {
    /// Its id.
    pub id: Arc<str>,
    /// What it says of itself.
    pub details: Arc<StreamsDetails>,
    /// What it has.
    pub current: Arc<StreamsAssignment>,
}

impl StreamsMember {
    pub(crate) fn new(id: Arc<str>) -> Self {
        StreamsMember {
            id,
            details: Arc::default(),
            current: Arc::default(),
        }
    }

    /// The epoch it has reached.
    pub fn epoch(&self) -> i32 {
        self.current.epoch
    }

    pub(crate) fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.current.state == MemberState::Stable && self.current.epoch == target_epoch
    }
}

/// The codes of a member's state in records of streams groups.
const STATE_CODES: [(MemberState, i8); 4] = [
    (MemberState::Stable, 1),
    (MemberState::UnrevokedPartitions, 2),
    (MemberState::UnreleasedPartitions, 3),
    (MemberState::Unknown, 127),
];

pub(crate) fn state_code(state: MemberState) -> i8 {
    let is_meant = |(known, _): &&(MemberState, i8)| *known == state;
    STATE_CODES.iter().find(is_meant).map_or(127, |(_, code)| *code)
}

pub(crate) fn state_of_code(code: i8) -> MemberState {
    let is_meant = |(_, known): &&(MemberState, i8)| *known == code;
    STATE_CODES
        .iter()
        .find(is_meant)
        .map_or(MemberState::Unknown, |(state, _)| *state)
}
