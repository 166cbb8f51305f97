//! Who logs in by Kerberos, and with what: the options of `Krb5LoginModule`, and the name of the service.

use crate::sasl::jaas::JaasEntry;

/// The setting for the name of the service.
pub const SERVICE_NAME: &str = "sasl.kerberos.service.name";

/// Where the key or the ticket of whoever logs in is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KerberosSecret {
    /// In this file of keys, or the system's.
    KeyTab(Option<String>),
    /// In this cache of tickets, or the one of whoever runs this.
    TicketCache(Option<String>),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KerberosLogin {
    /// The principal; of the system's realm where it names none.
    pub principal: Option<String>,
    /// Its key or ticket.
    pub secret: KerberosSecret,
}

impl KerberosLogin {
    /// That of a service, which clients authenticate to.
    ///
    /// # Errors
    /// An option is missing without which there would be no key.
    pub fn of_service(entry: &JaasEntry) -> Result<KerberosLogin, String> {
        let login = KerberosLogin::of_client(entry)?;
        if matches!(login.secret, KerberosSecret::TicketCache(_)) || !is_true(entry, "storeKey") {
            return Err("useKeyTab=true and storeKey=true are needed for clients to authenticate".to_owned());
        }
        if login.principal.is_none() {
            return Err("principal is needed for clients to authenticate".to_owned());
        }
        Ok(login)
    }

    /// That of a client.
    ///
    /// # Errors
    /// It has neither a key nor tickets.
    pub fn of_client(entry: &JaasEntry) -> Result<KerberosLogin, String> {
        let option = |name: &str| {
            entry
                .option(name)
                .map(str::trim)
                .filter(|value| !value.is_empty())
        };
        let secret = if is_true(entry, "useKeyTab") {
            let file = option("keyTab").map(|path| path.strip_prefix("FILE:").unwrap_or(path));
            KerberosSecret::KeyTab(file.map(str::to_owned))
        } else if is_true(entry, "useTicketCache") {
            KerberosSecret::TicketCache(option("ticketCache").map(str::to_owned))
        } else {
            return Err(
                "neither useKeyTab=true nor useTicketCache=true is given, and nobody can be asked".to_owned(),
            );
        };
        Ok(KerberosLogin {
            principal: option("principal").map(str::to_owned),
            secret,
        })
    }
}

fn is_true(entry: &JaasEntry, option: &str) -> bool {
    entry
        .option(option)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// The entry of Kerberos' login module.
///
/// # Errors
/// There is none.
pub fn entry(entries: &[JaasEntry]) -> Result<&JaasEntry, String> {
    let mut entries = entries.iter();
    entries
        .find(|entry| entry.login_module == JaasEntry::KERBEROS)
        .ok_or_else(|| format!("GSSAPI needs an entry of {}", JaasEntry::KERBEROS))
}

/// The name of the service that nodes are, by the entry or the setting.
///
/// # Errors
/// As Kafka's: neither says it, or they don't agree.
pub fn service_name(entry: &JaasEntry, setting: Option<String>) -> Result<String, String> {
    let setting = setting.filter(|name| !name.trim().is_empty());
    match (entry.option("serviceName"), setting) {
        (Some(of_entry), Some(of_setting)) if of_entry != of_setting => Err(format!(
            "Conflicting serviceName values found in JAAS and Kafka configs value in JAAS file {of_entry}, value in Kafka \
             config {of_setting}"
        )),
        (Some(name), _) => Ok(name.to_owned()),
        (None, Some(name)) => Ok(name),
        (None, None) => Err(format!(
            "No serviceName defined in either JAAS or Kafka config: {SERVICE_NAME} is not set"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::jaas::parse_jaas;

    fn parsed(options: &str) -> JaasEntry {
        parse_jaas(&format!("{} required {options};", JaasEntry::KERBEROS)).unwrap()
    }

    #[test]
    fn options_are_those_of_javas_module() {
        let key_tab = |path: Option<&str>| KerberosSecret::KeyTab(path.map(str::to_owned));
        let cache = |path: Option<&str>| KerberosSecret::TicketCache(path.map(str::to_owned));
        for (options, principal, secret) in [
            (
                "useKeyTab=true keyTab=\"/k\" principal=\"kafka/a@R\" storeKey=true",
                Some("kafka/a@R"),
                key_tab(Some("/k")),
            ),
            ("useKeyTab=TRUE keyTab='FILE:/k'", None, key_tab(Some("/k"))),
            ("useKeyTab=true useTicketCache=true", None, key_tab(None)),
            (
                "useTicketCache=true ticketCache='/c' principal=a",
                Some("a"),
                cache(Some("/c")),
            ),
            ("useTicketCache=true", None, cache(None)),
        ] {
            let login = KerberosLogin::of_client(&parsed(options)).unwrap();
            assert_eq!(
                (login.principal.as_deref(), login.secret),
                (principal, secret),
                "{options}"
            );
        }
        for options in ["", "useKeyTab=yes keyTab='/k'", "keyTab='/k' principal=a"] {
            assert!(KerberosLogin::of_client(&parsed(options)).is_err(), "{options}");
        }
    }

    #[test]
    fn a_service_needs_a_key_and_a_name() {
        let whole = "useKeyTab=true storeKey=true keyTab='/k' principal='kafka/a@R'";
        assert!(KerberosLogin::of_service(&parsed(whole)).is_ok());
        for left_out in ["useKeyTab=true", "storeKey=true", "principal='kafka/a@R'"] {
            let options = format!("{} useTicketCache=true", whole.replace(left_out, ""));
            assert!(
                KerberosLogin::of_service(&parsed(&options)).is_err(),
                "{left_out}"
            );
        }
    }

    #[test]
    fn the_service_has_one_name() {
        let (with, without) = (parsed("serviceName=kafka"), parsed(""));
        let setting = |name: &str| Some(name.to_owned());
        assert_eq!(service_name(&with, None).as_deref(), Ok("kafka"));
        assert_eq!(service_name(&with, setting("kafka")).as_deref(), Ok("kafka"));
        assert_eq!(service_name(&without, setting("broker")).as_deref(), Ok("broker"));
        assert!(
            service_name(&with, setting("broker"))
                .unwrap_err()
                .starts_with("Conflicting serviceName")
        );
        assert!(
            service_name(&without, setting(" "))
                .unwrap_err()
                .starts_with("No serviceName defined")
        );
        assert!(entry(std::slice::from_ref(&with)).is_ok() && entry(&[]).is_err());
    }
}
