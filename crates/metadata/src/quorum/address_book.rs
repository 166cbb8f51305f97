//! Where the controllers are: as the settings say, and as the list of voters says that is in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::types::{Node, NodeId};
use super::voter_node::VoterNode;

/// See the module. Clones are the same book. Addresses of which nobody knows the node yet
/// (`controller.quorum.bootstrap.servers`) stand in it by ids below zero.
#[derive(Clone, Debug, Default)]
pub struct AddressBook(Arc<RwLock<BTreeMap<i32, String>>>);

impl AddressBook {
    /// With what the settings say: `host:port` of each controller.
    pub fn new(known: BTreeMap<i32, String>) -> Self {
        Self(Arc::new(RwLock::new(known)))
    }

    /// Where a controller is.
    pub fn address(&self, id: i32) -> Option<String> {
        self.0.read().get(&id).cloned()
    }

    /// All controllers that may be asked.
    pub fn ids(&self) -> Vec<i32> {
        self.0.read().keys().copied().collect()
    }

    /// A controller is there from now on.
    pub fn learn(&self, id: i32, address: &str) {
        if self.0.read().get(&id).is_some_and(|known| known == address) {
            return;
        }
        self.0.write().insert(id, address.to_owned());
    }

    /// What the list of voters says of a node; nothing, where the settings name it.
    pub(super) fn learn_node(&self, id: NodeId, node: &Node) {
        let address = VoterNode::of(node).address();
        if let (Ok(id), Some(address)) = (i32::try_from(id), address) {
            self.learn(id, &address);
        }
    }
}
