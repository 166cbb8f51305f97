//! The `ssl.*` settings of one listener, read together and checked as Kafka's `DefaultSslEngineFactory` does.

use std::io;
use std::path::PathBuf;

use barnabas_config::{ListenerSettings, SecurityProtocol, Value};
use rustls::SupportedCipherSuite;
use rustls::SupportedProtocolVersion;

use super::mapping_rules::MappingRules;
use super::{TlsError, cipher_suites};

/// Reads a file.
pub type ReadFile<'a> = &'a dyn Fn(&std::path::Path) -> io::Result<Vec<u8>>;

/// `ssl.client.auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    /// Nobody is asked for a certificate.
    None,
    /// A certificate may be shown, and must be a good one then.
    Requested,
    /// Without a good certificate nobody gets in.
    Required,
}

/// Where a store is, by the settings that begin with `ssl.keystore.` or `ssl.truststore.`.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum StoreSource {
    /// Nothing is set.
    None,
    /// A file, and its password where it has one. PEM files have none.
    File {
        /// The setting that names it, as it is given.
        setting: String,
        path: PathBuf,
        kind: StoreKind,
        password: Option<String>,
    },
    /// PEM in the settings themselves: certificates, and a private key before them.
    Inline {
        setting: String,
        key: Option<String>,
        certificates: String,
    },
}

/// `ssl.keystore.type` and `ssl.truststore.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreKind {
    Pem,
    /// JKS and PKCS#12: which of them it is the file says, as with Java's `keystore.type.compat`.
    Java,
}

/// See the module. It holds passwords and keys, and so is not to be printed.
#[derive(Clone)]
pub(super) struct TlsSettings {
    pub(super) keystore: StoreSource,
    /// `ssl.key.password`.
    pub(super) key_password: Option<String>,
    pub(super) truststore: StoreSource,
    /// `ssl.client.auth`.
    pub client_auth: ClientAuth,
    pub(super) protocols: Vec<&'static SupportedProtocolVersion>,
    pub(super) suites: Vec<SupportedCipherSuite>,
    pub(super) mapping_rules: MappingRules,
    pub(super) checks_host: bool,
    /// `ssl.allow.dn.changes`.
    pub allows_dn_changes: bool,
    /// `ssl.allow.san.changes`.
    pub allows_san_changes: bool,
    /// What the user should know: names of cipher suites and protocols that are passed over.
    pub warnings: Vec<String>,
}

impl TlsSettings {
    /// Those of a listener with this protocol.
    ///
    /// # Errors
    /// A value is not valid, or they do not fit together: in Kafka's words.
    pub fn of(settings: &ListenerSettings<'_>, protocol: SecurityProtocol) -> Result<Self, TlsError> {
        let mut warnings = Vec::new();
        let client_auth = match protocol {
            // As in Kafka, who logs in by SASL is asked for a certificate only where the listener says so
            // (KIP-684).
            SecurityProtocol::SaslSsl if settings.given_own("ssl.client.auth").is_none() => ClientAuth::None,
            _ => client_auth(settings)?,
        };
        let rules = text(settings, "ssl.principal.mapping.rules")?.unwrap_or_default();
        let rules_setting = settings.name_given("ssl.principal.mapping.rules");
        let identification = text(settings, "ssl.endpoint.identification.algorithm")?;
        let checks_host = match identification.as_deref().map(str::trim) {
            None | Some("") => false,
            Some(algorithm) if algorithm.eq_ignore_ascii_case("https") => true,
            Some(other) => {
                let setting = settings.name_given("ssl.endpoint.identification.algorithm");
                return Err(TlsError::of(
                    &setting,
                    format!("{other} is not known; it is https or empty"),
                ));
            }
        };
        let protocols = cipher_suites::protocols(
            &settings.name_given("ssl.enabled.protocols"),
            &list(settings, "ssl.enabled.protocols")?,
            &mut warnings,
        )?;
        let suites = cipher_suites::suites(
            &settings.name_given("ssl.cipher.suites"),
            &list(settings, "ssl.cipher.suites")?,
            &mut warnings,
        )?;
        Ok(TlsSettings {
            keystore: keystore(settings)?,
            key_password: text(settings, "ssl.key.password")?,
            truststore: truststore(settings)?,
            client_auth,
            protocols,
            suites,
            mapping_rules: MappingRules::parse(&rules)
                .map_err(|error| TlsError::of(&rules_setting, error))?,
            checks_host,
            allows_dn_changes: flag(settings, "ssl.allow.dn.changes")?,
            allows_san_changes: flag(settings, "ssl.allow.san.changes")?,
            warnings,
        })
    }

    /// The files that the stores lie in.
    pub fn files(&self) -> Vec<PathBuf> {
        let path = |store: &StoreSource| match store {
            StoreSource::File { path, .. } => Some(path.clone()),
            StoreSource::None | StoreSource::Inline { .. } => None,
        };
        [&self.keystore, &self.truststore]
            .into_iter()
            .filter_map(path)
            .collect()
    }
}

fn value(settings: &ListenerSettings<'_>, key: &str) -> Result<Option<Value>, TlsError> {
    settings
        .effective(key)
        .map_err(|exception| TlsError::new(exception.to_string()))
}

fn text(settings: &ListenerSettings<'_>, key: &str) -> Result<Option<String>, TlsError> {
    Ok(match value(settings, key)? {
        Some(Value::Text(text) | Value::Secret(text)) => Some(text),
        _ => None,
    })
}

fn list(settings: &ListenerSettings<'_>, key: &str) -> Result<Vec<String>, TlsError> {
    Ok(match value(settings, key)? {
        Some(Value::List(items)) => items,
        _ => Vec::new(),
    })
}

fn flag(settings: &ListenerSettings<'_>, key: &str) -> Result<bool, TlsError> {
    Ok(matches!(value(settings, key)?, Some(Value::Boolean(true))))
}

fn client_auth(settings: &ListenerSettings<'_>) -> Result<ClientAuth, TlsError> {
    Ok(match text(settings, "ssl.client.auth")?.as_deref() {
        Some("required") => ClientAuth::Required,
        Some("requested") => ClientAuth::Requested,
        _ => ClientAuth::None,
    })
}

fn kind(settings: &ListenerSettings<'_>, key: &str) -> Result<(StoreKind, String), TlsError> {
    let name = text(settings, key)?.unwrap_or_default();
    let kind = match name.as_str() {
        "PEM" => StoreKind::Pem,
        other
            if ["JKS", "PKCS12", "P12"]
                .iter()
                .any(|known| other.eq_ignore_ascii_case(known)) =>
        {
            StoreKind::Java
        }
        other => {
            let why = format!("a store of type {other} can't be read; it is PEM, PKCS12 or JKS");
            return Err(TlsError::of(&settings.name_given(key), why));
        }
    };
    Ok((kind, name))
}

fn keystore(settings: &ListenerSettings<'_>) -> Result<StoreSource, TlsError> {
    let given = |key: &str| text(settings, key);
    let (kind, type_name) = kind(settings, "ssl.keystore.type")?;
    let path = given("ssl.keystore.location")?;
    let password = given("ssl.keystore.password")?;
    let chain = given("ssl.keystore.certificate.chain")?;
    let refuse = |key: &str, why: &str| Err(TlsError::of(&settings.name_given(key), why));
    if let Some(key) = given("ssl.keystore.key")? {
        let setting = "ssl.keystore.key";
        if kind != StoreKind::Pem {
            let why =
                format!("SSL private key can be specified only for PEM, but key store type is {type_name}.");
            return refuse(setting, &why);
        }
        let Some(chain) = chain else {
            return refuse(
                setting,
                "SSL private key is specified, but certificate chain is not specified.",
            );
        };
        if path.is_some() {
            return refuse(
                setting,
                "Both SSL key store location and separate private key are specified.",
            );
        }
        if password.is_some() {
            return refuse("ssl.keystore.password", PEM_PASSWORD);
        }
        return Ok(StoreSource::Inline {
            setting: settings.name_given(setting),
            key: Some(key),
            certificates: chain,
        });
    }
    if chain.is_some() {
        return refuse(
            "ssl.keystore.certificate.chain",
            "SSL certificate chain is specified, but private key is not specified",
        );
    }
    match (path, password) {
        (Some(_), Some(_)) if kind == StoreKind::Pem => refuse("ssl.keystore.password", PEM_PASSWORD),
        (Some(_), None) if kind == StoreKind::Java => refuse(
            "ssl.keystore.location",
            "SSL key store is specified, but key store password is not specified.",
        ),
        (Some(path), password) => Ok(StoreSource::File {
            setting: settings.name_given("ssl.keystore.location"),
            path: path.into(),
            kind,
            password,
        }),
        (None, Some(_)) => refuse(
            "ssl.keystore.password",
            "SSL key store is not specified, but key store password is specified.",
        ),
        (None, None) => Ok(StoreSource::None),
    }
}

const PEM_PASSWORD: &str =
    "SSL key store password cannot be specified with PEM format, only key password may be specified.";

fn truststore(settings: &ListenerSettings<'_>) -> Result<StoreSource, TlsError> {
    let given = |key: &str| text(settings, key);
    let (kind, type_name) = kind(settings, "ssl.truststore.type")?;
    let path = given("ssl.truststore.location")?;
    let password = given("ssl.truststore.password")?;
    let refuse = |key: &str, why: &str| Err(TlsError::of(&settings.name_given(key), why));
    if let Some(certificates) = given("ssl.truststore.certificates")? {
        let setting = "ssl.truststore.certificates";
        if kind != StoreKind::Pem {
            let why = format!(
                "SSL trust store certs can be specified only for PEM, but trust store type is {type_name}."
            );
            return refuse(setting, &why);
        }
        if path.is_some() {
            return refuse(
                setting,
                "Both SSL trust store location and separate trust certificates are specified.",
            );
        }
        if password.is_some() {
            return refuse(
                "ssl.truststore.password",
                "SSL trust store password cannot be specified for PEM format.",
            );
        }
        return Ok(StoreSource::Inline {
            setting: settings.name_given(setting),
            key: None,
            certificates,
        });
    }
    match (path, password) {
        (Some(_), Some(_)) if kind == StoreKind::Pem => refuse(
            "ssl.truststore.password",
            "SSL trust store password cannot be specified for PEM format.",
        ),
        (Some(path), password) => Ok(StoreSource::File {
            setting: settings.name_given("ssl.truststore.location"),
            path: path.into(),
            kind,
            password,
        }),
        (None, Some(_)) => refuse(
            "ssl.truststore.password",
            "SSL trust store is not specified, but trust store password is specified.",
        ),
        (None, None) => Ok(StoreSource::None),
    }
}
