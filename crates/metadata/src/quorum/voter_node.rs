//! A controller as the list of voters has it: the directory in which its metadata lie, and where it listens
//! (KIP-853). It is the node of raft's membership, as JSON in the address.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::types::Node;

/// A listener of a controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerEndpoint {
    /// The listener's name.
    pub name: String,
    /// Where, without brackets.
    pub host: String,
    /// Where.
    pub port: u16,
}

impl ControllerEndpoint {
    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// See the module. An empty one, with the nil directory, is that of a voter which the settings name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoterNode {
    /// The id of the directory. A node whose disk was replaced is another voter, though its id is the same:
    /// it has forgotten what it voted for.
    pub directory_id: Uuid,
    /// Where it listens; the first one is where the others ask it.
    pub endpoints: Vec<ControllerEndpoint>,
}

impl VoterNode {
    /// What raft's membership says of a node.
    pub(super) fn of(node: &Node) -> Self {
        serde_json::from_str(&node.addr).unwrap_or_default()
    }

    pub(super) fn to_node(&self) -> Node {
        // Texts, numbers and ids can always be written.
        let addr = serde_json::to_string(self).unwrap_or_default();
        Node { addr }
    }

    /// Where the others ask it: `host:port`.
    pub fn address(&self) -> Option<String> {
        self.endpoints.first().map(ControllerEndpoint::address)
    }

    /// The directory, where it is known.
    pub fn directory(&self) -> Option<Uuid> {
        (!self.directory_id.is_nil()).then_some(self.directory_id)
    }

    /// Whether `directory_id` may be this voter: a voter that the first formats of the log list has none.
    pub fn is_at(&self, directory_id: Uuid) -> bool {
        self.directory().is_none_or(|own| own == directory_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voter_survives_its_way_through_rafts_membership() {
        let endpoint = ControllerEndpoint {
            name: "C".into(),
            host: "::1".into(),
            port: 9093,
        };
        let voter = VoterNode {
            directory_id: Uuid::from_u128(7),
            endpoints: vec![endpoint],
        };
        assert_eq!(VoterNode::of(&voter.to_node()), voter);
        assert_eq!(voter.address().as_deref(), Some("[::1]:9093"));
        assert!(voter.is_at(Uuid::from_u128(7)) && !voter.is_at(Uuid::from_u128(8)));
        let nameless = VoterNode::of(&Node::default());
        assert_eq!(nameless, VoterNode::default());
        assert!(nameless.is_at(Uuid::from_u128(8)));
    }
}
