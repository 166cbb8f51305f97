//! PLAIN (RFC 4616): the password itself, and the users of a JAAS entry.

use std::collections::BTreeMap;
use std::fmt;

use subtle::ConstantTimeEq;

use super::jaas::JaasEntry;
use super::server::Refusal;

/// Who the client wants to be, who it is, and its password.
const PARTS: usize = 3;

/// The users that a listener knows, and their passwords: `user_NAME="password"` of its JAAS entries.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PlainUsers(BTreeMap<String, String>);

impl PlainUsers {
    /// Those of the entries of PLAIN's login module; the first that names a user counts.
    pub fn of(entries: &[JaasEntry]) -> Self {
        let mut users = BTreeMap::new();
        for entry in entries
            .iter()
            .filter(|entry| entry.login_module == JaasEntry::PLAIN)
        {
            for (option, password) in &entry.options {
                if let Some(user) = option.strip_prefix("user_") {
                    users.entry(user.to_owned()).or_insert_with(|| password.clone());
                }
            }
        }
        PlainUsers(users)
    }

    /// Who sent `message`, if the password is right.
    pub fn authenticate(&self, message: &[u8]) -> Result<String, Refusal> {
        // Java reads what is no UTF-8 this way, too.
        let message = String::from_utf8_lossy(message);
        let parts: Vec<&str> = message.splitn(PARTS + 1, '\0').collect();
        let [authorization_id, user, password] = parts[..] else {
            let found = parts.len();
            return Err(Refusal::says(format!(
                "Invalid SASL/PLAIN response: expected {PARTS} tokens, got {found}"
            )));
        };
        if user.is_empty() {
            return Err(Refusal::says("Authentication failed: username not specified"));
        }
        if password.is_empty() {
            return Err(Refusal::says("Authentication failed: password not specified"));
        }
        let known = self.0.get(user);
        // An unknown user takes as long as a wrong password.
        let expected = known.map_or(password, String::as_str).as_bytes();
        let is_right = bool::from(expected.ct_eq(password.as_bytes()));
        if known.is_none() || !is_right {
            return Err(Refusal::says(
                "Authentication failed: Invalid username or password",
            ));
        }
        if !authorization_id.is_empty() && authorization_id != user {
            return Err(Refusal::says(
                "Authentication failed: Client requested an authorization id that is different from username",
            ));
        }
        Ok(user.to_owned())
    }
}

/// Who they are, not their passwords.
impl fmt::Debug for PlainUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a client sends: who it is and its password.
pub fn message(user: &str, password: &str) -> Vec<u8> {
    format!("\0{user}\0{password}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::jaas::parse_jaas;
    use super::*;

    #[test]
    fn passwords_are_checked_in_kafkas_order_and_words() {
        let users = PlainUsers::of(&[parse_jaas(&format!(
            "{} required username=\"admin\" password=\"p\" user_alice=\"alice-secret\" user_bob=\"b\";",
            JaasEntry::PLAIN
        ))
        .unwrap()]);
        let invalid = Refusal::says("Authentication failed: Invalid username or password");
        let table: &[(&str, Result<&str, Refusal>)] = &[
            ("\0alice\0alice-secret", Ok("alice")),
            ("alice\0alice\0alice-secret", Ok("alice")),
            ("\0alice\0alice", Err(invalid.clone())),
            ("\0alice\0alice-secret2", Err(invalid.clone())),
            ("\0eve\0alice-secret", Err(invalid.clone())),
            // The broker's own name is not a user.
            ("\0admin\0p", Err(invalid.clone())),
            (
                "bob\0alice\0alice-secret",
                Err(Refusal::says(
                    "Authentication failed: Client requested an authorization id that is different from username",
                )),
            ),
            ("bob\0alice\0wrong", Err(invalid)),
            (
                "\0\0x",
                Err(Refusal::says("Authentication failed: username not specified")),
            ),
            (
                "\0alice\0",
                Err(Refusal::says("Authentication failed: password not specified")),
            ),
            (
                "",
                Err(Refusal::says(
                    "Invalid SASL/PLAIN response: expected 3 tokens, got 1",
                )),
            ),
            (
                "alice\0alice-secret",
                Err(Refusal::says(
                    "Invalid SASL/PLAIN response: expected 3 tokens, got 2",
                )),
            ),
            (
                "\0alice\0alice-secret\0",
                Err(Refusal::says(
                    "Invalid SASL/PLAIN response: expected 3 tokens, got 4",
                )),
            ),
        ];
        for (message, expected) in table {
            let answer = users.authenticate(message.as_bytes());
            assert_eq!(answer.as_deref(), expected.as_deref(), "{message:?}");
        }
        assert!(users.authenticate(&[0, 0xff, 0, 0xff]).is_err());
        assert_eq!(users.authenticate(&message("bob", "b")), Ok("bob".to_owned()));
        assert_eq!(format!("{users:?}"), "{\"alice\", \"bob\"}");
    }
}
