//! What has happened on a network, for comparing two runs.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

/// Something that has happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Since the network began.
    pub at: Duration,
    /// The end that bytes come from, or that has connected or closed.
    pub from: SocketAddr,
    /// The other end.
    pub to: SocketAddr,
    /// What it was.
    pub what: Happened,
}

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Happened {
    /// It began.
    Connected,
    /// Bytes were sent.
    Sent(Piece),
    /// Bytes have arrived and were taken.
    Received(Piece),
    /// One end sends no more.
    Closed,
    /// The power of one end has gone.
    Lost,
}

/// Bytes, as far as a trace holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Piece {
    /// How many.
    pub len: usize,
    /// Their hash.
    pub hash: u64,
}

impl Piece {
    pub(super) fn of(bytes: &[u8]) -> Piece {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Piece {
            len: bytes.len(),
            hash: hasher.finish(),
        }
    }
}
