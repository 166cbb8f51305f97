//! Tokens that an issuer has signed, as Kafka's `BrokerJwtValidator` takes them (KIP-768).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::keys::SharedKeys;
use super::unsecured::{object, time_ms};
use super::{Token, TokenError};
use crate::sasl::base64;

/// What a token must say, and who must have signed it.
#[derive(Clone, Debug)]
pub struct SignedValidator {
    /// The keys of the issuer.
    pub keys: Arc<SharedKeys>,
    /// `sasl.oauthbearer.expected.audience`: it is for one of them; none means any.
    pub audience: BTreeSet<String>,
    /// `sasl.oauthbearer.expected.issuer`; none means any.
    pub issuer: Option<String>,
    /// `sasl.oauthbearer.scope.claim.name`.
    pub scope_claim: String,
    /// `sasl.oauthbearer.sub.claim.name`.
    pub principal_claim: String,
    /// `sasl.oauthbearer.clock.skew.seconds`, in milliseconds.
    pub clock_skew_ms: i64,
}

impl SignedValidator {
    /// Whose `token` is.
    ///
    /// # Errors
    /// No key of the issuer has signed it, it is for somebody else, or not valid now, or malformed.
    pub fn validate(&self, token: &str, now_ms: i64) -> Result<Token, TokenError> {
        self.claims(token)
            .and_then(|claims| self.judge(&claims, now_ms))
            .ok_or(TokenError::INVALID)
    }

    /// The claims of a token whose signature is right.
    fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = base64::decode_url(signature)?;
        let header = object(header)?;
        let text = |name: &str| header.get(name).map(|value| value.as_str());
        let algorithm = text("alg")??;
        let id = match text("kid") {
            None => None,
            Some(id) => Some(id?),
        };
        // Whoever asks for extensions to be understood is not.
        if claims.contains('.') || header.contains_key("crit") {
            return None;
        }
        let is_signed = self.keys.verify((algorithm, id), signed.as_bytes(), &signature);
        if is_signed { object(claims) } else { None }
    }

    fn judge(&self, claims: &Map<String, Value>, now_ms: i64) -> Option<Token> {
        let time = |name: &str| time_ms(claims, name).ok();
        let expires_at_ms = time("exp")??;
        time("iat")??;
        let not_before_ms = time("nbf")?;
        if now_ms.saturating_sub(self.clock_skew_ms) >= expires_at_ms
            || not_before_ms.is_some_and(|at| now_ms.saturating_add(self.clock_skew_ms) < at)
        {
            return None;
        }
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return None;
        }
        let is_expected = |value: &Value| {
            value
                .as_str()
                .is_some_and(|audience| self.audience.contains(audience))
        };
        let is_for_us = match claims.get("aud") {
            _ if self.audience.is_empty() => true,
            Some(Value::Array(audiences)) => audiences.iter().any(is_expected),
            Some(audience) => is_expected(audience),
            None => false,
        };
        if !is_for_us || !self.has_good_scope(claims) {
            return None;
        }
        let principal = claims.get(&self.principal_claim)?.as_str()?.trim();
        (!principal.is_empty()).then(|| Token {
            principal: principal.to_owned(),
            expires_at_ms,
        })
    }

    /// A scope is a text or a list of texts, or not there; which it is nobody asks.
    fn has_good_scope(&self, claims: &Map<String, Value>) -> bool {
        match claims.get(&self.scope_claim) {
            None | Some(Value::Null) => true,
            Some(Value::String(scope)) => !scope.trim().is_empty(),
            Some(Value::Array(scopes)) => scopes
                .iter()
                .all(|scope| scope.as_str().is_some_and(|scope| !scope.trim().is_empty())),
            Some(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
