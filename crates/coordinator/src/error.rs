//! What can be wrong with a record of `__consumer_offsets`, `__transaction_state` or `__share_group_state`.

use barnabas_protocol::malformed::{Malformed, Unencodable};

/// Errors of the coordinator crate. Requests never meet them: a request that cannot be served gets an error
/// code.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// A type of record that this coordinator does not keep.
    #[error("a record of the unknown type {0}")]
    UnknownType(i16),
    /// Bytes that are not a record of the type and version they claim to be.
    #[error("a record of a coordinator cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// A value that the record format has no room for.
    #[error("a record of a coordinator cannot be written")]
    Unencodable(#[from] Unencodable),
}
