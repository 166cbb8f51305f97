//! What CreateTopics and the AlterConfigs requests may ask: checks over the whole set of settings a resource
//! will have.
//!
//! Called by the controller (topics, groups, client metrics), by the AlterConfigs handlers (brokers) and at
//! start.

mod broker;
mod client_metrics;
mod group;
mod topic;

use barnabas_protocol::error::ErrorCode;

use super::ConfigException;
use super::definitions::Definitions;
use super::layers::Settings;

pub use broker::{broker, dynamic_broker};
pub use client_metrics::client_metrics;
pub use group::group;
pub use topic::topic;

/// Why a set of settings is refused, as the client hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `INVALID_CONFIG` or `INVALID_REQUEST`.
    pub code: ErrorCode,
    /// Kafka's words.
    pub message: String,
}

impl From<ConfigException> for Refusal {
    fn from(exception: ConfigException) -> Self {
        Self {
            code: ErrorCode::InvalidConfig,
            message: exception.to_string(),
        }
    }
}

impl Refusal {
    fn request(message: String) -> Self {
        Self {
            code: ErrorCode::InvalidRequest,
            message,
        }
    }
}

fn unknown_name(new: &Settings, known: &Definitions, message: &str) -> Result<(), ConfigException> {
    match new.keys().find(|name| known.get(name).is_none()) {
        Some(name) => Err(ConfigException::new(format!("{message}: {name}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod fixture {
    use crate::{Layers, Settings};

    pub(super) fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// A broker with what must be given and nothing else.
    pub(super) fn layers() -> Layers {
        Layers::of_static(settings(&[
            ("node.id", "1"),
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
        ]))
    }
}
