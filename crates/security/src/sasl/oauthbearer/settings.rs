//! Which tokens a listener takes, by its settings: those of an issuer (KIP-768), or those that nobody has
//! signed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::keys::SharedKeys;
use super::signed::SignedValidator;
use super::unsecured::UnsecuredValidator;
use super::{Token, TokenError};
use crate::sasl::jaas::JaasEntry;

const PACKAGE: &str = "org.apache.kafka.common.security.oauthbearer.";
const OF_ISSUER: [&str; 2] = [
    "OAuthBearerValidatorCallbackHandler",
    "secured.OAuthBearerValidatorCallbackHandler",
];
const UNSECURED: [&str; 2] = [
    "internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler",
    "internals.OAuthBearerUnsecuredValidatorCallbackHandler",
];
const VALIDATORS: [&str; 2] = ["DefaultJwtValidator", "BrokerJwtValidator"];
const URL: &str = "sasl.oauthbearer.jwks.endpoint.url";

/// How tokens are judged.
#[derive(Clone, Debug)]
pub enum Validator {
    /// Nobody has signed them.
    Unsecured(UnsecuredValidator),
    /// An issuer has.
    Signed(Arc<SignedValidator>),
}

impl Validator {
    /// Whose a token is.
    pub(super) fn validate(&self, token: &str, now_ms: i64) -> Result<Token, TokenError> {
        match self {
            Validator::Unsecured(validator) => validator.validate(token, now_ms),
            Validator::Signed(validator) => validator.validate(token, now_ms),
        }
    }
}

/// Where the keys of an issuer are fetched, and how often.
#[derive(Clone)]
pub struct JwksEndpoint {
    /// `https://…`, or `file:…`.
    pub url: String,
    /// Where they are put.
    pub keys: Arc<SharedKeys>,
    /// How often they are fetched.
    pub refresh: Duration,
    /// How long after a failure; twice as long after each further one.
    pub retry_backoff: Duration,
    /// At most so long.
    pub retry_backoff_max: Duration,
    /// Whom to trust by TLS: the `ssl.` options of the JAAS entry.
    pub trust: Vec<(String, String)>,
}

/// No passwords.
impl fmt::Debug for JwksEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwksEndpoint({})", self.url)
    }
}

/// Reads the settings of OAUTHBEARER; `setting` gives the value for a listener, and `entries` are of its JAAS
/// configuration.
///
/// # Errors
/// A class that can't be loaded, or what would leave tokens unverified without a word.
pub fn read(
    setting: &dyn Fn(&str) -> Option<String>,
    entries: &[JaasEntry],
) -> Result<(Validator, Option<JwksEndpoint>), String> {
    let get = |name: &str| setting(&format!("oauthbearer.{name}")).or_else(|| setting(name));
    let given = |name: &str| {
        get(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    let entry = entries
        .iter()
        .find(|entry| entry.login_module == JaasEntry::OAUTHBEARER);
    let handler = setting("oauthbearer.sasl.server.callback.handler.class");
    let is_one_of = |names: &[&str], class: &str| {
        class
            .trim()
            .strip_prefix(PACKAGE)
            .is_some_and(|class| names.contains(&class))
    };
    match handler {
        Some(class) if is_one_of(&OF_ISSUER, &class) => {}
        Some(class) if !is_one_of(&UNSECURED, &class) => {
            return Err(format!(
                "oauthbearer.sasl.server.callback.handler.class={class} is refused: callback handlers are classes of Java, \
                 which can't be loaded; there is {PACKAGE}{}",
                OF_ISSUER[0]
            ));
        }
        _ => {
            if let Some(url) = given(URL) {
                return Err(format!(
                    "{URL}={url} is set, and tokens would not be verified by it: set \
                     oauthbearer.sasl.server.callback.handler.class of the listener to {PACKAGE}{}",
                    OF_ISSUER[0]
                ));
            }
            let unsecured = entry.map_or_else(|| Ok(UnsecuredValidator::default()), UnsecuredValidator::of);
            return Ok((Validator::Unsecured(unsecured?), None));
        }
    }
    if let Some(class) =
        given("sasl.oauthbearer.jwt.validator.class").filter(|class| !is_one_of(&VALIDATORS, class))
    {
        return Err(format!(
            "sasl.oauthbearer.jwt.validator.class={class} is refused: classes of Java can't be loaded"
        ));
    }
    let url =
        given(URL).ok_or_else(|| format!("{URL} is not set, and tokens can't be verified without it"))?;
    let audience = given("sasl.oauthbearer.expected.audience").unwrap_or_default();
    let audience = audience.split(',').map(str::trim).filter(|one| !one.is_empty());
    let audience: BTreeSet<String> = audience.map(str::to_owned).collect();
    let issuer = given("sasl.oauthbearer.expected.issuer");
    for (is_given, claim, what) in [
        (!audience.is_empty(), "aud", "audience"),
        (issuer.is_some(), "iss", "issuer"),
    ] {
        let allowed = given(&format!("sasl.oauthbearer.allow.unverified.{what}"));
        if !is_given && allowed.is_none_or(|allowed| !allowed.eq_ignore_ascii_case("true")) {
            return Err(format!(
                "sasl.oauthbearer.expected.{what} is not set, so the claim {claim} of tokens would not be verified: set it, or \
                 sasl.oauthbearer.allow.unverified.{what}=true to take tokens with any"
            ));
        }
    }
    let number = |name: &str, default: i64| match given(name) {
        None => Ok(default),
        Some(text) => text
            .parse::<i64>()
            .map_err(|_| format!("Invalid value {text} for configuration {name}: Not a number of type LONG")),
    };
    let millis = |name: &str, default| {
        number(name, default).map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    };
    let keys = Arc::new(SharedKeys::default());
    let trust = entry.map_or_else(Vec::new, |entry| {
        let options = entry.options.iter().filter(|(name, _)| name.starts_with("ssl."));
        options
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    });
    let endpoint = JwksEndpoint {
        url,
        keys: keys.clone(),
        refresh: millis("sasl.oauthbearer.jwks.endpoint.refresh.ms", 3_600_000)?,
        retry_backoff: millis("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", 100)?,
        retry_backoff_max: millis("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", 10_000)?,
        trust,
    };
    let named = |name: &str, default: &str| given(name).unwrap_or_else(|| default.to_owned());
    let validator = SignedValidator {
        keys,
        audience,
        issuer,
        scope_claim: named("sasl.oauthbearer.scope.claim.name", "scope"),
        principal_claim: named("sasl.oauthbearer.sub.claim.name", "sub"),
        clock_skew_ms: number("sasl.oauthbearer.clock.skew.seconds", 30)?.saturating_mul(1000),
    };
    Ok((Validator::Signed(Arc::new(validator)), Some(endpoint)))
}
