//! What can be wrong with bytes from the network, and with an answer that its version can't carry.
//!
//! Every decoder of this crate returns [`Malformed`]. Apache Kafka closes the connection in all of these
//! cases, and so does the broker: after malformed bytes there is no telling what a client meant.

/// Why bytes are not the message that they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A value, length or count reaches past the bytes that are there.
    #[error("{needed} bytes are needed where {remaining} remain")]
    Truncated {
        /// Bytes the value needs.
        needed: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// An unsigned varint goes on past its fifth byte.
    #[error("a varint has more than five bytes")]
    VarintTooLong,
    /// A length that can't be: below -1, or past 2³¹ in its compact form.
    #[error("the length {0} is impossible")]
    BadLength(i64),
    /// A null where the message definition allows none in this version.
    #[error("null stands for a field that can't be null")]
    UnexpectedNull,
    /// A tagged field that the message has, but not in this version.
    #[error("tag {0} is not in this version")]
    UnexpectedTag(u32),
    /// A string of more than 32,767 bytes, the most that the protocol allows.
    #[error("a string of {0} bytes is longer than 32767")]
    StringTooLong(usize),
    /// A string that isn't UTF-8. (Java would replace the bad bytes; nothing good comes of a topic with such
    /// a name.)
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// More elements than [`crate::guard::ELEMENTS_MAX`]: decoded, they would take many times the bytes that
    /// were sent.
    #[error("the request holds more than {max} elements", max = crate::guard::ELEMENTS_MAX)]
    TooManyElements,
    /// The API key is none that Apache Kafka 4.4 knows.
    #[error("unknown API key {0}")]
    UnknownApiKey(i16),
    /// The version is out of the API's range.
    #[error("{api} has no version {version}")]
    UnsupportedVersion {
        /// The API asked for.
        api: crate::api::ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// A record of an internal topic in a version that isn't known.
    #[error("unknown record version {0}")]
    UnsupportedRecordVersion(i16),
    /// The guard let the bytes pass and the decoder refused them.
    #[error("the decoder refuses the message")]
    Undecodable,
}

/// An answer sets a field that its version doesn't have, or holds a string too long for the wire. A bug of
/// ours, never the client's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("can't encode: {0}")]
pub struct Unencodable(pub String);
