//! The leader that a client should have asked, and where it is reached (KIP-951): parts of Produce's and
//! Fetch's responses.

use bytes::BufMut;

use crate::wire::{self, TaggedFields};

/// A partition's leader as this node knows it. `-1` and `-1`, which says unknown, is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// The leader's node id; -1 if there is none.
    pub leader_id: i32,
    /// The epoch in which it leads.
    pub leader_epoch: i32,
}

impl LeaderIdAndEpoch {
    /// A tagged field is left out where it has its default.
    const UNKNOWN: LeaderIdAndEpoch = LeaderIdAndEpoch {
        leader_id: -1,
        leader_epoch: -1,
    };

    pub(crate) fn put_tagged(self, tag: u32, tagged: &mut TaggedFields) -> Result<(), anyhow::Error> {
        if self == LeaderIdAndEpoch::UNKNOWN {
            return Ok(());
        }
        tagged.put(tag, |buffer| {
            buffer.put_i32(self.leader_id);
            buffer.put_i32(self.leader_epoch);
            wire::put_no_tagged_fields(buffer);
            Ok(())
        })
    }
}

/// Where a node is reached by the listener that the request came in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The node's id.
    pub node_id: i32,
    /// Its advertised host.
    pub host: String,
    /// Its advertised port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

impl NodeEndpoint {
    /// Puts the endpoints under tag 0, which both responses give them.
    pub(crate) fn put_tagged(
        endpoints: &[NodeEndpoint],
        tagged: &mut TaggedFields,
    ) -> Result<(), anyhow::Error> {
        if endpoints.is_empty() {
            return Ok(());
        }
        tagged.put(0, |buffer| {
            wire::put_array(buffer, true, Some(endpoints), |buffer, endpoint| {
                buffer.put_i32(endpoint.node_id);
                wire::put_string(buffer, true, Some(&endpoint.host))?;
                buffer.put_i32(endpoint.port);
                wire::put_string(buffer, true, endpoint.rack.as_deref())?;
                wire::put_no_tagged_fields(buffer);
                Ok(())
            })
        })
    }
}
