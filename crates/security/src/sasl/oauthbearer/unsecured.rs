//! Tokens that nobody has signed, as Kafka's `OAuthBearerUnsecuredValidatorCallbackHandler` takes them: for
//! development, since anybody can make one for anybody.

use serde_json::{Map, Value};

use super::{Token, TokenError};
use crate::sasl::base64;
use crate::sasl::jaas::JaasEntry;

/// What a token must say: the options of the JAAS entry that begin with `unsecuredValidator`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsecuredValidator {
    principal_claim: String,
    scope_claim: String,
    required_scope: Vec<String>,
    clock_skew_ms: i64,
}

impl Default for UnsecuredValidator {
    fn default() -> Self {
        UnsecuredValidator {
            principal_claim: "sub".to_owned(),
            scope_claim: "scope".to_owned(),
            required_scope: Vec::new(),
            clock_skew_ms: 0,
        }
    }
}

impl UnsecuredValidator {
    /// By a JAAS entry.
    ///
    /// # Errors
    /// The clock skew is no number of milliseconds.
    pub fn of(entry: &JaasEntry) -> Result<Self, String> {
        let option = |name: &str| {
            entry
                .option(&format!("unsecuredValidator{name}"))
                .filter(|value| !value.trim().is_empty())
        };
        let named = |name: &str, default: String| option(name).map_or(default, str::to_owned);
        let default = Self::default();
        let skew = option("AllowableClockSkewMs").map_or(Ok(0), str::parse::<i64>);
        let clock_skew_ms = skew.ok().filter(|skew| *skew >= 0).ok_or_else(|| {
            "unsecuredValidatorAllowableClockSkewMs of the JAAS entry is no number of milliseconds".to_owned()
        })?;
        let required = option("RequiredScope").unwrap_or_default();
        Ok(UnsecuredValidator {
            principal_claim: named("PrincipalClaimName", default.principal_claim),
            scope_claim: named("ScopeClaimName", default.scope_claim),
            required_scope: required.split_whitespace().map(str::to_owned).collect(),
            clock_skew_ms,
        })
    }

    /// Whose `token` is.
    ///
    /// # Errors
    /// It is signed or malformed, names nobody, is not valid now, or lacks a scope.
    pub fn validate(&self, token: &str, now_ms: i64) -> Result<Token, TokenError> {
        let claims = claims(token).ok_or(TokenError::INVALID)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let principal = text(&self.principal_claim)
            .filter(|name| !name.trim().is_empty())
            .ok_or(TokenError::INVALID)?;
        let issued_at_ms = time_ms(&claims, "iat")?;
        let expires_at_ms = time_ms(&claims, "exp")?.ok_or(TokenError::INVALID)?;
        let is_early = issued_at_ms.is_some_and(|at| at > now_ms.saturating_add(self.clock_skew_ms));
        let is_late = now_ms.saturating_sub(self.clock_skew_ms) >= expires_at_ms;
        if is_early || is_late || issued_at_ms.is_some_and(|at| at >= expires_at_ms) {
            return Err(TokenError::INVALID);
        }
        let has_scope = |wanted: &String| match claims.get(&self.scope_claim) {
            Some(Value::String(scope)) => scope.split_whitespace().any(|scope| scope == wanted),
            Some(Value::Array(scopes)) => scopes.iter().any(|scope| scope.as_str() == Some(wanted)),
            _ => false,
        };
        if !self.required_scope.iter().all(has_scope) {
            return Err(TokenError {
                status: "insufficient_scope",
                scope: Some(format!("[{}]", self.required_scope.join(", "))),
            });
        }
        Ok(Token {
            principal: principal.to_owned(),
            expires_at_ms,
        })
    }
}

/// The claims of a token in compact form whose algorithm is none and whose signature is empty.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !signature.is_empty() {
        return None;
    }
    let header = object(header)?;
    if header.get("alg").and_then(Value::as_str) != Some("none") {
        return None;
    }
    object(claims)
}

pub(super) fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = base64::decode_url(part.trim_end_matches('='))?;
    serde_json::from_slice(&bytes).ok()
}

/// A time that the claims give in seconds, in milliseconds.
pub(super) fn time_ms(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| seconds.is_finite());
            // A float becomes the nearest number that there is.
            seconds
                .map(|seconds| Some((seconds * 1000.0).round() as i64))
                .ok_or(TokenError::INVALID)
        }
    }
}
