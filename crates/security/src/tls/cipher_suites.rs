//! `ssl.enabled.protocols` and `ssl.cipher.suites`: Java's names, and what rustls has of them.
//!
//! There is no TLS before 1.2, no key exchange by RSA alone and no CBC. Names of those are passed over with a
//! warning where something is left; names that nobody knows are refused, where Kafka would start and then
//! fail every handshake.

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::TlsError;

/// The protocols of a list.
pub(super) fn protocols(
    setting: &str,
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let mut found = Vec::new();
    for name in names {
        match name.as_str() {
            "TLSv1.2" => found.push(&TLS12),
            "TLSv1.3" => found.push(&TLS13),
            "SSLv2Hello" | "SSLv3" | "TLSv1" | "TLSv1.1" => {
                warnings.push(format!(
                    "{setting}: {name} is not served; it is TLSv1.2 and TLSv1.3"
                ));
            }
            other => {
                let why = format!("there is no protocol {other}; it is TLSv1.2 or TLSv1.3");
                return Err(TlsError::of(setting, why));
            }
        }
    }
    if found.is_empty() {
        return Err(TlsError::of(setting, "neither TLSv1.2 nor TLSv1.3 is left"));
    }
    Ok(found)
}

/// The cipher suites of a list; an empty one means all.
pub(super) fn suites(
    setting: &str,
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    if names.is_empty() {
        return Ok(ring::ALL_CIPHER_SUITES.to_vec());
    }
    let mut found = Vec::new();
    for name in names {
        match ring::ALL_CIPHER_SUITES
            .iter()
            .find(|suite| java_name(suite) == *name)
        {
            Some(suite) => found.push(*suite),
            None if name.starts_with("TLS_") || name.starts_with("SSL_") => {
                warnings.push(format!("{setting}: {name} is not served"));
            }
            None => {
                let why = format!(
                    "there is no cipher suite {name}; they have Java's names, {}",
                    all()
                );
                return Err(TlsError::of(setting, why));
            }
        }
    }
    if found.is_empty() {
        return Err(TlsError::of(
            setting,
            format!("none of the cipher suites is served; there are {}", all()),
        ));
    }
    Ok(found)
}

fn java_name(suite: &SupportedCipherSuite) -> String {
    // Those of TLS 1.3 have a prefix of their own in rustls, and none in Java.
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn all() -> String {
    let names: Vec<String> = ring::ALL_CIPHER_SUITES.iter().map(java_name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(
        read: impl Fn(&str, &[String], &mut Vec<String>) -> Result<Vec<T>, TlsError>,
        names: &[&str],
    ) -> Result<(usize, usize), String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut warnings = Vec::new();
        let found = read("s", &names, &mut warnings).map_err(|error| error.to_string())?;
        Ok((found.len(), warnings.len()))
    }

    #[test]
    fn what_is_not_served_is_told_and_what_nobody_knows_is_refused() {
        assert_eq!(read(protocols, &["TLSv1.2", "TLSv1.3"]), Ok((2, 0)));
        assert_eq!(read(protocols, &["TLSv1.1", "TLSv1.2"]), Ok((1, 1)));
        assert!(read(protocols, &["TLSv1.1"]).is_err());
        assert!(read(protocols, &["TLS1.2", "TLSv1.3"]).is_err());
        assert_eq!(read(suites, &[]), Ok((9, 0)));
        let served = [
            "TLS_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ];
        assert_eq!(read(suites, &served), Ok((3, 0)));
        assert_eq!(
            read(suites, &["TLS_RSA_WITH_AES_128_CBC_SHA", served[0]]),
            Ok((1, 1))
        );
        assert!(read(suites, &["TLS_RSA_WITH_AES_128_CBC_SHA"]).is_err());
        assert!(read(suites, &["AES256-GCM", served[0]]).is_err());
    }
}
