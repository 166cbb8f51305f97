//! What clients are told that may not do what they ask for. Whether they may is asked of
//! [`Rights`](barnabas_security::Rights), by the dispatch table or by the handler.

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::records::ConfigResourceType;
use barnabas_protocol::error::ErrorCode;
use barnabas_security::{AclOperation, Rights};

/// Kafka's text for an error of authorisation.
pub const fn message(error: ErrorCode) -> &'static str {
    match error {
        ErrorCode::TopicAuthorizationFailed => "Topic authorization failed.",
        ErrorCode::GroupAuthorizationFailed => "Group authorization failed.",
        ErrorCode::TransactionalIdAuthorizationFailed => "Transactional Id authorization failed.",
        _ => "Cluster authorization failed.",
    }
}

/// An error of authorisation with its text.
pub fn failed(error: ErrorCode) -> ApiError {
    ApiError::new(error, message(error))
}

/// Asks whether settings may be altered. A broker's own it refuses without a word, as Apache Kafka does.
///
/// # Errors
/// TOPIC_, GROUP_ and CLUSTER_AUTHORIZATION_FAILED.
pub fn check_altered_configs(
    rights: Rights<'_>,
    kind: ConfigResourceType,
    name: &str,
) -> Result<(), ApiError> {
    let allowed = check_configs(rights, AclOperation::AlterConfigs, kind, name);
    allowed.map_err(|error| match kind {
        ConfigResourceType::Broker | ConfigResourceType::BrokerLogger => ApiError::bare(error.code),
        _ => error,
    })
}

/// Asks whether settings may be described or altered: those of topics and groups belong to these, all others
/// to the cluster.
///
/// # Errors
/// TOPIC_, GROUP_ and CLUSTER_AUTHORIZATION_FAILED.
pub fn check_configs(
    rights: Rights<'_>,
    operation: AclOperation,
    kind: ConfigResourceType,
    name: &str,
) -> Result<(), ApiError> {
    let (allowed, error) = match kind {
        ConfigResourceType::Topic => (
            rights.on_topic(operation, name),
            ErrorCode::TopicAuthorizationFailed,
        ),
        ConfigResourceType::Group => (
            rights.on_group(operation, name),
            ErrorCode::GroupAuthorizationFailed,
        ),
        ConfigResourceType::Broker | ConfigResourceType::BrokerLogger | ConfigResourceType::ClientMetrics => {
            (
                rights.on_cluster(operation),
                ErrorCode::ClusterAuthorizationFailed,
            )
        }
    };
    if allowed { Ok(()) } else { Err(failed(error)) }
}
