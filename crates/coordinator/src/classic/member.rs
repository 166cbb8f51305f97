//! One member of a classic group: what it supports, what it was assigned, and which of its requests are
//! parked.

use std::sync::Arc;

use bytes::Bytes;

use crate::effect::Token;

/// A protocol (assignor) that a member supports, with the metadata (subscription) it sends for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberProtocol {
    /// Name of the protocol, such as `range`.
    pub name: Box<str>,
    /// Opaque to the coordinator, except that a consumer's subscription says which topics it reads.
    pub metadata: Bytes,
}

/// A member of a classic group.
#[derive(Clone, Debug)]
pub struct ClassicMember {
    /// The id that the coordinator gave it.
    pub id: Arc<str>,
    /// The client's own name for a static member (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// `client.id` of the connection that joined.
    pub client_id: Box<str>,
    /// Address of that connection, with Java's leading slash.
    pub client_host: Box<str>,
    /// How long it may take to join again when the group rebalances.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it supports, in its order of preference.
    pub protocols: Vec<MemberProtocol>,
    /// What the leader assigned to it in this generation.
    pub assignment: Bytes,
    /// The JoinGroup request that waits for the join phase to complete.
    pub(crate) awaiting_join: Option<Token>,
    /// The SyncGroup request that waits for the leader's assignment.
    pub(crate) awaiting_sync: Option<Token>,
    /// Has never been told its member id: it cannot send heartbeats yet, so a parked join does not keep it
    /// alive.
    pub(crate) is_new: bool,
}

impl ClassicMember {
    /// The metadata it sent for `protocol`; empty if it does not support it.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|p| &*p.name == protocol)
            .map(|p| p.metadata.clone())
            .unwrap_or_default()
    }

    /// Whether a parked request shows that the client is there (an expired session is then forgiven).
    pub(crate) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    /// The first of its protocols for which `is_candidate` holds.
    pub(crate) fn vote(&self, is_candidate: impl Fn(&str) -> bool) -> Option<&str> {
        self.protocols
            .iter()
            .map(|p| &*p.name)
            .find(|name| is_candidate(name))
    }
}
