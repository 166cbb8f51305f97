//! OAUTHBEARER (RFC 7628, KIP-255): the client brings a token, and a validator says whose it is. A token that
//! is no good is answered with why, and the client says that it has understood before it is refused.

mod keys;
mod settings;
mod signed;
mod unsecured;

pub use self::keys::{KeySet, SharedKeys};
pub use self::settings::{JwksEndpoint, Validator, read};
use super::scram::message::name;
use super::server::Refusal;

/// Between the parts of a client's message, and all that it says to an error.
const SEPARATOR: char = '\u{1}';

/// Who a token is of, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The principal's name.
    pub principal: String,
    /// When it expires, in milliseconds since the epoch.
    pub expires_at_ms: i64,
}

/// Why a token is no good, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// `invalid_token` or `insufficient_scope`.
    pub status: &'static str,
    /// What scope it would need.
    pub scope: Option<String>,
}

impl TokenError {
    /// It is malformed, expired, or not to be trusted.
    pub const INVALID: TokenError = TokenError {
        status: "invalid_token",
        scope: None,
    };

    fn json(&self) -> String {
        match &self.scope {
            Some(scope) => format!(r#"{{"status":"{}", "scope":"{scope}"}}"#, self.status),
            None => format!(r#"{{"status":"{}"}}"#, self.status),
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub struct OAuthBearerServer {
    validator: Validator,
    /// What the client was told of its token.
    error: Option<String>,
}

/// What a client's message leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is let in.
    Token(Token),
    /// It is told why not, and has to answer.
    Error(Vec<u8>),
}

impl OAuthBearerServer {
    /// An exchange whose token is judged by `validator`.
    pub fn new(validator: Validator) -> Self {
        OAuthBearerServer {
            validator,
            error: None,
        }
    }

    /// Takes the client's next message.
    ///
    /// # Errors
    /// It is none, or the client has understood why its token is no good.
    pub fn step(&mut self, message: &[u8], now_ms: i64) -> Result<Taken, Refusal> {
        if let Some(error) = self.error.take()
            && message == [1]
        {
            return Err(Refusal::Says(error));
        }
        let message = std::str::from_utf8(message).map_err(|_| Refusal::Credentials)?;
        let (authorization_id, token) = parse(message)?;
        match self.validator.validate(token, now_ms) {
            Ok(token) if !authorization_id.is_empty() && authorization_id != token.principal => {
                Err(Refusal::says(format!(
                    "Authentication failed: Client requested an authorization id ({authorization_id}) that is different from \
                     the token's principal name ({})",
                    token.principal
                )))
            }
            Ok(token) => Ok(Taken::Token(token)),
            Err(error) => {
                let error = error.json();
                self.error = Some(error.clone());
                Ok(Taken::Error(error.into_bytes()))
            }
        }
    }
}

/// Whom a client wants to be, if anybody else than who it is, and its token:
/// `n,a=NAME,^Aauth=Bearer TOKEN^A…^A`.
fn parse(message: &str) -> Result<(String, &str), Refusal> {
    let (authorization_id, pairs) = split(message).ok_or(Refusal::Credentials)?;
    let mut token = None;
    for pair in pairs.split_terminator(SEPARATOR) {
        let (key, value) = pair.split_once('=').ok_or(Refusal::Credentials)?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_value = |byte: u8| matches!(byte, 0x21..=0x7e | b' ' | b'\t' | b'\r' | b'\n');
        if !is_key || value.is_empty() || !value.bytes().all(is_value) {
            return Err(Refusal::Credentials);
        }
        if key == "auth" {
            // As Apache Kafka, which answers what is no message at all.
            token = Some(bearer(value).ok_or(Refusal::Broken("what it brings is no bearer token"))?);
        }
    }
    Ok((authorization_id, token.ok_or(Refusal::Credentials)?))
}

/// Whom a client wants to be, and what follows.
fn split(message: &str) -> Option<(String, &str)> {
    let rest = message.strip_prefix("n,")?;
    let (authorization, rest) = rest.split_once(',')?;
    let authorization_id = match authorization {
        "" => String::new(),
        named => name(named.strip_prefix("a=")?)?,
    };
    let pairs = rest.strip_prefix(SEPARATOR)?.strip_suffix(SEPARATOR)?;
    Some((authorization_id, pairs))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~+/.=".contains(&byte);
    let is_token = !token.is_empty() && token.bytes().all(is_of_token);
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

#[cfg(test)]
mod tests;
