//! An error as a client hears it: a code, and a message where there is more to say.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::StrBytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::MetadataError;

/// What came of one item of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{}: {}", code.name(), message.as_deref().unwrap_or("no message"))]
pub struct ApiError {
    /// The code.
    #[serde(serialize_with = "as_number", deserialize_with = "from_number")]
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

fn as_number<S: Serializer>(code: &ErrorCode, serializer: S) -> Result<S::Ok, S::Error> {
    code.code().serialize(serializer)
}

/// A newer node may send a code that this one doesn't know.
fn from_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    let code = i16::deserialize(deserializer)?;
    Ok(ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError))
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
