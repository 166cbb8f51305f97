//! Whose the keys of a listener are. At run time they may be exchanged for new ones of the same owner only,
//! unless `ssl.allow.dn.changes` and `ssl.allow.san.changes` say otherwise (KIP-978).

use super::TlsError;
use super::certificate::{AlternativeName, Certificate};
use super::store::KeyEntry;

/// The owner that a certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    subject: String,
    /// The names beside the subject.
    names: Vec<String>,
}

impl Identity {
    /// That of a key's certificate.
    pub fn of(key: &KeyEntry) -> Option<Identity> {
        let certificate = Certificate::parse(key.chain.first()?).ok()?;
        let names = certificate.alternative_names();
        Some(Identity {
            subject: certificate.subject_name().ok()?,
            names: names.iter().map(printed).collect(),
        })
    }
}

fn printed(name: &AlternativeName<'_>) -> String {
    match name {
        AlternativeName::Dns(name) => String::from_utf8_lossy(name).into_owned(),
        AlternativeName::Ip(bytes) => {
            let v4: Result<[u8; 4], _> = (*bytes).try_into();
            let v6: Result<[u8; 16], _> = (*bytes).try_into();
            match (v4, v6) {
                (Ok(v4), _) => std::net::IpAddr::from(v4).to_string(),
                (_, Ok(v6)) => std::net::IpAddr::from(v6).to_string(),
                _ => format!("{bytes:?}"),
            }
        }
        AlternativeName::Other(tag, bytes) => format!("{tag}:{bytes:?}"),
    }
}

/// Whether keys may take the place of others, in Kafka's words.
pub(super) fn check(
    before: &[Identity],
    after: &[Identity],
    allows_dn: bool,
    allows_san: bool,
) -> Result<(), TlsError> {
    if allows_dn && allows_san {
        return Ok(());
    }
    if before.len() != after.len() {
        return Err(TlsError::new(format!(
            "Keystore entries do not match, existing store contains {} entries, new store contains {} entries",
            before.len(),
            after.len()
        )));
    }
    for (old, new) in before.iter().zip(after) {
        if !allows_dn && old.subject != new.subject {
            return Err(TlsError::new(format!(
                "Keystore DistinguishedName does not match:  existing={{DN={}}}, new={{DN={}}}",
                old.subject, new.subject
            )));
        }
        if !allows_san && !old.names.iter().all(|name| new.names.contains(name)) {
            return Err(TlsError::new(format!(
                "Keystore SubjectAltNames do not match:  existing={{SAN={:?}}}, new={{SAN={:?}}}",
                old.names, new.names
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_keys_are_the_same_owners() {
        let identity = |subject: &str, names: &[&str]| Identity {
            subject: subject.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let before = [identity("CN=a", &["x", "y"])];
        let cases = [
            (identity("CN=a", &["x", "y"]), (false, false), true),
            (identity("CN=a", &["y", "x", "z"]), (false, false), true),
            (identity("CN=a", &["x"]), (false, false), false),
            (identity("CN=a", &["x"]), (false, true), true),
            (identity("CN=b", &["x", "y"]), (false, true), false),
            (identity("CN=b", &["x", "y"]), (true, false), true),
            (identity("CN=b", &[]), (true, true), true),
        ];
        for (after, (dn, san), expected) in cases {
            assert_eq!(
                check(&before, std::slice::from_ref(&after), dn, san).is_ok(),
                expected,
                "{after:?}"
            );
        }
        assert!(check(&before, &[], false, false).is_err());
    }
}
