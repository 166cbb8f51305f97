//! What voters say to each other, and the seam behind which it travels: a controller listener, or a simulated
//! network.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// What a frame asks for; an answer is a frame of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Whether a voter would vote for the sender: asked before an election, so that a node that was cut off
    /// deposes nobody.
    PreVote = 1,
    /// A vote.
    Vote = 2,
    /// Entries for the log, or a heartbeat.
    AppendEntries = 3,
    /// A piece of a snapshot.
    InstallSnapshot = 4,
    /// The leader goes, and names a successor.
    Resign = 5,
    /// An observer asks for what it doesn't have.
    Observe = 6,
    /// A controller without a vote asks to follow.
    Join = 7,
}

impl FrameKind {
    /// The kind that `code` stands for on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        [
            Self::PreVote,
            Self::Vote,
            Self::AppendEntries,
            Self::InstallSnapshot,
            Self::Observe,
            Self::Resign,
            Self::Join,
        ]
        .into_iter()
        .find(|kind| kind.code() == code)
    }

    /// Whether it is for one voter, and none that comes in its place.
    pub(super) fn is_for_voters(self) -> bool {
        matches!(
            self,
            Self::PreVote | Self::Vote | Self::AppendEntries | Self::InstallSnapshot
        )
    }

    /// The code on the wire.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// A message between voters.
///
/// ```text
/// body: head_bytes:u32be head data
/// ```
/// The head is JSON, so that a newer version may add fields; the data is a piece of a snapshot and empty
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it asks for, or answers.
    pub kind: FrameKind,
    /// The cluster that the sender belongs to.
    pub cluster_id: String,
    /// The message.
    pub body: Bytes,
}

/// Why a frame wasn't answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The peer can't be reached.
    #[error("the voter can't be reached: {0}")]
    Unreachable(String),
    /// The frame isn't what its kind says.
    #[error("not a message of the quorum: {0}")]
    Malformed(String),
    /// The sender belongs to another cluster.
    #[error("the sender belongs to cluster {0}")]
    OtherCluster(String),
    /// The sender is no voter.
    #[error("node {0} is not a voter")]
    UnknownVoter(u64),
    /// The frame is for the voter that this node was before its disk was replaced.
    #[error("this node's metadata do not lie in directory {0}")]
    OtherDirectory(Uuid),
    /// The quorum is shutting down, or has failed.
    #[error("the quorum has stopped")]
    Stopped,
}

/// A pending answer.
pub type Answer = Pin<Box<dyn Future<Output = Result<Frame, PeerError>> + Send>>;

/// The way to the other voters.
pub trait Peers: Send + Sync + 'static {
    /// Sends a frame to a voter and brings its answer, or says that there is none. Whoever waits gives up in
    /// time; frames may overtake each other.
    fn send(&self, voter: i32, frame: Frame) -> Answer;

    /// Ready when a connection to a voter has ended: it takes a leader for gone that is not heard by another
    /// one soon.
    fn connection_lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

impl fmt::Debug for dyn Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peers")
    }
}

const LENGTH_BYTES: usize = 4;

impl Frame {
    pub(super) fn new(
        kind: FrameKind,
        cluster_id: &str,
        head: &impl Serialize,
        data: &[u8],
    ) -> Result<Self, PeerError> {
        let malformed = |error: &dyn fmt::Display| PeerError::Malformed(error.to_string());
        let head = serde_json::to_vec(head).map_err(|error| malformed(&error))?;
        let length = u32::try_from(head.len()).map_err(|error| malformed(&error))?;
        let mut body = Vec::with_capacity(LENGTH_BYTES + head.len() + data.len());
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(&head);
        body.extend_from_slice(data);
        Ok(Self {
            kind,
            cluster_id: cluster_id.to_owned(),
            body: body.into(),
        })
    }

    /// Head and data. A length that the frame doesn't have is refused before anything is read.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<(T, Bytes), PeerError> {
        let lying = || PeerError::Malformed("a length is wrong".into());
        let (length, rest) = self.body.split_first_chunk().ok_or_else(lying)?;
        let length = u32::from_be_bytes(*length) as usize;
        let head = rest.get(..length).ok_or_else(lying)?;
        let head = serde_json::from_slice(head).map_err(|error| PeerError::Malformed(error.to_string()))?;
        Ok((head, self.body.slice(LENGTH_BYTES + length..)))
    }
}
