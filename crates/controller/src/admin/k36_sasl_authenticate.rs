//! SaslAuthenticate (key 36), where there is nothing to authenticate: on a listener without SASL, or when the
//! client has authenticated already.
//!
//! Versions 0–2. Error: ILLEGAL_SASL_STATE. What belongs to an authentication never gets here.

use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse, StrBytes};

/// Refuses it.
pub fn handle<N>(_: &N, _: &RequestContext, _: SaslAuthenticateRequest) -> SaslAuthenticateResponse {
    let message = "SaslAuthenticate request received after successful authentication";
    SaslAuthenticateResponse::default()
        .with_error_code(ErrorCode::IllegalSaslState.code())
        .with_error_message(Some(StrBytes::from_static_str(message)))
}
