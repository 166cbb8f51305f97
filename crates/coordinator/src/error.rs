//! What can be wrong with a record of `__consumer_offsets`.

/// Errors of the coordinator crate. Requests never meet them: a request that cannot be served gets an error code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoordinatorError {
    /// A record's bytes end early or hold a length, a text or a number that cannot be.
    #[error("a record's bytes are malformed")]
    Malformed,
    /// A value of a version that Kafka 4.3 does not know.
    #[error("{record} of unknown version {version}")]
    UnknownVersion {
        /// The message.
        record: &'static str,
        /// Its version.
        version: i16,
    },
    /// A text or an array that does not fit its length field.
    #[error("a field is too long for the record format")]
    TooLong,
}

impl From<bytes::TryGetError> for CoordinatorError {
    fn from(_: bytes::TryGetError) -> Self {
        CoordinatorError::Malformed
    }
}
