//! The requests of a connection that have started, each with its place among the responses.

use std::collections::VecDeque;

use super::timed::Timed;
use crate::response::{PendingReply, Reply};

/// A request that has started and whose response has not left yet.
pub enum Slot {
    /// The response is there.
    Ready(Reply),
    /// It is not.
    Pending {
        /// What it will be.
        reply: PendingReply,
        /// Whether no later request starts before it is there.
        exclusive: bool,
        /// Bytes of the request, for what the reply may hold of it.
        bytes: usize,
        /// What is counted when it is.
        timed: Option<Timed>,
    },
}

/// The reply of the oldest request with the request's bytes and times, when it is one that is
/// waited for.
pub async fn first_reply(replies: &mut VecDeque<Slot>) -> (Reply, usize, Option<Timed>) {
    match replies.front_mut() {
        Some(Slot::Pending {
            reply, bytes, timed, ..
        }) => (reply.await, *bytes, *timed),
        _ => std::future::pending().await,
    }
}
