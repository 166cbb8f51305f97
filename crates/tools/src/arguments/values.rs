//! Values that several tools take.

use std::path::Path;

use barnabas_config::files::{self, FILE_BYTES_MAX};
use barnabas_config::properties;
use barnabas_protocol::kafka_uuid;
use uuid::Uuid;

use super::Options;
use crate::client::{Cluster, Properties};
use crate::failure::{Failure, Outcome, usage};

/// `key=value` pairs; what has no `=` gets an empty value.
pub fn key_values(pairs: &[&str]) -> Properties {
    let pairs = pairs.iter().map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key.to_owned(), value.to_owned())
    });
    pairs.collect()
}

/// The properties in a file.
///
/// # Errors
/// It can't be read.
pub fn properties_file(path: &str) -> Outcome<Properties> {
    let bytes = files::read_given(Path::new(path), FILE_BYTES_MAX).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::Said(format!("{path} (No such file or directory)")),
        _ => Failure::Said(format!("{path}: {error}")),
    })?;
    let pairs = properties::parse(&bytes).map_err(|error| Failure::Said(format!("{path}: {error}")))?;
    Ok(pairs.into_iter().collect())
}

/// The text in a file that an option names.
///
/// # Errors
/// It can't be read.
pub fn text_file(path: &str) -> Outcome<String> {
    let text = files::text_given(Path::new(path), FILE_BYTES_MAX);
    text.map_err(|error| Failure::Said(format!("{path}: {error}")))
}

/// The cluster that `--bootstrap-server` or `--bootstrap-controller` names, with the properties in the file
/// of option `file`.
///
/// # Errors
/// The properties make no sense.
pub fn connect(options: &Options, file: &str) -> Outcome<Cluster> {
    let mut properties = options
        .value(file)?
        .map(properties_file)
        .transpose()?
        .unwrap_or_default();
    for (word, name) in [
        ("bootstrap-server", "bootstrap.servers"),
        ("bootstrap-controller", "bootstrap.controllers"),
    ] {
        if let Some(servers) = options.value(word)? {
            properties.insert(name.to_owned(), servers.to_owned());
        }
    }
    Ok(Cluster::new(&properties)?)
}

/// Refuses bootstrap servers that are no addresses, as some of Kafka's tools do beforehand.
///
/// # Errors
/// One of them is none.
pub fn check_servers(servers: &str) -> Outcome {
    if servers.trim().is_empty() {
        return usage("Error while validating the bootstrap address\n");
    }
    let is_address = |server: &str| {
        let port = server.rsplit_once(':').map(|(_, port)| port);
        port.is_some_and(|port| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()))
    };
    if servers.split(',').all(is_address) {
        return Ok(());
    }
    usage("Please provide valid host:port like host1:9091,host2:9092\n")
}

/// The id that a text is: Kafka's `Uuid.fromString`.
///
/// # Errors
/// It is none.
pub fn id(text: &str) -> Outcome<Uuid> {
    let said = |why: String| Err(Failure::Said(why));
    if text.len() > 24 {
        let prefix: String = text.chars().take(24).collect();
        return said(format!(
            "Input string with prefix `{prefix}` is too long to be decoded as a base64 UUID"
        ));
    }
    let digits = text.trim_end_matches('=');
    let is_digit = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if let Some(wrong) = digits.chars().find(|letter| !is_digit(*letter)) {
        return said(format!("Illegal base64 character {:x}", u32::from(wrong)));
    }
    let bytes = digits.len() * 6 / 8;
    match kafka_uuid::decode(digits) {
        Some(id) => Ok(id),
        None => said(format!(
            "Input string `{text}` decoded as {bytes} bytes, which is not equal to the expected 16 bytes of a \
             base64-encoded UUID"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_javas() {
        for good in ["AAAAAAAAAAAAAAAAAAAABQ", "AAAAAAAAAAAAAAAAAAAABQ=="] {
            assert_eq!(id(good).unwrap().as_u128(), 5);
        }
        for (wrong, expected) in [
            ("nope", "Input string `nope` decoded as 3 bytes"),
            ("a!", "Illegal base64 character 21"),
            (
                "AAAAAAAAAAAAAAAAAAAAAAAAA",
                "Input string with prefix `AAAAAAAAAAAAAAAAAAAAAAAA` is too long",
            ),
        ] {
            let said = id(wrong).unwrap_err().message();
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn pairs_keep_what_follows_the_first_sign() {
        let pairs = key_values(&["a=b=c", "d", "e="]);
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("a", "b=c"), ("d", ""), ("e", "")]);
    }
}
