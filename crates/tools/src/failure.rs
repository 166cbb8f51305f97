//! How a tool ends before it has done its work.

use crate::client::KafkaError;

/// Why a tool stops. [`crate::run`] says it and chooses the exit code.
#[derive(Debug)]
pub enum Failure {
    /// The arguments make no sense: the sentence and the tool's usage, exit code 1.
    Usage(String),
    /// Everything has been said: this exit code.
    Exit(u8),
    /// A sentence for the standard error, exit code 1.
    Said(String),
    /// Something at the cluster, or on the way there.
    Kafka(KafkaError),
}

impl Failure {
    /// The sentence without the class of Kafka's exception, as its `getMessage()`.
    pub fn message(&self) -> String {
        match self {
            Failure::Usage(text) | Failure::Said(text) => text.clone(),
            Failure::Exit(code) => format!("exit code {code}"),
            Failure::Kafka(error) => error.message.clone(),
        }
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        Failure::Kafka(error)
    }
}

/// What a tool answers.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A sentence for the standard error, exit code 1.
pub fn said<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Failure::Said(text.into()))
}

/// The sentence and the tool's usage, exit code 1.
pub fn usage<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Failure::Usage(text.into()))
}
