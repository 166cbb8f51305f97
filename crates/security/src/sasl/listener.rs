//! What SASL is at one listener: its mechanisms, and what each of them needs.

use std::sync::Arc;

use barnabas_protocol::java_order::{hash_set_order, java_hash};

use super::client::ClientCredentials;
use super::gssapi::{self, GssapiService, Kerberos, KerberosLogin, LocalNames};
use super::jaas::{JaasEntry, JaasError, JaasFile, parse_jaas};
use super::mechanism::SaslMechanism;
use super::oauthbearer;
use super::oauthbearer::{JwksEndpoint, Validator};
use super::plain::PlainUsers;
use super::server::SaslServer;

/// Why settings of SASL can't be used; stops the start. Says no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslSettingsError {
    /// A JAAS configuration is wrong.
    #[error("{setting}: {error}")]
    Jaas {
        /// The setting or file it is in.
        setting: String,
        /// What is wrong.
        error: JaasError,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Where the settings of a listener are found.
#[derive(Clone, Copy)]
pub struct SaslSettings<'a> {
    /// The listener's name.
    pub listener: &'a str,
    /// The value of a setting for this listener: what `listener.name.{listener}.{name}` says, or `name`.
    pub setting: &'a dyn Fn(&str) -> Option<String>,
    /// The JAAS file, if there is one.
    pub jaas_file: Option<&'a JaasFile>,
    /// Kerberos, for listeners with GSSAPI.
    pub kerberos: &'a dyn Kerberos,
}

impl SaslSettings<'_> {
    /// The JAAS entries of a mechanism: of its own setting, or of the file.
    ///
    /// # Errors
    /// There are none, they can't be read, or they name a class that is not Kafka's.
    pub fn jaas_entries(&self, mechanism: SaslMechanism) -> Result<Vec<JaasEntry>, SaslSettingsError> {
        let key = format!("{}.sasl.jaas.config", mechanism.name().to_lowercase());
        let name = format!("listener.name.{}.{key}", self.listener.to_lowercase());
        let entries = match (self.setting)(&key) {
            Some(text) => {
                let entry = parse_jaas(&text).map_err(|error| SaslSettingsError::Jaas {
                    setting: name.clone(),
                    error,
                })?;
                vec![entry]
            }
            None => {
                let of_file = self.jaas_file.and_then(|file| file.of_listener(self.listener));
                let of_file = of_file.ok_or_else(|| {
                    let file = match self.jaas_file {
                        Some(_) => "is set, but the file has neither",
                        None => "is not set",
                    };
                    let hint = match mechanism {
                        SaslMechanism::Gssapi => "; GSSAPI (Kerberos) is Kafka's default, sasl.enabled.mechanisms says others",
                        _ => "",
                    };
                    SaslSettingsError::Other(format!(
                        "Could not find a '{server}' or '{}.{server}' entry in the JAAS configuration: {name} is not given, \
                         and java.security.auth.login.config {file}{hint}",
                        self.listener.to_lowercase(),
                        server = JaasFile::SERVER,
                    ))
                })?;
                of_file.to_vec()
            }
        };
        let known = [
            JaasEntry::PLAIN,
            JaasEntry::SCRAM,
            JaasEntry::OAUTHBEARER,
            JaasEntry::KERBEROS,
        ];
        match entries
            .iter()
            .find(|entry| !known.contains(&entry.login_module.as_str()))
        {
            Some(entry) => Err(SaslSettingsError::Other(format!(
                "{name}: No LoginModule found for {}; those for PLAIN, SCRAM, OAUTHBEARER and GSSAPI are known, and other classes \
                 of Java can't be loaded",
                entry.login_module
            ))),
            None => Ok(entries),
        }
    }

    /// Who this node is to other nodes, by a mechanism: `username` and `password` of its JAAS entry, or its
    /// key of Kerberos.
    ///
    /// # Errors
    /// They are not given.
    pub fn client(&self, mechanism: SaslMechanism) -> Result<ClientCredentials, SaslSettingsError> {
        let entries = self.jaas_entries(mechanism)?;
        if mechanism == SaslMechanism::Gssapi {
            let service_name = (self.setting)(gssapi::SERVICE_NAME);
            return ClientCredentials::by_kerberos(self.kerberos, &entries, service_name)
                .map_err(|why| self.of_gssapi(why));
        }
        ClientCredentials::of(mechanism, &entries).ok_or_else(|| {
            SaslSettingsError::Other(format!(
                "the JAAS configuration of listener {} has no username and password by which this node could log in to \
                 others with {mechanism}",
                self.listener
            ))
        })
    }

    /// The keys of GSSAPI, and the rules for names.
    fn gssapi(&self, entries: &[JaasEntry]) -> Result<GssapiService, SaslSettingsError> {
        let read = || {
            let entry = gssapi::entry(entries)?;
            gssapi::service_name(entry, (self.setting)(gssapi::SERVICE_NAME))?;
            let login = KerberosLogin::of_service(entry)?;
            let keys = self
                .kerberos
                .acceptor(&login)
                .map_err(|error| error.to_string())?;
            let realm = self.kerberos.default_realm().unwrap_or_default();
            let rules = (self.setting)(gssapi::RULES).unwrap_or_default();
            let names =
                LocalNames::parse(&rules, &realm).map_err(|error| format!("{}: {error}", gssapi::RULES))?;
            Ok(GssapiService::new(keys, names))
        };
        read().map_err(|why: String| self.of_gssapi(why))
    }

    fn of_gssapi(&self, why: String) -> SaslSettingsError {
        SaslSettingsError::Other(format!(
            "listener {} has the SASL mechanism GSSAPI: {why}",
            self.listener
        ))
    }

    fn long(&self, name: &str) -> Result<Option<i64>, SaslSettingsError> {
        let Some(text) = (self.setting)(name) else {
            return Ok(None);
        };
        let parsed = text.trim().parse();
        parsed.map(Some).map_err(|_| {
            SaslSettingsError::Other(format!(
                "Invalid value {text} for configuration {name}: Not a number of type LONG"
            ))
        })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct ListenerSasl {
    mechanisms: Vec<Mechanism>,
    /// Their names, in the order in which Kafka tells them.
    names: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Mechanism {
    which: SaslMechanism,
    verifier: Verifier,
    max_reauth_ms: Option<i64>,
}

#[derive(Clone, Debug)]
enum Verifier {
    Plain(Arc<PlainUsers>),
    Scram,
    OAuthBearer(Validator, Option<JwksEndpoint>),
    Gssapi(GssapiService),
}

impl ListenerSasl {
    /// Reads the settings of a listener.
    ///
    /// # Errors
    /// As Kafka's, which stop the start, and mechanisms and classes that are not there.
    pub fn read(settings: &SaslSettings<'_>) -> Result<ListenerSasl, SaslSettingsError> {
        let enabled = (settings.setting)("sasl.enabled.mechanisms").unwrap_or_default();
        let mut mechanisms: Vec<Mechanism> = Vec::new();
        for name in enabled.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let which = SaslMechanism::from_name(name)
                .ok_or_else(|| SaslSettingsError::Other(unknown(settings.listener, name)))?;
            if mechanisms.iter().all(|known| known.which != which) {
                mechanisms.push(mechanism(settings, which)?);
            }
        }
        if mechanisms.is_empty() {
            return Err(SaslSettingsError::Other(format!(
                "No SASL mechanisms are enabled for listener {}: sasl.enabled.mechanisms is empty",
                settings.listener
            )));
        }
        let mut names: Vec<&str> = mechanisms
            .iter()
            .map(|mechanism| mechanism.which.name())
            .collect();
        hash_set_order(&mut names, |name| java_hash(name));
        Ok(ListenerSasl { mechanisms, names })
    }

    /// Where the keys of its tokens are fetched, if an issuer signs them.
    pub fn jwks(&self) -> Option<&JwksEndpoint> {
        self.mechanisms
            .iter()
            .find_map(|mechanism| match &mechanism.verifier {
                Verifier::OAuthBearer(_, endpoint) => endpoint.as_ref(),
                _ => None,
            })
    }

    /// Whether it takes tokens that nobody has signed.
    pub fn takes_unsecured_tokens(&self) -> bool {
        let mut verifiers = self.mechanisms.iter().map(|mechanism| &mechanism.verifier);
        verifiers.any(|verifier| matches!(verifier, Verifier::OAuthBearer(Validator::Unsecured(_), _)))
    }

    /// The names of its mechanisms, as clients are told them.
    pub fn mechanisms(&self) -> &[&'static str] {
        &self.names
    }

    /// Begins an exchange by the mechanism of this name, if it is enabled.
    pub(super) fn begin(&self, name: &str) -> Option<(SaslMechanism, SaslServer)> {
        let mechanism = self
            .mechanisms
            .iter()
            .find(|mechanism| mechanism.which.name() == name)?;
        let server = match (&mechanism.verifier, mechanism.which) {
            (Verifier::Plain(users), _) => SaslServer::plain(users.clone()),
            (Verifier::Scram, SaslMechanism::Scram(hash)) => SaslServer::scram(hash),
            (Verifier::Scram, _) => return None,
            (Verifier::OAuthBearer(validator, _), _) => SaslServer::oauthbearer(validator.clone()),
            (Verifier::Gssapi(service), _) => SaslServer::gssapi(service),
        };
        Some((mechanism.which, server))
    }

    /// How long sessions of a mechanism may be, in milliseconds.
    pub(super) fn max_reauth_ms(&self, which: SaslMechanism) -> Option<i64> {
        let mechanism = self.mechanisms.iter().find(|mechanism| mechanism.which == which);
        mechanism?.max_reauth_ms
    }
}

fn mechanism(settings: &SaslSettings<'_>, which: SaslMechanism) -> Result<Mechanism, SaslSettingsError> {
    let own = |name: &str| format!("{}.{name}", which.name().to_lowercase());
    let entries = settings.jaas_entries(which)?;
    let handler = own("sasl.server.callback.handler.class");
    if let Some(class) = (settings.setting)(&handler).filter(|class| !is_own_handler(which, class)) {
        return Err(SaslSettingsError::Other(format!(
            "listener.name.{}.{handler}={class} is refused: callback handlers are classes of Java, which can't be loaded",
            settings.listener.to_lowercase()
        )));
    }
    let verifier = match which {
        SaslMechanism::Plain => Verifier::Plain(Arc::new(PlainUsers::of(&entries))),
        SaslMechanism::Scram(_) => Verifier::Scram,
        SaslMechanism::OAuthBearer => {
            let read = oauthbearer::read(settings.setting, &entries);
            let (validator, endpoint) = read
                .map_err(|why| SaslSettingsError::Other(format!("listener {}: {why}", settings.listener)))?;
            Verifier::OAuthBearer(validator, endpoint)
        }
        SaslMechanism::Gssapi => Verifier::Gssapi(settings.gssapi(&entries)?),
    };
    let max_reauth_ms = match settings.long(&own("connections.max.reauth.ms"))? {
        Some(own) => Some(own),
        None => settings.long("connections.max.reauth.ms")?,
    };
    Ok(Mechanism {
        which,
        verifier,
        max_reauth_ms: max_reauth_ms.filter(|ms| *ms > 0),
    })
}

/// Whether a callback handler is the one that Kafka has for the mechanism anyway.
fn is_own_handler(which: SaslMechanism, class: &str) -> bool {
    let own = match which {
        SaslMechanism::Plain => "org.apache.kafka.common.security.plain.internals.PlainServerCallbackHandler",
        SaslMechanism::Scram(_) => {
            "org.apache.kafka.common.security.scram.internals.ScramServerCallbackHandler"
        }
        // Kafka asks none of its own, but the one of all mechanisms.
        SaslMechanism::Gssapi => "org.apache.kafka.common.security.authenticator.SaslServerCallbackHandler",
        // It has several, which its settings tell apart.
        SaslMechanism::OAuthBearer => return true,
    };
    class.trim() == own
}

fn unknown(listener: &str, name: &str) -> String {
    let known: Vec<&str> = SaslMechanism::ALL
        .iter()
        .map(|mechanism| mechanism.name())
        .collect();
    let known = known.join(", ");
    format!(
        "listener {listener} asks for the SASL mechanism {name} in sasl.enabled.mechanisms, which is not known; there are \
         {known}"
    )
}

#[cfg(test)]
mod tests;
