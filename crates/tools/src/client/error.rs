//! What goes wrong, in the words of Kafka's clients: an exception's class and its message.

use std::fmt;
use std::sync::OnceLock;

use barnabas_protocol::error::ErrorCode;

/// Each error code's exception and what it says where a broker says nothing more.
const EXCEPTIONS: &str = include_str!("errors.tsv");

/// An exception of Kafka's clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaError {
    /// The error's code, if it is one of the protocol.
    pub code: Option<ErrorCode>,
    /// The class of the exception, with its package.
    pub class: String,
    /// What it says.
    pub message: String,
}

fn exception(code: i16) -> (&'static str, &'static str) {
    static TABLE: OnceLock<Vec<(i16, &str, &str)>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let row = |line: &'static str| {
            let mut cells = line.split('\t');
            let code = cells.next()?.parse().ok()?;
            Some((code, cells.next()?, cells.next()?))
        };
        EXCEPTIONS.lines().filter_map(row).collect()
    });
    let found = |wanted| table.iter().find(|(code, ..)| *code == wanted);
    let unknown = ("UnknownServerException", "");
    found(code)
        .or_else(|| found(-1))
        .map_or(unknown, |(_, class, message)| (class, message))
}

impl KafkaError {
    /// The exception of an error code, with what the broker says of it, if it does.
    pub fn of_code(code: i16, message: Option<&str>) -> Self {
        let (class, default) = exception(code);
        KafkaError {
            code: Some(ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)),
            class: format!("org.apache.kafka.common.errors.{class}"),
            message: message.unwrap_or(default).to_owned(),
        }
    }

    /// The exception of a code that a client finds out by itself.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::of_code(code.code(), Some(&message.into()))
    }

    /// `KafkaException`, the mother of all.
    pub fn plain(message: impl Into<String>) -> Self {
        KafkaError {
            code: None,
            class: "org.apache.kafka.common.KafkaException".to_owned(),
            message: message.into(),
        }
    }

    /// `Ok` for code 0.
    ///
    /// # Errors
    /// The exception of another code.
    pub fn check(code: i16, message: Option<&str>) -> Result<(), KafkaError> {
        match code {
            0 => Ok(()),
            code => Err(Self::of_code(code, message)),
        }
    }

    /// Whether it is this error of the protocol.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == Some(code)
    }

    /// Whether asking again may help.
    pub fn is_retriable(&self) -> bool {
        self.code.is_some_and(ErrorCode::retriable)
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_exception() {
        for code in ErrorCode::ALL.iter().filter(|code| !code.is_none()) {
            let row = format!("{}\t", code.code());
            assert!(EXCEPTIONS.lines().any(|line| line.starts_with(&row)), "{code}");
        }
        let error = KafkaError::of_code(3, None);
        assert_eq!(
            error.to_string(),
            "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: \
             This server does not host this topic-partition."
        );
        assert!(error.is_retriable() && error.is(ErrorCode::UnknownTopicOrPartition));
        assert_eq!(
            KafkaError::of_code(999, None).code,
            Some(ErrorCode::UnknownServerError)
        );
        assert_eq!(KafkaError::of_code(36, Some("x")).message, "x");
    }
}
