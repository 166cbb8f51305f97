//! JAAS configurations: the value of `sasl.jaas.config` (KIP-85), and the file that Java's login
//! configuration is in.
//!
//! ```text
//! org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="alice-secret";
//! ```

mod file;
mod lexer;

pub use file::JaasFile;

use std::collections::BTreeMap;
use std::fmt;

use self::lexer::{Lexer, Token};

/// What is wrong with a JAAS configuration, in Kafka's words. Says nothing of what stands in values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JaasError(pub(super) String);

impl JaasError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        JaasError(message.into())
    }
}

/// One login module with its options. What it is printed as tells no option's value.
#[derive(Clone, PartialEq, Eq)]
pub struct JaasEntry {
    /// The name of the module's class.
    pub login_module: String,
    /// Its options, by name.
    pub options: BTreeMap<String, String>,
}

impl JaasEntry {
    /// The class for PLAIN.
    pub const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
    /// The class for SCRAM.
    pub const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
    /// The class for GSSAPI, Java's own.
    pub const KERBEROS: &str = "com.sun.security.auth.module.Krb5LoginModule";
    /// The class for OAUTHBEARER.
    pub const OAUTHBEARER: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";

    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}

impl fmt::Debug for JaasEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.options.keys().collect();
        write!(f, "JaasEntry({}, options {names:?})", self.login_module)
    }
}

/// Reads the value of `sasl.jaas.config`: one entry.
///
/// # Errors
/// As Kafka's, which stop the start: no entry or several, no semicolon at the end, an option without a value.
pub fn parse_jaas(text: &str) -> Result<JaasEntry, JaasError> {
    let mut tokens = Lexer::new(text);
    let mut entries = Vec::new();
    while let Some(first) = tokens.next() {
        entries.push(entry(first, &mut tokens)?);
    }
    match (entries.len(), entries.pop()) {
        (1, Some(entry)) => Ok(entry),
        (_, None) => Err(JaasError::new("Login module not specified in JAAS config")),
        (count, _) => Err(JaasError::new(format!(
            "JAAS config property contains {count} login modules, should be 1 module"
        ))),
    }
}

/// Reads an entry whose first token is `first`, up to its semicolon.
fn entry(first: Token, tokens: &mut Lexer<'_>) -> Result<JaasEntry, JaasError> {
    let login_module = first
        .text()
        .ok_or_else(|| JaasError::new("Login module not specified in JAAS config"))?;
    let Some(flag) = tokens.next() else {
        return Err(JaasError::new(
            "Login module control flag not specified in JAAS config",
        ));
    };
    let flag = flag
        .text()
        .ok_or_else(|| JaasError::new("Login module control flag is not available in the JAAS config"))?;
    let known = ["REQUIRED", "REQUISITE", "SUFFICIENT", "OPTIONAL"];
    if !known.iter().any(|known| known.eq_ignore_ascii_case(&flag)) {
        return Err(JaasError::new(format!(
            "Invalid login module control flag '{flag}' in JAAS config"
        )));
    }
    let mut options = BTreeMap::new();
    loop {
        let key = match tokens.next() {
            None => return Err(JaasError::new("JAAS config entry not terminated by semi-colon")),
            Some(Token::Sign(';')) => break,
            Some(Token::Text(key)) => key,
            Some(Token::Number | Token::Sign(_)) => {
                return Err(JaasError::new("An option of the JAAS config has no name"));
            }
        };
        let is_equals = tokens.next() == Some(Token::Sign('='));
        let value = if is_equals {
            tokens.next().and_then(Token::text)
        } else {
            None
        };
        let Some(value) = value else {
            return Err(JaasError::new(format!(
                "Value not specified for key '{key}' in JAAS config"
            )));
        };
        options.insert(key, value);
    }
    Ok(JaasEntry {
        login_module,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read() {
        let entry = parse_jaas(
            "org.apache.kafka.common.security.plain.PlainLoginModule REQUIRED\n  username=admin password=\"a;b \\\"c\\\"\"\n \
             user_alice='alice secret' // who\n;",
        )
        .unwrap();
        assert_eq!(entry.login_module, JaasEntry::PLAIN);
        assert_eq!(entry.option("username"), Some("admin"));
        assert_eq!(entry.option("password"), Some("a;b \"c\""));
        assert_eq!(entry.option("user_alice"), Some("alice secret"));
        let shown = format!("{entry:?}");
        assert!(
            !shown.contains("secret") && shown.contains("user_alice"),
            "{shown}"
        );
    }

    #[test]
    fn what_kafka_refuses_is_refused_in_its_words() {
        for (text, expected) in [
            ("", "Login module not specified in JAAS config"),
            ("// nothing", "Login module not specified in JAAS config"),
            (";", "Login module not specified in JAAS config"),
            ("a.B", "Login module control flag not specified in JAAS config"),
            (
                "a.B ;",
                "Login module control flag is not available in the JAAS config",
            ),
            (
                "a.B needed;",
                "Invalid login module control flag 'needed' in JAAS config",
            ),
            ("a.B required", "JAAS config entry not terminated by semi-colon"),
            (
                "a.B required a=b",
                "JAAS config entry not terminated by semi-colon",
            ),
            (
                "a.B required a;",
                "Value not specified for key 'a' in JAAS config",
            ),
            (
                "a.B required a=;",
                "Value not specified for key 'a' in JAAS config",
            ),
            (
                "a.B required a=1;",
                "Value not specified for key 'a' in JAAS config",
            ),
            (
                "a.B required a=",
                "Value not specified for key 'a' in JAAS config",
            ),
            ("a.B required 1=a;", "An option of the JAAS config has no name"),
            (
                "a.B required; a.B required;",
                "JAAS config property contains 2 login modules, should be 1 module",
            ),
        ] {
            assert_eq!(parse_jaas(text), Err(JaasError::new(expected)), "{text}");
        }
    }
}
