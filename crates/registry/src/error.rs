//! What a client is told where something can't be done: the codes of Confluent's registry.

use std::fmt;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    /// The code: three digits of the HTTP status, and two more where the registry says why.
    pub code: u32,
    /// In words.
    pub message: String,
}

impl RegistryError {
    /// A refusal with its words.
    pub fn new(code: u32, message: impl Into<String>) -> RegistryError {
        RegistryError {
            code,
            message: message.into(),
        }
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        let status = if self.code < 1_000 {
            self.code
        } else {
            self.code / 100
        };
        u16::try_from(status).unwrap_or(500)
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} (error code {})", self.message, self.code)
    }
}

pub(crate) fn subject_not_found(subject: &str) -> RegistryError {
    RegistryError::new(40401, format!("Subject '{subject}' not found."))
}

pub(crate) fn version_not_found(version: impl fmt::Display) -> RegistryError {
    RegistryError::new(40402, format!("Version {version} not found."))
}

pub(crate) fn schema_not_found(id: Option<i32>) -> RegistryError {
    match id {
        Some(id) => RegistryError::new(40403, format!("Schema {id} not found")),
        None => RegistryError::new(40403, "Schema not found"),
    }
}

pub(crate) fn invalid_schema(details: impl fmt::Display) -> RegistryError {
    RegistryError::new(42201, format!("Invalid schema: {details}"))
}

pub(crate) fn not_permitted(message: impl Into<String>) -> RegistryError {
    RegistryError::new(42205, message)
}
