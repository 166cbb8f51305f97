//! How a client secures its connections: TLS and SASL, by the properties of Kafka's clients.

use std::path::Path;
use std::sync::Arc;

use barnabas_config::files::{self, FILE_BYTES_MAX};
use barnabas_config::{Layers, SecurityProtocol};
use barnabas_kerberos::SystemKerberos;
use barnabas_network::Network;
use barnabas_network::client::Connector;
use barnabas_security::sasl::{ClientCredentials, SaslMechanism, parse_jaas};
use barnabas_security::tls::{ClientTls, TlsError};

use super::{KafkaError, Properties};

/// What connections are made with.
#[derive(Clone, Debug)]
pub struct Secure {
    /// The network, with TLS on top where that is asked for.
    pub connector: Connector,
    /// Who logs in, where somebody has to.
    pub login: Option<ClientCredentials>,
}

impl Secure {
    /// By `security.protocol`, `ssl.…` and `sasl.…`.
    ///
    /// # Errors
    /// A property makes no sense, a store can't be read, or what is asked for is not served.
    pub fn of(properties: &Properties) -> Result<Secure, KafkaError> {
        let protocol = properties
            .get("security.protocol")
            .map_or("PLAINTEXT", |name| name.trim());
        let (encrypts, logs_in, protocol) = match protocol.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => (false, false, SecurityProtocol::Plaintext),
            "SSL" => (true, false, SecurityProtocol::Ssl),
            "SASL_PLAINTEXT" => (false, true, SecurityProtocol::SaslPlaintext),
            "SASL_SSL" => (true, true, SecurityProtocol::SaslSsl),
            _ => {
                return Err(KafkaError::plain(format!(
                    "Invalid value {protocol} for configuration security.protocol: String must be one of (case \
                     insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT"
                )));
            }
        };
        let mut connector = Connector::from(Network::System);
        if encrypts {
            let tls = tls(properties, protocol).map_err(|error| KafkaError::plain(error.to_string()))?;
            connector = connector.with_tls(Arc::new(tls));
        }
        let login = if logs_in { Some(login(properties)?) } else { None };
        Ok(Secure { connector, login })
    }
}

fn tls(properties: &Properties, protocol: SecurityProtocol) -> Result<ClientTls, TlsError> {
    let own = properties.iter().filter(|(name, _)| name.starts_with("ssl."));
    let layers = Layers::of_static(own.map(|(name, value)| (name.clone(), value.clone())).collect());
    let read = |path: &Path| files::read_given(path, FILE_BYTES_MAX);
    ClientTls::read("client", protocol, &layers, &read)
}

fn login(properties: &Properties) -> Result<ClientCredentials, KafkaError> {
    let name = properties
        .get("sasl.mechanism")
        .map_or("GSSAPI", |name| name.trim());
    let mechanism = SaslMechanism::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = SaslMechanism::ALL
            .iter()
            .map(|mechanism| mechanism.name())
            .collect();
        KafkaError::plain(format!(
            "sasl.mechanism={name} is not served by these tools, only {}",
            known.join(", ")
        ))
    })?;
    let Some(jaas) = properties.get("sasl.jaas.config") else {
        return Err(KafkaError::plain("sasl.jaas.config is needed to log in by SASL"));
    };
    // What is wrong with it could hold a password.
    let entry = parse_jaas(jaas).map_err(|_| KafkaError::plain("sasl.jaas.config can't be read"))?;
    if mechanism == SaslMechanism::Gssapi {
        let service_name = properties.get("sasl.kerberos.service.name").cloned();
        return ClientCredentials::by_kerberos(&SystemKerberos, &[entry], service_name)
            .map_err(KafkaError::plain);
    }
    match (entry.option("username"), entry.option("password")) {
        (Some(user), Some(password)) => {
            let credentials = ClientCredentials::new(mechanism, user, password);
            let token = entry.option("tokenauth");
            Ok(
                match token.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
                    true => credentials.of_token(),
                    false => credentials,
                },
            )
        }
        _ => Err(KafkaError::plain(
            "sasl.jaas.config says no username and password",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Secure, String> {
        let properties = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Secure::of(&properties.collect()).map_err(|error| error.message)
    }

    #[test]
    fn who_logs_in_is_read_and_not_told() {
        let jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"secret\";";
        let pairs = [
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", jaas),
        ];
        let secure = of(&pairs).unwrap();
        assert!(secure.login.is_some());
        assert!(!format!("{secure:?}").contains("secret"));
        assert!(of(&pairs[..2]).unwrap_err().contains("sasl.jaas.config"));
        let broken = [pairs[0], pairs[1], ("sasl.jaas.config", "x password=secret")];
        assert!(!of(&broken).unwrap_err().contains("secret"));
    }

    #[test]
    fn what_is_not_served_is_refused() {
        for (pairs, expected) in [
            (
                &[("security.protocol", "nope")][..],
                "Invalid value nope for configuration security.protocol",
            ),
            (
                &[("security.protocol", "SASL_PLAINTEXT")],
                "sasl.jaas.config is needed to log in by SASL",
            ),
        ] {
            let said = of(pairs).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
        assert!(
            of(&[
                ("security.protocol", "SSL"),
                ("ssl.truststore.location", "/nowhere")
            ])
            .is_err()
        );
        assert!(of(&[]).unwrap().login.is_none());
    }
}
