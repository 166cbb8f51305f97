//! Why a request of the consumer protocol is refused: an error code and a sentence for people.

use barnabas_protocol::error::ErrorCode;

/// An error and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error.
    pub code: ErrorCode,
    /// The sentence; `None` where the code's own will do.
    pub message: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal {
            code,
            message: Some(message.into()),
        }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Refusal::new(ErrorCode::GroupIdNotFound, message)
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Refusal { code, message: None }
    }
}
