//! RenewDelegationToken (key 39, KIP-48): has a token expire later. For its owner and its renewers.
//!
//! Versions 1–2. Errors: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, DELEGATION_TOKEN_AUTH_DISABLED,
//! UNSUPPORTED_VERSION, DELEGATION_TOKEN_NOT_FOUND, DELEGATION_TOKEN_EXPIRED,
//! DELEGATION_TOKEN_OWNER_MISMATCH.

use barnabas_metadata::controller::RenewDelegationToken;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};

use super::AdminNode;
use super::delegation_tokens::{NEVER, may_ask};

/// Has the controller renew a token.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: RenewDelegationTokenRequest,
) -> RenewDelegationTokenResponse {
    if !may_ask(context) {
        return refused(ErrorCode::DelegationTokenRequestNotAllowed);
    }
    if let Some(answer) = node.forwarded(context, &request).await {
        return answer.unwrap_or_else(|error| refused(error.code));
    }
    let asked = RenewDelegationToken {
        requester: context.principal.to_string(),
        request,
    };
    let answer = node.controllers().submit(asked).await;
    answer.unwrap_or_else(|error| refused(error.error_code()))
}

fn refused(error: ErrorCode) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse::default()
        .with_error_code(error.code())
        .with_expiry_timestamp_ms(NEVER)
}
