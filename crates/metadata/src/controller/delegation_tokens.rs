//! CreateDelegationToken (key 38), RenewDelegationToken (39) and ExpireDelegationToken (40, KIP-48, KIP-373).
//! Kafka's `DelegationTokenControlManager`.
//!
//! Who asks travels with the request: the broker has authenticated it, and the controller judges by it who
//! may renew. A token's proof is not kept, and never in a record.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse, ExpireDelegationTokenRequest,
    ExpireDelegationTokenResponse, RenewDelegationTokenRequest, RenewDelegationTokenResponse, StrBytes,
};
use barnabas_security::KafkaPrincipal;
use barnabas_security::delegation_tokens::TokenSecret;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Decide, DecideContext, Decision, RECORDS_MAX, TokenSettings, wire};
use crate::image::MetadataImage;
use crate::records::{DelegationTokenRecord, MetadataRecord};

/// The metadata.version from which on there are delegation tokens (3.6-IV2).
const METADATA_VERSION_MIN: i16 = 14;

/// Makes a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateDelegationToken {
    /// Who asks, such as `User:alice`.
    pub requester: String,
    /// What for.
    #[serde(with = "wire::request")]
    pub request: CreateDelegationTokenRequest,
}

/// Makes a token expire later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenewDelegationToken {
    /// Who asks, such as `User:alice`.
    pub requester: String,
    /// What for.
    #[serde(with = "wire::request")]
    pub request: RenewDelegationTokenRequest,
}

/// Makes a token expire at another time, or at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpireDelegationToken {
    /// Who asks, such as `User:alice`.
    pub requester: String,
    /// What for.
    #[serde(with = "wire::request")]
    pub request: ExpireDelegationTokenRequest,
}

impl Decide for CreateDelegationToken {
    type Reply = CreateDelegationTokenResponse;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let CreateDelegationToken { requester, request } = self;
        let owner = match (&request.owner_principal_type, &request.owner_principal_name) {
            (kind, Some(name)) if !name.is_empty() => {
                format!("{}:{}", kind.as_deref().unwrap_or_default(), &**name)
            }
            _ => requester.clone(),
        };
        let mut reply = CreateDelegationTokenResponse::default();
        (reply.principal_type, reply.principal_name) = principal(&owner);
        (
            reply.token_requester_principal_type,
            reply.token_requester_principal_name,
        ) = principal(&requester);
        match create(&request, (owner, requester), image, ctx) {
            Ok((token, hmac)) => {
                reply.issue_timestamp_ms = token.issue_timestamp;
                reply.expiry_timestamp_ms = token.expiration_timestamp;
                reply.max_timestamp_ms = token.max_timestamp;
                reply.token_id = StrBytes::from_string(token.token_id.clone());
                reply.hmac = hmac.into();
                with_record(MetadataRecord::DelegationToken(token), reply)
            }
            Err(error) => {
                reply.error_code = error.code();
                without_record(reply)
            }
        }
    }
}

impl Decide for RenewDelegationToken {
    type Reply = RenewDelegationTokenResponse;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let reply = RenewDelegationTokenResponse::default();
        match renew(&self, image, ctx) {
            Ok(token) => {
                let reply = reply.with_expiry_timestamp_ms(token.expiration_timestamp);
                with_record(MetadataRecord::DelegationToken(token), reply)
            }
            Err(error) => without_record(reply.with_error_code(error.code())),
        }
    }
}

impl Decide for ExpireDelegationToken {
    type Reply = ExpireDelegationTokenResponse;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let reply = ExpireDelegationTokenResponse::default();
        match expire(&self, image, ctx) {
            Ok((at_ms, record)) => with_record(record, reply.with_expiry_timestamp_ms(at_ms)),
            Err(error) => without_record(reply.with_error_code(error.code())),
        }
    }
}

/// The removal of those tokens that have expired, as many as one entry holds.
pub(super) fn expired(image: &MetadataImage, now_ms: i64) -> impl Iterator<Item = MetadataRecord> {
    let expired = image.delegation_tokens.values();
    let expired = expired.filter(move |token| has_expired(token, now_ms));
    expired.take(RECORDS_MAX).map(|token| {
        tracing::info!(token = %token.token_id, owner = %token.owner, "a delegation token has expired");
        MetadataRecord::RemoveDelegationToken {
            token_id: token.token_id.clone(),
        }
    })
}

fn create(
    request: &CreateDelegationTokenRequest,
    (owner, requester): (String, String),
    image: &MetadataImage,
    ctx: &mut DecideContext<'_>,
) -> Result<(DelegationTokenRecord, Vec<u8>), ErrorCode> {
    let settings = enabled(image, ctx)?;
    let now_ms = ctx.now_ms;
    let lifetime_ms = at_most(settings.max_lifetime_ms, request.max_lifetime_ms);
    let max_timestamp = now_ms.saturating_add(lifetime_ms);
    let expiration_timestamp = max_timestamp.min(now_ms.saturating_add(settings.expiry_time_ms));
    let mut renewers = Vec::with_capacity(request.renewers.len());
    for renewer in &request.renewers {
        if *renewer.principal_type != *KafkaPrincipal::USER_TYPE {
            return Err(ErrorCode::InvalidPrincipalType);
        }
        renewers.push(KafkaPrincipal::user(&*renewer.principal_name).to_string());
    }
    let token_id = kafka_uuid::encode(ctx.random.uuid());
    let hmac = settings.secret.hmac(&token_id);
    let token = DelegationTokenRecord {
        token_id,
        owner,
        requester,
        renewers,
        issue_timestamp: now_ms,
        max_timestamp,
        expiration_timestamp,
    };
    Ok((token, hmac))
}

fn renew(
    asked: &RenewDelegationToken,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<DelegationTokenRecord, ErrorCode> {
    let settings = enabled(image, ctx)?;
    let token = find(&asked.request.hmac, &settings.secret, image)?;
    if has_expired(token, ctx.now_ms) {
        return Err(ErrorCode::DelegationTokenExpired);
    }
    check_renewer(token, &asked.requester)?;
    let period_ms = at_most(settings.expiry_time_ms, asked.request.renew_period_ms);
    Ok(until(token, ctx.now_ms.saturating_add(period_ms)))
}

fn expire(
    asked: &ExpireDelegationToken,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<(i64, MetadataRecord), ErrorCode> {
    let settings = enabled(image, ctx)?;
    let token = find(&asked.request.hmac, &settings.secret, image)?;
    check_renewer(token, &asked.requester)?;
    let period_ms = asked.request.expiry_time_period_ms;
    if period_ms < 0 {
        let token_id = token.token_id.clone();
        return Ok((ctx.now_ms, MetadataRecord::RemoveDelegationToken { token_id }));
    }
    if has_expired(token, ctx.now_ms) {
        return Err(ErrorCode::DelegationTokenExpired);
    }
    let token = until(token, ctx.now_ms.saturating_add(period_ms));
    Ok((token.expiration_timestamp, MetadataRecord::DelegationToken(token)))
}

fn enabled<'a>(image: &MetadataImage, ctx: &DecideContext<'a>) -> Result<&'a TokenSettings, ErrorCode> {
    let settings = ctx.settings.tokens.as_ref();
    let settings = settings.ok_or(ErrorCode::DelegationTokenAuthDisabled)?;
    if image.features.metadata_version() < METADATA_VERSION_MIN {
        return Err(ErrorCode::UnsupportedVersion);
    }
    Ok(settings)
}

/// What is asked for, where something is; never more than what is set.
fn at_most(set_ms: i64, asked_ms: i64) -> i64 {
    if asked_ms > 0 {
        set_ms.min(asked_ms)
    } else {
        set_ms
    }
}

/// The token that this is the proof of. Each token's is made anew: they are kept nowhere.
fn find<'a>(
    hmac: &Bytes,
    secret: &TokenSecret,
    image: &'a MetadataImage,
) -> Result<&'a DelegationTokenRecord, ErrorCode> {
    let tokens = image.delegation_tokens.values();
    let mut tokens = tokens.filter(|token| secret.is_of(&token.token_id, hmac));
    let found = tokens.next().map(|token| &**token);
    found.ok_or(ErrorCode::DelegationTokenNotFound)
}

fn has_expired(token: &DelegationTokenRecord, now_ms: i64) -> bool {
    token.max_timestamp < now_ms || token.expiration_timestamp < now_ms
}

fn check_renewer(token: &DelegationTokenRecord, requester: &str) -> Result<(), ErrorCode> {
    if token.owner == requester || token.renewers.iter().any(|renewer| renewer == requester) {
        Ok(())
    } else {
        Err(ErrorCode::DelegationTokenOwnerMismatch)
    }
}

/// The token, as it is when it expires then, or when it has to at the latest.
fn until(token: &DelegationTokenRecord, at_ms: i64) -> DelegationTokenRecord {
    DelegationTokenRecord {
        expiration_timestamp: token.max_timestamp.min(at_ms),
        ..token.clone()
    }
}

fn principal(text: &str) -> (StrBytes, StrBytes) {
    let (kind, name) = text.split_once(':').unwrap_or(("", text));
    (
        StrBytes::from_string(kind.to_owned()),
        StrBytes::from_string(name.to_owned()),
    )
}

fn with_record<R>(record: MetadataRecord, reply: R) -> Decision<R> {
    Decision {
        records: vec![record],
        reply,
    }
}

fn without_record<R>(reply: R) -> Decision<R> {
    Decision {
        records: Vec::new(),
        reply,
    }
}
