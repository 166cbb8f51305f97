//! How a listener protects what is said on it: Kafka's `SecurityProtocol`, which belongs to a listener in the
//! settings, and with its id to an endpoint in registrations and their records.

use std::fmt;

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SecurityProtocol {
    /// Nobody authenticates, and all is in the open.
    #[default]
    Plaintext,
    /// TLS; clients may authenticate by a certificate.
    Ssl,
    /// SASL in the open.
    SaslPlaintext,
    /// SASL within TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// All of them, by id.
    pub const ALL: [SecurityProtocol; 4] = [
        SecurityProtocol::Plaintext,
        SecurityProtocol::Ssl,
        SecurityProtocol::SaslPlaintext,
        SecurityProtocol::SaslSsl,
    ];

    /// The protocol of this name, in capitals as Kafka's settings have it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            SecurityProtocol::Plaintext => "PLAINTEXT",
            SecurityProtocol::Ssl => "SSL",
            SecurityProtocol::SaslPlaintext => "SASL_PLAINTEXT",
            SecurityProtocol::SaslSsl => "SASL_SSL",
        }
    }

    /// Its number in registrations.
    pub fn id(self) -> i16 {
        match self {
            SecurityProtocol::Plaintext => 0,
            SecurityProtocol::Ssl => 1,
            SecurityProtocol::SaslPlaintext => 2,
            SecurityProtocol::SaslSsl => 3,
        }
    }

    /// Whether TLS lies under it.
    pub fn is_encrypted(self) -> bool {
        matches!(self, SecurityProtocol::Ssl | SecurityProtocol::SaslSsl)
    }

    /// Whether a client authenticates by SASL.
    pub fn has_sasl(self) -> bool {
        matches!(self, SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl)
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_kafkas() {
        for (index, protocol) in SecurityProtocol::ALL.into_iter().enumerate() {
            assert_eq!(usize::try_from(protocol.id()), Ok(index));
            assert_eq!(SecurityProtocol::from_name(protocol.name()), Some(protocol));
        }
        assert_eq!(SecurityProtocol::from_name("ssl"), None);
        assert!(SecurityProtocol::SaslSsl.is_encrypted() && SecurityProtocol::SaslSsl.has_sasl());
    }
}
