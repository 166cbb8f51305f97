//! What the shell has to do for a shard besides appending records: answer requests that were parked.

use barnabas_protocol::messages::{JoinGroupResponse, SyncGroupResponse};

/// Names a JoinGroup or SyncGroup request of the shell's; the shell never uses one twice for the same shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// The answer to a request that was given to the shard with a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Answers [`crate::GroupShard::join`].
    Join(JoinGroupResponse),
    /// Answers [`crate::GroupShard::sync`].
    Sync(SyncGroupResponse),
}

/// Something the shell performs, in order, once the records that came with it are committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Answer the request. Each token is answered once.
    Respond {
        /// The request.
        token: Token,
        /// Its answer.
        reply: Reply,
    },
}
