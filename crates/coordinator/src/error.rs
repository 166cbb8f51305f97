//! What can be wrong with a record of `__consumer_offsets` or `__transaction_state`.

use barnabas_protocol::malformed::{Malformed, Unencodable};

/// Errors of the coordinator crate. Requests never meet them: a request that cannot be served gets an error code.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// Bytes that are not a record of the type and version they claim to be.
    #[error("a record of a coordinator cannot be read")]
    Malformed(#[from] Malformed),
    /// A value that the record format has no room for.
    #[error("a record of a coordinator cannot be written")]
    Unencodable(#[from] Unencodable),
}
