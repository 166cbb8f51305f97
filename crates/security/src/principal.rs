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

    /// Reads `type:name`; the name may hold colons.
    ///
    /// # Errors
    /// There is no colon.
    pub fn parse(text: &str) -> Result<Self, InvalidPrincipal> {
        match text.split_once(':') {
            Some((principal_type, name)) => Ok(KafkaPrincipal {
                principal_type: principal_type.to_owned(),
                name: name.to_owned(),
            }),
            None => Err(InvalidPrincipal(text.to_owned())),
        }
    }

    /// Who a client is before it has authenticated, and on a listener where it need not.
    pub fn anonymous() -> Self {
        Self::user("ANONYMOUS")
    }
}

/// What is no principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPrincipal(pub String);

impl fmt::Display for InvalidPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a string in format principalType:principalName but got {}",
            self.0
        )
    }
}

impl std::error::Error for InvalidPrincipal {}

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

    #[test]
    fn principals_are_read_up_to_the_first_colon() {
        let read = |text: &str| KafkaPrincipal::parse(text).map(|principal| principal.to_string());
        for text in ["User:alice", "User:a:b", "Team:x", "User:*", "User:CN=a,O=b"] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        for text in ["", "alice"] {
            assert_eq!(read(text), Err(InvalidPrincipal(text.to_owned())));
        }
    }
}
