//! An error as a client hears it: a code, and a message where there is more to say.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::StrBytes;

use crate::error::MetadataError;

/// What came of one item of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", code.name(), message.as_deref().unwrap_or("no message"))]
pub struct ApiError {
    /// The code.
    pub code: ErrorCode,
    /// The message, `None` where Apache Kafka sends null.
    pub message: Option<String>,
}

impl ApiError {
    /// An error with a message of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: Some(message.into()),
        }
    }

    /// An error that its code says all about.
    pub fn bare(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// The message as a response carries it.
    pub fn wire_message(&self) -> Option<StrBytes> {
        self.message.clone().map(StrBytes::from_string)
    }
}

impl From<MetadataError> for ApiError {
    fn from(error: MetadataError) -> Self {
        Self::new(error.error_code(), error.to_string())
    }
}

/// The error code and message of an outcome, as most responses carry them.
pub fn code_and_message<T>(outcome: &Result<T, ApiError>) -> (i16, Option<StrBytes>) {
    match outcome {
        Ok(_) => (ErrorCode::None.code(), None),
        Err(error) => (error.code.code(), error.wire_message()),
    }
}
