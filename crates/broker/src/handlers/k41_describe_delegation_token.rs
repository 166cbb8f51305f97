//! DescribeDelegationToken (key 41, KIP-48, KIP-373): the tokens that the client owns, may renew or may see,
//! and what proves them.
//!
//! Versions 1–3. Errors: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, DELEGATION_TOKEN_AUTH_DISABLED.

use barnabas_controller::admin::delegation_tokens::{may_ask, parts, principal};
use barnabas_metadata::records::DelegationTokenRecord;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_delegation_token_response::{
    DescribedDelegationToken, DescribedDelegationTokenRenewer,
};
use barnabas_protocol::messages::{
    DescribeDelegationTokenRequest, DescribeDelegationTokenResponse, StrBytes,
};
use barnabas_security::delegation_tokens::TokenSecret;
use barnabas_security::{AclOperation, KafkaPrincipal, ResourceType, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;

/// The version from which on the answer says who asked for a token.
const REQUESTER_SINCE: i16 = 3;

/// Describes the tokens of those owners that are named, or of all.
pub fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeDelegationTokenRequest,
) -> DescribeDelegationTokenResponse {
    let response = DescribeDelegationTokenResponse::default();
    if !may_ask(context) {
        return response.with_error_code(ErrorCode::DelegationTokenRequestNotAllowed.code());
    }
    let config = broker.config();
    let key = config.delegation_token_secret_key.as_ref();
    let Some(secret) = key.and_then(|key| TokenSecret::new(&key.0)) else {
        return response.with_error_code(ErrorCode::DelegationTokenAuthDisabled.code());
    };
    let owners = request.owners.map(|owners| {
        let owners = owners.iter();
        let owners = owners.map(|owner| principal(&owner.principal_type, &owner.principal_name).to_string());
        owners.collect::<Vec<String>>()
    });
    let (image, requester, rights) = (
        broker.image(),
        context.principal.to_string(),
        broker.rights(context),
    );
    let tokens = image.delegation_tokens.values();
    let tokens = tokens.filter(|token| {
        let is_asked_for = |owners: &Vec<String>| owners.iter().any(|owner| is_of(token, owner));
        owners.as_ref().is_none_or(is_asked_for) && may_see(token, &requester, rights)
    });
    let describe = |token| describe(token, &secret, context.api_version);
    response.with_tokens(tokens.map(|token| describe(token)).collect())
}

fn is_of(token: &DelegationTokenRecord, principal: &str) -> bool {
    token.owner == principal || token.renewers.iter().any(|renewer| renewer == principal)
}

fn may_see(token: &DelegationTokenRecord, requester: &str, rights: Rights<'_>) -> bool {
    is_of(token, requester)
        || rights.on(
            AclOperation::Describe,
            ResourceType::DelegationToken,
            &token.token_id,
        )
        || rights.on(AclOperation::DescribeTokens, ResourceType::User, &token.owner)
}

fn describe(token: &DelegationTokenRecord, secret: &TokenSecret, version: i16) -> DescribedDelegationToken {
    let (kind, name) = named(&token.owner);
    let renewers = token.renewers.iter().map(|renewer| {
        let (kind, name) = named(renewer);
        DescribedDelegationTokenRenewer::default()
            .with_principal_type(kind)
            .with_principal_name(name)
    });
    let described = DescribedDelegationToken::default()
        .with_principal_type(kind)
        .with_principal_name(name)
        .with_issue_timestamp(token.issue_timestamp)
        .with_expiry_timestamp(token.expiration_timestamp)
        .with_max_timestamp(token.max_timestamp)
        .with_token_id(StrBytes::from_string(token.token_id.clone()))
        .with_hmac(secret.hmac(&token.token_id).into())
        .with_renewers(renewers.collect());
    if version < REQUESTER_SINCE {
        return described;
    }
    let (kind, name) = named(&token.requester);
    described
        .with_token_requester_principal_type(kind)
        .with_token_requester_principal_name(name)
}

/// Type and name of a principal in a record.
fn named(text: &str) -> (StrBytes, StrBytes) {
    KafkaPrincipal::parse(text).map_or_else(|_| Default::default(), |principal| parts(&principal))
}
