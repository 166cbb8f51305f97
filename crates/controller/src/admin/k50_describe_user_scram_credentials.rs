//! DescribeUserScramCredentials (key 50): for which mechanisms users have credentials, and with how many
//! iterations (KIP-554).
//!
//! Version 0. Errors of the whole: CLUSTER_AUTHORIZATION_FAILED. Errors, each for one user:
//! RESOURCE_NOT_FOUND, DUPLICATE_RESOURCE for a user that is named twice.
//!
//! Deviation: who asks for all users by null and may not is told; Apache Kafka never answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_metadata::controller::ApiError;
use barnabas_metadata::image::ScramImage;
use barnabas_metadata::records::ScramCredentialRecord;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResult,
};
use barnabas_protocol::messages::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, StrBytes,
};

use crate::admin::AdminNode;
use barnabas_network::rpc::RequestContext;

/// Describes the users that are named, or all that have credentials.
pub fn handle(
    node: &impl AdminNode,
    _: &RequestContext,
    request: DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    let image = node.image();
    let named = request.users.unwrap_or_default();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for user in &named {
        *times.entry(user.name.to_string()).or_default() += 1;
    }
    if named.is_empty() {
        times = image.scram.keys().map(|user| (user.clone(), 1)).collect();
    }
    let results = times
        .iter()
        .map(|(user, times)| describe(&image.scram, user, *times));
    DescribeUserScramCredentialsResponse::default()
        .with_error_message(Some(StrBytes::default()))
        .with_results(results.collect())
}

/// The answer with an error for the whole and for each user, who isn't named, and without a text: as Apache
/// Kafka's.
pub fn refused(
    _: &RequestContext,
    request: &DescribeUserScramCredentialsRequest,
    error: &ApiError,
) -> DescribeUserScramCredentialsResponse {
    let result = DescribeUserScramCredentialsResult::default()
        .with_error_code(error.code.code())
        .with_error_message(None);
    let named = request.users.as_ref().map_or(0, Vec::len);
    DescribeUserScramCredentialsResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(None)
        .with_results(vec![result; named])
}

fn describe(credentials: &ScramImage, user: &str, times: usize) -> DescribeUserScramCredentialsResult {
    let result =
        DescribeUserScramCredentialsResult::default().with_user(StrBytes::from_string(user.to_owned()));
    match look_up(credentials, user, times) {
        Ok(infos) => result
            .with_error_message(Some(StrBytes::default()))
            .with_credential_infos(infos),
        Err(error) => result
            .with_error_code(error.code.code())
            .with_error_message(error.wire_message()),
    }
}

fn look_up(credentials: &ScramImage, user: &str, times: usize) -> Result<Vec<CredentialInfo>, ApiError> {
    if times > 1 {
        let message =
            format!("Cannot describe SCRAM credentials for the same user twice in a single request: {user}");
        return Err(ApiError::new(ErrorCode::DuplicateResource, message));
    }
    let Some(of_user) = credentials.get(user) else {
        let message = format!("Attempt to describe a user credential that does not exist: {user}");
        return Err(ApiError::new(ErrorCode::ResourceNotFound, message));
    };
    let info = |credential: &Arc<ScramCredentialRecord>| {
        CredentialInfo::default()
            .with_mechanism(credential.mechanism.code())
            .with_iterations(credential.iterations)
    };
    Ok(of_user.values().map(info).collect())
}
