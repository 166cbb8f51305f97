//! Who a client is.

use std::fmt;

/// A principal of Kafka: a type, which is `User` for everybody who logs in, and a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KafkaPrincipal {
    /// Its type.
    pub principal_type: String,
    /// Its name.
    pub name: String,
}

impl KafkaPrincipal {
    /// The type of principals that log in.
    pub const USER_TYPE: &str = "User";

    /// The user with this name.
    pub fn user(name: impl Into<String>) -> Self {
        KafkaPrincipal {
            principal_type: Self::USER_TYPE.to_owned(),
            name: name.into(),
        }
    }

    /// Who a client is before it has authenticated, and on a listener where it need not.
    pub fn anonymous() -> Self {
        Self::user("ANONYMOUS")
    }
}

impl fmt::Display for KafkaPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.principal_type, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_printed_with_its_type() {
        assert_eq!(KafkaPrincipal::anonymous().to_string(), "User:ANONYMOUS");
        assert_eq!(KafkaPrincipal::user("CN=a,O=b").to_string(), "User:CN=a,O=b");
    }
}
