//! What goes wrong, as the console is told: a status of HTTP, the name of Kafka's exception, and its words.

use barnabas_protocol::error::ErrorCode;
use barnabas_tools::client::KafkaError;
use hyper::StatusCode;
use serde_json::{Value, json};

/// Why there is no answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// Kafka's name for it, `TopicExistsException` and the like.
    name: String,
    /// What a person reads.
    message: String,
}

impl Failure {
    /// A refusal of the console's own.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Failure {
        Failure {
            status,
            name: status.canonical_reason().unwrap_or("Refused").to_owned(),
            message: message.into(),
        }
    }

    /// The request makes no sense.
    pub fn bad(message: impl Into<String>) -> Failure {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// As a line of text.
    pub fn line(&self) -> String {
        format!("{}\n", self.message)
    }

    /// As JSON.
    pub fn body(&self) -> Value {
        json!({ "error": { "name": self.name, "message": self.message } })
    }
}

impl From<barnabas_tools::Failure> for Failure {
    fn from(failure: barnabas_tools::Failure) -> Failure {
        match failure {
            barnabas_tools::Failure::Kafka(error) => error.into(),
            other => Failure::bad(other.message()),
        }
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Failure {
        let status = match error.code {
            Some(ErrorCode::SaslAuthenticationFailed) => StatusCode::UNAUTHORIZED,
            Some(
                ErrorCode::TopicAuthorizationFailed
                | ErrorCode::GroupAuthorizationFailed
                | ErrorCode::ClusterAuthorizationFailed
                | ErrorCode::TransactionalIdAuthorizationFailed,
            ) => StatusCode::FORBIDDEN,
            Some(
                ErrorCode::UnknownTopicOrPartition
                | ErrorCode::UnknownTopicId
                | ErrorCode::GroupIdNotFound
                | ErrorCode::TransactionalIdNotFound
                | ErrorCode::ResourceNotFound,
            ) => StatusCode::NOT_FOUND,
            Some(code) if code.retriable() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let name = error.class.rsplit('.').next().unwrap_or_default().to_owned();
        Failure {
            status,
            name,
            message: error.message,
        }
    }
}
