//! ExpireDelegationToken (key 40, KIP-48): has a token expire at another time, or at once.
//!
//! Versions 1–2. Errors: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, DELEGATION_TOKEN_AUTH_DISABLED,
//! UNSUPPORTED_VERSION, DELEGATION_TOKEN_NOT_FOUND, DELEGATION_TOKEN_OWNER_MISMATCH,
//! DELEGATION_TOKEN_EXPIRED.

use barnabas_metadata::controller::ExpireDelegationToken;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{ExpireDelegationTokenRequest, ExpireDelegationTokenResponse};

use super::AdminNode;
use super::delegation_tokens::{NEVER, may_ask};

/// Has the controller expire a token.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: ExpireDelegationTokenRequest,
) -> ExpireDelegationTokenResponse {
    if !may_ask(context) {
        return refused(ErrorCode::DelegationTokenRequestNotAllowed);
    }
    if let Some(answer) = node.forwarded(context, &request).await {
        return answer.unwrap_or_else(|error| refused(error.code));
    }
    let asked = ExpireDelegationToken {
        requester: context.principal.to_string(),
        request,
    };
    let answer = node.controllers().submit(asked).await;
    answer.unwrap_or_else(|error| refused(error.error_code()))
}

fn refused(error: ErrorCode) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse::default()
        .with_error_code(error.code())
        .with_expiry_timestamp_ms(NEVER)
}
