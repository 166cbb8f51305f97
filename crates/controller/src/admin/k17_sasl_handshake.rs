//! SaslHandshake (key 17), where there is nothing to authenticate: on a listener without SASL, or when the
//! client's session lives on.
//!
//! Versions 0–1. Error: ILLEGAL_SASL_STATE. What begins an authentication never gets here.

use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};

/// Refuses it.
pub fn handle<N>(_: &N, _: &RequestContext, _: SaslHandshakeRequest) -> SaslHandshakeResponse {
    SaslHandshakeResponse::default().with_error_code(ErrorCode::IllegalSaslState.code())
}
