//! Why a node did not start.

use std::io;

use barnabas_config::ConfigException;
use barnabas_import as import;
use barnabas_metadata::MetadataError;
use barnabas_replica::log_dirs::open::OpenError;
use barnabas_security::tls::TlsError;
use barnabas_storage::StorageError;

use crate::format::checkpoint::CheckpointError;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder has to be imported first.
    #[error(transparent)]
    Unready(#[from] import::unready::Unready),
    /// A setting is not valid.
    #[error(transparent)]
    Config(#[from] ConfigException),
    /// The log directory can't be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The metadata can't be loaded.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The log directories can't be used.
    #[error(transparent)]
    LogDirs(#[from] OpenError),
    /// What the log directory was formatted with can't be used.
    #[error(transparent)]
    Formatted(#[from] CheckpointError),
    /// A controller without a vote, to which nobody can send anything.
    #[error(
        "node {node_id} is a controller that is not one of the voters its log directory was formatted with, and has no \
         listener by which it could join them: name one in controller.listener.names and listeners"
    )]
    NoVoter {
        /// The node.
        node_id: i32,
    },
    /// The controllers refuse this broker.
    #[error("this broker was not registered: {0}")]
    Refused(String),
    /// The folders are another cluster's.
    #[error("the log directories belong to cluster {found}, and cluster.id is {configured}")]
    OtherCluster {
        /// Whose they are.
        found: String,
        /// What is set.
        configured: String,
    },
    /// What a listener needs for TLS can't be used.
    #[error("listener {listener}: {source}")]
    Tls {
        /// The listener.
        listener: String,
        /// What is wrong.
        source: TlsError,
    },
    /// A listener can't be bound.
    #[error("listener {name} cannot listen on {address}: {source}")]
    Listen {
        /// The listener.
        name: String,
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses a thread or another resource.
    #[error("the system refuses a resource: {0}")]
    Io(#[from] io::Error),
}
