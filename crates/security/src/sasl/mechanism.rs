//! The mechanisms that there are.

use std::fmt;

use super::scram::ScramHash;

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SaslMechanism {
    /// PLAIN (RFC 4616).
    Plain,
    /// SCRAM (RFC 5802) with one of two hash functions.
    Scram(ScramHash),
    /// OAUTHBEARER (RFC 7628).
    OAuthBearer,
    /// GSSAPI (RFC 4752), which is Kerberos.
    Gssapi,
}

impl SaslMechanism {
    /// All of them.
    pub const ALL: &[SaslMechanism] = &[
        Self::Plain,
        Self::Scram(ScramHash::Sha256),
        Self::Scram(ScramHash::Sha512),
        Self::OAuthBearer,
        Self::Gssapi,
    ];

    /// Those by which nodes log in to each other.
    pub const OF_NODES: &[SaslMechanism] = &[
        Self::Plain,
        Self::Scram(ScramHash::Sha256),
        Self::Scram(ScramHash::Sha512),
        Self::Gssapi,
    ];

    /// Whether a name and a password are all that it takes to log in.
    pub const fn takes_password(self) -> bool {
        matches!(self, Self::Plain | Self::Scram(_))
    }

    /// The mechanism of this name; case counts, as in Kafka.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|mechanism| mechanism.name() == name)
    }

    /// The name by which clients ask for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(ScramHash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(ScramHash::Sha512) => "SCRAM-SHA-512",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::Gssapi => "GSSAPI",
        }
    }
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for mechanism in SaslMechanism::ALL {
            assert_eq!(SaslMechanism::from_name(mechanism.name()), Some(*mechanism));
        }
        for name in ["plain", "SCRAM-SHA-1", "", "PLAIN "] {
            assert_eq!(SaslMechanism::from_name(name), None, "{name}");
        }
    }
}
