//! CreateDelegationToken (key 38, KIP-48, KIP-373): a token by which its owner logs in.
//!
//! Versions 1–3. Errors: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, DELEGATION_TOKEN_AUTHORIZATION_FAILED (for
//! another owner without CREATE_TOKENS), INVALID_PRINCIPAL_TYPE, DELEGATION_TOKEN_AUTH_DISABLED,
//! UNSUPPORTED_VERSION.

use barnabas_metadata::controller::CreateDelegationToken;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{CreateDelegationTokenRequest, CreateDelegationTokenResponse, StrBytes};
use barnabas_security::{AclOperation, KafkaPrincipal, ResourceType};

use super::AdminNode;
use super::delegation_tokens::{NEVER, may_ask, parts, principal};

/// The version from which on the answer says who asked.
const REQUESTER_SINCE: i16 = 3;

/// Has the controller make a token.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: CreateDelegationTokenRequest,
) -> CreateDelegationTokenResponse {
    let requester = &*context.principal;
    let owner = match (&request.owner_principal_type, &request.owner_principal_name) {
        (kind, Some(name)) if !name.is_empty() => principal(kind.as_deref().unwrap_or_default(), name),
        _ => requester.clone(),
    };
    let refused = |error| refused(context, &owner, error);
    if !may_ask(context) {
        return refused(ErrorCode::DelegationTokenRequestNotAllowed);
    }
    let rights = node.rights(context);
    if owner != *requester && !rights.on(AclOperation::CreateTokens, ResourceType::User, &owner.to_string()) {
        return refused(ErrorCode::DelegationTokenAuthorizationFailed);
    }
    let is_user = |kind: &StrBytes| **kind == *KafkaPrincipal::USER_TYPE;
    let mut renewers = request.renewers.iter();
    if node.is_broker() && !renewers.all(|renewer| is_user(&renewer.principal_type)) {
        return refused(ErrorCode::InvalidPrincipalType);
    }
    if let Some(answer) = node.forwarded(context, &request).await {
        return answer.unwrap_or_else(|error| refused(error.code));
    }
    let asked = CreateDelegationToken {
        requester: requester.to_string(),
        request,
    };
    match node.controllers().submit(asked).await {
        Ok(answer) => for_version(context, answer),
        Err(error) => refused(error.error_code()),
    }
}

fn refused(
    context: &RequestContext,
    owner: &KafkaPrincipal,
    error: ErrorCode,
) -> CreateDelegationTokenResponse {
    let (kind, name) = parts(owner);
    let (requester_kind, requester_name) = parts(&context.principal);
    let answer = CreateDelegationTokenResponse::default()
        .with_error_code(error.code())
        .with_principal_type(kind)
        .with_principal_name(name)
        .with_token_requester_principal_type(requester_kind)
        .with_token_requester_principal_name(requester_name)
        .with_issue_timestamp_ms(NEVER)
        .with_expiry_timestamp_ms(NEVER)
        .with_max_timestamp_ms(NEVER);
    for_version(context, answer)
}

fn for_version(
    context: &RequestContext,
    answer: CreateDelegationTokenResponse,
) -> CreateDelegationTokenResponse {
    if context.api_version >= REQUESTER_SINCE {
        return answer;
    }
    answer
        .with_token_requester_principal_type(StrBytes::default())
        .with_token_requester_principal_name(StrBytes::default())
}
