//! How a log begins: who makes it, and who votes in it.

use std::collections::BTreeMap;
use std::time::Duration;

use openraft::ServerState;
use tokio::time::sleep;

use super::options::Voters;
use super::types::{Node, NodeId};
use super::voter_node::VoterNode;
use super::voters::membership;
use super::{Quorum, failed, voter_id};
use crate::controller::ControllerSettings;
use crate::error::MetadataError;

/// How long the other voters of a new cluster wait for the first one to make the log.
const FIRST_VOTER_PATIENCE: Duration = Duration::from_secs(1);

impl Quorum {
    /// Makes the log, if it is `new`, and stands for election where there is nobody to ask. Of several voters
    /// the first makes it, and the others only if that one doesn't come: so they don't all stand at once. A
    /// node that none of them knows yet makes none. Later the log says who votes.
    pub(super) async fn join(&self, members: BTreeMap<NodeId, Node>, new: bool) -> Result<(), MetadataError> {
        let own = self.raft.metrics().borrow().id;
        let alone = match new {
            true => members.keys().eq([&own]),
            false => membership(&self.raft).voter_ids().eq([own]),
        };
        if new && members.keys().next() == Some(&own) {
            self.raft.initialize(members).await.map_err(failed)?;
        } else if new && members.contains_key(&own) {
            let raft = self.raft.clone();
            tokio::spawn(async move {
                sleep(FIRST_VOTER_PATIENCE).await;
                // It fails where there is a log by now.
                let _ = raft.initialize(members).await;
            });
        }
        if alone && self.raft.metrics().borrow().state != ServerState::Leader {
            self.raft.trigger().elect().await.map_err(failed)?;
        }
        Ok(())
    }
}

/// Who votes in a log that is made now.
pub(super) fn members(
    settings: &ControllerSettings,
    voters: Option<&Voters>,
) -> Result<BTreeMap<NodeId, Node>, MetadataError> {
    let Some(voters) = voters else {
        return Ok([(voter_id(settings.node_id)?, Node::default())].into());
    };
    let initial = voters.joining.as_ref().map(|joining| &joining.initial);
    let node = |id: &i32| initial.and_then(|known| known.get(id)).map(VoterNode::to_node);
    let ids = voters.ids.iter();
    ids.map(|id| Ok((voter_id(*id)?, node(id).unwrap_or_default())))
        .collect()
}
