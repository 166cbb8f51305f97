//! Certificates where bitnami/kafka has them: `kafka.keystore.jks` and `kafka.truststore.jks` in one folder,
//! or the same as PEM in `kafka.keystore.key`, `kafka.keystore.pem` and `kafka.truststore.pem`.

use std::collections::BTreeMap;

use super::{Given, ReadFile, VariableError, Variables, addresses};

/// Where they lie unless `KAFKA_CERTS_DIR` says otherwise.
const FOLDER: &str = "/opt/bitnami/kafka/config/certs";
const TYPES: &str = "JKS or PEM";

/// Names the stores of listeners with TLS, where the settings name none.
///
/// # Errors
/// Another kind of store, or PEM that can't be read.
pub fn take(
    given: &BTreeMap<&str, &Given>,
    read_file: ReadFile<'_>,
    found: &mut Variables,
) -> Result<(), VariableError> {
    let Some(first) = given.values().next() else {
        return Ok(());
    };
    let has_tls = addresses::protocols(found)
        .iter()
        .any(|(_, protocol)| protocol.ends_with("SSL"));
    let has_stores = found.settings.keys().any(|name| {
        ["ssl.keystore.location", "ssl.keystore.key"]
            .iter()
            .any(|own| name.ends_with(own))
    });
    if !has_tls || has_stores {
        return Ok(());
    }
    let value = |name: &str| {
        let value = given.get(name).map(|given| given.value.trim());
        value.filter(|value| !value.is_empty())
    };
    let folder = value("KAFKA_CERTS_DIR").unwrap_or(FOLDER);
    let password = value("KAFKA_CERTIFICATE_PASSWORD");
    let kind = value("KAFKA_TLS_TYPE").unwrap_or("JKS").to_uppercase();
    let mut set = |name: &str, value: String| {
        let variable = first.variable.clone();
        found
            .settings
            .entry(name.to_owned())
            .or_insert(Given { value, variable });
    };
    let trusted = |ending: &str| {
        let own = value("KAFKA_TLS_TRUSTSTORE_FILE").map(str::to_owned);
        own.unwrap_or_else(|| format!("{folder}/kafka.truststore.{ending}"))
    };
    match kind.as_str() {
        "JKS" => {
            set("ssl.keystore.location", format!("{folder}/kafka.keystore.jks"));
            set("ssl.truststore.location", trusted("jks"));
            for name in [
                "ssl.keystore.password",
                "ssl.truststore.password",
                "ssl.key.password",
            ] {
                if let Some(password) = password {
                    set(name, password.to_owned());
                }
            }
        }
        "PEM" => {
            for (name, path) in [
                ("ssl.keystore.key", format!("{folder}/kafka.keystore.key")),
                (
                    "ssl.keystore.certificate.chain",
                    format!("{folder}/kafka.keystore.pem"),
                ),
                ("ssl.truststore.certificates", trusted("pem")),
            ] {
                let text = read_file(&path).map_err(|why| VariableError {
                    variable: first.variable.clone(),
                    value: "…".to_owned(),
                    why: format!("{path}: {why}"),
                    valid: "kafka.keystore.key, kafka.keystore.pem and kafka.truststore.pem in KAFKA_CERTS_DIR",
                })?;
                set(name, text);
            }
            if let Some(password) = password {
                set("ssl.key.password", password.to_owned());
            }
        }
        _ => {
            return Err(VariableError {
                variable: "KAFKA_TLS_TYPE".to_owned(),
                value: super::short(&kind),
                why: "there are no such stores".to_owned(),
                valid: TYPES,
            });
        }
    }
    set("ssl.keystore.type", kind.clone());
    set("ssl.truststore.type", kind);
    let client_auth = value("KAFKA_TLS_CLIENT_AUTH").unwrap_or("required");
    set("ssl.client.auth", client_auth.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let mut all = vec![("KAFKA_CFG_LISTENERS", "SSL://:9092")];
        all.extend(variables);
        let owned = all.iter().map(|(name, value)| (name.into(), value.into()));
        let file = |path: &str| match path.starts_with("/certs/") {
            true => Ok(format!("what is in {path}")),
            false => Err("it is not there".to_owned()),
        };
        let found = Variables::read(owned, &file).map_err(|error| error.to_string())?;
        Ok(found
            .named_values()
            .filter(|(name, _)| name.starts_with("ssl."))
            .collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn stores_of_java_are_named() {
        assert_eq!(
            read(&[
                ("KAFKA_CERTIFICATE_PASSWORD", "geheim"),
                ("KAFKA_TLS_CLIENT_AUTH", "none")
            ]),
            Ok(pairs(&[
                ("ssl.client.auth", "none"),
                ("ssl.key.password", "geheim"),
                (
                    "ssl.keystore.location",
                    "/opt/bitnami/kafka/config/certs/kafka.keystore.jks"
                ),
                ("ssl.keystore.password", "geheim"),
                ("ssl.keystore.type", "JKS"),
                (
                    "ssl.truststore.location",
                    "/opt/bitnami/kafka/config/certs/kafka.truststore.jks"
                ),
                ("ssl.truststore.password", "geheim"),
                ("ssl.truststore.type", "JKS"),
            ]))
        );
        let own = [
            ("KAFKA_TLS_TYPE", "JKS"),
            ("KAFKA_CFG_SSL_KEYSTORE_LOCATION", "/mine"),
        ];
        assert_eq!(read(&own), Ok(pairs(&[("ssl.keystore.location", "/mine")])));
        assert_eq!(read(&[]), Ok(Vec::new()));
    }

    #[test]
    fn pem_is_read() {
        let given = [
            ("KAFKA_TLS_TYPE", "pem"),
            ("KAFKA_CERTS_DIR", "/certs"),
            ("KAFKA_TLS_TRUSTSTORE_FILE", "/certs/ca.pem"),
        ];
        assert_eq!(
            read(&given),
            Ok(pairs(&[
                ("ssl.client.auth", "required"),
                (
                    "ssl.keystore.certificate.chain",
                    "what is in /certs/kafka.keystore.pem"
                ),
                ("ssl.keystore.key", "what is in /certs/kafka.keystore.key"),
                ("ssl.keystore.type", "PEM"),
                ("ssl.truststore.certificates", "what is in /certs/ca.pem"),
                ("ssl.truststore.type", "PEM"),
            ]))
        );
        let missing = read(&[("KAFKA_TLS_TYPE", "PEM")]).unwrap_err();
        assert!(
            missing.contains("/opt/bitnami/kafka/config/certs/kafka.keystore.key: it is not there"),
            "{missing}"
        );
        let odd = read(&[("KAFKA_TLS_TYPE", "PKCS7")]).unwrap_err();
        assert_eq!(
            odd,
            "KAFKA_TLS_TYPE=PKCS7 is not valid: there are no such stores (valid: JKS or PEM)"
        );
    }
}
