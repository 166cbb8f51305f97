//! Whether a certificate is a host's (`ssl.endpoint.identification.algorithm=https`), as Java judges it: by
//! the alternative names, and only where no host is among them by the common name.

use rustls::pki_types::ServerName;

use super::certificate::{AlternativeName, Certificate};
use super::distinguished_name;

/// See the module.
pub fn is_of(certificate: &Certificate<'_>, host: &ServerName<'_>) -> bool {
    let names = certificate.alternative_names();
    match host {
        ServerName::DnsName(host) => {
            let mut hosts = names.iter().filter_map(|name| match name {
                AlternativeName::Dns(name) => std::str::from_utf8(name).ok(),
                _ => None,
            });
            let is_told = names.iter().any(|name| matches!(name, AlternativeName::Dns(_)));
            if is_told {
                return hosts.any(|name| fits(name, host.as_ref()));
            }
            let common_name = distinguished_name::common_name(certificate.subject);
            common_name.is_some_and(|name| fits(&name, host.as_ref()))
        }
        ServerName::IpAddress(address) => {
            let address = std::net::IpAddr::from(*address);
            let is_it = |bytes: &[u8]| match address {
                std::net::IpAddr::V4(address) => bytes == address.octets(),
                std::net::IpAddr::V6(address) => bytes == address.octets(),
            };
            names
                .iter()
                .any(|name| matches!(name, AlternativeName::Ip(bytes) if is_it(bytes)))
        }
        _ => false,
    }
}

/// A wildcard stands for one whole label, the first, and not right before a top-level domain.
fn fits(name: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match name.strip_prefix("*.") {
        Some(domain) if domain.contains('.') => host
            .split_once('.')
            .is_some_and(|(_, behind)| behind.eq_ignore_ascii_case(domain)),
        _ => name.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let cases = [
            ("a.example", "A.Example", true),
            ("a.example", "a.example.", true),
            ("a.example", "b.example", false),
            ("*.x.example", "a.x.example", true),
            ("*.x.example", "x.example", false),
            ("*.x.example", "b.a.x.example", false),
            ("*.example", "a.example", false),
            ("*", "a", false),
        ];
        for (name, host, expected) in cases {
            assert_eq!(fits(name, host), expected, "{name} {host}");
        }
    }
}
