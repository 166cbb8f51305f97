//! AlterUserScramCredentials (key 51): sets and removes users' SCRAM credentials (KIP-554).
//!
//! Version 0. Errors, each for one user: CLUSTER_AUTHORIZATION_FAILED, UNACCEPTABLE_CREDENTIAL,
//! UNSUPPORTED_SASL_MECHANISM, RESOURCE_NOT_FOUND, DUPLICATE_RESOURCE.

use std::collections::BTreeMap;

use barnabas_metadata::controller::{AlterUserScramCredentials, ApiError, code_and_message};
use barnabas_protocol::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use barnabas_protocol::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, StrBytes,
};

use crate::admin::AdminNode;
use barnabas_network::rpc::RequestContext;

/// Has the controller alter the credentials.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: AlterUserScramCredentialsRequest,
) -> AlterUserScramCredentialsResponse {
    let asked = AlterUserScramCredentials(request.clone());
    match node.controllers().submit(asked).await {
        Ok(outcomes) => answer(outcomes),
        Err(error) => refused(context, &request, &error.into()),
    }
}

/// The answer with an error for each user.
pub fn refused(
    _: &RequestContext,
    request: &AlterUserScramCredentialsRequest,
    error: &ApiError,
) -> AlterUserScramCredentialsResponse {
    let deleted = request.deletions.iter().map(|deletion| &deletion.name);
    let upserted = request.upsertions.iter().map(|upsertion| &upsertion.name);
    let users = deleted.chain(upserted).map(ToString::to_string);
    answer(users.map(|user| (user, Err(error.clone()))).collect())
}

fn answer(outcomes: BTreeMap<String, Result<(), ApiError>>) -> AlterUserScramCredentialsResponse {
    let results = outcomes.into_iter().map(|(user, outcome)| {
        let (code, message) = code_and_message(&outcome);
        AlterUserScramCredentialsResult::default()
            .with_user(StrBytes::from_string(user))
            .with_error_code(code)
            .with_error_message(message)
    });
    AlterUserScramCredentialsResponse::default().with_results(results.collect())
}
